//! What is asked of clients: forms for their users, questions for their models, their roots.

use rmcp::ErrorData;
use rmcp::model::{
    CreateMessageRequest, CreateMessageRequestParams, ElicitRequest, ElicitRequestParams,
    InputRequest, ListRootsRequest, SamplingMessage,
};
use serde_json::Value;

/// Parameters of an elicitation with the form of that name in `forms.json`.
pub(crate) fn form(name: &str, message: &str) -> Result<ElicitRequestParams, ErrorData> {
    let mut forms: Value = serde_json::from_str(FORMS).map_err(broken)?;
    let schema = forms
        .get_mut(name)
        .map(Value::take)
        .ok_or_else(|| broken(format!("no form is called {name}")))?;
    Ok(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: serde_json::from_value(schema).map_err(broken)?,
    })
}

/// The same as a request that a result can carry.
pub(crate) fn form_request(name: &str, message: &str) -> Result<InputRequest, ErrorData> {
    Ok(InputRequest::Elicitation(ElicitRequest::new(form(
        name, message,
    )?)))
}

/// A question for the client's model.
pub(crate) fn question(text: &str, most_tokens: u32) -> CreateMessageRequestParams {
    CreateMessageRequestParams::new(vec![SamplingMessage::user_text(text)], most_tokens)
}

/// The same as a request that a result can carry.
pub(crate) fn question_request(text: &str, most_tokens: u32) -> InputRequest {
    InputRequest::CreateMessage(CreateMessageRequest::new(question(text, most_tokens)))
}

/// A request for the client's roots.
pub(crate) fn roots_request() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

fn broken(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(format!("reading forms.json: {error}"), None)
}

const FORMS: &str = include_str!("forms.json");
