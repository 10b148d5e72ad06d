//! A database that the planner's own migration moved to the timeline shape is taken over unchanged.

use crate::fixture::{
    assert_verified, handle, migrate_options, operator, plan_of, sample, try_migrate, verified,
};
use phaseline_domain::TimelineCommand;
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::{PlanOptions, plan};
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{self, RollbackOptions};
use phaseline_store::Metadata;
use phaseline_tests::dump::{assert_same_dump, dump};
use std::time::Duration;

/// The planner's own migration `92023c163a26`, set by set instead of row by row.
const ORIGINAL: &str = "
    ALTER TABLE public.project_phases ADD COLUMN name varchar(100), ADD COLUMN start_date date, ADD COLUMN end_date date,
        ADD COLUMN description varchar(500);
    UPDATE public.project_phases ph SET
        name = initcap(ph.phase_type::text),
        start_date = CASE WHEN ph.phase_type = 'EXECUTION' AND other.id IS NOT NULL
                          THEN p.start_date + (p.end_date - p.start_date) / 2 + 1 ELSE p.start_date END,
        end_date = CASE WHEN ph.phase_type = 'PLANNING' AND other.id IS NOT NULL
                        THEN p.start_date + (p.end_date - p.start_date) / 2 ELSE p.end_date END
      FROM public.projects p, public.project_phases self
      LEFT JOIN public.project_phases other ON other.project_id = self.project_id AND other.phase_type <> self.phase_type
     WHERE p.id = ph.project_id AND self.id = ph.id;
    ALTER TABLE public.project_phases ALTER name SET NOT NULL, ALTER start_date SET NOT NULL, ALTER end_date SET NOT NULL,
        ADD CONSTRAINT check_phase_dates CHECK (start_date <= end_date);
    CREATE INDEX ix_project_phases_start_date ON public.project_phases (start_date);
    CREATE INDEX ix_project_phases_end_date ON public.project_phases (end_date);
    ALTER TABLE public.resource_assignments DROP COLUMN project_phase_id;
    ALTER TABLE public.project_phases DROP COLUMN phase_type;
    UPDATE public.alembic_version SET version_num = '92023c163a26'";

fn migrated_by_the_original(projects: u32, assignments: u64, seed: u64) -> TestDatabase {
    let database = sample(projects, assignments, seed);
    database.psql(ORIGINAL);
    database
}

fn options(repair: bool) -> MigrateOptions {
    MigrateOptions {
        plan: PlanOptions { repair, adopt_migrated: true, ..PlanOptions::default() },
        ..migrate_options()
    }
}

#[tokio::test]
async fn a_plan_recognises_the_original_migration_and_names_the_remedy() {
    let database = migrated_by_the_original(4, 40, 61);
    let plan = plan_of(database.url()).await;
    assert!(!plan.ready && !plan.already_migrated());
    let codes: Vec<_> = plan.anomalies.iter().map(|anomaly| anomaly.code.name()).collect();
    assert_eq!(codes, ["migrated_by_the_original"]);
    assert!(plan.anomalies[0].remedy.contains("--adopt-migrated"));
    let before = database.dump(&[]);
    let result = try_migrate(database.url()).await;
    assert!(matches!(result, Err(MigratorError::Refused(_))), "{result:?}");
    assert_eq!(before, database.dump(&[]));
    assert!(!verified(database.url()).await.passed, "without a log there is nothing to stand by");
}

#[tokio::test]
async fn its_phases_become_facts_as_they_are_and_the_tables_stay() {
    let database = migrated_by_the_original(6, 80, 62);
    let before = dump(database.url());
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let planned = plan(&mut connection, &options(false).plan).await.unwrap();
    assert!(planned.ready, "{:?}", planned.anomalies);
    assert!(planned.notes.iter().any(|note| note.contains("are lost")), "{:?}", planned.notes);
    let held = MigrateOptions { expected_digest: planned.digest.clone(), ..options(false) };
    let done = migrate(&handle(database.url()), &held, &Silent).await.unwrap();
    assert_eq!(done.plan.counts.timelines_opened, 6);
    assert_same_dump(&before, &dump(database.url()));
    assert_verified(database.url()).await;
    assert!(plan_of(database.url()).await.already_migrated());
    let again = migrate(&handle(database.url()), &options(false), &Silent).await.unwrap();
    assert!(again.already);
}

/// Values that the planner's migration lost stay lost: types follow from names, links from dates; everything else is restored.
#[tokio::test]
async fn a_takeover_can_be_rolled_back_as_far_as_data_remain() {
    let original = sample(5, 60, 63);
    let database = migrated_by_the_original(5, 60, 63);
    migrate(&handle(database.url()), &options(false), &Silent).await.unwrap();
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let planned = rollback::plan(&mut connection).await.unwrap();
    let options = RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
        accept_loss: planned.loss.digest,
    };
    let back = rollback::rollback(&handle(database.url()), &options, &Silent).await.unwrap();
    assert_eq!(back.completed.unwrap().links_restored, 0);
    let phases = "SELECT * FROM public.project_phases ORDER BY id";
    assert_eq!(original.psql(phases), database.psql(phases));
    let rest =
        "SELECT id, resource_id, project_id, assignment_date FROM public.resource_assignments ORDER BY id";
    assert_eq!(original.psql(rest), database.psql(rest));
    let definitions = |database: &TestDatabase| database.dump(&["--schema=public", "--schema-only"]);
    assert_same_dump(&definitions(&original), &definitions(&database));
    assert_verified(database.url()).await;
}

