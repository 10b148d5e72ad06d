//! Marks a rehearsal's copy, and drops one on request.

use super::admin::Admin;
use super::sql::identifier;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::rehearsal_copies::{self, MARK};
use crate::render::format::moment;
use crate::style::GOOD;
use chrono::Utc;
use serde::Serialize;

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

/// `phaseline.dropped/1`
#[derive(Serialize)]
struct Dropped<'a> {
    format: &'static str,
    database: &'a str,
    /// Whether it was only checked.
    dry_run: bool,
}

/// Drops a copy without connections; refuses other databases. A dry run only checks.
pub(super) async fn drop(
    context: &Context,
    admin: &Admin,
    name: &str,
    dry_run: bool,
) -> Result<Exit, Failure> {
    let mut connection = admin.connect().await?;
    let found = rehearsal_copies::all(&mut connection).await?;
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
    if !dry_run {
        // Not by force: a session may have connected just now.
        sqlx::raw_sql(&format!("DROP DATABASE {}", identifier(name))).execute(&mut connection).await?;
    }
    context.output.result(&Dropped { format: "phaseline.dropped/1", database: name, dry_run }, || {
        let name = crate::render::clean(name);
        match dry_run {
            true => {
                format!("{GOOD}DRY RUN{GOOD:#}. {name} is a copy without connections; nothing was dropped.")
            }
            false => format!("{GOOD}DROPPED{GOOD:#}: {name}"),
        }
    });
    Ok(Exit::Done)
}
