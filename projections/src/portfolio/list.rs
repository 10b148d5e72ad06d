//! The projects with an open timeline at a position, with names, phases and sums.

use super::PortfolioFilter;
use super::walk::{Candidate, ListPage, ListPlace, PageReading, ProjectWalk};
use crate::PhaseRow;
use crate::effects::BudgetSums;
use crate::planner_view::ProjectName;
use crate::project_phases::rows;
use chrono::NaiveDate;
use phaseline_domain::{DateRange, ProjectId};
use phaseline_store::timeline_states::{FoldedStream, ProjectSelection, SelectedStates, each_at};
use phaseline_store::{StoreError, read};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::ops::ControlFlow;
use uuid::Uuid;

/// The first block of a list that is read to its end.
const WHOLE: usize = 500;

/// A project with its timeline as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortfolioProject {
    /// The project.
    pub project_id: ProjectId,
    /// What the planner calls it now.
    #[serde(flatten)]
    pub name: ProjectName,
    /// Its first day.
    pub start_date: Option<NaiveDate>,
    /// Its last day, included.
    pub end_date: Option<NaiveDate>,
    /// Its phases by start date; with a day, those that run on it.
    pub phases: Vec<PhaseRow>,
    /// The sums of their budgets.
    pub budget: BudgetSums,
    /// The timeline's version.
    pub version: i64,
    /// The position of its last event.
    pub position: i64,
    /// The id of that event.
    pub event_id: Uuid,
    /// The hash of that event, in hexadecimal.
    pub hash: String,
    /// The positions of events that cannot be read: the phases are those of the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<i64>,
    /// The positions of the first events that were altered after they were recorded: the phases are not the recorded ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<i64>,
    /// Whether it is open, and runs on the day, as far as its events are the recorded ones. Otherwise it is listed for them only.
    #[serde(skip)]
    pub is_found: bool,
}

impl PortfolioProject {
    /// Whether all its events could be read as they were recorded.
    pub const fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && self.altered.is_empty()
    }

    /// None if the timeline is not open, or does not run on the day; but one whose events are not the recorded ones is listed: what they
    /// were could make it run.
    fn of(candidate: &Candidate, found: &FoldedStream, on: Option<NaiveDate>) -> Option<Self> {
        let folded = &found.folded;
        let range = folded.timeline.range();
        let is_open = folded.timeline.project().is_some();
        let is_found = is_open && on.is_none_or(|day| range.is_some_and(|range| range.contains(day)));
        let (unreadable, altered) = (found.unreadable(), found.altered.positions().to_vec());
        if !is_found && unreadable.is_empty() && altered.is_empty() {
            return None;
        }
        let mut phases = rows(folded);
        if let Some(day) = on {
            phases.retain(|phase| (phase.start_date..=phase.end_date).contains(&day));
        }
        let identity = found.identity?;
        let mut budget = BudgetSums::default();
        for phase in &phases {
            budget.add([phase.capital_budget, phase.expense_budget, phase.total_budget]);
        }
        Some(Self {
            project_id: candidate.id,
            name: candidate.name.clone(),
            start_date: range.map(DateRange::start),
            end_date: range.map(DateRange::end),
            phases,
            budget,
            version: folded.version,
            position: folded.position,
            event_id: identity.event_id,
            hash: identity.hash_text(),
            unreadable,
            altered,
            is_found,
        })
    }
}

/// Sums over all projects of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PortfolioTotals {
    /// The number of projects.
    pub projects: u64,
    /// The number of their phases; with a day, of those that run on it.
    pub phases: u64,
    /// The sums of these phases' budgets.
    pub budget: BudgetSums,
    /// The number of projects with events that cannot be read, or were altered: their part of the sums is not the recorded one.
    pub unsound: u64,
}

impl PortfolioTotals {
    /// Adds a project.
    pub fn add(&mut self, project: &PortfolioProject) {
        self.projects += u64::from(project.is_found);
        self.unsound += u64::from(!project.is_sound());
        self.phases += project.phases.len() as u64;
        self.budget.add([project.budget.capital, project.budget.expense, project.budget.total]);
    }
}

/// Reads at most `limit` projects of the list from a place on. `position` is one that the log has.
///
/// # Errors
/// [`StoreError::VersionGap`] if the log is damaged; the database's own.
pub async fn page(
    connection: &mut PgConnection,
    position: i64,
    filter: &PortfolioFilter,
    from: ListPlace,
    limit: usize,
) -> Result<ListPage<PortfolioProject>, StoreError> {
    let mut reading = PageReading::of(limit);
    let block = reading.block();
    each_from(connection, position, filter, from, block, |project, place| Ok(reading.take(project, place)))
        .await?;
    Ok(reading.end())
}

/// Calls `each` with all projects of the list.
///
/// # Errors
/// As [`page`], and those of `each`.
pub async fn each_project(
    connection: &mut PgConnection,
    position: i64,
    filter: &PortfolioFilter,
    mut each: impl FnMut(PortfolioProject) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each_from(connection, position, filter, ListPlace::default(), WHOLE, |project, _| {
        each(project).map(ControlFlow::Continue)
    })
    .await
}

async fn each_from(
    connection: &mut PgConnection,
    position: i64,
    filter: &PortfolioFilter,
    from: ListPlace,
    block: usize,
    mut each: impl FnMut(PortfolioProject, ListPlace) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut transaction = read::snapshot_or_savepoint(connection).await?;
    let mut walk = ProjectWalk::begin(&mut transaction, position, filter, from, block).await?;
    'blocks: while let Some(candidates) = walk.next(&mut transaction).await? {
        for (project, place) in of_block(&mut transaction, position, filter.on, candidates).await? {
            if each(project, place)?.is_break() {
                break 'blocks;
            }
        }
    }
    transaction.rollback().await?;
    Ok(())
}

/// Those of a block whose timelines are open and run on the day.
async fn of_block(
    connection: &mut PgConnection,
    position: i64,
    on: Option<NaiveDate>,
    candidates: Vec<Candidate>,
) -> Result<Vec<(PortfolioProject, ListPlace)>, StoreError> {
    let mut folds = fold(connection, position, &candidates).await?;
    let mut found: Vec<(PortfolioProject, ListPlace)> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let folded = folds.remove(&candidate.id);
        let project = folded.and_then(|folded| PortfolioProject::of(&candidate, &folded, on));
        found.extend(project.map(|project| (project, candidate.place)));
    }
    Ok(found)
}

/// The timelines of these projects at a position.
pub(super) async fn fold(
    connection: &mut PgConnection,
    position: i64,
    candidates: &[Candidate],
) -> Result<HashMap<ProjectId, FoldedStream>, StoreError> {
    let selection = ProjectSelection::These(candidates.iter().map(|candidate| candidate.id).collect());
    let mut folds = HashMap::new();
    each_at(connection, &selection, position, SelectedStates::Valid, |found| {
        folds.insert(found.project, found);
        Ok(())
    })
    .await?;
    Ok(folds)
}
