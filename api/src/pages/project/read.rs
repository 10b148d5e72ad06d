//! Reads what a project's page shows.

use super::effects::EffectsView;
use super::rows::{ComparedPhases, rows};
use super::shown::{ShownPhase, sums};
use super::view::{FaultView, Mode, MomentView, NoteView, ProjectTimelineView};
use crate::pages::visitor::Visitor;
use crate::pages::words;
use crate::problem::{Problem, of_read};
use crate::routes::{
    CurrentProject, OpenWith, RestoreTo, RouteFailure, assignment_days, current_project, no_project,
    preview_or_open, resolved, restore_command, timeline_at, tip,
};
use crate::state::AppState;
use chrono::Utc;
use phaseline_domain::{DateRange, PhaseId, ProjectId, Timeline, Violation};
use phaseline_projections::planner_view::{AssignmentDays, ProjectName, project_names};
use phaseline_store::FoldedTimeline;
use phaseline_store::moment::{Moment, ResolvedMoment};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The problem of a log in the legacy shape.
const LEGACY_SHAPE: &str = "legacy_shape";

/// The query of the page.
#[derive(Clone, Debug, Default)]
pub(super) struct ProjectPageQuery {
    /// The moment; none for now.
    pub(super) at: Option<Moment>,
    /// The moment to compare with.
    pub(super) compare: Option<Moment>,
    /// The selected phase.
    pub(super) select: Option<PhaseId>,
    /// Whether restoring the moment is previewed.
    pub(super) restores: bool,
    /// Whether restoring brings the project's dates along.
    pub(super) with_days: bool,
}

impl ProjectPageQuery {
    /// Whether it is about another moment than now.
    pub(super) const fn looks_back(&self) -> bool {
        self.at.is_some() || self.compare.is_some()
    }
}

/// The project's name and cost centre.
pub(super) async fn name_of(app: &AppState, project: ProjectId) -> Result<ProjectName, RouteFailure> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let names = project_names(&mut session, &[project]).await;
    Ok(session.end(names).map_err(of_read)?.remove(&project).unwrap_or_default())
}

