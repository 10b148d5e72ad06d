//! The boundary between phases: the plan's counts equal the database's, and both boundaries round-trip.

use crate::fixture::{
    assert_verified, database_from, handle, migrate_options, planner_sql, rolled_back, sample,
};
use phaseline_domain::legacy::Boundary;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::migrate::{Migrated, migrate};
use phaseline_migrator::plan::{Boundaries, ProjectRebooked, Rebooked};
use phaseline_migrator::plan::{Plan, PlanOptions, plan};
use phaseline_migrator::progress::Silent;
use phaseline_tests::dump::{assert_same_dump, dump};
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::script::load;
use phaseline_tests::share;
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

fn plan_options(boundary: Boundary) -> PlanOptions {
    PlanOptions { boundary, ..PlanOptions::default() }
}

async fn plan_by(database: &TestDatabase, boundary: Boundary) -> Plan {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    plan(&mut connection, &plan_options(boundary)).await.unwrap()
}

async fn migrated_by(database: &TestDatabase, boundary: Boundary) -> Migrated {
    let options =
        phaseline_migrator::migrate::MigrateOptions { plan: plan_options(boundary), ..migrate_options() };
    let done = migrate(&handle(database.url()), &options, &Silent).await;
    done.unwrap_or_else(|error| panic!("{error}\n{error:#?}"))
}

fn boundaries(plan: &Plan) -> &Boundaries {
    plan.boundary.as_ref().expect("the plan has the re-bookings of the boundaries")
}

/// Stores the links of a database in the legacy shape.
const SAVE_LINKS: &str = "CREATE SCHEMA remembered;
    CREATE TABLE remembered.links AS SELECT id, project_phase_id AS phase FROM public.resource_assignments";

/// Rebooked assignments per project, counted in the current tables.
const COUNT_REBOOKED: &str = "
    SELECT a.project_id,
           count(*) FILTER (WHERE ph.id = l.phase),
           count(*) FILTER (WHERE ph.id <> l.phase),
           count(*) FILTER (WHERE ph.id IS NULL),
           coalesce(sum(a.allocation_percentage) FILTER (WHERE ph.id <> l.phase), 0) / 100
      FROM public.resource_assignments a
      JOIN remembered.links l ON l.id = a.id
      LEFT JOIN public.project_phases ph
        ON ph.project_id = a.project_id AND a.assignment_date BETWEEN ph.start_date AND ph.end_date
     GROUP BY a.project_id ORDER BY a.project_id";

async fn count_rebooked(database: &TestDatabase) -> Vec<(Uuid, Rebooked)> {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let rows: Vec<(Uuid, i64, i64, i64, Decimal)> =
        sqlx::query_as(COUNT_REBOOKED).fetch_all(&mut connection).await.unwrap();
    let rebooked = |(id, kept, changed, outside, person_days): (Uuid, i64, i64, i64, Decimal)| {
        let [kept, changed, outside] = [kept, changed, outside].map(i64::unsigned_abs);
        let person_days_changed = person_days.normalize();
        (id, Rebooked { kept, changed, outside, person_days_changed, one_day_phases: 0 })
    };
    rows.into_iter().map(rebooked).collect()
}

/// The same without the counts that the tables do not have.
fn comparable(by: &Rebooked) -> Rebooked {
    Rebooked { one_day_phases: 0, ..*by }
}

fn sum(counted: &[(Uuid, Rebooked)]) -> Rebooked {
    let mut sum = Rebooked::default();
    for (_, one) in counted {
        sum.kept += one.kept;
        sum.changed += one.changed;
        sum.outside += one.outside;
        sum.person_days_changed += one.person_days_changed;
    }
    sum.person_days_changed = sum.person_days_changed.normalize();
    sum
}

