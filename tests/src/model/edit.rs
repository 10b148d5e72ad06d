//! Edits of the tables by SQL: the statements, and their effect in the model.

use super::{Assignment, Budget, Days, Model, NewRow, OldRow, Shape};
use chrono::{NaiveDate, NaiveDateTime};
use uuid::Uuid;

/// The programme of projects that are inserted.
const PROGRAMME: Uuid = Uuid::from_u128(0x0001_7265_736f_7572_6365);
/// The resource of assignments that are inserted.
const RESOURCE: Uuid = Uuid::from_u128(0x0002_7265_736f_7572_6365);

/// A change of the tables by SQL, in one transaction.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A project with its phases, in rows of the current shape.
    InsertProject {
        /// `id`
        project: Uuid,
        /// Its dates.
        days: Days,
        /// In the legacy shape.
        old_rows: Vec<OldRow>,
        /// In the timeline shape.
        new_rows: Vec<NewRow>,
    },
    /// A project is deleted, with all rows that refer to it.
    DeleteProject(Uuid),
    /// A project's dates change, and nothing else.
    MoveProject(Uuid, Days),
    /// A row of `project_phases` in the legacy shape is inserted.
    InsertOldRow(OldRow),
    /// The row of that id becomes this one.
    ChangeOldRow(OldRow),
    /// An `UPDATE` that changes nothing but the row's place.
    TouchOldRow(Uuid),
    /// A row is deleted; its assignments get another phase, or are deleted.
    DeleteOldRow {
        /// The row.
        phase: Uuid,
        /// The other phase.
        heir: Option<Uuid>,
    },
    /// A row of `project_phases` in the timeline shape is inserted.
    InsertNewRow(NewRow),
    /// The row of that id becomes this one.
    ChangeNewRow(NewRow),
    /// A row of `project_phases` in the timeline shape is deleted.
    DeleteNewRow(Uuid),
    /// An assignment is inserted; `phase` in the legacy shape only.
    InsertAssignment {
        /// `id`
        id: Uuid,
        /// `project_id`
        project: Uuid,
        /// `assignment_date`
        date: NaiveDate,
        /// `project_phase_id`
        phase: Option<Uuid>,
    },
    /// An assignment gets another date.
    DateAssignment(Uuid, NaiveDate),
    /// An assignment gets another phase.
    LinkAssignment(Uuid, Uuid),
    /// An `UPDATE` that changes nothing but the row's place.
    TouchAssignment(Uuid),
    /// An assignment is deleted, with its actuals.
    DeleteAssignment(Uuid),
}

