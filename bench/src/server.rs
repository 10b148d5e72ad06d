//! The server on which both sides run, with the settings of a production server.

use crate::error::Result;
use crate::meter::Meter;
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions};
use phaseline_migrator::Database;
use sqlx::{Connection, PgConnection};

/// The server, and the sizes of the cases.
#[derive(Debug)]
pub(crate) struct Bench {
    cluster: TestCluster,
    pub(crate) sizes: Sizes,
    pub(crate) rounds: u32,
}

/// The sizes of the cases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Events in a log.
    pub(crate) events: u64,
    /// Events in the log of which rebuild-scaling rebuilds five times as much.
    pub(crate) scaling: u64,
    /// Events in the log that is read at any position.
    pub(crate) portfolio: u64,
    /// Events that cqrs-es replays one by one.
    pub(crate) replayed: u64,
    /// Commands of one client per round; more clients execute a multiple.
    pub(crate) commands: u64,
    /// Requests of which a median is taken.
    pub(crate) requests: u32,
    /// Commands to the hot timeline.
    pub(crate) hot: u64,
    /// Projects of the migration, and their assignments.
    pub(crate) legacy: (u32, u64),
    /// The same for the original's algorithm.
    pub(crate) original: (u32, u64),
}

impl Sizes {
    /// Sizes at which ratios are those of large databases.
    pub(crate) fn large(events: u64) -> Self {
        Self {
            events,
            scaling: events.min(1_000_000),
            portfolio: events,
            replayed: events.min(10_000),
            commands: 2_048,
            requests: 200,
            hot: 2_000,
            legacy: (10_000, 1_000_000),
            original: (200, 20_000),
        }
    }

    /// Small sizes, to check the benchmarks themselves and to find severe regressions.
    pub(crate) const fn small(events: u64) -> Self {
        Self {
            events,
            scaling: events / 5,
            portfolio: events / 4,
            replayed: 1_000,
            commands: 256,
            requests: 40,
            hot: 400,
            legacy: (500, 50_000),
            original: (50, 5_000),
        }
    }
}

impl Bench {
    /// Starts the server.
    pub(crate) fn start(sizes: Sizes, rounds: u32) -> Self {
        Self { cluster: TestCluster::start(TestOptions::durable()), sizes, rounds }
    }

    /// Measures work on this server.
    pub(crate) fn meter(&self) -> Meter {
        Meter::new(self.cluster.process_id())
    }

    /// An empty database.
    pub(crate) fn empty(&self) -> TestDatabase {
        self.cluster.database()
    }

    /// A copy; no session may be connected to the original.
    pub(crate) fn copy(&self, of: &TestDatabase) -> TestDatabase {
        self.cluster.database_from(of.name())
    }
}

/// A connection with PostgreSQL's default settings.
pub(crate) async fn connect(url: &str) -> Result<PgConnection> {
    Ok(PgConnection::connect(url).await?)
}

/// The database for the migrator.
pub(crate) fn handle(url: &str) -> Result<Database> {
    Ok(Database::new(url.parse()?))
}

/// Runs SQL of one or many statements.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}

/// Runs a checkpoint, so that the next measurement does not include earlier writes.
pub(crate) async fn settle(connection: &mut PgConnection) -> Result<()> {
    run(connection, "CHECKPOINT").await
}

/// The number of rows, and a sum over all of them that does not depend on their order.
pub(crate) async fn digest(connection: &mut PgConnection, columns: &str, table: &str) -> Result<String> {
    let query = format!(
        "SELECT count(*) || ' rows ' || coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)
           FROM (SELECT ROW({columns}) AS r FROM {table}) AS rows"
    );
    Ok(sqlx::query_scalar(&query).fetch_one(connection).await?)
}

/// One number.
pub(crate) async fn number(connection: &mut PgConnection, query: &str) -> Result<i64> {
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}
