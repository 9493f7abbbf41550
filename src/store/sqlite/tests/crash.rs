//! Kills and failing disks, with the test program itself as the writer.
//!
//! A test starts this program again for `acknowledging_writer` alone, with a directory in the
//! environment; without it that test has nothing to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{add_one, assert_whole, open};
use crate::store::{Error, OpenError};

const DIRECTORY: &str = "MCP_TEST_STORE_WRITER";
/// Ends the writer after so many writes; without it, it writes until it is killed.
pub(super) const WRITES: &str = "MCP_TEST_STORE_WRITES";
const WRITER: &str = "store::sqlite::tests::crash::acknowledging_writer";

/// Writes and tells each revision after it was acknowledged; stops at the first failure.
#[tokio::test]
async fn acknowledging_writer() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let store = match open(Path::new(&dir)).await {
        Ok(store) => store,
        Err(OpenError::Store {
            source: Error::InUse,
            ..
        }) => return tell("in use"),
        Err(error) => return tell(&format!("failed {error:?}")),
    };
    // Often, so that kills fall into copying the log back as well.
    let often = sqlx::query("PRAGMA wal_autocheckpoint = 25");
    let mut connection = store.writer.lock().await;
    often.execute(connection.as_mut().unwrap()).await.unwrap();
    drop(connection);
    let writes = std::env::var(WRITES).map_or(usize::MAX, |count| count.parse().unwrap());
    tell("ready");
    for _ in 0..writes {
        match add_one(&store).await {
            Ok(revision) => tell(&format!("acknowledged {revision}")),
            Err(error) => return tell(&format!("refused {error:?}")),
        }
    }
}

/// Said past the harness, which hides what passing tests print.
pub(super) fn skip(what: &str) {
    let line = format!("SKIPPED: {what}; strace is not there or may not trace\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n> {line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

pub(super) struct Writer {
    pub(super) process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    pub(super) fn start(program: &mut Command, dir: &Path) -> Self {
        let mut process = program
            .args(["--exact", WRITER, "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn itself(dir: &Path) -> Self {
        Self::start(&mut Command::new(std::env::current_exe().unwrap()), dir)
    }

    /// The next thing it told; nothing when it is gone.
    pub(super) fn next(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("> ").map(ToOwned::to_owned))
    }

    fn next_acknowledged(&mut self) -> Option<u64> {
        let told = self.next()?;
        let number = told.strip_prefix("acknowledged ");
        Some(
            number
                .unwrap_or_else(|| panic!("it told {told:?}"))
                .parse()
                .unwrap(),
        )
    }

    /// Kills it; the last revision it had acknowledged, given the last one read before.
    fn kill(mut self, mut acknowledged: u64) -> u64 {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        while let Some(number) = self.next_acknowledged() {
            acknowledged = number;
        }
        acknowledged
    }
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_when_the_writer_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..30_u32 {
        let mut writer = Writer::itself(dir.path());
        assert_eq!(writer.next().as_deref(), Some("ready"), "round {round}");
        // Somewhere in the middle of the writes that follow.
        for _ in 0..(round * 7 % 23) {
            let next = writer.next_acknowledged().unwrap();
            assert!(next > acknowledged, "{next} after {acknowledged}");
            acknowledged = next;
        }
        acknowledged = writer.kill(acknowledged);
        if round % 3 == 2 {
            let store = open(dir.path()).await.unwrap();
            assert_whole(&store, acknowledged).await;
        }
    }
    assert!(acknowledged > 200, "only {acknowledged} writes were tried");
    assert_whole(&open(dir.path()).await.unwrap(), acknowledged).await;
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    let mut second = Writer::itself(dir.path());
    assert_eq!(second.next().as_deref(), Some("in use"));
    assert!(second.process.wait().unwrap().success());
    assert_eq!(add_one(&store).await.unwrap().0, 1);
    assert_whole(&store, 1).await;
}

#[tokio::test]
async fn a_write_whose_sync_failed_is_not_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    add_one(&store).await.unwrap();
    drop(store);
    let mut all_acknowledged = 0;
    for failing in [6, 7, 9, 12] {
        let mut strace = Command::new("strace");
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={failing}+");
        strace.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            &inject,
        ]);
        strace.arg(std::env::current_exe().unwrap());
        if !can_trace() {
            return skip("failing syncs");
        }
        let mut writer = Writer::start(&mut strace, dir.path());
        let mut acknowledged = 0;
        let refused = loop {
            let told = writer.next().unwrap();
            match told.strip_prefix("acknowledged ") {
                Some(number) => acknowledged = number.parse().unwrap(),
                None if told == "ready" => {}
                None => break told,
            }
        };
        writer.process.wait().unwrap();
        assert!(refused.starts_with("refused Failed"), "{refused}");
        assert_whole(&open(dir.path()).await.unwrap(), acknowledged).await;
        all_acknowledged += acknowledged;
    }
    assert!(
        all_acknowledged > 0,
        "every run failed before its first write"
    );
}

pub(super) fn can_trace() -> bool {
    Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|done| done.status.success())
}
