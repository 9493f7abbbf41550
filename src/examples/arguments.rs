//! Arguments of tools, checked so that a model can correct itself.
//!
//! Why: the SDK answers arguments of the wrong type with a protocol error, which many clients do not show to the
//! model. The specification wants such mistakes told in the tool's result.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;

use rmcp::model::CallToolResult;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What a tool answers: a result, or a sentence that says what to change.
pub(super) type Reply = Result<CallToolResult, String>;

/// Arguments that are either right or known to be wrong; the schema is that of `T`.
pub(super) struct Checked<T>(pub(super) Result<T, String>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let arguments = Map::deserialize(deserializer)?;
        Ok(Self(parse(&arguments).map_err(|message| {
            blame(&arguments, parse::<T>, &message)
        })))
    }
}

impl<T: JsonSchema> JsonSchema for Checked<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

fn parse<T: DeserializeOwned>(arguments: &Map<String, Value>) -> Result<T, String> {
    T::deserialize(Value::Object(arguments.clone())).map_err(|error| error.to_string())
}

/// Names the argument that an error is about: the one without which the error is another.
fn blame<T>(
    arguments: &Map<String, Value>,
    parse: impl Fn(&Map<String, Value>) -> Result<T, String>,
    message: &str,
) -> String {
    let culprit = arguments.keys().find(|key| {
        let mut others = arguments.clone();
        others.remove(*key);
        parse(&others).map_or_else(|other| other != message, |_| true)
    });
    match culprit {
        Some(key) if !message.contains(&format!("`{key}`")) => {
            format!("wrong argument `{key}`: {message}")
        }
        _ => format!("wrong arguments: {message}"),
    }
}

/// Refuses a number outside a range.
pub(super) fn within<N: PartialOrd + Display>(
    name: &str,
    value: N,
    range: RangeInclusive<N>,
) -> Result<N, String> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = range.into_inner();
    Err(format!(
        "wrong argument `{name}`: {value} is not between {least} and {most}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Point {
        #[expect(dead_code, reason = "only reading is tested")]
        x: u8,
        #[expect(dead_code, reason = "only reading is tested")]
        #[serde(default)]
        y: Option<u8>,
    }

    fn refusal(arguments: &str) -> String {
        serde_json::from_str::<Checked<Point>>(arguments)
            .unwrap()
            .0
            .unwrap_err()
    }

    #[test]
    fn names_the_argument_of_the_wrong_type() {
        assert_eq!(
            refusal(r#"{"x": 1, "y": "two"}"#),
            "wrong argument `y`: invalid type: string \"two\", expected u8"
        );
        assert!(refusal(r#"{"x": -1}"#).starts_with("wrong argument `x`: invalid value"));
    }

    #[test]
    fn names_missing_and_unknown_arguments() {
        assert_eq!(refusal("{}"), "wrong arguments: missing field `x`");
        let unknown = refusal(r#"{"x": 1, "params": {}}"#);
        assert_eq!(
            unknown,
            "wrong arguments: unknown field `params`, expected `x` or `y`"
        );
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        assert_eq!(within("energy_level", 10, 1..=10), Ok(10));
        let refused = within("energy_level", 11, 1..=10).unwrap_err();
        assert_eq!(
            refused,
            "wrong argument `energy_level`: 11 is not between 1 and 10"
        );
        assert!(within("factor", f64::NAN, 0.0..=1.0).is_err());
    }
}
