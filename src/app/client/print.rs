//! What a registry says, for people: aligned, and without anything that commands a terminal.

use std::fmt::Write as _;

use serde_json::Value;

use crate::telemetry::Escaped;

/// The text without terminal commands and reordering.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    // Writing to a string cannot fail.
    let _ = Escaped(&mut safe).write_str(text);
    safe
}

/// Pretty JSON; what is unsafe is escaped within its strings.
pub(super) fn json(value: &Value) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut safe_text = String::with_capacity(pretty.len());
    let mut units = [0_u16; 2];
    for c in pretty.chars() {
        if c == '\n' || safe(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
            safe_text.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe_text, "\\u{unit:04x}");
            }
        }
    }
    safe_text
}

/// Rows below their headings, each column as wide as its widest cell.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| safe(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let heading = headings.get(column).map_or(0, |heading| heading.len());
        cells
            .map(|cell| cell.chars().count())
            .fold(heading, usize::max)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut text = String::new();
    let first: Vec<String> = headings.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&first).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text member; empty where there is none.
pub(super) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A list of texts in one cell.
pub(super) fn list(value: &Value, name: &str) -> String {
    let items = value.get(name).and_then(Value::as_array);
    let items: Vec<&str> = items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    items.join(",")
}

/// Whether a member is true.
pub(super) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}

/// A list of objects.
pub(super) fn rows(value: &Value, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    value.as_array().into_iter().flatten().map(row).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_harmless() {
        let rows = [
            vec!["ann".to_owned(), "a,b".to_owned()],
            vec!["\u{1b}[2J".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["NAME", "GROUPS"], &rows),
            "NAME       GROUPS\nann        a,b\n\\u{1b}[2J\n"
        );
    }

    #[test]
    fn json_stays_what_it_is() {
        let value = json!({"a": "é\u{202e}\u{7f}\n\u{1b}", "b": [1, null]});
        let printed = json(&value);
        assert!(printed.contains("é\\u202e\\u007f"), "{printed}");
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
    }
}