impl Edit {
    /// The rows that edits need.
    pub fn setup() -> String {
        format!(
            "INSERT INTO public.programs VALUES ('Machine', 'Sponsor', 'Manager', 'Lead', '0001-01-01', '9999-12-31',
                NULL, '{PROGRAMME}', '2024-01-01', '2024-01-01');
             INSERT INTO public.resources VALUES ('Machine', 'LABOR', NULL, '{RESOURCE}', '2024-01-01', '2024-01-01')"
        )
    }

    /// The statements, for one transaction.
    pub fn sql(&self, shape: Shape) -> String {
        match self {
            Self::InsertProject { project, days, old_rows, new_rows } => {
                let mut sql = format!(
                    "INSERT INTO public.projects VALUES ('{PROGRAMME}', 'New', 'Sponsor', 'Manager', 'Lead', '{}', '{}',
                        'CC-{project}', NULL, '{project}', '2024-03-01', '2024-03-02');",
                    days.first, days.last
                );
                sql.extend(old_rows.iter().map(insert_old));
                sql.extend(new_rows.iter().map(insert_new));
                sql
            }
            Self::DeleteProject(project) => {
                let through_phases = match shape {
                    Shape::Old => format!(
                        " OR project_phase_id IN (SELECT id FROM public.project_phases WHERE project_id = '{project}')"
                    ),
                    Shape::New => String::new(),
                };
                let theirs = format!("project_id = '{project}'{through_phases}");
                format!(
                    "DELETE FROM public.actuals WHERE project_id = '{project}' OR resource_assignment_id IN
                        (SELECT id FROM public.resource_assignments WHERE {theirs});
                     DELETE FROM public.resource_assignments WHERE {theirs};
                     DELETE FROM public.project_phases WHERE project_id = '{project}';
                     DELETE FROM public.projects WHERE id = '{project}';"
                )
            }
            Self::MoveProject(project, days) => format!(
                "UPDATE public.projects SET start_date = '{}', end_date = '{}' WHERE id = '{project}';",
                days.first, days.last
            ),
            Self::InsertOldRow(row) => insert_old(row),
            Self::ChangeOldRow(row) => format!(
                "UPDATE public.project_phases SET project_id = '{}', phase_type = '{}', {}, created_at = {},
                    updated_at = {} WHERE id = '{}';",
                row.project,
                row.kind.label(),
                budget_set(row.budget),
                moment(row.created_at),
                moment(row.updated_at),
                row.id
            ),
            Self::TouchOldRow(id) => {
                format!("UPDATE public.project_phases SET created_at = created_at WHERE id = '{id}';")
            }
            Self::DeleteOldRow { phase, heir } => {
                let assignments = match heir {
                    Some(heir) => format!(
                        "UPDATE public.resource_assignments SET project_phase_id = '{heir}' WHERE project_phase_id = '{phase}';"
                    ),
                    None => format!(
                        "DELETE FROM public.actuals WHERE resource_assignment_id IN
                            (SELECT id FROM public.resource_assignments WHERE project_phase_id = '{phase}');
                         DELETE FROM public.resource_assignments WHERE project_phase_id = '{phase}';"
                    ),
                };
                format!("{assignments} DELETE FROM public.project_phases WHERE id = '{phase}';")
            }
            Self::InsertNewRow(row) => insert_new(row),
            Self::ChangeNewRow(row) => format!(
                "UPDATE public.project_phases SET {}, created_at = {}, updated_at = {}, name = {}, start_date = '{}',
                    end_date = '{}', description = {} WHERE id = '{}';",
                budget_set(row.budget),
                moment(row.created_at),
                moment(row.updated_at),
                text(Some(&row.name)),
                row.days.first,
                row.days.last,
                text(row.description.as_deref()),
                row.id
            ),
            Self::DeleteNewRow(id) => format!("DELETE FROM public.project_phases WHERE id = '{id}';"),
            Self::InsertAssignment { id, project, date, phase } => {
                let column = if phase.is_some() { ", project_phase_id" } else { "" };
                let value = phase.map(|phase| format!(", '{phase}'")).unwrap_or_default();
                format!(
                    "INSERT INTO public.resource_assignments (resource_id, project_id, assignment_date,
                        allocation_percentage, capital_percentage, expense_percentage, id, created_at, updated_at{column})
                     VALUES ('{RESOURCE}', '{project}', '{date}', 50, 40, 60, '{id}', '2024-03-01', '2024-03-02'{value});"
                )
            }
            Self::DateAssignment(id, date) => format!(
                "UPDATE public.resource_assignments SET assignment_date = '{date}' WHERE id = '{id}';"
            ),
            Self::LinkAssignment(id, phase) => format!(
                "UPDATE public.resource_assignments SET project_phase_id = '{phase}' WHERE id = '{id}';"
            ),
            Self::TouchAssignment(id) => {
                format!("UPDATE public.resource_assignments SET created_at = created_at WHERE id = '{id}';")
            }
            Self::DeleteAssignment(id) => format!(
                "DELETE FROM public.actuals WHERE resource_assignment_id = '{id}';
                 DELETE FROM public.resource_assignments WHERE id = '{id}';"
            ),
        }
    }
}

