//! The watch between a real publisher and a real follower.

use std::sync::Mutex;

use super::scripted::{Registry, Reply, json, line_then_silence, lines, status};
use super::*;
use crate::catalog::samples::{headers, route, snapshot};
use crate::catalog::wire::{self, Codec, Position, watch_stream};
use crate::domain::ids::Revision;

/// A registry that publishes, and serves the watch as ours does.
async fn publishing(source: &Arc<Publisher>) -> Registry {
    Registry::start(served(source)).await
}

fn served(source: &Arc<Publisher>) -> impl FnMut(&scripted::Request) -> Reply + Send + use<> {
    let source = Arc::clone(source);
    move |request| {
        if !request.is_watch() {
            return status(404);
        }
        assert_eq!(
            request.header("authorization"),
            Some("Bearer a-gateway-token-of-good-length")
        );
        let stop = CancellationToken::new();
        let coalesce = Duration::from_millis(5);
        lines(watch_stream(
            source.subscribe(),
            token(),
            HEARTBEAT,
            coalesce,
            stop,
        ))
    }
}

fn numbered(revision: u64) -> Snapshot {
    let names = (0..revision % 7).map(|number| {
        let mut made = route(
            &format!("/s{number}"),
            &format!("http://h:{}/", 8000 + revision % 3),
        );
        made.headers = headers(&[("X-Key", "s3cret")]);
        made
    });
    snapshot("c1", revision, names)
}

#[tokio::test]
async fn a_follower_has_what_its_registry_publishes() {
    let source = Arc::new(Publisher::new(Vec::new()));
    let registry = publishing(&source).await;
    let running = Running::start(&config(&registry.url()), None);
    for revision in 1..60 {
        source.publish(Arc::new(numbered(revision)));
        let got = running
            .until(|snapshot| snapshot.revision == Revision(revision))
            .await;
        assert_eq!(*got, numbered(revision));
    }
    running.end().await;
}

#[tokio::test]
async fn a_burst_of_changes_arrives_as_its_end_and_revisions_only_grow() {
    let source = Arc::new(Publisher::new(Vec::new()));
    let registry = publishing(&source).await;
    let running = Running::start(&config(&registry.url()), None);
    source.publish(Arc::new(numbered(1)));
    running
        .until(|snapshot| snapshot.revision == Revision(1))
        .await;
    let mut snapshots = running.publisher.subscribe();
    let watching = async {
        let mut seen = vec![1];
        while seen.last() != Some(&1001) {
            snapshots.changed().await.unwrap();
            seen.push(snapshots.borrow_and_update().as_ref().unwrap().revision.0);
        }
        seen
    };
    let changing = async {
        for revision in 2..=1001 {
            source.publish(Arc::new(numbered(revision)));
            tokio::task::yield_now().await;
        }
    };
    let (seen, ()) = tokio::join!(watching, changing);
    assert!(seen.is_sorted());
    assert!(seen.len() < 500, "coalesced: {}", seen.len());
    assert_eq!(*running.publisher.current().unwrap(), numbered(1001));
    running.end().await;
}

#[tokio::test]
async fn a_restarted_registry_brings_what_was_missed() {
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(Arc::new(numbered(3)));
    let mut registry = publishing(&source).await;
    let running = Running::start(&config(&registry.url()), None);
    running
        .until(|snapshot| snapshot.revision == Revision(3))
        .await;
    for revision in [10, 20, 31] {
        registry.kill().await;
        source.publish(Arc::new(numbered(revision)));
        registry.revive().await;
        let got = running
            .until(|snapshot| snapshot.revision == Revision(revision))
            .await;
        assert_eq!(*got, numbered(revision));
    }
    running.end().await;
}

#[tokio::test]
async fn a_gap_between_deltas_is_filled_by_asking_for_everything() {
    let codec = Codec::new(token());
    let gap = [
        codec.full(&numbered(1)).unwrap(),
        codec.delta(&numbered(1), &numbered(2)).unwrap(),
        codec.delta(&numbered(3), &numbered(4)).unwrap(),
    ]
    .concat();
    let missed = [
        codec.full(&numbered(2)).unwrap(),
        codec.heartbeat(&Position::of(&numbered(4))).unwrap(),
    ]
    .concat();
    for hole in [gap, missed] {
        let mut holes = vec![hole];
        let codec = codec.clone();
        let registry = Registry::start(move |request| match (request.is_watch(), holes.pop()) {
            (true, Some(hole)) => line_then_silence(&hole),
            (true, None) => line_then_silence(&codec.full(&numbered(4)).unwrap()),
            (false, _) => status(404),
        })
        .await;
        let mut config = config(&registry.url());
        config.heartbeat = Period::new(Duration::from_hours(1));
        let running = Running::start(&config, None);
        let got = running
            .until(|snapshot| snapshot.revision == Revision(4))
            .await;
        assert_eq!(*got, numbered(4));
        running.end().await;
    }
}

