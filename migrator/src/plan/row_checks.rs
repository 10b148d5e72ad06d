//! Checks of rows that the translation does not read.

use crate::anomaly::{Code, Findings};
use crate::definition::{self, ForeignKey, MissingPrivilege, TableDefinition};
use crate::error::MigratorError;
use crate::report::Plan;
use sqlx::PgConnection;
use uuid::Uuid;

/// The foreign keys whose orphans the translation finds by itself.
const TRANSLATED_KEYS: [(&str, &str); 3] = [
    ("project_phases", "project_id"),
    ("resource_assignments", "project_id"),
    ("resource_assignments", "project_phase_id"),
];

/// The foreign keys whose rows are checked: those that are created again, each once, but for those that the translation checks. PostgreSQL
/// checks a key when it is created, unless it is NOT VALID or NOT ENFORCED.
pub(super) fn checked_keys(tables: [&TableDefinition; 2]) -> Vec<&ForeignKey> {
    let mut checked: Vec<&ForeignKey> = Vec::new();
    for key in
        tables.into_iter().flat_map(|table| table.foreign_keys.iter().chain(&table.incoming_foreign_keys))
    {
        let translated = is_of(key, &TRANSLATED_KEYS);
        let seen = checked.iter().any(|seen| seen.table == key.table && seen.name == key.name);
        if !translated && key.is_valid() && !seen {
            checked.push(key);
        }
    }
    checked
}

/// Whether it is a key of one of these columns alone.
fn is_of(key: &ForeignKey, columns: &[(&str, &str)]) -> bool {
    let [column] = key.columns.as_slice() else { return false };
    key.table.schema == "public" && columns.contains(&(key.table.name.as_str(), column.as_str()))
}

/// The key whose values are collected while the assignments are read.
const RESOURCES: [(&str, &str); 1] = [("resource_assignments", "resource_id")];

/// Rows of a key without a target.
pub(super) enum OrphanCheck<'a> {
    /// By id, with their values.
    Found(&'a ForeignKey, Vec<(String, String)>),
    /// They are only looked for if one of the resources that were read does not exist.
    AfterReading(&'a ForeignKey),
}

impl<'a> OrphanCheck<'a> {
    /// Searches for them; none if the role may not, which is noted.
    pub(super) async fn of(
        connection: &mut PgConnection,
        key: &'a ForeignKey,
        plan: &mut Plan,
    ) -> Result<Option<Self>, MigratorError> {
        let unreadable: Vec<MissingPrivilege> = sqlx::query_as(
            "SELECT pg_catalog.format('%I may not read %s, so foreign key %I cannot be checked for orphans', current_user, t.name, $2) AS reason,
                    pg_catalog.format('GRANT SELECT ON %s TO %I', t.name, current_user) AS statement
               FROM pg_catalog.unnest($1::pg_catalog.text[]) t(name) WHERE NOT pg_catalog.has_table_privilege(t.name, 'SELECT')
              ORDER BY 1",
        )
        .bind(vec![key.table.to_sql(), key.references.to_sql()])
        .bind(&key.name)
        .fetch_all(&mut *connection)
        .await?;
        if !unreadable.is_empty() {
            plan.lacks(unreadable);
            return Ok(None);
        }
        if is_of(key, &RESOURCES) {
            return Ok(Some(Self::AfterReading(key)));
        }
        Ok(Some(Self::Found(key, orphans(connection, key).await?)))
    }

    /// Notes them. `resources` are those of the assignments.
    pub(super) async fn note(
        self,
        connection: &mut PgConnection,
        resources: &[Uuid],
        findings: &mut Findings,
    ) -> Result<(), MigratorError> {
        let (key, orphans) = match self {
            Self::Found(key, orphans) => (key, orphans),
            Self::AfterReading(key) if has_missing_target(connection, key, resources).await? => {
                (key, orphans(connection, key).await?)
            }
            Self::AfterReading(_) => return Ok(()),
        };
        for (id, target) in orphans {
            let detail =
                format!("points at {} {target}, which does not exist ({})", key.references.name, key.name);
            findings.note(Code::ForeignKeyOrphan, &key.table.name, id, detail);
        }
        Ok(())
    }
}

async fn orphans(
    connection: &mut PgConnection,
    key: &ForeignKey,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(&orphans_of(key)).fetch_all(connection).await
}

/// Whether one of these values does not exist in the column that a key of one column refers to.
async fn has_missing_target(
    connection: &mut PgConnection,
    key: &ForeignKey,
    values: &[Uuid],
) -> Result<bool, sqlx::Error> {
    let column: Vec<String> =
        key.referenced_columns.iter().map(|column| definition::quote_ident(column)).collect();
    sqlx::query_scalar(&format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.uuid[]) t(value)
                         WHERE NOT EXISTS (SELECT FROM {} r WHERE r.{} = t.value))",
        key.references.to_sql(),
        column.join(", ")
    ))
    .bind(values)
    .fetch_one(connection)
    .await
}

