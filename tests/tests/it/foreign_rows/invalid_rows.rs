//! Invalid rows are read and named, and not adopted.

use super::{add_phase, add_project, backend_project, id, metadata_of, rename, timeline_shape};
use crate::fixture::{handle, store};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::adopt;
use phaseline_store::{ExecuteError, StoreError};
use sqlx::{Connection, PgConnection};

/// Changes of the second phase's row or of the project, and the texts that must name them.
const INVALID_ROWS: &[(&str, &[&str])] = &[
    (
        "UPDATE project_phases SET capital_budget = 'NaN', total_budget = 'NaN' WHERE id = '{phase}'",
        &["capital_budget is NaN", "total_budget is NaN"],
    ),
    (
        "UPDATE project_phases SET total_budget = 99 WHERE id = '{phase}'",
        &["Total budget must equal", "(V11)"],
    ),
    ("UPDATE project_phases SET capital_budget = -1, total_budget = -0.75 WHERE id = '{phase}'", &["(V12)"]),
    ("UPDATE project_phases SET start_date = NULL WHERE id = '{phase}'", &["start_date is NULL"]),
    ("UPDATE project_phases SET end_date = 'infinity' WHERE id = '{phase}'", &["end_date is infinity"]),
    (
        "UPDATE project_phases SET start_date = '0044-03-15 BC' WHERE id = '{phase}'",
        &["start_date is 0044-03-15 BC"],
    ),
    (
        "UPDATE project_phases SET end_date = '5874897-12-31' WHERE id = '{phase}'",
        &["end_date is 5874897-12-31"],
    ),
    ("UPDATE project_phases SET created_at = '-infinity' WHERE id = '{phase}'", &["created_at is -infinity"]),
    (
        "UPDATE project_phases SET updated_at = '12345-01-01 10:00' WHERE id = '{phase}'",
        &["updated_at is 12345-01-01 10:00:00"],
    ),
    (
        "UPDATE project_phases SET created_at = NULL, name = NULL WHERE id = '{phase}'",
        &["name is NULL", "created_at is NULL"],
    ),
    (
        "UPDATE project_phases SET name = e' \\t ' WHERE id = '{phase}'",
        &["Phase name cannot be empty", "(V6)"],
    ),
    ("UPDATE project_phases SET start_date = start_date + 3 WHERE id = '{phase}'", &["Gap detected", "(V4)"]),
    (
        "UPDATE project_phases SET start_date = start_date - 3, end_date = end_date - 1 WHERE id = '{phase}'",
        &["Overlap detected", "(V5)", "(V3)"],
    ),
    // The project ends before its second phase starts.
    ("UPDATE projects SET end_date = start_date + 1 WHERE id = '{project}'", &["(V3)", "(V10)"]),
    (
        "UPDATE projects SET end_date = 'infinity' WHERE id = '{project}'",
        &["the project's end_date in public.projects is infinity"],
    ),
    (
        "UPDATE projects SET start_date = NULL, end_date = NULL WHERE id = '{project}'",
        &[
            "the project's start_date in public.projects is NULL",
            "the project's end_date in public.projects is NULL",
        ],
    ),
    (
        "UPDATE projects SET start_date = '2026-01-01' WHERE id = '{project}'",
        &["the project's start date 2026-01-01 is after end date 2025-12-31"],
    ),
    ("DELETE FROM projects WHERE id = '{project}'", &["the project is not in public.projects"]),
];

const DROP_CONSTRAINTS: &str = "
    ALTER TABLE project_phases ALTER name DROP NOT NULL, ALTER start_date DROP NOT NULL, ALTER end_date DROP NOT NULL,
        ALTER created_at DROP NOT NULL, DROP CONSTRAINT check_budget_sum, DROP CONSTRAINT check_capital_budget_positive,
        DROP CONSTRAINT check_total_budget_positive, DROP CONSTRAINT check_phase_dates,
        DROP CONSTRAINT project_phases_project_id_fkey, ALTER project_id DROP NOT NULL;
    ALTER TABLE projects ALTER start_date DROP NOT NULL, ALTER end_date DROP NOT NULL, DROP CONSTRAINT check_project_dates";

#[tokio::test]
async fn every_invalid_row_is_named_and_nothing_is_written() {
    let database = timeline_shape(81).await;
    database.psql(DROP_CONSTRAINTS);
    for (number, (statement, expected)) in (1_u128..).zip(INVALID_ROWS) {
        let (project, first, second) = backend_project(&database, number);
        database.psql(
            &statement.replace("{phase}", &second.to_string()).replace("{project}", &project.to_string()),
        );
        let before = database.dump(&["--schema=phaseline"]);
        let store = store(database.url()).await;
        let refused = store.execute(project, &rename(first, "Ours"), metadata_of("ann")).await;
        let Err(ExecuteError::Store(StoreError::Unadoptable { reasons, .. })) = refused else {
            panic!("{statement}: {refused:?}")
        };
        for text in *expected {
            assert!(reasons.iter().any(|reason| reason.contains(text)), "{statement}: {text}: {reasons:?}");
        }
        assert!(before == database.dump(&["--schema=phaseline"]), "something was written");

        // A session with other settings has the same result.
        let mut plain = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql("SET DateStyle = 'German, DMY'; SET TimeZone = 'Asia/Tokyo'; SET search_path = ''")
            .execute(&mut plain)
            .await
            .unwrap();
        for connection in [&mut plain, &mut handle(database.url()).connect("test").await.unwrap()] {
            let found = adopt::find_unadopted(connection, Some(&[project]), |_| false).await.unwrap();
            assert_eq!(found.len(), 1, "{statement}");
            assert_eq!(found[0].rows().len(), 2, "{statement}");
            assert_eq!(found[0].events(), Err(reasons.clone()), "{statement}");
        }
    }
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let log = super::folded(&database).await;
    let all = adopt::find_unadopted(&mut connection, None, |project| log.knows(project)).await.unwrap();
    assert_eq!(all.len(), INVALID_ROWS.len(), "not one is left out");
}

#[tokio::test]
async fn a_row_without_a_project_is_reported_and_a_project_without_rows_is_bare() {
    let database = timeline_shape(82).await;
    database.psql(DROP_CONSTRAINTS);
    let bare: ProjectId = id(500);
    add_project(&database, bare);
    let (_, _, second) = backend_project(&database, 1);
    database.psql(&format!("UPDATE project_phases SET project_id = NULL WHERE id = '{second}'"));
    let orphan: PhaseId = id(600);
    add_phase(&database, id(601), orphan, "2025-01-01", "2025-12-31");
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let log = super::folded(&database).await;
    let found = adopt::find_unadopted(&mut connection, None, |project| log.knows(project)).await.unwrap();
    assert_eq!(found.len(), 4, "{found:?}");
    let nobodys = &found[0];
    assert_eq!((nobodys.project_id, nobodys.rows()[0].id), (uuid::Uuid::nil().into(), second));
    let reasons = nobodys.events().unwrap_err();
    assert!(reasons.iter().any(|reason| reason.ends_with("project_id is NULL")), "{reasons:?}");
    let bare = found.iter().find(|project| project.project_id == bare).unwrap();
    assert!(bare.is_bare() && bare.is_in_projects());
    assert_eq!(bare.events(), Err(vec!["the project has no row in project_phases".to_owned()]));
    assert_eq!(bare.with_default_phase(id(501)).unwrap().len(), 2);
    let orphaned = found.iter().find(|project| project.project_id == id(601)).unwrap();
    assert!(!orphaned.is_in_projects() && orphaned.rows()[0].id == orphan);
}
