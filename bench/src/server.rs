//! The server on which both sides run, with the settings of a production server.

use crate::case::Case;
use crate::error::Result;
use crate::meter::Meter;
use crate::profile::{self, Profiler, Side};
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions};
use phaseline_migrator::Database;
use sqlx::{Connection, PgConnection};
use std::path::Path;

/// The server, and the sizes of the cases.
#[derive(Debug)]
pub(crate) struct Bench {
    profiler: Option<Profiler>,
    cluster: TestCluster,
    /// The cases to run. Groups may measure more than these.
    pub(crate) wanted: Vec<&'static Case>,
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
    /// Assignments of a project in `http-64-booked`.
    pub(crate) booked: u64,
    pub(crate) growth: Growth,
}

/// How many times the assignments of the migration are the most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// For the longest wait of a reader.
    pub(crate) waits: u64,
    /// For peak memory.
    pub(crate) memory: u64,
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
            // The working days of a year.
            booked: 250,
            growth: Growth { waits: 3, memory: 3 },
        }
    }

    /// The largest sizes, which take hours.
    pub(crate) fn full(events: u64) -> Self {
        Self { growth: Growth { waits: 3, memory: 10 }, ..Self::large(events) }
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
            booked: 25,
            growth: Growth { waits: 3, memory: 3 },
        }
    }
}

impl Bench {
    /// Starts the server; profiles go into this folder.
    pub(crate) fn start(
        sizes: Sizes,
        rounds: u32,
        wanted: Vec<&'static Case>,
        profiles: Option<&Path>,
    ) -> Result<Self> {
        let settings = profiles.iter().flat_map(|_| profile::SETTINGS);
        let options =
            settings.fold(TestOptions::durable(), |options, (name, value)| options.setting(name, value));
        let cluster = TestCluster::start(options);
        let profiler = profiles.map(|folder| Profiler::new(folder, &cluster)).transpose()?;
        Ok(Self { profiler, cluster, wanted, sizes, rounds })
    }

    /// Whether this case is to run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.iter().any(|case| case.name == name)
    }

    /// Where the profiles of a case are, if there are any.
    pub(crate) fn profiles_of(&self, name: &str) -> Option<String> {
        self.profiler.as_ref()?.note(name)
    }

    /// Measures work on this server.
    pub(crate) fn meter(&self) -> Meter<'_> {
        Meter::new(self.cluster.process_id())
    }

    /// The same for the two sides of a case, which is profiled if that is wanted.
    pub(crate) fn meters(&self, case: &'static str) -> [Meter<'_>; 2] {
        [Side::Ours, Side::Theirs].map(|side| self.meter().profiled(self.profiler.as_ref(), case, side))
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
