//! Complete legacy databases, small and unusual: everything that the planner's schema allows and a round trip must restore.
//!
//! A database is a value ([`LegacyDatabase`]) that proptest can shrink, and a list of statements that load it. They
//! are run one by one ([`crate::script::load`]), since some of them vacuum.

mod assignment;
mod dates;
mod heap;
mod project;

use crate::roles;
use crate::table_objects::{self, TableObject};
pub use assignment::{Day, LegacyAssignment};
pub use heap::HeapMove;
use phaseline_migrator::sample::legacy_schema;
pub use project::{GeneratedPhase, LegacyProject, PhaseType};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

/// Resources in every database with assignments: few, so that there are several assignments per resource and day.
const RESOURCES: usize = 3;

/// A legacy database at revision 976e6adbac6f, all of it valid.
#[derive(Clone, Debug)]
pub struct LegacyDatabase {
    /// The seed of the ids.
    pub salt: u64,
    /// At most 8, rarely none.
    pub projects: Vec<LegacyProject>,
    /// At most 60.
    pub assignments: Vec<LegacyAssignment>,
    /// Whether phases and assignments are in the heap by id, not by project.
    pub is_scattered: bool,
    /// Changes after loading that leave holes in the heap and move rows.
    pub moves: Vec<HeapMove>,
    /// Objects that administrators added to the tables, last.
    pub objects: Vec<&'static TableObject>,
}

impl LegacyDatabase {
    /// The database of a seed: the same at every run, different for every seed.
    pub fn from_seed(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        databases().new_tree(&mut runner).expect("no value is ever rejected").current()
    }

    /// The same without objects, for tests of rows.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.objects.clear();
        self
    }

    /// The statements that turn an empty database into this one, in order. To be run by a superuser.
    pub fn statements(&self) -> Vec<String> {
        let mut statements = vec![roles::create(), legacy_schema().to_owned()];
        statements.push("INSERT INTO public.alembic_version VALUES ('976e6adbac6f')".to_owned());
        statements.extend(project::inserts(self));
        statements.extend(assignment::inserts(self));
        statements.extend(self.moves.iter().flat_map(|heap_move| heap_move.statements(self)));
        statements.extend(self.objects.iter().flat_map(|piece| piece.statements).map(|&sql| sql.to_owned()));
        statements
    }

    /// The statements as one text for `psql -f`, outside a transaction.
    pub fn sql(&self) -> String {
        crate::script::script(self.statements())
    }

    /// The ids of all phases, with the number of their project, in the order of projects.
    pub fn phases(&self) -> impl Iterator<Item = (usize, Uuid, &GeneratedPhase)> {
        self.projects.iter().enumerate().flat_map(move |(at, project)| {
            let phases = project.phases.iter().enumerate();
            phases.map(move |(of_project, phase)| (at, self.phase_id(at, of_project), phase))
        })
    }

    /// The id of a project, by its number from 0.
    pub fn project_id(&self, project: usize) -> Uuid {
        self.id("project", project, 0)
    }

    /// The id of a phase, by its number within its project.
    pub fn phase_id(&self, project: usize, phase: usize) -> Uuid {
        self.id("phase", project, phase)
    }

    /// The id of an assignment.
    pub fn assignment_id(&self, assignment: usize) -> Uuid {
        self.id("assignment", assignment, 0)
    }

    fn resource_id(&self, resource: usize) -> Uuid {
        self.id("resource", resource, 0)
    }

    fn id(&self, kind: &str, number: usize, part: usize) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{kind}/{number}/{part}", self.salt).as_bytes())
    }
}

/// Databases that migrate without a repair: every project has a phase, and a day for each.
pub fn databases() -> impl Strategy<Value = LegacyDatabase> {
    databases_of(project::projects(1).boxed())
}

/// Databases in which projects may have no phase; `plan` finds these, and they migrate with a repair.
pub fn databases_with_bare_projects() -> impl Strategy<Value = LegacyDatabase> {
    databases_of(project::projects(0).boxed())
}

fn databases_of(project: BoxedStrategy<LegacyProject>) -> impl Strategy<Value = LegacyDatabase> {
    let projects = prop_oneof![
        1 => Just(Vec::new()),
        24 => prop::collection::vec(project, 1..=8),
    ];
    let assignments = prop_oneof![
        1 => Just(Vec::new()),
        8 => prop::collection::vec(assignment::assignments(), 0..=60),
    ];
    let moves = prop::collection::vec(heap::moves(), 0..=12);
    let objects = prop_oneof![1 => Just(Vec::new()), 4 => table_objects::some()];
    (any::<u64>(), projects, assignments, any::<bool>(), moves, objects).prop_map(
        |(salt, projects, mut assignments, is_scattered, moves, objects)| {
            if projects.iter().all(|project| project.phases.is_empty()) {
                assignments.clear();
            }
            LegacyDatabase { salt, projects, assignments, is_scattered, moves, objects }
        },
    )
}

#[cfg(test)]
mod tests;