/// The statement that finds the rows of a key without a target, by id, with their values.
fn orphans_of(key: &ForeignKey) -> String {
    let quoted: Vec<String> = key.columns.iter().map(|column| definition::quote_ident(column)).collect();
    let referenced: Vec<String> =
        key.referenced_columns.iter().map(|column| definition::quote_ident(column)).collect();
    let present: Vec<String> = quoted.iter().map(|column| format!("t.{column} IS NOT NULL")).collect();
    let values: Vec<String> = quoted.iter().map(|column| format!("t.{column}::text")).collect();
    let mut pairs: Vec<(&String, &String)> = quoted.iter().zip(&referenced).collect();
    // As PostgreSQL checks it: the targets' periods together contain the row's.
    let (mut overlap, mut having) = (String::new(), String::new());
    if key.is_temporal
        && let Some((period, target)) = pairs.pop()
    {
        overlap = format!(" AND t.{period} && r.{target}");
        having = format!(" HAVING t.{period} <@ pg_catalog.range_agg(r.{target})");
    }
    let equal: Vec<String> =
        pairs.iter().map(|(column, referenced)| format!("r.{referenced} = t.{column}")).collect();
    format!(
        "SELECT coalesce(pg_catalog.to_jsonb(t) ->> 'id', t.ctid::text), pg_catalog.concat_ws(', ', {})
           FROM {} t WHERE {} AND NOT EXISTS (SELECT FROM {} r WHERE {}{overlap}{having}) ORDER BY t.ctid",
        values.join(", "),
        key.table.to_sql(),
        present.join(" AND "),
        key.references.to_sql(),
        equal.join(" AND "),
    )
}

/// An assignment, and for each of its timestamps whether it is invalid, and its text.
type BadTimes = (uuid::Uuid, bool, Option<String>, bool, Option<String>);

/// Timestamps of assignments stay in their table and are not translated, but the planner cannot read invalid ones.
pub(super) async fn note_bad_timestamps(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let bad_in =
        |column: &str| format!("({column} >= '0001-01-01' AND {column} < '10000-01-01') IS NOT TRUE");
    let bad: Vec<BadTimes> = sqlx::query_as(&format!(
        "SELECT id, {created}, created_at::text, {updated}, updated_at::text FROM public.resource_assignments
          WHERE {created} OR {updated} ORDER BY ctid",
        created = bad_in("created_at"),
        updated = bad_in("updated_at"),
    ))
    .fetch_all(&mut *connection)
    .await?;
    for (id, bad_created, created_at, bad_updated, updated_at) in bad {
        let both = [("created_at", bad_created, created_at), ("updated_at", bad_updated, updated_at)];
        for (column, _, value) in both.into_iter().filter(|(_, bad, _)| *bad) {
            let code = if value.is_none() { Code::AssignmentNull } else { Code::AssignmentTimestamp };
            let detail = format!("{column} is {}", value.as_deref().unwrap_or("NULL"));
            findings.note(code, "resource_assignments", id, detail);
        }
    }
    Ok(())
}
