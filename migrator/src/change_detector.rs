//! Notices whether tables changed between a snapshot and a lock, without having held anything in between.

use crate::database::parallel;
use phaseline_store::{StoreError, copy};
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// The tables that runs read.
const TABLES: [&str; 3] = ["projects", "project_phases", ASSIGNMENTS];
const ASSIGNMENTS: &str = "resource_assignments";

/// What a snapshot saw of the tables.
///
/// A row that was inserted or updated after the snapshot carries the number of a transaction that had not ended then:
/// one from the snapshot's horizon on. Of those rows the snapshot may see some already, when an old transaction is open
/// elsewhere and keeps the horizon back; so they are remembered by their place and transaction, as a sum of hashes. The
/// same count of rows and the same sum under the lock mean that nothing changed.
#[derive(Clone, Debug)]
pub(crate) struct TableFingerprints {
    /// The oldest transaction that the snapshot did not see the end of, as a 32-bit number.
    horizon: String,
    seen: Vec<(&'static str, Fingerprint)>,
    /// The assignments from the horizon on that the snapshot saw, by place and transaction: none, unless an old transaction
    /// keeps the horizon back.
    assignments: HashSet<(u64, i64)>,
}

/// Up to so many transactions are listed by their numbers.
const LISTED: u32 = 5000;

/// Rows in all, rows from the horizon on, and the sum over the latter.
type Fingerprint = (i64, i64, Option<String>);

impl TableFingerprints {
    /// Starts in the caller's snapshot, or at READ COMMITTED now: call it before reading, and what changes between
    /// this and the reading counts as changed.
    pub(crate) async fn take(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let horizon = sqlx::query_scalar(
            "SELECT ((pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text)::numeric
                     % 4294967296)::text",
        )
        .fetch_one(&mut *connection)
        .await?;
        let mut fingerprints = Self { horizon, seen: Vec::new(), assignments: HashSet::new() };
        for table in TABLES {
            let fingerprint = fingerprints.fingerprint(connection, table).await?;
            if table == ASSIGNMENTS && fingerprint.1 > 0 {
                fingerprints.assignments =
                    fingerprints.since_horizon(connection).await?.into_iter().map(|(_, row)| row).collect();
            }
            fingerprints.seen.push((table, fingerprint));
        }
        Ok(fingerprints)
    }

    /// The condition under which a row `t` is from the horizon on: its transaction is one of those from there up to the
    /// newest now. The upper end matters: a frozen row keeps the number of a transaction that may be more than half a
    /// circle of numbers old, and would look like one of the future.
    fn newer(&self) -> String {
        format!(
            "pg_catalog.age(t.xmin) BETWEEN (SELECT pg_catalog.age(((pg_catalog.pg_snapshot_xmax(
                 pg_catalog.pg_current_snapshot())::text)::numeric % 4294967296)::text::xid))
               AND pg_catalog.age('{}'::xid)",
            self.horizon
        )
    }

    /// The same condition, written so that it can be checked by several processes and costs little for each row: the few
    /// numbers are listed. [`TableFingerprints::newer`] if they are many.
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
        // Neither counts nor sums depend on the order of rows, so other processes may help; users wait for this.
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

    /// The assignments that are newer than what the snapshot saw: inserted or updated since. Only sound under a lock that
    /// keeps writers out.
    pub(crate) async fn newer_assignments(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Uuid>, StoreError> {
        let rows = self.since_horizon(connection).await?;
        Ok(rows.into_iter().filter(|(_, row)| !self.assignments.contains(row)).map(|(id, _)| id).collect())
    }

    /// The assignments from the horizon on, with their place and transaction.
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

    /// The tables that changed since. Only sound under a lock that keeps writers out.
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

    /// Looks at one table again. Only sound under a lock that keeps writers out.
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

/// A table, looked at again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recheck {
    /// Whether anything changed.
    pub changed: bool,
    /// Its rows now.
    pub rows: u64,
}
