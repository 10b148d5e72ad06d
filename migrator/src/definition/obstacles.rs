//! What the round trip cannot carry over, by name: all of it at once, never only the first.

use sqlx::PgConnection;

use super::capture::empty_search_path;
use super::catalogue::KNOWN_COLUMNS;
use super::options::Scope;
use super::quote::quote_ident;
use super::{DefinitionError, capture};

/// A table of the migration, as [`obstacles`] and [`notes`] look at it.
#[derive(Clone, Copy, Debug)]
pub struct RebuiltTable<'a> {
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
    /// The columns that it loses.
    pub going_columns: &'a [&'a str],
    /// The columns it may have; `None` if any other is carried along.
    pub expected_columns: Option<&'a [&'a str]>,
    /// Whether it is built again and so gets a new identity, in either direction. If not, only what hangs on its going
    /// columns counts.
    pub rebuilt: bool,
}

/// Something that the round trip cannot carry over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The table that it is about, `public.project_phases`; empty if it is about the database.
    pub table: String,
    /// What is in the way, by kind and qualified name: `view public.phase_report`.
    pub object: String,
    /// Why it is in the way.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// A remark that is not an obstacle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The table that it is about.
    pub table: String,
    /// What it is, by kind and qualified name.
    pub object: String,
    /// What will happen to it.
    pub text: String,
}

/// Everything that the round trip cannot carry over.
///
/// Known kinds are reported by name and remedy; beyond them, what the catalogue says depends on a table, its row type
/// or anything of its own, and that [`super::finish`] does not replay, is an obstacle too. Must run in a transaction,
/// and leaves its `search_path` empty; a role that may only read suffices.
pub async fn obstacles(
    conn: &mut PgConnection,
    tables: &[RebuiltTable<'_>],
) -> Result<Vec<Obstacle>, DefinitionError> {
    empty_search_path(conn).await?;
    let siblings: Vec<String> =
        sqlx::query_scalar("SELECT format('%I.%I', s, n) FROM unnest($1::text[], $2::text[]) x(s, n)")
            .bind(tables.iter().map(|table| table.schema.to_owned()).collect::<Vec<_>>())
            .bind(tables.iter().map(|table| table.table.to_owned()).collect::<Vec<_>>())
            .fetch_all(&mut *conn)
            .await?;
    let mut obstacles = Vec::new();
    for table in tables {
        let title = format!("{}.{}", table.schema, table.table);
        let rows: Vec<(String, String)> = sqlx::query_as(include_str!("obstacles.sql"))
            .bind(table.schema)
            .bind(table.table)
            .bind(owned(table.going_columns))
            .bind(table.rebuilt)
            .bind(&siblings)
            .bind(table.expected_columns.map(owned))
            .fetch_all(&mut *conn)
            .await?;
        for (kind, object) in rows {
            let (reason, remedy) = explain(&kind, &object, table.going_columns);
            obstacles.push(Obstacle { table: title.clone(), object, reason, remedy });
        }
        if table.rebuilt {
            obstacles.extend(unordered_grants(conn, table).await?);
            obstacles.extend(unknown(conn, table).await?);
        }
    }
    obstacles.extend(event_triggers(conn).await?);
    Ok(obstacles)
}

/// Grants that precede the grant option that they depend on.
async fn unordered_grants(
    conn: &mut PgConnection,
    table: &RebuiltTable<'_>,
) -> Result<Vec<Obstacle>, DefinitionError> {
    let Some(definition) = capture(conn, table.schema, table.table).await? else {
        return Ok(Vec::new());
    };
    let explained = definition.grants_out_of_order().into_iter().map(|grant| {
        let grantee = grant.grantee.as_deref().map_or_else(|| "PUBLIC".into(), quote_ident);
        Obstacle {
            table: definition.title(),
            object: format!("grant by {} to {grantee}", quote_ident(&grant.grantor)),
            reason: "it precedes, in the catalogue, the grant option that it depends on, and no sequence of GRANT \
                     brings that order about again"
                .into(),
            remedy: "revoke it and let the same grantor grant it again".into(),
        }
    });
    Ok(explained.collect())
}

/// What this program does not know: options, codes and constraints of a newer PostgreSQL.
async fn unknown(
    conn: &mut PgConnection,
    table: &RebuiltTable<'_>,
) -> Result<Vec<Obstacle>, DefinitionError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(include_str!("unknown.sql"))
        .bind(table.schema)
        .bind(table.table)
        .bind(owned(KNOWN_COLUMNS))
        .fetch_all(&mut *conn)
        .await?;
    let title = format!("{}.{}", table.schema, table.table);
    let obstacle = |(kind, object, name): (String, String, String)| {
        let (object, reason, remedy) = match kind.strip_prefix("option of ") {
            Some(scope) => {
                let (scope, prefix, alter) = match scope {
                    "table" => (Scope::Table, "", "ALTER TABLE .."),
                    "toast" => (Scope::Toast, "toast.", "ALTER TABLE .."),
                    "column" => (Scope::Column, "", "ALTER TABLE .. ALTER COLUMN .."),
                    "operator class" => (Scope::OperatorClass, "", ""),
                    method => (Scope::Index(method), "", "ALTER INDEX .."),
                };
                if !scope.refuses(&name) {
                    return None;
                }
                let reset = format!("{prefix}{}", quote_ident(&name));
                let remedy = match scope {
                    Scope::OperatorClass => "drop the index, and create it again afterwards".to_owned(),
                    _ => format!("{alter} RESET ({reset}), and set it again afterwards"),
                };
                (
                    format!("option {prefix}{name} of {object}"),
                    "this program does not know the option, so it cannot promise to bring it back",
                    remedy,
                )
            }
            None => (
                format!("{object} ({name})"),
                "this program does not know what the catalogue has about it; it knows PostgreSQL 15 to 18",
                "use a phaseline that knows this version of PostgreSQL".into(),
            ),
        };
        Some(Obstacle { table: title.clone(), object, reason: reason.into(), remedy })
    };
    Ok(rows.into_iter().filter_map(obstacle).collect())
}

