//! The rows of the portfolio's table.

use super::findings::FindingText;
use super::slip::Slip;
use super::sparkline::{SparkAxis, SparkBar};
use crate::pages::words;
use chrono::NaiveDate;
use phaseline_projections::effects::BudgetSums;
use phaseline_projections::portfolio::PortfolioProject;

/// A project in the table.
#[derive(Debug)]
pub(super) struct PortfolioRow {
    pub(super) id: String,
    pub(super) link: String,
    /// Its name; none if the planner does not have it any more.
    pub(super) name: Option<String>,
    pub(super) cost_center: String,
    pub(super) bars: Vec<SparkBar>,
    /// The bars in words.
    pub(super) label: String,
    pub(super) start: Option<NaiveDate>,
    pub(super) end: Option<NaiveDate>,
    pub(super) days: i64,
    pub(super) phases: usize,
    pub(super) budget: String,
    /// The phases that run on the day.
    pub(super) running: Vec<String>,
    /// What is wrong with its events.
    pub(super) marks: Vec<String>,
    pub(super) slip: Option<Slip>,
    /// How it differs from the log, and how many differences are left out.
    pub(super) findings: Vec<FindingText>,
    pub(super) more_findings: usize,
}

/// Sums over rows.
#[derive(Debug)]
pub(super) struct SumsRow {
    pub(super) projects: String,
    pub(super) phases: String,
    pub(super) budget: String,
}

impl PortfolioRow {
    /// The row of a project, on an axis; `day` is the day on which running phases are named.
    pub(super) fn of(
        project: &PortfolioProject,
        axis: Option<&SparkAxis>,
        day: NaiveDate,
        link: String,
    ) -> Self {
        let range = project.start_date.zip(project.end_date);
        let count = words::counted_many(project.phases.len(), "phase");
        let label = match range {
            Some((start, end)) => {
                format!("{count} from {} to {}", words::spoken_day(start), words::spoken_day(end))
            }
            None => count,
        };
        let runs = project.phases.iter().filter(|phase| (phase.start_date..=phase.end_date).contains(&day));
        let mut marks = Vec::new();
        if !project.unreadable.is_empty() {
            marks.push("an event cannot be read: the phases are those of the others".to_owned());
        }
        if !project.altered.is_empty() {
            marks.push(
                "an event was altered after it was recorded: the phases are not the recorded ones".to_owned(),
            );
        }
        Self {
            id: project.project_id.to_string(),
            link,
            name: project.name.name.as_deref().map(words::shown),
            cost_center: project.name.cost_center.as_deref().map(words::shown).unwrap_or_default(),
            bars: axis.map(|axis| axis.bars(&project.phases)).unwrap_or_default(),
            label,
            start: project.start_date,
            end: project.end_date,
            days: range.map_or(0, |(start, end)| (end - start).num_days() + 1),
            phases: project.phases.len(),
            budget: words::amount(project.budget.total),
            running: runs.map(|phase| words::shown(&phase.name)).collect(),
            marks,
            slip: None,
            findings: Vec::new(),
            more_findings: 0,
        }
    }
}

impl SumsRow {
    /// The sums as text.
    pub(super) fn of(projects: u64, phases: u64, budget: &BudgetSums) -> Self {
        Self {
            projects: words::counted_many(projects, "project"),
            phases: phases.to_string(),
            budget: words::amount(budget.total),
        }
    }
}
