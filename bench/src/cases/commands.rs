//! Single commands, durable and with their projection, beside cqrs-es and postgres-es with a view, and beside the minimum that
//! PostgreSQL needs: one INSERT and one commit.

use super::load::{
    CommandTarget, Load, LoadResult, PROJECTS, command, fixture, metadata, ours, run_clients, store,
};
use super::peers::beside_disintegrate;
use super::pgbench::pgbench;
use super::replay::{TimelineView, events_of, replay, same_phases};
use crate::case::Group;
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Measured, Rounds};
use crate::meter::Meter;
use crate::server::{Bench, connect, settle};
use cqrs_es::persist::{GenericQuery, PersistedEventStore};
use cqrs_es::{CqrsFramework, Query};
use phaseline_domain::Timeline;
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::ProjectPhases;
use phaseline_store::TimelineStore;
use postgres_es::{PostgresEventRepository, PostgresViewRepository, default_postgress_pool};
use sqlx::PgPool;
use std::sync::Arc;

/// The number of commands to the hot timeline per measured rate.
const WINDOW: u64 = 100;

/// A case beside the peer.
struct CommandCase {
    name: &'static str,
    /// The case beside pgbench.
    insert: Option<&'static str>,
    clients: usize,
    /// How many times the commands of one client.
    times: u64,
}

const LOADS: [CommandCase; 3] = [
    CommandCase { name: "command-1", insert: Some("command-1-insert"), clients: 1, times: 1 },
    CommandCase { name: "command-16", insert: None, clients: 16, times: 4 },
    CommandCase { name: "command-64", insert: Some("command-64-insert"), clients: 64, times: 8 },
];

impl CommandCase {
    /// Whether this case is to run, or another one with the same load.
    fn is_wanted(&self, bench: &Bench) -> bool {
        let with_more = format!("{}-", self.name);
        let mut commands = bench.wanted.iter().filter(|case| case.group == Group::Commands);
        commands.any(|case| case.name == self.name || case.name.starts_with(&with_more))
    }
}

type Peer = CqrsFramework<Timeline, PersistedEventStore<PostgresEventRepository, Timeline>>;

/// The peer as documented: its pool, its repository, a view behind a generic query.
async fn peer(url: &str) -> (Peer, PgPool) {
    let pool = default_postgress_pool(url).await;
    let view = PostgresViewRepository::<TimelineView, Timeline>::new("timeline_view", pool.clone());
    let queries: Vec<Box<dyn Query<Timeline>>> = vec![Box::new(GenericQuery::new(Arc::new(view)))];
    (postgres_es::postgres_cqrs(pool.clone(), queries, ()), pool)
}

