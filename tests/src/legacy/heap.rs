//! Changes of a heap in use: rows that move, holes, and reused slots.

use super::LegacyDatabase;
use proptest::prelude::*;

/// A statement that changes the locations of rows, and little else. The numbers choose among the existing rows.
#[derive(Clone, Copy, Debug)]
pub enum HeapMove {
    /// An `UPDATE` that changes nothing moves an assignment.
    TouchAssignment(usize),
    /// The same with a phase.
    TouchPhase(usize),
    /// The same with every phase of a project.
    TouchPhasesOfProject(usize),
    /// The same with every second assignment.
    TouchHalfOfAssignments,
    /// An assignment is deleted, unless an actual refers to it.
    DeleteAssignment(usize),
    /// An assignment is deleted and inserted again.
    ReinsertAssignment(usize),
    /// A phase is inserted and deleted, which leaves a hole.
    InsertAndDeletePhase(usize),
    /// An `INSERT` is rolled back, which also leaves a hole.
    RollBackInsert(usize),
    /// Dead rows are removed, so that their slots are reused.
    Vacuum,
    /// The table is rewritten in the order of its rows.
    VacuumFull,
    /// Rows are sorted by an index.
    Cluster,
}

pub(super) fn moves() -> impl Strategy<Value = HeapMove> {
    let row = 0..64_usize;
    prop_oneof![
        3 => row.clone().prop_map(HeapMove::TouchAssignment),
        3 => row.clone().prop_map(HeapMove::TouchPhase),
        1 => row.clone().prop_map(HeapMove::TouchPhasesOfProject),
        1 => Just(HeapMove::TouchHalfOfAssignments),
        2 => row.clone().prop_map(HeapMove::DeleteAssignment),
        3 => row.clone().prop_map(HeapMove::ReinsertAssignment),
        2 => row.clone().prop_map(HeapMove::InsertAndDeletePhase),
        1 => row.prop_map(HeapMove::RollBackInsert),
        3 => Just(HeapMove::Vacuum),
        1 => Just(HeapMove::VacuumFull),
        1 => Just(HeapMove::Cluster),
    ]
}

impl HeapMove {
    /// The statements, each for its own transaction; none without a row to choose.
    pub fn statements(self, database: &LegacyDatabase) -> Vec<String> {
        let phases: Vec<_> = database.phases().map(|(_, id, _)| id).collect();
        let assignment = |choice: usize| choice.checked_rem(database.assignments.len());
        let project =
            |choice: usize| choice.checked_rem(database.projects.len()).map(|at| database.project_id(at));
        match self {
            Self::TouchAssignment(choice) => assignment(choice)
                .map(|at| touch("resource_assignments", &format!("id = '{}'", database.assignment_id(at))))
                .into_iter()
                .collect(),
            Self::TouchPhase(choice) => choice
                .checked_rem(phases.len())
                .map(|at| touch("project_phases", &format!("id = '{}'", phases[at])))
                .into_iter()
                .collect(),
            Self::TouchPhasesOfProject(choice) => project(choice)
                .map(|id| touch("project_phases", &format!("project_id = '{id}'")))
                .into_iter()
                .collect(),
            Self::TouchHalfOfAssignments => vec![touch("resource_assignments", "hashtext(id::text) % 2 = 0")],
            Self::DeleteAssignment(choice) => {
                assignment(choice).map(|at| delete(database, at)).into_iter().collect()
            }
            Self::ReinsertAssignment(choice) => assignment(choice)
                .map(|at| {
                    [
                        delete(database, at),
                        format!("{} ON CONFLICT DO NOTHING", database.insert_assignment(at)),
                    ]
                })
                .into_iter()
                .flatten()
                .collect(),
            Self::InsertAndDeletePhase(choice) => project(choice)
                .map(|id| {
                    let phase = database.id("phase that came and went", choice, 0);
                    [
                        insert_phase(&id.to_string(), &phase.to_string()),
                        format!("DELETE FROM public.project_phases WHERE id = '{phase}'"),
                    ]
                })
                .into_iter()
                .flatten()
                .collect(),
            Self::RollBackInsert(choice) => project(choice)
                .map(|id| {
                    let phase = database.id("phase that never was", choice, 0);
                    [
                        "BEGIN".to_owned(),
                        insert_phase(&id.to_string(), &phase.to_string()),
                        "ROLLBACK".to_owned(),
                    ]
                })
                .into_iter()
                .flatten()
                .collect(),
            Self::Vacuum => vec!["VACUUM public.project_phases, public.resource_assignments".to_owned()],
            Self::VacuumFull => vec!["VACUUM FULL public.resource_assignments".to_owned()],
            Self::Cluster => {
                let index = "ix_resource_assignments_resource_date";
                // Without `CLUSTER ON`, which is one of the table objects.
                vec![
                    format!("CLUSTER public.resource_assignments USING {index}"),
                    "ALTER TABLE public.resource_assignments SET WITHOUT CLUSTER".to_owned(),
                ]
            }
        }
    }
}

fn touch(table: &str, rows: &str) -> String {
    format!("UPDATE public.{table} SET updated_at = updated_at WHERE {rows}")
}

fn delete(database: &LegacyDatabase, at: usize) -> String {
    let id = database.assignment_id(at);
    format!(
        "DELETE FROM public.resource_assignments WHERE id = '{id}'
            AND NOT EXISTS (SELECT FROM public.actuals WHERE resource_assignment_id = '{id}')"
    )
}

fn insert_phase(project: &str, phase: &str) -> String {
    format!(
        "INSERT INTO public.project_phases VALUES ('{project}', 'EXECUTION', 1, 1, 2, '{phase}', '2024-01-01',
            '2024-01-01')"
    )
}
