//! Major versions of PostgreSQL: a database that was migrated on the oldest one, carried to the server under test by a dump.

use crate::fixture::{assert_verified, migrated, rolled_back, sample};
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions, older_major};
use phaseline_embedded::{Binaries, OLDEST_MAJOR_VERSION};
use phaseline_tests::dump::{assert_same_dump, dump};
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::script::load;
use phaseline_tests::{roles, table_objects};
use std::fs;

/// What `pg_dump` of the server under test makes of a database, restored there.
fn carried_over(binaries: &Binaries, url: &str) -> TestDatabase {
    let dump = binaries.pg_dump(url, &[]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), dump.bytes).unwrap();
    let restored = TestCluster::shared().database();
    load(restored.url(), [roles::create()]);
    binaries.psql_file(restored.url(), file.path()).unwrap();
    restored
}

/// A database with all objects that the oldest version knows.
fn legacy() -> Vec<String> {
    let mut legacy = LegacyDatabase::from_seed(1);
    legacy.objects =
        table_objects::all().into_iter().filter(|object| object.since == OLDEST_MAJOR_VERSION).collect();
    legacy.statements()
}

/// The database is in the timeline shape; its dump in the legacy shape is known.
async fn assert_goes_back_and_forth(url: &str, expected: &str) {
    for _ in 0..2 {
        assert_verified(url).await;
        rolled_back(url).await;
        assert_verified(url).await;
        assert_same_dump(expected, &dump(url));
        migrated(url).await;
    }
}

#[tokio::test]
async fn a_database_migrated_on_15_is_rolled_back_on_a_later_version() {
    let newer = TestCluster::shared().binaries();
    let Some(older) = older_major(newer) else { return };
    // Makes the roles that a migration needs, which belong to the server.
    migrated(sample(2, 5, 1).url()).await;
    let cluster = TestCluster::start(TestOptions::default().binaries(&older));
    let database = cluster.database();
    load(database.url(), legacy());
    let expected = dump(carried_over(newer, database.url()).url());
    migrated(database.url()).await;
    assert_goes_back_and_forth(carried_over(newer, database.url()).url(), &expected).await;
}

#[tokio::test]
async fn a_database_migrated_on_15_is_rolled_back_after_pg_upgrade() {
    let newer = TestCluster::shared().binaries();
    let Some(older) = older_major(newer) else { return };
    let mut cluster = TestCluster::start(TestOptions::default().binaries(&older));
    let admin = cluster.url("postgres");
    let [kept, moved] = ["kept", "moved"].map(|name| cluster.url(name));
    older.psql(&admin, "CREATE DATABASE kept").unwrap();
    load(&kept, legacy());
    older.psql(&admin, "CREATE DATABASE moved TEMPLATE kept").unwrap();
    migrated(&moved).await;
    cluster.upgrade_to(newer);
    assert_goes_back_and_forth(&moved, &dump(&kept)).await;
}