#[tokio::test]
async fn a_later_format_is_refused_by_name_and_polled_instead() {
    let registry = Registry::start(|request| {
        if request.is_watch() {
            line_then_silence(
                format!("{{\"format\":{},\"all\":\"new\"}}\n", wire::FORMAT + 1).as_bytes(),
            )
        } else {
            json(r#"{"/polled": {"enabled": true, "port": 8001}}"#)
        }
    })
    .await;
    let running = Running::start(&config(&registry.url()), None);
    let polled = running.until_routes(&["/polled"]).await;
    assert!(polled.access.is_none(), "a list has no policy");
    running.end().await;
}

#[tokio::test]
async fn a_watch_that_appears_replaces_polling_and_rights_survive_its_loss() {
    let list = |request: &scripted::Request| {
        if request.is_watch() {
            status(404)
        } else {
            json(r#"{"polled/": {"enabled": true, "port": 8001}}"#)
        }
    };
    let registry = Registry::start(list).await;
    let running = Running::start(&config(&registry.url()), None);
    running.until_routes(&["/polled"]).await;
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(Arc::new(numbered(3)));
    registry.script(served(&source));
    let watched = running
        .until(|snapshot| snapshot.revision == Revision(3))
        .await;
    assert_eq!(*watched, numbered(3));
    registry.script(list);
    drop(source);
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(Arc::new(numbered(4)));
    running.until_routes(&["/polled"]).await;
    assert_eq!(
        running.publisher.current().unwrap().access,
        numbered(3).access
    );
    registry.script(served(&source));
    assert_eq!(
        *running
            .until(|snapshot| snapshot.revision == Revision(4))
            .await,
        numbered(4)
    );
    running.end().await;
}

#[tokio::test]
async fn a_gateway_starts_from_disk_while_its_registry_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Disk::new(folder.path().join("snapshot"), token(), 1 << 20);
    let source = Arc::new(Publisher::new(Vec::new()));
    let mut registry = publishing(&source).await;
    let running = Running::start(&config(&registry.url()), Some(disk()));
    source.publish(Arc::new(numbered(3)));
    running
        .until(|snapshot| snapshot.revision == Revision(3))
        .await;
    source.publish(Arc::new(numbered(5)));
    running
        .until(|snapshot| snapshot.revision == Revision(5))
        .await;
    running.end().await;
    registry.kill().await;
    let running = Running::start(&config(&registry.url()), Some(disk()));
    assert_eq!(*running.publisher.current().unwrap(), numbered(5));
    // A registry that comes back with an older state is still refused.
    let older = Arc::new(Publisher::new(Vec::new()));
    older.publish(Arc::new(numbered(4)));
    registry.script(served(&older));
    registry.revive().await;
    registry.asked(2).await;
    assert_eq!(running.publisher.current().unwrap().revision, Revision(5));
    registry.script(served(&source));
    source.publish(Arc::new(numbered(6)));
    running
        .until(|snapshot| snapshot.revision == Revision(6))
        .await;
    running.end().await;
}

#[tokio::test]
async fn the_registry_is_told_which_revision_is_in_use() {
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(Arc::new(numbered(3)));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (mut watch, reports) = (served(&source), Arc::clone(&told));
    let registry = Registry::start(move |request| {
        if request.target == "/api/gateway/report" {
            assert_eq!(request.method, "POST");
            assert!(request.header("authorization").is_some());
            let report: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            reports.lock().unwrap().push(report);
            return status(204);
        }
        watch(request)
    })
    .await;
    let running = Running::start(&config(&registry.url()), None);
    registry.asked(2).await;
    source.publish(Arc::new(numbered(4)));
    registry.asked(1).await;
    running.end().await;
    let told = told.lock().unwrap();
    for (report, revision) in told.iter().zip([3, 4]) {
        assert_eq!(
            *report,
            serde_json::json!({"id": "gw-1", "version": "1.2.3", "cluster": "c1", "revision": revision})
        );
    }
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn a_gateway_may_start_before_its_token_is_made_and_takes_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (token_file, snapshot) = (folder.path().join("token"), folder.path().join("snapshot"));
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(Arc::new(numbered(3)));
    let (accepted, wanted) = (Arc::new(Mutex::new(TOKEN.to_owned())), Arc::clone(&source));
    let mut registry = Registry::start({
        let accepted = Arc::clone(&accepted);
        move |request| {
            let accepted = accepted.lock().unwrap().clone();
            if request.header("authorization") != Some(&format!("Bearer {accepted}")) {
                return status(401);
            }
            let stop = CancellationToken::new();
            let receiver = wanted.subscribe();
            lines(watch_stream(
                receiver,
                Secret::new(accepted),
                HEARTBEAT,
                Duration::ZERO,
                stop,
            ))
        }
    })
    .await;
    let mut config = config(&registry.url());
    config.token = None;
    config.token_file = Some(token_file.clone());
    let late = |follower: Follower| follower.keep_in(snapshot.clone());
    let running = Running::start_with(&config, None, late);
    std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
    running
        .until(|snapshot| snapshot.revision == Revision(3))
        .await;
    *accepted.lock().unwrap() = "the-second-token-of-good-length".to_owned();
    std::fs::write(&token_file, "the-second-token-of-good-length\n").unwrap();
    registry.kill().await;
    source.publish(Arc::new(numbered(4)));
    registry.revive().await;
    running
        .until(|snapshot| snapshot.revision == Revision(4))
        .await;
    running.end().await;
    let second = Secret::new("the-second-token-of-good-length".to_owned());
    let disk = Disk::new(&snapshot, second, 1 << 20);
    assert_eq!(*disk.load().unwrap().unwrap().snapshot, numbered(4));
}
