//! Timelines at any position and their differences, beside a temporal table of phases and beside folds of the log.

mod differences;
mod one;
mod temporal;
mod writers;

use crate::error::{Result, same};
use crate::events::Events;
use crate::log::Log;
use crate::measure::{CaseResult, Figures, alternate, timed};
use crate::server::{Bench, connect, number, run as execute, settle};
use chrono::{Datelike, NaiveDate};
use phaseline_projections::planner_view::project_names;
use phaseline_projections::portfolio::{ListPlace, PortfolioFilter, each_project, page};
use phaseline_projections::{FoldedLog, FoldedTimeline, PhaseRow};
use phaseline_store::timeline_states::remake;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::fmt;
use temporal::{TemporalAnswer, phases_at};
use uuid::Uuid;

/// Commands to each project, which are 100 events.
const STEPS: usize = 92;
/// The projects of a page.
const PAGE: usize = 100;
const PHASES: &str = "the phases are the same at each position";

/// Phases as they were: their count, a sum over ids and days of their ends, and one of their budgets.
#[derive(Debug, Default, PartialEq, Eq)]
struct PortfolioSum {
    phases: u64,
    sum: u64,
    budget: Decimal,
}

impl fmt::Display for PortfolioSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phases, sum, budget } = self;
        write!(f, "{phases} phases with sum {sum:x} and budget {budget:.2}")
    }
}

impl PortfolioSum {
    fn add(&mut self, id: Uuid, end: NaiveDate, budget: Decimal) {
        self.phases += 1;
        self.sum = self
            .sum
            .wrapping_add(id.as_u64_pair().0)
            .wrapping_add(u64::from(end.num_days_from_ce().unsigned_abs()));
        self.budget += budget;
    }

    fn of_rows(&mut self, rows: &[PhaseRow]) {
        rows.iter().for_each(|row| self.add(row.id.uuid(), row.end_date, row.total_budget));
    }

    fn of(&mut self, folded: &FoldedTimeline) {
        for phase in folded.timeline.phases() {
            self.add(phase.id.uuid(), phase.range.end(), phase.budget.total().amount());
        }
    }
}

async fn ours(connection: &mut PgConnection, answer: TemporalAnswer, position: i64) -> Result<PortfolioSum> {
    let mut found = PortfolioSum::default();
    let filter = PortfolioFilter::default();
    match answer {
        TemporalAnswer::Page(limit) => {
            let page = page(connection, position, &filter, ListPlace::default(), limit).await?;
            page.projects.iter().for_each(|project| found.of_rows(&project.phases));
        }
        TemporalAnswer::All => {
            each_project(connection, position, &filter, |project| {
                found.of_rows(&project.phases);
                Ok(())
            })
            .await?;
        }
        TemporalAnswer::One(project) => found = one::by_states(connection, project.into(), position).await?,
    }
    Ok(found)
}

/// The first projects by name of a fold of the log up to a position, or all.
async fn folded(
    connection: &mut PgConnection,
    answer: TemporalAnswer,
    position: i64,
) -> Result<PortfolioSum> {
    let log = FoldedLog::read(connection, Some(position)).await?;
    let mut found = PortfolioSum::default();
    if let TemporalAnswer::One(project) = answer {
        log.timelines.get(&project.into()).into_iter().for_each(|folded| found.of(folded));
        return Ok(found);
    }
    let mut open: Vec<_> =
        log.timelines.iter().filter(|(_, folded)| folded.timeline.project().is_some()).collect();
    let ids: Vec<_> = open.iter().map(|(project, _)| **project).collect();
    let names = project_names(connection, &ids).await?;
    let name = |project| names.get(project).and_then(|name| name.name.as_deref()).map(str::to_lowercase);
    open.sort_by_cached_key(|(project, _)| (name(project), **project));
    let limit = if let TemporalAnswer::Page(limit) = answer { limit } else { usize::MAX };
    open.into_iter().take(limit).for_each(|(_, folded)| found.of(folded));
    Ok(found)
}

/// Positions all over the log, the last one among them.
fn positions(last: i64, count: i64) -> Vec<i64> {
    (1..=count).map(|n| last * n / count.max(1)).collect()
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The slowest median of all rounds.
#[derive(Debug, Default)]
struct Slowest {
    place: String,
    time: f64,
}

impl fmt::Display for Slowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the slowest was {:.2} ms at {}", self.time, self.place)
    }
}

