//! Refuses a superuser's session on tables of a role that is not a superuser. PostgreSQL runs code of a table's owner in it, also for a
//! SELECT, in more ways than can be checked. See `docs/security.md`.

use phaseline_store::StoreError;
use sqlx::{FromRow, PgConnection};

/// Whose login the session has, and what belongs to a role with fewer rights.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
struct SuperuserSession {
    login: String,
    is_superuser: bool,
    owner: String,
    objects: String,
}

/// Fails if the session's login is a superuser's, or has CREATEROLE, and one of the planner's tables or the log belongs to a role that
/// is neither a superuser nor this login. Reads the catalogue only, which runs no code of others.
///
/// # Errors
/// [`StoreError::SuperuserSession`] with login and owner.
pub async fn refuse_superuser(connection: &mut PgConnection) -> Result<(), StoreError> {
    let found: Option<SuperuserSession> =
        sqlx::query_as(include_str!("../sql/superuser_session.sql")).fetch_optional(connection).await?;
    found.map_or(Ok(()), |SuperuserSession { login, is_superuser, owner, objects }| {
        Err(StoreError::SuperuserSession { login, is_superuser, owner, objects })
    })
}
