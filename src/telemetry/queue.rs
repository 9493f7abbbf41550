//! A bounded queue between those who log and the thread that writes.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::{escape, metrics};

/// Takes lines from any thread and writes them on one of its own.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread; it ends when the last clone of the queue is gone.
    pub(super) fn start(thread: &str, output: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, received) = sync_channel(LINES);
        let queue = Self {
            lines,
            dropped: Arc::default(),
        };
        let dropped = Arc::clone(&queue.dropped);
        std::thread::Builder::new()
            .name(thread.to_owned())
            .spawn(move || write_all(&received, output, &dropped))?;
        Ok(queue)
    }

    /// Waits, for a second at most, until what was sent so far is written.
    pub(super) fn flush(&self) {
        let end = Instant::now() + FLUSH_WITHIN;
        let (done, wait) = sync_channel(1);
        let mut request = Message::Flush(done);
        // The standard channel cannot wait for room with a limit.
        while let Err(TrySendError::Full(back)) = self.lines.try_send(request) {
            if Instant::now() >= end {
                return;
            }
            request = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        // Too late or writer gone: nothing more can be done for the lines.
        let _ = wait.recv_timeout(end.saturating_duration_since(Instant::now()));
    }

    fn send(&self, line: Vec<u8>) {
        match self.lines.try_send(Message::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                ::metrics::counter!(metrics::LOG_LINES_DROPPED_TOTAL).increment(1);
            }
        }
    }
}

/// Writes until nobody can send any more.
fn write_all(lines: &Receiver<Message>, output: impl Write, dropped: &AtomicU64) {
    let mut output = io::BufWriter::with_capacity(BUFFER, output);
    let mut next = lines.recv().ok();
    while let Some(message) = next {
        match message {
            // A reader that went away or a full disk must not stop the process.
            Message::Line(line) => drop(output.write_all(&line)),
            Message::Flush(done) => {
                finish(&mut output, dropped);
                // The one who asked may have given up.
                let _ = done.try_send(());
            }
        }
        next = lines.try_recv().ok();
        if next.is_none() {
            finish(&mut output, dropped);
            next = lines.recv().ok();
        }
    }
}

/// Says what was lost and hands everything to the output.
fn finish(output: &mut impl Write, dropped: &AtomicU64) {
    let lost = dropped.swap(0, Ordering::Relaxed);
    if lost > 0 {
        drop(writeln!(
            output,
            "{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":{lost}}}"
        ));
    }
    drop(output.flush());
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Entry(self)
    }
}

/// Sends each write as one line.
#[derive(Debug)]
pub(super) struct Entry<'a>(&'a Queue);

impl Write for Entry<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue whose lines are JSON.
#[derive(Clone, Debug)]
pub(super) struct JsonQueue(pub(super) Queue);

impl<'a> MakeWriter<'a> for JsonQueue {
    type Writer = JsonEntry<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        JsonEntry(&self.0)
    }
}

/// Sends each write as one line of JSON without unsafe characters.
#[derive(Debug)]
pub(super) struct JsonEntry<'a>(&'a Queue);

impl Write for JsonEntry<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let safe = std::str::from_utf8(line).ok().and_then(escape::json);
        self.0
            .send(safe.map_or_else(|| line.to_vec(), String::into_bytes));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long a flush may take.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Lines that may wait.
const LINES: usize = 4096;

/// Bytes written at once.
const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Output that keeps what was written, and holds the writer back while it is locked.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn flush_waits_until_all_is_written_in_order() {
        let kept = Kept::default();
        let queue = Queue::start("test", kept.clone()).unwrap();
        queue.make_writer().write_all(b"one\n").unwrap();
        queue.make_writer().write_all(b"two\n").unwrap();
        queue.flush();
        assert_eq!(kept.0.lock().unwrap().as_slice(), b"one\ntwo\n");
    }

    #[test]
    fn a_stalled_output_drops_lines_instead_of_blocking() {
        let kept = Kept::default();
        let queue = Queue::start("test", kept.clone()).unwrap();
        let stalled = kept.0.lock().unwrap();
        let line = [b'x'; 64];
        for _ in 0..LINES * 2 {
            queue.make_writer().write_all(&line).unwrap();
        }
        drop(stalled);
        queue.flush();
        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(written.len() < LINES * 2 * line.len());
        assert!(written.contains("log lines dropped"), "the loss is said");
    }
}
