//! The version of schema `phaseline`: which schemas a program refuses, and which it upgrades.
//!
//! The version is in the schema's comment. A comment can be read without any right on the schema, by a program that
//! does not know its tables, and changes in the transaction that changes them.

use crate::{Sessions, StoreError};
use sqlx::PgConnection;

/// The version that this program installs, and the newest that it supports. Raise it whenever a program of the version before
/// must not work on the new schema, or the new program not on the old one; a change that affects neither is installed
/// by the next run, or by `phaseline upgrade`, under the same version.
///
/// - 1: the schemas without a version
/// - 2: the schema has its version
/// - 3: commands have keys, and one call of the projection takes a whole batch
/// - 4: events have the login that wrote them, and the database checks what is appended
/// - 5: events have the actor's name, and commands follow dates that another program gave their project
/// - 6: events of a restored timeline have the position that it was restored from
/// - 7: the only event of a single command has a function of its own
pub const VERSION: u32 = 7;

/// The words of the comment before the version.
pub(super) const WORDS: &str = "schema version";

/// The version that the schema's comment names; none if there is no schema, or it names none.
pub async fn recorded(connection: &mut PgConnection) -> Result<Option<u32>, StoreError> {
    let version: Option<i64> = sqlx::query_scalar(
        "SELECT pg_catalog.substring(pg_catalog.obj_description(n.oid, 'pg_namespace'), $1)::int8
           FROM pg_catalog.pg_namespace n WHERE n.nspname = 'phaseline'",
    )
    .bind(format!("{WORDS} ([0-9]{{1,9}})"))
    .fetch_optional(connection)
    .await?
    .flatten();
    Ok(version.map(|version| u32::try_from(version).unwrap_or(u32::MAX)))
}

/// Fails if a newer program than this one has made the schema. One query of the catalogue.
///
/// # Errors
/// [`StoreError::NewerSchema`].
pub async fn refuse_newer(connection: &mut PgConnection) -> Result<(), StoreError> {
    match recorded(connection).await? {
        Some(found) if found > VERSION => Err(StoreError::NewerSchema { found, known: VERSION }),
        _ => Ok(()),
    }
}

/// Fails if an older program than this one made the schema: it cannot hold what this one writes.
///
/// # Errors
/// [`StoreError::OlderSchema`].
pub async fn refuse_older(connection: &mut PgConnection) -> Result<(), StoreError> {
    match recorded(connection).await?.unwrap_or(1) {
        found if found < VERSION => Err(StoreError::OlderSchema { found, known: VERSION }),
        _ => Ok(()),
    }
}

/// The reason why an older schema caused an error; the error itself if the schema is not older, or cannot be read.
pub async fn older_or(connection: &mut PgConnection, error: StoreError) -> StoreError {
    match refuse_older(connection).await {
        Err(older @ StoreError::OlderSchema { .. }) => older,
        _ => error,
    }
}

/// The same in a session of its own: the error has ended the transaction of the other one.
pub(crate) async fn explained(sessions: &Sessions, error: StoreError) -> StoreError {
    match sessions.begin().await {
        Ok(mut session) => {
            let explained = older_or(&mut session, error).await;
            session.end(explained)
        }
        Err(_) => error,
    }
}
