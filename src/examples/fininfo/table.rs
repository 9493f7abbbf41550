//! Aggregates as a table to read.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::Value;

use super::query::Aggregates;

/// Prints what the API answered, one line per bar.
pub(super) fn print(query: &Aggregates, data: &Value) -> String {
    let bars = data
        .get("results")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut text = format!(
        "Stock data for {} from {} to {}, {} x {}, {} bars, prices {}\n",
        query.stock_ticker,
        query.from_date,
        query.to_date,
        query.multiplier,
        query.timespan.as_str(),
        bars.len(),
        if query.adjusted {
            "adjusted for splits"
        } else {
            "as traded"
        },
    );
    if bars.is_empty() {
        text.push_str(
            "No data for this ticker and range: no trading then, or not part of the key's plan.\n",
        );
        return text;
    }
    let heads = [
        "open", "high", "low", "close", "volume", "average", "trades",
    ];
    push_row(&mut text, "time (UTC)", heads.map(ToOwned::to_owned));
    for bar in bars {
        let cells = ["o", "h", "l", "c", "v", "vw", "n"].map(|field| number(bar.get(field)));
        push_row(&mut text, &time(bar.get("t")), cells);
    }
    text
}

fn push_row(text: &mut String, time: &str, cells: [String; 7]) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{time:<17}");
    for cell in cells {
        let _ = write!(text, " {cell:>14}");
    }
    text.push('\n');
}

fn number(value: Option<&Value>) -> String {
    match value {
        Some(Value::Number(number)) => number.to_string(),
        _ => "-".to_owned(),
    }
}

fn time(value: Option<&Value>) -> String {
    let time = value
        .and_then(Value::as_i64)
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(
        || "-".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query() -> Aggregates {
        let arguments = json!({
            "stock_ticker": "AAPL", "multiplier": 1, "timespan": "day", "from_date": "2026-10-01", "to_date": "2026-10-02",
        });
        serde_json::from_value(arguments).unwrap()
    }

    #[test]
    fn prints_one_line_per_bar() {
        let data = json!({"results": [
            {"t": 1_790_812_800_000_i64, "o": 1.5, "h": 2, "l": 1.25, "c": 1.75, "v": 1e6, "vw": 1.6, "n": 12},
            {"t": "broken"},
        ]});
        let text = print(&query(), &data);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[0].contains("AAPL") && lines[0].contains("2 bars"),
            "{text}"
        );
        assert!(lines[2].starts_with("2026-10-01 00:00"), "{text}");
        assert!(
            lines[2].contains("1.25") && lines[3].starts_with('-'),
            "{text}"
        );
    }

    #[test]
    fn says_so_when_there_is_no_data() {
        assert!(print(&query(), &json!({"resultsCount": 0})).contains("No data"));
    }
}
