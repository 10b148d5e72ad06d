//! One timeline of a long stream.

use super::answers::{WantedPhases, folded, ours, read};
use super::temporal::{self, phases_at};
use super::timing::{Slowest, median, positions};
use crate::error::{Result, same};
use crate::events::Events;
use crate::log::Log;
use crate::measure::{CaseResult, Measured, Rounds, alternate};
use crate::server::{Bench, connect, run as execute};
use phaseline_projections::portfolio::SelectedStates;
use phaseline_store::timeline_states::remake;
use uuid::Uuid;

/// Commands to each project, which are 500 events.
const STEPS: usize = 492;
const EVENTS: u64 = 32_000;

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let log = Log::of(bench, Events::new(2, EVENTS).lasting(STEPS)).await?;
    let mut connection = connect(log.url()).await?;
    remake(&mut connection, |_, _| ()).await?;
    execute(&mut connection, "VACUUM (FREEZE, ANALYZE) phaseline.timeline_states").await?;
    temporal::fill(log.url()).await?;
    let id: Uuid = sqlx::query_scalar(
        "SELECT e.aggregate_id::uuid FROM phaseline.postgres_es_events e
          GROUP BY 1 HAVING count(*) >= 495 ORDER BY 1 LIMIT 1",
    )
    .fetch_one(&mut connection)
    .await?;
    let answer = WantedPhases::One(id);
    let at = positions(log.events, 50);
    let mut other = connect(log.url()).await?;
    for position in &at {
        let found = ours(&mut connection, answer, *position).await?;
        let theirs = phases_at(&mut other, answer, *position).await?;
        same("portfolio-one", "phases", &found.to_string(), &theirs.to_string())?;
    }
    let [our_meter, their_meter] = bench.meters("portfolio-one");
    let [_, fold_meter] = bench.meters("portfolio-one-fold");
    let (mut slowest, mut their_slowest) = (Slowest::default(), Slowest::default());
    let (figures, theirs) = alternate(
        bench.rounds,
        async || {
            median(our_meter, &at, &mut slowest, async |position| {
                ours(&mut connection, answer, position).await
            })
            .await
        },
        async || {
            median(their_meter, &at, &mut their_slowest, async |position| {
                phases_at(&mut other, answer, position).await
            })
            .await
        },
    )
    .await?;
    let mut slowest_stream = Slowest::default();
    let stream = median(bench.meter(), &at, &mut slowest_stream, async |position| {
        read(&mut other, id.into(), position, SelectedStates::None).await
    })
    .await?
    .figure;
    let note = format!(
        "{slowest} (temporal table: {:.2} ms); the fold of the timeline's own events took {stream:.2} ms, at most {:.2} ms",
        their_slowest.time, slowest_stream.time
    );
    let (fold, spent) = fold_meter.timed(folded(&mut other, answer, log.events)).await?;
    let found = ours(&mut connection, answer, log.events).await?;
    same("portfolio-one-fold", "phases", &found.to_string(), &fold.to_string())?;
    let result = CaseResult::of("portfolio-one", log.size(), "the phases are the same at each position")?;
    let beside_fold = CaseResult::of("portfolio-one-fold", log.size(), "the phases are the same at the end")?;
    Ok(vec![
        CaseResult { ours: figures.clone(), theirs, note: Some(note), ..result },
        CaseResult { ours: figures, theirs: Rounds(vec![Measured::milliseconds(spent)]), ..beside_fold },
    ])
}
