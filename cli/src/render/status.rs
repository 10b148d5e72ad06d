//! The state of a database.

use super::format::{count, login_beside, moment};
use super::{Page, clean};
use crate::style::{BAD, DIM};
use phaseline_migrator::status::{RunStatus, Status};
use phaseline_store::schema::version::VERSION;

/// Minimum age in seconds of a reported snapshot: a younger one slows nothing. `--json` always has it.
const NOTABLE: f64 = 10.0;

/// The status as text.
pub(crate) fn page(status: &Status) -> Page {
    let mut page = Page::default();
    page.entry("database", format_args!("{}, PostgreSQL {}", clean(&status.database), status.server_version));
    page.entry("shape", status.shape);
    let revisions = if status.revisions.is_empty() { "none".to_owned() } else { status.revisions.join(", ") };
    page.entry("revision", clean(&revisions));
    for change in &status.planner_schema {
        page.entry("planner's schema", format_args!("{BAD}changed{BAD:#}: {}", clean(change)));
    }
    match &status.log {
        None => {
            page.entry("log", "none: this database was never migrated");
        }
        Some(log) => {
            let since =
                log.recorded_at.map_or_else(String::new, |at| format!(", the last recorded {}", moment(at)));
            page.entry("log", format_args!("{} events{since}", count(log.position.unsigned_abs())));
            if let Some(head) = log.head {
                page.entry("log's head", format_args!("{DIM}{head}{DIM:#}"));
            }
            if let Some(version) = log.schema_version {
                let newer = match version < VERSION {
                    true => format!("; this program's is {VERSION}, run: phaseline upgrade"),
                    false => String::new(),
                };
                page.entry("log's schema", format_args!("version {version}{newer}"));
            }
            match (log.log_id, log.accepts_commands) {
                (Some(id), Some(accepts)) => {
                    page.entry("log's id", format_args!("{DIM}{id}{DIM:#}"));
                    page.entry("accepts commands", if accepts { "yes" } else { "no, in the legacy shape" });
                }
                _ => {
                    page.entry("phaseline.head", format_args!("{BAD}damaged{BAD:#}; run: phaseline doctor"));
                }
            }
        }
    }
    match &status.running {
        Some(holder) => page.entry("running now", clean(holder)),
        None => page.entry("running now", "nothing"),
    };
    if let Some(age) = status.oldest_snapshot_seconds.filter(|age| *age >= NOTABLE) {
        page.entry(
            "oldest snapshot",
            format_args!("held for {age:.0} s; until it ends, rows that change often get slower"),
        );
    }
    if !status.runs.is_empty() {
        page.heading("Runs, oldest first");
        for run in &status.runs {
            self::run(&mut page, run);
        }
    }
    page
}

fn run(page: &mut Page, run: &RunStatus) {
    page.line(format_args!(
        "  {}  {} by {} on {}{}: {}",
        moment(run.ended_at),
        run.direction,
        clean(run.actor.as_deref().unwrap_or("unknown")),
        clean(&run.host),
        login_beside(run.actor.as_deref(), run.login.as_deref()),
        run.outcome
    ));
    if !run.summary.is_empty() {
        page.line(format_args!("    {}", clean(&run.summary)));
    }
    if let Some(reason) = &run.reason {
        page.line(format_args!("    why: {}", clean(reason)));
    }
    page.line(format_args!("    {DIM}run {}, begun {}{DIM:#}", run.id, moment(run.started_at)));
}
