//! Tools that answer at once, one for each kind of content.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rmcp::model::{
    AudioContent, CallToolResult, ContentBlock, JsonObject, Resource, ResourceContents,
};
use serde_json::{Value, json};

/// The result of the tool of that name, if it is one of these.
pub(crate) fn call(name: &str, arguments: &JsonObject) -> Option<CallToolResult> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    let blocks = match name {
        "test_simple_text" => vec![simple()],
        "test_image_content" => vec![image()],
        "test_audio_content" => vec![ContentBlock::Audio(AudioContent::new(AUDIO, "audio/wav"))],
        "test_embedded_resource" => vec![embedded()],
        "test_resource_link" => vec![ContentBlock::resource_link(Resource::new(
            "test://static-text",
            "static-text",
        ))],
        "test_multiple_content_types" => {
            vec![
                ContentBlock::text("Multiple content types test:"),
                image(),
                mixed(),
            ]
        }
        "test_structured_content" => {
            return Some(CallToolResult::structured(json!({"answer": 42})));
        }
        "test_error_handling" => {
            return Some(failure(
                "This tool intentionally returns an error for testing",
            ));
        }
        "current_time_by_timezone" => return Some(time_in(text("tz_name").unwrap_or("UTC"))),
        "test_x_mcp_header" => vec![ContentBlock::text(format!(
            "region: {}",
            text("region").unwrap_or_default()
        ))],
        "json_schema_2020_12_tool" | "greet" => vec![ContentBlock::text(format!(
            "Hello, {}!",
            text("name").unwrap_or("world")
        ))],
        _ => return None,
    };
    Some(CallToolResult::success(blocks))
}

/// A result that is one text.
pub(crate) fn success(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// A tool's own failure.
pub(crate) fn failure(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// One red dot.
pub(crate) fn image() -> ContentBlock {
    ContentBlock::image(IMAGE, "image/png")
}

fn simple() -> ContentBlock {
    ContentBlock::text("This is a simple text response for testing.")
}

fn embedded() -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(
        "This is an embedded resource content.",
        "test://embedded-resource",
    ))
}

fn mixed() -> ContentBlock {
    let contents = ResourceContents::text(
        r#"{"test":"data","value":123}"#,
        "test://mixed-content-resource",
    );
    ContentBlock::resource(contents.with_mime_type("application/json"))
}

fn time_in(zone: &str) -> CallToolResult {
    match TimeZone::get(zone) {
        Ok(zone) => success(
            Timestamp::now()
                .to_zoned(zone)
                .strftime("%Y-%m-%d %H:%M:%S %Z%z")
                .to_string(),
        ),
        Err(_) => failure(format!("{zone} is not a time zone of the IANA database")),
    }
}

/// A PNG of one red pixel.
pub(crate) const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
/// A WAV of no length.
const AUDIO: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";
