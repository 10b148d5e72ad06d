//! The log's roles. They belong to the server, not to a database, so a migration of a copy creates them too.

use super::admin::Admin;
use super::sql::identifier;
use crate::failure::Failure;
use sqlx::PgConnection;

const ROLES: [&str; 4] = ["phaseline_owner", "phaseline_writer", "phaseline_reader", "phaseline_auditor"];

/// The existing ones.
pub(super) async fn present(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    Ok(sqlx::query_scalar("SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)")
        .bind(ROLES.map(String::from).to_vec())
        .fetch_all(connection)
        .await?)
}

/// Drops those that did not exist before. A role with dependent objects in any database cannot be dropped. Returns a note
/// if some are left.
pub(super) async fn drop_new(admin: &Admin, before: &[String]) -> Option<String> {
    let left = match try_to(admin, before).await {
        Ok(left) => left,
        Err(failure) => {
            return Some(format!("roles left behind could not be checked: {}", failure.message()));
        }
    };
    (!left.is_empty()).then(|| {
        format!(
            "created by the rehearsal and left behind, since they are in use or may not be dropped: {}",
            left.join(", ")
        )
    })
}

async fn try_to(admin: &Admin, before: &[String]) -> Result<Vec<String>, Failure> {
    let mut connection = admin.connect().await?;
    let mut left = Vec::new();
    for role in present(&mut connection).await? {
        if before.contains(&role) {
            continue;
        }
        // Roles with members are kept, and the lock timeout keeps other sessions from waiting.
        let members: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                             WHERE m.roleid = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = $1)
                               AND m.member <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user))",
        )
        .bind(&role)
        .fetch_one(&mut connection)
        .await?;
        let drop = format!("SET lock_timeout = '2s'; DROP ROLE IF EXISTS {}", identifier(&role));
        if members || sqlx::raw_sql(&drop).execute(&mut connection).await.is_err() {
            left.push(role);
        }
    }
    Ok(left)
}
