//! The history of the sample projects after their migration: commands of several users, the same in every run.

mod edits;
mod phase_list;
mod recorder;
mod steps;
mod words;

use super::portfolio::{DemoPortfolio, ProjectRole, SEED};
use super::random::DemoRandom;
use crate::failure::Failure;
use crate::progress::Watcher;
use crate::target::Target;
use chrono::Days;
use phaseline_domain::{DateRange, ProjectId};
use phaseline_migrator::progress::Progress;
use phaseline_migrator::sample::portfolio::{add_project, delete_project, reschedule_project};
use phaseline_projections::{FoldedLog, ProjectPhases};
use phaseline_store::{LogHead, TimelineStore};
use recorder::Recorder;
use sqlx::PgConnection;

/// How many commands are reported at once.
const REPORTED: usize = 50;

/// By how much the planner moves the end of the project whose dates it changes.
const LATER: Days = Days::new(21);

/// Executes the commands, and makes the planner's changes after them. `ids` are those of the portfolio's projects. Returns the number of
/// events in the log.
pub(super) async fn write(
    target: &Target,
    connection: &mut PgConnection,
    portfolio: &DemoPortfolio,
    ids: &[ProjectId],
    watcher: &Watcher,
) -> Result<i64, Failure> {
    let projects: Vec<(ProjectId, ProjectRole)> =
        ids.iter().copied().zip(portfolio.projects.iter().map(|project| project.role)).collect();
    let mut random = DemoRandom::new(SEED);
    let mut order: Vec<usize> = Vec::new();
    let mut counts = Vec::with_capacity(projects.len());
    for (at, (_, role)) in projects.iter().enumerate() {
        let count = steps::count(*role, &mut random);
        counts.push(count);
        order.extend(std::iter::repeat_n(at, count));
    }
    random.shuffle(&mut order);
    watcher.step("changing timelines", Some(order.len() as u64));
    let sessions = target.sessions().await?;
    let store = TimelineStore::new(sessions.clone(), ProjectPhases);
    let log = FoldedLog::read(connection, None).await?;
    let timelines = log.timelines.into_iter().map(|(project, folded)| (project, folded.timeline));
    let mut recorder = Recorder::new(store.clone(), random, timelines.collect());
    let mut done = vec![0; projects.len()];
    for (number, at) in order.into_iter().enumerate() {
        let (Some((project, role)), Some(done), Some(count)) =
            (projects.get(at), done.get_mut(at), counts.get(at))
        else {
            continue;
        };
        steps::take(&mut recorder, *project, *role, *done, *count).await?;
        *done += 1;
        if number % REPORTED == 0 {
            watcher.advance(number as u64);
        }
    }
    let planner = PlannerChanges { portfolio, store: &store };
    planner.make(connection, &projects).await?;
    sessions.close().await;
    let head = LogHead::current(connection).await?;
    Ok(head.map_or(0, |head| head.position))
}

/// The changes of the planner itself.
struct PlannerChanges<'a> {
    portfolio: &'a DemoPortfolio,
    store: &'a TimelineStore<ProjectPhases>,
}

impl PlannerChanges<'_> {
    /// Deletes a project, changes the dates of another one, and adds one without a timeline.
    async fn make(
        &self,
        connection: &mut PgConnection,
        projects: &[(ProjectId, ProjectRole)],
    ) -> Result<(), Failure> {
        for (row, (project, role)) in self.portfolio.projects.iter().zip(projects) {
            match role {
                ProjectRole::Closed => {
                    delete_project(connection, *project).await?;
                    self.store.close_deleted(*project).await?;
                }
                ProjectRole::DatesChanged => {
                    let range = row.row.range;
                    let later = DateRange::new(range.start(), range.end() + LATER)
                        .map_err(|error| Failure::unexpected(error.to_string()))?;
                    reschedule_project(connection, *project, later).await?;
                }
                _ => {}
            }
        }
        let (id, added) = &self.portfolio.added;
        Ok(add_project(connection, *id, added).await?)
    }
}
