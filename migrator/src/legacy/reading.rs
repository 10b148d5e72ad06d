//! Reads the assignments in heap order. A large table is cut into ranges of pages, which several sessions read and decode at the same
//! time, on one snapshot.

use super::assignments::{LegacyAssignments, PhaseRows};
use super::tables::{
    LegacyPhases, LegacyTables, Percentages, RawAssignment, RawPercentage, digest_fields, in_heap_order,
    nullable_date,
};
use crate::change_detector::XidRange;
use crate::database::Database;
use crate::error::MigratorError;
use crate::progress::Progress;
use phaseline_store::{copy, parallel, read};
use sha2::Digest;
use sqlx::{Executor, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Rows between two reports of progress.
const REPORT_EVERY: usize = 8192;
/// Pages in one range: many enough that the cost of a statement does not matter, few enough that some ranges per session need little
/// memory.
const PAGES: u32 = 512;
/// A table of fewer pages is read by one session: others would take longer to connect.
const SMALL: u32 = 2 * PAGES;
/// The most sessions.
const MOST: usize = 4;
/// Ranges per session: one that is read, one that waits for its turn.
const AHEAD: usize = 2;

/// How the assignments are read, the same in each session.
#[derive(Clone, Debug)]
pub(crate) struct AssignmentQuery {
    percentages: Percentages,
    phases: Arc<PhaseRows>,
    /// Rows of these transactions may be newer than the snapshot. None to leave out the facts.
    newer: Option<XidRange>,
}

/// What is known of the assignments beside their rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AssignmentFacts {
    /// Whether a timestamp is missing, or outside the planner's years.
    pub bad_times: bool,
    /// The rows whose transactions had not ended before every other one that the snapshot sees.
    pub newer: u64,
}

/// What [`AssignmentFacts`] are counted from.
const FACTS: &str = "xmin, (created_at >= '0001-01-01' AND created_at < '10000-01-01'
                           AND updated_at >= '0001-01-01' AND updated_at < '10000-01-01') IS NOT TRUE";

/// The rows of one range.
#[derive(Debug, Default)]
struct PageRange {
    assignments: LegacyAssignments,
    /// The digest's text.
    text: Vec<u8>,
    facts: AssignmentFacts,
    first: Option<u64>,
    last: Option<u64>,
}

/// The sessions that read, on the snapshot of another session.
#[derive(Debug)]
pub(crate) struct AssignmentReaders {
    pub connections: Vec<PgConnection>,
    pub snapshot: String,
    /// The number of the table's pages.
    pub pages: u32,
}

impl AssignmentReaders {
    /// Opens them for the snapshot of the caller's transaction, which must be at REPEATABLE READ or hold a lock against writers; none if
    /// the table is small, or if the server has no session free.
    pub(crate) async fn open(
        database: &Database,
        connection: &mut PgConnection,
    ) -> Result<Option<Self>, MigratorError> {
        let pages: i64 = sqlx::query_scalar(
            "SELECT pg_catalog.pg_relation_size('public.resource_assignments')
                    / pg_catalog.current_setting('block_size')::pg_catalog.int8",
        )
        .fetch_one(&mut *connection)
        .await?;
        let pages = u32::try_from(pages).unwrap_or(u32::MAX - PAGES);
        if pages < SMALL {
            return Ok(None);
        }
        let wanted = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
        let opened =
            futures_util::future::join_all((0..wanted).map(|_| database.connect("phaseline reader"))).await;
        let connections: Vec<PgConnection> = opened.into_iter().flatten().collect();
        if connections.is_empty() {
            return Ok(None);
        }
        let snapshot = parallel::export_snapshot(connection).await?;
        Ok(Some(Self { connections, snapshot, pages }))
    }
}

/// The number of rows of all three tables as the server estimates it.
pub(crate) async fn estimated_rows(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let rows: i64 = sqlx::query_scalar(
        "SELECT coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::pg_catalog.int8 FROM pg_catalog.pg_class c
          WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
            AND c.relname IN ('projects', 'project_phases', 'resource_assignments')",
    )
    .fetch_one(connection)
    .await?;
    Ok(rows.unsigned_abs())
}

