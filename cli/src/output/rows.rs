//! `--output jsonl`: a result of many rows as one object a line.
//!
//! Each row has a `format` of its own. The last line is the command's object without its rows, with `"kind":"end"` and
//! their number, so that a reader notices a truncated result. After an error the error's object takes its place.

use super::{Output, OutputFormat};
use crate::render::Page;
use serde::Serialize;
use serde_json::{Map, Value};

/// The place of rows in a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// The format of each row.
    format: &'static str,
    /// The array that holds them.
    field: &'static str,
    /// The nested array, if `field` is an object or an array of objects.
    nested: Option<Nested>,
    /// The fields of the result that each row copies.
    with: &'static [&'static str],
}

/// Rows one level further down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nested {
    /// The array in each object.
    field: &'static str,
    /// The fields that each row copies from its object.
    with: &'static [&'static str],
}

impl Rows {
    /// Rows are the elements of an array.
    pub(crate) const fn of(field: &'static str, format: &'static str) -> Self {
        Self { format, field, nested: None, with: &[] }
    }

    /// The same rows, each with these fields of the result.
    pub(crate) const fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    /// Rows are the elements of the array `nested` in each object of `field`, with some of that object's own fields.
    pub(crate) const fn within(
        field: &'static str,
        nested: &'static str,
        with: &'static [&'static str],
        format: &'static str,
    ) -> Self {
        Self { format, field, nested: Some(Nested { field: nested, with }), with: &[] }
    }

    /// Takes the rows out of a result.
    fn take(&self, result: &mut Map<String, Value>) -> Vec<Map<String, Value>> {
        let Some(nested) = self.nested else {
            let with = copied(self.with, result);
            let rows = elements(result.remove(self.field));
            return rows.map(|row| row_of(row, with.clone())).collect();
        };
        let objects = match result.get_mut(self.field) {
            Some(Value::Array(objects)) => objects.as_mut_slice(),
            Some(object) => std::slice::from_mut(object),
            None => return Vec::new(),
        };
        let mut rows = Vec::new();
        for object in objects.iter_mut().filter_map(Value::as_object_mut) {
            let own = object.remove(nested.field);
            let with = copied(nested.with, object);
            rows.extend(elements(own).map(|row| row_of(row, with.clone())));
        }
        rows
    }
}

/// These fields of an object, as far as it has them.
fn copied(fields: &[&str], object: &Map<String, Value>) -> Map<String, Value> {
    fields.iter().filter_map(|field| Some(((*field).to_owned(), object.get(*field)?.clone()))).collect()
}

fn elements(array: Option<Value>) -> impl Iterator<Item = Value> {
    match array {
        Some(Value::Array(elements)) => elements.into_iter(),
        _ => Vec::new().into_iter(),
    }
}

/// A row's fields; a row that is not an object becomes the field `detail`.
fn row_of(row: Value, mut with: Map<String, Value>) -> Map<String, Value> {
    match row {
        Value::Object(fields) => with.extend(fields),
        detail => {
            with.insert("detail".to_owned(), detail);
        }
    }
    with
}

/// A line of a result.
#[derive(Serialize)]
struct Line<'a, T> {
    format: &'a str,
    #[serde(flatten)]
    end: Option<ResultEnd>,
    #[serde(flatten)]
    fields: T,
}

/// Marks the last line.
#[derive(Serialize)]
struct ResultEnd {
    kind: &'static str,
    rows: u64,
}

/// Prints rows as they are produced.
#[derive(Debug)]
pub(crate) struct Streamed<'a> {
    output: &'a Output,
    format: &'static str,
    rows: u64,
}

impl Streamed<'_> {
    /// Prints a row.
    pub(crate) fn row(&mut self, fields: &impl Serialize) {
        self.rows += 1;
        let names = self.output.names();
        if names.is_empty() {
            return self.output.object(&Line { format: self.format, end: None, fields });
        }
        match serde_json::to_value(fields) {
            Ok(mut fields) => {
                names.added_to(&mut fields);
                self.output.object(&Line { format: self.format, end: None, fields });
            }
            Err(error) => self.output.unwritable(&error),
        }
    }

    /// Prints the end: the result without its rows.
    pub(crate) fn end(self, result: &impl Serialize) {
        match serde_json::to_value(result) {
            Ok(Value::Object(result)) => self.output.end_of_rows(result, self.rows),
            Ok(_) => {}
            Err(error) => self.output.unwritable(&error),
        }
    }
}

impl Output {
    /// Prints the result of a command with rows: the text, one object, or its rows line by line and then the rest.
    pub(crate) fn result_with_rows<P: Into<Page>>(
        &self,
        object: &impl Serialize,
        rows: &[Rows],
        text: impl FnOnce() -> P,
    ) {
        if self.form() != OutputFormat::Jsonl {
            return self.result(object, text);
        }
        let mut result = match serde_json::to_value(object) {
            Ok(result) => result,
            Err(error) => return self.unwritable(&error),
        };
        self.names().added_to(&mut result);
        let Value::Object(mut result) = result else { return };
        let mut count = 0;
        for of in rows {
            for fields in of.take(&mut result) {
                count += 1;
                self.object(&Line { format: of.format, end: None, fields });
            }
        }
        self.end_of_rows(result, count);
    }

    /// A printer of rows of this format; only with `--output jsonl`.
    pub(crate) fn stream(&self, format: &'static str) -> Option<Streamed<'_>> {
        (self.form() == OutputFormat::Jsonl).then_some(Streamed { output: self, format, rows: 0 })
    }

    fn end_of_rows(&self, mut result: Map<String, Value>, rows: u64) {
        let format = result.remove("format");
        let format = format.as_ref().and_then(Value::as_str).unwrap_or_default();
        self.placed(&Line { format, end: Some(ResultEnd { kind: "end", rows }), fields: result });
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;
    use serde_json::json;

    #[test]
    fn rows_leave_the_result_with_the_fields_of_their_object() {
        let mut result = json!({"a": [{"x": 1}, {"x": 2}], "b": [{"code": "c", "meaning": "m", "rows": [{"id": 7}]}],
                                "c": [{"number": 3, "details": ["one", "two"]}], "d": {"items": [{"y": 1}]}, "left": true});
        let result = result.as_object_mut().unwrap();
        assert_eq!(json!(Rows::of("a", "f/1").take(result)), json!([{"x": 1}, {"x": 2}]));
        assert_eq!(
            json!(Rows::within("b", "rows", &["code"], "f/1").take(result)),
            json!([{"code": "c", "id": 7}])
        );
        assert_eq!(
            json!(Rows::within("c", "details", &["number"], "f/1").take(result)),
            json!([{"number": 3, "detail": "one"}, {"number": 3, "detail": "two"}])
        );
        assert_eq!(json!(Rows::within("d", "items", &[], "f/1").take(result)), json!([{"y": 1}]));
        assert_eq!(
            json!(result),
            json!({"b": [{"code": "c", "meaning": "m"}], "c": [{"number": 3}], "d": {}, "left": true})
        );
        assert!(Rows::of("gone", "f/1").take(result).is_empty());
        let mut result = json!({"id": 7, "a": [{"x": 1}]});
        let rows = Rows::of("a", "f/1").with(&["id", "gone"]).take(result.as_object_mut().unwrap());
        assert_eq!((json!(rows), result), (json!([{"id": 7, "x": 1}]), json!({"id": 7})));
    }
}
