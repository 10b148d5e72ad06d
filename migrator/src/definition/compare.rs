//! Compares two definitions, to check that a replay restored the captured one.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::TableDefinition;

/// A digest over the catalogue's rows about these tables of schema `public`. If it is the same as before, their definitions are, and what
/// depends on them; it costs much less than to read them again.
pub(crate) async fn catalogue_state(
    connection: &mut PgConnection,
    tables: &[&str],
) -> Result<String, sqlx::Error> {
    let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    sqlx::query_scalar(include_str!("catalogue_state.sql")).bind(tables).fetch_one(connection).await
}

impl TableDefinition {
    /// The differences between this definition, the wanted one, and a new [`super::capture`], one line each. `pg_dump` would show them,
    /// too, so a run with a difference must not commit.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if self == found {
            return lines;
        }
        // The serialised forms have all fields, so no field can be forgotten here.
        match (serde_json::to_value(self), serde_json::to_value(found)) {
            (Ok(wanted), Ok(found)) => walk(&mut lines, &self.title(), &wanted, &found),
            _ => lines.push(format!("{}: the definitions differ", self.title())),
        }
        lines
    }
}

fn walk(lines: &mut Vec<String>, path: &str, wanted: &Value, found: &Value) {
    if wanted == found {
        return;
    }
    match (wanted, found) {
        (Value::Object(a), Value::Object(b)) => {
            // A field that is usually empty is left out of the serialised form.
            let of = |object: &Map<String, Value>, key: &str| object.get(key).cloned().unwrap_or_default();
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                walk(lines, &format!("{path}: {key}"), &of(a, key), &of(b, key));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).all(|item| name_of(item).is_some()) => {
            let before = lines.len();
            for item in a {
                let name = name_of(item).unwrap_or_default();
                match b.iter().find(|other| name_of(other) == name_of(item)) {
                    Some(other) => walk(lines, &format!("{path} {name}"), item, other),
                    None => lines.push(format!("{path} {name} is missing: {item}")),
                }
            }
            for item in b.iter().filter(|item| a.iter().all(|other| name_of(other) != name_of(item))) {
                lines.push(format!("{path} {} is new: {item}", name_of(item).unwrap_or_default()));
            }
            if lines.len() == before {
                lines.push(format!("{path} are in another order"));
            }
        }
        _ => lines.push(format!("{path} was {wanted} and is {found}")),
    }
}

/// The name of an item within its list.
fn name_of(item: &Value) -> Option<String> {
    let name = item.get("name").or_else(|| item.get("publication"))?;
    let table = item.get("table").map(|table| format!("{table} ")).unwrap_or_default();
    Some(table + &name.as_str().map_or_else(|| name.to_string(), str::to_owned))
}
