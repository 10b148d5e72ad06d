//! Event triggers of administrators, as managed services install them.

use crate::fixture::{assert_verified, handle, migrate_options, migrated, plan_of, rolled_back, sample};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Silent;

/// A database with these objects and an event trigger.
fn with_event_trigger(seed: u64, also: &str, event: &str, body: &str) -> TestDatabase {
    let database = sample(3, 20, seed);
    database.psql(&format!(
        "{also} CREATE TABLE dba_ddl (n bigserial, tag text);
         CREATE FUNCTION dba_fires() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $fires$BEGIN {body} END$fires$;
         CREATE EVENT TRIGGER dba_fires ON {event} EXECUTE FUNCTION dba_fires()"
    ));
    database
}

#[tokio::test]
async fn event_triggers_that_watch_are_noted_and_fire_in_both_directions() {
    let database =
        with_event_trigger(900, "", "ddl_command_end", "INSERT INTO public.dba_ddl (tag) VALUES (tg_tag);");
    let plan = plan_of(database.url()).await;
    assert!(plan.ready && plan.notes.iter().any(|note| note.contains("dba_fires")), "{:?}", plan.notes);
    let before = database.dump(&["--schema=public", "--exclude-table-data=dba_ddl*"]);
    let fired = || database.psql("SELECT count(*) FROM dba_ddl").parse::<u32>().unwrap();
    migrated(database.url()).await;
    let up = fired();
    assert!(up > 5, "{up}");
    assert_verified(database.url()).await;
    rolled_back(database.url()).await;
    assert!(fired() > up);
    assert_eq!(database.dump(&["--schema=public", "--exclude-table-data=dba_ddl*"]), before);
}

/// What an event trigger refuses or changes cannot be known before: the run fails, and nothing is left of it.
#[tokio::test]
async fn event_triggers_that_refuse_or_change_the_ddl_undo_the_run() {
    let cases = [
        ("ddl_command_start", "RAISE EXCEPTION 'no DDL today';", "no DDL today"),
        ("sql_drop", "RAISE EXCEPTION 'nothing is dropped';", "nothing is dropped"),
        (
            "ddl_command_end",
            "IF tg_tag = 'CREATE TABLE' THEN
                 EXECUTE coalesce((SELECT string_agg(format('ALTER TABLE %s SET (autovacuum_enabled = false)', c.object_identity), ';')
                            FROM pg_event_trigger_ddl_commands() c WHERE c.object_type = 'table' AND c.schema_name = 'phaseline_shadow'), 'SELECT 1');
             END IF;",
            "self-check",
        ),
        (
            "ddl_command_end",
            "IF tg_tag = 'DROP SCHEMA' THEN ALTER TABLE public.project_phases SET (autovacuum_enabled = false); END IF;",
            "changed when schema phaseline_shadow was dropped",
        ),
    ];
    for (seed, (event, body, message)) in cases.into_iter().enumerate() {
        // The other one watches only and must not be named.
        let also = "CREATE FUNCTION dba_watches() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS 'BEGIN END';
             CREATE EVENT TRIGGER dba_watches ON ddl_command_end EXECUTE FUNCTION dba_watches();";
        let database = with_event_trigger(901 + seed as u64, also, event, body);
        let before = database.dump(&["--schema=public"]);
        let error = migrate(&handle(database.url()), &migrate_options(), &Silent).await.unwrap_err();
        assert!(!matches!(error, MigratorError::Refused(_)), "{event}: {error:?}");
        assert!(error.to_string().contains(message), "{event}: {error}");
        let is_named = error.to_string().ends_with("refused by the event trigger \"dba_fires\"");
        assert_eq!(is_named, body.starts_with("RAISE"), "{event}: {error}");
        assert!(database.dump(&["--schema=public"]) == before, "{event}: something is left");
    }
}