/// Event triggers that would see our DDL. What they do about it cannot be known.
async fn event_triggers(conn: &mut PgConnection) -> Result<Vec<Obstacle>, sqlx::Error> {
    let names: Vec<(String, String)> = sqlx::query_as(
        "SELECT evtname::text, evtevent::text FROM pg_catalog.pg_event_trigger \
         WHERE evtenabled IN ('O', 'A') \
         AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite') \
         AND (evttags IS NULL OR evttags && $1::text[]) ORDER BY evtname",
    )
    .bind(owned(&OUR_COMMANDS))
    .fetch_all(conn)
    .await?;
    let explain = |(name, event): (String, String)| Obstacle {
        table: String::new(),
        object: format!("event trigger {}", quote_ident(&name)),
        reason: format!("it fires on {event} and may forbid or change the migration's DDL"),
        remedy: format!(
            "ALTER EVENT TRIGGER {} DISABLE for the time of the run, ENABLE it afterwards",
            quote_ident(&name)
        ),
    };
    Ok(names.into_iter().map(explain).collect())
}

/// The tags of every command that the migration may issue.
const OUR_COMMANDS: [&str; 21] = [
    "CREATE SCHEMA",
    "DROP SCHEMA",
    "CREATE TABLE",
    "ALTER TABLE",
    "DROP TABLE",
    "DROP INDEX",
    "DROP CONSTRAINT",
    "CREATE INDEX",
    "ALTER INDEX",
    "CREATE STATISTICS",
    "ALTER STATISTICS",
    "DROP STATISTICS",
    "CREATE TRIGGER",
    "ALTER TRIGGER",
    "DROP TRIGGER",
    "CREATE POLICY",
    "DROP POLICY",
    "ALTER PUBLICATION",
    "COMMENT",
    "GRANT",
    "REVOKE",
];

