//! Schema `phaseline`: is all of it there?

use super::Report;
use phaseline_migrator::shape::{self, Shape};
use phaseline_store::StoreError;
use phaseline_store::schema::{self, version::VERSION};
use sqlx::{FromRow, PgConnection};

const REPAIR: &str = "phaseline doctor --repair makes it again from the events.";

pub(super) async fn check(report: &mut Report, connection: &mut PgConnection) {
    let version = match schema::version(connection).await {
        Err(error @ StoreError::NewerSchema { .. }) => {
            return report.fail("log's schema", error.to_string(), "An older program does nothing here.");
        }
        Err(error) => return report.unchecked("log's schema", error),
        Ok(version) => version,
    };
    let shape = shape::find(connection).await.map_or(Shape::Unknown, |found| found.shape);
    match schema::installed(connection).await {
        Ok(true) => {}
        Ok(false) if shape == Shape::Timelines => {
            return report.fail(
                "log",
                "the tables are in the new shape, but there is no log (phaseline.events)",
                "If phaseline migrated this database: restore schema phaseline from a backup. If the planner's own \
                 migration did: phaseline cannot roll it back.",
            );
        }
        Ok(false) => return report.ok("log", "none yet; migrate makes it"),
        Err(error) => return report.unchecked("log", error),
    }
    match missing_objects(connection).await {
        // Functions that an older schema does not have yet are no damage.
        Ok(missing)
            if missing.iter().all(|name| name.starts_with("function"))
                && version.is_some_and(|version| version < VERSION) =>
        {
            report.warn(
                "log's schema",
                format!("version {}, this program's is {VERSION}", version.unwrap_or_default()),
                "Run: phaseline upgrade",
            )
        }
        Ok(missing) if missing.is_empty() => report
            .ok("log's schema", format!("version {VERSION}; tables, indexes, functions and view are there")),
        Ok(missing) => report.fail("log's schema", format!("missing: {}", missing.join(", ")), REPAIR),
        Err(error) => report.unchecked("log's schema", error),
    }
    match trigger(connection).await {
        Ok(Some(state)) if state == "A" => {
            report.ok("append-only", "events cannot be changed, not by replication either")
        }
        Ok(Some(state)) => {
            report.fail(
                "append-only",
                format!("trigger events_append_only is in state {state:?}, not ALWAYS"),
                REPAIR,
            );
        }
        Ok(None) => report.fail("append-only", "trigger events_append_only is missing", REPAIR),
        Err(error) => report.unchecked("append-only", error),
    }
    head(report, connection, shape).await;
    match missing_roles(connection).await {
        Ok(missing) if missing.is_empty() => {
            report.ok("roles", "phaseline_writer, phaseline_reader and phaseline_auditor are there");
        }
        Ok(missing) => report.warn(
            "roles",
            format!("missing: {}; phaseline works without them", missing.join(", ")),
            "A role with CREATEROLE makes them: phaseline doctor --repair",
        ),
        Err(error) => report.unchecked("roles", error),
    }
}

/// Names of what belongs to the schema and is not there.
async fn missing_objects(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT wanted.kind || ' phaseline.' || wanted.name
           FROM (VALUES ('table', 'events'), ('table', 'head'), ('table', '_sqlx_migrations'),
                        ('index', 'events_pkey'), ('index', 'events_stream_version_key'),
                        ('index', 'events_first_text_id_idx'), ('index', 'head_pkey'),
                        ('table', 'idempotency_keys'), ('index', 'idempotency_keys_pkey'),
                        ('index', 'idempotency_keys_recorded_at_idx'), ('view', 'postgres_es_events'))
                AS wanted (kind, name)
          WHERE pg_catalog.to_regclass('phaseline.' || wanted.name) IS NULL
         UNION ALL
         SELECT 'function phaseline.' || wanted.name
           FROM (VALUES ('append'), ('chain_hash'), ('project_inline'), ('unadopted'),
                        ('project_of'), ('refuse_change'), ('phases_of'), ('assignments_of'), ('assignment_days'),
                        ('forget_idempotency_keys'), ('oldest_snapshot'),
                        ('read_events'), ('adopted_payload'), ('refuse_event'), ('merged_events'), ('coverage')) AS wanted (name)
          WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p
                 WHERE p.pronamespace = 'phaseline'::regnamespace AND p.proname = wanted.name)",
    )
    .fetch_all(connection)
    .await
}

/// The append-only trigger's state; none if it is not there.
async fn trigger(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT tgenabled::text FROM pg_catalog.pg_trigger
          WHERE tgrelid = 'phaseline.events'::regclass AND tgname = 'events_append_only'",
    )
    .fetch_optional(connection)
    .await
}

#[derive(FromRow)]
struct Head {
    accepts_commands: bool,
}

/// The head's one row: without it nobody can append, and it must know which shape is live.
async fn head(report: &mut Report, connection: &mut PgConnection, shape: Shape) {
    let exists = sqlx::query_scalar("SELECT pg_catalog.to_regclass('phaseline.head') IS NOT NULL")
        .fetch_one(&mut *connection);
    match exists.await {
        Ok(true) => {}
        Ok(false) => return, // Named among the missing tables.
        Err(error) => return report.unchecked("log's head", error),
    }
    let head: Result<Option<Head>, _> =
        sqlx::query_as("SELECT accepts_commands FROM phaseline.head WHERE id = 1")
            .fetch_optional(&mut *connection)
            .await;
    let runs = phaseline_migrator::run::runs(connection).await.unwrap_or_default();
    let migrated = runs.iter().rfind(|run| run.completed()).is_some_and(|run| run.migrated.is_some());
    match head {
        Err(error) => report.unchecked("log's head", error),
        Ok(Some(head)) if shape == Shape::Timelines && !migrated && !head.accepts_commands => report.fail(
            "log's head",
            "no commands are taken: something else than phaseline moved the tables",
            "phaseline plan --adopt-migrated shows how to take them over.",
        ),
        Ok(None) => {
            report.fail("log's head", "phaseline.head has no row, so nothing can be appended", REPAIR)
        }
        Ok(Some(head)) if shape != Shape::Unknown && head.accepts_commands != (shape == Shape::Timelines) => {
            let takes = if head.accepts_commands { "takes" } else { "takes no" };
            report.fail("log's head", format!("the log {takes} commands, but the shape is {shape}"), REPAIR);
        }
        Ok(Some(head)) => {
            let takes = if head.accepts_commands {
                "commands are taken"
            } else {
                "no commands, the old shape is live"
            };
            report.ok("log's head", format!("there; {takes}"));
        }
    }
}

async fn missing_roles(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT wanted.name FROM (VALUES ('phaseline_writer'), ('phaseline_reader'), ('phaseline_auditor')) AS wanted (name)
          WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name)",
    )
    .fetch_all(connection)
    .await
}
