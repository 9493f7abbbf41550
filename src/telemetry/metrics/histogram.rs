//! Histograms that cost a sample two additions.
//!
//! Promises: [`Histogram::record`] takes no lock, allocates nothing and reads no clock; samples of different threads mostly
//! meet in different memory; [`Histograms::render`] writes what Prometheus' text format says of histograms.
//!
//! # Why
//! The exporter keeps every sample with its time until somebody folds them, which under load is a few megabytes a
//! second and costs a request more than routing it. With fixed bounds a count per bucket says the same.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{HistogramFn, Key, KeyName, SharedString};

/// Upper bounds in seconds.
const BOUNDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// Samples by bucket.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    shares: [Share; SHARES],
}

/// What some of the threads have recorded; on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share {
    /// The last one has what lies beyond all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl HistogramFn for Histogram {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let bucket = BOUNDS.iter().filter(|bound| value > **bound).count();
        let count = count as u64;
        let share = self.shares.get(share_of_this_thread());
        if let Some((share, total)) =
            share.and_then(|share| Some((share, share.counts.get(bucket)?)))
        {
            total.fetch_add(count, Ordering::Relaxed);
            let sum = nanoseconds(value).wrapping_mul(count);
            share.nanoseconds.fetch_add(sum, Ordering::Relaxed);
        }
    }
}

/// Whole nanoseconds of a duration in seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is below nothing counts as nothing, and no duration is beyond 500 years"
)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

fn share_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % SHARES);
    }
    MINE.get()
}

/// All histograms of a recorder.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    families: Mutex<BTreeMap<String, Family>>,
}

/// Histograms of one name.
#[derive(Debug, Default)]
struct Family {
    help: Option<SharedString>,
    /// By their labels as they are written.
    members: BTreeMap<String, Arc<Histogram>>,
}

impl Histograms {
    /// The histogram of a key, made at the first time.
    pub(super) fn of(&self, key: &Key) -> Arc<Histogram> {
        let mut families = self.locked();
        let family = families.entry(key.name().to_owned()).or_default();
        Arc::clone(family.members.entry(labels(key)).or_default())
    }

    /// Says what a name stands for.
    pub(super) fn describe(&self, name: &KeyName, help: SharedString) {
        let mut families = self.locked();
        let family = families.entry(name.as_str().to_owned()).or_default();
        family.help = Some(help);
    }

    /// Those that have been asked for, in the text format.
    pub(super) fn render(&self, text: &mut String) {
        for (name, family) in &*self.locked() {
            if !family.members.is_empty() {
                // Writing to a string does not fail.
                let _ = family.render(name, text);
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Family {
    fn render(&self, name: &str, text: &mut String) -> std::fmt::Result {
        if let Some(help) = &self.help {
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            writeln!(text, "# HELP {name} {help}")?;
        }
        writeln!(text, "# TYPE {name} histogram")?;
        for (labels, member) in &self.members {
            let comma = if labels.is_empty() { "" } else { "," };
            let mut total = 0;
            let bounds = BOUNDS.iter().map(f64::to_string);
            let bounds = bounds.chain(["+Inf".to_owned()]);
            for (bucket, bound) in bounds.enumerate() {
                let counts = member
                    .shares
                    .iter()
                    .filter_map(|share| share.counts.get(bucket));
                total += counts
                    .map(|count| count.load(Ordering::Relaxed))
                    .sum::<u64>();
                writeln!(
                    text,
                    "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}"
                )?;
            }
            let sums = member.shares.iter().map(|share| &share.nanoseconds);
            let sum = sums.fold(0_u64, |sum, one| {
                sum.wrapping_add(one.load(Ordering::Relaxed))
            });
            let braced = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{labels}}}")
            };
            let (seconds, rest) = (sum / 1_000_000_000, sum % 1_000_000_000);
            writeln!(text, "{name}_sum{braced} {seconds}.{rest:09}")?;
            writeln!(text, "{name}_count{braced} {total}")?;
        }
        text.push('\n');
        Ok(())
    }
}

/// `name="value"`, separated by commas, in the order of the names.
fn labels(key: &Key) -> String {
    let mut labels: Vec<String> = key
        .labels()
        .map(|label| {
            let value = label.value().replace('\\', "\\\\").replace('"', "\\\"");
            format!("{}=\"{}\"", label.key(), value.replace('\n', "\\n"))
        })
        .collect();
    labels.sort_unstable();
    labels.join(",")
}

/// So many threads record without meeting another one.
const SHARES: usize = 8;

#[cfg(test)]
mod tests {
    use metrics::Label;

    use super::*;

    fn rendered(histograms: &Histograms) -> String {
        let mut text = String::new();
        histograms.render(&mut text);
        text
    }

    #[test]
    fn samples_are_counted_at_and_below_their_bounds() {
        let histograms = Histograms::default();
        let key = Key::from_parts(
            "t_seconds",
            vec![Label::new("b", "x\"y"), Label::new("a", "1")],
        );
        let histogram = histograms.of(&key);
        for value in [0.0, 0.0005, 0.000_51, 1.0, 61.5, -1.0] {
            histogram.record(value);
        }
        histogram.record_many(0.25, 3);
        let text = rendered(&histograms);
        for line in [
            "# TYPE t_seconds histogram",
            "t_seconds_bucket{a=\"1\",b=\"x\\\"y\",le=\"0.0005\"} 3",
            "t_seconds_bucket{a=\"1\",b=\"x\\\"y\",le=\"0.001\"} 4",
            "t_seconds_bucket{a=\"1\",b=\"x\\\"y\",le=\"0.25\"} 7",
            "t_seconds_bucket{a=\"1\",b=\"x\\\"y\",le=\"1\"} 8",
            "t_seconds_bucket{a=\"1\",b=\"x\\\"y\",le=\"60\"} 8",
            "t_seconds_bucket{a=\"1\",b=\"x\\\"y\",le=\"+Inf\"} 9",
            "t_seconds_sum{a=\"1\",b=\"x\\\"y\"} 63.251010000",
            "t_seconds_count{a=\"1\",b=\"x\\\"y\"} 9",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is missing in\n{text}"
            );
        }
    }

    #[test]
    fn the_same_key_is_the_same_histogram_from_every_thread() {
        let histograms = Histograms::default();
        let key = Key::from_name("t_seconds");
        histograms.describe(&KeyName::from("t_seconds"), "took\nso long".into());
        histograms.describe(&KeyName::from("u_seconds"), "never asked for".into());
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| histograms.of(&key).record(0.002));
            }
        });
        let text = rendered(&histograms);
        assert!(text.starts_with("# HELP t_seconds took\\nso long\n# TYPE t_seconds histogram\n"));
        assert!(text.contains("t_seconds_count 20\n") && !text.contains("u_seconds"));
    }
}
