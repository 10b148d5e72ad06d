//! Reads JSON in which a name stands once in each object: of two values for one name, readers on the way to here may take the
//! first, and this service would take the last.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The value of a text.
///
/// # Errors
/// `serde_json`'s own, with the place; also for a name that stands twice.
pub(crate) fn from_slice(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Unique>(text).map(|Unique(value)| value)
}

/// A value whose objects name each member once.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(Unique(entry)) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Value::Array(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let Unique(value) = object.next_value()?;
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{TWICE}: {name:?}")));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// How an error says that a name stands twice.
const TWICE: &str = "a name stands twice in an object";

/// What is wrong with a text, for a person: the planner's own words, unless it is a name that stands twice.
pub(crate) fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with(TWICE) {
        format!("JSON decode error: {text}")
    } else {
        "JSON decode error".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_read_is_what_serde_json_reads_unless_a_name_stands_twice() {
        for text in [
            "null",
            "[1, -2, 0.10, true, \"a\", {\"b\": {\"c\": []}}]",
            "18446744073709551615",
            "1e300",
            "\"\\u00e9\"",
        ] {
            assert_eq!(from_slice(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
        for text in ["", "{", "nul", "1e999", "\"\\ud800\"", &"[".repeat(200)] {
            assert!(from_slice(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(from_slice(b"[{\"a\":1},{\"a\":2}]").unwrap(), json!([{ "a": 1 }, { "a": 2 }]));
        for text in ["{\"a\":1,\"a\":1}", "[{\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3}}]"] {
            let error = from_slice(text.as_bytes()).unwrap_err();
            assert!(told(&error).contains("stands twice in an object: \"a\""), "{error}");
        }
    }
}
