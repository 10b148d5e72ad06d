//! A refusal names every reason, and writes nothing, not even the schema `phaseline`.

use crate::fixture::{handle, migrate_options, plan_of, sample};
use phaseline_embedded::testing::TestCluster;
use phaseline_migrator::MigratorError;
use phaseline_migrator::anomaly::Code;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::plan::Plan;
use phaseline_migrator::progress::Silent;
use phaseline_tests::refusals::{self, RefusalCase};
use phaseline_tests::roles::url_as;
use phaseline_tests::{refusals::base_database, script::load};

fn named_texts(plan: &Plan) -> String {
    let anomalies = plan.anomalies.iter().flat_map(|anomaly| {
        anomaly.rows.iter().map(|row| format!("{} {} {}", row.table, row.id, row.detail))
    });
    anomalies.chain(plan.missing_privileges.iter().cloned()).collect::<Vec<_>>().join("\n")
}

async fn check(case: &RefusalCase) -> Result<(), String> {
    let cluster = TestCluster::shared();
    cluster.template("refusal_ground", |url| load(url, base_database()));
    let database = cluster.database_from("refusal_ground");
    load(database.url(), &case.statements);
    let url = case.role.map_or_else(|| database.url().to_owned(), |role| url_as(database.url(), role));
    let before = database.dump(&[]);
    let plan = plan_of(&url).await;
    if plan.ready {
        return Err(format!("{}: the plan is ready", case.name));
    }
    let text = named_texts(&plan);
    for name in &case.must_name {
        if !text.contains(name.as_str()) {
            return Err(format!("{}: does not name {name}:\n{text}", case.name));
        }
    }
    match migrate(&handle(&url), &migrate_options(), &Silent).await {
        Err(MigratorError::Refused(refused)) if named_texts(&refused) == text => {}
        other => return Err(format!("{}: migrate returned {other:?}", case.name)),
    }
    if before != database.dump(&[]) {
        return Err(format!("{}: something was written", case.name));
    }
    Ok(())
}

async fn check_part(part: usize) {
    let mut failures = Vec::new();
    for (index, case) in refusals::all().iter().enumerate() {
        if index % 3 == part
            && let Err(failure) = check(case).await
        {
            failures.push(failure);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test]
async fn every_refusal_case_is_named_and_nothing_is_written_first_third() {
    check_part(0).await;
}

#[tokio::test]
async fn every_refusal_case_is_named_and_nothing_is_written_second_third() {
    check_part(1).await;
}

#[tokio::test]
async fn every_refusal_case_is_named_and_nothing_is_written_last_third() {
    check_part(2).await;
}

#[tokio::test]
async fn an_empty_database_is_refused_and_stays_empty() {
    let database = TestCluster::shared().database();
    let plan = plan_of(database.url()).await;
    assert!(!plan.ready);
    assert_eq!(plan.anomalies[0].code.name(), "no_planner_tables");
    let Err(MigratorError::Refused(_)) = crate::fixture::try_migrate(database.url()).await else {
        panic!("migrated an empty database")
    };
    assert_eq!(database.psql("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'phaseline'").trim(), "0");
}

#[tokio::test]
async fn many_anomalies_are_named_all_at_once() {
    let database = crate::fixture::sample(8, 40, 9);
    database.psql(
        "ALTER TABLE public.projects DROP CONSTRAINT check_project_dates;
         ALTER TABLE public.projects ALTER end_date DROP NOT NULL;
         ALTER TABLE public.project_phases DROP CONSTRAINT check_budget_sum;
         UPDATE public.projects SET end_date = NULL WHERE id IN (SELECT id FROM public.projects ORDER BY id LIMIT 3);
         UPDATE public.project_phases SET total_budget = 'NaN'
          WHERE id IN (SELECT id FROM public.project_phases ORDER BY id LIMIT 2);
         CREATE VIEW public.report AS SELECT * FROM public.project_phases",
    );
    let plan = plan_of(database.url()).await;
    let text = named_texts(&plan);
    for id in database.psql("SELECT id FROM public.projects ORDER BY id LIMIT 3").split_whitespace() {
        assert!(text.contains(id), "{id} in\n{text}");
    }
    for id in database.psql("SELECT id FROM public.project_phases ORDER BY id LIMIT 2").split_whitespace() {
        assert!(text.contains(id), "{id} in\n{text}");
    }
    assert!(text.contains("public.report"), "{text}");
}

#[tokio::test]
async fn tables_in_another_schema_are_found_there() {
    let database = crate::fixture::sample(3, 0, 910);
    database.psql(
        "CREATE SCHEMA \"Planning\"; ALTER TABLE projects SET SCHEMA \"Planning\"; ALTER TABLE project_phases SET SCHEMA \"Planning\"",
    );
    let plan = plan_of(database.url()).await;
    let text = named_texts(&plan);
    assert!(!plan.ready);
    for table in ["projects", "project_phases"] {
        let line = text.lines().find(|line| line.starts_with(&format!("table public.{table} "))).unwrap();
        assert!(line.contains("there is one in schema \"Planning\""), "{line}");
    }
}

/// As a later server would be: here one version is the newest that is accepted, and the server is newer.
#[tokio::test]
async fn a_server_that_is_too_new_is_refused_unless_it_is_allowed() {
    let database = sample(3, 20, 9);
    let before = database.dump(&[]);
    let mut options = migrate_options();
    options.plan.newest_server = TestCluster::shared().binaries().major_version() - 1;
    let Err(MigratorError::Refused(plan)) = migrate(&handle(database.url()), &options, &Silent).await else {
        panic!("it was migrated");
    };
    let [anomaly] = &plan.anomalies[..] else { panic!("{:?}", plan.anomalies) };
    assert_eq!(anomaly.code, Code::NewerServer);
    assert!(anomaly.rows.iter().next().unwrap().id.starts_with("PostgreSQL 1"), "{:?}", anomaly.rows);
    assert_eq!(before, database.dump(&[]));
    options.plan.newest_server = u32::MAX;
    options.expected_digest = plan_of(database.url()).await.digest;
    migrate(&handle(database.url()), &options, &Silent).await.unwrap();
}
