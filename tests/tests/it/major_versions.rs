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

#[tokio::test]
async fn a_database_migrated_on_15_is_rolled_back_on_a_later_version() {
    let newer = TestCluster::shared().binaries();
    let Some(older) = older_major(newer) else { return };
    // Makes the roles that a migration needs, which belong to the server.
    migrated(sample(2, 5, 1).url()).await;
    let cluster = TestCluster::start(TestOptions::default().binaries(&older));
    let mut legacy = LegacyDatabase::from_seed(1);
    legacy.objects =
        table_objects::all().into_iter().filter(|object| object.since == OLDEST_MAJOR_VERSION).collect();
    let database = cluster.database();
    load(database.url(), legacy.statements());
    let expected = dump(carried_over(newer, database.url()).url());
    migrated(database.url()).await;

    let restored = carried_over(newer, database.url());
    assert_verified(restored.url()).await;
    rolled_back(restored.url()).await;
    assert_verified(restored.url()).await;
    assert_same_dump(&expected, &dump(restored.url()));
    migrated(restored.url()).await;
    assert_verified(restored.url()).await;
    rolled_back(restored.url()).await;
    assert_same_dump(&expected, &dump(restored.url()));
}