/// A number that changes with everything that is shown of the present.
pub(super) fn digest(found: Option<&CurrentProject>) -> String {
    let shown = found.map(|found| (found.version, &found.dates, &found.phases));
    let bytes = serde_json::to_vec(&shown).unwrap_or_default();
    Sha256::digest(&bytes).iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the page shows of the timeline.
pub(super) async fn timeline(
    app: &AppState,
    visitor: &Visitor,
    project: ProjectId,
    names: &ProjectName,
    request: &ProjectPageQuery,
) -> Result<ProjectTimelineView, RouteFailure> {
    let mut view = ProjectTimelineView::empty(visitor, project, names);
    view.select = request.select;
    let compare = match request.compare {
        Some(moment) => Some(past(app, project, moment).await?),
        None => None,
    };
    view.compare = compare.as_ref().map(|(_, moment)| MomentView::from(*moment));
    let others = compare.as_ref().map(|(folded, _)| of_fold(&folded.timeline, None));
    match request.at {
        Some(moment) if request.restores => restored(app, &mut view, moment, request.with_days).await?,
        Some(moment) => {
            let (folded, moment) = past(app, project, moment).await?;
            view.show_past(&folded, moment, others.as_deref());
        }
        None => match current_project(app, project).await {
            Ok(Some(found)) => view.show_rows(app, found, others.as_deref()).await?,
            Ok(None) => closed(app, &mut view, others.as_deref()).await?,
            Err(problem) if problem.code() == LEGACY_SHAPE && view.frame.can_look_back => {
                let moment = tip(app).await?;
                let folded = timeline_at(app, project, moment.position).await?;
                view.show_past(&folded, moment, others.as_deref());
                view.can_restore = false;
                view.warn(
                    "The database has the legacy tables now, so nothing can be changed here: this is what the log has. Ask the \
                     administrator who runs the migration.",
                );
            }
            Err(problem) => return Err(problem.into()),
        },
    }
    Ok(view)
}

/// The timeline at a moment.
async fn past(
    app: &AppState,
    project: ProjectId,
    moment: Moment,
) -> Result<(FoldedTimeline, ResolvedMoment), RouteFailure> {
    let moment = resolved(app, moment).await?;
    Ok((timeline_at(app, project, moment.position).await?, moment))
}

/// The phases of a timeline.
pub(super) fn of_fold(timeline: &Timeline, days: Option<&AssignmentDays>) -> Vec<ShownPhase> {
    timeline.phases().iter().map(|phase| ShownPhase::of_phase(phase, days)).collect()
}

/// A project that the planner does not have any more: its timeline before it was closed, if the visitor may look back.
async fn closed(
    app: &AppState,
    view: &mut ProjectTimelineView,
    others: Option<&[ShownPhase]>,
) -> Result<(), RouteFailure> {
    let end = tip(app).await?;
    let folded = timeline_at(app, view.project, end.position).await?;
    if !view.frame.can_look_back {
        return Err(no_project(view.project));
    }
    let last = if folded.timeline.project().is_none() && folded.position > 0 {
        Moment::Position(folded.position - 1)
    } else {
        Moment::Position(folded.position)
    };
    let (before, moment) = past(app, view.project, last).await?;
    view.show_past(&before, moment, others);
    view.can_restore = false;
    view.warn(
        "The planner has deleted this project: this is its timeline as it was last. It cannot be changed.",
    );
    Ok(())
}

/// What restoring a moment would make of the present timeline.
async fn restored(
    app: &AppState,
    view: &mut ProjectTimelineView,
    moment: Moment,
    with_days: bool,
) -> Result<(), RouteFailure> {
    let moment = resolved(app, moment).await?;
    let to = RestoreTo { to: moment.position, with_project_days: with_days };
    let (command, position) = restore_command(app, view.project, to).await?;
    let preview = preview_or_open(app, view.project, &command, Some(OpenWith::ProjectDates)).await?;
    let days = assignment_days(app, view.project).await?;
    let (before, after) = (&preview.before.timeline, &preview.after);
    view.mode = Mode::Restore;
    view.at = Some(MomentView { position, time: moment.recorded_at });
    view.version = preview.before.version;
    view.with_days = with_days;
    view.dates = after.range();
    view.show(&of_fold(after, Some(&days)), Some(&of_fold(before, Some(&days))), before.range());
    match &preview.events {
        Ok(_) => view.effects = Some(EffectsView::of(before, after, &days)),
        Err(refusal) => view.faults = refusal.violations().iter().map(FaultView::of).collect(),
    }
    Ok(())
}

impl FaultView {
    /// A broken rule.
    pub(super) fn of(violation: &Violation) -> Self {
        Self {
            phase: violation.phase_id,
            rule: Some(violation.rule.id()),
            field: violation.field,
            message: words::shown(&violation.explained()),
        }
    }
}

impl From<ResolvedMoment> for MomentView {
    fn from(moment: ResolvedMoment) -> Self {
        Self { position: moment.position, time: moment.recorded_at }
    }
}

impl ProjectTimelineView {
    /// Without phases yet.
    pub(super) fn empty(visitor: &Visitor, project: ProjectId, names: &ProjectName) -> Self {
        let name = names.name.as_deref().map_or_else(|| format!("Project {project}"), words::shown);
        Self {
            frame: visitor.frame.clone(),
            project,
            name,
            mode: Mode::Now,
            version: 0,
            digest: String::new(),
            dates: None,
            chart: None,
            rows: Vec::new(),
            sums: Default::default(),
            outside: None,
            at: None,
            compare: None,
            select: None,
            can_edit: false,
            can_restore: false,
            can_open: false,
            notes: Vec::new(),
            effects: None,
            faults: Vec::new(),
            draft: None,
            said: String::new(),
            with_days: false,
        }
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.notes.push(NoteView { kind: "warn", text: text.into() });
    }

    /// Shows phases, beside others if there are any. `also` is what else the chart has to contain.
    pub(super) fn show(
        &mut self,
        phases: &[ShownPhase],
        others: Option<&[ShownPhase]>,
        also: Option<DateRange>,
    ) {
        self.sums = sums(phases);
        let compared = ComparedPhases { phases, others, project: self.dates, also };
        if let Some((chart, rows)) = rows(&compared, Utc::now().date_naive()) {
            (self.chart, self.rows) = (Some(chart), rows);
        }
    }

    /// Shows the timeline of a moment.
    fn show_past(&mut self, folded: &FoldedTimeline, moment: ResolvedMoment, others: Option<&[ShownPhase]>) {
        self.mode = Mode::Past;
        self.at = Some(moment.into());
        self.version = folded.version;
        self.dates = folded.timeline.range();
        let exists = folded.timeline.project().is_some();
        self.can_restore = self.frame.can_write && exists;
        if !exists {
            self.warn(if folded.version == 0 {
                "The log had no timeline of this project yet at this moment."
            } else {
                "The timeline was closed at this moment: the planner had deleted the project."
            });
        }
        self.show(&of_fold(&folded.timeline, None), others, None);
    }

    /// Shows the planner's rows.
    async fn show_rows(
        &mut self,
        app: &AppState,
        found: CurrentProject,
        others: Option<&[ShownPhase]>,
    ) -> Result<(), RouteFailure> {
        self.version = found.version;
        self.digest = digest(Some(&found));
        self.dates = found.range();
        let phases: Vec<ShownPhase> = found.phases.iter().filter_map(ShownPhase::of_row).collect();
        let unreadable = found.phases.len() - phases.len();
        if unreadable > 0 {
            self.warn(format!(
                "{} of the planner's table cannot be shown: a name, a date or an amount is missing. phaseline drift names them.",
                words::counted(i64::try_from(unreadable).unwrap_or(i64::MAX), "phase")
            ));
        }
        self.can_edit = self.frame.can_write && !phases.is_empty() && self.dates.is_some();
        self.can_open = self.frame.can_write && found.phases.is_empty() && self.dates.is_some();
        if let Some(quarantine) =
            app.store.quarantine_of(self.project).await.map_err(|error| Problem::of_store(&error))?
        {
            self.can_edit = false;
            self.warn(format!(
                "An event of this timeline cannot be read (position {quarantine}), so it cannot be changed until that is mended; \
                 phaseline quarantine tells how."
            ));
        } else if found.version == 0 && !phases.is_empty() {
            self.notes.push(NoteView {
                kind: "info",
                text: "The log has no change of this timeline yet; the first one takes it in as it is."
                    .to_owned(),
            });
        }
        if self.dates.is_none() {
            self.warn("The planner's dates of this project are no range of days, so its phases cannot be changed: mend them there.");
        }
        let ends = phases
            .first()
            .map(|phase| phase.range.start())
            .zip(phases.iter().map(|phase| phase.range.end()).max());
        if let (Some(dates), Some(ends)) = (self.dates, ends)
            && (dates.start(), dates.end()) != ends
        {
            self.warn(format!(
                "The planner's dates of this project are {} to {} now, and its phases do not follow them yet; the next change takes \
                 them over.",
                dates.start(),
                dates.end()
            ));
        }
        let counts = assignment_days(app, self.project).await?;
        let inside: i64 = phases.iter().filter_map(|phase| phase.assignments).sum();
        self.outside = Some(counts.total() - inside).filter(|outside| *outside > 0);
        self.show(&phases, others, None);
        Ok(())
    }
}
