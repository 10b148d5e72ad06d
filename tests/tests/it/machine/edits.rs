//! SQL of others on the tables, in the shape that is live.

use super::commands::shifted;
use super::step::Step;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, TimeDelta};
use phaseline_tests::chance::Chance;
use phaseline_tests::model::{Budget, Days, Edit, Kind, Model, NewRow, OldRow};
use uuid::Uuid;

/// An edit of the old tables; none if there is no row for it.
pub(crate) fn of_old_tables(chance: &mut Chance, model: &Model) -> Option<Step> {
    type Make = fn(&mut Chance, &Model) -> Option<Edit>;
    let choices: [(u64, (&'static str, Make)); 15] = [
        (4, ("old: budget", budget)),
        (3, ("old: type", kind)),
        (3, ("old: updated_at", updated_at)),
        (2, ("old: created_at", created_at)),
        (
            3,
            ("old: phase touched", |chance, model| {
                Some(Edit::TouchOldRow(chance.one_of(&model.old_rows)?.id))
            }),
        ),
        (4, ("old: phase deleted", delete_phase)),
        (
            5,
            ("old: phase inserted", |chance, model| {
                let project = any_project(chance, model)?;
                let row = old_row(chance, project);
                // At times one that was there before, perhaps in another project.
                let once: Vec<Uuid> =
                    model.homes.keys().copied().filter(|id| !is_there(model, *id)).collect();
                let id = if chance.hits(20) { chance.one_of(&once).unwrap_or(row.id) } else { row.id };
                Some(Edit::InsertOldRow(OldRow { id, ..row }))
            }),
        ),
        (
            2,
            ("old: phase to another project", |chance, model| {
                let row = chance.one_of(&model.old_rows)?;
                let project = any_project(chance, model)?;
                Some(Edit::ChangeOldRow(OldRow { project, ..row }))
            }),
        ),
        (3, ("project moved", move_project)),
        (1, ("project deleted", |chance, model| Some(Edit::DeleteProject(any_project(chance, model)?)))),
        (2, ("project inserted", insert_project)),
        (2, ("assignment inserted", insert_assignment)),
        (1, ("assignment dated", date_assignment)),
        (
            3,
            ("old: assignment linked", |chance, model| {
                let assignment = chance.one_of(&model.assignments)?;
                Some(Edit::LinkAssignment(assignment.id, chance.one_of(&model.old_rows)?.id))
            }),
        ),
        (2, ("assignment deleted or touched", delete_or_touch)),
    ];
    let (name, make) = chance.weighted(&choices);
    Some(Step::Edit { name, edit: make(chance, model)? })
}

/// What the backend may do to the new tables: projects with their default phase, and assignments.
pub(crate) fn of_new_tables(chance: &mut Chance, model: &Model) -> Option<Step> {
    type Make = fn(&mut Chance, &Model) -> Option<Edit>;
    let choices: [(u64, (&'static str, Make)); 9] = [
        (5, ("project inserted", insert_project)),
        (2, ("project moved", move_project)),
        (2, ("drift: row changed", drift_of_row)),
        (1, ("drift: row deleted", |chance, model| Some(Edit::DeleteNewRow(known_row(chance, model)?.id)))),
        (
            1,
            ("drift: row added", |chance, model| {
                let row = known_row(chance, model)?;
                Some(Edit::InsertNewRow(default_row(chance, row.project, row.days)))
            }),
        ),
        (1, ("project deleted", |chance, model| Some(Edit::DeleteProject(any_project(chance, model)?)))),
        (4, ("assignment inserted", insert_assignment)),
        (2, ("assignment dated", date_assignment)),
        (2, ("assignment deleted or touched", delete_or_touch)),
    ];
    let (name, make) = chance.weighted(&choices);
    Some(Step::Edit { name, edit: make(chance, model)? })
}

/// What makes the projects that cannot be migrated fit to be.
pub(crate) fn remedy(chance: &mut Chance, model: &Model, code: &str, project: Uuid) -> Option<Step> {
    let days = *model.projects.get(&project)?;
    let edit = match code {
        "project_without_phases" if chance.hits(60) => Edit::InsertOldRow(old_row(chance, project)),
        "rules_broken" => {
            let log = model.log.get(&project)?.days;
            Edit::MoveProject(project, Days::new(days.first.min(log.first), days.last.max(log.last)))
        }
        _ => Edit::DeleteProject(project),
    };
    Some(Step::Edit { name: "old: cure", edit })
}

/// The row of a project that the log does not know, as it can be taken in.
pub(crate) fn cover(model: &Model, project: Uuid) -> Option<Step> {
    let row = model.new_rows.values().find(|row| row.project == project)?;
    let row = NewRow { days: *model.projects.get(&project)?, ..row.clone() };
    Some(Step::Edit { name: "row of an unknown project changed", edit: Edit::ChangeNewRow(row) })
}

/// A row of a project that the log knows.
fn known_row(chance: &mut Chance, model: &Model) -> Option<NewRow> {
    let rows: Vec<_> = model.new_rows.values().filter(|row| model.log.contains_key(&row.project)).collect();
    chance.one_of(&rows).cloned()
}

fn drift_of_row(chance: &mut Chance, model: &Model) -> Option<Edit> {
    let mut row = known_row(chance, model)?;
    match chance.below(6) {
        0 => row.name.push('!'),
        1 => row.description = row.description.map_or_else(|| Some(String::new()), |_| None),
        2 => row.budget.capital = chance.within(0, 9_000_000),
        3 => row.updated_at = moment(chance),
        4 => row.days.last = shifted(row.days.last, chance.within(0, 3)),
        _ => row.created_at = moment(chance),
    }
    let is_real =
        row.days.last.year() <= 9999 && row.budget.capital + row.budget.expense <= 999_999_999_999_999;
    is_real.then_some(Edit::ChangeNewRow(row))
}

fn is_there(model: &Model, phase: Uuid) -> bool {
    model.phase_ids().iter().any(|(_, id)| *id == phase)
}

fn any_project(chance: &mut Chance, model: &Model) -> Option<Uuid> {
    chance.one_of(&model.projects.keys().copied().collect::<Vec<_>>())
}

/// A time of this century, often one of a few.
pub(crate) fn moment(chance: &mut Chance) -> NaiveDateTime {
    let start = NaiveDate::from_ymd_opt(2023, 5, 1).unwrap().and_hms_opt(8, 0, 0).unwrap();
    if chance.hits(40) {
        start + TimeDelta::days(chance.within(0, 2))
    } else {
        start + TimeDelta::microseconds(chance.within(0, 30_000_000_000_000))
    }
}

pub(crate) fn money(chance: &mut Chance) -> Budget {
    if chance.hits(20) {
        return Budget::ZERO;
    }
    Budget { capital: chance.within(0, 50_000_000), expense: chance.within(0, 50_000_000) }
}

fn old_row(chance: &mut Chance, project: Uuid) -> OldRow {
    let (created_at, updated_at) = (moment(chance), moment(chance));
    let kind = chance.pick([Kind::Planning, Kind::Execution]);
    OldRow { project, kind, budget: money(chance), id: chance.id(), created_at, updated_at }
}

fn changed(chance: &mut Chance, model: &Model, change: impl Fn(&mut Chance, &mut OldRow)) -> Option<Edit> {
    let mut row = chance.one_of(&model.old_rows)?;
    change(chance, &mut row);
    // The planner's backend sets updated_at with whatever it changes; a person with psql may not.
    if chance.hits(40) {
        row.updated_at = moment(chance);
    }
    Some(Edit::ChangeOldRow(row))
}

fn budget(chance: &mut Chance, model: &Model) -> Option<Edit> {
    changed(chance, model, |chance, row| row.budget = money(chance))
}

fn kind(chance: &mut Chance, model: &Model) -> Option<Edit> {
    changed(chance, model, |_, row| {
        row.kind = if row.kind == Kind::Planning { Kind::Execution } else { Kind::Planning };
    })
}

fn updated_at(chance: &mut Chance, model: &Model) -> Option<Edit> {
    changed(chance, model, |chance, row| row.updated_at = moment(chance))
}

fn created_at(chance: &mut Chance, model: &Model) -> Option<Edit> {
    changed(chance, model, |chance, row| row.created_at = moment(chance))
}

fn delete_phase(chance: &mut Chance, model: &Model) -> Option<Edit> {
    // Mostly one that is not its project's only one.
    let rows = &model.old_rows;
    let others = |row: &OldRow| rows.iter().filter(|other| other.project == row.project).count() > 1;
    let several: Vec<_> = rows.iter().filter(|row| others(row)).collect();
    let all: Vec<_> = rows.iter().collect();
    let likely = if chance.hits(85) { several } else { all };
    let phase = chance.one_of(&likely)?.id;
    let heirs: Vec<Uuid> = rows.iter().map(|row| row.id).filter(|id| *id != phase).collect();
    let heir = if chance.hits(75) { chance.one_of(&heirs) } else { None };
    Some(Edit::DeleteOldRow { phase, heir })
}

fn move_project(chance: &mut Chance, model: &Model) -> Option<Edit> {
    let project = any_project(chance, model)?;
    let old = model.projects[&project];
    let most = chance.pick([3, 30, 300]);
    let first = shifted(old.first, chance.within(-most, most));
    let last = shifted(old.last, chance.within(-most, most));
    let is_real = |day: NaiveDate| (1..=9999).contains(&day.year());
    (first < last && is_real(first) && is_real(last))
        .then(|| Edit::MoveProject(project, Days::new(first, last)))
}

fn insert_project(chance: &mut Chance, model: &Model) -> Option<Edit> {
    let fresh = chance.id();
    let project = if chance.hits(40) { chance.one_of(&model.deleted).unwrap_or(fresh) } else { fresh };
    let first = shifted(NaiveDate::from_ymd_opt(2024, 1, 1)?, chance.within(0, 400));
    let days = Days::new(first, shifted(first, chance.pick([1, 6, 30, 364])));
    let (mut old_rows, mut new_rows) = (Vec::new(), Vec::new());
    match model.shape {
        phaseline_tests::model::Shape::Old => {
            let rows = chance.pick([0, 1, 1, 1, 2, 2]).min(days.count());
            old_rows.extend((0..rows).map(|_| old_row(chance, project)));
        }
        phaseline_tests::model::Shape::New if chance.hits(70) => {
            new_rows.push(default_row(chance, project, days))
        }
        phaseline_tests::model::Shape::New => {}
    }
    Some(Edit::InsertProject { project, days, old_rows, new_rows })
}

/// The row that the backend gives a new project.
pub(crate) fn default_row(chance: &mut Chance, project: Uuid, days: Days) -> NewRow {
    let (created_at, updated_at) = (moment(chance), moment(chance));
    let description = chance.hits(20).then(|| "by the backend".to_owned());
    let name = "Default Phase".to_owned();
    let budget = if chance.hits(70) { Budget::ZERO } else { money(chance) };
    NewRow { project, budget, id: chance.id(), created_at, updated_at, name, days, description }
}

fn date(chance: &mut Chance, model: &Model, project: Uuid) -> Option<NaiveDate> {
    let days = model.projects.get(&project)?;
    let outside = if chance.hits(20) { 30 } else { 0 };
    let by = chance.within(-outside, (days.count() as i64 - 1) + outside);
    let day = shifted(days.first, by);
    (1..=9999).contains(&day.year()).then_some(day)
}

fn insert_assignment(chance: &mut Chance, model: &Model) -> Option<Edit> {
    // Of a project with a phase: without one there is nothing that a rollback could link it to.
    let (project, phase) = chance.one_of(&model.phase_ids())?;
    let phase = (model.shape == phaseline_tests::model::Shape::Old).then_some(phase);
    Some(Edit::InsertAssignment { id: chance.id(), project, date: date(chance, model, project)?, phase })
}

fn date_assignment(chance: &mut Chance, model: &Model) -> Option<Edit> {
    let assignment = chance.one_of(&model.assignments)?;
    Some(Edit::DateAssignment(assignment.id, date(chance, model, assignment.project)?))
}

fn delete_or_touch(chance: &mut Chance, model: &Model) -> Option<Edit> {
    let id = chance.one_of(&model.assignments)?.id;
    Some(if chance.hits(50) { Edit::DeleteAssignment(id) } else { Edit::TouchAssignment(id) })
}
