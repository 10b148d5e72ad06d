//! What changed between two positions: the first page with its events, and the totals.

use super::large_log::Portfolio;
use super::temporal;
use super::timing::{Slowest, median};
use crate::error::{BenchError, Result, same};
use crate::measure::{CaseResult, Measured, Rounds, alternate};
use crate::server::{Bench, connect};
use phaseline_projections::portfolio::{
    ChangeDetail, ChangeTotals, ListPlace, PortfolioFilter, Positions, changes_page, each_change,
};
use phaseline_projections::{FoldedLog, FoldedTimeline, TimelineDiff};
use phaseline_store::read;
use sqlx::PgConnection;

/// The projects of a page.
pub(super) const PAGE: usize = 100;
/// The distance of two positions that are near.
const NEAR: i64 = 10_000;

/// As the temporal table's totals.
fn text(totals: &ChangeTotals) -> String {
    let phases = totals.phases;
    format!(
        "{} added, {} removed, {} changed, total {:.2}",
        phases.added, phases.removed, phases.changed, totals.budget.total
    )
}

/// The number of changed phases of the first page, and the totals.
async fn ours(connection: &mut PgConnection, positions: Positions) -> Result<(u64, String)> {
    let filter = PortfolioFilter::default();
    let page = changes_page(connection, positions, &filter, ListPlace::default(), PAGE).await?;
    let mut totals = ChangeTotals::default();
    each_change(connection, positions, &filter, ChangeDetail::Fields, |change| {
        totals.add(&change);
        Ok(())
    })
    .await?;
    let mut of_page = ChangeTotals::default();
    page.projects.iter().for_each(|change| of_page.add(change));
    let phases = of_page.phases;
    Ok((phases.added + phases.removed + phases.changed, text(&totals)))
}

/// The totals by one fold of the log, of which the earlier state is kept.
async fn folded(connection: &mut PgConnection, [earlier, later]: Positions) -> Result<String> {
    let mut log = FoldedLog::begin(connection).await?;
    let mut before = None;
    read::scan(connection, Some(later), |event| {
        if event.position > earlier && before.is_none() {
            before = Some(log.timelines.clone());
        }
        log.apply(event);
        Ok::<_, BenchError>(())
    })
    .await?;
    let (before, nothing) = (before.unwrap_or_default(), FoldedTimeline::default());
    let mut totals = ChangeTotals::default();
    for (project, after) in &log.timelines {
        totals.add_diff(&TimelineDiff::between(*project, before.get(project).unwrap_or(&nothing), after));
    }
    Ok(text(&totals))
}

pub(super) async fn run(bench: &Bench, portfolio: &Portfolio) -> Result<Vec<CaseResult>> {
    let last = portfolio.log.events;
    let near = [last / 4, last / 2, last * 3 / 4, last].map(|later| [(later - NEAR).max(0), later]);
    let mut outcomes = Vec::new();
    outcomes.extend(beside(bench, portfolio, ["diff-near", "diff-near-fold"], &near).await?);
    outcomes.extend(beside(bench, portfolio, ["diff-whole", "diff-whole-fold"], &[[0, last]]).await?);
    outcomes.extend(beside(bench, portfolio, ["diff-half", "diff-half-fold"], &[[last / 2, last]]).await?);
    Ok(outcomes)
}

async fn beside(
    bench: &Bench,
    Portfolio { log, size, .. }: &Portfolio,
    [by_table, by_fold]: [&'static str; 2],
    pairs: &[Positions],
) -> Result<[CaseResult; 2]> {
    let (mut connection, mut other) = (connect(log.url()).await?, connect(log.url()).await?);
    for pair in pairs {
        let (ours, theirs) =
            (ours(&mut connection, *pair).await?, temporal::changes(&mut other, *pair).await?);
        same(by_table, "changes", &format!("{ours:?}"), &format!("{theirs:?}"))?;
    }
    let [our_meter, their_meter] = bench.meters(by_table);
    let [_, fold_meter] = bench.meters(by_fold);
    let (mut slowest, mut their_slowest) = (Slowest::default(), Slowest::default());
    let (figures, theirs) = alternate(
        bench.rounds,
        async || median(our_meter, pairs, &mut slowest, async |pair| ours(&mut connection, pair).await).await,
        async || {
            median(their_meter, pairs, &mut their_slowest, async |pair| {
                temporal::changes(&mut other, pair).await
            })
            .await
        },
    )
    .await?;
    let pair = pairs.last().copied().unwrap_or_default();
    let (fold, spent) = fold_meter.timed(folded(&mut other, pair)).await?;
    let (_, totals) = ours(&mut connection, pair).await?;
    same(by_fold, "totals", &totals, &fold)?;
    let note = Some(format!("{slowest} (temporal table: {:.2} ms); {totals}", their_slowest.time));
    let result = CaseResult::of(by_table, size.clone(), "the changed phases of the page and the totals")?;
    let beside_fold = CaseResult::of(by_fold, size.clone(), "the totals")?;
    Ok([
        CaseResult { ours: figures.clone(), theirs, note, ..result },
        CaseResult { ours: figures, theirs: Rounds(vec![Measured::milliseconds(spent)]), ..beside_fold },
    ])
}
