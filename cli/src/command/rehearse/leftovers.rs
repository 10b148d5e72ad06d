//! Copies of killed rehearsals, and kept copies: lists them, and drops them on request.

use super::admin::Admin;
use super::sql::identifier;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::page::format::{bytes, moment};
use crate::style::GOOD;
use crate::target::quoted;
use chrono::Utc;
use serde::Serialize;
use sqlx::{FromRow, PgConnection};

/// The start of every copy's comment.
const MARK: &str = "phaseline rehearsal of ";

/// The comment of a copy: its owner.
pub(super) fn mark(context: &Context, source: &str) -> String {
    let operator = operator(&context.global, None);
    format!(
        "{MARK}{source} by {}, host {}, process {}, begun {}",
        operator.actor,
        operator.host,
        std::process::id(),
        moment(Utc::now())
    )
}

/// A copy of a rehearsal.
#[derive(FromRow)]
struct Found {
    name: String,
    /// Its mark; none if its rehearsal ended before setting it.
    mark: Option<String>,
    /// Number of connections. A running rehearsal always has one.
    connected: i64,
}

/// All copies on the server. Copies without a mark have a rehearsal's name and allow no connections.
const FIND: &str = "
    SELECT d.datname::text AS name, m.mark,
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid
               AND a.backend_type IS DISTINCT FROM 'autovacuum worker') AS connected
      FROM pg_catalog.pg_database d
     CROSS JOIN LATERAL (SELECT pg_catalog.shobj_description(d.oid, 'pg_database') AS mark) m
     WHERE starts_with(m.mark, $1)
        OR m.mark IS NULL AND NOT d.datallowconn AND d.datname ~ '_rehearsal_[0-9a-f]{8}$'
     ORDER BY d.datname";

/// The copies without connections: a description, and the command that drops it, which begins with `program`.
pub(crate) async fn leftovers(
    connection: &mut PgConnection,
    program: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let found: Vec<Found> = sqlx::query_as(FIND).bind(MARK).fetch_all(&mut *connection).await?;
    let mut words = Vec::new();
    for copy in found.iter().filter(|copy| copy.connected == 0) {
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

/// `phaseline.dropped/1`
#[derive(Serialize)]
struct Dropped<'a> {
    format: &'static str,
    database: &'a str,
}

/// Drops a copy without connections; refuses other databases.
pub(super) async fn drop(context: &Context, admin: &Admin, name: &str) -> Result<Exit, Failure> {
    let mut connection = admin.connect().await?;
    let found: Vec<Found> = sqlx::query_as(FIND).bind(MARK).fetch_all(&mut connection).await?;
    let Some(copy) = found.iter().find(|copy| copy.name == name) else {
        return Err(Failure::refused(
            "not_a_copy",
            format!("{name:?} is not a copy of a rehearsal; nothing was dropped"),
        ));
    };
    if copy.connected > 0 {
        return Err(Failure::new(
            Exit::Locked,
            "copy_in_use",
            format!("{name:?} has connections, perhaps of its rehearsal; nothing was dropped"),
        )
        .detail(copy.mark.clone())
        .remedy("Wait for that rehearsal, or end those connections."));
    }
    // Not by force: a session may have connected just now.
    sqlx::raw_sql(&format!("DROP DATABASE {}", identifier(name))).execute(&mut connection).await?;
    context.output.answer(&Dropped { format: "phaseline.dropped/1", database: name }, || {
        format!("{GOOD}DROPPED{GOOD:#}: {}", crate::page::clean(name))
    });
    Ok(Exit::Done)
}
