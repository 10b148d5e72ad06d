//! Generates SQL edits of the tables in the current shape.

use super::random_commands::shifted;
use super::step::Step;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, TimeDelta};
use phaseline_tests::model::{Budget, Days, Edit, Kind, Model, NewRow, OldRow};
use phaseline_tests::random::SeededRandom;
use uuid::Uuid;

/// An edit of the legacy tables; none without a row for it.
pub(crate) fn of_old_tables(random: &mut SeededRandom, model: &Model) -> Option<Step> {
    type Make = fn(&mut SeededRandom, &Model) -> Option<Edit>;
    let choices: [(u64, (&'static str, Make)); 15] = [
        (4, ("old: budget", budget)),
        (3, ("old: type", kind)),
        (3, ("old: updated_at", updated_at)),
        (2, ("old: created_at", created_at)),
        (
            3,
            ("old: phase touched", |random, model| {
                Some(Edit::TouchOldRow(random.one_of(&model.old_rows)?.id))
            }),
        ),
        (4, ("old: phase deleted", delete_phase)),
        (
            5,
            ("old: phase inserted", |random, model| {
                let project = any_project(random, model)?;
                let row = old_row(random, project);
                // Sometimes a former one, perhaps in another project.
                let once: Vec<Uuid> =
                    model.homes.keys().copied().filter(|id| !is_there(model, *id)).collect();
                let id = if random.hits(20) { random.one_of(&once).unwrap_or(row.id) } else { row.id };
                Some(Edit::InsertOldRow(OldRow { id, ..row }))
            }),
        ),
        (
            2,
            ("old: phase to another project", |random, model| {
                let row = random.one_of(&model.old_rows)?;
                let project = any_project(random, model)?;
                Some(Edit::ChangeOldRow(OldRow { project, ..row }))
            }),
        ),
        (3, ("project moved", move_project)),
        (1, ("project deleted", |random, model| Some(Edit::DeleteProject(any_project(random, model)?)))),
        (2, ("project inserted", insert_project)),
        (2, ("assignment inserted", insert_assignment)),
        (1, ("assignment dated", date_assignment)),
        (
            3,
            ("old: assignment linked", |random, model| {
                let assignment = random.one_of(&model.assignments)?;
                Some(Edit::LinkAssignment(assignment.id, random.one_of(&model.old_rows)?.id))
            }),
        ),
        (2, ("assignment deleted or touched", delete_or_touch)),
    ];
    let (name, make) = random.weighted(&choices);
    Some(Step::Edit { name, edit: make(random, model)? })
}

/// Edits by the backend in the timeline shape: projects with their default phase, and assignments.
pub(crate) fn of_new_tables(random: &mut SeededRandom, model: &Model) -> Option<Step> {
    type Make = fn(&mut SeededRandom, &Model) -> Option<Edit>;
    let choices: [(u64, (&'static str, Make)); 10] = [
        (5, ("project inserted", insert_project)),
        (2, ("project moved", move_project)),
        (3, ("row moved after its project", move_row_after_project)),
        (2, ("drift: row changed", drift_of_row)),
        (1, ("drift: row deleted", |random, model| Some(Edit::DeleteNewRow(known_row(random, model)?.id)))),
        (
            1,
            ("drift: row added", |random, model| {
                let row = known_row(random, model)?;
                Some(Edit::InsertNewRow(default_row(random, row.project, row.days)))
            }),
        ),
        (1, ("project deleted", |random, model| Some(Edit::DeleteProject(any_project(random, model)?)))),
        (4, ("assignment inserted", insert_assignment)),
        (2, ("assignment dated", date_assignment)),
        (2, ("assignment deleted or touched", delete_or_touch)),
    ];
    let (name, make) = random.weighted(&choices);
    Some(Step::Edit { name, edit: make(random, model)? })
}

/// The edits that let all projects be migrated.
pub(crate) fn remedy(random: &mut SeededRandom, model: &Model, code: &str, project: Uuid) -> Option<Step> {
    let days = *model.projects.get(&project)?;
    let edit = match code {
        "project_without_phases" if random.hits(60) => Edit::InsertOldRow(old_row(random, project)),
        "rules_broken" => {
            let log = model.log.get(&project)?.days;
            Edit::MoveProject(project, Days::new(days.first.min(log.first), days.last.max(log.last)))
        }
        _ => Edit::DeleteProject(project),
    };
    Some(Step::Edit { name: "old: cure", edit })
}

/// A valid row of a project that the log does not have.
pub(crate) fn cover(model: &Model, project: Uuid) -> Option<Step> {
    let row = model.new_rows.values().find(|row| row.project == project)?;
    let row = NewRow { days: *model.projects.get(&project)?, ..row.clone() };
    Some(Step::Edit { name: "row of an unknown project changed", edit: Edit::ChangeNewRow(row) })
}

/// A row of a project that the log has.
fn known_row(random: &mut SeededRandom, model: &Model) -> Option<NewRow> {
    let rows: Vec<_> = model.new_rows.values().filter(|row| model.log.contains_key(&row.project)).collect();
    random.one_of(&rows).cloned()
}

fn drift_of_row(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    let mut row = known_row(random, model)?;
    match random.below(6) {
        0 => row.name.push('!'),
        1 => row.description = row.description.map_or_else(|| Some(String::new()), |_| None),
        2 => row.budget.capital = random.within(0, 9_000_000),
        3 => row.updated_at = moment(random),
        4 => row.days.last = shifted(row.days.last, random.within(0, 3)),
        _ => row.created_at = moment(random),
    }
    let is_real =
        row.days.last.year() <= 9999 && row.budget.capital + row.budget.expense <= 999_999_999_999_999;
    is_real.then_some(Edit::ChangeNewRow(row))
}

/// The backend's own rule: the first phase's row starts, and the last one's ends, with the project.
fn move_row_after_project(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    let (_, followed) = random.one_of(&model.following().into_iter().collect::<Vec<_>>())?;
    let phase = random.one_of(&followed.phases)?;
    let row = model.new_rows.get(&phase.id)?.clone();
    let updated_at = if random.hits(70) { moment(random) } else { row.updated_at };
    Some(Edit::ChangeNewRow(NewRow { days: phase.days, updated_at, ..row }))
}

fn is_there(model: &Model, phase: Uuid) -> bool {
    model.phase_ids().iter().any(|(_, id)| *id == phase)
}

fn any_project(random: &mut SeededRandom, model: &Model) -> Option<Uuid> {
    random.one_of(&model.projects.keys().copied().collect::<Vec<_>>())
}

/// A timestamp of this century, often one of a few.
pub(crate) fn moment(random: &mut SeededRandom) -> NaiveDateTime {
    let start = NaiveDate::from_ymd_opt(2023, 5, 1).unwrap().and_hms_opt(8, 0, 0).unwrap();
    if random.hits(40) {
        start + TimeDelta::days(random.within(0, 2))
    } else {
        start + TimeDelta::microseconds(random.within(0, 30_000_000_000_000))
    }
}

pub(crate) fn money(random: &mut SeededRandom) -> Budget {
    if random.hits(20) {
        return Budget::ZERO;
    }
    Budget { capital: random.within(0, 50_000_000), expense: random.within(0, 50_000_000) }
}

fn old_row(random: &mut SeededRandom, project: Uuid) -> OldRow {
    let (created_at, updated_at) = (moment(random), moment(random));
    let kind = random.pick([Kind::Planning, Kind::Execution]);
    OldRow { project, kind, budget: money(random), id: random.id(), created_at, updated_at }
}

fn changed(
    random: &mut SeededRandom,
    model: &Model,
    change: impl Fn(&mut SeededRandom, &mut OldRow),
) -> Option<Edit> {
    let mut row = random.one_of(&model.old_rows)?;
    change(random, &mut row);
    // The planner's backend sets updated_at with every change; a psql user may not.
    if random.hits(40) {
        row.updated_at = moment(random);
    }
    Some(Edit::ChangeOldRow(row))
}

fn budget(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    changed(random, model, |random, row| row.budget = money(random))
}

fn kind(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    changed(random, model, |_, row| {
        row.kind = if row.kind == Kind::Planning { Kind::Execution } else { Kind::Planning };
    })
}

fn updated_at(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    changed(random, model, |random, row| row.updated_at = moment(random))
}

fn created_at(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    changed(random, model, |random, row| row.created_at = moment(random))
}

fn delete_phase(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    // Usually not its project's only phase.
    let rows = &model.old_rows;
    let others = |row: &OldRow| rows.iter().filter(|other| other.project == row.project).count() > 1;
    let several: Vec<_> = rows.iter().filter(|row| others(row)).collect();
    let all: Vec<_> = rows.iter().collect();
    let likely = if random.hits(85) { several } else { all };
    let phase = random.one_of(&likely)?.id;
    let heirs: Vec<Uuid> = rows.iter().map(|row| row.id).filter(|id| *id != phase).collect();
    let heir = if random.hits(75) { random.one_of(&heirs) } else { None };
    Some(Edit::DeleteOldRow { phase, heir })
}

fn move_project(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    let project = any_project(random, model)?;
    let old = model.projects[&project];
    let most = random.pick([3, 30, 300]);
    let first = shifted(old.first, random.within(-most, most));
    let last = shifted(old.last, random.within(-most, most));
    let is_real = |day: NaiveDate| (1..=9999).contains(&day.year());
    (first < last && is_real(first) && is_real(last))
        .then(|| Edit::MoveProject(project, Days::new(first, last)))
}

fn insert_project(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    let fresh = random.id();
    let project = if random.hits(40) { random.one_of(&model.deleted).unwrap_or(fresh) } else { fresh };
    let first = shifted(NaiveDate::from_ymd_opt(2024, 1, 1)?, random.within(0, 400));
    let days = Days::new(first, shifted(first, random.pick([1, 6, 30, 364])));
    let (mut old_rows, mut new_rows) = (Vec::new(), Vec::new());
    match model.shape {
        phaseline_tests::model::Shape::Old => {
            let rows = random.pick([0, 1, 1, 1, 2, 2]).min(days.count());
            old_rows.extend((0..rows).map(|_| old_row(random, project)));
        }
        phaseline_tests::model::Shape::New if random.hits(70) => {
            new_rows.push(default_row(random, project, days))
        }
        phaseline_tests::model::Shape::New => {}
    }
    Some(Edit::InsertProject { project, days, old_rows, new_rows })
}

/// The row that the backend gives a new project.
pub(crate) fn default_row(random: &mut SeededRandom, project: Uuid, days: Days) -> NewRow {
    let (created_at, updated_at) = (moment(random), moment(random));
    let description = random.hits(20).then(|| "by the backend".to_owned());
    let name = "Default Phase".to_owned();
    let budget = if random.hits(70) { Budget::ZERO } else { money(random) };
    NewRow { project, budget, id: random.id(), created_at, updated_at, name, days, description }
}

fn date(random: &mut SeededRandom, model: &Model, project: Uuid) -> Option<NaiveDate> {
    let days = model.projects.get(&project)?;
    let outside = if random.hits(20) { 30 } else { 0 };
    let by = random.within(-outside, (days.count() as i64 - 1) + outside);
    let day = shifted(days.first, by);
    (1..=9999).contains(&day.year()).then_some(day)
}

fn insert_assignment(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    // In a project with a phase: without one a rollback cannot link the assignment.
    let (project, phase) = random.one_of(&model.phase_ids())?;
    let phase = (model.shape == phaseline_tests::model::Shape::Old).then_some(phase);
    Some(Edit::InsertAssignment { id: random.id(), project, date: date(random, model, project)?, phase })
}

fn date_assignment(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    let assignment = random.one_of(&model.assignments)?;
    Some(Edit::DateAssignment(assignment.id, date(random, model, assignment.project)?))
}

fn delete_or_touch(random: &mut SeededRandom, model: &Model) -> Option<Edit> {
    let id = random.one_of(&model.assignments)?.id;
    Some(if random.hits(50) { Edit::DeleteAssignment(id) } else { Edit::TouchAssignment(id) })
}
