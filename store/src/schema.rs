//! Installs and repairs the log's schema, `phaseline`, compares it with the installed one, and reads its version.

mod compare;
mod expected;
mod found;
mod statements;
pub mod version;

pub use compare::{Definitions, SchemaDifference};

use crate::StoreError;
use sqlx::{Connection, PgConnection, migrate::Migrator};
use uuid::Uuid;

/// The log's tables, by version. Each step may be run again.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// The objects that the steps create. If one is missing, all steps run again.
const MADE: [&str; 13] = [
    "events",
    "events_pkey",
    "events_stream_version_key",
    "events_first_text_id_idx",
    "events_phase_id_idx",
    "head",
    "idempotency_keys",
    "idempotency_keys_pkey",
    "idempotency_keys_recorded_at_idx",
    "timeline_states",
    "timeline_states_pkey",
    "timeline_states_watermark",
    "timeline_states_watermark_pkey",
];
/// Functions, triggers, views, roles and grants, one file each; run at every installation: each statement replaces the object.
const FUNCTIONS: &str = concat!(
    include_str!("../sql/schema/accepts_commands.sql"),
    include_str!("../sql/schema/timeline_tip.sql"),
    include_str!("../sql/schema/next_timeline.sql"),
    include_str!("../sql/schema/lock_head.sql"),
    include_str!("../sql/schema/rare_payload.sql"),
    include_str!("../sql/schema/event_content.sql"),
    include_str!("../sql/schema/check_events.sql"),
    include_str!("../sql/schema/refuse_event.sql"),
    include_str!("../sql/schema/append.sql"),
    include_str!("../sql/schema/append_event.sql"),
    include_str!("../sql/schema/refuse_change.sql"),
    include_str!("../sql/schema/chain_hash.sql"),
    include_str!("../sql/schema/project_inline.sql"),
    include_str!("../sql/schema/project_event.sql"),
    include_str!("../sql/schema/lock_projects.sql"),
    include_str!("../sql/schema/moved_projects.sql"),
    include_str!("../sql/schema/forget_idempotency_keys.sql"),
    include_str!("../sql/schema/oldest_snapshot.sql"),
    include_str!("../sql/schema/postgres_es_events.sql"),
    include_str!("../sql/schema/roles.sql"),
    include_str!("../sql/schema/grants.sql")
);

/// Whether this database has a log. Reads the catalogue only, which needs no privilege on the log.
///
/// # Errors
/// [`StoreError::NewerSchema`] if it has one that this program does not know.
pub async fn installed(connection: &mut PgConnection) -> Result<bool, StoreError> {
    version::refuse_newer(connection).await?;
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                         WHERE n.nspname = 'phaseline' AND c.relname = 'events' AND c.relkind = 'r')",
    )
    .fetch_one(connection)
    .await?)
}

/// Objects in schema `phaseline` that must not be trusted: those of roles without authority over this database (which could have
/// prepared them, to run with the privileges of a migration), and a table `events` that is not
/// this program's. Trusted are the current role, superusers, and the owners of the database and of `public.project_phases`.
pub async fn intruders(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(include_str!("../sql/intruders.sql")).fetch_all(connection).await?)
}

/// The comment of a schema that this program installed.
fn mark() -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    hasher.update(FUNCTIONS);
    for migration in MIGRATIONS.iter() {
        hasher.update(&migration.checksum);
    }
    let form = crate::hash::hex(&hasher.finalize());
    format!("Phaseline's log, {} {}. Installed: {form}", version::WORDS, version::VERSION)
}

/// The objects that the log's own scripts install.
///
/// # Errors
/// [`StoreError::SelfCheck`] if a script cannot be read.
pub fn definitions() -> Result<Definitions, StoreError> {
    Definitions::of_log(MIGRATIONS.iter().map(|migration| &*migration.sql).chain([FUNCTIONS]))
}

/// Whether [`install`] would change nothing in schema `phaseline`: all objects are as this program installs them, and the schema has
/// the comment of that installation.
pub async fn whole(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let marked: Option<bool> = sqlx::query_scalar(
        "SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') = $1 FROM pg_catalog.pg_namespace n
          WHERE n.nspname = 'phaseline'",
    )
    .bind(mark())
    .fetch_optional(&mut *connection)
    .await?
    .flatten();
    if marked != Some(true) {
        return Ok(false);
    }
    if definitions()?.differences(connection).await?.iter().any(|difference| difference.repairable) {
        return Ok(false);
    }
    // Roles belong to the whole server: the role that installed the log may not have been allowed to create them.
    let may_make_roles: bool = sqlx::query_scalar(
        "SELECT (SELECT r.rolsuper OR r.rolcreaterole FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
            AND EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.text[]) AS wanted (name)
                         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name))",
    )
    .bind(ROLES)
    .fetch_one(&mut *connection)
    .await?;
    if may_make_roles {
        return Ok(false);
    }
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM phaseline.head WHERE id = 1)")
        .fetch_one(connection)
        .await?)
}

/// The roles that `sql/schema/roles.sql` makes.
const ROLES: [&str; 3] = ["phaseline_writer", "phaseline_reader", "phaseline_auditor"];

/// The version of this database's log; none if it has no log. A schema without a version has the first one.
///
/// # Errors
/// [`StoreError::NewerSchema`] if this program does not know it.
pub async fn version(connection: &mut PgConnection) -> Result<Option<u32>, StoreError> {
    if !installed(connection).await? {
        return Ok(None);
    }
    Ok(Some(version::recorded(connection).await?.unwrap_or(1)))
}

