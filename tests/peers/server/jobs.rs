//! Tools that become tasks where the client knows tasks.

use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, CallToolResult, ClientCapabilities, CreateTaskResult, InputRequest,
    JsonObject,
};
use rmcp::task_manager::{TaskContext, TaskExit, TaskOptions};
use serde_json::Value;

use crate::content::{failure, success};
use crate::form::form_request;
use crate::handler::{Call, PeerServer};

type Answer = Result<CallToolResponse, ErrorData>;
type Ended = Result<CallToolResult, TaskExit>;

/// The answer of the tool of that name, if it is one of these.
pub(crate) async fn call(
    server: &PeerServer,
    name: &str,
    arguments: &JsonObject,
    context: &Call,
) -> Option<Answer> {
    let knows_tasks = context
        .client_capabilities()
        .is_some_and(|able| able.supports_tasks());
    let seconds = arguments
        .get("seconds")
        .and_then(Value::as_u64)
        .unwrap_or(1)
        .min(60);
    Some(match name {
        "slow_compute" if !knows_tasks => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(computed(seconds).into())
        }
        "slow_compute" => Ok(task(server, async move |task| {
            compute(seconds, &task).await
        })),
        "failing_job" | "protocol_error_job" | "confirm_delete" | "multi_input" if !knows_tasks => {
            Err(ErrorData::missing_required_client_capability(
                ClientCapabilities::builder().enable_tasks().build(),
            ))
        }
        "failing_job" => Ok(task(server, async |_| {
            tokio::time::sleep(SOON).await;
            Ok(failure("the job failed, as it always does"))
        })),
        "protocol_error_job" => Ok(task(server, async |_| {
            Err(ErrorData::internal_error("the job broke, as it always does", None).into())
        })),
        "confirm_delete" => Ok(task(server, async |task| {
            let answer = ask(&task, "confirm", "Delete the file?").await?;
            Ok(success(format!("confirmed: {answer}")))
        })),
        "multi_input" => Ok(task(server, async |task| {
            let (first, second) = tokio::try_join!(
                ask(&task, "first", "The first question"),
                ask(&task, "second", "The second question"),
            )?;
            Ok(success(format!("answers: {first}, {second}")))
        })),
        _ => return None,
    })
}

/// A task that ends with this text.
pub(crate) fn saying(server: &PeerServer, text: String) -> CallToolResponse {
    task(server, async move |_| Ok(success(text)))
}

fn task<W, F>(server: &PeerServer, work: W) -> CallToolResponse
where
    W: FnOnce(TaskContext) -> F + Send + 'static,
    F: Future<Output = Ended> + Send + 'static,
{
    let options = TaskOptions::new().with_poll_interval_ms(50);
    let task = server
        .tasks
        .spawn(options, |context| Box::pin(work(context)));
    CreateTaskResult::new(task).into()
}

async fn compute(seconds: u64, task: &TaskContext) -> Ended {
    tokio::select! {
        () = task.cancelled() => Err(TaskExit::Cancelled),
        () = tokio::time::sleep(Duration::from_secs(seconds)) => Ok(computed(seconds)),
    }
}

fn computed(seconds: u64) -> CallToolResult {
    success(format!("computed for {seconds} s"))
}

async fn ask(task: &TaskContext, key: &str, message: &str) -> Result<Value, TaskExit> {
    let request: InputRequest = form_request("confirm", message)?;
    task.request_input(key, request).await
}

const SOON: Duration = Duration::from_millis(100);
