//! What is asked of Polygon.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::examples::arguments::within;

/// Arguments of both tools.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Aggregates {
    /// Ticker symbol, case-sensitive, for example "AAPL".
    #[schemars(length(min = 1, max = 40))]
    pub(super) stock_ticker: String,
    /// How many timespans make one bar.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) multiplier: u32,
    /// Unit of a bar's length.
    pub(super) timespan: Timespan,
    /// First day, as YYYY-MM-DD, or a timestamp in milliseconds.
    pub(super) from_date: String,
    /// Last day, as YYYY-MM-DD, or a timestamp in milliseconds.
    pub(super) to_date: String,
    /// Whether prices are adjusted for splits.
    #[serde(default = "adjusted")]
    pub(super) adjusted: bool,
    /// Order by time.
    #[serde(default)]
    pub(super) sort: Option<Sort>,
    /// How many base aggregates to query at most.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 50_000))]
    pub(super) limit: u32,
}

/// Unit of a bar's length.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Timespan {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// Order by time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    Asc,
    Desc,
}

impl Timespan {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }
}

impl Sort {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

impl Aggregates {
    /// Refuses what the schema cannot say.
    pub(super) fn checked(self) -> Result<Self, String> {
        check_ticker(&self.stock_ticker)?;
        within("multiplier", self.multiplier, 1..=10_000)?;
        within("limit", self.limit, 1..=50_000)?;
        let from = day("from_date", &self.from_date)?;
        let to = day("to_date", &self.to_date)?;
        if let (Moment::Day(from), Moment::Day(to)) = (&from, &to)
            && from > to
        {
            return Err(format!(
                "wrong argument `to_date`: {to} lies before `from_date` {from}"
            ));
        }
        Ok(self)
    }
}

fn check_ticker(ticker: &str) -> Result<(), String> {
    let letters = ticker
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || ".:-".contains(letter));
    if letters
        && ticker.len() <= 40
        && ticker.contains(|letter: char| letter.is_ascii_alphanumeric())
    {
        return Ok(());
    }
    Err(format!(
        "wrong argument `stock_ticker`: `{ticker}` is no ticker symbol; use letters, digits, `.`, `:` and `-`, as in \
         AAPL or BRK.B"
    ))
}

enum Moment {
    Day(jiff::civil::Date),
    Timestamp,
}

fn day(name: &str, text: &str) -> Result<Moment, String> {
    if (12..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Moment::Timestamp);
    }
    let date = jiff::civil::Date::strptime("%Y-%m-%d", text)
        .ok()
        .filter(|_| text.len() == 10);
    date.map(Moment::Day).ok_or_else(|| {
        format!("wrong argument `{name}`: `{text}` is no date; write YYYY-MM-DD or a timestamp in milliseconds")
    })
}

const fn adjusted() -> bool {
    true
}

const fn limit() -> u32 {
    5_000
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn query(changes: &Value) -> Result<Aggregates, String> {
        let mut arguments = json!({
            "stock_ticker": "AAPL", "multiplier": 1, "timespan": "day", "from_date": "2026-10-01", "to_date": "2026-10-31",
        });
        for (name, value) in changes.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        serde_json::from_value::<Aggregates>(arguments)
            .unwrap()
            .checked()
    }

    #[test]
    fn defaults_are_adjusted_prices_and_five_thousand_bars() {
        let query = query(&json!({})).unwrap();
        assert!(query.adjusted && query.sort.is_none() && query.limit == 5_000);
    }

    #[test]
    fn every_wrong_argument_is_named() {
        for (name, value) in [
            ("stock_ticker", json!("")),
            ("stock_ticker", json!("..")),
            ("stock_ticker", json!("AAPL/../../v1")),
            ("stock_ticker", json!("A".repeat(41))),
            ("multiplier", json!(0)),
            ("limit", json!(50_001)),
            ("from_date", json!("yesterday")),
            ("from_date", json!("2026-13-01")),
            ("to_date", json!("2026-02-30")),
            ("to_date", json!("2026-9-1")),
            ("to_date", json!("2026-09-30")),
        ] {
            let refused = query(&json!({name: value})).unwrap_err();
            assert!(
                refused.starts_with(&format!("wrong argument `{name}`: ")),
                "{refused}"
            );
        }
    }

    #[test]
    fn timestamps_and_dotted_tickers_pass() {
        assert!(query(&json!({"from_date": "1759276800000", "stock_ticker": "BRK.B"})).is_ok());
        assert!(query(&json!({"stock_ticker": "X:BTCUSD", "sort": "desc"})).is_ok());
    }
}
