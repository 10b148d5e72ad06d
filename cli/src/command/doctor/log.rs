//! Checks of schema `phaseline`.

use super::report::DoctorReport;
use crate::render::format::moment;
use phaseline_migrator::log::history::Run;
use phaseline_migrator::shape::{self, Shape};
use phaseline_store::schema::{self, SchemaDifference, version::VERSION};
use phaseline_store::{StoreError, chain};
use sqlx::PgConnection;

const REPAIR: &str = "phaseline doctor --repair rebuilds it from the events.";
const FOREIGN: &str = "Find out who changed it, and drop objects that this program does not create; if columns or constraints are missing, \
                       restore a backup. Then: phaseline doctor --repair";

/// Number of events read without --deep.
const LOOKED_AT: i64 = 10_000;

pub(super) async fn check(report: &mut DoctorReport, connection: &mut PgConnection, deep: bool) {
    let version = match schema::version(connection).await {
        Err(error @ StoreError::NewerSchema { .. }) => {
            return report.fail(
                "log's schema",
                error.to_string(),
                "Use the newer phaseline: an older program refuses this schema.",
            );
        }
        Err(error) => return report.unchecked("log's schema", error),
        Ok(version) => version,
    };
    let shape = shape::find(connection).await.map_or(Shape::Unknown, |found| found.shape);
    match schema::installed(connection).await {
        Ok(true) => {}
        Ok(false) if shape == Shape::Timelines => {
            return report.fail(
                "log",
                "the tables are in the timeline shape, but there is no log (phaseline.events)",
                "If phaseline migrated this database: restore schema phaseline from a backup. If the planner's own \
                 migration did: phaseline cannot roll it back.",
            );
        }
        Ok(false) => return report.ok("log", "none yet; migrate creates it"),
        Err(error) => return report.unchecked("log", error),
    }
    match version {
        Some(version) if version < VERSION => report.warn(
            "log's schema",
            format!("version {version}, this program's is {VERSION}"),
            "Run: phaseline upgrade",
        ),
        _ => definitions(report, connection).await,
    }
    events(report, connection, deep).await;
    head(report, connection, shape).await;
    match missing_roles(connection).await {
        Ok(missing) if missing.is_empty() => {
            report.ok("roles", "phaseline_writer, phaseline_reader and phaseline_auditor exist");
        }
        Ok(missing) => {
            let service = if missing.iter().any(|role| role == "phaseline_writer") {
                "; without phaseline_writer `serve` does not start"
            } else {
                ""
            };
            let make: Vec<String> =
                missing.iter().map(|role| format!("CREATE ROLE {role} NOLOGIN")).collect();
            report.warn(
                "roles",
                format!("missing: {}; commands on the command line need none of them{service}", missing.join(", ")),
                format!(
                    "An administrator creates them: {}. Then this gives them their rights: phaseline doctor --repair",
                    make.join("; ")
                ),
            );
        }
        Err(error) => report.unchecked("roles", error),
    }
}

/// Compares the schema with what this program installs. Objects that guard the table of events have a separate line.
async fn definitions(report: &mut DoctorReport, connection: &mut PgConnection) {
    let differences = match phaseline_projections::schema_differences(connection).await {
        Ok(differences) => differences,
        Err(error) => return report.unchecked("log's schema", error),
    };
    let touches_events = |found: &&SchemaDifference| {
        EVENTS.iter().any(|name| found.text.split([' ', '.']).any(|word| word == *name))
    };
    let (events, others): (Vec<&SchemaDifference>, Vec<&SchemaDifference>) =
        differences.iter().partition(touches_events);
    let good =
        format!("version {VERSION}; tables, functions, triggers and grants are as installed by this program");
    for (check, found, good) in [
        ("log's schema", others, good.as_str()),
        ("append-only", events, "events cannot be changed, not by replication either"),
    ] {
        if found.is_empty() {
            report.ok(check, good);
            continue;
        }
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        let remedy = if found.iter().all(|found| found.repairable) { REPAIR } else { FOREIGN };
        report.fail(check, text.join("; "), remedy);
    }
}

/// The objects that guard the events.
const EVENTS: [&str; 3] = ["events", "events_append_only", "refuse_change"];

