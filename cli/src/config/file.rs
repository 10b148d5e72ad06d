//! The settings file. Unknown settings are refused with their line, since a misspelt setting would have no effect.

use super::key;
use crate::failure::Failure;
use std::collections::HashMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The values of the file, as text, by name.
pub(super) fn read(path: &Path) -> Result<HashMap<&'static str, String>, Failure> {
    let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
    let text =
        std::fs::read_to_string(path).map_err(|error| wrong(format!("the file cannot be read: {error}")))?;
    let at = |offset: usize| 1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or_else(String::new, |span| format!("line {}: ", at(span.start)));
        wrong(format!("{line}{}", error.message()))
    })?;
    let mut values = HashMap::new();
    for (name, value) in table.get_ref() {
        let line = at(name.span().start);
        let name = name.get_ref().as_ref();
        let Some(key) = key::by_name(name) else {
            return Err(wrong(format!("line {line}: unknown setting {name:?}")).remedy(known()));
        };
        if key.secret {
            return Err(wrong(format!("line {line}: {name} is not allowed in a settings file")).remedy(
                format!(
                    "Put it into a separate file and name that file in {name}_file, or set {}.",
                    key.variable
                ),
            ));
        }
        let value = text_of(value).ok_or_else(|| {
            wrong(format!("line {line}: {name} is neither text, a number, nor true or false"))
        })?;
        values.insert(key.name, value);
    }
    Ok(values)
}

/// A value as on a command line; a list of texts is joined by spaces.
fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    Some(match value.get_ref() {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Array(list) => {
            let words: Option<Vec<String>> =
                list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            words?.join(" ")
        }
        _ => return None,
    })
}

fn known() -> String {
    let names: Vec<&str> = super::KEYS.iter().filter(|key| !key.secret).map(|key| key.name).collect();
    format!("Known settings: {}.", names.join(", "))
}
