//! Refuses a role with the rights of a superuser that would use objects of a role without them. PostgreSQL runs code of a table's owner in
//! the session of a role that reads it, in more ways than can be detected. See `docs/security.md`.

use crate::powerful::is_powerful;
use phaseline_store::{ExcessRights, Relation, StoreError};
use sqlx::PgConnection;

/// Fails if the session's login, or the owner of one of the planner's tables, has the rights of a superuser (or CREATEROLE, or the
/// server's files and programs), and one of these belongs to a role without: the planner's tables, schema `phaseline`, tables that
/// foreign keys or inheritance connect with them, schema `public`, the database. Reads the catalogue only, which runs no code of others.
///
/// # Errors
/// [`StoreError::ExcessRights`] with both roles.
pub async fn refuse_excess_rights(connection: &mut PgConnection) -> Result<(), StoreError> {
    let query =
        include_str!("../sql/excess_rights.sql").replace("{is_powerful}", &is_powerful("any_role.oid"));
    let found: Option<(String, bool, bool, String, String, i32)> =
        sqlx::query_as(&query).fetch_optional(connection).await?;
    let Some((actor, is_superuser, is_login, owner, objects, relation)) = found else { return Ok(()) };
    let relation = match relation {
        0 | 1 => Relation::Own,
        2 => Relation::Connected,
        _ => Relation::Container,
    };
    let found = ExcessRights { actor, is_superuser, is_login, owner, objects, relation };
    Err(StoreError::ExcessRights(Box::new(found)))
}