/// Creates the missing objects of schema `phaseline`, in one transaction (a savepoint inside the caller's). Everything but
/// `phaseline.events` can be created again. If nothing is missing, nothing is changed or locked. The session's settings stay the same.
///
/// # Errors
/// [`StoreError::NewerSchema`] if a newer program made the schema; [`StoreError::Intruders`] if an untrusted role created objects in
/// it; the database's own if the role may not create it. The log's roles are created if that is allowed, and skipped with a warning
/// if not.
pub async fn install(connection: &mut PgConnection) -> Result<(), StoreError> {
    version::refuse_newer(connection).await?;
    let intruders = intruders(connection).await?;
    if !intruders.is_empty() {
        return Err(StoreError::Intruders(intruders.join("; ")));
    }
    if whole(connection).await? {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS phaseline").execute(&mut *connection).await?;
    // sqlx keeps its bookkeeping in the first schema of the search path.
    let path: String =
        sqlx::query_scalar("SELECT current_setting('search_path')").fetch_one(&mut *connection).await?;
    set_search_path(connection, "phaseline").await?;
    let lost: bool = sqlx::query_scalar(
        "SELECT to_regclass('phaseline._sqlx_migrations') IS NOT NULL
            AND EXISTS (SELECT FROM unnest($1::text[]) AS made (name) WHERE to_regclass('phaseline.' || made.name) IS NULL)",
    )
    .bind(MADE)
    .fetch_one(&mut *connection)
    .await?;
    if lost {
        sqlx::raw_sql("DROP TABLE phaseline._sqlx_migrations").execute(&mut *connection).await?;
    }
    let mut migrator = Migrator { migrations: MIGRATIONS.migrations.clone(), ..Migrator::DEFAULT };
    // The caller holds the run lock, or the schema's own locks order concurrent installations.
    migrator.set_locking(false);
    migrator.run_direct(&mut *connection).await?;
    set_search_path(connection, &path).await?;
    sqlx::raw_sql(FUNCTIONS).execute(&mut *connection).await?;
    // The log's id is in its first event; without events a new log begins.
    sqlx::query(
        "INSERT INTO phaseline.head (log_id, accepts_commands)
         SELECT coalesce((SELECT e.stream_id FROM phaseline.events e WHERE e.position = 1), $1), false
         ON CONFLICT DO NOTHING",
    )
    .bind(Uuid::new_v4())
    .execute(&mut *connection)
    .await?;
    // COMMENT takes no parameters; the mark has only constant words and hexadecimal digits.
    let mark = mark().replace('\'', "''");
    sqlx::raw_sql(&format!("COMMENT ON SCHEMA phaseline IS '{mark}'")).execute(&mut *connection).await?;
    transaction.commit().await?;
    Ok(())
}

async fn set_search_path(connection: &mut PgConnection, path: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('search_path', $1, true)").bind(path).execute(connection).await?;
    Ok(())
}

/// The end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The last position; 0 in an empty log.
    pub position: i64,
    /// The last event's hash.
    pub hash: crate::hash::Hash,
    /// When the last event was recorded.
    pub recorded_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The end of the log as this statement sees it.
pub async fn tip(connection: &mut PgConnection) -> Result<Tip, StoreError> {
    let row: Option<(i64, Vec<u8>, chrono::DateTime<chrono::Utc>)> = sqlx::query_as(
        "SELECT position, hash, recorded_at FROM phaseline.events ORDER BY position DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(match row {
        None => Tip { position: 0, hash: crate::hash::GENESIS, recorded_at: None },
        Some((position, hash, at)) => {
            Tip { position, hash: hash.try_into().unwrap_or(crate::hash::GENESIS), recorded_at: Some(at) }
        }
    })
}

/// The statement that locks the log's head until the end of the transaction.
pub const LOCK_HEAD: &str = "SELECT 1 FROM phaseline.head WHERE id = 1 FOR UPDATE";

/// Whether the table of the log's head exists.
pub async fn has_head_table(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("SELECT pg_catalog.to_regclass('phaseline.head') IS NOT NULL")
        .fetch_one(connection)
        .await?)
}

/// Takes the lock that orders all writers, for the rest of the transaction.
pub async fn lock_head(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(LOCK_HEAD).fetch_optional(connection).await?.ok_or(StoreError::NotInstalled)?;
    Ok(())
}

/// The log's own id: readers' cursors carry it, so that they notice another log under the same name.
pub async fn log_id(connection: &mut PgConnection) -> Result<Uuid, StoreError> {
    sqlx::query_scalar("SELECT log_id FROM phaseline.head WHERE id = 1")
        .fetch_optional(connection)
        .await?
        .ok_or(StoreError::NotInstalled)
}

/// Whether the log takes commands.
pub async fn accepts_commands(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT accepts_commands FROM phaseline.head WHERE id = 1")
        .fetch_optional(connection)
        .await?
        .ok_or(StoreError::NotInstalled)
}

/// The age of the oldest snapshot that a session holds in this database, in seconds; none if there is none, or if neither this role
/// nor the log's owner may see other sessions. No row version newer than the snapshot can be removed.
pub async fn oldest_snapshot(connection: &mut PgConnection) -> Result<Option<f64>, StoreError> {
    let callable: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                         WHERE n.nspname = 'phaseline' AND p.proname = 'oldest_snapshot'
                           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                           AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !callable {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("SELECT phaseline.oldest_snapshot()").fetch_one(connection).await?)
}

/// Opens or closes the log for commands, as part of the transaction that changes the shape.
pub async fn set_accepts_commands(connection: &mut PgConnection, accepts: bool) -> Result<(), StoreError> {
    sqlx::query("UPDATE phaseline.head SET accepts_commands = $1 WHERE id = 1 AND accepts_commands <> $1")
        .bind(accepts)
        .execute(connection)
        .await?;
    Ok(())
}
