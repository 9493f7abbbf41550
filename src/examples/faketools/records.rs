//! Made-up records.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::arguments::FieldKind;
use super::fortune::Fortune;

/// One record of a shape.
pub(super) fn record(
    schema: &BTreeMap<String, FieldKind>,
    at: u32,
    fortune: &mut Fortune,
) -> Value {
    let fields = schema
        .iter()
        .map(|(name, kind)| (name.clone(), value(*kind, at, fortune)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn value(kind: FieldKind, at: u32, fortune: &mut Fortune) -> Value {
    match kind {
        FieldKind::String => json!(format!("{} {}", word(fortune), word(fortune))),
        FieldKind::Integer => json!(fortune.below(10_000)),
        FieldKind::Number => json!(fortune.between(0.0, 1_000.0)),
        FieldKind::Boolean => json!(fortune.below(2) == 1),
        FieldKind::Date => {
            let (year, month, day) = (
                1970 + fortune.below(80),
                1 + fortune.below(12),
                1 + fortune.below(28),
            );
            json!(format!("{year}-{month:02}-{day:02}"))
        }
        FieldKind::Email => json!(format!("{}.{at}@example.com", word(fortune))),
        FieldKind::Name => json!(format!("{} {}", title(word(fortune)), title(word(fortune)))),
        FieldKind::Uuid => json!(uuid(fortune)),
    }
}

fn word(fortune: &mut Fortune) -> &'static str {
    let at = usize::try_from(fortune.below(WORDS.len() as u64)).unwrap_or_default();
    WORDS.get(at).copied().unwrap_or_default()
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

/// The form of a version 4 UUID.
fn uuid(fortune: &mut Fortune) -> String {
    let (high, low) = (fortune.draw(), fortune.draw());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48 & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

const WORDS: [&str; 24] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "indigo", "jasper",
    "kepler", "linden", "maple", "nova", "orchid", "pearl", "quartz", "river", "sable", "tundra",
    "umber", "violet", "willow", "zephyr",
];
