//! Registries that offer nothing but a list.

use tokio::sync::oneshot;

use super::scripted::{Registry, Reply, Request, json, ok, status, tagged};
use super::*;

const ONE: &str = r#"{"/a": {"enabled": true, "port": 8001}}"#;

fn list(
    reply: impl Fn(&Request) -> Reply + Send + 'static,
) -> impl FnMut(&Request) -> Reply + Send {
    move |request| {
        if request.is_watch() {
            status(404)
        } else {
            reply(request)
        }
    }
}

#[tokio::test]
async fn an_empty_list_counts_when_its_tag_changed() {
    let registry = Registry::start(list(|_| tagged("one", ONE))).await;
    let running = Running::start(&config(&registry.url()), None);
    running.until_routes(&["/a"]).await;
    registry.script(list(|_| tagged("two", "{}")));
    running.until_routes(&[]).await;
    running.end().await;
}

#[tokio::test]
async fn an_empty_list_with_the_same_tag_or_none_needs_to_be_said_twice() {
    let same = || tagged("one", "{}");
    let none = || json("{}");
    let listed = || json(r#"{"servers": [], "total_count": 0}"#);
    for empty in [same, none, listed] {
        let registry = Registry::start(list(|_| tagged("one", ONE))).await;
        let running = Running::start(&config(&registry.url()), None);
        running.until_routes(&["/a"]).await;
        let mut replies = vec![ONE; 2];
        registry.script({
            let mut once = true;
            move |request| {
                if request.is_watch() {
                    return status(404);
                }
                if std::mem::take(&mut once) {
                    return empty();
                }
                json(replies.pop().unwrap_or(ONE))
            }
        });
        registry.asked(3).await;
        assert!(running.has(&["/a"]), "once is an accident");
        registry.script(list(move |_| empty()));
        running.until_routes(&[]).await;
        running.end().await;
    }
}

#[tokio::test]
async fn an_empty_list_at_a_start_from_disk_is_not_believed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Disk::new(folder.path().join("snapshot"), token(), 1 << 20);
    let registry = Registry::start(list(|_| json(ONE))).await;
    let running = Running::start(&config(&registry.url()), Some(disk()));
    running.until_routes(&["/a"]).await;
    running.end().await;
    let (sender, receiver) = oneshot::channel();
    let mut receiver = Some(receiver);
    let mut first = true;
    registry.script(move |request| {
        if request.is_watch() {
            return status(404);
        }
        if std::mem::take(&mut first) {
            return tagged("new", "{}");
        }
        match receiver.take() {
            Some(receiver) => Reply::Held(receiver, b"HTTP/1.1 304 X\r\n\r\n".to_vec()),
            None => status(304),
        }
    });
    let running = Running::start(&config(&registry.url()), Some(disk()));
    registry.asked(3).await;
    assert!(running.has(&["/a"]));
    sender.send(()).unwrap();
    running.until_routes(&[]).await;
    running.end().await;
}

#[tokio::test]
async fn a_disabled_or_absent_server_goes_and_the_others_stay() {
    let registry = Registry::start(list(|_| {
        json(r#"{"/a": {"enabled": true, "port": 1}, "/b": {"enabled": true, "port": 2}, "/c": {"enabled": true, "port": 3}}"#)
    }))
    .await;
    let running = Running::start(&config(&registry.url()), None);
    let before = running.until_routes(&["/a", "/b", "/c"]).await;
    registry.script(list(|_| {
        json(r#"{"/a": {"enabled": true, "port": 1}, "/b": {"enabled": false, "port": 2}}"#)
    }));
    let after = running.until_routes(&["/a"]).await;
    assert!(Arc::ptr_eq(&before.routes["/a"], &after.routes["/a"]));
    assert!(after.revision > before.revision);
    running.end().await;
}

#[tokio::test]
async fn unchanged_lists_cost_a_304_and_change_nothing() {
    let registry = Registry::start(list(|request| match request.header("if-none-match") {
        None => tagged("one", ONE),
        Some(tag) => {
            assert_eq!(tag, "\"one\"");
            assert!(request.target.contains("wait="));
            status(304)
        }
    }))
    .await;
    let running = Running::start(&config(&registry.url()), None);
    let before = running.until_routes(&["/a"]).await;
    registry.asked(4).await;
    assert!(Arc::ptr_eq(&before, &running.publisher.current().unwrap()));
    running.end().await;
}

#[tokio::test]
async fn a_held_poll_brings_a_change_when_it_happens() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = Some(receiver);
    let registry = Registry::start(move |request| {
        if request.is_watch() {
            return status(404);
        }
        match (request.header("if-none-match"), receiver.take()) {
            (None, kept) => {
                receiver = kept;
                tagged("one", ONE)
            }
            (Some(_), Some(signal)) => {
                let Reply::Bytes(change) =
                    tagged("two", r#"{"/b": {"enabled": true, "port": 8002}}"#)
                else {
                    panic!("a whole answer");
                };
                Reply::Held(signal, change)
            }
            (Some(_), None) => status(304),
        }
    })
    .await;
    let mut config = config(&registry.url());
    config.poll_interval = Period::new(Duration::from_hours(1));
    let running = Running::start(&config, None);
    running.until_routes(&["/a"]).await;
    sender.send(()).unwrap();
    running.until_routes(&["/b"]).await;
    running.end().await;
}

#[tokio::test]
async fn pages_are_read_to_the_end() {
    let registry = Registry::start(list(|request| {
        let item = |name: &str| {
            format!(r#"{{"path": "/{name}", "is_enabled": true, "proxy_pass_url": "http://h:1/"}}"#)
        };
        if request.target.contains("offset=2") {
            json(&format!(
                r#"{{"servers": [{}], "offset": 2, "has_next": false}}"#,
                item("c")
            ))
        } else {
            json(&format!(
                r#"{{"servers": [{}, {}], "offset": 0, "limit": 2, "has_next": true}}"#,
                item("a"),
                item("b")
            ))
        }
    }))
    .await;
    let running = Running::start(&config(&registry.url()), None);
    running.until_routes(&["/a", "/b", "/c"]).await;
    registry.script(list(|request| {
        if request.target.contains("cursor=x") {
            json(r#"{"/d": {"enabled": true, "port": 4}}"#)
        } else {
            ok("link: </api/servers?cursor=x>; rel=\"next\"\r\n", ONE)
        }
    }));
    running.until_routes(&["/a", "/d"]).await;
    running.end().await;
}

#[tokio::test]
async fn without_a_token_only_the_list_is_asked_for_and_nothing_is_shown() {
    let registry = Registry::start(|request| {
        assert!(!request.is_watch());
        assert!(request.header("authorization").is_none());
        json(ONE)
    })
    .await;
    let mut config = config(&registry.url());
    config.token = None;
    let running = Running::start(&config, None);
    running.until_routes(&["/a"]).await;
    registry.asked(2).await;
    running.end().await;
}
