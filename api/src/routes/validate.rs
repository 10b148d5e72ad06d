//! Reads a body member by member, and collects all errors: the first [`MOST_FAULTS`] with their paths, the number of the others.
//! Types and messages are those that the planner's front end expects.

mod date;
mod decimal;
mod ids;
pub(crate) mod json;
mod text;

pub(crate) use date::PlannerDate;
pub(crate) use ids::in_path;
pub(crate) use text::Trimmed;

use serde_json::{Map, Value};

/// The most errors of one response. A person reads the first few, and a body of 1 MiB can have 300 000.
pub(crate) const MOST_FAULTS: usize = 100;

/// One error in the form of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The path: `body` or `path`, then names and indexes.
    steps: Vec<String>,
    /// The message.
    pub(crate) message: String,
    /// The kind, for programs.
    pub(crate) kind: &'static str,
}

impl Fault {
    /// The path as the planner's front end reads it: `body -> phases -> 0 -> name`.
    pub(crate) fn arrows(&self) -> String {
        self.steps.join(" -> ")
    }

    /// The path as `phases[0].name`; none for the body itself.
    pub(crate) fn dotted(&self) -> Option<String> {
        let mut text = String::new();
        for step in self.steps.iter().skip(1) {
            if step.bytes().all(|byte| byte.is_ascii_digit()) {
                text.push_str(&format!("[{step}]"));
            } else {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(step);
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

/// A path in a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonPath<'a> {
    above: Option<&'a JsonPath<'a>>,
    step: PathStep<'a>,
}

#[derive(Clone, Copy, Debug)]
enum PathStep<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> JsonPath<'a> {
    /// The body as a whole.
    pub(crate) const BODY: JsonPath<'static> = JsonPath { above: None, step: PathStep::Name("body") };
    /// The path.
    pub(crate) const PATH: JsonPath<'static> = JsonPath { above: None, step: PathStep::Name("path") };

    /// A member of the object at this path.
    pub(crate) const fn member(&'a self, name: &'a str) -> Self {
        Self { above: Some(self), step: PathStep::Name(name) }
    }

    /// An entry of the list at this path.
    pub(crate) const fn entry(&'a self, index: usize) -> Self {
        Self { above: Some(self), step: PathStep::Index(index) }
    }

    fn steps(&self) -> Vec<String> {
        let mut steps = self.above.map(JsonPath::steps).unwrap_or_default();
        steps.push(match self.step {
            PathStep::Name(name) => name.to_owned(),
            PathStep::Index(index) => index.to_string(),
        });
        steps
    }
}

/// The errors so far: the first [`MOST_FAULTS`], and the number of the others.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors {
    found: Vec<Fault>,
    more: usize,
}

/// A value that can be read from JSON.
pub(crate) trait FromJson: Sized {
    /// The value; none if it cannot be read, which is added to `faults`.
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self>;
}

impl FieldErrors {
    /// Adds an error.
    pub(crate) fn note(&mut self, path: &JsonPath<'_>, kind: &'static str, message: impl Into<String>) {
        if self.found.len() < MOST_FAULTS {
            self.found.push(Fault { steps: path.steps(), message: message.into(), kind });
        } else {
            self.more += 1;
        }
    }

    /// A single error.
    pub(crate) fn one(path: &JsonPath<'_>, kind: &'static str, message: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.note(path, kind, message);
        faults
    }

    /// `Err` with the errors, if there are any.
    pub(crate) fn none_or<T>(self, read: Option<T>) -> Result<T, Self> {
        match read {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// The first errors, at most [`MOST_FAULTS`].
    pub(crate) fn first(&self) -> &[Fault] {
        &self.found
    }

    /// The number of errors beyond [`Self::first`].
    pub(crate) const fn more(&self) -> usize {
        self.more
    }

    /// The members of an object.
    pub(crate) fn object<'v>(
        &mut self,
        value: &'v Value,
        path: &JsonPath<'_>,
    ) -> Option<&'v Map<String, Value>> {
        let members = value.as_object();
        if members.is_none() {
            let message = "Input should be a valid dictionary or object to extract fields from";
            self.note(path, "model_attributes_type", message);
        }
        members
    }

