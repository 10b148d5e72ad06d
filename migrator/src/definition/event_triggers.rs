//! Event triggers, which fire on the DDL of a run: those of trusted roles are noted, others are obstacles.

use super::obstacle::{Note, Obstacle};
use super::quote::quote_ident;
use sqlx::PgConnection;

/// An enabled event trigger that would fire on the DDL of a run.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct EventTrigger {
    name: String,
    event: String,
    function: String,
    /// The owner of the function, who may replace it at any time.
    owner: String,
    /// Whether the owner is a superuser or the role that runs this: then the function can do nothing that its owner could not do
    /// without it.
    is_trusted: bool,
}

/// The event triggers that would fire, by name.
pub(super) async fn event_triggers(conn: &mut PgConnection) -> Result<Vec<EventTrigger>, sqlx::Error> {
    sqlx::query_as(
        "SELECT e.evtname::text AS name, e.evtevent::text AS event, p.oid::pg_catalog.regprocedure::text AS function,
                r.rolname::text AS owner, r.rolsuper OR r.rolname = current_user AS is_trusted
           FROM pg_catalog.pg_event_trigger e
           JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
           JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
          WHERE e.evtenabled IN ('O', 'A')
            AND e.evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite')
            AND (e.evttags IS NULL OR e.evttags && $1::text[])
          ORDER BY e.evtname",
    )
    .bind(OUR_COMMANDS.map(str::to_owned).to_vec())
    .fetch_all(conn)
    .await
}

/// The names, quoted, of the event triggers that may have raised an error with this context: the one whose function is in it, else all.
pub(crate) async fn suspects(conn: &mut PgConnection, context: &str) -> Result<Vec<String>, sqlx::Error> {
    let all = event_triggers(conn).await?;
    let raised: Vec<&EventTrigger> = all.iter().filter(|found| context.contains(&found.function)).collect();
    let suspects = if raised.is_empty() { all.iter().collect() } else { raised };
    Ok(suspects.iter().map(|found| quote_ident(&found.name)).collect())
}

impl EventTrigger {
    /// The obstacle, if the function belongs to another role than a superuser or the one that runs this: it would run with the rights
    /// of the latter.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        let Self { name, event, function, owner, is_trusted } = self;
        (!is_trusted).then(|| Obstacle {
            table: String::new(),
            object: format!("event trigger {}", quote_ident(name)),
            reason: format!(
                "it fires on {event}, and {}, the owner of its function {function}, could run anything with the rights of the role that \
                 executes this run",
                quote_ident(owner)
            ),
            remedy: format!(
                "ALTER FUNCTION {function} OWNER TO a superuser; or ALTER EVENT TRIGGER {} DISABLE for the time of the run",
                quote_ident(name)
            ),
        })
    }

    /// The note, if it is not an obstacle.
    pub(super) fn note(&self) -> Option<Note> {
        self.is_trusted.then(|| Note {
            table: "the database".to_owned(),
            object: format!("event trigger {}", quote_ident(&self.name)),
            text: format!(
                "fires on {} of the run; if it refuses or changes a statement, the run fails and everything is undone: try `phaseline rehearse`",
                self.event
            ),
        })
    }
}

/// The tags of every command that a run may issue.
const OUR_COMMANDS: [&str; 32] = [
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
    "CREATE FUNCTION",
    "ALTER FUNCTION",
    "DROP FUNCTION",
    "CREATE VIEW",
    "ALTER VIEW",
    "CREATE MATERIALIZED VIEW",
    "ALTER MATERIALIZED VIEW",
    "DROP MATERIALIZED VIEW",
    "REFRESH MATERIALIZED VIEW",
    "CREATE SEQUENCE",
    "ALTER SEQUENCE",
    "COMMENT",
    "GRANT",
    "REVOKE",
];
