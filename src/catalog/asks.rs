//! What a message asks for, in the policy's words. Every place that judges a call reads it here, so
//! that the gateway and `/auth/validate` never judge differently.

use crate::domain::policy::Action;
use crate::protocol::envelope::{Kind, Message};

/// What the policy must allow.
pub fn action<'m>(message: &'m Message<'_>) -> Action<'m> {
    match (message.kind, &*message.method, &message.target) {
        (Kind::Response, _, _) => Action::Stream,
        // Without a name there is no tool that could be allowed: only a full right covers it.
        (_, "tools/call", None) => Action::Everything,
        (_, "tools/call", Some(tool)) => Action::Tool(tool),
        (_, method, _) => Action::Method(method),
    }
}

/// What a server is told in `X-Tool-Name`: the tool of a call, else the method; nothing of a response.
pub fn named(message: &Message<'_>) -> Option<String> {
    match (&*message.method, &message.target) {
        ("", _) => None,
        ("tools/call", Some(tool)) => Some(tool.to_string()),
        (method, _) => Some(method.to_owned()),
    }
}