/// The median time of this for each of these, in milliseconds.
async fn median<P: Copy + fmt::Debug, T>(
    places: &[P],
    slowest: &mut Slowest,
    mut each: impl AsyncFnMut(P) -> Result<T>,
) -> Result<f64> {
    let mut times = Figures::default();
    for place in places {
        let (_, time) = timed(each(*place)).await?;
        let time = milliseconds(time);
        times.0.push(time);
        if time > slowest.time {
            *slowest = Slowest { place: format!("{place:?}"), time };
        }
    }
    Ok(times.median())
}

/// A large log with its states, and the temporal table beside it.
struct Portfolio {
    log: Log,
    size: String,
    note: String,
}

impl Portfolio {
    async fn create(bench: &Bench) -> Result<Self> {
        let log = Log::of(bench, Events::new(1, bench.sizes.events).lasting(STEPS)).await?;
        let mut connection = connect(log.url()).await?;
        let (states, made) =
            timed(async { Ok(remake(&mut connection, |_, _| ()).await?.unwrap_or_default()) }).await?;
        execute(&mut connection, "VACUUM (FREEZE, ANALYZE) phaseline.timeline_states").await?;
        temporal::fill(log.url()).await?;
        let mut mebibytes = async |table: &str| {
            let query = format!("SELECT pg_total_relation_size('{table}') / 1048576");
            number(&mut connection, &query).await
        };
        let [states_size, log_size, table_size] = [
            mebibytes("phaseline.timeline_states").await?,
            mebibytes("phaseline.events").await?,
            mebibytes("public.phase_history").await?,
        ];
        let note = format!(
            "{states} states of {states_size} MiB made in {:.1} s; the log has {log_size} MiB, the temporal table {table_size} MiB",
            made.as_secs_f64()
        );
        let projects = number(&mut connection, "SELECT count(*) FROM public.projects").await?;
        let size = format!("{projects} projects, {}", log.size());
        settle(&mut connection).await?;
        Ok(Self { log, size, note })
    }
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    temporal::check(bench).await?;
    let portfolio = Portfolio::create(bench).await?;
    let mut outcomes = Vec::new();
    for (names, answer, count) in [
        (["portfolio-page", "portfolio-page-fold"], TemporalAnswer::Page(PAGE), 20),
        (["portfolio-all", "portfolio-fold"], TemporalAnswer::All, 5),
    ] {
        outcomes.extend(beside(bench, &portfolio, names, answer, count).await?);
    }
    outcomes.extend(differences::run(bench, &portfolio).await?);
    drop(portfolio);
    outcomes.extend(one::run(bench).await?);
    outcomes.extend(writers::run(bench).await?);
    Ok(outcomes)
}

/// A list beside the temporal table at some positions, and beside the fold of the log.
async fn beside(
    bench: &Bench,
    Portfolio { log, size, note }: &Portfolio,
    [by_table, by_fold]: [&'static str; 2],
    answer: TemporalAnswer,
    count: i64,
) -> Result<[CaseResult; 2]> {
    let (mut connection, mut other) = (connect(log.url()).await?, connect(log.url()).await?);
    let at = positions(log.events, count);
    for position in &at {
        let found = ours(&mut connection, answer, *position).await?;
        let theirs = phases_at(&mut other, answer, *position).await?;
        same(by_table, "phases", &found.to_string(), &theirs.to_string())?;
    }
    let (mut slowest, mut their_slowest) = (Slowest::default(), Slowest::default());
    let (figures, theirs) = alternate(
        bench.rounds,
        async || {
            median(&at, &mut slowest, async |position| ours(&mut connection, answer, position).await).await
        },
        async || {
            median(&at, &mut their_slowest, async |position| phases_at(&mut other, answer, position).await)
                .await
        },
    )
    .await?;
    let note = Some(format!("{slowest} (temporal table: {:.2} ms); {note}", their_slowest.time));
    let (fold, time) = timed(folded(&mut other, answer, log.events)).await?;
    let found = ours(&mut connection, answer, log.events).await?;
    same(by_fold, "phases", &found.to_string(), &fold.to_string())?;
    let folds = Figures(vec![milliseconds(time)]);
    let result = CaseResult::of(by_table, size.clone(), PHASES)?;
    let beside_fold = CaseResult::of(by_fold, size.clone(), "the phases are the same at the end")?;
    Ok([
        CaseResult { ours: figures.clone(), theirs, note, ..result },
        CaseResult { ours: figures, theirs: folds, ..beside_fold },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_all_over_the_log() {
        assert_eq!(positions(1_003, 4), [250, 501, 752, 1_003]);
    }
}
