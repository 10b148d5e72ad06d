//! Reads a body as JSON, and stops as soon as it has more entries than the limit: a body of 1 MiB can hold 500 000 values, which take
//! a hundred times its size in memory. It also stops at a duplicate member name: a proxy may read the first value, and this service
//! would read the last.

use super::{FieldErrors, JsonPath};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::fmt;

/// Upper bound on values per entry of a list. A phase of the planner's list has 10 members.
const VALUES_PER_ENTRY: usize = 16;

/// Upper bound on values in addition, for small limits on lists.
const VALUES_AT_LEAST: usize = 1000;

/// Reads a body whose lists have at most `max_phases` entries.
///
/// # Errors
/// An error at the path where the body is not JSON, or exceeds a limit.
pub(crate) fn read(body: &[u8], max_phases: usize) -> Result<Value, FieldErrors> {
    let values = max_phases.saturating_mul(VALUES_PER_ENTRY).saturating_add(VALUES_AT_LEAST);
    let reader = JsonReader { max_phases, values, left: Cell::new(values), excess: RefCell::default() };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = reader.at(&JsonPath::BODY).deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        reader.excess.take().unwrap_or_else(|| {
            let end = error.is_eof().then(|| String::from_utf8_lossy(body).chars().count());
            let at = end.unwrap_or_else(|| offset(body, error.line(), error.column()));
            FieldErrors::one(&JsonPath::BODY.entry(at), "json_invalid", message(&error))
        })
    })
}

/// The values read so far, and the limits.
struct JsonReader {
    max_phases: usize,
    values: usize,
    left: Cell<usize>,
    /// Why reading stopped, if not for an error in the JSON.
    excess: RefCell<Option<FieldErrors>>,
}

/// Reads the value at a path.
#[derive(Clone, Copy)]
struct At<'a> {
    reader: &'a JsonReader,
    path: &'a JsonPath<'a>,
}

impl JsonReader {
    const fn at<'a>(&'a self, path: &'a JsonPath<'a>) -> At<'a> {
        At { reader: self, path }
    }

    /// Stops the reading.
    fn stop<E: Error>(&self, path: &JsonPath<'_>, kind: &'static str, message: String) -> E {
        *self.excess.borrow_mut() = Some(FieldErrors::one(path, kind, message));
        E::custom("too much")
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.reader.left.get().checked_sub(1) else {
            let message = format!("Body should have at most {} values (max_phases)", self.reader.values);
            return Err(self.reader.stop(&JsonPath::BODY, "too_long", message));
        };
        self.reader.left.set(left);
        deserializer.deserialize_any(self)
    }
}

/// The entry beyond the limit of a list.
struct OneTooMany<'a>(At<'a>);

impl<'de> DeserializeSeed<'de> for OneTooMany<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<Value, D::Error> {
        let At { reader, path } = self.0;
        let message = format!("List should have at most {} items (max_phases)", reader.max_phases);
        Err(reader.stop(path, "too_long", message))
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
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

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.reader.max_phases {
            let path = self.path.entry(list.len());
            match entries.next_element_seed(self.reader.at(&path))? {
                Some(entry) => list.push(entry),
                None => return Ok(Value::Array(list)),
            }
        }
        entries.next_element_seed(OneTooMany(self))?;
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = self.path.member(&name);
            let value = members.next_value_seed(self.reader.at(&path))?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{TWICE}: {name:?}")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// The marker of an error about a duplicate name.
const TWICE: &str = "a name appears twice in an object";

/// The message for an error: the planner's own, except for a duplicate name.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with(TWICE) {
        format!("JSON decode error: {text}")
    } else {
        "JSON decode error".to_owned()
    }
}

/// The character at a line and column, from 0.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        body.split(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(|line| line.len() + 1).sum();
    let at = (before + column).saturating_sub(1).min(body.len());
    String::from_utf8_lossy(body.get(..at).unwrap_or_default()).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_would_be_without_bounds() {
        for text in [
            r#"{"a": [1, -2, 3.5, 1e300, "x\u00e9\n", null, true, {}, []], "b": {"c": "d"}, "a ": 0}"#,
            "7",
            r#"[{"a": 1}, {"a": 2}]"#,
            "18446744073709551615",
        ] {
            assert_eq!(read(text.as_bytes(), 9).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }

    #[test]
    fn what_is_no_json_or_names_a_member_twice_is_refused() {
        for text in ["", "{", "nul", "1e999", "\"\\ud800\""] {
            assert_eq!(
                read(text.as_bytes(), 9).unwrap_err().first()[0].message,
                "JSON decode error",
                "{text}"
            );
        }
        for text in ["{\"a\":1,\"a\":1}", "[{\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3}}]"] {
            let faults = read(text.as_bytes(), 9).unwrap_err();
            assert!(faults.first()[0].message.contains("appears twice in an object: \"a\""), "{faults:?}");
        }
    }

    #[test]
    fn the_first_list_that_is_too_long_ends_the_reading_at_its_place() {
        let fault = |text: &str| {
            let faults = read(text.as_bytes(), 3).unwrap_err();
            let [only] = faults.first() else { panic!("{faults:?}") };
            (only.arrows(), only.message.clone(), only.kind)
        };
        let message = "List should have at most 3 items (max_phases)".to_owned();
        // The rest behind the last entry is not read.
        assert_eq!(fault("[1, 2, 3, x"), ("body".to_owned(), message.clone(), "too_long"));
        let inside = fault(r#"{"phases": [{"a": [1, 2, 3, 4]}]}"#);
        assert_eq!(inside, ("body -> phases -> 0 -> a".to_owned(), message, "too_long"));
        assert_eq!(fault("[1, 2,"), ("body -> 6".to_owned(), "JSON decode error".to_owned(), "json_invalid"));
        assert!(read(b"[1, 2, 3]", 3).is_ok());
    }

    #[test]
    fn members_and_nested_lists_are_bounded_together() {
        let wide: String = (0..1100).map(|n| format!("\"m{n}\":0,")).collect();
        let faults = read(format!("{{{wide}\"last\":0}}").as_bytes(), 3).unwrap_err();
        assert_eq!(faults.first()[0].message, "Body should have at most 1048 values (max_phases)");
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(read(deep.as_bytes(), 3).unwrap_err().first()[0].kind, "json_invalid");
    }
}
