//! The owner of schema `phaseline` can change the objects that protect the log; they are compared with the program's scripts.

use crate::fixture::{assert_verified, handle, migrated_sample, verified_by_several};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::schema;

async fn differences(database: &TestDatabase) -> Vec<schema::SchemaDifference> {
    let mut connection = handle(database.url()).connect("test").await.expect("connect");
    phaseline_projections::schema_differences(&mut connection).await.expect("compared")
}

/// Changes of the schema, their reports, and whether `doctor --repair` undoes them.
const TAMPERING: [(&str, &str, bool); 24] = [
    (
        "CREATE OR REPLACE FUNCTION phaseline.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end'",
        "function phaseline.refuse_change has another body",
        true,
    ),
    (
        "DO $$ BEGIN EXECUTE replace(pg_get_functiondef('phaseline.append'::regproc), 'actual <> command_expected[i]', 'false');
           END $$",
        "function phaseline.append has another body",
        true,
    ),
    (
        "DO $$ BEGIN EXECUTE replace(pg_get_functiondef('phaseline.project_inline'::regproc), 'IF written', 'IF 1 = 2 AND written');
           END $$",
        "function phaseline.project_inline has another body",
        true,
    ),
    ("ALTER FUNCTION phaseline.append SECURITY INVOKER", "function phaseline.append has another SECURITY", true),
    ("ALTER FUNCTION phaseline.append RESET search_path", "function phaseline.append has another settings", true),
    ("ALTER FUNCTION phaseline.phases_of VOLATILE", "function phaseline.phases_of has another volatility", true),
    ("ALTER FUNCTION phaseline.chain_hash STRICT", "function phaseline.chain_hash has another volatility", true),
    ("DROP FUNCTION phaseline.unadopted(uuid)", "function phaseline.unadopted is missing", true),
    (
        "CREATE FUNCTION phaseline.append(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
         REVOKE ALL ON FUNCTION phaseline.append(int) FROM PUBLIC",
        "function phaseline.append(integer) is not one that this program installs",
        false,
    ),
    ("ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only", "events_append_only is in state \"D\"", true),
    ("ALTER TABLE phaseline.events ENABLE TRIGGER events_append_only", "events_append_only is in state \"O\"", true),
    ("DROP TRIGGER events_append_only ON phaseline.events", "trigger events_append_only on phaseline.events is missing", true),
    (
        "CREATE OR REPLACE TRIGGER events_append_only BEFORE TRUNCATE ON phaseline.events FOR EACH STATEMENT
           EXECUTE FUNCTION phaseline.refuse_change(); ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
        "trigger events_append_only on phaseline.events has another definition",
        true,
    ),
    (
        "CREATE TRIGGER a BEFORE INSERT ON phaseline.events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger a on phaseline.events is not one",
        false,
    ),
    ("CREATE RULE a AS ON INSERT TO phaseline.events DO INSTEAD NOTHING", "rule a on phaseline.events is not one", false),
    ("CREATE POLICY a ON phaseline.events USING (false)", "policy a on phaseline.events is not one", false),
    ("ALTER TABLE phaseline.head ENABLE ROW LEVEL SECURITY", "phaseline.head has row level security", false),
    ("ALTER TABLE phaseline.idempotency_keys SET UNLOGGED", "phaseline.idempotency_keys is UNLOGGED", false),
    ("ALTER TABLE phaseline.events ADD COLUMN a int", "column phaseline.events.a is not one", false),
    ("ALTER TABLE phaseline.events DROP CONSTRAINT events_hash_length", "constraint events_hash_length", false),
    ("ALTER TABLE phaseline.events ADD CONSTRAINT a CHECK (position < 1000000)", "constraint a of phaseline.events", false),
    ("CREATE TABLE public.a () INHERITS (phaseline.events)", "inherits from phaseline.events", false),
    ("GRANT EXECUTE ON FUNCTION phaseline.append TO PUBLIC", "role PUBLIC has EXECUTE on append", true),
    ("REVOKE EXECUTE ON FUNCTION phaseline.append FROM phaseline_writer", "role phaseline_writer has no EXECUTE on append", true),
];

