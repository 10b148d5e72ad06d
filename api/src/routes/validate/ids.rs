//! Ids, with the planner's messages about texts that are none.

use super::{FieldErrors, FromJson, JsonPath};
use phaseline_domain::{PhaseId, ProjectId};
use serde_json::Value;
use std::str::FromStr;
use uuid::Uuid;

/// The lengths of the groups of an id with hyphens.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// An id in the path.
pub(crate) fn in_path<T: From<Uuid>>(name: &str, text: &str, faults: &mut FieldErrors) -> Option<T> {
    uuid(text, &JsonPath::PATH.member(name), faults).map(T::from)
}

fn uuid(text: &str, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Uuid> {
    let id = Uuid::from_str(text).ok();
    if id.is_none() {
        faults.note(path, "uuid_parsing", format!("Input should be a valid UUID, {}", what_is_wrong(text)));
    }
    id
}

/// What is wrong with a text that is not an id.
fn what_is_wrong(text: &str) -> String {
    let braced = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let (id, skipped) = match (braced, text.strip_prefix("urn:uuid:")) {
        (Some(id), _) => (id, 1),
        (None, Some(id)) => (id, 9),
        (None, None) => (text, 0),
    };
    let odd = id.char_indices().find(|(_, character)| !character.is_ascii_hexdigit() && *character != '-');
    if let Some((at, character)) = odd {
        return format!(
            "invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `{character}` at {}",
            at + skipped + 1
        );
    }
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    if groups.len() == 1 && skipped == 0 {
        return format!("invalid length: expected length 32 for simple format, found {}", id.len());
    }
    if groups.len() != GROUPS.len() {
        return format!("invalid group count: expected 5, found {}", groups.len());
    }
    let lengths = groups.into_iter().zip(GROUPS).enumerate();
    let wrong = lengths.into_iter().find(|(_, (found, expected))| found != expected);
    let (group, (found, expected)) = wrong.unwrap_or_default();
    format!("invalid group length in group {group}: expected {expected}, found {found}")
}

impl FromJson for Uuid {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        if let Value::String(text) = value {
            return uuid(text, path, faults);
        }
        faults.note(path, "uuid_type", "UUID input should be a string, bytes or UUID object");
        None
    }
}

impl FromJson for PhaseId {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        Uuid::read(value, path, faults).map(Self::from)
    }
}

impl FromJson for ProjectId {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        Uuid::read(value, path, faults).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_id_is_explained_as_the_planner_does() {
        let character =
            "invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], found";
        for (text, wrong) in [
            ("", "invalid length: expected length 32 for simple format, found 0".to_owned()),
            ("x", format!("{character} `x` at 1")),
            ("{1-g}", format!("{character} `g` at 4")),
            ("\u{e4}", format!("{character} `\u{e4}` at 1")),
            ("123e4567-e89b-12d3-a456_426614174000", format!("{character} `_` at 24")),
            ("1-2", "invalid group count: expected 5, found 2".to_owned()),
            (
                "123e4567-e89b-12d3-a456-4266141740000",
                "invalid group length in group 4: expected 12, found 13".to_owned(),
            ),
            (
                "123e456-e89b-12d3-a456-426614174000",
                "invalid group length in group 0: expected 8, found 7".to_owned(),
            ),
        ] {
            assert_eq!(what_is_wrong(text), wrong, "{text}");
            assert!(Uuid::from_str(text).is_err());
        }
    }
}
