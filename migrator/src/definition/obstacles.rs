//! Names everything that the round trip cannot carry over, all at once.

use sqlx::PgConnection;

use super::capture::{capture_relation, empty_search_path};
use super::catalogue::KNOWN_COLUMNS;
use super::event_triggers::{EventTrigger, event_triggers};
use super::materialized_views::{MaterializedView, capture_materialized_views};
use super::obstacle::{Note, Obstacle, RebuiltTable};
use super::obstacle_kind::{ObstacleKind, UnknownKind};
use super::options::Scope;
use super::quote::quote_ident;
use super::{DefinitionError, TableDefinition};

/// Everything that the round trip cannot carry over.
///
/// Known kinds are reported by name and remedy. Every other object that depends on a table, its row type or one of its parts, according
/// to the catalogue, is an obstacle, too, unless [`super::finish`] replays it. Must run in a transaction, and leaves its `search_path`
/// empty; a role that may only read suffices. `captured` are definitions of the tables that are known to be current, so that they are not
/// read again; others are read.
pub async fn obstacles(
    conn: &mut PgConnection,
    tables: &[RebuiltTable<'_>],
    captured: &[&TableDefinition],
) -> Result<Vec<Obstacle>, DefinitionError> {
    empty_search_path(conn).await?;
    let siblings: Vec<String> =
        sqlx::query_scalar("SELECT format('%I.%I', s, n) FROM unnest($1::text[], $2::text[]) x(s, n)")
            .bind(tables.iter().map(|table| table.schema.to_owned()).collect::<Vec<_>>())
            .bind(tables.iter().map(|table| table.table.to_owned()).collect::<Vec<_>>())
            .fetch_all(&mut *conn)
            .await?;
    let names: Vec<&str> = tables.iter().filter(|table| table.rebuilt).map(|table| table.table).collect();
    let materialized = capture_materialized_views(conn, &names).await?;
    let views = materialized.iter().map(|view| (view.as_rebuilt(), "m"));
    let mut obstacles = Vec::new();
    for (table, kind) in tables.iter().map(|table| (*table, "r")).chain(views) {
        let title = format!("{}.{}", table.schema, table.table);
        let rows: Vec<(String, String)> = sqlx::query_as(include_str!("obstacles.sql"))
            .bind(table.schema)
            .bind(table.table)
            .bind(owned(table.going_columns))
            .bind(table.rebuilt)
            .bind(&siblings)
            .bind(table.expected_columns.map(owned))
            .bind(kind)
            .fetch_all(&mut *conn)
            .await?;
        for (kind, object) in rows {
            let kind = ObstacleKind::parse(&kind);
            let (reason, remedy) = (kind.reason(table.going_columns), kind.remedy(&object));
            obstacles.push(Obstacle { table: title.clone(), object, reason, remedy });
        }
        if table.rebuilt {
            obstacles.extend(unordered_grants(conn, &table, kind, captured).await?);
            obstacles.extend(unknown(conn, &table).await?);
        }
    }
    obstacles.extend(event_triggers(conn).await?.iter().filter_map(EventTrigger::obstacle));
    Ok(obstacles)
}

/// Grants that precede the grant option that they depend on.
async fn unordered_grants(
    conn: &mut PgConnection,
    table: &RebuiltTable<'_>,
    kind: &str,
    captured: &[&TableDefinition],
) -> Result<Vec<Obstacle>, DefinitionError> {
    let known = captured.iter().find(|known| known.schema == table.schema && known.name == table.table);
    let definition = match known {
        Some(known) => Some((*known).clone()),
        None => capture_relation(conn, table.schema, table.table, kind).await?,
    };
    let Some(definition) = definition else {
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
        let (object, reason, remedy) = match UnknownKind::parse(&kind) {
            UnknownKind::Option(scope) => {
                let (prefix, alter) = match scope {
                    Scope::Table => ("", "ALTER TABLE .."),
                    Scope::Toast => ("toast.", "ALTER TABLE .."),
                    Scope::Column => ("", "ALTER TABLE .. ALTER COLUMN .."),
                    Scope::OperatorClass => ("", ""),
                    Scope::Index(_) => ("", "ALTER INDEX .."),
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
            UnknownKind::Code => (
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
    let names: Vec<&str> = tables.iter().filter(|table| table.rebuilt).map(|table| table.table).collect();
    notes.extend(capture_materialized_views(conn, &names).await?.iter().map(MaterializedView::note));
    notes.extend(event_triggers(conn).await?.iter().filter_map(EventTrigger::note));
    Ok(notes)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.into()).collect()
}
