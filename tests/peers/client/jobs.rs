//! Jobs of the interop matrix: one JSON object a line comes in, one report a line goes out.
//!
//! Jobs and reports are those of `tests/clients/drivers/driver.py`, which says what they mean.
//! A job that fails is a report too; only broken input ends the program. Start reading at [`work`].

use std::io::{BufRead as _, Write as _};
use std::pin::pin;

use anyhow::Context as _;
use rmcp::model::{CallToolRequestParams, GetPromptRequestParams, ReadResourceRequestParams};
use rmcp::service::ServiceError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Era;
use crate::connect::{Client, connect};
use crate::everything::Wanted;

#[derive(Debug, Deserialize)]
struct Job {
    url: String,
    era: Era,
    /// Whether the token of the environment is sent.
    token: bool,
    plan: Plan,
}

#[derive(Debug, Deserialize)]
struct Plan {
    call: Wanted,
    wrong: Vec<Wanted>,
    asking: Option<Vec<Wanted>>,
    progress: Option<Watched>,
    resource: Option<String>,
    prompt: Option<Wanted>,
}

/// A call that reports progress, and the call that lets it end.
#[derive(Debug, Deserialize)]
struct Watched {
    #[serde(flatten)]
    call: Wanted,
    release: Option<Wanted>,
}

/// Answers jobs until standard input ends.
pub(crate) async fn work() -> anyhow::Result<()> {
    while let Some(line) = next_line().await? {
        let job: Job = serde_json::from_str(&line).context("parsing a job")?;
        let report = match run(job).await {
            Ok(report) => report,
            Err(error) => json!({"failure": format!("{error:#}")}),
        };
        writeln!(std::io::stdout(), "{report}").context("printing a report")?;
    }
    Ok(())
}

/// Reads on a thread of its own: what a finished job still has to do goes on meanwhile.
async fn next_line() -> anyhow::Result<Option<String>> {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next().transpose());
    read.await?.context("reading a job")
}

async fn run(job: Job) -> anyhow::Result<Value> {
    let client = connect(&job.url, job.era, job.token).await?;
    let report = exercise(&client, job.plan).await;
    client.cancel().await.context("closing the connection")?;
    report
}

async fn exercise(client: &Client, plan: Plan) -> anyhow::Result<Value> {
    let version = client.peer_info().map(|info| info.protocol_version.clone());
    let tools = client.list_all_tools().await.context("listing the tools")?;
    let mut report = Map::new();
    let mut note = |part: &str, value: Value| report.insert(part.to_owned(), value);
    note("version", json!(version));
    note("tools", json!(tools));
    note("call", call(client, plan.call).await?);
    note("wrong", calls(client, plan.wrong).await?);
    if let Some(asking) = plan.asking {
        note("asked", calls(client, asking).await?);
    }
    if let Some(watched) = plan.progress {
        note("watched", watch(client, watched).await?);
    }
    if let Some(uri) = plan.resource {
        note("resources", json!(client.list_all_resources().await?));
        let read = client.read_resource(ReadResourceRequestParams::new(uri));
        note("resource", outcome(read.await)?);
    }
    if let Some(Wanted { name, arguments }) = plan.prompt {
        note("prompts", json!(client.list_all_prompts().await?));
        let params = GetPromptRequestParams::new(name).with_arguments(arguments);
        note("prompt", outcome(client.get_prompt(params).await)?);
    }
    Ok(Value::Object(report))
}

/// Where there is a release, it comes only after all progress was seen.
async fn watch(client: &Client, watched: Watched) -> anyhow::Result<Value> {
    let heard = client.service();
    let mut first = pin!(call(client, watched.call));
    let (result, released) = match watched.release {
        None => (first.await?, Value::Null),
        Some(release) => {
            tokio::select! {
                early = &mut first => anyhow::bail!("it ended before its progress was seen: {}", early?),
                () = heard.complete() => {}
            }
            let released = call(client, release).await?;
            (first.await?, released)
        }
    };
    let (progress, logs) = heard.so_far();
    Ok(json!({"result": result, "released": released, "progress": progress, "logs": logs}))
}

async fn calls(client: &Client, wanted: Vec<Wanted>) -> anyhow::Result<Value> {
    let mut outcomes = Vec::with_capacity(wanted.len());
    for one in wanted {
        outcomes.push(call(client, one).await?);
    }
    Ok(Value::Array(outcomes))
}

async fn call(client: &Client, Wanted { name, arguments }: Wanted) -> anyhow::Result<Value> {
    let params = CallToolRequestParams::new(name).with_arguments(arguments);
    outcome(client.call_tool(params).await)
}

/// A result, or the protocol error that a request ended with. Other failures are not outcomes.
fn outcome<T: Serialize>(end: Result<T, ServiceError>) -> anyhow::Result<Value> {
    match end {
        Ok(result) => serde_json::to_value(result).context("printing a result"),
        Err(ServiceError::McpError(error)) => {
            Ok(json!({"error": {"code": error.code, "message": error.message}}))
        }
        Err(error) => Err(error).context("making a request"),
    }
}
