//! Lists of projects at a position.

use super::answers::{WantedPhases, folded, ours};
use super::large_log::Portfolio;
use super::temporal::phases_at;
use super::timing::{Slowest, median, positions};
use crate::error::{Result, same};
use crate::measure::{CaseResult, Measured, Rounds, alternate};
use crate::server::{Bench, connect};

/// A list beside the temporal table at some positions, and beside the fold of the log.
pub(super) async fn beside(
    bench: &Bench,
    Portfolio { log, size, note }: &Portfolio,
    [by_table, by_fold]: [&'static str; 2],
    answer: WantedPhases,
    count: i64,
) -> Result<[CaseResult; 2]> {
    let (mut connection, mut other) = (connect(log.url()).await?, connect(log.url()).await?);
    let at = positions(log.events, count);
    for position in &at {
        let found = ours(&mut connection, answer, *position).await?;
        let theirs = phases_at(&mut other, answer, *position).await?;
        same(by_table, "phases", &found.to_string(), &theirs.to_string())?;
    }
    let [our_meter, their_meter] = bench.meters(by_table);
    let [_, fold_meter] = bench.meters(by_fold);
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
    let note = Some(format!("{slowest} (temporal table: {:.2} ms); {note}", their_slowest.time));
    let (fold, spent) = fold_meter.timed(folded(&mut other, answer, log.events)).await?;
    let found = ours(&mut connection, answer, log.events).await?;
    same(by_fold, "phases", &found.to_string(), &fold.to_string())?;
    let folds = Rounds(vec![Measured::milliseconds(spent)]);
    let result = CaseResult::of(by_table, size.clone(), "the phases are the same at each position")?;
    let beside_fold = CaseResult::of(by_fold, size.clone(), "the phases are the same at the end")?;
    Ok([
        CaseResult { ours: figures.clone(), theirs, note, ..result },
        CaseResult { ours: figures, theirs: folds, ..beside_fold },
    ])
}
