//! Previews a command on a timeline: what it would change, and what the project would give up. Writes nothing.

use crate::failure::Failure;
use crate::render::{self, Page};
use crate::style::GOOD;
use phaseline_domain::{Phase, PhaseId, ProjectId, TimelineCommand};
use phaseline_projections::ProjectPhases;
use phaseline_projections::effects::{AssignmentEffects, BudgetSums, PhaseEffect, phase_effects};
use phaseline_projections::planner_view::{self, AssignmentDays};
use phaseline_store::{ExecuteError, Preview, Sessions, StoreError, TimelineStore};
use serde::Serialize;

/// `phaseline.command.preview/1`
#[derive(Serialize)]
pub(crate) struct CommandPreview {
    format: &'static str,
    project_id: ProjectId,
    /// Whether anything would change.
    changed: bool,
    /// The current version of the timeline, and the position of its last event.
    version: i64,
    position: i64,
    /// The phases that would differ.
    phases: Vec<PhaseDifference>,
    budgets: BudgetChange,
    assignments: AssignmentEffects,
    /// What the project would give up, in words: dates and money.
    gives_up: Vec<String>,
    #[serde(skip)]
    preview: Preview,
}

/// A phase before and after the command.
#[derive(Serialize)]
struct PhaseDifference {
    phase_id: PhaseId,
    before: Option<PhaseValues>,
    after: Option<PhaseValues>,
}

/// The values of a phase. Amounts have two decimals.
#[derive(Serialize)]
struct PhaseValues {
    name: String,
    start_date: String,
    end_date: String,
    description: Option<String>,
    capital_budget: String,
    expense_budget: String,
    total_budget: String,
}

impl From<&Phase> for PhaseValues {
    fn from(phase: &Phase) -> Self {
        Self {
            name: phase.name.as_str().to_owned(),
            start_date: phase.range.start().to_string(),
            end_date: phase.range.end().to_string(),
            description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
            capital_budget: phase.budget.capital().to_string(),
            expense_budget: phase.budget.expense().to_string(),
            total_budget: phase.budget.total().to_string(),
        }
    }
}

/// The sums of the phases' budgets.
#[derive(Serialize)]
struct BudgetChange {
    before: BudgetSums,
    after: BudgetSums,
}

/// Previews a command. A refused one fails as it would if it were executed.
pub(crate) async fn preview(
    store: &TimelineStore<ProjectPhases>,
    sessions: &Sessions,
    project: ProjectId,
    command: &TimelineCommand,
) -> Result<CommandPreview, Failure> {
    let preview = store.preview(project, None, command).await?;
    if let Err(refusal) = &preview.events {
        return Err(ExecuteError::from(refusal.clone()).into());
    }
    let counted = planner_view::assignment_days(sessions, &[project]).await.map_err(StoreError::from)?;
    let days = counted.get(&project).cloned().unwrap_or_default();
    Ok(CommandPreview::of(project, preview, &days))
}

impl CommandPreview {
    fn of(project: ProjectId, preview: Preview, days: &AssignmentDays) -> Self {
        let (before, after) = (&preview.before.timeline, &preview.after);
        let phases = phase_effects(before, after).into_iter().filter_map(|PhaseEffect { before, after }| {
            let phase_id = before.or(after)?.id;
            Some(PhaseDifference { phase_id, before: before.map(Into::into), after: after.map(Into::into) })
        });
        Self {
            format: "phaseline.command.preview/1",
            project_id: project,
            changed: preview.events.as_ref().is_ok_and(|events| !events.is_empty()),
            version: preview.before.version,
            position: preview.before.position,
            phases: phases.collect(),
            budgets: BudgetChange { before: BudgetSums::of(before), after: BudgetSums::of(after) },
            assignments: AssignmentEffects::of(before, after, days),
            gives_up: render::effects::given_up(before, after),
            preview,
        }
    }

    /// What the project would give up, in words.
    pub(crate) fn gives_up(&self) -> &[String] {
        &self.gives_up
    }

    /// The timeline's version that the preview is of.
    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    /// The changes.
    pub(crate) fn text(&self) -> Page {
        let mut page = Page::default();
        if self.changed {
            let (before, after) = (&self.preview.before.timeline, &self.preview.after);
            page.line(format_args!("Project {}", self.project_id));
            render::effects::changes(&mut page, before, after, &self.assignments);
        } else {
            page.line("  Nothing to change: the timeline has these values already.");
        }
        page
    }

    /// The changes and the timeline after them, as the result of `--dry-run`.
    pub(crate) fn page(&self) -> Page {
        let mut page = self.text();
        page.gap();
        render::timeline::phases(&mut page, &self.preview.after);
        page.gap();
        if !self.gives_up.is_empty() {
            page.line("Dates or money that go; on a terminal the command asks first:");
            for clause in &self.gives_up {
                page.line(format_args!("  - {clause}"));
            }
            page.gap();
        }
        page.line(format_args!(
            "{GOOD}DRY RUN{GOOD:#}. No rule refuses it; nothing was written. Project {} is at version {}.",
            self.project_id, self.version
        ));
        page
    }

    /// The question before the command, if the project gives up dates or money. `place` is the database.
    pub(crate) fn question(&self, place: &str) -> Option<String> {
        if self.gives_up.is_empty() {
            return None;
        }
        let clauses: Vec<String> = self.gives_up.iter().map(|clause| format!("  - {clause}")).collect();
        Some(format!(
            "\nThis gives up dates or money of project {}:\n{}\nCarry it out in {place}?",
            self.project_id,
            clauses.join("\n")
        ))
    }
}