#[tokio::test]
async fn an_installation_matches_its_scripts() {
    let database = migrated_sample(6, 60, 61);
    assert_eq!(differences(&database).await, []);
    // A role is missing if the program could not create it; then its grants are not a difference.
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn schema_changes_are_named_by_verify_and_repaired_where_possible() {
    let template = migrated_sample(6, 60, 61);
    for (statement, named, repairable) in TAMPERING {
        template.psql(statement);
        let found = differences(&template).await;
        let [one] = &found[..] else { panic!("{statement}: {found:?}") };
        assert!(one.text.contains(named), "{statement}: {one}");
        assert_eq!(one.repairable, repairable, "{statement}");
        let verification = verified_by_several(template.url()).await;
        assert!(!verification.passed, "{statement}");
        let details: Vec<&String> = verification.checks.iter().flat_map(|check| &check.details).collect();
        assert!(details.iter().any(|detail| detail.contains(named)), "{statement}: {details:?}");
        if !repairable {
            template.psql(match statement {
                drop if drop.contains("FUNCTION phaseline.append(int)") => "DROP FUNCTION phaseline.append(int)",
                drop if drop.contains("TRIGGER a ") => "DROP TRIGGER a ON phaseline.events",
                drop if drop.contains("RULE a ") => "DROP RULE a ON phaseline.events",
                drop if drop.contains("POLICY a ") => "DROP POLICY a ON phaseline.events",
                drop if drop.contains("ROW LEVEL") => "ALTER TABLE phaseline.head DISABLE ROW LEVEL SECURITY",
                drop if drop.contains("UNLOGGED") => "ALTER TABLE phaseline.idempotency_keys SET LOGGED",
                drop if drop.contains("ADD COLUMN a") => "ALTER TABLE phaseline.events DROP COLUMN a",
                drop if drop.contains("events_hash_length") => {
                    "ALTER TABLE phaseline.events ADD CONSTRAINT events_hash_length CHECK (octet_length(hash) = 32)"
                }
                drop if drop.contains("CONSTRAINT a ") => "ALTER TABLE phaseline.events DROP CONSTRAINT a",
                drop if drop.contains("INHERITS") => "DROP TABLE public.a",
                other => panic!("no rollback of {other}"),
            });
        }
        let mut connection = handle(template.url()).connect("test").await.expect("connect");
        phaseline_projections::install(&mut connection).await.expect("installed");
        assert_eq!(differences(&template).await, [], "{statement}");
    }
    assert_verified(template.url()).await;
}

#[tokio::test]
async fn a_log_without_its_hashes_is_named_by_verify() {
    let database = migrated_sample(6, 60, 61);
    database.psql("ALTER TABLE phaseline.events DROP COLUMN hash");
    let found = verified_by_several(database.url()).await;
    assert!(!found.passed);
    assert!(found.checks[0].details[0].contains("column phaseline.events.hash is missing"), "{found:?}");
}

#[tokio::test]
async fn an_object_of_another_owner_is_named() {
    let database = migrated_sample(6, 60, 61);
    database.psql(&phaseline_tests::roles::create());
    database.psql(
        "ALTER FUNCTION phaseline.append OWNER TO phaseline_test_owner;
         ALTER TABLE phaseline.head OWNER TO phaseline_test_owner",
    );
    let found = differences(&database).await;
    let owned =
        found.iter().filter(|one| one.text.contains("belongs to phaseline_test_owner, not to ")).count();
    assert_eq!(owned, 2, "{found:?}");
}

#[tokio::test]
async fn a_clock_that_jumped_ahead_is_noted() {
    let database = migrated_sample(6, 60, 61);
    let notes = |found: &phaseline_migrator::verify::Verification| found.notes.join(" ");
    assert!(!notes(&verified_by_several(database.url()).await).contains("ahead"));
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET recorded_at = now() + interval '2 days'
          WHERE position = (SELECT max(position) FROM phaseline.events)",
    );
    let found = verified_by_several(database.url()).await;
    assert!(notes(&found).contains("ahead of the database's clock"), "{}", notes(&found));
}

/// The check of a log's end begins after an event that is not checked.
#[tokio::test]
async fn the_end_of_the_log_is_judged_by_itself() {
    use phaseline_store::chain;
    let database = migrated_sample(6, 60, 61);
    let mut connection = handle(database.url()).connect("test").await.expect("connect");
    let whole = chain::inspect_end(&mut connection, i64::MAX).await.expect("inspected");
    assert_eq!((whole.events, &whole.damage[..]), (whole.position.unsigned_abs(), &[][..]));
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET metadata = '{}' WHERE position = 5",
    );
    for (events, damaged) in
        [(3, 0), (whole.position - 5, 0), (whole.position - 4, 1), (whole.position + 7, 1)]
    {
        let end = chain::inspect_end(&mut connection, events).await.expect("inspected");
        assert_eq!(end.damage.len(), damaged, "the last {events}: {:?}", end.damage);
    }
}