    /// Adds an error per unknown member: a misspelt one would be ignored silently.
    pub(crate) fn only(&mut self, members: &Map<String, Value>, path: &JsonPath<'_>, known: &[&str]) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            if self.found.len() == MOST_FAULTS {
                self.more += 1;
                continue;
            }
            let message = format!("Unknown member; known members are {}", known.join(", "));
            self.note(&path.member(name), "extra_forbidden", message);
        }
    }

    /// A required member.
    pub(crate) fn required<T: FromJson>(
        &mut self,
        members: &Map<String, Value>,
        path: &JsonPath<'_>,
        name: &str,
    ) -> Option<T> {
        match members.get(name) {
            Some(value) => T::read(value, &path.member(name), self),
            None => {
                self.note(&path.member(name), "missing", "Field required");
                None
            }
        }
    }

    /// A member that may be absent or null.
    pub(crate) fn optional<T: FromJson>(
        &mut self,
        members: &Map<String, Value>,
        path: &JsonPath<'_>,
        name: &str,
    ) -> Option<T> {
        let value = members.get(name).filter(|value| !value.is_null())?;
        T::read(value, &path.member(name), self)
    }

    /// A member that may be absent; null is a value.
    pub(crate) fn given<T: FromJson>(
        &mut self,
        members: &Map<String, Value>,
        path: &JsonPath<'_>,
        name: &str,
    ) -> Option<Option<T>> {
        match members.get(name)? {
            Value::Null => Some(None),
            value => T::read(value, &path.member(name), self).map(Some),
        }
    }

    /// A member that may be absent, but not null.
    pub(crate) fn stated<T: FromJson>(
        &mut self,
        members: &Map<String, Value>,
        path: &JsonPath<'_>,
        name: &str,
    ) -> Option<T> {
        T::read(members.get(name)?, &path.member(name), self)
    }
}

impl FromJson for i64 {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let number = value.as_i64();
        if number.is_none() {
            faults.note(path, "int_type", "Input should be a valid integer");
        }
        number
    }
}

impl FromJson for bool {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let read = value.as_bool();
        if read.is_none() {
            faults.note(path, "bool_type", "Input should be a valid boolean");
        }
        read
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let Some(list) = value.as_array() else {
            faults.note(path, "list_type", "Input should be a valid list");
            return None;
        };
        let read = list.iter().enumerate().map(|(index, value)| T::read(value, &path.entry(index), faults));
        // Reads all entries first, to collect the errors of all.
        let read: Vec<Option<T>> = read.collect();
        read.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phaseline_domain::PhaseId;
    use serde_json::json;

    #[test]
    fn every_error_is_collected_with_its_path() {
        let faults = read(&json!([1, "x", null]));
        let paths: Vec<String> = faults.first().iter().map(Fault::arrows).collect();
        assert_eq!(paths, ["body -> 0", "body -> 1", "body -> 2"]);
        assert_eq!(faults.first()[0].dotted().as_deref(), Some("[0]"));
        assert_eq!(faults.more(), 0);
    }

    #[test]
    fn the_first_hundred_errors_are_kept_and_the_others_counted() {
        let faults = read(&Value::from(vec![Value::Null; 250]));
        assert_eq!((faults.first().len(), faults.more()), (100, 150));
        let members: Map<String, Value> = (0..130).map(|n| (format!("m{n}"), Value::Null)).collect();
        let mut faults = FieldErrors::default();
        faults.only(&members, &JsonPath::BODY, &["name"]);
        assert_eq!((faults.first().len(), faults.more()), (100, 30));
    }

    fn read(value: &Value) -> FieldErrors {
        let mut faults = FieldErrors::default();
        let read = Vec::<PhaseId>::read(value, &JsonPath::BODY, &mut faults);
        faults.none_or(read).unwrap_err()
    }
}
