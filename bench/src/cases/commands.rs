//! Single commands, durable and with their projection, beside cqrs-es and postgres-es with a view, and beside the minimum that
//! PostgreSQL needs: one INSERT and one commit.

use super::replay::{TimelineView, events_of, replay, same_phases};
use crate::error::{BenchError, Result};
use crate::log::migrate_options;
use crate::measure::{CaseResult, Figures, alternate, rate};
use crate::server::{Bench, connect, handle, settle};
use cqrs_es::persist::{GenericQuery, PersistedEventStore};
use cqrs_es::{CqrsFramework, Query};
use phaseline_domain::{PhaseId, ProjectId, Timeline, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_projections::ProjectPhases;
use phaseline_store::{Metadata, TimelineStore};
use postgres_es::{PostgresEventRepository, PostgresViewRepository, default_postgress_pool};
use rust_decimal::Decimal;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The number of projects with commands.
const PROJECTS: u32 = 1_000;
/// The number of commands to the hot timeline per measured rate.
const WINDOW: u64 = 100;

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
    let assignments = assignments * u64::from(PROJECTS);
    let options = SampleOptions { projects: PROJECTS, assignments, seed: 1 };
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

type Peer = CqrsFramework<Timeline, PersistedEventStore<PostgresEventRepository, Timeline>>;

/// The peer as documented: its pool, its repository, a view behind a generic query.
async fn peer(url: &str) -> (Peer, PgPool) {
    let pool = default_postgress_pool(url).await;
    let view = PostgresViewRepository::<TimelineView, Timeline>::new("timeline_view", pool.clone());
    let queries: Vec<Box<dyn Query<Timeline>>> = vec![Box::new(GenericQuery::new(Arc::new(view)))];
    (postgres_es::postgres_cqrs(pool.clone(), queries, ()), pool)
}

/// Result of concurrent clients.
pub(super) struct LoadResult {
    pub(super) rate: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub(super) p99: f64,
}

/// Runs `clients` concurrently, each on its own timelines, until `commands` are done in total. Both sides execute the
/// same commands.
pub(super) async fn run_clients<F>(
    targets: &[CommandTarget],
    clients: usize,
    commands: u64,
    first: u64,
    execute: impl Fn(CommandTarget, u64) -> F + Clone + Send + 'static,
) -> Result<LoadResult>
where
    F: Future<Output = Result<()>> + Send,
{
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for client in 0..clients {
        let own: Vec<CommandTarget> = targets.iter().skip(client).step_by(clients).copied().collect();
        let execute = execute.clone();
        let share = commands / clients as u64;
        running.spawn(async move {
            let mut took = Vec::new();
            for (n, target) in (first..first + share).zip(own.iter().cycle()) {
                let begun = Instant::now();
                execute(*target, n).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, BenchError>(took)
        });
    }
    let mut took: Vec<Duration> = Vec::new();
    while let Some(done) = running.join_next().await {
        took.extend(done.map_err(|error| BenchError::Failed(error.to_string()))??);
    }
    let time = begun.elapsed();
    let done = i64::try_from(took.len()).unwrap_or(i64::MAX);
    took.sort_unstable();
    let at = took.len() * 99 / 100;
    let p99 = took.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
    Ok(LoadResult { rate: rate(done, time), p99 })
}

/// The same commands, executed by Phaseline.
pub(super) async fn ours(
    store: &TimelineStore<ProjectPhases>,
    targets: &[CommandTarget],
    clients: usize,
    commands: u64,
    first: u64,
) -> Result<LoadResult> {
    let store = store.clone();
    run_clients(targets, clients, commands, first, move |target, n| {
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

async fn theirs(
    peer: &Arc<Peer>,
    targets: &[CommandTarget],
    clients: usize,
    commands: u64,
    first: u64,
) -> Result<LoadResult> {
    let peer = Arc::clone(peer);
    run_clients(targets, clients, commands, first, move |target, n| {
        let peer = Arc::clone(&peer);
        async move {
            let metadata = metadata().into_map();
            let done =
                peer.execute_with_metadata(&target.project.to_string(), command(target, n), metadata).await;
            done.map_err(|error| BenchError::Failed(format!("postgres-es: {error}")))
        }
    })
    .await
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = fixture(bench).await?;
    let projects: Vec<String> = targets.iter().map(|target| target.project.to_string()).collect();
    let beside = events_of(bench, database.url(), &projects).await?;
    replay(beside.url()).await?;
    let (our_store, our_pool) = store(database.url()).await?;
    let (their_peer, their_pool) = peer(beside.url()).await;
    let their_peer = Arc::new(their_peer);
    let mut outcomes = Vec::new();
    let mut first = 1;
    let some = bench.sizes.commands;
    for (name, clients, commands) in
        [("command-1", 1, some), ("command-16", 16, some * 4), ("command-64", 64, some * 8)]
    {
        let (mut our_p99, mut their_p99) = (Figures::default(), Figures::default());
        let (mut our_first, mut their_first) = (first, first);
        let (figures, their_figures) = alternate(
            bench.rounds,
            async || {
                settle(&mut connect(database.url()).await?).await?;
                let crowd = ours(&our_store, &targets, clients, commands, our_first).await?;
                our_first += commands;
                our_p99.0.push(crowd.p99);
                Ok(crowd.rate)
            },
            async || {
                settle(&mut connect(beside.url()).await?).await?;
                let crowd = theirs(&their_peer, &targets, clients, commands, their_first).await?;
                their_first += commands;
                their_p99.0.push(crowd.p99);
                Ok(crowd.rate)
            },
        )
        .await?;
        first = our_first;
        same_phases(name, database.url(), beside.url(), &projects).await?;
        let size = format!("{PROJECTS} timelines, {commands} commands a round");
        let checked = "all phases are the same in the table and in the view";
        let note = |ours: &Figures, theirs: &Figures| {
            Some(format!("p99 {:.2} ms, theirs {:.2} ms", ours.median(), theirs.median()))
        };
        outcomes.push(CaseResult {
            ours: figures.clone(),
            theirs: their_figures,
            note: note(&our_p99, &their_p99),
            ..CaseResult::of(name, size.clone(), checked)?
        });
        if clients == 64 {
            outcomes.push(CaseResult {
                ours: our_p99,
                theirs: their_p99,
                ..CaseResult::of("command-64-p99", size.clone(), checked)?
            });
            let mut inserts = Figures::default();
            for _ in 0..bench.rounds {
                inserts.0.push(pgbench(bench, clients, commands)?);
            }
            outcomes.push(CaseResult {
                ours: figures,
                theirs: inserts,
                ..CaseResult::of("command-64-insert", size, "the number of rows inserted")?
            });
        }
    }
    our_pool.close().await;
    their_pool.close().await;
    Ok(outcomes)
}

/// One INSERT, one commit, by PostgreSQL's own benchmark program.
fn pgbench(bench: &Bench, clients: usize, commands: u64) -> Result<f64> {
    let database = bench.empty();
    database
        .psql("CREATE TABLE one (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload json NOT NULL)");
    let script = std::env::temp_dir().join(format!("phaseline-bench-{}.sql", std::process::id()));
    std::fs::write(
        &script,
        "INSERT INTO one (payload) VALUES ('{\"phase_id\":\"6f9619ff-8b86-d011-b42d-00c04fc964ff\",\"name\":\"Phase 4711\"}');",
    )
    .map_err(BenchError::io("pgbench's script"))?;
    let output = Command::new(database.cluster().binaries().program("pgbench"))
        .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string()])
        .args(["-t", &(commands / clients as u64).to_string(), "-f"])
        .arg(&script)
        .arg(database.url())
        .output();
    let _ = std::fs::remove_file(&script);
    let output = output.map_err(BenchError::io("pgbench"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rows = database.psql("SELECT count(*) FROM one");
    if rows.trim() != (commands / clients as u64 * clients as u64).to_string() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(BenchError::Failed(format!("pgbench inserted {} rows: {text}{stderr}", rows.trim())));
    }
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.ok_or_else(|| BenchError::Failed(format!("pgbench printed no rate: {text}")))
}

/// Many commands on one timeline, one after the other: the rate of the last of them.
pub(super) async fn hot(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = fixture(bench).await?;
    let (our_store, our_pool) = store(database.url()).await?;
    let (mut early, mut late, mut their_late) = (Figures::default(), Figures::default(), Figures::default());
    let commands = bench.sizes.hot;
    for target in targets.iter().copied().take(usize::try_from(bench.rounds).unwrap_or(1)) {
        let one = [target];
        let projects = [target.project.to_string()];
        settle(&mut connect(database.url()).await?).await?;
        ours(&our_store, &one, 1, WINDOW / 2, 1).await?;
        early.0.push(ours(&our_store, &one, 1, WINDOW, WINDOW / 2 + 1).await?.rate);
        ours(&our_store, &one, 1, commands - WINDOW / 2 * 5, WINDOW / 2 * 3 + 1).await?;
        // The peer continues where the stream has all events but those of the last window.
        let beside = events_of(bench, database.url(), &projects).await?;
        replay(beside.url()).await?;
        let (peer, pool) = peer(beside.url()).await;
        late.0.push(ours(&our_store, &one, 1, WINDOW, commands - WINDOW + 1).await?.rate);
        their_late.0.push(theirs(&Arc::new(peer), &one, 1, WINDOW, commands - WINDOW + 1).await?.rate);
        pool.close().await;
        same_phases("command-hot", database.url(), beside.url(), &projects).await?;
    }
    our_pool.close().await;
    let size = format!("{commands} commands on one timeline, the last {WINDOW} of them timed");
    let checked = "the timeline is the same in the table and in the view";
    Ok(vec![
        CaseResult {
            ours: late.clone(),
            theirs: their_late,
            ..CaseResult::of("command-hot", size.clone(), checked)?
        },
        CaseResult { ours: late, theirs: early, ..CaseResult::of("command-hot-flat", size, checked)? },
    ])
}