/// The database was rolled back by phaseline, and then moved again by the planner's own migration, for example by a deployment: the log
/// still has the types and the links.
#[tokio::test]
async fn types_and_links_from_an_earlier_migration_are_kept() {
    let database = sample(6, 90, 66);
    let before = dump(database.url());
    crate::fixture::migrated(database.url()).await;
    crate::fixture::rolled_back(database.url()).await;
    assert_same_dump(&before, &dump(database.url()));
    database.psql(ORIGINAL);
    let result = crate::fixture::try_rollback(database.url()).await;
    assert!(
        matches!(&result, Err(MigratorError::WrongShape(text)) if text.contains("--adopt-migrated")),
        "{result:?}"
    );
    database.psql(
        "UPDATE public.project_phases SET name = 'Named beside the log' WHERE id = (SELECT min(id::text)::uuid FROM public.project_phases)",
    );
    let now = dump(database.url());
    let done = migrate(&handle(database.url()), &options(false), &Silent).await.unwrap();
    assert_eq!((done.plan.counts.timelines_continued, done.plan.counts.timelines_changed), (5, 1));
    assert_same_dump(&now, &dump(database.url()));
    assert_verified(database.url()).await;
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let loss = rollback::plan(&mut connection).await.unwrap().loss;
    assert!(loss.items.iter().any(|item| item.value == "Named beside the log"), "{:?}", loss.items);
    let options = RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
        accept_loss: loss.digest,
    };
    rollback::rollback(&handle(database.url()), &options, &Silent).await.unwrap();
    assert_same_dump(&before, &dump(database.url()));
    assert_verified(database.url()).await;
}

/// The planner's front end saves an empty description with every phase. Such rows stay as they are; the legacy shape loses nothing
/// by them, and the next migration restores them.
#[tokio::test]
async fn empty_descriptions_are_kept_and_are_no_loss() {
    let database = sample(4, 60, 67);
    let before = dump(database.url());
    crate::fixture::migrated(database.url()).await;
    crate::fixture::rolled_back(database.url()).await;
    database.psql(ORIGINAL);
    database.psql("UPDATE public.project_phases SET description = ''");
    let saved = dump(database.url());
    migrate(&handle(database.url()), &options(false), &Silent).await.unwrap();
    assert_same_dump(&saved, &dump(database.url()));
    assert_verified(database.url()).await;

    let store = crate::fixture::store(database.url()).await;
    let row = database.psql("SELECT project_id, id FROM public.project_phases ORDER BY id LIMIT 1");
    let (project, phase) = row.trim().split_once('|').unwrap();
    for description in [None, Some(String::new())] {
        let command = TimelineCommand::DescribePhase { phase_id: phase.parse().unwrap(), description };
        let done = store.execute(project.parse().unwrap(), &command, Metadata::default()).await.unwrap();
        assert_eq!(done.events.len(), 0, "{command:?}");
    }

    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let loss = rollback::plan(&mut connection).await.unwrap().loss;
    assert!(loss.items.iter().all(|item| item.field != "description"), "{:?}", loss.items);
    let accepted = RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
        accept_loss: loss.digest,
    };
    rollback::rollback(&handle(database.url()), &accepted, &Silent).await.unwrap();
    assert_same_dump(&before, &dump(database.url()));
    crate::fixture::migrated(database.url()).await;
    let empty = "SELECT count(*) FROM public.project_phases WHERE description IS DISTINCT FROM ''";
    assert_eq!(database.psql(empty).trim(), "0");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_project_without_phases_is_refused_or_repaired_and_gaps_are_named() {
    let database = migrated_by_the_original(4, 0, 64);
    database.psql(
        "DELETE FROM public.project_phases WHERE project_id = (SELECT min(id::text)::uuid FROM public.projects)",
    );
    let result = migrate(&handle(database.url()), &options(false), &Silent).await;
    let Err(MigratorError::Refused(plan)) = result else { panic!("{result:?}") };
    assert_eq!(plan.anomalies[0].code.name(), "project_without_phases");
    assert_eq!(database.psql("SELECT to_regnamespace('phaseline') IS NULL").trim(), "t");
    let done = migrate(&handle(database.url()), &options(true), &Silent).await.unwrap();
    assert_eq!(done.plan.counts.phases_supplied, 1);
    assert_verified(database.url()).await;
    let why = database.psql("SELECT DISTINCT metadata ->> 'reason' FROM phaseline.events WHERE event_type = 'DefaultPhaseSupplied'");
    assert_eq!(why.trim(), "repair: the project had no phase");

    let database = migrated_by_the_original(4, 0, 67);
    database.psql("ALTER TABLE public.project_phases DROP CONSTRAINT check_phase_dates; DROP INDEX public.ix_project_phases_end_date");
    let result = migrate(&handle(database.url()), &options(true), &Silent).await;
    let Err(MigratorError::Refused(plan)) = result else { panic!("{result:?}") };
    assert_eq!((plan.anomalies[0].code.name(), plan.anomalies[0].rows.len()), ("not_the_planners_tables", 2));

    let database = migrated_by_the_original(4, 0, 65);
    database.psql(
        "UPDATE public.project_phases SET end_date = end_date - 1
          WHERE id = (SELECT id FROM public.project_phases WHERE end_date > start_date ORDER BY id LIMIT 1)",
    );
    let result = migrate(&handle(database.url()), &options(true), &Silent).await;
    let Err(MigratorError::Refused(plan)) = result else { panic!("{result:?}") };
    assert_eq!(plan.anomalies[0].code.name(), "unadoptable");
    assert_eq!(plan.anomalies[0].rows.len(), 1);
}
