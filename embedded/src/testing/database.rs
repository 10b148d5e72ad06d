use super::TestCluster;
use crate::psql;

/// A database for one test, dropped with the value even if sessions are connected.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: TestCluster,
    name: String,
    url: String,
}

impl TestDatabase {
    pub(super) fn new(cluster: TestCluster, name: String) -> Self {
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
        // It is removed with the cluster at the latest, so an error here (the test stopped the server) is ignored.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", psql::identifier(&self.name));
        let _ = self.cluster.binaries().psql_on_ours(&self.cluster.url("postgres"), &sql);
    }
}
