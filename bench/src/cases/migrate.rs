//! Migration and rollback beside well written SQL, with a concurrent reader.

use super::reader::WaitingReader;
use crate::child::rolled_back;
use crate::error::{Result, same};
use crate::log::migrate_options;
use crate::measure::{CaseResult, Measured, Rounds};
use crate::meter::Meter;
use crate::server::{Bench, connect, digest, handle, run as execute, settle};
use crate::steps::StepTimes;
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::sample::{self, SampleOptions};
use std::time::Duration;

const UP: &str = include_str!("../../sql/migrate.sql");
const DOWN: &str = include_str!("../../sql/rollback.sql");

const NEW_PHASES: &str = "id, project_id, name, start_date, end_date, description, capital_budget, \
                          expense_budget, total_budget, created_at, updated_at";
const OLD_PHASES: &str =
    "id, project_id, phase_type::text, capital_budget, expense_budget, total_budget, created_at, updated_at";
const ASSIGNMENTS: &str = "id, resource_id, project_id, assignment_date, allocation_percentage, \
                           capital_percentage, expense_percentage, created_at, updated_at";

/// Digest of the tables' rows and structure.
pub(super) async fn timeline_shape(url: &str) -> Result<String> {
    let mut connection = connect(url).await?;
    let phases = digest(&mut connection, NEW_PHASES, "public.project_phases").await?;
    let assignments = digest(&mut connection, ASSIGNMENTS, "public.resource_assignments").await?;
    Ok(format!("{phases}, {assignments}, {}", structure(&mut connection).await?))
}

/// The same in the legacy shape.
pub(super) async fn legacy_shape(url: &str) -> Result<String> {
    let mut connection = connect(url).await?;
    let phases = digest(&mut connection, OLD_PHASES, "public.project_phases").await?;
    let columns = format!("{ASSIGNMENTS}, project_phase_id");
    let assignments = digest(&mut connection, &columns, "public.resource_assignments").await?;
    Ok(format!("{phases}, {assignments}, {}", structure(&mut connection).await?))
}

/// Columns, indexes and constraints of both tables.
async fn structure(connection: &mut sqlx::PgConnection) -> Result<String> {
    let query = "
        SELECT md5(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\")) FROM (
            SELECT format('%s.%s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull)
              FROM pg_attribute WHERE attrelid IN ('public.project_phases'::regclass, 'public.resource_assignments'::regclass)
               AND attnum > 0 AND NOT attisdropped
            UNION ALL
            SELECT indexdef FROM pg_indexes WHERE tablename IN ('project_phases', 'resource_assignments')
            UNION ALL
            SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
              FROM pg_constraint WHERE 'public.project_phases'::regclass IN (conrelid, confrelid)
                 OR 'public.resource_assignments'::regclass IN (conrelid, confrelid)
        ) AS lines (line)";
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}

/// A legacy database to copy.
pub(super) async fn legacy(
    bench: &Bench,
    (projects, assignments): (u32, u64),
    tidy: &str,
) -> Result<TestDatabase> {
    let database = bench.empty();
    let mut connection = connect(database.url()).await?;
    sample::create(&mut connection, &SampleOptions { projects, assignments, seed: 1 }).await?;
    execute(&mut connection, tidy).await?;
    execute(&mut connection, "VACUUM (FREEZE, ANALYZE)").await?;
    Ok(database)
}

/// Timings of one side's migration or rollback: its duration, and the longest wait of the reader.
struct Timings<'a> {
    meter: Meter<'a>,
    took: Rounds,
    waited: Rounds,
    /// The durations of the last run's steps.
    steps: String,
}

impl<'a> Timings<'a> {
    fn new(meter: Meter<'a>) -> Self {
        let (took, waited, steps) = Default::default();
        Self { meter, took, waited, steps }
    }

    async fn measure(
        &mut self,
        bench: &Bench,
        url: &str,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        settle(&mut connect(url).await?).await?;
        let reader = WaitingReader::start(url);
        // The reader is connected before the work begins.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let done = self.meter.timed(work).await;
        let observed = reader.stop()?;
        let assignments = i64::try_from(bench.sizes.legacy.1).unwrap_or(i64::MAX);
        self.waited.push(Measured::figure(observed.longest.as_secs_f64()));
        self.took.push(Measured::seconds(assignments, done?.1.without(observed.own)));
        Ok(())
    }
}

