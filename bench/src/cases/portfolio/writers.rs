//! Writers beside the task that stores states, without it, and beside a temporal table's triggers.

use super::temporal;
use crate::cases::load::{CommandTarget, Load, fixture, ours as commands, store};
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Measured, Rounds};
use crate::meter::Meter;
use crate::server::{Bench, connect, settle};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::ProjectPhases;
use phaseline_store::TimelineStore;
use phaseline_store::timeline_states::{Advanced, advance, remake};
use sqlx::{PgConnection, PgPool};
use std::time::{Duration, Instant};

/// The pauses of the service's task, in times of its work.
const PAUSE: u32 = 15;

/// A database for writers.
struct Written {
    database: TestDatabase,
    targets: Vec<CommandTarget>,
    store: TimelineStore<ProjectPhases>,
    pool: PgPool,
    first: u64,
}

impl Written {
    async fn start(bench: &Bench) -> Result<Self> {
        let (database, targets) = fixture(bench).await?;
        let (store, pool) = store(database.url()).await?;
        Ok(Self { database, targets, store, pool, first: 1 })
    }

    async fn rate(&mut self, meter: Meter<'_>, count: u64) -> Result<Measured> {
        let load = Load { targets: &self.targets, clients: 64, commands: count, first: self.first };
        let rate = commands(meter, &self.store, &load).await?.rate();
        self.first += count;
        Ok(rate)
    }
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let mut ours = Written::start(bench).await?;
    let mut theirs = Written::start(bench).await?;
    temporal::keep(&mut connect(theirs.database.url()).await?).await?;
    let mut task = connect(ours.database.url()).await?;
    remake(&mut task, |_, _| ()).await?;
    let count = bench.sizes.commands * 8;
    let [our_meter, their_meter] = bench.meters("command-64-states");
    let [_, trigger_meter] = bench.meters("command-64-temporal");
    let [mut with, mut without, mut triggers] = [(); 3].map(|()| Rounds::default());
    // Rates of writers differ by more than the task costs, so there are more rounds.
    for round in 0..bench.rounds * 2 {
        // Each order as often.
        for side in if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] } {
            settle(&mut connect(ours.database.url()).await?).await?;
            match side {
                0 => tokio::select! {
                    done = ours.rate(our_meter, count) => with.push(done?),
                    failed = keep_making(&mut task) => return Err(failed),
                },
                1 => without.push(ours.rate(their_meter, count).await?),
                _ => triggers.push(theirs.rate(trigger_meter, count).await?),
            }
        }
    }
    ours.pool.close().await;
    theirs.pool.close().await;
    let size = format!("{} timelines, {count} commands a round", ours.targets.len());
    let checked = "the same commands";
    Ok(vec![
        CaseResult {
            ours: with.clone(),
            theirs: without,
            ..CaseResult::of("command-64-states", size.clone(), checked)?
        },
        CaseResult { ours: with, theirs: triggers, ..CaseResult::of("command-64-temporal", size, checked)? },
    ])
}

/// Stores states until the future is dropped; returns an error.
async fn keep_making(task: &mut PgConnection) -> BenchError {
    loop {
        let begun = Instant::now();
        match advance(task).await {
            Err(error) => return error.into(),
            Ok(Advanced::To { left: 1.., .. }) => tokio::time::sleep(begun.elapsed() * PAUSE).await,
            Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
