//! What reading the envelope of a body costs.

use divan::{Bencher, black_box};
use mcp::protocol::Envelope;
use serde::Deserialize;
use serde::de::IgnoredAny;

fn main() {
    divan::main();
}

/// A tool call as clients of 2026-07-28 send it.
const CALL: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"get_stock_aggregates","arguments":{"stock_ticker":"AAPL","multiplier":1,"timespan":"day","from_date":"2026-10-01","to_date":"2026-10-31","adjusted":true,"limit":5000},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}}}"#;

#[divan::bench]
fn call(bencher: Bencher<'_, '_>) {
    bencher
        .counter(divan::counter::BytesCount::of_str(CALL))
        .bench(|| Envelope::parse(black_box(CALL.as_bytes())));
}

/// The same fields by derived deserialisation, which is less strict: no look-alikes, no duplicates of unknown keys.
#[divan::bench]
fn call_by_serde(bencher: Bencher<'_, '_>) {
    bencher
        .counter(divan::counter::BytesCount::of_str(CALL))
        .bench(|| serde_json::from_slice::<Derived<'_>>(black_box(CALL.as_bytes())));
}

#[divan::bench(args = [4_096, 65_536, 1_048_576])]
fn large_argument(bencher: Bencher<'_, '_>, size: usize) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"text":"{}"}}}}}}"#,
        "lorem ipsum ".repeat(size / 12)
    );
    bencher
        .counter(divan::counter::BytesCount::of_str(&body))
        .bench(|| Envelope::parse(black_box(body.as_bytes())));
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them is measured")]
struct Derived<'a> {
    #[serde(borrow)]
    method: std::borrow::Cow<'a, str>,
    id: Option<IgnoredAny>,
    #[serde(borrow)]
    params: Option<DerivedParams<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them is measured")]
struct DerivedParams<'a> {
    #[serde(borrow)]
    name: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "_meta")]
    meta: Option<IgnoredAny>,
}
