//! Drift of every kind is detected, and a repair sets the rows to the log's and records what it overwrites.

use super::{
    add_phase, add_project, backend_project, folded, id, metadata_of, rename, row, timeline_shape,
    wait_for_blocked_sessions,
};
use crate::fixture::{assert_verified, handle, store};
use phaseline_domain::{PhaseId, ProjectId, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::adopt::{AdoptionPlan, adopt_all};
use phaseline_projections::drift::{DriftKind, Finding, ProjectDriftKind, Remedy, find_drift};
use phaseline_projections::repair::{DRIFT_REPAIR, repair};
use phaseline_store::{Metadata, StoreError, read};
use sqlx::PgConnection;
use std::collections::BTreeSet;

async fn connection(database: &TestDatabase) -> PgConnection {
    handle(database.url()).connect("test").await.unwrap()
}

async fn found(database: &TestDatabase) -> Vec<Finding> {
    find_drift(&mut connection(database).await, &folded(database).await, None).await.unwrap()
}

/// The projects and their phases by start, from the log.
fn projects(database: &TestDatabase) -> Vec<(ProjectId, Vec<PhaseId>)> {
    let text = database.psql(
        "SELECT project_id, string_agg(id::text, ' ' ORDER BY start_date) FROM public.project_phases
          GROUP BY project_id ORDER BY project_id",
    );
    let parse = |line: &str| {
        let (project, phases) = line.split_once('|').unwrap();
        (project.parse().unwrap(), phases.split(' ').map(|id| id.parse().unwrap()).collect())
    };
    text.lines().map(parse).collect()
}

/// The differences, by kind.
fn kinds(findings: &[Finding]) -> BTreeSet<String> {
    findings
        .iter()
        .map(|finding| match finding {
            Finding::Row(drift) => match &drift.kind {
                DriftKind::Field { column, .. } => (*column).to_owned(),
                kind => format!("{kind:?}"),
            },
            Finding::Project(drift) => match drift.kind {
                ProjectDriftKind::ProjectGone { .. } => "Gone".to_owned(),
                ProjectDriftKind::ProjectDates { .. } => "Dates".to_owned(),
                ProjectDriftKind::ProjectWithoutPhases => "Bare".to_owned(),
            },
        })
        .collect()
}

/// One error of each kind, chosen by the seed.
fn cause_drift(database: &TestDatabase, seed: usize) {
    let all = projects(database);
    let pick = |n: usize| &all[(seed + n) % all.len()];
    let ((changed, of_changed), (grown, _), (shrunk, of_shrunk)) = (pick(0), pick(1), pick(2));
    let (gone, moved_from) = (pick(3).0, pick(4));
    let changed_phase = of_changed[seed % of_changed.len()];
    let columns = [
        "name = 'by hand'",
        "description = e'new\\nline'",
        "capital_budget = capital_budget + 1, total_budget = total_budget + 1",
        "updated_at = 'infinity'",
        "created_at = created_at - interval '0.000001 s'",
        "start_date = '-infinity'",
        "end_date = 'infinity', name = e'\\u0001'",
    ];
    database.psql(&format!(
        "UPDATE public.project_phases SET {} WHERE id = '{changed_phase}';
         DELETE FROM public.project_phases WHERE id = '{}';
         UPDATE public.project_phases SET project_id = '{changed}' WHERE id = '{}';
         SET session_replication_role = replica;
         DELETE FROM public.projects WHERE id = '{gone}'",
        columns[seed % columns.len()],
        of_shrunk[seed % of_shrunk.len()],
        moved_from.1[0],
    ));
    if seed.is_multiple_of(2) {
        database.psql(&format!("DELETE FROM public.project_phases WHERE project_id = '{gone}'"));
    }
    assert_ne!(shrunk, grown);
    add_phase(database, *grown, id(700), "2025-01-01", "2025-01-02");
    add_project(database, id(710));
    backend_project(database, 72);
}

#[tokio::test]
async fn a_repair_removes_drift_of_every_kind_and_verifies() {
    for seed in 0..7_usize {
        let database = crate::fixture::sample(9, 0, 200 + seed as u64);
        crate::fixture::migrated(database.url()).await;
        assert_eq!(found(&database).await, []);
        let good = database.psql("SELECT ph::text FROM public.project_phases ph ORDER BY id");
        cause_drift(&database, seed);
        let findings = found(&database).await;
        let found_kinds = kinds(&findings);
        for kind in ["Missing", "Unknown", "UnknownProject", "project_id", "Gone", "Bare"] {
            assert!(found_kinds.contains(kind), "seed {seed}: {kind}: {found_kinds:?}");
        }

        let mut connection = connection(&database).await;
        let mut log = folded(&database).await;
        let plan = AdoptionPlan::make(&mut connection, &log, None, true).await.unwrap();
        assert!(plan.refused.is_empty(), "{:?}", plan.refused);
        adopt_all(&mut connection, &mut log, &plan, true, &metadata_of("ann")).await.unwrap();
        let all: BTreeSet<ProjectId> = findings.iter().map(Finding::project_id).collect();
        let all: Vec<ProjectId> = all.into_iter().collect();
        let repaired = repair(&mut connection, &mut log, &all, &metadata_of("ann")).await.unwrap();
        assert_eq!((repaired.inserted, repaired.closed, repaired.left.len()), (1, 1, 0), "seed {seed}");
        assert!(repaired.updated >= 2 && repaired.deleted >= 1);
        assert_eq!(found(&database).await, [], "seed {seed}");
        assert_verified(database.url()).await;

        let now = database.psql("SELECT ph::text FROM public.project_phases ph ORDER BY id");
        let closed: Vec<ProjectId> =
            log.timelines.keys().copied().filter(|project| !log.knows(*project)).collect();
        for line in good.lines() {
            let of_closed = closed.iter().any(|project| line.contains(&project.to_string()));
            assert!(of_closed || now.contains(line), "seed {seed}: not as it was: {line}");
        }
        // All overwritten and deleted values are in the log.
        let recorded = read::of_type(&mut connection, DRIFT_REPAIR).await.unwrap();
        assert_eq!(recorded.len(), 1);
        assert_eq!(recorded[0].metadata, metadata_of("ann"));
        let payload: serde_json::Value = serde_json::from_str(&recorded[0].payload).unwrap();
        let differences = payload["differences"].as_array().unwrap();
        assert_eq!(differences.len(), repaired.findings.len());
        let deleted = differences.iter().find(|found| found["kind"]["kind"] == "unknown").unwrap();
        assert_eq!(deleted["row"]["name"], "Theirs 'é'");
        assert_eq!(deleted["row"]["created_at"], "2025-01-02 03:04:05.060708");
        let gone = differences.iter().find(|found| found["kind"]["kind"] == "project_gone").unwrap();
        assert_eq!(gone["kind"]["rows"].as_array().unwrap().is_empty(), seed % 2 == 0);
    }
}

#[tokio::test]
async fn changed_project_dates_are_drift_that_a_repair_keeps() {
    let database = timeline_shape(110).await;
    let (project, _) = projects(&database)[0].clone();
    database.psql(&format!("UPDATE public.projects SET end_date = 'infinity' WHERE id = '{project}'"));
    let findings = found(&database).await;
    assert_eq!(kinds(&findings), BTreeSet::from(["Dates".to_owned()]));
    assert_eq!(findings[0].remedy(), Remedy::Reschedule);
    assert!(findings[0].to_string().contains("to infinity in public.projects"), "{}", findings[0]);
    let before = database.dump(&[]);
    let mut log = folded(&database).await;
    let mut connection = connection(&database).await;
    let repaired = repair(&mut connection, &mut log, &[project], &Metadata::default()).await.unwrap();
    assert_eq!((repaired.repair_id, repaired.left), (None, findings));
    assert!(before == database.dump(&[]), "something was written");
}

#[tokio::test]
async fn a_command_between_comparison_and_lock_is_not_overwritten() {
    let database = timeline_shape(111).await;
    let (project, phases) = projects(&database)[0].clone();
    database.psql(&format!("UPDATE public.project_phases SET name = 'by hand' WHERE id = '{}'", phases[0]));
    let mut stale = folded(&database).await;
    let budget = TimelineCommand::BudgetPhase {
        phase_id: phases[0],
        capital_budget: "7.77".parse().unwrap(),
        expense_budget: 0.into(),
        total_budget: None,
    };
    store(database.url()).await.execute(project, &budget, metadata_of("bo")).await.unwrap();
    database.psql(&format!(
        "UPDATE public.project_phases SET description = 'by hand' WHERE id = '{}'",
        phases[0]
    ));
    let mut connection = connection(&database).await;
    let repaired = repair(&mut connection, &mut stale, &[project], &metadata_of("cy")).await.unwrap();
    assert_eq!(
        kinds(&repaired.findings),
        BTreeSet::from(["description".to_owned(), "name".to_owned()]),
        "a command writes what it changes; what others wrote beside it is found and recorded"
    );
    assert!(row(&database, phases[0]).contains("7.77"), "{}", row(&database, phases[0]));
    assert_eq!(found(&database).await, []);
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn commands_and_the_backend_beside_a_repair_lose_nothing() {
    let database = timeline_shape(112).await;
    let (project, phases) = projects(&database)[0].clone();
    let phase = phases[0];
    database.psql(&format!("UPDATE public.project_phases SET name = 'by hand' WHERE id = '{phase}'"));
    let mut backend = connection(&database).await;
    let change = format!("BEGIN; UPDATE public.project_phases SET description = 'too' WHERE id = '{phase}'");
    sqlx::raw_sql(&change).execute(&mut backend).await.unwrap();

    let (mut repairer, mut log) = (connection(&database).await, folded(&database).await);
    let store = store(database.url()).await;
    let why = metadata_of("di");
    let (repaired, command, ()) = tokio::join!(
        repair(&mut repairer, &mut log, std::slice::from_ref(&project), &why),
        async {
            wait_for_blocked_sessions(&database, 1).await;
            store.execute(project, &rename(phase, "By command"), metadata_of("ed")).await
        },
        async {
            wait_for_blocked_sessions(&database, 2).await;
            sqlx::raw_sql("COMMIT").execute(&mut backend).await.unwrap();
        }
    );
    let repaired = repaired.unwrap();
    let both = BTreeSet::from(["name".to_owned(), "description".to_owned()]);
    assert_eq!(kinds(&repaired.findings), both, "what the backend did last is found and recorded");
    command.unwrap();
    assert!(row(&database, phase).contains("By command"));
    assert_eq!(found(&database).await, []);
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_row_that_a_trigger_changes_again_is_not_reported_as_repaired() {
    let database = timeline_shape(113).await;
    let (project, phases) = projects(&database)[0].clone();
    database.psql(&format!(
        "UPDATE public.project_phases SET name = 'by hand' WHERE id = '{}';
         CREATE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN new.name := 'meddled'; RETURN new; END $$;
         CREATE TRIGGER meddle BEFORE UPDATE ON public.project_phases FOR EACH ROW EXECUTE FUNCTION public.meddle()",
        phases[0]
    ));
    let before = database.dump(&[]);
    let mut log = folded(&database).await;
    let mut connection = connection(&database).await;
    let result = repair(&mut connection, &mut log, &[project], &Metadata::default()).await;
    assert!(matches!(result, Err(StoreError::SelfCheck(_))), "{result:?}");
    drop(connection);
    assert!(before == database.dump(&[]), "something was written");
}

/// The planner saves a row that a command has written meanwhile: nothing changes but the time of the save.
#[tokio::test]
async fn a_row_saved_without_a_change_is_noted() {
    let database = crate::fixture::sample(4, 0, 320);
    crate::fixture::migrated(database.url()).await;
    let phase = projects(&database)[0].1[0];
    database.psql(&format!(
        "UPDATE public.project_phases SET updated_at = updated_at + interval '1 us' WHERE id = '{phase}'"
    ));
    let findings = found(&database).await;
    assert!(
        matches!(findings.as_slice(), [note] if note.is_note() && note.remedy() == Remedy::None),
        "{findings:?}"
    );
    let verified = crate::fixture::verified(database.url()).await;
    assert!(verified.passed);
    assert!(verified.notes.iter().any(|note| note.contains(&phase.to_string())), "{:?}", verified.notes);
    // An earlier time, or another change, is drift.
    database.psql(&format!(
        "UPDATE public.project_phases SET updated_at = updated_at - interval '2 us' WHERE id = '{phase}'"
    ));
    assert!(found(&database).await.iter().all(|finding| finding.remedy() == Remedy::Repair));
    database.psql(&format!(
        "UPDATE public.project_phases SET updated_at = now() + interval '1 day', name = name || '!' WHERE id = '{phase}'"
    ));
    assert!(found(&database).await.iter().all(|finding| finding.remedy() == Remedy::Repair));
}
