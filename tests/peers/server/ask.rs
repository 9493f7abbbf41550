//! Tools that ask the client while they run: sampling and elicitation of the older revisions.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ElicitResult, JsonObject};
use rmcp::service::ServiceError;
use serde_json::Value;

use crate::content::{failure, success};
use crate::form::{form, question};
use crate::handler::Call;

/// The result of the tool of that name, if it is one of these.
pub(crate) async fn call(
    name: &str,
    arguments: &JsonObject,
    context: &Call,
) -> Option<Result<CallToolResult, ErrorData>> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    Some(match name {
        "test_sampling" => Ok(sample(text("prompt").unwrap_or("Hello"), context).await),
        "test_elicitation" => {
            let message = text("message").unwrap_or("Please provide your information");
            elicit("User response", "contact", message, context).await
        }
        "test_elicitation_sep1034_defaults" => {
            elicit(
                "Elicitation completed",
                "defaults",
                "Please check the values",
                context,
            )
            .await
        }
        "test_elicitation_sep1330_enums" => {
            elicit("Elicitation completed", "enums", "Please choose", context).await
        }
        _ => return None,
    })
}

async fn sample(prompt: &str, context: &Call) -> CallToolResult {
    match context.peer.create_message(question(prompt, 100)).await {
        Ok(answer) => {
            let text = answer
                .message
                .content
                .first()
                .and_then(|block| block.as_text());
            success(format!(
                "LLM response: {}",
                text.map_or("no text", |text| text.text.as_str())
            ))
        }
        Err(error) => refused("sampling", &error),
    }
}

async fn elicit(
    said: &str,
    name: &str,
    message: &str,
    context: &Call,
) -> Result<CallToolResult, ErrorData> {
    let answer = context.peer.create_elicitation(form(name, message)?).await;
    Ok(match answer {
        Ok(answer) => success(format!("{said}: {}", words(&answer))),
        Err(error) => refused("elicitation", &error),
    })
}

fn words(answer: &ElicitResult) -> String {
    let action = serde_json::to_value(&answer.action).unwrap_or_default();
    let content = answer.content.clone().unwrap_or_default();
    format!(
        "action={}, content={content}",
        action.as_str().unwrap_or("unknown")
    )
}

fn refused(what: &str, error: &ServiceError) -> CallToolResult {
    failure(format!("the client refused {what}: {error}"))
}
