//! Installs, repairs and compares the schema.

use crate::fixture::{command, connect, log, stream};
use phaseline_embedded::testing::TestCluster;
use phaseline_store::{append, schema};

#[tokio::test]
async fn installing_again_changes_nothing_and_public_stays_clean() {
    let database = log().await;
    let before = database.dump(&["--schema=phaseline"]);
    let mut connection = connect(&database).await;
    schema::install(&mut connection).await.unwrap();
    assert_eq!(before, database.dump(&["--schema=phaseline"]));
    let public = database.psql("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'");
    assert_eq!(public.trim(), "projects");
    let path: String = sqlx::query_scalar("SHOW search_path").fetch_one(&mut connection).await.unwrap();
    assert_eq!(path, "\"$user\", public", "the session's settings stay as they were");
}

#[tokio::test]
async fn a_lost_head_is_made_again_from_the_events() {
    let database = log().await;
    let mut connection = connect(&database).await;
    {
        use sqlx::Connection;
        let mut transaction = connection.begin().await.unwrap();
        phaseline_store::Import::begin(&mut transaction).await.unwrap().finish().await.unwrap();
        transaction.commit().await.unwrap();
    }
    let log_id = schema::log_id(&mut connection).await.unwrap();
    database.psql("DROP TABLE phaseline.head");
    assert!(append(&mut connection, &[command(stream(1), 0, 1)]).await.is_err());
    schema::install(&mut connection).await.unwrap();
    assert_eq!(schema::log_id(&mut connection).await.unwrap(), log_id);
    assert!(!schema::accepts_commands(&mut connection).await.unwrap(), "closed until a migration opens it");
}

#[tokio::test]
async fn a_phases_project_is_found_by_index_despite_an_unreadable_event() {
    use phaseline_domain::{PhaseId, ProjectId};
    use phaseline_store::{Import, NewEvent, stream::holders};
    use sqlx::Connection;
    let database = log().await;
    let mut connection = connect(&database).await;
    let phase = PhaseId::random();
    let mut payloads = vec![
        format!(r#"{{"name":"\"phase_id\":\"x\"","phase_id":"{phase}"}}"#),
        r#"{"phase_id":"\u0000","name":"\ud800"}"#.to_owned(),
    ];
    payloads.resize_with(2000, || format!(r#"{{"phase_id":"{}"}}"#, PhaseId::random()));
    let mut transaction = connection.begin().await.unwrap();
    let mut import = Import::begin(&mut transaction).await.unwrap();
    for (version, payload) in (1..).zip(payloads) {
        let event = NewEvent::new("PhaseCreated", 1, payload);
        import.push(stream(1), version, &event, "{}").await.unwrap();
    }
    import.finish().await.unwrap();
    transaction.commit().await.unwrap();
    database.psql("DROP INDEX phaseline.events_phase_id_idx");
    schema::install(&mut connection).await.unwrap();
    database.psql("ANALYZE phaseline.events");
    let project = ProjectId::from(stream(1).id);
    assert_eq!(holders(&mut connection, &[phase]).await.unwrap(), [project]);
    assert_eq!(holders(&mut connection, &[PhaseId::random()]).await.unwrap(), []);
    drop(connection);
    let used = "SELECT idx_scan > 0 FROM pg_stat_user_indexes WHERE indexrelname = 'events_phase_id_idx'";
    let began = std::time::Instant::now();
    while database.psql(used).trim() != "t" {
        assert!(began.elapsed().as_secs() < 60, "the index is not used");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Roles belong to the whole server: databases that are set up at the same time must not block each other.
#[tokio::test]
async fn several_databases_are_installed_at_once() {
    let install = || async {
        let database = TestCluster::shared().database();
        let mut connection = connect(&database).await;
        schema::install(&mut connection).await.unwrap();
    };
    tokio::join!(install(), install(), install(), install());
}

/// An installation that finds everything in place locks nothing: commands continue beside a rollback that checks it.
#[tokio::test]
async fn installing_over_a_whole_schema_takes_no_lock_on_the_log() {
    use sqlx::Connection;
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut transaction = connection.begin().await.unwrap();
    schema::install(&mut transaction).await.unwrap();
    let mut writer = connect(&database).await;
    sqlx::raw_sql("SET lock_timeout = '5s'").execute(&mut writer).await.unwrap();
    append(&mut writer, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_schema_prepared_by_another_role_is_refused() {
    let database = TestCluster::shared().database();
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_stranger LOGIN;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         CREATE SCHEMA phaseline AUTHORIZATION phaseline_test_stranger",
    );
    let mut connection = connect(&database).await;
    let error = schema::install(&mut connection).await.unwrap_err().to_string();
    assert!(error.contains("phaseline_test_stranger"), "{error}");
    let foreign = TestCluster::shared().database();
    foreign.psql("CREATE SCHEMA phaseline; CREATE TABLE phaseline.events (id int)");
    let mut connection = connect(&foreign).await;
    let error = schema::install(&mut connection).await.unwrap_err().to_string();
    assert!(error.contains("not Phaseline's"), "{error}");
}

#[tokio::test]
async fn default_privileges_do_not_open_the_log() {
    let database = TestCluster::shared().database();
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_app LOGIN;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO phaseline_test_app, PUBLIC;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO phaseline_test_app;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO phaseline_test_app",
    );
    let mut connection = connect(&database).await;
    schema::install(&mut connection).await.unwrap();
    let open = database.psql(
        "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'phaseline'::regnamespace
            AND (a.grantee = 0 OR a.grantee = 'phaseline_test_app'::regrole)",
    );
    assert_eq!(open.trim(), "0");
    assert_eq!(
        database.psql("SELECT has_schema_privilege('phaseline_test_app', 'phaseline', 'USAGE')").trim(),
        "f"
    );
}
