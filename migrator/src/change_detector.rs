//! Detects changes of tables between a snapshot and a later lock, without holding a lock in between.

use crate::database::parallel;
use phaseline_store::{StoreError, copy};
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// The tables that runs read.
const TABLES: [&str; 3] = ["projects", "project_phases", ASSIGNMENTS];
const ASSIGNMENTS: &str = "resource_assignments";

/// The state of the tables in a snapshot.
///
/// A row that was inserted or updated after the snapshot has the number of a transaction that had not ended then: one from the
/// snapshot's horizon on. If an old open transaction keeps the horizon back, the snapshot sees some such rows already; their locations
/// and transactions are kept as a sum of hashes. The same number of rows and the same sum under the lock mean that nothing changed.
#[derive(Clone, Debug)]
pub(crate) struct TableFingerprints {
    /// The oldest transaction that had not ended at the snapshot, as a 32-bit number.
    horizon: String,
    /// The first transaction that the snapshot does not see.
    newest: String,
    seen: Vec<(&'static str, Fingerprint)>,
    /// The assignments from the horizon on that the snapshot sees, by location and transaction: none, unless an old transaction
    /// keeps the horizon back.
    assignments: HashSet<(u64, i64)>,
}

/// Transactions by their 32-bit numbers, which begin again from the start when they are used up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct XidRange {
    first: u32,
    more: u32,
}

impl XidRange {
    pub(crate) const fn contains(self, xid: u32) -> bool {
        xid.wrapping_sub(self.first) <= self.more
    }
}

/// The greatest number of transactions that a condition lists by their numbers.
const LISTED: u32 = 5000;

/// The number of rows, the number of rows from the horizon on, and the sum over the latter.
type Fingerprint = (i64, i64, Option<String>);

impl TableFingerprints {
    /// Starts in the caller's snapshot, or at READ COMMITTED now. If it is called before reading, changes between this call and the
    /// reading count as changes.
    pub(crate) async fn take(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let mut fingerprints = Self::begin(connection).await?;
        fingerprints.take_assignments(connection).await?;
        Ok(fingerprints)
    }

    /// The same but for the assignments, which [`TableFingerprints::assignments_read`] adds.
    pub(crate) async fn begin(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let (horizon, newest): (String, String) = sqlx::query_as(
            "SELECT ((pg_catalog.pg_snapshot_xmin(s)::text)::numeric % 4294967296)::text,
                    ((pg_catalog.pg_snapshot_xmax(s)::text)::numeric % 4294967296)::text
               FROM pg_catalog.pg_current_snapshot() s",
        )
        .fetch_one(&mut *connection)
        .await?;
        let mut fingerprints = Self { horizon, newest, seen: Vec::new(), assignments: HashSet::new() };
        for table in TABLES.into_iter().filter(|table| *table != ASSIGNMENTS) {
            let fingerprint = fingerprints.fingerprint(connection, table).await?;
            fingerprints.seen.push((table, fingerprint));
        }
        Ok(fingerprints)
    }

    /// Adds the assignments after all of them were read in the same snapshot: their number, and the number of those whose transaction is
    /// in [`TableFingerprints::since`]. There are none of these, and nothing to look up, unless an old transaction keeps the horizon back.
    pub(crate) async fn assignments_read(
        &mut self,
        connection: &mut PgConnection,
        rows: u64,
        newer: u64,
    ) -> Result<(), StoreError> {
        if newer > 0 {
            return self.take_assignments(connection).await;
        }
        self.seen.push((ASSIGNMENTS, (i64::try_from(rows).unwrap_or(i64::MAX), 0, None)));
        Ok(())
    }

    async fn take_assignments(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let fingerprint = self.fingerprint(connection, ASSIGNMENTS).await?;
        if fingerprint.1 > 0 {
            self.assignments =
                self.since_horizon(connection).await?.into_iter().map(|(_, row)| row).collect();
        }
        self.seen.push((ASSIGNMENTS, fingerprint));
        Ok(())
    }

    /// The transactions from the horizon to the snapshot's newest one.
    pub(crate) fn since(&self) -> XidRange {
        match (self.horizon.parse::<u32>(), self.newest.parse::<u32>()) {
            (Ok(first), Ok(newest)) => XidRange { first, more: newest.wrapping_sub(first) },
            _ => XidRange { first: 0, more: u32::MAX },
        }
    }

