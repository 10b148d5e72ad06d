//! Copies of rehearsals that were killed, or kept: named, and dropped if that is asked for.

use super::copy::Admin;
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

/// How the comment of every copy begins.
const MARK: &str = "phaseline rehearsal of ";

/// The comment of a copy: whose it is.
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

/// A copy that a rehearsal made.
#[derive(FromRow)]
struct Found {
    name: String,
    /// Its mark; none if its rehearsal did not come so far.
    mark: Option<String>,
    /// How many are connected. A rehearsal under way always is.
    connected: i64,
}

/// All copies on the server. One without a mark is told by its name and by letting nobody in yet.
const FIND: &str = "
    SELECT d.datname::text AS name, m.mark,
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid
               AND a.backend_type IS DISTINCT FROM 'autovacuum worker') AS connected
      FROM pg_catalog.pg_database d
     CROSS JOIN LATERAL (SELECT pg_catalog.shobj_description(d.oid, 'pg_database') AS mark) m
     WHERE starts_with(m.mark, $1)
        OR m.mark IS NULL AND NOT d.datallowconn AND d.datname ~ '_rehearsal_[0-9a-f]{8}$'
     ORDER BY d.datname";

/// The copies that nobody uses, each in words and with the command that drops it, which begins with `program`.
pub(crate) async fn leftovers(
    connection: &mut PgConnection,
    program: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let found: Vec<Found> = sqlx::query_as(FIND).bind(MARK).fetch_all(&mut *connection).await?;
    let mut words = Vec::new();
    for copy in found.iter().filter(|copy| copy.connected == 0) {
        // It may be gone by now, or not ours to measure.
        let size: Option<i64> = sqlx::query_scalar("SELECT pg_catalog.pg_database_size($1)")
            .bind(&copy.name)
            .fetch_one(&mut *connection)
            .await
            .ok();
        let size = size.map_or_else(String::new, |size| format!(", {}", bytes(size.unsigned_abs())));
        let mark = copy.mark.as_deref().unwrap_or("killed while it was made");
        words.push((
            format!("left by an earlier rehearsal, or kept: database {:?}{size} ({mark})", copy.name),
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

/// Drops a copy, if it is one and nobody uses it.
pub(super) async fn drop(context: &Context, admin: &Admin, name: &str) -> Result<Exit, Failure> {
    let mut connection = admin.connect().await?;
    let found: Vec<Found> = sqlx::query_as(FIND).bind(MARK).fetch_all(&mut connection).await?;
    let Some(copy) = found.iter().find(|copy| copy.name == name) else {
        return Err(Failure::refused(
            "not_a_copy",
            format!("there is no database {name:?} that a rehearsal made; nothing was dropped"),
        ));
    };
    if copy.connected > 0 {
        return Err(Failure::new(
            Exit::Locked,
            "copy_in_use",
            format!("somebody is connected to {name:?}, perhaps its rehearsal; nothing was dropped"),
        )
        .detail(copy.mark.clone())
        .remedy("Wait for that rehearsal, or end those connections."));
    }
    // Not by force: somebody may have connected just now.
    sqlx::raw_sql(&format!("DROP DATABASE {}", identifier(name))).execute(&mut connection).await?;
    context.output.answer(&Dropped { format: "phaseline.dropped/1", database: name }, || {
        format!("{GOOD}DROPPED{GOOD:#}: {}", crate::page::clean(name))
    });
    Ok(Exit::Done)
}
