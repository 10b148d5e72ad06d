//! Minor versions of PostgreSQL: columns from before the server kept a version of each column (before 15.20), and later ones.
//! Round trips on each version, and from one to the other.

use crate::fixture::{assert_verified, database_from, migrated, planner_sql, rolled_back};
use phaseline_embedded::Binaries;
use phaseline_embedded::testing::{TestCluster, TestOptions, older_minor};
use phaseline_tests::dump::assert_same_dump;
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::script::load;
use std::fs;

/// The number of columns with a version.
const VERSIONED: &str = "SELECT count(*) FROM pg_attribute
     WHERE attrelid IN ('public.project_phases'::regclass, 'public.resource_assignments'::regclass)
       AND EXISTS (SELECT FROM unnest(attoptions) o WHERE o LIKE 'pg\\_attver=%')";

/// The programs of the server that the other tests run on.
fn newest() -> &'static Binaries {
    TestCluster::shared().binaries()
}

/// Whether the newest server keeps a version of each column; the older one does not.
fn versions_columns() -> bool {
    let database = TestCluster::shared().database();
    database.psql("CREATE TABLE t (a int)");
    let own =
        "SELECT attoptions IS NOT NULL FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'a'";
    let server: u32 = database.psql("SHOW server_version_num").parse().unwrap();
    let versions = database.psql(own) == "t";
    assert!(
        versions || !(150_020..160_000).contains(&server),
        "15.20 and later keep a version of each column"
    );
    versions
}

/// The dump without the line that names the server's version.
fn dump(binaries: &Binaries, url: &str) -> String {
    let dump = binaries.pg_dump(url, &["--exclude-schema=phaseline"]).unwrap();
    let text = String::from_utf8(dump.bytes).unwrap();
    text.split_inclusive('\n').filter(|line| !line.starts_with("-- Dumped from database version ")).collect()
}

async fn two_round_trips(url: &str) {
    let before = dump(newest(), url);
    for _ in 0..2 {
        migrated(url).await;
        assert_verified(url).await;
        rolled_back(url).await;
        assert_verified(url).await;
        assert_same_dump(&before, &dump(newest(), url));
    }
}

/// A database with all objects, the real planner's if it is available, and the same migrated already.
fn fill(cluster: &TestCluster) -> Vec<String> {
    let admin = cluster.url("postgres");
    let mut legacy = LegacyDatabase::from_seed(1);
    legacy.objects = phaseline_tests::table_objects::all();
    let mut scripts: Vec<Vec<String>> = vec![legacy.statements()];
    if let Some(path) = planner_sql() {
        scripts.push(vec![fs::read_to_string(path).unwrap()]);
    }
    scripts
        .iter()
        .enumerate()
        .map(|(at, script)| {
            let url = cluster.url(&format!("legacy_{at}"));
            cluster.binaries().psql(&admin, &format!("CREATE DATABASE legacy_{at}")).unwrap();
            load(&url, script);
            url
        })
        .collect()
}

#[tokio::test]
async fn a_round_trip_works_after_a_minor_upgrade() {
    let Some(older) = older_minor(newest()) else { return };
    let mut cluster = TestCluster::start(TestOptions::default().binaries(&older));
    let urls = fill(&cluster);
    let mut before = Vec::new();
    for url in &urls {
        // Migrated before the upgrade, rolled back after it.
        let migrated_url = url.replace("/legacy_", "/migrated_");
        let (name, template) = (migrated_url.rsplit('/').next().unwrap(), url.rsplit('/').next().unwrap());
        let admin = cluster.url("postgres");
        older.psql(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
        migrated(&migrated_url).await;
        assert_eq!(older.psql(url, VERSIONED).unwrap(), "0");
        before.push((migrated_url, dump(newest(), url)));
    }
    cluster.upgrade_to(newest());
    for (url, before) in &before {
        assert_verified(url).await;
        rolled_back(url).await;
        assert_verified(url).await;
        assert_same_dump(before, &dump(newest(), url));
    }
    for url in &urls {
        assert_eq!(newest().psql(url, VERSIONED).unwrap(), "0");
        two_round_trips(url).await;
        // The rebuilt tables equal those of a new database on the newer server.
        assert_eq!(newest().psql(url, VERSIONED).unwrap() == "0", !versions_columns());
        two_round_trips(url).await;
    }
}

/// Dumps by the client programs of the dumped server, and by the newest ones.
#[tokio::test]
async fn a_round_trip_works_on_a_dump_of_another_minor_version() {
    let Some(older) = older_minor(newest()) else { return };
    let old = TestCluster::start(TestOptions::default().binaries(&older));
    let new = TestCluster::start(TestOptions::default());
    for (from, to) in [(&old, &new), (&new, &old)] {
        for url in fill(from) {
            let file = tempfile::NamedTempFile::new().unwrap();
            for client in [newest(), from.binaries()] {
                fs::write(file.path(), dump(client, &url)).unwrap();
                let restored = to.database();
                load(restored.url(), [phaseline_tests::roles::create()]);
                newest().psql_file(restored.url(), file.path()).unwrap();
                two_round_trips(restored.url()).await;
            }
        }
    }
}

/// An older `pg_dump` prints the versions of a newer server's columns.
#[tokio::test]
async fn an_older_pg_dump_shows_no_difference_and_counts_omitted_options() {
    let Some(older) = older_minor(newest()) else { return };
    let mut legacy = LegacyDatabase::from_seed(1);
    legacy.objects = phaseline_tests::table_objects::all();
    let database = TestCluster::shared().database();
    load(database.url(), legacy.statements());
    let versioned: u64 = database.psql(VERSIONED).parse().unwrap();
    let by = |binaries: &Binaries| binaries.pg_dump(database.url(), &["--schema=public"]).unwrap();
    let before = (by(&older), by(newest()));
    assert!(before.0.options_left_out >= versioned, "{} of {versioned}", before.0.options_left_out);
    assert_eq!(before.1.options_left_out, 0);
    migrated(database.url()).await;
    rolled_back(database.url()).await;
    let after = (by(&older), by(newest()));
    assert!(before.0.bytes == after.0.bytes && before.1.bytes == after.1.bytes);
    let alters = |dump: &[u8]| String::from_utf8_lossy(dump).matches(" ALTER COLUMN ").count();
    assert_eq!(alters(&after.0.bytes), alters(&after.1.bytes));
}

/// The state after an upgrade in place, where no older version is available: columns without a version beside those that have one.
#[tokio::test]
async fn columns_with_and_without_a_version_are_restored() {
    let mut legacy = LegacyDatabase::from_seed(3);
    legacy.objects = phaseline_tests::table_objects::all();
    let database = TestCluster::shared().database();
    load(database.url(), legacy.statements());
    database.psql(
        "UPDATE pg_attribute SET attoptions =
                nullif(ARRAY(SELECT o FROM unnest(attoptions) o WHERE o NOT LIKE 'pg\\_attver=%'), '{}')
          WHERE attrelid IN ('public.project_phases'::regclass, 'public.resource_assignments'::regclass)
            AND attnum % 2 = 0 AND attoptions IS NOT NULL",
    );
    two_round_trips(database.url()).await;
    if let Some(path) = planner_sql() {
        two_round_trips(database_from(&fs::read_to_string(path).unwrap()).url()).await;
    }
}