/// Reports progress of one step; `before` were read already.
#[derive(Clone, Copy)]
pub(crate) struct ReadProgress<'a> {
    pub progress: &'a dyn Progress,
    pub before: usize,
    /// The number of all rows, or nearly so.
    pub total: u64,
}

impl ReadProgress<'_> {
    fn advance(&self, rows: usize) {
        self.progress.advance(((self.before + rows) as u64).min(self.total));
    }
}

impl AssignmentQuery {
    pub(crate) fn new(phases: &LegacyPhases, percentages: Percentages, newer: Option<XidRange>) -> Self {
        Self { percentages, phases: Arc::clone(&phases.phase_rows), newer }
    }

    /// Reads a range of pages, or the whole table. `each` gets the number of rows now and then, with the digest's text so far, which it
    /// may take.
    async fn read(
        &self,
        connection: &mut PgConnection,
        pages: Option<(u32, Option<u32>)>,
        mut each: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<PageRange, MigratorError> {
        let percentage = match self.percentages {
            Percentages::Read => "allocation_percentage",
            Percentages::LeftOut => "NULL",
        };
        let limits = match pages {
            None => String::new(),
            Some((from, None)) => format!("WHERE ctid >= '({from},0)'"),
            Some((from, Some(to))) => format!("WHERE ctid >= '({from},0)' AND ctid < '({to},0)'"),
        };
        // No ORDER BY, to avoid a sort: with this session's settings a plain scan returns heap order, which is checked.
        let facts = if self.newer.is_some() { FACTS } else { "NULL, false" };
        let query = format!(
            "SELECT ctid, id, resource_id, project_id, project_phase_id, assignment_date, {percentage}, {facts}
               FROM public.resource_assignments {limits}"
        );
        let mut range = PageRange::default();
        let PageRange { assignments, text, facts, first, last } = &mut range;
        copy::read(connection, &query, |row| {
            in_heap_order(last, row.tid(0)?)?;
            first.get_or_insert(row.tid(0)?);
            digest_fields(text, &row, 1..6)?;
            if let Some(newer) = self.newer {
                facts.newer += u64::from(newer.contains(row.i32(7)?.cast_unsigned()));
            }
            facts.bad_times |= row.bytes(8)? != [0];
            let raw = RawAssignment {
                id: row.uuid(1)?.into(),
                resource: row.nullable_uuid(2)?,
                project: row.nullable_uuid(3)?.map(Into::into),
                phase: row.nullable_uuid(4)?.map(Into::into),
                date: nullable_date(&row, 5)?,
                percentage: RawPercentage::new(row.ten_thousandths(6)?),
            };
            assignments.push(raw, &self.phases)?;
            if assignments.len() % REPORT_EVERY == 0 {
                each(assignments.len(), text);
            }
            Ok::<_, MigratorError>(())
        })
        .await?;
        Ok(range)
    }
}

impl LegacyTables {
    /// Reads all three tables in the caller's session and snapshot. Needs SELECT on them. `total` is the number of their rows, or nearly
    /// so, for the progress of the current step.
    pub(crate) async fn read(
        connection: &mut PgConnection,
        progress: &dyn Progress,
        total: u64,
    ) -> Result<Self, MigratorError> {
        progress.total(total);
        let phases = LegacyPhases::read(connection).await?;
        let query = AssignmentQuery::new(&phases, Percentages::LeftOut, None);
        let before = phases.projects.len() + phases.phases.len();
        let (tables, _) =
            phases.with_assignments(connection, &query, ReadProgress { progress, before, total }).await?;
        Ok(tables)
    }
}

impl LegacyPhases {
    /// Reads the assignments in the caller's session and snapshot.
    pub(crate) async fn with_assignments(
        mut self,
        connection: &mut PgConnection,
        query: &AssignmentQuery,
        progress: ReadProgress<'_>,
    ) -> Result<(LegacyTables, AssignmentFacts), MigratorError> {
        let hasher = &mut self.hasher;
        let range = query
            .read(connection, None, |rows, text| {
                hasher.update(&*text);
                text.clear();
                progress.advance(rows);
            })
            .await?;
        self.hasher.update(&range.text);
        progress.progress.advance(progress.total);
        Ok(self.finish(range.assignments, range.facts))
    }

