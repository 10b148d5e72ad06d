//! Texts.

use super::{FieldErrors, FromJson, JsonPath};
use serde_json::Value;

impl FromJson for String {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let text = value.as_str().map(ToOwned::to_owned);
        if text.is_none() {
            faults.note(path, "string_type", "Input should be a valid string");
        }
        text
    }
}

/// A text without the white space around it, as the planner's routes take it.
#[derive(Debug)]
pub(crate) struct Trimmed(pub(crate) String);

impl FromJson for Trimmed {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        String::read(value, path, faults).map(|text| Self(text.trim().to_owned()))
    }
}
