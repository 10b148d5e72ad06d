//! Names everything that the round trip cannot carry over, all at once.

use sqlx::PgConnection;

use super::capture::empty_search_path;
use super::catalogue::KNOWN_COLUMNS;
use super::event_triggers::{EventTrigger, event_triggers};
use super::obstacle::{Note, Obstacle};
use super::options::Scope;
use super::quote::quote_ident;
use super::{DefinitionError, capture};

/// A table of the migration, for [`obstacles`] and [`notes`].
#[derive(Clone, Copy, Debug)]
pub struct RebuiltTable<'a> {
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
    /// The columns that are dropped.
    pub going_columns: &'a [&'a str],
    /// The columns that it may have; `None` if others are carried over.
    pub expected_columns: Option<&'a [&'a str]>,
    /// Whether either direction builds it again, as a new table. If not, only dependents of the dropped columns count.
    pub rebuilt: bool,
}

/// Everything that the round trip cannot carry over.
///
/// Known kinds are reported by name and remedy. Every other object that depends on a table, its row type or one of its parts, according
/// to the catalogue, is an obstacle, too, unless [`super::finish`] replays it. Must run in a transaction, and leaves its `search_path`
/// empty; a role that may only read suffices.
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
    obstacles.extend(event_triggers(conn).await?.iter().filter_map(EventTrigger::obstacle));
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

/// Unknown options, codes and constraints of a newer PostgreSQL.
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

/// Remarks before the run that are not obstacles: invalid indexes, publications that would
/// carry the shadow tables' rows, functions whose text names a column that goes, and event triggers. Must run in a transaction.
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
    notes.extend(event_triggers(conn).await?.iter().filter_map(EventTrigger::note));
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
        "materialized view" => ("it reads the table, which is rebuilt", drop_first()),
        "view of column" => (&uses, drop_first()),
        "view" => (
            "its definition must be replaced during the swap, which this role may not do, or which would run checks of a domain: its owner, \
             its schema, its extension or its constants are in the way",
            format!(
                "migrate as a role that has its owner's rights and CREATE on its schema, and give its constants types without domains; or {}",
                drop_first()
            ),
        ),
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