/// Plans, migrates and rolls back copies of a database by each boundary, and compares the plan with the result.
async fn assert_both_ways(make: impl Fn() -> TestDatabase) -> Boundaries {
    let mut counts = Vec::new();
    for boundary in [Boundary::Midpoint, Boundary::Fit] {
        let database = make();
        database.psql(SAVE_LINKS);
        let before = dump(database.url());
        let plan = plan_by(&database, boundary).await;
        let found = boundaries(&plan).clone();
        assert_eq!(found.chosen, boundary);
        assert_eq!(migrated_by(&database, boundary).await.plan.digest, plan.digest);
        assert_verified(database.url()).await;
        let counted = count_rebooked(&database).await;
        let chosen = if boundary == Boundary::Fit { &found.fit } else { &found.midpoint };
        assert_eq!(comparable(chosen), sum(&counted), "{boundary} in all");
        let by_date = plan.assignments_by_date;
        assert_eq!(
            (by_date.kept, by_date.changed, by_date.outside),
            (chosen.kept, chosen.changed, chosen.outside)
        );
        for (id, counted) in &counted {
            match found.projects.iter().find(|project| project.project_id.uuid() == *id) {
                Some(project) => {
                    assert_eq!(comparable(project.by(boundary)), *counted, "{boundary}, project {id}")
                }
                None => assert_eq!(counted.changed, 0, "{boundary}: project {id} is not named"),
            }
        }
        rolled_back(database.url()).await;
        assert_verified(database.url()).await;
        assert_same_dump(&before, &dump(database.url()));
        counts.push(found);
    }
    let same = |found: &Boundaries| {
        let mut projects: Vec<ProjectRebooked> = found.projects.clone();
        projects.sort_by_key(|project| project.project_id);
        (found.midpoint, found.fit, found.decides, projects)
    };
    assert_eq!(same(&counts[0]), same(&counts[1]), "both plans count both boundaries alike");
    let found = counts.remove(0);
    assert!(found.fit.kept >= found.midpoint.kept, "{found:?}");
    assert!(found.projects.iter().all(|project| project.fit.changed <= project.midpoint.changed));
    found
}

#[tokio::test]
async fn both_boundaries_match_their_plans_and_round_trip_on_a_sample() {
    let found = assert_both_ways(|| sample(12, 600, 7)).await;
    assert!(found.fit.changed < found.midpoint.changed, "{found:?}");
    assert!(found.midpoint.person_days_changed > Decimal::ZERO, "{found:?}");
}

#[tokio::test]
async fn both_boundaries_match_their_plans_on_generated_databases() {
    for seed in share::of_seeds(6, 2) {
        eprintln!("seed {seed}");
        assert_both_ways(|| {
            let database = TestCluster::shared().database();
            load(database.url(), LegacyDatabase::from_seed(seed).statements());
            database
        })
        .await;
    }
}

#[tokio::test]
async fn fit_keeps_most_assignments_of_the_real_planner_database() {
    let Some(path) = planner_sql() else { return };
    let sql = std::fs::read_to_string(path).unwrap();
    let found = assert_both_ways(|| database_from(&sql)).await;
    let three = |by: &Rebooked| (by.kept, by.changed, by.outside);
    assert_eq!(three(&found.midpoint), (120, 443, 420));
    assert_eq!(three(&found.fit), (417, 146, 420));
    let plan = plan_by(&database_from(&sql), Boundary::Fit).await;
    let single: Vec<_> =
        plan.anomalies.iter().filter(|anomaly| anomaly.code.name() == "phase_of_one_day").collect();
    assert_eq!(single.len(), 1);
    assert!(!single[0].refused && plan.ready);
    assert_eq!(single[0].rows.len(), 2, "{single:#?}");
    assert_eq!(boundaries(&plan).fit.one_day_phases, 2);
}

