//! The part of the page with a draft: the edit applied, the rules checked, what saving would do. Nothing is written.

use super::commands;
use super::draft::{DraftEdit, DraftRow, RowFault, edited, merged, parsed, rows_of, timeline_of};
use super::effects::EffectsView;
use super::part::{TimelinePart, entered};
use super::read::{digest, name_of, of_fold};
use super::shown::ShownPhase;
use super::view::{DraftRowView, DraftView, FaultView, Mode, NoteView, ProjectTimelineView};
use crate::auth::TokenScope;
use crate::pages::answer::{PageFailure, html};
use crate::pages::visitor::Visitor;
use crate::pages::words;
use crate::problem::{bad_request, conflict};
use crate::routes::{
    PathId, RouteFailure, assignment_days, current_project, current_timeline, whole_history,
};
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use phaseline_domain::{DateRange, Draft, Timeline, Violation, validate};
use phaseline_projections::planner_view::AssignmentDays;
use phaseline_store::CurrentTimeline;
use serde::{Deserialize, Serialize};

/// What the browser sends: what it holds, and the edit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftRequest {
    /// The version and the rows from which it began, and its rows; none for a new draft.
    state: Option<DraftState>,
    /// The edit.
    edit: DraftEdit,
}

/// What the browser holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftState {
    version: i64,
    base: Vec<DraftRow>,
    rows: Vec<DraftRow>,
}

/// The part of the page with the draft after an edit.
pub(super) async fn draft(
    State(app): State<AppState>,
    visitor: Visitor,
    project: PathId,
    body: Result<Json<DraftRequest>, JsonRejection>,
) -> Result<Response, PageFailure> {
    let (visitor, project) = entered(visitor, &project)?;
    visitor.need(TokenScope::PhasesWrite)?;
    let failure = |failure: RouteFailure| visitor.failure(failure);
    let Json(request) = body.map_err(|error| visitor.failure(crate::problem::Problem::from(error)))?;
    if let Some(state) = &request.state
        && state.rows.len().max(state.base.len()) > app.settings.max_phases
    {
        let most = app.settings.max_phases;
        return Err(visitor.failure(bad_request(format!("a timeline has at most {most} phases"))));
    }
    let names = name_of(&app, project).await.map_err(failure)?;
    let days = assignment_days(&app, project).await.map_err(|problem| visitor.failure(problem))?;
    let found = current_project(&app, project).await.map_err(|problem| visitor.failure(problem))?;
    let current = current_timeline(&app, project).await.map_err(failure)?;
    let Some(range) = current.followed.range() else {
        let detail = "the project has no timeline that could be changed: load the page again";
        return Err(visitor.failure(conflict("no_timeline", "No timeline", detail)));
    };
    let mut view = ProjectTimelineView::empty(&visitor, project, &names);
    let version = current.recorded.version;
    (view.mode, view.version, view.digest) = (Mode::Draft, version, digest(found.as_ref()));
    view.dates = Some(range);
    let is_stale = request.state.as_ref().is_some_and(|state| state.version != version);
    let is_conflict = is_stale && !matches!(request.edit, DraftEdit::Merge);
    let since = request.state.as_ref().map_or(0, |state| state.version);
    let sent = request.state.as_ref().map_or(0, |state| state.rows.len());
    let is_large = current.followed.phases().len().max(sent) >= MANY;
    let preview = DraftPreview { current, range, days, is_conflict };
    let mut view = aside_if(is_large, move || preview.shown(view, request))
        .await
        .map_err(|problem| visitor.failure(problem))?;
    if let Some(draft) = view.draft.as_mut().filter(|_| is_conflict) {
        let mut theirs = Vec::new();
        if visitor.frame.can_look_back {
            let entries = whole_history(&app, project).await.map_err(failure)?;
            let later: Vec<_> = entries.into_iter().filter(|entry| entry.version > since).collect();
            theirs = commands::commands(&later);
        }
        draft.conflict = Some(theirs);
    }
    Ok(html(&TimelinePart { t: view }, StatusCode::OK))
}

