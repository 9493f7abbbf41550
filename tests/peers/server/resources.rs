//! Resources, a template, and completions.

use rmcp::ErrorData;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::json;

use crate::content::IMAGE;

/// What `resources/list` names.
pub(crate) fn list() -> Vec<Resource> {
    vec![
        Resource::new("test://static-text", "Static Text Resource")
            .with_description("A static text")
            .with_mime_type("text/plain"),
        Resource::new("test://static-binary", "Static Binary Resource")
            .with_description("A static image")
            .with_mime_type("image/png"),
        Resource::new("test://watched-resource", "Watched Resource")
            .with_description("A text to subscribe to")
            .with_mime_type("text/plain"),
    ]
}

/// What `resources/templates/list` names.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("test://template/{id}/data", "Dynamic Resource")
            .with_description("A resource with a parameter")
            .with_mime_type("application/json"),
    ]
}

/// Reads one resource.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        "test://static-text" => {
            ResourceContents::text("This is the content of the static text resource.", uri)
        }
        "test://watched-resource" => ResourceContents::text("Watched content", uri),
        "test://static-binary" => ResourceContents::blob(IMAGE, uri).with_mime_type("image/png"),
        _ => from_template(uri).ok_or_else(|| {
            ErrorData::resource_not_found("no such resource", Some(json!({"uri": uri})))
        })?,
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Values that an argument may take.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let begun = request.argument.value.as_str();
    let values = ["paris", "park", "party"]
        .into_iter()
        .filter(|value| value.starts_with(begun))
        .map(str::to_owned)
        .collect();
    let completion = CompletionInfo::with_all_values(values)
        .map_err(|error| ErrorData::internal_error(error, None))?;
    Ok(CompleteResult::new(completion))
}

fn from_template(uri: &str) -> Option<ResourceContents> {
    let id = uri
        .strip_prefix("test://template/")?
        .strip_suffix("/data")?;
    let text = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
    Some(ResourceContents::text(text.to_string(), uri).with_mime_type("application/json"))
}