#[tokio::test]
async fn a_logged_project_keeps_its_dates_under_any_boundary() {
    let database = sample(8, 240, 5);
    let days =
        "SELECT string_agg(concat(id, start_date, end_date), ' ' ORDER BY id) FROM public.project_phases";
    let before = dump(database.url());
    let first = migrated_by(&database, Boundary::Fit).await;
    let fitted = database.psql(days);
    rolled_back(database.url()).await;

    let plan = plan_by(&database, Boundary::Midpoint).await;
    let found = boundaries(&plan);
    assert_eq!((found.decides, found.from_log), (0, 8));
    assert_eq!(found.midpoint, found.fit, "neither decides anything");
    assert_eq!(comparable(&found.midpoint), comparable(&boundaries(&first.plan).fit));
    assert_eq!(plan.counts.timelines_continued, 8);
    migrated_by(&database, Boundary::Midpoint).await;
    assert_verified(database.url()).await;
    assert_eq!(database.psql(days), fitted);
    rolled_back(database.url()).await;
    assert_same_dump(&before, &dump(database.url()));

    let other = sample(8, 240, 5);
    migrated_by(&other, Boundary::Midpoint).await;
    assert_ne!(other.psql(days), fitted, "the boundary decides something here");
}

#[tokio::test]
async fn the_boundary_is_part_of_the_digest_and_of_the_log() {
    let database = sample(4, 40, 5);
    let by_midpoint = plan_by(&database, Boundary::Midpoint).await.digest;
    assert_ne!(by_midpoint, plan_by(&database, Boundary::Fit).await.digest);
    let options = phaseline_migrator::migrate::MigrateOptions {
        plan: plan_options(Boundary::Fit),
        expected_digest: by_midpoint,
        ..migrate_options()
    };
    let error = migrate(&handle(database.url()), &options, &Silent).await.unwrap_err();
    assert!(matches!(error, phaseline_migrator::MigratorError::StalePlan { .. }), "{error:?}");
    migrated_by(&database, Boundary::Fit).await;
    let recorded = database
        .psql("SELECT payload -> 'options' ->> 'boundary' FROM phaseline.events WHERE payload -> 'options' IS NOT NULL");
    assert_eq!(recorded.trim(), "fit");
}

#[tokio::test]
async fn assignments_without_percentage_are_counted_separately() {
    let database = sample(8, 240, 5);
    let whole = plan_by(&database, Boundary::Midpoint).await;
    assert_eq!(boundaries(&whole).without_percentage, 0);
    database.psql(
        "ALTER TABLE public.resource_assignments DROP CONSTRAINT check_allocation_percentage;
         ALTER TABLE public.resource_assignments ALTER allocation_percentage DROP NOT NULL;
         UPDATE public.resource_assignments a SET allocation_percentage = v.p
           FROM (SELECT id, row_number() OVER (ORDER BY id) FROM public.resource_assignments) r (id, n),
                (VALUES (1, NULL), (2, 'NaN'::numeric)) v (n, p)
          WHERE r.id = a.id AND r.n = v.n",
    );
    database.psql(SAVE_LINKS);
    let plan = plan_by(&database, Boundary::Midpoint).await;
    assert_eq!(boundaries(&plan).without_percentage, 2);
    database.psql("UPDATE public.resource_assignments SET allocation_percentage = 0 WHERE allocation_percentage = 'NaN'");
    migrated_by(&database, Boundary::Midpoint).await;
    assert_eq!(comparable(&boundaries(&plan).midpoint), sum(&count_rebooked(&database).await));
    rolled_back(database.url()).await;

    for change in ["ALTER allocation_percentage TYPE float8", "DROP allocation_percentage CASCADE"] {
        database.psql(&format!("ALTER TABLE public.resource_assignments {change}"));
        let plan = plan_by(&database, Boundary::Midpoint).await;
        let found = boundaries(&plan);
        assert!(plan.ready, "{plan:#?}");
        assert_eq!((found.without_percentage, found.midpoint.person_days_changed), (240, Decimal::ZERO));
        assert!(
            plan.notes.iter().any(|note| note.contains("person-days are not counted")),
            "{:?}",
            plan.notes
        );
    }
}
