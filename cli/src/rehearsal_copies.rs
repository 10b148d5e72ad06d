//! Copies of killed rehearsals, and kept copies, on the server.

use crate::failure::Failure;
use crate::render::format::bytes;
use crate::target::quoted;
use sqlx::{FromRow, PgConnection};

/// The start of every copy's comment.
pub(crate) const MARK: &str = "phaseline rehearsal of ";

/// A copy of a rehearsal.
#[derive(FromRow)]
pub(crate) struct RehearsalCopy {
    pub(crate) name: String,
    /// Its mark; none if its rehearsal ended before setting it.
    pub(crate) mark: Option<String>,
    /// Number of connections. A running rehearsal always has one.
    pub(crate) connected: i64,
}

/// Copies without a mark have a rehearsal's name and allow no connections.
const FIND: &str = "
    SELECT d.datname::text AS name, m.mark,
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid
               AND a.backend_type IS DISTINCT FROM 'autovacuum worker') AS connected
      FROM pg_catalog.pg_database d
     CROSS JOIN LATERAL (SELECT pg_catalog.shobj_description(d.oid, 'pg_database') AS mark) m
     WHERE starts_with(m.mark, $1)
        OR m.mark IS NULL AND NOT d.datallowconn AND d.datname ~ '_rehearsal_[0-9a-f]{8}$'
     ORDER BY d.datname";

/// All copies on the server, by name.
pub(crate) async fn all(connection: &mut PgConnection) -> Result<Vec<RehearsalCopy>, sqlx::Error> {
    sqlx::query_as(FIND).bind(MARK).fetch_all(connection).await
}

/// The copies without connections: a description, and the command that drops it, which begins with `program`.
pub(crate) async fn leftovers(
    connection: &mut PgConnection,
    program: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut words = Vec::new();
    for copy in all(connection).await?.iter().filter(|copy| copy.connected == 0) {
        // It may be dropped by now, or this role may not read its size.
        let size: Option<i64> = sqlx::query_scalar("SELECT pg_catalog.pg_database_size($1)")
            .bind(&copy.name)
            .fetch_one(&mut *connection)
            .await
            .ok();
        let size = size.map_or_else(String::new, |size| format!(", {}", bytes(size.unsigned_abs())));
        let mark = copy.mark.as_deref().unwrap_or("killed while it was copied");
        words.push((
            format!("left behind by an earlier rehearsal, or kept: database {:?}{size} ({mark})", copy.name),
            format!("{program} rehearse --drop {}", quoted(&copy.name)),
        ));
    }
    Ok(words)
}