impl Model {
    /// Applies an edit. The order of the heaps must be observed afterwards.
    pub fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::InsertProject { project, days, old_rows, new_rows } => {
                self.projects.insert(*project, *days);
                self.deleted.retain(|deleted| deleted != project);
                self.old_rows.extend(old_rows.iter().cloned());
                self.new_rows.extend(new_rows.iter().map(|row| (row.id, row.clone())));
            }
            Edit::DeleteProject(project) => {
                let rows = self.old_rows.iter().filter(|row| row.project == *project);
                let phases: Vec<Uuid> = rows.map(|row| row.id).collect();
                self.assignments.retain(|row| {
                    row.project != *project && !row.phase.is_some_and(|phase| phases.contains(&phase))
                });
                self.old_rows.retain(|row| row.project != *project);
                self.new_rows.retain(|_, row| row.project != *project);
                self.projects.remove(project);
                self.deleted.push(*project);
            }
            Edit::MoveProject(project, days) => drop(self.projects.insert(*project, *days)),
            Edit::InsertOldRow(row) => self.old_rows.push(row.clone()),
            Edit::ChangeOldRow(row) => {
                for old in self.old_rows.iter_mut().filter(|old| old.id == row.id) {
                    *old = row.clone();
                }
            }
            Edit::TouchOldRow(_) | Edit::TouchAssignment(_) => {}
            Edit::DeleteOldRow { phase, heir } => {
                match heir {
                    Some(heir) => self
                        .assignments
                        .iter_mut()
                        .filter(|assignment| assignment.phase == Some(*phase))
                        .for_each(|assignment| assignment.phase = Some(*heir)),
                    None => self.assignments.retain(|assignment| assignment.phase != Some(*phase)),
                }
                self.old_rows.retain(|row| row.id != *phase);
            }
            Edit::InsertNewRow(row) | Edit::ChangeNewRow(row) => {
                self.new_rows.insert(row.id, row.clone());
            }
            Edit::DeleteNewRow(id) => drop(self.new_rows.remove(id)),
            Edit::InsertAssignment { id, project, date, phase } => {
                let (id, project, date, phase) = (*id, *project, *date, *phase);
                self.assignments.push(Assignment { id, project, date, phase, rest: String::new() });
            }
            Edit::DateAssignment(id, date) => {
                self.assignments.iter_mut().filter(|row| row.id == *id).for_each(|row| row.date = *date);
            }
            Edit::LinkAssignment(id, phase) => {
                self.assignments
                    .iter_mut()
                    .filter(|row| row.id == *id)
                    .for_each(|row| row.phase = Some(*phase));
            }
            Edit::DeleteAssignment(id) => self.assignments.retain(|row| row.id != *id),
        }
    }
}

fn insert_old(row: &OldRow) -> String {
    format!(
        "INSERT INTO public.project_phases (project_id, phase_type, capital_budget, expense_budget, total_budget, id,
            created_at, updated_at) VALUES ('{}', '{}', {}, '{}', {}, {});",
        row.project,
        row.kind.label(),
        amounts(row.budget),
        row.id,
        moment(row.created_at),
        moment(row.updated_at)
    )
}

fn insert_new(row: &NewRow) -> String {
    format!(
        "INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
            updated_at, name, start_date, end_date, description)
         VALUES ('{}', {}, '{}', {}, {}, {}, '{}', '{}', {});",
        row.project,
        amounts(row.budget),
        row.id,
        moment(row.created_at),
        moment(row.updated_at),
        text(Some(&row.name)),
        row.days.first,
        row.days.last,
        text(row.description.as_deref())
    )
}

fn budget_set(budget: Budget) -> String {
    format!("(capital_budget, expense_budget, total_budget) = ({})", amounts(budget))
}

fn amounts(budget: Budget) -> String {
    let total = budget.capital + budget.expense;
    let amount = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    format!("{}, {}, {}", amount(budget.capital), amount(budget.expense), amount(total))
}

fn moment(at: NaiveDateTime) -> String {
    at.format("'%Y-%m-%d %H:%M:%S%.6f'").to_string()
}

fn text(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
}
