//! A database on a cluster of tests.

use super::TestCluster;
use crate::psql;
use std::sync::atomic::Ordering;

/// How a template is copied. Copying its files, with a checkpoint before and after, is faster than also writing every page to the
/// log.
const COPY_STRATEGY: &str = "file_copy";

/// How long the drop of a database waits for other sessions.
const DROP_PATIENCE: &str = "2s";

impl TestCluster {
    /// A new, empty database, dropped with the value.
    pub fn database(&self) -> TestDatabase {
        // As fast as `template1`, and not changed by tests.
        self.database_from("template0")
    }

    /// A new copy of a template, dropped with the value.
    pub fn database_from(&self, template: &str) -> TestDatabase {
        let name = format!("test_{}", self.inner.databases.fetch_add(1, Ordering::Relaxed));
        let sql = format!(
            "CREATE DATABASE {} TEMPLATE {} STRATEGY {COPY_STRATEGY}",
            psql::identifier(&name),
            psql::identifier(template)
        );
        self.inner.admin(&sql);
        TestDatabase::new(self.clone(), name)
    }
}

/// A database for one test, dropped with the value even if sessions are connected.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: TestCluster,
    name: String,
    url: String,
}

impl TestDatabase {
    fn new(cluster: TestCluster, name: String) -> Self {
        let url = cluster.url(&name);
        Self { cluster, name, url }
    }

    /// The URL, password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name, unique in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &TestCluster {
        &self.cluster
    }

    /// Runs SQL and returns its output; see [`crate::Binaries::psql`]. Panics if it fails.
    pub fn psql(&self, sql: &str) -> String {
        match self.cluster.binaries().psql_on_ours(&self.url, sql) {
            Ok(printed) => printed,
            Err(error) => panic!("{error}"),
        }
    }

    /// The database's dump by `pg_dump`. Panics if that fails.
    pub fn dump(&self, args: &[&str]) -> String {
        match self.cluster.binaries().pg_dump_of_ours(&self.url, args) {
            Ok(dump) => String::from_utf8_lossy(&dump.bytes).into_owned(),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // It is removed with the cluster at the latest, so an error here (the test stopped the server) is ignored. The server waits
        // until every process of its has closed the files, also one that authenticates a session, whose client may be a task of the
        // very thread that waits here: without a limit that takes the minute of `authentication_timeout`.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", psql::identifier(&self.name));
        let url = format!("{}?options=-cstatement_timeout%3D{DROP_PATIENCE}", self.cluster.url("postgres"));
        let _ = self.cluster.binaries().psql_on_ours(&url, &sql);
    }
}
