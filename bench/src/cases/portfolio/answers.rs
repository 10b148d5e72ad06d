//! Phases at a position, by stored states and by a fold of the log.

use crate::error::Result;
use chrono::{Datelike, NaiveDate};
use phaseline_domain::ProjectId;
use phaseline_projections::planner_view::project_names;
use phaseline_projections::portfolio::{
    ListPlace, PastTimeline, PortfolioFilter, ProjectSelection, SelectedStates, each_project, page,
    timelines_at_from,
};
use phaseline_projections::{FoldedLog, FoldedTimeline, PhaseRow};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::fmt;
use uuid::Uuid;

/// Whose phases are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum WantedPhases {
    /// The first projects by name.
    Page(usize),
    /// All projects.
    All,
    /// One project.
    One(Uuid),
}

/// Phases as they were: their count, a sum over ids and days of their ends, and one of their budgets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PortfolioSum {
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
    pub(super) fn add(&mut self, id: Uuid, end: NaiveDate, budget: Decimal) {
        self.phases += 1;
        self.sum = self
            .sum
            .wrapping_add(id.as_u64_pair().0)
            .wrapping_add(u64::from(end.num_days_from_ce().unsigned_abs()));
        self.budget += budget;
    }

    pub(super) fn of_rows(&mut self, rows: &[PhaseRow]) {
        rows.iter().for_each(|row| self.add(row.id.uuid(), row.end_date, row.total_budget));
    }

    pub(super) fn of(&mut self, folded: &FoldedTimeline) {
        for phase in folded.timeline.phases() {
            self.add(phase.id.uuid(), phase.range.end(), phase.budget.total().amount());
        }
    }
}

pub(super) async fn ours(
    connection: &mut PgConnection,
    answer: WantedPhases,
    position: i64,
) -> Result<PortfolioSum> {
    let mut found = PortfolioSum::default();
    let filter = PortfolioFilter::default();
    match answer {
        WantedPhases::Page(limit) => {
            let page = page(connection, position, &filter, ListPlace::default(), limit).await?;
            page.projects.iter().for_each(|project| found.of_rows(&project.phases));
        }
        WantedPhases::All => {
            each_project(connection, position, &filter, |project| {
                found.of_rows(&project.phases);
                Ok(())
            })
            .await?;
        }
        WantedPhases::One(project) => found = by_states(connection, project.into(), position).await?,
    }
    Ok(found)
}

/// The first projects by name of a fold of the log up to a position, or all.
pub(super) async fn folded(
    connection: &mut PgConnection,
    answer: WantedPhases,
    position: i64,
) -> Result<PortfolioSum> {
    let log = FoldedLog::read(connection, Some(position)).await?;
    let mut found = PortfolioSum::default();
    if let WantedPhases::One(project) = answer {
        log.timelines.get(&project.into()).into_iter().for_each(|folded| found.of(folded));
        return Ok(found);
    }
    let mut open: Vec<_> =
        log.timelines.iter().filter(|(_, folded)| folded.timeline.project().is_some()).collect();
    let ids: Vec<_> = open.iter().map(|(project, _)| **project).collect();
    let names = project_names(connection, &ids).await?;
    let name = |project| names.get(project).and_then(|name| name.name.as_deref()).map(str::to_lowercase);
    open.sort_by_cached_key(|(project, _)| (name(project), **project));
    let limit = if let WantedPhases::Page(limit) = answer { limit } else { usize::MAX };
    open.into_iter().take(limit).for_each(|(_, folded)| found.of(folded));
    Ok(found)
}

async fn by_states(connection: &mut PgConnection, project: ProjectId, position: i64) -> Result<PortfolioSum> {
    read(connection, project, position, SelectedStates::Valid).await
}

pub(super) async fn read(
    connection: &mut PgConnection,
    project: ProjectId,
    position: i64,
    states: SelectedStates,
) -> Result<PortfolioSum> {
    let mut found = PortfolioSum::default();
    let selection = ProjectSelection::These(vec![project]);
    timelines_at_from(connection, &selection, position, states, |_, past| {
        if let PastTimeline::Readable(folded) = past {
            found.of(&folded);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}
