//! The example servers over real sockets, in both eras of the protocol.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use mcp::examples::{ApiKey, ExampleName, Options, PolygonOptions, serve};
use mcp::protocol::sse::Parser;
use mcp::protocol::version::{V2025_11_25, V2026_07_28};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::upstream::script::response;
use crate::support::upstream::{Script, Upstream};

struct Example {
    address: SocketAddr,
    serving: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Bytes,
}

/// One client, which has agreed on an era.
struct Session<'a> {
    example: &'a Example,
    path: &'static str,
    era: Era,
}

enum Era {
    Legacy { session: String },
    Modern,
}

#[tokio::test]
async fn every_tool_answers_in_both_eras() {
    let polygon = polygon(AGGREGATES, "200 OK").await;
    for name in ExampleName::ALL {
        let example = Example::start(name, with_polygon(&polygon)).await;
        for session in [example.legacy("/mcp").await, example.modern("/mcp")] {
            let tools = session.tools().await;
            let names: Vec<_> = tools
                .iter()
                .map(|tool| tool["name"].as_str().unwrap())
                .collect();
            let mut wanted: Vec<_> = calls(name).iter().map(|call| call.0).collect();
            wanted.sort_unstable();
            assert_eq!(names, wanted, "{name}");
            for (tool, arguments) in calls(name) {
                let result = session.call(tool, &arguments).await;
                assert_ne!(result["isError"], true, "{tool}: {result}");
                assert!(
                    !result["content"][0]["text"].as_str().unwrap().is_empty(),
                    "{tool}: {result}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_tool_has_a_description_and_a_closed_schema() {
    for name in ExampleName::ALL {
        let example = Example::start(name, Options::default()).await;
        for tool in example.modern("/mcp").tools().await {
            assert!(tool["description"].as_str().unwrap().len() > 20, "{tool}");
            let schema = &tool["inputSchema"];
            assert_eq!(
                (&schema["type"], &schema["additionalProperties"]),
                (&json!("object"), &json!(false)),
                "{tool}"
            );
            for (argument, property) in schema["properties"].as_object().unwrap() {
                assert!(
                    described(schema, property),
                    "{argument} of {tool} says nothing of itself"
                );
            }
        }
    }
}

#[tokio::test]
async fn same_server_answers_at_every_spelling_of_its_url() {
    let example = Example::start(ExampleName::CurrentTime, Options::default()).await;
    for path in ["/", "/mcp", "/mcp/"] {
        for session in [example.legacy(path).await, example.modern(path)] {
            let told = session
                .call("current_time_by_timezone", &json!({"tz_name": "UTC"}))
                .await;
            let text = told["content"][0]["text"].as_str().unwrap();
            assert!(text.ends_with(" UTC+0000"), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn discovery_names_the_server_and_both_eras() {
    for name in ExampleName::ALL {
        let example = Example::start(name, Options::default()).await;
        let found = example
            .modern("/mcp")
            .request("server/discover", json!({}), None)
            .await;
        let versions = found["result"]["supportedVersions"].as_array().unwrap();
        assert!(
            versions.contains(&json!(V2026_07_28)) && versions.contains(&json!(V2025_11_25)),
            "{found}"
        );
        assert!(found.to_string().contains(name.as_str()), "{found}");
    }
}

#[tokio::test]
async fn wrong_arguments_are_told_in_the_tools_result() {
    let polygon = polygon(AGGREGATES, "200 OK").await;
    for (name, tool, arguments, told) in [
        (
            ExampleName::CurrentTime,
            "current_time_by_timezone",
            json!({"tz_name": "Berlin"}),
            "Europe/Berlin",
        ),
        (
            ExampleName::CurrentTime,
            "current_time_by_timezone",
            json!({"tz_name": 5}),
            "`tz_name`",
        ),
        (
            ExampleName::CurrentTime,
            "current_time_by_timezone",
            json!({"params": {}}),
            "unknown field `params`",
        ),
        (
            ExampleName::FinInfo,
            "print_stock_data",
            json!({"stock_ticker": "AAPL"}),
            "missing field `",
        ),
        (
            ExampleName::FinInfo,
            "get_stock_aggregates",
            aggregates(&json!({"limit": 0})),
            "`limit`",
        ),
        (
            ExampleName::FinInfo,
            "get_stock_aggregates",
            aggregates(&json!({"timespan": "eon"})),
            "`timespan`",
        ),
        (
            ExampleName::RealServerFakeTools,
            "quantum_flux_analyzer",
            json!({"energy_level": 99}),
            "`energy_level`",
        ),
    ] {
        let example = Example::start(name, with_polygon(&polygon)).await;
        for session in [example.legacy("/mcp").await, example.modern("/mcp")] {
            let result = session.call(tool, &arguments).await;
            assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.contains(told), "{text} does not tell {told}");
        }
    }
    assert!(polygon.requests().is_empty(), "wrong arguments go nowhere");
}

#[tokio::test]
async fn unknown_tools_are_refused() {
    let example = Example::start(ExampleName::CurrentTime, Options::default()).await;
    let params = json!({"name": "no_such_tool", "arguments": {}});
    let answer = example
        .modern("/mcp")
        .request("tools/call", params, Some("no_such_tool"))
        .await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn current_time_offers_its_prompt_and_resource() {
    let example = Example::start(ExampleName::CurrentTime, Options::default()).await;
    for session in [example.legacy("/mcp").await, example.modern("/mcp")] {
        let prompt =
            json!({"name": "system_prompt_for_agent", "arguments": {"location": "Boston, MA"}});
        let prompt = session
            .request("prompts/get", prompt, Some("system_prompt_for_agent"))
            .await;
        let text = prompt["result"]["messages"][0]["content"]["text"]
            .as_str()
            .unwrap();
        assert!(
            text.contains("Boston, MA") && text.contains("current_time_by_timezone"),
            "{text}"
        );

        let list = session.request("resources/list", json!({}), None).await;
        assert_eq!(
            list["result"]["resources"][0]["uri"], "config://app",
            "{list}"
        );
        let read = session
            .request(
                "resources/read",
                json!({"uri": "config://app"}),
                Some("config://app"),
            )
            .await;
        let config = read["result"]["contents"][0]["text"].as_str().unwrap();
        assert!(config.contains("America/New_York"), "{config}");
        let read = session
            .request(
                "resources/read",
                json!({"uri": "config://x"}),
                Some("config://x"),
            )
            .await;
        assert!(
            read["error"]["message"]
                .as_str()
                .unwrap()
                .contains("config://app"),
            "{read}"
        );
    }
}

#[tokio::test]
async fn fininfo_asks_polygon_for_exactly_what_it_was_asked() {
    let polygon = polygon(AGGREGATES, "200 OK").await;
    let example = Example::start(ExampleName::FinInfo, with_polygon(&polygon)).await;
    let session = example.modern("/mcp");
    let arguments = aggregates(
        &json!({"stock_ticker": "BRK.B", "adjusted": false, "sort": "desc", "limit": 7}),
    );
    let result = session.call("get_stock_aggregates", &arguments).await;
    assert_eq!(
        result["structuredContent"]["results"][0]["c"], 227.5,
        "{result}"
    );
    let table = session
        .call("print_stock_data", &aggregates(&json!({})))
        .await;
    let table = table["content"][0]["text"].as_str().unwrap();
    assert!(
        table.contains("227.5") && table.contains("2026-10-01"),
        "{table}"
    );

    let requests = polygon.requests();
    assert_eq!(
        requests[0].target(),
        "/base/v2/aggs/ticker/BRK.B/range/1/day/2026-10-01/2026-10-31?adjusted=false&sort=desc&limit=7"
    );
    assert_eq!(requests[0].values("authorization"), ["Bearer polygon-key"]);
    assert!(
        requests[1].target().ends_with("?adjusted=true&limit=5000"),
        "{}",
        requests[1].target()
    );
}

#[tokio::test]
async fn fininfo_says_that_it_has_no_key() {
    let example = Example::start(ExampleName::FinInfo, Options::default()).await;
    let result = example
        .modern("/mcp")
        .call("get_stock_aggregates", &aggregates(&json!({})))
        .await;
    assert_eq!(result["isError"], true, "{result}");
    assert!(
        result["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("POLYGON_API_KEY"),
        "{result}"
    );
}

#[tokio::test]
async fn trouble_at_polygon_is_told_without_the_key() {
    for (status, body, told) in [
        (
            "401 Unauthorized",
            r#"{"error":"Unknown API Key"}"#,
            "Unknown API Key",
        ),
        ("429 Too Many Requests", "{}", "limit"),
        ("503 Service Unavailable", "<html>", "503"),
        ("302 Found", "", "302"),
        ("200 OK", "<html>", "not with a JSON object"),
    ] {
        let polygon = polygon(body, status).await;
        let example = Example::start(ExampleName::FinInfo, with_polygon(&polygon)).await;
        let result = example
            .modern("/mcp")
            .call("print_stock_data", &aggregates(&json!({})))
            .await;
        assert_eq!(result["isError"], true, "{status}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(
            text.contains(told) && !text.contains("polygon-key"),
            "{text}"
        );
        assert_eq!(
            polygon.requests().len(),
            1,
            "{status}: asked once, redirects are not followed"
        );
    }
    let gone = Upstream::start(Script::closes_unanswered()).await;
    let example = Example::start(ExampleName::FinInfo, with_polygon(&gone)).await;
    let result = example
        .modern("/mcp")
        .call("print_stock_data", &aggregates(&json!({})))
        .await;
    assert_eq!(result["isError"], true, "{result}");
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() {
    let options = Options {
        allowed_hosts: vec!["tools.example.com".to_owned()],
        ..Options::default()
    };
    let example = Example::start(ExampleName::CurrentTime, options).await;
    let list = modern_body("tools/list", json!({}));
    let own = example.address.to_string();
    for (host, origin, status) in [
        (own.as_str(), None, StatusCode::OK),
        ("localhost", Some("http://localhost:6274"), StatusCode::OK),
        (
            "tools.example.com",
            Some("https://tools.example.com"),
            StatusCode::OK,
        ),
        ("tools.example.com:8000", None, StatusCode::OK),
        ("evil.example", None, StatusCode::FORBIDDEN),
        (
            "tools.example.com.evil.example",
            None,
            StatusCode::FORBIDDEN,
        ),
        (
            own.as_str(),
            Some("https://evil.example"),
            StatusCode::FORBIDDEN,
        ),
        (own.as_str(), Some("null"), StatusCode::FORBIDDEN),
    ] {
        let mut headers = modern_headers("tools/list", None);
        headers.push(("host".to_owned(), host.to_owned()));
        headers.extend(origin.map(|origin| ("origin".to_owned(), origin.to_owned())));
        let answer = example.send(Method::POST, "/mcp", &headers, &list).await;
        assert_eq!(
            answer.status, status,
            "{host} {origin:?}: {:?}",
            answer.body
        );
    }
}

#[tokio::test]
async fn health_is_told_and_other_paths_are_not_found() {
    let example = Example::start(ExampleName::FinInfo, Options::default()).await;
    let health = example.send(Method::GET, "/health", &[], "").await;
    assert_eq!(health.status, StatusCode::OK);
    let health: Value = serde_json::from_slice(&health.body).unwrap();
    assert_eq!(health, json!({"status": "healthy", "server": "fininfo"}));
    assert_eq!(
        example
            .send(Method::GET, "/elsewhere", &[], "")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn stops_when_told_and_ends_open_streams() {
    let mut example = Example::start(ExampleName::CurrentTime, Options::default()).await;
    let session = example.legacy("/mcp").await;
    let headers = session.headers("", None);
    let stop = example.stop.clone();
    let stream = async {
        let answer = example
            .send_then(Method::GET, "/mcp", &headers, "", || stop.cancel())
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["content-type"], "text/event-stream");
    };
    stream.await;
    let ended = example.serving.join_next().await.unwrap().unwrap();
    assert!(ended.is_ok(), "{ended:?}");
    assert!(
        TcpStream::connect(example.address).await.is_err(),
        "the listener is closed"
    );
}

#[test]
fn names_parse_and_unknown_ones_list_what_there_is() {
    for name in ExampleName::ALL {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    assert_eq!(
        ExampleName::ALL.map(ExampleName::default_port),
        [8000, 8001, 8002]
    );
    let unknown = "weather".parse::<ExampleName>().unwrap_err().to_string();
    for name in ExampleName::ALL {
        assert!(unknown.contains(name.as_str()), "{unknown}");
    }
}

impl Example {
    async fn start(name: ExampleName, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve(name, listener, options, stop.clone()));
        Self {
            address,
            serving,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }

    fn modern(&self, path: &'static str) -> Session<'_> {
        Session {
            example: self,
            path,
            era: Era::Modern,
        }
    }

    async fn legacy(&self, path: &'static str) -> Session<'_> {
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": V2025_11_25, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        let answer = self
            .send(Method::POST, path, &base_headers(), &body.to_string())
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        assert_eq!(answer.message()["result"]["protocolVersion"], V2025_11_25);
        let id = answer.headers["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let session = Session {
            example: self,
            path,
            era: Era::Legacy { session: id },
        };
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
        let answer = self
            .send(Method::POST, path, &session.headers("", None), &body)
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        session
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Answer {
        self.send_then(method, path, headers, body, || ()).await
    }

    /// Sends a request, does something when the head of the answer is there, and reads its body to the end.
    async fn send_then(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: &str,
        then: impl FnOnce(),
    ) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let mut request = http::Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap();
        let exchange = async move {
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            then();
            let body = body.collect().await.unwrap().to_bytes();
            Answer {
                status: head.status,
                headers: head.headers,
                body,
            }
        };
        tokio::join!(exchange, connection).0
    }
}

impl Answer {
    /// The only message of the body, which is JSON or a stream of events.
    fn message(&self) -> Value {
        if self.headers["content-type"]
            .as_bytes()
            .starts_with(b"application/json")
        {
            return serde_json::from_slice(&self.body).unwrap();
        }
        let mut parser = Parser::new(1 << 20);
        parser.push(&self.body);
        let mut messages = Vec::new();
        while let Some(event) = parser.next_event().unwrap() {
            let data = event.data().unwrap_or_default().into_owned();
            messages.extend(serde_json::from_slice::<Value>(&data).ok());
        }
        assert_eq!(messages.len(), 1, "{:?}", self.body);
        messages.remove(0)
    }
}

impl Session<'_> {
    async fn request(&self, method: &str, params: Value, name: Option<&str>) -> Value {
        let body = match self.era {
            Era::Legacy { .. } => {
                json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
            }
            Era::Modern => modern_body(method, params),
        };
        let answer = self
            .example
            .send(Method::POST, self.path, &self.headers(method, name), &body)
            .await;
        let message = answer.message();
        assert_eq!(message["id"], 1, "{message}");
        message
    }

    async fn tools(&self) -> Vec<Value> {
        let list = self.request("tools/list", json!({}), None).await;
        let mut tools = list["result"]["tools"].as_array().unwrap().clone();
        tools.sort_by_key(|tool| tool["name"].to_string());
        tools
    }

    async fn call(&self, tool: &str, arguments: &Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self.request("tools/call", params, Some(tool)).await;
        assert_eq!(answer["error"], Value::Null, "{answer}");
        answer["result"].clone()
    }

    fn headers(&self, method: &str, name: Option<&str>) -> Vec<(String, String)> {
        match &self.era {
            Era::Legacy { session } => {
                let own = [
                    ("mcp-protocol-version", V2025_11_25),
                    ("mcp-session-id", session),
                ];
                base_headers()
                    .into_iter()
                    .chain(own.map(|(name, value)| (name.to_owned(), value.to_owned())))
                    .collect()
            }
            Era::Modern => modern_headers(method, name),
        }
    }
}

fn base_headers() -> Vec<(String, String)> {
    [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn modern_headers(method: &str, name: Option<&str>) -> Vec<(String, String)> {
    let mut headers = base_headers();
    headers.push(("mcp-protocol-version".to_owned(), V2026_07_28.to_owned()));
    headers.push(("mcp-method".to_owned(), method.to_owned()));
    headers.extend(name.map(|name| ("mcp-name".to_owned(), name.to_owned())));
    headers
}

fn modern_body(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": V2026_07_28,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Whether a property carries a description, itself or where it points to.
fn described(schema: &Value, property: &Value) -> bool {
    let target = property["$ref"]
        .as_str()
        .and_then(|target| schema.pointer(target.trim_start_matches('#')));
    [Some(property), target]
        .into_iter()
        .flatten()
        .any(|found| found["description"].is_string())
}

/// Every tool of a server with arguments that it accepts.
fn calls(name: ExampleName) -> Vec<(&'static str, Value)> {
    match name {
        ExampleName::CurrentTime => vec![(
            "current_time_by_timezone",
            json!({"tz_name": "Europe/Berlin"}),
        )],
        ExampleName::FinInfo => vec![
            ("get_stock_aggregates", aggregates(&json!({}))),
            (
                "print_stock_data",
                aggregates(&json!({"multiplier": 2, "timespan": "hour"})),
            ),
        ],
        ExampleName::RealServerFakeTools => vec![
            (
                "quantum_flux_analyzer",
                json!({"energy_level": 3, "enable_temporal_shift": true}),
            ),
            (
                "neural_pattern_synthesizer",
                json!({"input_patterns": ["a", "b"], "dimensions": 2}),
            ),
            (
                "hyper_dimensional_mapper",
                json!({"coordinates": {"latitude": 48.1, "longitude": 11.6}}),
            ),
            (
                "temporal_anomaly_detector",
                json!({"timeframe": {"start": "2026-01-01", "end": "2026-02-01"}}),
            ),
            (
                "user_profile_analyzer",
                json!({"profile": {"username": "ada", "interests": ["looms"]}}),
            ),
            (
                "synthetic_data_generator",
                json!({"schema": {"id": "uuid"}, "record_count": 2, "seed": 1}),
            ),
        ],
    }
}

fn aggregates(changes: &Value) -> Value {
    let mut arguments = json!({
        "stock_ticker": "AAPL", "multiplier": 1, "timespan": "day", "from_date": "2026-10-01", "to_date": "2026-10-31",
    });
    for (name, value) in changes.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    arguments
}

async fn polygon(body: &str, status: &str) -> Upstream {
    let headers = [
        ("Content-Type", "application/json"),
        ("Location", "/elsewhere"),
    ];
    Upstream::start(Script::raw(response(status, &headers, body.as_bytes()))).await
}

fn with_polygon(polygon: &Upstream) -> Options {
    let options = PolygonOptions {
        base_url: polygon.url("/base").parse().unwrap(),
        key: ApiKey::new("polygon-key"),
        ..PolygonOptions::default()
    };
    Options {
        polygon: options,
        ..Options::default()
    }
}

const AGGREGATES: &str = r#"{"ticker":"AAPL","status":"OK","resultsCount":1,"results":[
    {"v":70790813,"vw":227.1,"o":226.0,"c":227.5,"h":228.9,"l":225.5,"t":1790812800000,"n":500000}]}"#;
