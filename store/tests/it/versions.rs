//! The schema has a version: a newer one is refused, an older one is upgraded.

use crate::fixture::{connect, log};
use phaseline_domain::{DateRange, PhaseId, ProjectId, Timeline, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::schema::{self, version::VERSION};
use phaseline_store::{ExecuteError, Metadata, StoreError, TimelineStore};
use phaseline_store::{InlineProjection, UnadoptedProject};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// Sets the schema's version.
fn set_version(database: &TestDatabase, version: u32) {
    database.psql(&format!(
        "DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA phaseline IS %L', regexp_replace(
             obj_description('phaseline'::regnamespace), 'schema version [0-9]+', 'schema version {version}')); END $$"
    ));
}

/// A store without read models.
#[derive(Clone)]
struct Nothing;

impl InlineProjection for Nothing {
    async fn project_dates(
        &self,
        _: &mut PgConnection,
        _: ProjectId,
    ) -> Result<Option<DateRange>, StoreError> {
        Ok(None)
    }

    async fn has_dates_of(&self, _: &mut PgConnection, _: &Timeline) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn find_unadopted(
        &self,
        _: &mut PgConnection,
        _: ProjectId,
    ) -> Result<Option<UnadoptedProject>, StoreError> {
        Ok(None)
    }
}

#[tokio::test]
async fn an_installation_records_its_version_and_older_ones_did_not() {
    let database = log().await;
    let mut connection = connect(&database).await;
    assert_eq!(schema::version(&mut connection).await.unwrap(), Some(VERSION));
    database.psql("COMMENT ON SCHEMA phaseline IS 'Phaseline''s log. Installed: 0123'");
    assert_eq!(schema::version(&mut connection).await.unwrap(), Some(1));
    assert!(!schema::whole(&mut connection).await.unwrap());
    schema::install(&mut connection).await.unwrap();
    assert_eq!(schema::version(&mut connection).await.unwrap(), Some(VERSION));
    database.psql("DROP SCHEMA phaseline CASCADE");
    assert_eq!(schema::version(&mut connection).await.unwrap(), None);
}

/// A role without privileges on the log gets this error, too, instead of a missing privilege.
#[tokio::test]
async fn every_function_refuses_a_newer_schema_and_leaves_it_unchanged() {
    let database = log().await;
    set_version(&database, VERSION + 1);
    let before = database.dump(&["--schema=phaseline"]);
    let mut connection = connect(&database).await;
    let words = format!(
        "the schema of Phaseline in this database is version {}, this program knows up to {VERSION}: use a newer phaseline",
        VERSION + 1
    );
    assert_eq!(schema::install(&mut connection).await.unwrap_err().to_string(), words);
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_nobody; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    sqlx::raw_sql("SET ROLE phaseline_test_nobody").execute(&mut connection).await.unwrap();
    assert_eq!(schema::installed(&mut connection).await.unwrap_err().to_string(), words);
    assert_eq!(before, database.dump(&["--schema=phaseline"]));
    // This holds without its tables, too: an installation would otherwise create tables of its own version.
    database.psql("DROP TABLE phaseline.events CASCADE");
    sqlx::raw_sql("RESET ROLE").execute(&mut connection).await.unwrap();
    assert_eq!(schema::install(&mut connection).await.unwrap_err().to_string(), words);
}

#[tokio::test]
async fn a_store_refuses_commands_on_a_newer_schema_and_checks_once() {
    let database = log().await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    let project = ProjectId::from(Uuid::from_u128(1));
    let open = TimelineCommand::Open {
        project_id: project,
        range: DateRange::new("2026-01-01".parse().unwrap(), "2026-01-31".parse().unwrap()).unwrap(),
        default_phase_id: PhaseId::from(Uuid::from_u128(2)),
    };
    set_version(&database, VERSION + 1);
    let refusing = TimelineStore::new(pool.clone(), Nothing);
    let newer = |error: &StoreError| matches!(error, StoreError::NewerSchema { .. });
    match refusing.execute(project, &open, Metadata::default()).await {
        Err(ExecuteError::Store(error)) => assert!(newer(&error), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(newer(&refusing.history(project).await.unwrap_err()));
    assert_eq!(database.psql("SELECT count(*) FROM phaseline.events").trim(), "0");

    // A supported version is not read again, not even by a clone.
    set_version(&database, VERSION);
    assert!(refusing.history(project).await.unwrap().is_empty());
    set_version(&database, VERSION + 1);
    assert!(refusing.clone().history(project).await.unwrap().is_empty());
    pool.close().await;
}
