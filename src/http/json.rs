//! JSON bodies, read strictly: no key twice, bounded depth and number of keys.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON text.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    parse_up_to(text, MAX_KEYS)
}

/// Reads one JSON text with so many keys in all.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse_up_to(text: &[u8], max_keys: usize) -> Result<Value, Error> {
    let left = Cell::new(max_keys);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let seed = Strict {
        depth: MAX_DEPTH,
        keys_left: &left,
    };
    let value = seed
        .deserialize(&mut deserializer)
        .map_err(|error| Error(error.to_string()))?;
    deserializer
        .end()
        .map_err(|error| Error(error.to_string()))?;
    Ok(value)
}

/// Not the JSON that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not acceptable JSON: {0}")]
pub struct Error(String);

#[derive(Clone, Copy)]
struct Strict<'k> {
    depth: usize,
    keys_left: &'k Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth, ..self })
            .ok_or_else(|| E::custom("nested deeper than 64 levels"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let left = self.keys_left.get().checked_sub(1);
            self.keys_left
                .set(left.ok_or_else(|| A::Error::custom("more keys than are taken"))?);
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key {key:?} is given twice"
                )));
            }
            map.insert(key, entries.next_value_seed(inner)?);
        }
        Ok(Value::Object(map))
    }
}

const MAX_DEPTH: usize = 64;
const MAX_KEYS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,3.5,null,true,"x\u00e9"],"b":{}}"#;
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn refuses_bombs_and_ambiguity() {
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        let keys: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
        let many = format!("{{{}}}", keys.join(","));
        for text in [
            "",
            "{",
            "{\"a\":1",
            "{} {}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "1e999",
            "NaN",
            "\u{feff}{}",
            "{\"x\":{\"y\":1,\"y\":1}}",
            "'a'",
            &deep,
            &many,
        ] {
            assert!(
                parse(text.as_bytes()).is_err(),
                "{}",
                text.chars().take(40).collect::<String>()
            );
        }
        assert!(parse(b"\"\xff\xfe\"").is_err());
        assert!(parse(("[".repeat(64) + &"]".repeat(64)).as_bytes()).is_ok());
        assert!(parse(("[".repeat(65) + &"]".repeat(65)).as_bytes()).is_err());
    }
}
