use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_embedded::{Binaries, testing};

use crate::child_process::{self, ChildProcess};
use crate::probe::{self, eventually};

fn databases(cluster: &TestCluster, name: &str) -> String {
    let sql = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    cluster.binaries().psql(&cluster.url("postgres"), &sql).unwrap()
}

/// The folder of a test cluster.
fn folder_of(url: &str) -> PathBuf {
    let cluster = Binaries::find().unwrap().psql(url, "SHOW data_directory").unwrap();
    Path::new(&cluster).parent().unwrap().to_owned()
}

#[test]
fn a_test_database_is_dropped_despite_connections() {
    let cluster = TestCluster::shared();
    let database = cluster.database();
    let name = database.name().to_owned();
    assert_eq!(databases(cluster, &name), "1");
    let url = database.url().to_owned();
    let busy = thread::spawn(move || TestCluster::shared().binaries().psql(&url, "SELECT pg_sleep(600)"));
    eventually("there is a connection", || {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
        cluster.binaries().psql(&cluster.url("postgres"), &sql).unwrap() == "1"
    });
    drop(database);
    assert_eq!(databases(cluster, &name), "0");
    assert!(busy.join().unwrap().is_err());
}

#[test]
fn test_databases_do_not_see_each_other() {
    let cluster = TestCluster::shared();
    let (first, second) = (cluster.database(), cluster.database());
    assert_ne!(first.name(), second.name());
    first.psql("CREATE TABLE t ()");
    assert_eq!(second.psql("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
}

#[test]
fn a_template_is_built_once_for_concurrent_callers() {
    let cluster = TestCluster::shared();
    let built = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                cluster.template("waited for", |url| {
                    built.fetch_add(1, Ordering::Relaxed);
                    let sql = "CREATE TABLE t AS SELECT generate_series(1, 3) AS a; SELECT pg_sleep(0.3)";
                    cluster.binaries().psql(url, sql).unwrap();
                });
                let copy = cluster.database_from("waited for");
                assert_eq!(copy.psql("DELETE FROM t RETURNING a"), "1\n2\n3");
            });
        }
    });
    assert_eq!(built.into_inner(), 1);
    let refused = cluster.binaries().psql(&cluster.url("waited for"), "SELECT 1").unwrap_err();
    assert!(refused.to_string().contains("not currently accepting connections"), "{refused}");
}

#[test]
fn a_template_can_be_copied_though_its_builder_left_a_connection_open() {
    let cluster = TestCluster::shared();
    let mut left = None;
    cluster.template("left open", |url| {
        let url = url.to_owned();
        left =
            Some(thread::spawn(move || TestCluster::shared().binaries().psql(&url, "SELECT pg_sleep(600)")));
        eventually("there is a connection", || {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'left open'";
            cluster.binaries().psql(&cluster.url("postgres"), sql).unwrap() == "1"
        });
    });
    drop(cluster.database_from("left open"));
    assert!(left.unwrap().join().unwrap().is_err());
}

#[test]
fn a_template_whose_building_failed_is_built_again() {
    let cluster = TestCluster::shared();
    let failed = panic::catch_unwind(AssertUnwindSafe(|| {
        cluster.template("second try", |url| {
            cluster.binaries().psql(url, "CREATE TABLE half ()").unwrap();
            panic!("as a builder may");
        });
    }));
    assert!(failed.is_err());
    cluster.template("second try", |url| {
        cluster.binaries().psql(url, "CREATE TABLE whole ()").unwrap();
    });
    let copy = cluster.database_from("second try");
    assert_eq!(copy.psql("SELECT relname FROM pg_class WHERE relname IN ('half', 'whole')"), "whole");
}

#[test]
fn a_crashed_cluster_restarts_on_its_port_with_its_data() {
    let cluster = TestCluster::start(TestOptions::default().setting("work_mem", "5MB"));
    let database = cluster.database();
    database.psql("CREATE TABLE t AS SELECT 1 AS a");
    cluster.restart_immediate();
    assert_eq!(database.psql("SELECT a FROM t"), "1");
    assert_eq!(database.psql("SHOW work_mem"), "5MB");
    cluster.stop_immediate();
    assert!(!probe::is_listening("127.0.0.1", cluster.port()));
    cluster.start_again();
    assert_eq!(database.psql("SELECT a FROM t"), "1");
}

#[test]
fn a_separate_cluster_is_removed_with_its_last_handle() {
    let cluster = TestCluster::start(TestOptions::durable());
    assert_eq!(cluster.binaries().psql(&cluster.url("postgres"), "SHOW fsync").unwrap(), "on");
    let folder = folder_of(&cluster.url("postgres"));
    assert!(folder.exists());
    let port = cluster.port();
    let database = cluster.database();
    drop(cluster);
    assert_eq!(database.psql("SELECT 1"), "1");
    drop(database);
    assert!(!folder.exists());
    assert!(!probe::is_listening("127.0.0.1", port));
}

#[test]
fn a_test_cluster_is_swept_away_with_its_process_however_that_ends() {
    for how in ["KILL", "INT", "end"] {
        let mut other = ChildProcess::run(&mut child_process::command("hold a test cluster", Path::new("")));
        let url = other.read_line().unwrap();
        let folder = folder_of(&url);
        let postmaster = probe::postmaster(&folder).unwrap();
        match how {
            "end" => other.end(),
            signal => {
                probe::signal(signal, &other.id().to_string());
                assert!(!other.wait());
            }
        }
        eventually("the folder is gone", || !folder.exists());
        eventually("the server is gone", || !probe::is_alive(postmaster));
    }
}

#[test]
fn a_test_cluster_allows_publications_2pc_and_many_connections() {
    let database = TestCluster::shared().database();
    let output = Command::new(database.cluster().binaries().program("psql"))
        .args(["-X", "-d", database.url(), "-c", "CREATE PUBLICATION p FOR ALL TABLES"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "no warning");
    database.psql("BEGIN; PREPARE TRANSACTION 'x'");
    database.psql("ROLLBACK PREPARED 'x'");
    assert_eq!(database.psql("SHOW max_connections"), "200");
    assert!(testing::pg_dump(database.url(), &[]).unwrap().contains("PUBLICATION p"));
}
