//! What is told of the use of a server: who, what, and what was decided.
//!
//! A gateway writes [`AccessEvent`]s, the registry keeps them. Nothing here holds a credential;
//! arguments of a call are there only where the operator asked for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Timestamp;

/// One use of a server through a gateway, or several refusals of one kind within a minute.
///
/// An empty text means that it is not known, or that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEvent {
    /// When it began.
    pub at: Timestamp,
    /// Names the request in answers and logs; one of them, where there are several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// Who; empty for callers without a credential that counts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// How they proved it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub auth_method: String,
    /// The id of the API key with which they did; it is not kept with the event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// From which address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// The server's path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// The JSON-RPC method; without a message, that of HTTP in capitals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The tool, prompt or resource.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// What became of it.
    pub decision: Decision,
    /// Why the gateway itself answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Status of the answer.
    #[serde(default)]
    pub status: u16,
    /// From the request's head to the end of the answer.
    #[serde(default)]
    pub duration_us: u64,
    /// How many it stands for.
    #[serde(default = "one")]
    pub count: u64,
    /// Arguments of a tool's call, where they are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
}

const fn one() -> u64 {
    1
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It was passed on.
    #[default]
    Allow,
    /// It was refused.
    Deny,
    /// Neither: something failed, the reason says what.
    Error,
}

impl Decision {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Not the name of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be allow, deny or error")]
pub struct NoDecision;

impl FromStr for Decision {
    type Err = NoDecision;

    fn from_str(text: &str) -> Result<Self, NoDecision> {
        match text {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            "error" => Ok(Self::Error),
            _ => Err(NoDecision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_short_and_read_back_whole() {
        let event = AccessEvent {
            at: Timestamp::from_unix(1_800_000_000),
            user: "ada".to_owned(),
            server: "/time".to_owned(),
            decision: Decision::Deny,
            reason: "forbidden".to_owned(),
            status: 403,
            count: 1,
            ..AccessEvent::default()
        };
        let text = serde_json::to_string(&event).unwrap();
        assert!(
            !text.contains("arguments") && !text.contains("tool"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<AccessEvent>(&text).unwrap(), event);
    }

    #[test]
    fn fields_of_newer_gateways_are_passed_over_and_missing_ones_are_empty() {
        let read: AccessEvent =
            serde_json::from_str(r#"{"at": 5, "decision": "allow", "mood": "good"}"#).unwrap();
        assert_eq!((read.count, read.status, read.at.unix()), (1, 0, 5));
    }

    #[test]
    fn each_decision_is_read_by_its_name() {
        for decision in [Decision::Allow, Decision::Deny, Decision::Error] {
            assert_eq!(decision.to_string().parse(), Ok(decision));
        }
        assert_eq!("Allow".parse::<Decision>(), Err(NoDecision));
    }
}
