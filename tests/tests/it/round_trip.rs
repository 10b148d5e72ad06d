//! Lossless: without edits in between, `pg_dump` after `migrate` and `rollback` is the dump before.

use crate::fixture::{assert_round_trips_with, assert_verified, migrated, plan_of, rolled_back, sample};
use phaseline_embedded::testing::{TestCluster, TestDatabase, runs_on};
use phaseline_tests::dump::{assert_same_dump, dump, state};
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::script::load;
use phaseline_tests::share;
use sqlx::Connection;

/// The seeds of generated databases: a quarter of 48, another one on each version; or as many as a variable says.
fn seeds() -> Vec<u64> {
    match std::env::var("PHASELINE_CASES").ok().and_then(|cases| cases.parse().ok()) {
        Some(cases) => (0..cases).collect(),
        None => share::of_seeds(48, 4).collect(),
    }
}

/// The whole database without the log, and properties that no dump has: publications' columns, triggers of foreign keys.
fn whole_dump(database: &TestDatabase) -> String {
    database.dump(&["--exclude-schema=phaseline"]) + &state(database.url())
}

async fn round_trip(seed: u64) {
    let legacy = LegacyDatabase::from_seed(seed);
    let database = TestCluster::shared().database();
    load(database.url(), legacy.statements());
    eprintln!("seed {seed}: {:?}", legacy.objects.iter().map(|piece| piece.name).collect::<Vec<_>>());
    assert_round_trips_with(&database, whole_dump).await;
}

/// One of four shares of the seeds, which run in parallel.
async fn run_part(part: usize) {
    for seed in seeds().into_iter().skip(part).step_by(4) {
        round_trip(seed).await;
    }
}

#[tokio::test]
async fn generated_databases_survive_a_round_trip_first_share() {
    run_part(0).await;
}

#[tokio::test]
async fn generated_databases_survive_a_round_trip_second_share() {
    run_part(1).await;
}

#[tokio::test]
async fn generated_databases_survive_a_round_trip_third_share() {
    run_part(2).await;
}

#[tokio::test]
async fn generated_databases_survive_a_round_trip_fourth_share() {
    run_part(3).await;
}

#[tokio::test]
async fn all_table_objects_survive_a_round_trip() {
    let mut legacy = LegacyDatabase::from_seed(1);
    legacy.objects = phaseline_tests::table_objects::all();
    let database = TestCluster::shared().database();
    load(database.url(), legacy.statements());
    let (before, whole) = (dump(database.url()), whole_dump(&database));
    migrated(database.url()).await;
    rolled_back(database.url()).await;
    assert_same_dump(&before, &dump(database.url()));
    assert_same_dump(&whole, &whole_dump(&database));
}

/// Without it, reads of the log by stream take plans for an empty table until autovacuum comes.
#[tokio::test]
async fn after_a_migration_the_server_knows_the_size_of_the_log() {
    let database = TestCluster::shared().database();
    load(database.url(), LegacyDatabase::from_seed(1).statements());
    migrated(database.url()).await;
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    let sizes = "SELECT c.reltuples::bigint, (SELECT count(*) FROM phaseline.events)
                   FROM pg_class c WHERE c.oid = 'phaseline.events'::regclass";
    let (known, events): (i64, i64) = sqlx::query_as(sizes).fetch_one(&mut connection).await.unwrap();
    assert!(known > 0 && known.abs_diff(events) <= 1, "{known} of {events}");
}

#[tokio::test]
async fn empty_planner_tables_survive_a_round_trip() {
    let mut legacy = LegacyDatabase::from_seed(2).bare();
    legacy.projects.clear();
    legacy.assignments.clear();
    legacy.moves.clear();
    let database = TestCluster::shared().database();
    load(database.url(), legacy.statements());
    let before = dump(database.url());
    assert!(plan_of(database.url()).await.ready);
    migrated(database.url()).await;
    assert_verified(database.url()).await;
    rolled_back(database.url()).await;
    assert_same_dump(&before, &dump(database.url()));
}

