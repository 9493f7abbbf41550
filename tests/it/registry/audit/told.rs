//! From a call at a gateway to the audit log, over every step between.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mcp::catalog::SnapshotSink;
use mcp::config::AccessAudit;
use mcp::domain::secret::Secret;
use mcp::gateway::LocalPeer;
use mcp::gateway::audit::collect::{Collector, Events};
use mcp::gateway::audit::ship::{Name, Shipper};
use mcp::gateway::audit::spool::Spool;
use mcp::gateway::audit::uplink::Uplink;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::entries;
use crate::gateway::client::{Client, LIST};
use crate::gateway::upstream::{RESULT, Upstream, json as answer};
use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;
use crate::support::front::{Front, Setup};

/// A registry, a gateway that follows it, and a server.
struct Both {
    app: TestApp,
    front: Front,
    _upstream: Upstream,
    admin: String,
    /// Whether the registry can be reached by the gateway.
    is_up: Arc<AtomicBool>,
}

impl Both {
    async fn new(access: AccessAudit, arguments: bool) -> Self {
        let upstream = Upstream::answering(answer(RESULT)).await;
        let mut setup = Setup {
            // One queue, so that what came first is known.
            workers: 1,
            ..Setup::default()
        };
        setup.audit.access = access;
        setup.audit.arguments = arguments;
        let front = Front::start(setup);
        let app = TestApp::builder()
            .followed_by(Arc::clone(&front.gateway) as Arc<dyn SnapshotSink>)
            .start()
            .await;
        let admin = app.token().await;
        for (path, public) in [("/a", false), ("/p", true)] {
            let body = json!({"path": path, "server_name": "A", "proxy_pass_url": upstream.url("/"), "public": public});
            app.add(&admin, &body).await;
        }
        let token = Secret::new(GATEWAY_TOKEN.to_owned());
        front.gateway.set_control_token(&token);
        Self {
            app,
            front,
            _upstream: upstream,
            admin,
            is_up: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Request id and status of one call.
    async fn call(&self, path: &str, token: &str, message: &str) -> (String, u16) {
        let mut client = Client::plain(self.front.plain).await;
        let reply = client.call(path, token, message).await;
        let id = reply.head.one("x-request-id").unwrap_or_default();
        (id.to_owned(), reply.status())
    }

    fn uplink(&self) -> Uplink {
        let (router, is_up) = (self.app.router.clone(), Arc::clone(&self.is_up));
        Uplink::Local(LocalPeer::new(move || {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            if is_up.load(Ordering::SeqCst) {
                let service = TowerToHyperService::new(router.clone());
                let http = hyper::server::conn::http1::Builder::new();
                let serving = http.serve_connection(TokioIo::new(theirs), service);
                TaskTracker::new().spawn(async move { drop(serving.await) });
            }
            ours
        }))
    }

    fn spool(&self) -> PathBuf {
        self.app.folder.path().join("audit-spool")
    }

    async fn shipper(&self, run: &str) -> Shipper {
        let name = Name {
            id: "gw".to_owned(),
            run: run.to_owned(),
        };
        let spool = Spool::open(self.spool(), 1 << 20).await;
        Shipper::new(Arc::clone(&self.front.gateway), self.uplink(), name, spool)
    }

    /// Ends the gateway's threads and tells the registry all that they saw.
    async fn tell_all(&mut self) {
        let audit = self.front.gateway.audit.as_ref().unwrap();
        let collector = Collector::new(Arc::clone(audit), self.front.clock.clone());
        let (batches, arriving) = mpsc::channel(8);
        let shipper = self.shipper("r1").await;
        self.front.stop.soft.cancel();
        let never = CancellationToken::new();
        tokio::join!(collector.run(batches, never), shipper.run(arriving));
    }
}

fn tool(name: &str) -> String {
    let params = json!({"name": name, "arguments": {"zone": "canary-of-arguments"}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

fn facts(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let names = ["user", "server", "method", "tool", "decision", "reason"];
    format!("{} {}", names.map(text).join(" "), entry["status"])
}

#[tokio::test]
async fn the_log_tells_who_used_what_and_why_others_were_refused() {
    let mut both = Both::new(AccessAudit::All, false).await;
    let reader = both.app.token_with(&[]).await;
    let (admin, none) = (both.admin.clone(), "not-a-token");
    let (_, status) = both.call("/a", &admin, &tool("now")).await;
    assert_eq!(status, 200);
    let (denied, status) = both.call("/a", &reader, &tool("then")).await;
    assert_eq!(status, 403);
    both.call("/p", "", LIST).await;
    let (first, _) = both.call("/a", none, &tool("secret-tool")).await;
    both.call("/a", none, LIST).await;
    both.call("/a", none, LIST).await;
    both.call("/nowhere", &admin, LIST).await;
    both.call("/api/auth/me", &admin, LIST).await;
    both.tell_all().await;

    let app = &both.app;
    let mut all: Vec<String> = entries(app, "kind=access")
        .await
        .iter()
        .map(facts)
        .collect();
    all.sort();
    assert_eq!(
        all,
        [
            "- - POST - deny not_found 404",
            "- /a POST - deny unauthenticated 401",
            "- /p tools/list - allow - 200",
            "admin /a tools/call now allow - 200",
            "admin /a tools/call then deny forbidden 403",
        ]
    );
    let why = entries(app, &format!("request_id={denied}")).await;
    assert_eq!(why.len(), 1);
    assert_eq!(why[0]["reason"], "forbidden");
    let strangers = entries(app, &format!("request_id={first}")).await;
    assert_eq!(
        strangers[0]["count"], 3,
        "one line, named by its first request"
    );
    let used = &entries(app, "tool=now").await[0];
    assert_eq!(
        (&used["auth_method"], &used["source"]),
        (&json!("token"), &json!("127.0.0.1"))
    );
    assert_eq!(used["gateway"], "gw");
    assert!(used["duration_us"].as_u64().unwrap() > 0);
    assert_eq!(used["arguments"], Value::Null);
    let everything = json!(entries(app, "").await).to_string();
    assert!(!everything.contains("canary-of-arguments") && !everything.contains("secret-tool"));
    assert!(!both.spool().exists(), "nothing had to wait");
}

#[tokio::test]
async fn each_call_of_a_batch_is_told_and_of_a_refused_one_the_culprit() {
    let mut both = Both::new(AccessAudit::All, true).await;
    let admin = both.admin.clone();
    let batch = format!("[{},{}]", tool("one"), tool("two"));
    let (_, status) = both.call("/a", &admin, &batch).await;
    assert_eq!(status, 200);
    both.tell_all().await;
    let found = entries(&both.app, "kind=access").await;
    let tools: Vec<&str> = found
        .iter()
        .map(|one| one["tool"].as_str().unwrap())
        .collect();
    assert_eq!(tools, ["two", "one"]);
    for one in &found {
        assert_eq!(
            one["arguments"],
            json!({"zone": "canary-of-arguments"}),
            "as asked for"
        );
    }
}

#[tokio::test]
async fn only_refusals_are_told_where_that_is_wanted() {
    let mut both = Both::new(AccessAudit::Denied, false).await;
    let reader = both.app.token_with(&[]).await;
    let admin = both.admin.clone();
    both.call("/a", &admin, LIST).await;
    both.call("/a", &reader, LIST).await;
    both.tell_all().await;
    let found = entries(&both.app, "kind=access").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["decision"], "deny");
}

#[tokio::test]
async fn what_a_registry_missed_waits_on_disk_and_counts_once() {
    let mut both = Both::new(AccessAudit::All, false).await;
    let admin = both.admin.clone();
    both.call("/a", &admin, LIST).await;
    both.is_up.store(false, Ordering::SeqCst);
    both.tell_all().await;
    assert_eq!(entries(&both.app, "kind=access").await.len(), 0);
    let waiting: Vec<_> = std::fs::read_dir(both.spool()).unwrap().collect();
    assert_eq!(waiting.len(), 1);
    let file = waiting[0].as_ref().unwrap().path();
    let copy = std::fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&copy).contains(&admin));

    // The next run of the gateway; and one more to which the same was left.
    both.is_up.store(true, Ordering::SeqCst);
    for run in ["r2", "r3"] {
        let (batches, arriving) = mpsc::channel::<Events>(1);
        drop(batches);
        both.shipper(run).await.run(arriving).await;
        assert_eq!(std::fs::read_dir(both.spool()).unwrap().count(), 0);
        assert_eq!(entries(&both.app, "kind=access").await.len(), 1);
        std::fs::write(&file, &copy).unwrap();
    }
}

#[tokio::test]
async fn batches_keep_their_order_through_an_outage() {
    let both = Both::new(AccessAudit::All, false).await;
    both.is_up.store(false, Ordering::SeqCst);
    let event = |number: usize| {
        let event =
            json!({"kind": "access", "at": 5, "decision": "allow", "user": format!("u{number}")});
        let text = event.to_string().into_bytes();
        Events { text, count: 1 }
    };
    let (batches, arriving) = mpsc::channel(64);
    for number in 0..40 {
        batches.try_send(event(number)).unwrap();
    }
    drop(batches);
    both.shipper("r1").await.run(arriving).await;
    assert_eq!(std::fs::read_dir(both.spool()).unwrap().count(), 40);
    both.is_up.store(true, Ordering::SeqCst);
    let (batches, arriving) = mpsc::channel(64);
    batches.try_send(event(40)).unwrap();
    drop(batches);
    both.shipper("r2").await.run(arriving).await;
    let found = entries(&both.app, "kind=access").await;
    let users: Vec<String> = found
        .iter()
        .rev()
        .map(|one| one["user"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..=40).map(|number| format!("u{number}")).collect();
    assert_eq!(users, expected);
}
