//! One `mcp` process: its settings, its output, its end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::get;
use super::{PATIENCE, until};

/// A process to be started.
pub(crate) struct Start {
    command: Command,
}

/// A running process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    output: Arc<Output>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

/// How a process ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    seen: Vec<String>,
    open: usize,
}

/// Where a process listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listeners {
    pub(crate) registry: Option<SocketAddr>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) auth: Option<SocketAddr>,
    pub(crate) ops: SocketAddr,
}

/// The binary under test with these arguments, in a clean environment.
pub(crate) fn mcp(args: &[&str]) -> Start {
    let mut start = program(env!("CARGO_BIN_EXE_mcp"));
    start.command.args(args);
    start
}

/// Any program, in a clean environment.
pub(crate) fn program(path: &str) -> Start {
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null());
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Start { command }
        .env("NO_PROXY", "*")
        .env("LOG_FORMAT", "json")
}

/// A mode with all its listeners at ports of the kernel's choice and data in `data`.
pub(crate) fn mode(name: &str, data: &Path) -> Start {
    part(&["--mode", name], data)
}

/// The same for what is started with these arguments.
pub(crate) fn part(args: &[&str], data: &Path) -> Start {
    let mut start = mcp(args).env("DATA_DIR", data).env("HOME", data);
    for bind in [
        "REGISTRY_BIND",
        "GATEWAY_HTTP_BIND",
        "GATEWAY_HTTPS_BIND",
        "AUTH_BIND",
        "OPS_BIND",
    ] {
        start = start.env(bind, "127.0.0.1:0");
    }
    start
}

impl Start {
    pub(crate) fn arg(mut self, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(value);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn envs(mut self, values: &[(String, String)]) -> Self {
        self.command.envs(values.iter().cloned());
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// Starts it.
    pub(crate) fn spawn(mut self) -> Process {
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let output = Arc::new(Output::default());
        output.lines.lock().unwrap().open = 2;
        let readers = vec![
            read(child.stdout.take().unwrap(), &output),
            read(child.stderr.take().unwrap(), &output),
        ];
        Process {
            child,
            output,
            readers,
        }
    }

    /// Runs it to its end, which must come within [`PATIENCE`].
    pub(crate) fn run(mut self) -> Ended {
        let began = Instant::now();
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, err) = (
            drain(child.stdout.take().unwrap()),
            drain(child.stderr.take().unwrap()),
        );
        let status = end_of(&mut child);
        Ended {
            code: status.code(),
            took: began.elapsed(),
            out: out.join().unwrap(),
            err: err.join().unwrap(),
        }
    }
}

fn drain(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

fn read(from: impl Read + Send + 'static, output: &Arc<Output>) -> std::thread::JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            output.lines.lock().unwrap().seen.push(line);
            output.more.notify_all();
        }
        output.lines.lock().unwrap().open -= 1;
        output.more.notify_all();
    })
}

/// Waits for the end; kills what does not end.
fn end_of(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("a process did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Process {
    /// The first line, of those said so far and those to come, for which `pick` gives something.
    pub(crate) fn line<T>(&self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = 0;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            while looked_at < lines.seen.len() {
                if let Some(found) = pick(&lines.seen[looked_at]) {
                    return found;
                }
                looked_at += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                lines.open > 0 && !left.is_zero(),
                "no line says {what}; the process said:\n{}",
                lines.seen.join("\n")
            );
            lines = self.output.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits for a line of the log with this text in it.
    pub(crate) fn says(&self, text: &str) -> String {
        self.line(text, |line| line.contains(text).then(|| line.to_owned()))
    }

    /// All it said so far.
    pub(crate) fn said(&self) -> String {
        self.output.lines.lock().unwrap().seen.join("\n")
    }

    /// Where it listens, as soon as it does.
    pub(crate) fn listening(&self, data: &Path) -> Listeners {
        // The line comes after the file is written; an older file may lie there from before.
        self.says("\"listening\"");
        let text = std::fs::read_to_string(data.join("run/listeners.json")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let at = |name: &str| value[name].as_str().map(|text| text.parse().unwrap());
        Listeners {
            registry: at("registry"),
            http: at("gateway_http"),
            https: at("gateway_https"),
            auth: at("auth"),
            ops: at("ops").expect("OPS_BIND is set"),
        }
    }

    /// Where it listens, once it says that it is ready.
    pub(crate) fn ready(&self, data: &Path) -> Listeners {
        let listeners = self.listening(data);
        until("ready", || {
            let open = self.output.lines.lock().unwrap().open;
            assert!(open > 0, "it ended before it was ready:\n{}", self.said());
            (get(listeners.ops, "/ready").ok()?.status == 200).then_some(())
        });
        listeners
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Bytes of memory that are resident and no file's.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        kilobytes.map(|kilobytes: usize| kilobytes * 1024).unwrap()
    }

    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// `kill -9`, and waits for it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end: its status and everything that was said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = end_of(&mut self.child);
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status, self.said())
    }

    /// SIGTERM, and an end with status 0.
    pub(crate) fn stop(self) {
        self.terminate();
        let (status, said) = self.end();
        assert!(status.success(), "{status}\n{said}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
