//! Tools and a prompt that answer "input required" until the request brings the input (2026-07-28).
//!
//! Nothing is kept between the rounds: what must be remembered travels as a sealed state.

use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, InputRequest, InputRequiredResult,
    InputResponses, RequestStateError,
};
use serde_json::Value;

use crate::content::success;
use crate::form::{form_request, question_request, roots_request};
use crate::handler::{Call, PeerServer};
use crate::jobs;

type Answer = Result<CallToolResponse, ErrorData>;

/// The answer of the tool of that name, if it is one of these.
pub(crate) fn call(
    server: &PeerServer,
    request: &CallToolRequestParams,
    context: &Call,
) -> Option<Answer> {
    let round = Round {
        server,
        given: request.input_responses.as_ref(),
        state: request.request_state.as_deref(),
    };
    Some(match request.name.as_ref() {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
            round.elicitation()
        }
        "test_input_required_result_sampling" => Ok(round.sampling()),
        "test_input_required_result_list_roots" => Ok(round.roots()),
        "test_input_required_result_request_state" => round.state("request-state"),
        "test_input_required_result_tampered_state" => round.state("tampered-state"),
        "test_input_required_result_multiple_inputs" => round.several(),
        "test_input_required_result_multi_round" => round.twice(),
        "test_input_required_result_capabilities" => what_the_client_can(context),
        "test_missing_capability" => needs_sampling(context),
        "test_tool_with_task" => round.then_task(),
        _ => return None,
    })
}

/// The text under `field` of an accepted elicitation, if it was given.
pub(crate) fn accepted(given: Option<&InputResponses>, key: &str, field: &str) -> Option<String> {
    let value = given?.get(key)?;
    if value.get("action").and_then(Value::as_str) != Some("accept") {
        return None;
    }
    match value.get("content")?.get(field)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// "Input required" with these requests.
pub(crate) fn required<const N: usize>(
    requests: [(&str, InputRequest); N],
    state: Option<String>,
) -> InputRequiredResult {
    let requests = requests
        .into_iter()
        .map(|(key, request)| (key.to_owned(), request))
        .collect();
    InputRequiredResult::new(Some(requests), state)
}

/// What one request brought.
struct Round<'a> {
    server: &'a PeerServer,
    given: Option<&'a InputResponses>,
    state: Option<&'a str>,
}

impl Round<'_> {
    fn elicitation(&self) -> Answer {
        if let Some(name) = accepted(self.given, "user_name", "name") {
            return Ok(success(format!("Hello, {name}!")).into());
        }
        let ask = form_request("name", "What is your name?")?;
        Ok(required([("user_name", ask)], None).into())
    }

    fn sampling(&self) -> CallToolResponse {
        let text = self.answer("capital_question").and_then(|answer| {
            let content = answer.get("content")?;
            let block = content
                .as_array()
                .map_or(content, |blocks| blocks.first().unwrap_or(content));
            block.get("text")?.as_str().map(str::to_owned)
        });
        if let Some(text) = text {
            return success(text).into();
        }
        let ask = question_request("What is the capital of France?", 100);
        required([("capital_question", ask)], None).into()
    }

    fn roots(&self) -> CallToolResponse {
        if let Some(roots) = self.roots_given() {
            return success(format!("roots: {}", roots.join(", "))).into();
        }
        required([("client_roots", roots_request())], None).into()
    }

    fn state(&self, purpose: &str) -> Answer {
        if self.state.is_none() {
            let ask = form_request("ok", "Please confirm")?;
            return Ok(required([("confirm", ask)], Some(self.seal(purpose))).into());
        }
        self.opened(purpose)?;
        if accepted(self.given, "confirm", "ok").is_none() {
            return Err(ErrorData::invalid_params(
                "the confirmation is missing",
                None,
            ));
        }
        Ok(success("state-ok").into())
    }

    fn several(&self) -> Answer {
        let name = accepted(self.given, "user_name", "name");
        if let (Some(name), Some(_), Some(roots)) =
            (name, self.answer("greeting"), self.roots_given())
        {
            self.opened("several")?;
            return Ok(success(format!("{name} has {} roots", roots.len())).into());
        }
        let asks = [
            ("user_name", form_request("name", "What is your name?")?),
            ("greeting", question_request("Generate a greeting", 50)),
            ("client_roots", roots_request()),
        ];
        Ok(required(asks, Some(self.seal("several"))).into())
    }

    fn twice(&self) -> Answer {
        let Some(state) = self.state else {
            let ask = form_request("name", "Step 1: What is your name?")?;
            return Ok(required([("step1", ask)], Some(self.seal("round-1"))).into());
        };
        if self
            .server
            .state
            .open(state)
            .is_ok_and(|open| open == b"round-1")
        {
            let ask = form_request("color", "Step 2: What is your favorite color?")?;
            return Ok(required([("step2", ask)], Some(self.seal("round-2"))).into());
        }
        self.opened("round-2")?;
        let color = accepted(self.given, "step2", "color");
        Ok(success(format!("favorite color: {}", color.unwrap_or_default())).into())
    }

    fn then_task(&self) -> Answer {
        if let Some(name) = accepted(self.given, "user_name", "name") {
            return Ok(jobs::saying(self.server, format!("Hello, {name}!")));
        }
        self.elicitation()
    }

    fn answer(&self, key: &str) -> Option<&Value> {
        self.given?.get(key).filter(|answer| answer.is_object())
    }

    fn roots_given(&self) -> Option<Vec<String>> {
        let roots = self.answer("client_roots")?.get("roots")?.as_array()?;
        let uri = |root: &Value| Some(root.get("uri")?.as_str()?.to_owned());
        Some(roots.iter().filter_map(uri).collect())
    }

    fn seal(&self, purpose: &str) -> String {
        self.server.state.seal(purpose.as_bytes())
    }

    fn opened(&self, purpose: &str) -> Result<(), ErrorData> {
        let opened = self.server.state.open(self.state.unwrap_or_default());
        match opened {
            Ok(found) if found == purpose.as_bytes() => Ok(()),
            Ok(_) => Err(ErrorData::invalid_params(
                "the state is another tool's",
                None,
            )),
            Err(error) => Err(refused(&error)),
        }
    }
}

fn refused(error: &RequestStateError) -> ErrorData {
    ErrorData::invalid_params(format!("the request's state was refused: {error}"), None)
}

fn what_the_client_can(context: &Call) -> Answer {
    let able = context.client_capabilities().unwrap_or_default();
    let mut asks = Vec::new();
    if able.sampling.is_some() {
        asks.push(("question".to_owned(), question_request("Say hello", 20)));
    }
    if able.elicitation.is_some() {
        asks.push(("form".to_owned(), form_request("name", "Who are you?")?));
    }
    if asks.is_empty() {
        return Ok(success("nothing to ask").into());
    }
    Ok(InputRequiredResult::from_input_requests(asks.into_iter().collect()).into())
}

fn needs_sampling(context: &Call) -> Answer {
    let able = context.client_capabilities().unwrap_or_default();
    if able.sampling.is_some() {
        return Ok(success("the client can sample").into());
    }
    Err(ErrorData::missing_required_client_capability(
        ClientCapabilities::builder().enable_sampling().build(),
    ))
}
