//! The definitions that a takeover records in place of those that the planner's own migration dropped.

use phaseline_embedded::testing::TestCluster;
use phaseline_migrator::definition::{TableDefinition, capture};
use phaseline_migrator::log::events::LegacySchemaRecorded;
use phaseline_migrator::sample::legacy_schema;
use sqlx::{Connection, PgConnection};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/migrate/takeover/legacy_schema.json");

/// `PHASELINE_BLESS=1` rewrites the file.
#[tokio::test]
async fn the_recorded_definitions_are_those_of_the_planners_schema() {
    let database = TestCluster::shared().database();
    database.psql(legacy_schema());
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("SET search_path = ''").execute(&mut connection).await.unwrap();
    let mut take = async |table: &str, column: &str| {
        let mut captured: TableDefinition = capture(&mut connection, "public", table).await.unwrap().unwrap();
        captured.detach_column(column).unwrap()
    };
    let expected = LegacySchemaRecorded {
        phase_type: take("project_phases", "phase_type").await,
        project_phase_id: take("resource_assignments", "project_phase_id").await,
        added_options: Vec::new(),
    };
    if std::env::var_os("PHASELINE_BLESS").is_some() {
        std::fs::write(FILE, serde_json::to_string_pretty(&expected).unwrap() + "\n").unwrap();
    }
    let recorded: LegacySchemaRecorded =
        serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    assert_eq!(recorded, expected);
}
