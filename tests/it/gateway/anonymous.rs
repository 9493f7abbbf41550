//! Callers without a credential, where the policy gives their group something.

use mcp::domain::policy::{ANONYMOUS, Policy};

use super::client::{Client, Field, JSON, LIST, ask};
use super::upstream::Upstream;
use crate::support::front::{Front, READER, Server};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"TOOL","arguments":{}}}"#;

/// `/a`, where the policy maps this group to [`READER`].
async fn mapping(group: &str) -> (Upstream, Front) {
    let upstream = Upstream::ready().await;
    let front = Front::routing([]);
    front.apply_with([Server::new("/a", &upstream.url("/mcp"))], |access| {
        let mut rules = access.policy.rules().clone();
        rules
            .groups
            .insert(group.to_owned(), [READER.to_owned()].into());
        access.policy = Policy::new(rules);
    });
    (upstream, front)
}

#[tokio::test]
async fn they_may_what_the_policy_gives_to_their_group() {
    let (upstream, front) = mapping(ANONYMOUS).await;
    let mut client = Client::plain(front.plain).await;
    let read = CALL.replace("TOOL", "read");
    let reply = client.ask("POST", "/a", &[JSON], read.as_bytes()).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let call = upstream.only_call();
    for (name, value) in [
        ("x-user", ANONYMOUS),
        ("x-auth-method", "anonymous"),
        ("x-scopes", READER),
    ] {
        assert_eq!(call.head.one(name), Some(value));
    }
}

#[tokio::test]
async fn what_they_may_not_asks_for_a_credential() {
    let (upstream, front) = mapping(ANONYMOUS).await;
    let write = CALL.replace("TOOL", "write");
    let reply = ask(front.plain, "POST", "/a", &[JSON], write.as_bytes()).await;
    assert_eq!((reply.status(), &*reply.reason()), (401, "unauthenticated"));
    assert_eq!(reply.head.one("www-authenticate"), Some("Bearer"));
    // A credential that does not count is no missing one.
    for shown in ["Bearer nonsense", "Basic YTpi", "", "Bearer", "\u{e9}"] {
        for name in ["authorization", "x-authorization"] {
            let fields: [Field<'_>; 2] = [JSON, (name, shown)];
            let reply = ask(front.plain, "POST", "/a", &fields, LIST.as_bytes()).await;
            assert_eq!(reply.status(), 401, "{name}: {shown}");
        }
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn without_such_a_group_they_may_nothing() {
    let (upstream, front) = mapping("staff").await;
    let reply = ask(front.plain, "POST", "/a", &[JSON], LIST.as_bytes()).await;
    assert_eq!(reply.status(), 401);
    assert!(upstream.calls().is_empty());
}
