//! Adoption of all projects at once, and of projects whose timelines were closed.

use super::{
    add_phase, add_project, backend_project, event_types, folded, id, metadata_of, rename, row,
    timeline_shape,
};
use crate::fixture::{assert_verified, handle, store};
use phaseline_domain::{DateRange, ProjectId, Rule, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::adopt::{AdoptionPlan, AdoptionResult, adopt_all};
use phaseline_projections::{drift, repair::repair};
use phaseline_store::{ExecuteError, Metadata};

async fn plan(database: &TestDatabase, only: Option<&[ProjectId]>, repair: bool) -> AdoptionPlan {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    AdoptionPlan::make(&mut connection, &folded(database).await, only, repair).await.unwrap()
}

async fn adopt(database: &TestDatabase, plan: &AdoptionPlan, repair: bool) -> AdoptionResult {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let mut log = folded(database).await;
    adopt_all(&mut connection, &mut log, plan, repair, &metadata_of("ann@desk")).await.unwrap()
}

/// The table's rows as text, exactly.
fn table(database: &TestDatabase) -> String {
    database.psql("SELECT ph::text FROM public.project_phases ph ORDER BY id")
}

#[tokio::test]
async fn adopted_projects_fold_to_identical_rows() {
    for seed in 91..95_u64 {
        let database = timeline_shape(seed).await;
        // Unusual but valid: fractions of every length, names and descriptions of every kind, one-day phases.
        for number in 1..=6_u128 {
            let project = id(number * 100);
            add_project(&database, project);
            database.psql(&format!(
                "INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id,
                        created_at, updated_at, name, start_date, end_date, description)
                 SELECT '{project}', n * 1.1, {seed}, n * 1.1 + {seed}, md5('{project}' || n)::uuid,
                        timestamp '2001-01-01' + n * interval '1.23456 s', timestamp '2001-01-01' + n * interval '1 day',
                        CASE n % 3 WHEN 0 THEN e'Tab\\t\"quoted\" \\\\ é' WHEN 1 THEN ' spaces ' ELSE repeat('x', 100) END,
                        date '2025-01-01' + (n - 1)::int,
                        CASE WHEN n = {number} THEN date '2025-12-31' ELSE date '2025-01-01' + (n - 1)::int END,
                        CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE e'two\\nlines' END
                   FROM generate_series(1, {number}) n"
            ));
        }
        let before = table(&database);
        let plan = plan(&database, None, false).await;
        assert_eq!((plan.adopted.len(), plan.refused.len()), (6, 0), "{:?}", plan.refused);
        let taken = adopt(&database, &plan, false).await;
        assert_eq!(taken.plan.adopted.iter().map(|adopted| adopted.phases).sum::<u64>(), 21);
        assert_eq!(table(&database), before, "rows stay as they are");
        let mut connection = handle(database.url()).connect("test").await.unwrap();
        let log = folded(&database).await;
        assert_eq!(log.position, taken.position);
        assert_eq!(drift::find_drift(&mut connection, &log, None).await.unwrap(), []);
        assert_verified(database.url()).await;
    }
}

#[tokio::test]
async fn if_one_cannot_be_adopted_nothing_is_and_a_repair_supplies_phases() {
    let database = timeline_shape(96).await;
    let (good, first, _) = backend_project(&database, 1);
    let bare: ProjectId = id(50);
    add_project(&database, bare);
    let all = plan(&database, None, false).await;
    assert_eq!(all.refused.len(), 1, "{all:?}");
    assert!(all.refused[0].bare && all.refused[0].project_id == bare);
    let before = (table(&database), database.psql("SELECT count(*) FROM phaseline.events"));

    // A row that was valid in the plan is invalid under the lock.
    let good_plan = plan(&database, Some(&[good]), false).await;
    database.psql(&format!("UPDATE public.project_phases SET end_date = end_date - 1 WHERE id = '{first}'"));
    let taken = adopt(&database, &good_plan, false).await;
    assert!(taken.plan.refused[0].reasons[0].contains("Gap detected"), "{:?}", taken.plan.refused);
    database.psql(&format!("UPDATE public.project_phases SET end_date = end_date + 1 WHERE id = '{first}'"));
    assert_eq!(before, (table(&database), database.psql("SELECT count(*) FROM phaseline.events")));

    let repaired = plan(&database, None, true).await;
    adopt(&database, &repaired, true).await;
    assert_eq!(event_types(&database, bare).await, ["TimelineOpened", "DefaultPhaseSupplied"]);
    let supplied = database.psql(&format!(
        "SELECT name, start_date, end_date, total_budget, created_at = updated_at FROM public.project_phases
          WHERE project_id = '{bare}'"
    ));
    assert_eq!(supplied.trim(), "Default Phase|2025-01-01|2025-12-31|0.00|t");
    assert_verified(database.url()).await;
    assert!(plan(&database, None, true).await.adopted.is_empty(), "the second time there is nothing to do");
}

#[tokio::test]
async fn a_project_that_a_command_adopts_meanwhile_is_not_adopted_again() {
    let database = timeline_shape(97).await;
    let (project, first, _) = backend_project(&database, 1);
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let mut log = folded(&database).await;
    let plan = AdoptionPlan::make(&mut connection, &log, None, false).await.unwrap();
    store(database.url()).await.execute(project, &rename(first, "Ours"), metadata_of("bo")).await.unwrap();
    let taken = adopt_all(&mut connection, &mut log, &plan, false, &Metadata::default()).await.unwrap();
    assert!(taken.plan.adopted.is_empty() && taken.plan.refused.is_empty());
    assert_eq!(event_types(&database, project).await.len(), 4);
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_closed_timeline_continues_when_its_project_is_restored() {
    let database = timeline_shape(98).await;
    let (project, first, second) = backend_project(&database, 1);
    let store = store(database.url()).await;
    store.execute(project, &rename(first, "Ours"), metadata_of("cy")).await.unwrap();
    database.psql(&format!(
        "DELETE FROM public.project_phases WHERE project_id = '{project}'; DELETE FROM public.projects WHERE id = '{project}'"
    ));
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let mut log = folded(&database).await;
    let repaired = repair(&mut connection, &mut log, &[project], &metadata_of("cy")).await.unwrap();
    assert_eq!((repaired.closed, repaired.left.len()), (1, 0));
    let closed = store.execute(project, &rename(first, "x"), metadata_of("cy")).await;
    assert!(
        matches!(closed, Err(ExecuteError::Store(phaseline_store::StoreError::UnknownProject(_)))),
        "{closed:?}"
    );

    // The backend restores it, with one phase under its old id.
    add_project(&database, project);
    add_phase(&database, project, second, "2025-01-01", "2025-12-31");
    let untouched = row(&database, second);
    let range = DateRange::new("2025-01-01".parse().unwrap(), "2025-12-31".parse().unwrap()).unwrap();
    let open = TimelineCommand::Open { project_id: project, range, default_phase_id: id(7) };
    let refused = store.execute(project, &open, metadata_of("cy")).await;
    let Err(ExecuteError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert!(refusal.breaks(Rule::OpenedOnce), "{refusal}");
    assert_eq!(row(&database, second), untouched);
    let done = store.execute(project, &rename(second, "Back"), metadata_of("cy")).await.unwrap();
    assert_eq!((done.version, done.after.timeline.phases().len()), (8, 1));
    let types = event_types(&database, project).await;
    assert_eq!(types[4..], ["TimelineClosed", "TimelineOpened", "PhaseAdopted", "PhaseRenamed"]);
    assert_verified(database.url()).await;
}
