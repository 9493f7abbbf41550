//! Power cuts: the writes and syncs of a real run, replayed up to a moment, with what was not
//! synced by then kept, dropped, torn or written in another order.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::crash::{WRITES, Writer, can_trace, skip};
use super::{assert_whole, filled, image, open};

#[derive(Debug)]
enum Event {
    Write {
        file: String,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        length: usize,
    },
    Remove {
        file: String,
    },
    Sync {
        file: String,
    },
    Acknowledged(u64),
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_in_a_power_cut() {
    if !can_trace() {
        return skip("power cuts");
    }
    let dir = filled(3).await;
    let before = image(dir.path());
    let events = record(dir.path());
    let cuts = cut_everywhere(before.path(), &events).await;
    assert!(cuts > 100, "only {cuts} moments were tried");
}

/// Opens what is left after a cut at many moments, in several variants; how many there were.
async fn cut_everywhere(before: &Path, events: &[Event]) -> usize {
    let mut disk = Disk::read(before);
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut acknowledged, mut cuts) = (3, 0);
    for (number, event) in events.iter().enumerate() {
        if let Event::Acknowledged(revision) = event {
            acknowledged = *revision;
        }
        disk.apply(event);
        if number % 3 != 0 && !matches!(event, Event::Acknowledged(_)) {
            continue;
        }
        let left = disk.after_a_cut(&mut chance);
        let store = open(left.path()).await;
        let store =
            store.unwrap_or_else(|error| panic!("event {number} {acknowledged}: {error:?}"));
        assert_whole(&store, acknowledged).await;
        cuts += 1;
    }
    cuts
}

/// Has a writer write, and everything it did to its files.
fn record(dir: &Path) -> Vec<Event> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-y", "-xx", "-s", "100000", "-o"])
        .arg(trace.path())
        .args([
            "-e",
            "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink",
        ]);
    strace
        .arg(std::env::current_exe().unwrap())
        .env(WRITES, "60");
    let mut writer = Writer::start(&mut strace, dir);
    while writer.next().is_some() {}
    assert!(writer.process.wait().unwrap().success());

    let text = std::fs::read_to_string(trace.path()).unwrap();
    let mut unfinished = BTreeMap::new();
    text.lines()
        .filter_map(|line| parse(line, dir, &mut unfinished))
        .collect()
}

/// One line of the trace. A write counts from its beginning, a sync from its end.
fn parse<'a>(
    line: &'a str,
    dir: &Path,
    unfinished: &mut BTreeMap<&'a str, &'a str>,
) -> Option<Event> {
    let (thread, call) = line.split_once(' ')?;
    let call = call.trim_start();
    if call.starts_with("<... ") {
        let begun = unfinished.remove(thread)?;
        return is_sync(begun).then(|| event(begun, dir)).flatten();
    }
    if call.ends_with("<unfinished ...>") {
        unfinished.insert(thread, call);
        return if is_sync(call) {
            None
        } else {
            event(call, dir)
        };
    }
    event(call, dir)
}

fn is_sync(call: &str) -> bool {
    call.starts_with("fsync") || call.starts_with("fdatasync")
}

fn event(call: &str, dir: &Path) -> Option<Event> {
    let (name, arguments) = call.split_once('(')?;
    let mut quoted = arguments.split('"');
    let head = quoted.next()?;
    let text = quoted.next().map(decode);
    let rest = quoted.next().unwrap_or(head);
    let number = |position: usize| {
        let digits = |part: &str| {
            part.trim()
                .trim_end_matches(|c: char| !c.is_ascii_digit())
                .parse()
        };
        let before_result = rest.split(')').next().unwrap_or(rest);
        before_result
            .split(',')
            .nth(position)
            .and_then(|part| digits(part).ok())
    };
    if name == "unlink" {
        return Some(Event::Remove {
            file: inside(dir, &text?)?,
        });
    }
    let shown = head.split_once('<')?.1.split_once('>')?.0;
    let path = if shown.starts_with("\\x") {
        decode(shown)
    } else {
        shown.as_bytes().to_vec()
    };
    let file = inside(dir, &path);
    match name {
        "write" if file.is_none() => acknowledged(&text?),
        // The record of commits, always from its beginning.
        "write" => Some(Event::Write {
            file: file?,
            offset: 0,
            bytes: text?,
        }),
        "pwrite64" => Some(Event::Write {
            file: file?,
            offset: number(2)?,
            bytes: text?,
        }),
        "ftruncate" => Some(Event::Truncate {
            file: file?,
            length: number(1)?,
        }),
        _ => Some(Event::Sync { file: file? }),
    }
}

fn decode(hex: &str) -> Vec<u8> {
    hex.split("\\x")
        .skip(1)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

fn inside(dir: &Path, path: &[u8]) -> Option<String> {
    let path = Path::new(std::str::from_utf8(path).ok()?);
    let name = path.strip_prefix(dir).ok()?.to_str()?;
    (!name.is_empty() && !name.ends_with("-shm")).then(|| name.to_owned())
}

fn acknowledged(text: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(text).ok()?;
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("> acknowledged "))?;
    Some(Event::Acknowledged(number.parse().ok()?))
}

/// Files as they are for sure, and what may or may not have reached them.
#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, (Vec<u8>, Vec<Change>)>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Disk {
    fn read(dir: &Path) -> Self {
        let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
        let files = entries.map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, (std::fs::read(entry.path()).unwrap(), Vec::new()))
        });
        Self {
            files: files.collect(),
        }
    }

    fn apply(&mut self, event: &Event) {
        let change = |disk: &mut Self, file: &String, change| {
            disk.files.entry(file.clone()).or_default().1.push(change);
        };
        match event {
            Event::Write {
                file,
                offset,
                bytes,
            } => {
                change(self, file, Change::Write(*offset, bytes.clone()));
            }
            Event::Truncate { file, length } => change(self, file, Change::Truncate(*length)),
            Event::Remove { file } => {
                self.files.remove(file);
            }
            Event::Sync { file } => {
                let (sure, pending) = self.files.entry(file.clone()).or_default();
                for change in pending.drain(..) {
                    change.reach(sure);
                }
            }
            Event::Acknowledged(_) => {}
        }
    }

    /// One way in which the files may be found.
    fn after_a_cut(&self, chance: &mut Chance) -> tempfile::TempDir {
        let left = tempfile::tempdir().unwrap();
        for (name, (sure, pending)) in &self.files {
            let mut bytes = sure.clone();
            let mut pending = pending.clone();
            match chance.of(4) {
                0 => pending.clear(),
                1 => pending.reverse(),
                2 => pending.retain(|_| chance.of(2) == 0),
                _ => pending.iter_mut().for_each(|change| change.tear(chance)),
            }
            for change in pending {
                change.reach(&mut bytes);
            }
            std::fs::write(left.path().join(name), bytes).unwrap();
        }
        left
    }
}

impl Change {
    fn reach(self, file: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => file.resize(length, 0),
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[offset..end].copy_from_slice(&bytes);
            }
        }
    }

    /// Only whole sectors of it arrive.
    fn tear(&mut self, chance: &mut Chance) {
        if let Self::Write(_, bytes) = self {
            let sectors = bytes.len() / 512;
            bytes.truncate(512 * chance.of(sectors + 1));
        }
    }
}

/// The same choices in every run.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn of(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}
