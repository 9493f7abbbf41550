use std::io;

use super::*;
use crate::config::types::ByteSize;

/// Output that keeps what was written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config(level: &str, format: LogFormat) -> LogConfig {
    LogConfig {
        level: level.to_owned(),
        format,
        file: None,
        file_bytes: ByteSize::new(1 << 20),
        files_kept: 1,
    }
}

/// What is written while `log` runs.
fn logged(config: &LogConfig, log: impl FnOnce(&LevelHandle)) -> String {
    let kept = Kept::default();
    let queue = Queue::start("test", kept.clone()).unwrap();
    let (subscriber, level) = subscriber(config, false, &queue, None).unwrap();
    tracing::subscriber::with_default(subscriber, || log(&level));
    queue.flush();
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

const EVIL: &str = "x\r\n2026-01-01 ERROR forged \u{1b}[2J\u{9b}31m\u{202e}txt\u{2028}";

fn log_evil(_: &LevelHandle) {
    let span = tracing::info_span!("request", path = %EVIL);
    let _entered = span.enter();
    tracing::info!(text = EVIL, shown = %EVIL, debugged = ?EVIL, "called {EVIL}");
}

fn assert_harmless(line: &str) {
    for unsafe_char in ['\r', '\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}'] {
        assert!(!line.contains(unsafe_char), "{unsafe_char:?} in {line:?}");
    }
    assert_eq!(line.matches('\n').count(), 1, "{line:?}");
}

#[test]
fn text_shows_no_unsafe_character_of_message_field_or_span() {
    let line = logged(&config("info", LogFormat::Text), log_evil);
    assert_harmless(&line);
    assert!(
        line.contains(r"called x\r\n2026-01-01 ERROR forged \u{1b}[2J"),
        "{line}"
    );
    assert!(line.contains("path=x\\r\\n"), "{line}");
}

#[test]
fn json_shows_no_unsafe_character_and_keeps_the_values() {
    let line = logged(&config("info", LogFormat::Json), log_evil);
    assert_harmless(&line);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["message"], format!("called {EVIL}"));
    assert_eq!(value["shown"], EVIL);
    assert_eq!(value["span"]["path"], EVIL);
    assert_eq!(value["level"], "INFO");
}

#[test]
fn json_keeps_the_kinds_of_values() {
    let error = io::Error::other("why \"not\"");
    let line = logged(&config("info", LogFormat::Json), |_| {
        tracing::info!(
            target: "kinds",
            count = u64::MAX,
            below = i64::MIN,
            half = 0.5,
            no_number = f64::NAN,
            is_so = true,
            nothing = None::<&str>,
            r#type = "word",
            error = &error as &dyn std::error::Error,
        );
    });
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["count"], u64::MAX);
    assert_eq!(value["below"], i64::MIN);
    assert_eq!(value["half"], 0.5);
    assert!(value["no_number"].is_null() && value.get("nothing").is_none());
    assert_eq!(value["is_so"], true);
    assert_eq!(value["type"], "word");
    assert_eq!(value["error"], "why \"not\"");
    assert_eq!(value["target"], "kinds");
}

#[test]
fn the_level_changes_while_it_runs_and_a_wrong_one_changes_nothing() {
    let text = logged(&config("WARNING", LogFormat::Text), |level| {
        tracing::info!("hidden");
        tracing::warn!("first");
        level.set("DEBUG").unwrap();
        tracing::debug!("second");
        tracing::debug!(target: "hyper", "of a library");
        let error = level.set("loud").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("error, warning, info, debug or trace"),
            "{error}"
        );
        assert_eq!(level.current(), "DEBUG");
        tracing::debug!("third");
    });
    for (word, there) in [
        ("hidden", false),
        ("first", true),
        ("second", true),
        ("library", false),
        ("third", true),
    ] {
        assert_eq!(text.contains(word), there, "{word} in {text}");
    }
}

#[test]
fn text_on_a_terminal_else_json() {
    assert!(matches!(shape(LogFormat::Auto, true), Shape::Text));
    assert!(matches!(shape(LogFormat::Auto, false), Shape::Json));
    assert!(matches!(shape(LogFormat::Json, true), Shape::Json));
    assert!(matches!(shape(LogFormat::Text, false), Shape::Text));
}