/// All objects of the log's schema except the events: tables, views, functions, triggers, migrations.
const ALL_BUT_EVENTS: &str = "
    DO $$
    DECLARE victim record;
    BEGIN
        DROP TRIGGER events_append_only ON phaseline.events;
        FOR victim IN SELECT c.relname, c.relkind FROM pg_class c
             WHERE c.relnamespace = 'phaseline'::regnamespace AND c.relkind IN ('v', 'r') AND c.relname <> 'events'
             ORDER BY c.relkind DESC LOOP
            EXECUTE format('DROP %s phaseline.%I CASCADE',
                CASE victim.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, victim.relname);
        END LOOP;
        FOR victim IN SELECT p.oid::regprocedure AS signature FROM pg_proc p
             WHERE p.pronamespace = 'phaseline'::regnamespace LOOP
            EXECUTE format('DROP FUNCTION %s CASCADE', victim.signature);
        END LOOP;
    END $$";

#[tokio::test]
async fn the_legacy_tables_are_restored_from_the_events_alone() {
    let database = TestCluster::shared().database();
    load(database.url(), LegacyDatabase::from_seed(3).statements());
    let before = dump(database.url());
    migrated(database.url()).await;
    database.psql(ALL_BUT_EVENTS);
    let left = database.psql(
        "SELECT count(*) FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
            AND d.refobjid = 'phaseline'::regnamespace AND d.deptype = 'n'",
    );
    assert_eq!(left.trim(), "1", "only the events are left");
    rolled_back(database.url()).await;
    assert_same_dump(&before, &dump(database.url()));
    assert_verified(database.url()).await;
    migrated(database.url()).await;
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn no_copy_of_the_old_tables_is_kept() {
    let database = sample(10, 200, 7);
    migrated(database.url()).await;
    let tables = database.psql(
        "SELECT string_agg(n.nspname || '.' || c.relname, ' ' ORDER BY c.relname) FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_|^information_schema$|^public$'",
    );
    assert_eq!(
        tables.trim(),
        "phaseline._sqlx_migrations phaseline.events phaseline.head phaseline.idempotency_keys \
         phaseline.timeline_states phaseline.timeline_states_watermark"
    );
}

#[tokio::test]
async fn objects_added_before_or_after_the_migration_stay() {
    let database = sample(6, 60, 11);
    database.psql("CREATE INDEX added_before ON public.project_phases (expense_budget DESC)");
    let before = dump(database.url());
    migrated(database.url()).await;
    let added = "CREATE INDEX added_after ON public.project_phases (capital_budget) WHERE capital_budget > 0;
                 CREATE INDEX added_beside ON public.resource_assignments (allocation_percentage);
                 COMMENT ON COLUMN public.project_phases.total_budget IS 'capital plus expense'";
    database.psql(added);
    rolled_back(database.url()).await;
    let after = dump(database.url());
    assert!(after.contains("added_before"));
    // The dump equals that of the former database with the same additions.
    let expected = sample(6, 60, 11);
    expected.psql("CREATE INDEX added_before ON public.project_phases (expense_budget DESC)");
    assert_same_dump(&before, &dump(expected.url()));
    expected.psql(added);
    assert_same_dump(&dump(expected.url()), &after);
}

#[tokio::test]
async fn assignments_made_since_get_the_phase_of_their_date_and_are_counted() {
    let database = sample(4, 40, 5);
    migrated(database.url()).await;
    database.psql(
        "INSERT INTO public.resource_assignments
         SELECT r.resource_id, p.id, p.start_date, 10, 50, 50, gen_random_uuid(), now(), now()
           FROM public.projects p, (SELECT resource_id FROM public.resource_assignments LIMIT 1) r;
         INSERT INTO public.resource_assignments
         SELECT r.resource_id, p.id, p.end_date + 100, 10, 50, 50, gen_random_uuid(), now(), now()
           FROM public.projects p, (SELECT resource_id FROM public.resource_assignments LIMIT 1) r",
    );
    let expected = database.psql(
        "SELECT string_agg(ra.id::text || ph.id::text, ' ' ORDER BY ra.id) FROM public.resource_assignments ra
           JOIN public.project_phases ph ON ph.project_id = ra.project_id
            AND ph.start_date = (SELECT min(start_date) FROM public.project_phases x WHERE x.project_id = ra.project_id)
          WHERE ra.allocation_percentage = 10",
    );
    let done = rolled_back(database.url()).await.completed.expect("it was done");
    assert_eq!((done.links_restored, done.links_by_date, done.links_first_phase), (40, 4, 4));
    let found = database.psql(
        "SELECT string_agg(id::text || project_phase_id::text, ' ' ORDER BY id) FROM public.resource_assignments
          WHERE allocation_percentage = 10",
    );
    assert_eq!(expected, found);
}

/// Types without a binary form cannot be copied in binary; then the database itself copies the rows.
#[tokio::test]
async fn a_column_type_without_binary_format_is_restored() {
    let database = sample(6, 60, 47);
    database.psql(
        "CREATE TYPE public.plain;
         CREATE FUNCTION public.plain_in(cstring) RETURNS public.plain LANGUAGE internal IMMUTABLE STRICT AS 'textin';
         CREATE FUNCTION public.plain_out(public.plain) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
         CREATE TYPE public.plain (INPUT = public.plain_in, OUTPUT = public.plain_out, LIKE = text);
         CREATE TYPE public.pair AS (a aclitem, b integer);
         ALTER TABLE public.resource_assignments ADD COLUMN remark public.plain DEFAULT 'as it was',
             ADD COLUMN remarks public.plain[]",
    );
    for change in [
        "",
        // The parts of a composite type may have no binary form.
        "ALTER TABLE public.resource_assignments DROP COLUMN remark, DROP COLUMN remarks,
             ADD COLUMN pair public.pair DEFAULT ROW(NULL, 7)",
    ] {
        database.psql(change);
        let before = dump(database.url());
        migrated(database.url()).await;
        rolled_back(database.url()).await;
        assert_verified(database.url()).await;
        assert_same_dump(&before, &dump(database.url()));
    }
}

/// A restored database has its indexes in another order, and counts as the same.
#[tokio::test]
async fn a_plans_digest_does_not_depend_on_the_order_in_which_indexes_were_made() {
    let database = sample(3, 20, 9);
    let mut digests = Vec::new();
    for indexes in [["aa", "zz"], ["zz", "aa"]] {
        for index in indexes {
            database.psql(&format!("CREATE INDEX {index} ON resource_assignments (resource_id)"));
        }
        digests.push(plan_of(database.url()).await.digest.unwrap());
        database.psql("DROP INDEX aa, zz");
    }
    assert_eq!(digests[0], digests[1]);
    let without = plan_of(database.url()).await.digest.unwrap();
    assert_ne!(without, digests[0], "an index is part of the digest");
}

/// A table without grants, and one with some, have one definition on servers that know `MAINTAIN` and on those that do not.
#[tokio::test]
async fn a_plans_digest_is_the_same_on_every_version() {
    let database = sample(3, 20, 9);
    let bare = plan_of(database.url()).await.digest.unwrap();
    assert_eq!(bare, "sha256:e0e46b58ae85aa3ff3e9de3622c85186a691d81938f7321a7d911af88ccd9db1");
    database.psql("GRANT SELECT ON project_phases TO PUBLIC");
    let granted = plan_of(database.url()).await.digest.unwrap();
    assert_eq!(granted, "sha256:9bd5f16a039cb93c80d10303967c164993b5cb94d1ebe2ea5b5253b575f133cb");
    if runs_on(17) {
        database.psql("REVOKE MAINTAIN ON project_phases FROM postgres");
        assert_ne!(plan_of(database.url()).await.digest.unwrap(), granted);
    }
}