/// What a draft is applied to.
struct DraftPreview {
    /// What is saved, and the same with the planner's dates, from which a draft begins.
    current: CurrentTimeline,
    /// The planner's dates of the project.
    range: DateRange,
    days: AssignmentDays,
    /// Whether others saved something since the draft was begun. Then nothing is edited.
    is_conflict: bool,
}

impl DraftPreview {
    /// The view with the draft after the edit.
    fn shown(&self, mut view: ProjectTimelineView, request: DraftRequest) -> ProjectTimelineView {
        let saved = rows_of(&self.current.followed, |_| false);
        let version = view.version;
        let mut state =
            request.state.unwrap_or_else(|| DraftState { version, base: saved.clone(), rows: saved.clone() });
        state.rows = normal(&state.rows);
        let mut notes = Vec::new();
        if matches!(request.edit, DraftEdit::Merge) {
            let (rows, found) = merged(&state.base, &state.rows, &saved);
            state = DraftState { version, base: saved.clone(), rows };
            notes = found.into_iter().map(|note| note.words).collect();
        }
        if !self.is_conflict {
            self.edit(&mut view, &mut state, &request.edit);
        }
        let unreadable = self.check(&mut view, &state);
        let timeline = timeline_of(&self.current.followed, &state.rows).filter(|_| !self.is_conflict);
        self.compare(&mut view, &state, timeline.as_ref());
        if let Some(first) = view.faults.first().filter(|_| !view.said.is_empty()) {
            view.said.push_str(&format!("; to be mended: {}", first.message));
        }
        let theirs = if self.is_conflict { saved.as_slice() } else { &[] };
        let rows = row_views(&state.rows, theirs, &self.days, &unreadable, &view.faults);
        view.draft = Some(DraftView {
            rows,
            state: serde_json::to_string(&state).unwrap_or_default(),
            changed: changed_phases(&state),
            is_valid: timeline.is_some() && view.faults.is_empty(),
            conflict: None,
            merged: notes,
        });
        view
    }

    /// Applies the edit.
    fn edit(&self, view: &mut ProjectTimelineView, state: &mut DraftState, edit: &DraftEdit) {
        let after = edited(&self.current.followed, &state.rows, edit);
        state.rows = normal(&after.rows);
        view.said = after.said;
        view.select = after.focus;
        if let Some(why) = after.refused {
            view.said = format!("Not possible: {why}");
            view.notes.push(NoteView { kind: "warn", text: words::shown(&why) });
        }
    }

    /// Finds the broken rules, and returns the fields that cannot be read.
    fn check(&self, view: &mut ProjectTimelineView, state: &DraftState) -> Vec<RowFault> {
        let (drafts, unreadable) = parsed(&state.rows);
        let requested: Vec<Draft<'_>> = drafts.iter().map(|(draft, _)| Draft::from(draft)).collect();
        // Gaps where a row cannot be read are none.
        let counts = |violation: &Violation| unreadable.is_empty() || !violation.rule.is_about_coverage();
        let violations = validate(self.range, &requested).into_iter().filter(counts);
        view.faults = unreadable.iter().map(|fault| fault_of(&state.rows, fault)).collect();
        view.faults.extend(violations.map(|violation| FaultView::of(&violation)));
        unreadable
    }

    /// Shows the draft beside what is saved, and what saving would do.
    fn compare(&self, view: &mut ProjectTimelineView, state: &DraftState, after: Option<&Timeline>) {
        let saved = &self.current.recorded.timeline;
        // What cannot be read is drawn as it was.
        let drawn = |row: &DraftRow| row.parse().or_else(|_| row.as_read(&state.base).parse()).ok();
        let drawn = state.rows.iter().filter_map(drawn);
        let shown: Vec<ShownPhase> =
            drawn.filter_map(|draft| ShownPhase::of_draft(&draft, &self.days)).collect();
        view.show(&shown, Some(&of_fold(saved, Some(&self.days))), saved.range());
        if saved.range() != Some(self.range) {
            let (start, end) = (self.range.start(), self.range.end());
            view.notes.push(NoteView {
                kind: "info",
                text: format!(
                    "The planner's dates of this project are {start} to {end} now. The draft has them, and saving it takes them over."
                ),
            });
        }
        let Some(after) = after else { return };
        let effects = EffectsView::of(saved, after, &self.days);
        view.outside = effects.outside.map(|[_, after]| after).filter(|after| *after > 0);
        if let Some(outside) = view.outside {
            view.said.push_str(&format!("; {} outside all phases", words::counted(outside, "assignment")));
        }
        view.effects = Some(effects);
    }
}