/// The last events, or all: hashes, readability, and no timestamps in the future.
async fn events(report: &mut DoctorReport, connection: &mut PgConnection, deep: bool) {
    let end = match chain::inspect_end(connection, if deep { i64::MAX } else { LOOKED_AT }).await {
        Ok(end) => end,
        Err(error) => return report.unchecked("log's events", error),
    };
    let all = end.events == end.position.unsigned_abs();
    match end.damage.as_slice() {
        [] if all => {
            report.ok("log's events", format!("all {} match their hashes and can be read", end.events))
        }
        [] => report.ok(
            "log's events",
            format!("the last {} of {} match their hashes; --deep reads all", end.events, end.position),
        ),
        [first, more @ ..] => {
            let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            report.fail(
                "log's events",
                format!("{first}{more}"),
                "phaseline verify lists everything that is wrong with the log.",
            );
        }
    }
    match chain::seconds_ahead(connection).await {
        Ok(ahead) if ahead > chain::TOLERATED_SECONDS_AHEAD => report.warn(
            "clock",
            format!("the last event was recorded {ahead:.0} s ahead of the database's clock: the clock was wrong then"),
            "Until the clock reaches that time, all events get it, and --as-of cannot distinguish them. Nothing is lost.",
        ),
        Ok(_) => {}
        Err(error) => report.unchecked("clock", error),
    }
}

/// The head's row: appending needs it, and it must agree with the shape.
async fn head(report: &mut DoctorReport, connection: &mut PgConnection, shape: Shape) {
    match schema::has_head_table(connection).await {
        Ok(true) => {}
        Ok(false) => return, // Listed among the missing tables.
        Err(error) => return report.unchecked("log's head", error),
    }
    let accepts = schema::accepts_commands(connection).await;
    let runs = phaseline_migrator::log::history::readable_runs(connection)
        .await
        .map(|(runs, _)| runs)
        .unwrap_or_default();
    let last = runs.iter().rfind(|run| run.completed());
    let migrated = last.is_some_and(|run| run.migrated.is_some());
    if let Some(last) = last.filter(|_| migrated && shape == Shape::Legacy) {
        restored_over(report, last);
    }
    match accepts {
        Err(StoreError::NotInstalled) => {
            report.fail("log's head", "phaseline.head has no row, so nothing can be appended", REPAIR);
        }
        Err(error) => report.unchecked("log's head", error),
        Ok(false) if shape == Shape::Timelines && !migrated => report.fail(
            "log's head",
            "commands are refused: another program migrated the tables",
            "phaseline plan --adopt-migrated shows how to take them over.",
        ),
        Ok(accepts) if shape != Shape::Unknown && accepts != (shape == Shape::Timelines) => {
            let accepts = if accepts { "accepts" } else { "refuses" };
            report.fail(
                "log's head",
                format!("the log {accepts} commands, but the shape is {shape}"),
                REPAIR,
            );
        }
        Ok(accepts) => {
            let takes =
                if accepts { "commands are accepted" } else { "commands are refused in the legacy shape" };
            report.ok("log's head", format!("exists; {takes}"));
        }
    }
}

/// The tables are older than the log: a backup that has no log was restored over them, or the planner's own migration was rolled back.
fn restored_over(report: &mut DoctorReport, last: &Run) {
    let by = last.metadata.actor.as_deref().map_or_else(String::new, |actor| format!(" by {actor}"));
    report.warn(
        "log's runs",
        format!(
            "the last is the migration of {}{by}, but the tables are in the legacy shape: a backup without the log was restored over \
             them, or another program moved them back",
            moment(last.ended_at)
        ),
        "Until the next migration `verify` fails, since the tables are older than the log. That migration brings back the log's edits: \
         phaseline plan. To go back without them, restore the backup into a new database, which has no log, and use that.",
    );
}

async fn missing_roles(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT wanted.name
           FROM (VALUES (1, 'phaseline_writer'), (2, 'phaseline_reader'), (3, 'phaseline_auditor')) AS wanted (place, name)
          WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name)
          ORDER BY wanted.place",
    )
    .fetch_all(connection)
    .await
}
