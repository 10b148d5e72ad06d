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
    CurrentProject, OpenWith, PathId, RouteFailure, assignment_days, current_project, preview_or_open,
    whole_history,
};
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use phaseline_domain::event::TimelineRescheduled;
use phaseline_domain::{DateRange, Draft, ProjectId, Timeline, TimelineCommand, decide, validate};
use phaseline_projections::planner_view::AssignmentDays;
use serde::{Deserialize, Serialize};

/// The rules about the phases as a whole.
const OF_ALL_PHASES: [&str; 5] = ["V1", "V2", "V3", "V4", "V5"];

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
    let base =
        base_of(&app, project, found.as_ref().and_then(CurrentProject::range)).await.map_err(failure)?;
    let version = base.version;
    let Some(range) = base.current.range() else {
        let detail = "the project has no timeline that could be changed: load the page again";
        return Err(visitor.failure(conflict("no_timeline", "No timeline", detail)));
    };
    let mut view = ProjectTimelineView::empty(&visitor, project, &names);
    (view.mode, view.version, view.digest) = (Mode::Draft, version, digest(found.as_ref()));
    view.dates = Some(range);
    let is_stale = request.state.as_ref().is_some_and(|state| state.version != version);
    let is_conflict = is_stale && !matches!(request.edit, DraftEdit::Merge);
    let many =
        base.current.phases().len().max(request.state.as_ref().map_or(0, |state| state.rows.len())) >= MANY;
    let since = request.state.as_ref().map_or(0, |state| state.version);
    let mut view = aside_if(many, move || {
        applied(&mut view, &base, range, &days, request, is_conflict);
        view
    })
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

/// The timeline that is saved, and the one from which a draft begins.
struct DraftBase {
    saved: Timeline,
    /// With the dates that the project has in the planner's table, and the phases that follow them if they can.
    current: Timeline,
    version: i64,
}

/// The timeline from which a draft of the project begins. `dates` are those in the planner's table.
async fn base_of(
    app: &AppState,
    project: ProjectId,
    dates: Option<DateRange>,
) -> Result<DraftBase, RouteFailure> {
    // A command that the rules refuse: the present timeline is what counts.
    let nothing = TimelineCommand::ReplaceAll { phases: Vec::new() };
    let preview = preview_or_open(app, project, &nothing, Some(OpenWith::ProjectDates)).await?;
    let (saved, version) = (preview.before.timeline.clone(), preview.before.version);
    let mut current = saved.clone();
    if let Some(range) = dates.filter(|dates| saved.range().is_some_and(|range| range != *dates)) {
        let follow = TimelineCommand::Reschedule { start_date: range.start(), end_date: range.end() };
        // Where the phases cannot follow, a list that fits the new dates is accepted.
        let events = decide(&saved, &follow).unwrap_or_else(|_| vec![TimelineRescheduled { range }.into()]);
        events.iter().for_each(|event| current.evolve(event));
    }
    Ok(DraftBase { saved, current, version })
}

/// Puts the draft after the edit into the view.
fn applied(
    view: &mut ProjectTimelineView,
    base: &DraftBase,
    range: DateRange,
    days: &AssignmentDays,
    request: DraftRequest,
    is_conflict: bool,
) {
    let DraftBase { current, .. } = base;
    let saved = rows_of(current, |_| false);
    let version = view.version;
    let mut state =
        request.state.unwrap_or_else(|| DraftState { version, base: saved.clone(), rows: saved.clone() });
    state.rows = normal(&state.rows);
    let mut merge_notes = Vec::new();
    if matches!(request.edit, DraftEdit::Merge) {
        let (rows, notes) = merged(&state.base, &state.rows, &saved);
        state = DraftState { version, base: saved, rows };
        merge_notes = notes.into_iter().map(|note| note.words).collect();
    }
    if !is_conflict {
        let edit = edited(current, &state.rows, &request.edit);
        state.rows = normal(&edit.rows);
        view.said = edit.said;
        view.select = edit.focus;
        if let Some(why) = edit.refused {
            view.said = format!("Not possible: {why}");
            view.notes.push(NoteView { kind: "warn", text: words::shown(&why) });
        }
    }
    let saved_rows = rows_of(current, |_| false);
    let (drafts, unreadable) = parsed(&state.rows);
    let requested: Vec<Draft<'_>> = drafts.iter().map(|(draft, _)| Draft::from(draft)).collect();
    let is_readable = unreadable.is_empty();
    // Without a row that cannot be read the others have gaps that are none.
    let violations = validate(range, &requested).into_iter();
    let violations =
        violations.filter(|violation| is_readable || !OF_ALL_PHASES.contains(&violation.rule.id()));
    view.faults = unreadable.iter().map(|fault| fault_of(&state.rows, fault)).collect();
    view.faults.extend(violations.map(|violation| FaultView::of(&violation)));
    // What cannot be read is drawn as it was.
    let drawn = state
        .rows
        .iter()
        .filter_map(|row| row.parse().ok().or_else(|| row.as_read(&state.base).parse().ok()));
    let shown: Vec<ShownPhase> = drawn.filter_map(|draft| ShownPhase::of_draft(&draft, days)).collect();
    let timeline = if is_conflict { None } else { timeline_of(current, &state.rows) };
    let changed = changed(&state);
    view.show(&shown, Some(&of_fold(&base.saved, Some(days))), base.saved.range());
    if base.saved.range() != current.range() {
        view.notes.push(NoteView {
            kind: "info",
            text: format!(
                "The planner's dates of this project are {} to {} now. The draft has them, and saving it takes them over.",
                range.start(),
                range.end()
            ),
        });
    }
    if let Some(after) = &timeline {
        let effects = EffectsView::of(&base.saved, after, days);
        view.outside = effects.outside.map(|[_, after]| after).filter(|after| *after > 0);
        if let Some(outside) = view.outside {
            view.said.push_str(&format!("; {} outside all phases", words::counted(outside, "assignment")));
        }
        view.effects = Some(effects);
    }
    if let Some(first) = view.faults.first().filter(|_| !view.said.is_empty()) {
        view.said.push_str(&format!("; to be mended: {}", first.message));
    }
    let theirs = if is_conflict { saved_rows.as_slice() } else { &[] };
    let rows = row_views(&state.rows, theirs, days, &unreadable, &view.faults);
    view.draft = Some(DraftView {
        rows,
        state: serde_json::to_string(&state).unwrap_or_default(),
        changed,
        is_valid: timeline.is_some() && view.faults.is_empty(),
        conflict: None,
        merged: merge_notes,
    });
}

/// How many phases differ from those from which the draft began.
fn changed(state: &DraftState) -> usize {
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