async fn theirs(meter: Meter<'_>, peer: &Arc<Peer>, load: &Load<'_>) -> Result<LoadResult> {
    let peer = Arc::clone(peer);
    run_clients(meter, load, move |target, n| {
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

/// Both sides, each with its database.
struct Sides<'a> {
    bench: &'a Bench,
    targets: Vec<CommandTarget>,
    projects: Vec<String>,
    our_database: TestDatabase,
    our_store: TimelineStore<ProjectPhases>,
    their_database: TestDatabase,
    their_peer: Arc<Peer>,
    pools: [PgPool; 2],
}

/// The figures of one number of clients.
#[derive(Default)]
struct CommandRounds {
    ours: Rounds,
    theirs: Rounds,
    /// One INSERT a command.
    inserts: Rounds,
    our_p99: Rounds,
    their_p99: Rounds,
}

impl<'a> Sides<'a> {
    async fn start(bench: &'a Bench) -> Result<Self> {
        let (our_database, targets) = fixture(bench).await?;
        let projects: Vec<String> = targets.iter().map(|target| target.project.to_string()).collect();
        let their_database = events_of(bench, our_database.url(), &projects).await?;
        replay(their_database.url()).await?;
        let (our_store, our_pool) = store(our_database.url()).await?;
        let (their_peer, their_pool) = peer(their_database.url()).await;
        let (their_peer, pools) = (Arc::new(their_peer), [our_pool, their_pool]);
        Ok(Self { bench, targets, projects, our_database, our_store, their_database, their_peer, pools })
    }

    /// One round of all sides, of which another one begins each time.
    async fn round(
        &self,
        at: u32,
        case: &CommandCase,
        load: &Load<'_>,
        rounds: &mut CommandRounds,
    ) -> Result<()> {
        let [our_meter, their_meter] = self.bench.meters(case.name);
        for side in 0..3 {
            match (at + side) % 3 {
                0 => {
                    settle(&mut connect(self.our_database.url()).await?).await?;
                    let result = ours(our_meter, &self.our_store, load).await?;
                    rounds.ours.push(result.rate());
                    rounds.our_p99.push(Measured::figure(result.p99));
                }
                1 => {
                    settle(&mut connect(self.their_database.url()).await?).await?;
                    let result = theirs(their_meter, &self.their_peer, load).await?;
                    rounds.theirs.push(result.rate());
                    rounds.their_p99.push(Measured::figure(result.p99));
                }
                _ => {
                    if let Some(insert) = case.insert.filter(|name| self.bench.wants(name)) {
                        rounds.inserts.push(pgbench(self.bench, insert, load).await?);
                    }
                }
            }
        }
        Ok(())
    }
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let sides = Sides::start(bench).await?;
    let mut outcomes = Vec::new();
    let mut first = 1;
    for case in LOADS.iter().filter(|case| case.is_wanted(bench)) {
        let CommandCase { name, insert, clients, times } = *case;
        let commands = bench.sizes.commands * times;
        let mut rounds = CommandRounds::default();
        for at in 0..bench.rounds {
            let load = Load { targets: &sides.targets, clients, commands, first };
            sides.round(at, case, &load, &mut rounds).await?;
            first += commands;
        }
        same_phases(name, sides.our_database.url(), sides.their_database.url(), &sides.projects).await?;
        let size = format!("{PROJECTS} timelines, {commands} commands a round");
        let checked = "all phases are the same in the table and in the view";
        let CommandRounds { ours, theirs, inserts, our_p99, their_p99 } = rounds;
        let [p99, p99_of_theirs] = [&our_p99, &their_p99].map(|rounds| rounds.figures().median());
        outcomes.push(CaseResult {
            ours: ours.clone(),
            theirs,
            note: Some(format!("p99 {p99:.2} ms, theirs {p99_of_theirs:.2} ms")),
            ..CaseResult::of(name, size.clone(), checked)?
        });
        if clients == 64 {
            outcomes.push(CaseResult {
                ours: our_p99,
                theirs: their_p99,
                ..CaseResult::of("command-64-p99", size.clone(), checked)?
            });
        }
        if clients == 64 && bench.wants("command-64-disintegrate") {
            outcomes.push(beside_disintegrate(bench, ours.clone()).await?);
        }
        if let Some(insert) = insert.filter(|_| !inserts.0.is_empty()) {
            let case = CaseResult::of(insert, size, "the number of rows inserted")?;
            outcomes.push(CaseResult { ours, theirs: inserts, ..case });
        }
    }
    for pool in &sides.pools {
        pool.close().await;
    }
    Ok(outcomes)
}

/// Many commands on one timeline, one after the other: the rate of the last of them.
pub(super) async fn hot(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = fixture(bench).await?;
    let (our_store, our_pool) = store(database.url()).await?;
    let (mut early, mut late, mut their_late) = (Rounds::default(), Rounds::default(), Rounds::default());
    let [our_meter, their_meter] = bench.meters("command-hot");
    let commands = bench.sizes.hot;
    for target in targets.iter().copied().take(usize::try_from(bench.rounds).unwrap_or(1)) {
        let one = [target];
        let load = |commands, first| Load { targets: &one, clients: 1, commands, first };
        let projects = [target.project.to_string()];
        settle(&mut connect(database.url()).await?).await?;
        ours(our_meter, &our_store, &load(WINDOW / 2, 1)).await?;
        early.push(ours(our_meter, &our_store, &load(WINDOW, WINDOW / 2 + 1)).await?.rate());
        ours(our_meter, &our_store, &load(commands - WINDOW / 2 * 5, WINDOW / 2 * 3 + 1)).await?;
        // The peer continues where the stream has all events but those of the last window.
        let beside = events_of(bench, database.url(), &projects).await?;
        replay(beside.url()).await?;
        let (peer, pool) = peer(beside.url()).await;
        let last = load(WINDOW, commands - WINDOW + 1);
        late.push(ours(our_meter, &our_store, &last).await?.rate());
        their_late.push(theirs(their_meter, &Arc::new(peer), &last).await?.rate());
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