    /// The condition that a row `t` is from the horizon on: its transaction is between the horizon and the newest one now. The upper end
    /// is needed: a frozen row keeps its transaction number, which may be so old that it would compare as a future one (wraparound).
    fn newer(&self) -> String {
        format!(
            "pg_catalog.age(t.xmin) BETWEEN (SELECT pg_catalog.age(((pg_catalog.pg_snapshot_xmax(
                 pg_catalog.pg_current_snapshot())::text)::numeric % 4294967296)::text::xid))
               AND pg_catalog.age('{}'::xid)",
            self.horizon
        )
    }

    /// The same condition in a form that parallel workers can check at little cost per row: the few numbers are listed.
    /// [`TableFingerprints::newer`] if they are many.
    async fn newer_listed(&self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        let newest: String = sqlx::query_scalar(
            "SELECT ((pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text)::numeric
                     % 4294967296)::text",
        )
        .fetch_one(connection)
        .await?;
        let (Ok(horizon), Ok(newest)) = (self.horizon.parse::<u32>(), newest.parse::<u32>()) else {
            return Ok(self.newer());
        };
        let count = newest.wrapping_sub(horizon);
        if count > LISTED {
            return Ok(self.newer());
        }
        let numbers: Vec<String> =
            (0..=count).map(|step| horizon.wrapping_add(step)).map(|xid| xid.to_string()).collect();
        Ok(format!("t.xmin = ANY ('{{{}}}'::pg_catalog.xid[])", numbers.join(",")))
    }

    async fn fingerprint(
        &self,
        connection: &mut PgConnection,
        table: &str,
    ) -> Result<Fingerprint, sqlx::Error> {
        let newer = self.newer_listed(&mut *connection).await?;
        // Neither counts nor sums depend on the order of rows, so parallel workers may help; users wait for this statement.
        parallel(connection, 2).await?;
        let found = sqlx::query_as(&format!(
            "SELECT count(*), count(*) FILTER (WHERE {newer}),
                    sum(pg_catalog.hashtidextended(t.ctid, t.xmin::text::bigint)) FILTER (WHERE {newer})::text
               FROM public.{table} t"
        ))
        .fetch_one(&mut *connection)
        .await?;
        parallel(connection, 0).await?;
        Ok(found)
    }

    /// The assignments that were inserted or updated since the snapshot. Only valid under a lock that
    /// keeps writers out.
    pub(crate) async fn newer_assignments(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Uuid>, StoreError> {
        let rows = self.since_horizon(connection).await?;
        Ok(rows.into_iter().filter(|(_, row)| !self.assignments.contains(row)).map(|(id, _)| id).collect())
    }

    /// The assignments from the horizon on, with their location and transaction.
    async fn since_horizon(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<(Uuid, (u64, i64))>, StoreError> {
        let newer = self.newer_listed(&mut *connection).await?;
        let query =
            format!("SELECT t.id, t.ctid, t.xmin::text::bigint FROM public.{ASSIGNMENTS} t WHERE {newer}");
        let mut rows = Vec::new();
        parallel(connection, 2).await?;
        copy::read(connection, &query, |row| {
            rows.push((row.uuid(0)?, (row.tid(1)?, row.i64(2)?)));
            Ok::<_, StoreError>(())
        })
        .await?;
        parallel(connection, 0).await?;
        Ok(rows)
    }

    /// The tables that changed since. Only valid under a lock that keeps writers out.
    pub(crate) async fn changed(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<(&'static str, Recheck)>, sqlx::Error> {
        let mut changed = Vec::new();
        for (table, _) in &self.seen {
            let now = self.recheck(connection, table).await?;
            if now.changed {
                changed.push((*table, now));
            }
        }
        Ok(changed)
    }

    /// Checks one table again. Only valid under a lock that keeps writers out.
    pub(crate) async fn recheck(
        &self,
        connection: &mut PgConnection,
        table: &str,
    ) -> Result<Recheck, sqlx::Error> {
        let now = self.fingerprint(connection, table).await?;
        let rows = now.0.unsigned_abs();
        let changed =
            self.seen.iter().find(|(watched, _)| *watched == table).is_none_or(|(_, then)| *then != now);
        Ok(Recheck { changed, rows })
    }
}

/// The result of the second check of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recheck {
    /// Whether anything changed.
    pub changed: bool,
    /// Its number of rows now.
    pub rows: u64,
}
