//! A bounded queue between those who log and the thread that writes.
//!
//! # Why
//! Under load a line costs its bytes and a lock that is hardly ever held: the writer looks again only
//! after [`GATHER`], so that it is woken and writes once for many lines. The first line after a pause is
//! written at once.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::metrics;

/// Takes lines from any thread and writes them on one of its own.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    shared: Arc<Shared>,
    /// The last one to go ends the writer.
    _end: Arc<End>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or nothing will come any more.
    come: Condvar,
    /// Do not gather any longer.
    hurry: Condvar,
    /// A batch was handed to the output.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room since this was last said in the log.
    lost: u64,
    /// Lines taken so far.
    taken: u64,
    /// As many of them were handed to the output.
    written: u64,
    /// How many wait for that.
    hurried: usize,
    closed: bool,
}

#[derive(Debug)]
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.come.notify_all();
        self.0.hurry.notify_all();
    }
}

impl Queue {
    /// Starts the thread; it ends when the last clone of the queue is gone.
    pub(super) fn start(thread: &str, output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let queue = Self {
            shared: Arc::clone(&shared),
            _end: Arc::new(End(Arc::clone(&shared))),
        };
        std::thread::Builder::new()
            .name(thread.to_owned())
            .spawn(move || shared.write_all(output))?;
        Ok(queue)
    }

    /// Waits, for a second at most, until what was sent so far is written.
    pub(super) fn flush(&self) {
        let mut state = self.shared.state();
        let all = state.taken;
        state.hurried += 1;
        self.shared.hurry.notify_all();
        // Too late or writer gone: nothing more can be done for the lines.
        let (mut state, _) = self
            .shared
            .written
            .wait_timeout_while(state, FLUSH_WITHIN, |state| state.written < all)
            .unwrap_or_else(PoisonError::into_inner);
        state.hurried -= 1;
    }

    /// Takes a line with its end; drops and counts it where there is no room.
    pub(super) fn send(&self, line: &[u8]) {
        let mut state = self.shared.state();
        if state.waiting.len().saturating_add(line.len()) > MOST_WAITING {
            state.lost += 1;
            drop(state);
            ::metrics::counter!(metrics::LOG_LINES_DROPPED_TOTAL).increment(1);
            return;
        }
        let first = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        state.taken += 1;
        drop(state);
        if first {
            self.shared.come.notify_one();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until nobody can send any more.
    fn write_all(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        loop {
            let mut state = self
                .come
                .wait_while(self.state(), |state| {
                    state.waiting.is_empty() && !state.closed
                })
                .unwrap_or_else(PoisonError::into_inner);
            if state.waiting.is_empty() {
                return;
            }
            std::mem::swap(&mut batch, &mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            let taken = state.taken;
            drop(state);
            write_batch(&mut output, &batch, lost);
            batch.clear();
            batch.shrink_to(KEPT);
            let mut state = self.state();
            state.written = taken;
            if state.hurried > 0 {
                self.written.notify_all();
            }
            let gathered = self
                .hurry
                .wait_timeout_while(state, GATHER, |state| state.hurried == 0 && !state.closed);
            drop(gathered.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Writes whole lines at a time, so that a file that is full ends with one, and says what was lost.
fn write_batch(output: &mut impl Write, batch: &[u8], lost: u64) {
    let mut rest = batch;
    while !rest.is_empty() {
        let piece = rest.get(..PIECE).unwrap_or(rest);
        let end = memchr::memrchr(b'\n', piece).or_else(|| memchr::memchr(b'\n', rest));
        let (piece, more) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        // A reader that went away or a full disk must not stop the process.
        drop(output.write_all(piece));
        rest = more;
    }
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
        self.0.send(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long a flush may take.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// How long lines gather after others were written.
const GATHER: Duration = Duration::from_millis(10);

/// Bytes of lines that may wait.
const MOST_WAITING: usize = 2 * 1024 * 1024;

/// Bytes written at once, where lines are not longer.
const PIECE: usize = 64 * 1024;

/// Room that is kept for the next lines.
const KEPT: usize = 64 * 1024;

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
    fn lines_that_come_in_a_burst_are_written_together_and_whole() {
        #[derive(Clone, Default)]
        struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writes = Writes::default();
        let queue = Queue::start("test", writes.clone()).unwrap();
        let line = [&[b'x'; 99][..], b"\n"].concat();
        for _ in 0..5000 {
            queue.send(&line);
        }
        queue.flush();
        let writes = writes.0.lock().unwrap();
        assert_eq!(writes.iter().map(Vec::len).sum::<usize>(), 500_000);
        assert!(writes.len() < 2500, "{} writes", writes.len());
        assert!(
            writes
                .iter()
                .all(|one| one.ends_with(b"\n") && one.len() <= PIECE)
        );
    }

    #[test]
    fn what_was_sent_is_written_when_the_last_sender_is_gone() {
        let kept = Kept::default();
        let queue = Queue::start("test", kept.clone()).unwrap();
        let other = queue.clone();
        drop(queue);
        other.send(b"last\n");
        let shared = Arc::downgrade(&other.shared);
        drop(other);
        while shared.strong_count() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(kept.0.lock().unwrap().as_slice(), b"last\n");
    }

    #[test]
    fn a_stalled_output_drops_lines_instead_of_blocking() {
        let kept = Kept::default();
        let queue = Queue::start("test", kept.clone()).unwrap();
        let stalled = kept.0.lock().unwrap();
        let line = [b'x'; 64];
        let lines = 3 * MOST_WAITING / line.len();
        for _ in 0..lines {
            queue.make_writer().write_all(&line).unwrap();
        }
        drop(stalled);
        queue.flush();
        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(written.len() < lines * line.len());
        assert!(written.contains("log lines dropped"), "the loss is said");
    }
}
