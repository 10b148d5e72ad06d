//! Migration and rollback beside the original's own algorithm: one statement per row, from a client, in one transaction.

use super::migrate::{legacy, legacy_shape, our_migration, timeline_shape};
use crate::child::rolled_back;
use crate::error::{BenchError, Result, same};
use crate::measure::{CaseResult, Measured, Rounds};
use crate::meter::Meter;
use crate::server::{Bench, connect, number, run as execute, settle};
use chrono::{Days, NaiveDate};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::progress::Silent;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// The original fails on a project with two phases of one type.
const TIDY: &str = include_str!("../../sql/one_phase_of_a_type.sql");
const BEFORE_UP: &str = include_str!("../../sql/original_up_first.sql");
const AFTER_UP: &str = include_str!("../../sql/original_up_last.sql");
const BEFORE_DOWN: &str = include_str!("../../sql/original_down_first.sql");
const AFTER_DOWN: &str = include_str!("../../sql/original_down_last.sql");

async fn up(url: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    execute(connection, BEFORE_UP).await?;
    let projects: Vec<(Uuid, NaiveDate, NaiveDate)> =
        sqlx::query_as("SELECT id, start_date, end_date FROM projects").fetch_all(&mut *connection).await?;
    for (project, start, end) in projects {
        let phases: Vec<(Uuid, String)> = sqlx::query_as(
            "SELECT id, phase_type::text FROM project_phases WHERE project_id = $1 ORDER BY phase_type",
        )
        .bind(project)
        .fetch_all(&mut *connection)
        .await?;
        let half = u64::try_from((end - start).num_days() / 2).unwrap_or_default();
        let midpoint = start + Days::new(half);
        let both = phases.len() == 2;
        for (phase, kind) in phases {
            let planning = kind == "PLANNING";
            let (first, last) = match (both, planning) {
                (false, _) => (start, end),
                (true, true) => (start, midpoint),
                (true, false) => (midpoint + Days::new(1), end),
            };
            sqlx::query("UPDATE project_phases SET name = $1, start_date = $2, end_date = $3 WHERE id = $4")
                .bind(if planning { "Planning" } else { "Execution" })
                .bind(first)
                .bind(last)
                .bind(phase)
                .execute(&mut *connection)
                .await?;
        }
    }
    execute(connection, AFTER_UP).await?;
    transaction.commit().await?;
    Ok(())
}

async fn down(url: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    execute(connection, BEFORE_DOWN).await?;
    let phases: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT id, name FROM project_phases").fetch_all(&mut *connection).await?;
    for (phase, name) in phases {
        let kind = if name.to_lowercase().contains("planning") { "PLANNING" } else { "EXECUTION" };
        sqlx::query("UPDATE project_phases SET phase_type = $1 WHERE id = $2")
            .bind(kind)
            .bind(phase)
            .execute(&mut *connection)
            .await?;
    }
    let assignments: Vec<(Uuid, Uuid, NaiveDate)> =
        sqlx::query_as("SELECT id, project_id, assignment_date FROM resource_assignments")
            .fetch_all(&mut *connection)
            .await?;
    for (assignment, project, day) in assignments {
        let phase = phase_of(connection, project, day).await?;
        sqlx::query("UPDATE resource_assignments SET project_phase_id = $1 WHERE id = $2")
            .bind(phase)
            .bind(assignment)
            .execute(&mut *connection)
            .await?;
    }
    execute(connection, AFTER_DOWN).await?;
    transaction.commit().await?;
    Ok(())
}

/// The phase with this date, else the project's first.
async fn phase_of(connection: &mut PgConnection, project: Uuid, day: NaiveDate) -> Result<Uuid> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM project_phases WHERE project_id = $1 AND start_date <= $2 AND end_date >= $2 LIMIT 1",
    )
    .bind(project)
    .bind(day)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(phase) = found {
        return Ok(phase);
    }
    let first =
        sqlx::query_scalar("SELECT id FROM project_phases WHERE project_id = $1 ORDER BY start_date LIMIT 1")
            .bind(project)
            .fetch_optional(connection)
            .await?;
    first.ok_or_else(|| BenchError::Failed(format!("project {project} has no phase")))
}

/// Rows with a link to a phase of their project.
async fn linked(url: &str) -> Result<i64> {
    number(
        &mut connect(url).await?,
        "SELECT count(*) FROM resource_assignments a
           JOIN project_phases ph ON ph.id = a.project_phase_id AND ph.project_id = a.project_id",
    )
    .await
}

async fn our_migration_of(url: &str) -> Result<()> {
    our_migration(url, &Silent).await
}

async fn our_rollback_of(url: &str) -> Result<()> {
    rolled_back(url, &Silent).await
}

struct OriginalSide<'a> {
    /// Of the migration, and of the rollback.
    meters: [Meter<'a>; 2],
    up: Rounds,
    down: Rounds,
    came_to: String,
    linked: i64,
}

impl<'a> OriginalSide<'a> {
    fn new(meters: [Meter<'a>; 2]) -> Self {
        let (up, down, came_to, linked) = Default::default();
        Self { meters, up, down, came_to, linked }
    }
}

async fn round(
    bench: &Bench,
    template: &TestDatabase,
    side: &mut OriginalSide<'_>,
    up: impl AsyncFn(&str) -> Result<()>,
    down: impl AsyncFn(&str) -> Result<()>,
) -> Result<TestDatabase> {
    let database = bench.copy(template);
    let url = database.url();
    let [up_meter, down_meter] = side.meters;
    let assignments = i64::try_from(bench.sizes.original.1).unwrap_or(i64::MAX);
    settle(&mut connect(url).await?).await?;
    side.up.push(Measured::seconds(assignments, up_meter.timed(up(url)).await?.1));
    side.came_to = timeline_shape(url).await?;
    settle(&mut connect(url).await?).await?;
    side.down.push(Measured::seconds(assignments, down_meter.timed(down(url)).await?.1));
    side.linked = linked(url).await?;
    Ok(database)
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let template = legacy(bench, bench.sizes.original, TIDY).await?;
    let before = legacy_shape(template.url()).await?;
    let [our_up, their_up] = bench.meters("migrate-original");
    let [our_down, their_down] = bench.meters("rollback-original");
    let mut ours = OriginalSide::new([our_up, our_down]);
    let mut theirs = OriginalSide::new([their_up, their_down]);
    for at in 0..bench.rounds {
        if at % 2 == 1 {
            round(bench, &template, &mut theirs, up, down).await?;
        }
        let database = round(bench, &template, &mut ours, our_migration_of, our_rollback_of).await?;
        same(
            "rollback-original",
            "both tables before and after (ours)",
            &before,
            &legacy_shape(database.url()).await?,
        )?;
        drop(database);
        if at % 2 == 0 {
            round(bench, &template, &mut theirs, up, down).await?;
        }
        same("migrate-original", "both tables in the timeline shape", &ours.came_to, &theirs.came_to)?;
        same("rollback-original", "linked assignments", &ours.linked, &theirs.linked)?;
    }
    let (projects, assignments) = bench.sizes.original;
    let size = format!("{projects} projects, {assignments} assignments");
    let up_checked = "both have the same rows, columns, indexes and constraints";
    let down_checked =
        "every assignment has a phase of its project again; ours the one that it had, theirs one by its date";
    Ok(vec![
        CaseResult {
            ours: ours.up,
            theirs: theirs.up,
            ..CaseResult::of("migrate-original", &size, up_checked)?
        },
        CaseResult {
            ours: ours.down,
            theirs: theirs.down,
            ..CaseResult::of("rollback-original", &size, down_checked)?
        },
    ])
}