/// Remarks before the run that are not obstacles: invalid indexes, publications that would
/// carry the shadow tables' rows, and functions whose text names a column that goes. Must run in a transaction.
pub async fn notes(
    conn: &mut PgConnection,
    tables: &[RebuiltTable<'_>],
) -> Result<Vec<Note>, DefinitionError> {
    empty_search_path(conn).await?;
    let mut notes = Vec::new();
    for table in tables {
        let rows: Vec<(String, String)> = sqlx::query_as(include_str!("notes.sql"))
            .bind(table.schema)
            .bind(table.table)
            .bind(owned(table.going_columns))
            .bind(table.rebuilt)
            .fetch_all(&mut *conn)
            .await?;
        let table = format!("{}.{}", table.schema, table.table);
        notes.extend(rows.into_iter().map(|(object, text)| Note { table: table.clone(), object, text }));
    }
    Ok(notes)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.into()).collect()
}

/// Reason and remedy for a kind of `obstacles.sql`.
fn explain(kind: &str, object: &str, going_columns: &[&str]) -> (String, String) {
    let drop_first =
        || format!("keep the definition of the {object}, drop it, and create it again afterwards");
    let rebuilt = "it would be dropped with the old table when the table is rebuilt";
    let going = going_columns.join(" or ");
    let uses = format!("it uses {going}, which is dropped");
    let computed = format!("it is computed from {going}, which is dropped");
    let refers = format!("it refers to {going}, which is dropped");
    let unguarded = format!("without {going} nothing prevents deleting the referenced rows");
    let (reason, remedy): (&str, String) = match kind {
        "view" | "materialized view" => ("it reads the table, which is rebuilt", drop_first()),
        "rule" => ("rules are not carried over to the rebuilt table", drop_first()),
        "function" => ("its body or its signature is bound to the table, which is rebuilt", drop_first()),
        "row type" => (
            "it uses the table's row type, which becomes another type when the table is rebuilt",
            "use a type of its own there, or drop it".into(),
        ),
        "sequence" => (rebuilt, format!("ALTER {} OWNED BY NONE", object.replacen("sequence", "SEQUENCE", 1))),
        "identity column" => (
            "its sequence would be dropped with the old table",
            "ALTER TABLE .. ALTER COLUMN .. DROP IDENTITY, with a sequence of its own as default if it needs one".into(),
        ),
        "foreign trigger" => ("another table's constraint trigger names this table", drop_first()),
        "partitioned key" => (
            "foreign keys of partitioned tables are not carried over",
            format!("drop the {object} and add it again afterwards"),
        ),
        "child" | "parent" => ("inheritance is not carried over", "ALTER TABLE .. NO INHERIT".into()),
        "partition" => ("partitions are not carried over", "ALTER TABLE .. DETACH PARTITION".into()),
        "partitioned table" | "foreign table" | "no table" => {
            ("only an ordinary table can be migrated", "make it an ordinary table first".into())
        }
        "unlogged table" => (
            "a crash empties it, and then it would differ from the log",
            "ALTER TABLE .. SET LOGGED".into(),
        ),
        "temporary table" => ("a temporary table ends with its session", "make it an ordinary table first".into()),
        "typed table" => ("the columns of a typed table cannot change", "ALTER TABLE .. NOT OF".into()),
        "extension" => (
            "the table belongs to the extension, which would lose it",
            "ALTER EXTENSION .. DROP TABLE ..".into(),
        ),
        "security label" => (
            "security labels are not carried over",
            "SECURITY LABEL .. IS NULL, and set it again afterwards".into(),
        ),
        "subscription" => (
            "the table receives rows by logical replication, and would not receive them after the rebuild",
            format!("take the table out of the publication that the {object} follows"),
        ),
        "added column" => (
            "the planner's schema does not have it, and the log does not keep its values",
            "move it to a table of its own, or drop it".into(),
        ),
        "missing column" => {
            ("the planner's schema has it", "check that this is the database of the right revision".into())
        }
        "trigger on column" | "policy on column" => (&uses, drop_first()),
        "publication of column" => (&uses, "publish the table without that column list or row filter".into()),
        "generated column" => (&computed, "drop it, and add it again afterwards".into()),
        "key of column" => (
            &unguarded,
            "drop it, and add it again afterwards".into(),
        ),
        "key to column" => (&refers, "drop it, and add it again afterwards".into()),
        "grantor" => (
            "its grantor is now a member of the owner, so a new grant would name the owner as grantor",
            "revoke it, and grant it as the owner".into(),
        ),
        _ => ("it depends on the table in a way that is not carried over", drop_first()),
    };
    (reason.into(), remedy)
}
