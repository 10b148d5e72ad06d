//! Code of other roles that would run with the privileges of the role that works on the planner's tables.
//!
//! A table's owner decides which functions its constraints, generated columns, casts and triggers call. A superuser that rebuilds such
//! a table, or writes its rows, would run them as a superuser. So a run checks first, and refuses functions that are neither a
//! superuser's nor its own: see `docs/security.md`.

use crate::powerful::is_powerful;
use phaseline_store::StoreError;
use sqlx::PgConnection;

/// How the planner's tables are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They are read.
    Read,
    /// They are read, and functions of schema `phaseline` are called.
    Call,
    /// They are read and built again.
    Build,
    /// They are read, and rows are written.
    Write,
}

/// Functions that would run with the rights of `role` (the current one if none), one sentence each with the remedy; empty if
/// there are none. Reads the catalogue only.
pub async fn foreign_code(
    connection: &mut PgConnection,
    role: Option<&str>,
    access: Access,
) -> Result<Vec<String>, StoreError> {
    find(connection, role, access, false).await
}

/// The same for commands and the service: functions that run with the rights of `owner` when rows of that role's own tables are
/// written, and belong to another.
pub(crate) async fn foreign_code_of_owner(
    connection: &mut PgConnection,
    owner: &str,
) -> Result<Vec<String>, StoreError> {
    find(connection, Some(owner), Access::Write, true).await
}

async fn find(
    connection: &mut PgConnection,
    role: Option<&str>,
    access: Access,
    own_tables_only: bool,
) -> Result<Vec<String>, StoreError> {
    let access = match access {
        Access::Read => "read",
        Access::Call => "call",
        Access::Build => "build",
        Access::Write => "write",
    };
    let query = include_str!("../sql/foreign_code.sql").replace("{is_powerful}", &is_powerful("runner.oid"));
    Ok(sqlx::query_scalar(&query).bind(role).bind(access).bind(own_tables_only).fetch_all(connection).await?)
}

/// The check for sessions that call functions of schema `phaseline`. Code that the tables' owner wrote runs with the owner's rights, but
/// it can defer a trigger to the end of the transaction, where it has the session's rights. So the session of a powerful login is checked
/// in the same way as repairs. If a powerful role owns a table, code of other roles there would have that role's rights.
///
/// # Errors
/// [`StoreError::ForeignCode`] with all findings.
pub async fn refuse_foreign_code_for_commands(connection: &mut PgConnection) -> Result<(), StoreError> {
    refuse_foreign_code(connection, Access::Call).await?;
    let login = is_powerful("login.oid");
    let is_powerful_login: bool = sqlx::query_scalar(&format!(
        "SELECT {login} FROM pg_catalog.pg_roles login WHERE login.rolname = session_user"
    ))
    .fetch_one(&mut *connection)
    .await?;
    if is_powerful_login {
        refuse_foreign_code(connection, Access::Write).await?;
    }
    let owners: Vec<String> = sqlx::query_scalar(&format!(
        "SELECT DISTINCT pg_catalog.pg_get_userbyid(c.relowner)::text
           FROM pg_catalog.pg_class c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname IN ('projects', 'project_phases', 'resource_assignments')
            AND {} ORDER BY 1",
        is_powerful("c.relowner")
    ))
    .fetch_all(&mut *connection)
    .await?;
    for owner in owners {
        let found = foreign_code_of_owner(connection, &owner).await?;
        if !found.is_empty() {
            return Err(StoreError::ForeignCode(found.join("; ")));
        }
    }
    Ok(())
}

/// Fails if there are any.
///
/// # Errors
/// [`StoreError::ForeignCode`] with all of them.
pub async fn refuse_foreign_code(connection: &mut PgConnection, access: Access) -> Result<(), StoreError> {
    let found = foreign_code(connection, None, access).await?;
    if found.is_empty() { Ok(()) } else { Err(StoreError::ForeignCode(found.join("; "))) }
}
