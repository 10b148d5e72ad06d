use super::*;
use crate::dump::{assert_same_dump, dump};
use crate::script::load;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use std::collections::HashMap;

fn loaded(database: &LegacyDatabase) -> TestDatabase {
    let target = TestCluster::shared().database();
    load(target.url(), database.statements());
    target
}

#[test]
fn the_first_twenty_seeds_load() {
    for seed in 0..20 {
        let database = LegacyDatabase::from_seed(seed);
        let target = loaded(&database);
        let rows =
            target.psql("SELECT (SELECT count(*) FROM projects), (SELECT count(*) FROM project_phases)");
        assert_eq!(rows, format!("{}|{}", database.projects.len(), database.phases().count()), "seed {seed}");
    }
}

#[test]
fn the_same_seed_loads_as_the_same_dump() {
    let database = LegacyDatabase::from_seed(3).bare();
    let dumps = [0, 1].map(|_| dump(loaded(&LegacyDatabase::from_seed(3).bare()).url()));
    assert_same_dump(&dumps[0], &dumps[1]);
    assert!(!database.projects.is_empty());
}

#[test]
fn the_schema_loaded_without_projects_is_the_planners() {
    let database = LegacyDatabase {
        salt: 0,
        projects: Vec::new(),
        assignments: Vec::new(),
        is_scattered: false,
        moves: vec![HeapMove::TouchPhase(1), HeapMove::ReinsertAssignment(1), HeapMove::Vacuum],
        objects: Vec::new(),
    };
    let target = loaded(&database);
    assert_eq!(target.psql("TABLE alembic_version"), "976e6adbac6f");
    let columns = target.psql(
        "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
          WHERE attrelid = 'project_phases'::regclass AND attnum > 0",
    );
    assert_eq!(
        columns,
        "project_id phase_type capital_budget expense_budget total_budget id created_at updated_at"
    );
}

#[test]
fn heap_moves_leave_holes_and_move_rows() {
    let databases = || (0..60).map(|seed| LegacyDatabase::from_seed(seed).bare());
    let database = databases().find(|it| it.moves.len() > 6 && it.assignments.len() > 20).unwrap();
    let still = LegacyDatabase { moves: Vec::new(), ..database.clone() };
    assert_ne!(dump(loaded(&database).url()), dump(loaded(&still).url()));
}

/// A property of a generated database.
type Fact = (&'static str, fn(&LegacyDatabase) -> bool);

#[test]
fn two_hundred_seeds_have_every_edge_case() {
    let facts: [Fact; 18] = [
        ("no project", |it| it.projects.is_empty()),
        ("projects without assignments", |it| !it.projects.is_empty() && it.assignments.is_empty()),
        ("a two-day project with both phases", |it| {
            it.projects.iter().any(|p| p.days() == 2 && p.phases.len() == 2 && has_both(p))
        }),
        ("a phase for each day", |it| {
            it.projects.iter().any(|p| p.phases.len() > 2 && p.phases.len() == p.days() as usize)
        }),
        ("all the days there are", |it| it.projects.iter().any(|p| p.days() > 3_650_000)),
        ("five phases", |it| it.projects.iter().any(|p| p.phases.len() == 5)),
        ("one type, several phases", |it| it.projects.iter().any(|p| p.phases.len() > 1 && !has_both(p))),
        ("EXECUTION inserted first", |it| {
            it.projects.iter().any(|p| has_both(p) && p.phases[0].phase_type == PhaseType::Execution)
        }),
        ("phases of the same moment", |it| {
            it.projects.iter().any(|p| p.phases.windows(2).any(|w| w[0].created_at == w[1].created_at))
        }),
        ("the largest budget", |it| {
            it.phases().any(|(_, _, p)| p.capital + p.expense == 999_999_999_999_999)
        }),
        ("no budget", |it| it.phases().any(|(_, _, p)| p.capital + p.expense == 0)),
        ("the first moment", |it| {
            it.phases().any(|(_, _, p)| p.created_at.to_string() == "0001-01-01 00:00:00")
        }),
        ("the last moment", |it| {
            it.phases().any(|(_, _, p)| p.updated_at.to_string() == "9999-12-31 23:59:59.999999")
        }),
        ("an assignment outside its project", |it| {
            (0..it.assignments.len()).any(|at| {
                let place = it.place(at);
                let project = &it.projects[place.project];
                place.date < project.start_date || place.date > project.end_date
            })
        }),
        ("an assignment on another project's phase", |it| {
            let of: HashMap<_, _> = it.phases().map(|(project, id, _)| (id, project)).collect();
            (0..it.assignments.len()).map(|at| it.place(at)).any(|place| of[&place.phase] != place.project)
        }),
        ("the same resource and day in two phases", |it| {
            let places: Vec<_> = (0..it.assignments.len()).map(|at| it.place(at)).collect();
            places.windows(2).any(|w| {
                (w[0].project, w[0].resource, w[0].date) == (w[1].project, w[1].resource, w[1].date)
                    && w[0].phase != w[1].phase
            })
        }),
        ("no objects", |it| it.objects.is_empty()),
        ("much objects", |it| it.objects.len() > 50),
    ];
    let databases: Vec<_> = (0..200).map(LegacyDatabase::from_seed).collect();
    for (what, fact) in facts {
        assert!(databases.iter().any(fact), "{what}");
    }
    for database in databases {
        for project in &database.projects {
            assert!((1..=project.days() as usize).contains(&project.phases.len()), "{project:?}");
        }
    }
}

fn has_both(project: &LegacyProject) -> bool {
    let types = || project.phases.iter().map(|phase| phase.phase_type);
    types().any(|it| it == PhaseType::Planning) && types().any(|it| it == PhaseType::Execution)
}

#[test]
fn databases_with_bare_projects_load_too() {
    let mut runner = TestRunner::deterministic();
    let databases: Vec<_> =
        (0..40).map(|_| databases_with_bare_projects().new_tree(&mut runner).unwrap().current()).collect();
    let bare = |it: &&LegacyDatabase| it.projects.iter().any(|project| project.phases.is_empty());
    let strangers = |it: &LegacyDatabase| {
        (0..it.assignments.len()).any(|at| it.projects[it.place(at).project].phases.is_empty())
    };
    let some: Vec<_> = databases.iter().filter(bare).take(5).collect();
    assert!(databases.iter().any(strangers), "an assignment of a project without phases");
    assert_eq!(some.len(), 5);
    for database in some {
        loaded(database);
    }
}
