//! Prompts, one for each kind of content.

use rmcp::ErrorData;
use rmcp::model::{
    ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt,
    PromptArgument, PromptMessage, ResourceContents, Role,
};
use serde_json::Value;

use crate::content::image;
use crate::form::form_request;
use crate::input::{accepted, required};

/// What `prompts/list` names.
pub(crate) fn list() -> Vec<Prompt> {
    vec![
        Prompt::new(
            "test_simple_prompt",
            Some("A prompt without arguments"),
            None,
        ),
        Prompt::new(
            "test_prompt_with_arguments",
            Some("A prompt with arguments"),
            Some(vec![argument("arg1"), argument("arg2")]),
        ),
        Prompt::new(
            "test_prompt_with_embedded_resource",
            Some("A prompt with an embedded resource"),
            Some(vec![argument("resourceUri")]),
        ),
        Prompt::new(
            "test_prompt_with_image",
            Some("A prompt with an image"),
            None,
        ),
        Prompt::new(
            "test_input_required_result_prompt",
            Some("A prompt that needs input first"),
            None,
        ),
    ]
}

/// Fills one prompt.
pub(crate) fn fill(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let given = |name: &str| {
        let value = request
            .arguments
            .as_ref()?
            .get(name)
            .and_then(Value::as_str)?;
        Some(value.to_owned())
    };
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let [first, second] = ["arg1", "arg2"].map(|name| given(name).unwrap_or_default());
            vec![text(format!(
                "Prompt with arguments: arg1='{first}', arg2='{second}'"
            ))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = given("resourceUri").unwrap_or_else(|| "test://static-text".to_owned());
            let resource = ResourceContents::text("Embedded resource content for testing.", uri);
            vec![
                PromptMessage::new(Role::User, ContentBlock::resource(resource)),
                text("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => vec![
            PromptMessage::new(Role::User, image()),
            text("Please analyze the image above."),
        ],
        "test_input_required_result_prompt" => {
            let given = accepted(request.input_responses.as_ref(), "user_context", "context");
            let Some(context) = given else {
                let ask = form_request("context", "What context should the prompt use?")?;
                return Ok(required([("user_context", ask)], None).into());
            };
            vec![text(format!("A prompt about {context}"))]
        }
        unknown => {
            return Err(ErrorData::invalid_params(
                format!("unknown prompt: {unknown}"),
                None,
            ));
        }
    };
    Ok(GetPromptResult::new(messages).into())
}

fn argument(name: &str) -> PromptArgument {
    PromptArgument::new(name)
        .with_description(format!("The argument {name}"))
        .with_required(true)
}

fn text(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}