/// How many phases differ from those from which the draft began.
fn changed_phases(state: &DraftState) -> usize {
    let differs =
        |row: &&DraftRow| state.base.iter().find(|base| base.id == row.id).is_none_or(|base| base != *row);
    let removed = |base: &&DraftRow| state.rows.iter().all(|row| row.id != base.id);
    state.rows.iter().filter(differs).count() + state.base.iter().filter(removed).count()
}

/// The rows as they would be saved, as far as they can be read.
fn normal(rows: &[DraftRow]) -> Vec<DraftRow> {
    let rows = rows.iter().map(|row| match row.parse() {
        Ok(draft) => DraftRow::of_draft(&draft, row.is_new),
        Err(_) => DraftRow { total_budget: None, ..row.clone() },
    });
    rows.collect()
}

fn fault_of(rows: &[DraftRow], fault: &RowFault) -> FaultView {
    let name = rows.iter().find(|row| row.id == fault.id).map(|row| words::shown(row.name.trim()));
    let message = format!("{}: {}", name.unwrap_or_default(), fault.message);
    FaultView { phase: Some(fault.id), rule: None, field: fault.field, message }
}

/// A phase as others saved it.
fn as_saved(row: &DraftRow) -> String {
    let total = row.total_budget.as_deref().and_then(|total| total.parse().ok()).map(words::amount);
    format!(
        "{}, {} to {}, {}",
        words::shown(&row.name),
        row.start_date,
        row.end_date,
        total.unwrap_or_default()
    )
}

fn row_views(
    rows: &[DraftRow],
    theirs: &[DraftRow],
    days: &AssignmentDays,
    unreadable: &[RowFault],
    faults: &[FaultView],
) -> Vec<DraftRowView> {
    let last = rows.len().saturating_sub(1);
    let view = |(index, row): (usize, &DraftRow)| {
        let draft = row.parse().ok();
        let range = draft.as_ref().and_then(|draft| DateRange::new(draft.start_date, draft.end_date).ok());
        let hint = |text: &str| text.trim().parse::<NaiveDate>().map(words::weekday).unwrap_or_default();
        let broken = faults.iter().filter(|fault| fault.rule.is_some() && fault.phase == Some(row.id));
        let mut typed = row.clone();
        let total = draft.as_ref().map(|draft| words::amount(draft.total_budget));
        if let Some(draft) = &draft {
            // More decimals than two stay as they were typed, for the rules to refuse.
            for (field, amount) in [
                (&mut typed.capital_budget, draft.capital_budget),
                (&mut typed.expense_budget, draft.expense_budget),
            ] {
                if amount.scale() <= 2 {
                    *field = words::amount(amount);
                }
            }
        }
        DraftRowView {
            number: index + 1,
            name: words::shown(row.name.trim()),
            days: range.map(DateRange::days),
            total,
            assignments: range.map(|range| days.within(range.start(), range.end())),
            hints: [hint(&row.start_date), hint(&row.end_date)],
            faults: unreadable.iter().filter(|fault| fault.id == row.id).cloned().collect(),
            broken: broken.cloned().collect(),
            theirs: theirs
                .iter()
                .find(|theirs| theirs.id == row.id)
                .filter(|theirs| *theirs != row)
                .map(as_saved),
            ends: [index == 0, index == last],
            row: typed,
        }
    };
    rows.iter().enumerate().map(view).collect()
}