    /// Reads the assignments in other sessions.
    pub(crate) async fn with_assignments_beside(
        mut self,
        readers: AssignmentReaders,
        query: &AssignmentQuery,
        progress: ReadProgress<'_>,
    ) -> Result<(LegacyTables, AssignmentFacts), MigratorError> {
        let expected = usize::try_from(progress.total).unwrap_or_default();
        let mut assignments = LegacyAssignments::with_capacity(expected);
        let mut facts = AssignmentFacts::default();
        let mut last = None;
        read_ranges(readers, query, |range| {
            if let Some(first) = range.first {
                in_heap_order(&mut last, first)?;
                last = range.last;
            }
            self.hasher.update(&range.text);
            assignments.append(&range.assignments)?;
            facts.newer += range.facts.newer;
            facts.bad_times |= range.facts.bad_times;
            progress.advance(assignments.len());
            Ok(())
        })
        .await?;
        progress.progress.advance(progress.total);
        Ok(self.finish(assignments, facts))
    }

    fn finish(
        self,
        assignments: LegacyAssignments,
        facts: AssignmentFacts,
    ) -> (LegacyTables, AssignmentFacts) {
        let Self { projects, phases, phase_rows, hasher } = self;
        (LegacyTables { projects, phases, phase_rows, assignments, digest: hasher.finalize().into() }, facts)
    }
}

/// Calls `each` with the ranges in heap order.
async fn read_ranges(
    readers: AssignmentReaders,
    query: &AssignmentQuery,
    mut each: impl FnMut(PageRange) -> Result<(), MigratorError>,
) -> Result<(), MigratorError> {
    let AssignmentReaders { connections, snapshot, pages } = readers;
    let ranges = pages.div_ceil(PAGES).max(1);
    let next = Arc::new(AtomicU32::new(0));
    let ahead = Arc::new(Semaphore::new(connections.len() * AHEAD));
    let (sender, mut received) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for connection in connections {
        let reader = RangeReader {
            connection,
            query: query.clone(),
            snapshot: snapshot.clone(),
            ranges,
            next: Arc::clone(&next),
            ahead: Arc::clone(&ahead),
        };
        tasks.spawn(reader.read(sender.clone()));
    }
    drop(sender);
    let mut waiting = BTreeMap::new();
    let mut done = 0;
    while let Some((number, range)) = received.recv().await {
        waiting.insert(number, range);
        while let Some(range) = waiting.remove(&done) {
            done += 1;
            each(range)?;
            ahead.add_permits(1);
        }
    }
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(read) => read?,
            Err(error) => return Err(MigratorError::SelfCheck(format!("a reader failed: {error}"))),
        }
    }
    if done == ranges {
        return Ok(());
    }
    Err(MigratorError::SelfCheck(format!("{done} of {ranges} ranges of the assignments were read")))
}

/// One session that reads range after range.
struct RangeReader {
    connection: PgConnection,
    query: AssignmentQuery,
    snapshot: String,
    ranges: u32,
    /// The number of the next range.
    next: Arc<AtomicU32>,
    ahead: Arc<Semaphore>,
}

impl RangeReader {
    async fn read(mut self, sender: mpsc::UnboundedSender<(u32, PageRange)>) -> Result<(), MigratorError> {
        let mut transaction = read::snapshot(&mut self.connection).await?;
        // A range of pages is read as such, even if it is most of the table.
        let settings = format!(
            "SET TRANSACTION SNAPSHOT '{}'; SET LOCAL enable_tidscan = on; SET LOCAL enable_seqscan = off",
            self.snapshot.replace('\'', "''")
        );
        transaction.execute(settings.as_str()).await?;
        // A closed gate means that all ranges are taken, or that another session failed and reports its error.
        while let Ok(permit) = self.ahead.acquire().await {
            permit.forget();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.ranges {
                break;
            }
            // The last range is open: rows that the snapshot sees may be on later pages if the table was smaller when it was measured.
            let end = (number + 1 < self.ranges).then_some((number + 1) * PAGES);
            let range = self.query.read(&mut transaction, Some((number * PAGES, end)), |_, _| ()).await?;
            if sender.send((number, range)).is_err() {
                break;
            }
        }
        transaction.rollback().await?;
        Ok(())
    }
}

impl Drop for RangeReader {
    /// When a session ends, no other may wait for its turn: all ranges are taken, or this session failed.
    fn drop(&mut self) {
        self.ahead.close();
    }
}
