//! Concurrent clients with commands.

use crate::error::{BenchError, Result};
use crate::log::migrate_options;
use crate::measure::{Measured, milliseconds};
use crate::meter::{Meter, Spent};
use crate::server::{Bench, connect, handle};
use phaseline_domain::{PhaseId, ProjectId, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_projections::ProjectPhases;
use phaseline_store::{Metadata, TimelineStore};
use rust_decimal::Decimal;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The number of projects with commands.
pub(super) const PROJECTS: u32 = 1_000;

/// A timeline and one of its phases.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommandTarget {
    pub(super) project: ProjectId,
    pub(super) phase: PhaseId,
}

/// The command number `n`: names and budgets in turn, each a different value.
pub(super) fn command(target: CommandTarget, n: u64) -> TimelineCommand {
    if n.is_multiple_of(2) {
        TimelineCommand::RenamePhase { phase_id: target.phase, name: format!("Phase {n}") }
    } else {
        TimelineCommand::BudgetPhase {
            phase_id: target.phase,
            capital_budget: Decimal::from(n),
            expense_budget: Decimal::ONE,
            total_budget: None,
        }
    }
}

/// A migrated database, and the timelines in it.
pub(super) async fn fixture(bench: &Bench) -> Result<(TestDatabase, Vec<CommandTarget>)> {
    booked_fixture(bench, 1).await
}

/// The same with this number of assignments per project.
pub(super) async fn booked_fixture(
    bench: &Bench,
    assignments: u64,
) -> Result<(TestDatabase, Vec<CommandTarget>)> {
    let database = bench.empty();
    let mut connection = connect(database.url()).await?;
    let options =
        SampleOptions { projects: PROJECTS, assignments: u64::from(PROJECTS) * assignments, seed: 1 };
    sample::create(&mut connection, &options).await?;
    migrate(&handle(database.url())?, &migrate_options(), &Silent).await?;
    sqlx::raw_sql("VACUUM (FREEZE, ANALYZE)").execute(&mut connection).await?;
    let found: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT DISTINCT ON (project_id) project_id, id FROM public.project_phases ORDER BY project_id, start_date",
    )
    .fetch_all(&mut connection)
    .await?;
    let targets = found
        .into_iter()
        .map(|(project, phase)| CommandTarget { project: project.into(), phase: phase.into() });
    Ok((database, targets.collect()))
}

/// Phaseline's store, with connections as in the service.
pub(super) async fn store(url: &str) -> Result<(TimelineStore<ProjectPhases>, PgPool)> {
    let pool = PgPoolOptions::new().max_connections(8).test_before_acquire(false).connect(url).await?;
    Ok((TimelineStore::new(pool.clone(), ProjectPhases), pool))
}

/// What concurrent clients do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<'a> {
    pub(super) targets: &'a [CommandTarget],
    pub(super) clients: usize,
    /// Of all clients together.
    pub(super) commands: u64,
    /// The number of each client's first command.
    pub(super) first: u64,
}

/// What concurrent clients measured.
pub(super) struct LoadResult {
    /// The commands done.
    done: i64,
    spent: Spent,
    /// The 99th percentile of the latency, in milliseconds.
    pub(super) p99: f64,
}

impl LoadResult {
    /// Commands per second.
    pub(super) fn rate(&self) -> Measured {
        Measured::rate(self.done, self.spent)
    }
}

/// Runs the clients concurrently, each on its own timelines. All sides execute the same commands.
pub(super) async fn run_clients<F>(
    meter: Meter<'_>,
    load: &Load<'_>,
    execute: impl Fn(CommandTarget, u64) -> F + Clone + Send + 'static,
) -> Result<LoadResult>
where
    F: Future<Output = Result<()>> + Send,
{
    let (mut took, spent) = meter.timed(all_clients(load, execute)).await?;
    let done = i64::try_from(took.len()).unwrap_or(i64::MAX);
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().map_or(f64::NAN, milliseconds);
    Ok(LoadResult { done, spent, p99 })
}

/// The latency of each command.
async fn all_clients<F>(
    Load { targets, clients, commands, first }: &Load<'_>,
    execute: impl Fn(CommandTarget, u64) -> F + Clone + Send + 'static,
) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<()>> + Send,
{
    let mut running = tokio::task::JoinSet::new();
    for client in 0..*clients {
        let own: Vec<CommandTarget> = targets.iter().skip(client).step_by(*clients).copied().collect();
        let execute = execute.clone();
        let numbers = *first..first + commands / *clients as u64;
        running.spawn(async move {
            let mut took = Vec::new();
            for (n, target) in numbers.zip(own.iter().cycle()) {
                let begun = Instant::now();
                execute(*target, n).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, BenchError>(took)
        });
    }
    let mut took = Vec::new();
    while let Some(done) = running.join_next().await {
        took.extend(done.map_err(|error| BenchError::Failed(error.to_string()))??);
    }
    Ok(took)
}

/// Commands executed by Phaseline.
pub(super) async fn ours(
    meter: Meter<'_>,
    store: &TimelineStore<ProjectPhases>,
    load: &Load<'_>,
) -> Result<LoadResult> {
    let store = store.clone();
    run_clients(meter, load, move |target, n| {
        let store = store.clone();
        async move {
            let done = store.execute(target.project, &command(target, n), metadata()).await;
            done.map(|_| ()).map_err(|error| BenchError::Failed(error.to_string()))
        }
    })
    .await
}

pub(super) fn metadata() -> Metadata {
    Metadata { actor: Some("bench".to_owned()), source: Some("bench".to_owned()), ..Metadata::default() }
}