struct MigrationSide<'a> {
    up: Timings<'a>,
    down: Timings<'a>,
    /// Digests of the tables after the migration, and after the rollback.
    digests: (String, String),
}

pub(super) async fn our_migration(url: &str, progress: &dyn Progress) -> Result<()> {
    migrate(&handle(url)?, &migrate_options(), progress).await?;
    Ok(())
}

/// Runs an SQL script on its own connection.
async fn script(url: &str, sql: &str) -> Result<()> {
    execute(&mut connect(url).await?, sql).await
}

async fn ours(bench: &Bench, template: &TestDatabase, side: &mut MigrationSide<'_>) -> Result<()> {
    let database = bench.copy(template);
    let url = database.url();
    let (up, down) = (StepTimes::default(), StepTimes::default());
    side.up.measure(bench, url, our_migration(url, &up)).await?;
    side.up.steps = up.summary();
    side.digests.0 = timeline_shape(url).await?;
    side.down.measure(bench, url, rolled_back(url, &down)).await?;
    side.down.steps = down.summary();
    side.digests.1 = legacy_shape(url).await?;
    Ok(())
}

async fn theirs(bench: &Bench, template: &TestDatabase, side: &mut MigrationSide<'_>) -> Result<()> {
    let database = bench.copy(template);
    let url = database.url();
    side.up.measure(bench, url, script(url, UP)).await?;
    side.digests.0 = timeline_shape(url).await?;
    side.down.measure(bench, url, script(url, DOWN)).await?;
    side.digests.1 = legacy_shape(url).await?;
    Ok(())
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let template = legacy(bench, bench.sizes.legacy, "SELECT").await?;
    let before = legacy_shape(template.url()).await?;
    let [our_up, their_up] = bench.meters("migrate").map(Timings::new);
    let [our_down, their_down] = bench.meters("rollback").map(Timings::new);
    let mut our_side = MigrationSide { up: our_up, down: our_down, digests: Default::default() };
    let mut their_side = MigrationSide { up: their_up, down: their_down, digests: Default::default() };
    for round in 0..bench.rounds {
        if round % 2 == 0 {
            ours(bench, &template, &mut our_side).await?;
        }
        theirs(bench, &template, &mut their_side).await?;
        if round % 2 == 1 {
            ours(bench, &template, &mut our_side).await?;
        }
        same("migrate", "both tables in the timeline shape", &our_side.digests.0, &their_side.digests.0)?;
        same("rollback", "both tables before and after (ours)", &before, &our_side.digests.1)?;
        same("rollback", "both tables before and after (theirs)", &before, &their_side.digests.1)?;
    }
    let (projects, assignments) = bench.sizes.legacy;
    let size = format!("{projects} projects, {assignments} assignments");
    let checked = "both have the same rows, columns, indexes and constraints after each way";
    let seconds = |rounds: &Rounds| format!("{:.2} s", rounds.figures().median());
    let mut outcomes = Vec::new();
    for (name, ours, theirs) in
        [("migrate", &our_side.up, &their_side.up), ("rollback", &our_side.down, &their_side.down)]
    {
        let note = format!(
            "longest wait of a reader: ours {}, theirs {}; ours: {}",
            seconds(&ours.waited),
            seconds(&theirs.waited),
            ours.steps
        );
        outcomes.push(CaseResult {
            ours: ours.took.clone(),
            theirs: theirs.took.clone(),
            note: Some(note),
            ..CaseResult::of(name, &size, checked)?
        });
    }
    for (name, way) in [("unreadable-up", our_side.up), ("unreadable-down", our_side.down)] {
        let checked = "a reader queried both tables every 2 ms from before the run to its end";
        outcomes.push(CaseResult {
            ours: way.waited,
            theirs: way.took,
            ..CaseResult::of(name, &size, checked)?
        });
    }
    Ok(outcomes)
}
