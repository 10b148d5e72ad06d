//! Notices whether tables changed between a snapshot and a lock, without having held anything in between.

use crate::legacy::LegacyTables;
use sqlx::PgConnection;

/// What a snapshot saw of the tables.
///
/// A row inserted or updated after the snapshot carries a transaction id that was not finished then; if there is none
/// of those and the count is the same, nothing was deleted either: nothing changed.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// The oldest transaction that the snapshot did not see the end of, as a 32-bit id.
    horizon: String,
    counts: Vec<(&'static str, i64)>,
}

impl Watch {
    /// Starts in the caller's snapshot, or in the statement's at READ COMMITTED: call it before reading.
    pub(crate) async fn start(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let horizon = sqlx::query_scalar(
            "SELECT ((pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text)::numeric
                     % 4294967296)::text",
        )
        .fetch_one(connection)
        .await?;
        Ok(Self { horizon, counts: Vec::new() })
    }

    /// With the rows that the snapshot had.
    pub(crate) fn with_counts(mut self, tables: &LegacyTables) -> Self {
        let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
        self.counts = vec![
            ("projects", count(tables.projects.len())),
            ("project_phases", count(tables.phases.len())),
            ("resource_assignments", count(tables.assignments.len())),
        ];
        self
    }

    /// Expects so many rows in a table.
    pub(crate) fn expect(&mut self, table: &'static str, rows: u64) {
        self.counts.push((table, i64::try_from(rows).unwrap_or(i64::MAX)));
    }

    /// The condition under which a row `t` is newer than the snapshot: its transaction is one of those from the horizon
    /// up to the newest now. The upper end matters: a frozen row keeps the number of a transaction that may be more than
    /// half a circle of numbers old, and would look like one of the future.
    pub(crate) fn newer(&self) -> String {
        format!(
            "pg_catalog.age(t.xmin) BETWEEN (SELECT pg_catalog.age(((pg_catalog.pg_snapshot_xmax(
                 pg_catalog.pg_current_snapshot())::text)::numeric % 4294967296)::text::xid))
               AND pg_catalog.age('{}'::xid)",
            self.horizon
        )
    }

    /// The tables that changed since. Only sound under a lock that keeps writers out.
    pub(crate) async fn changed(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<&'static str>, sqlx::Error> {
        let mut changed = Vec::new();
        for (table, _) in &self.counts {
            if self.changed_table(connection, table).await? {
                changed.push(*table);
            }
        }
        Ok(changed)
    }

    /// Whether one table changed since; a table of which nothing is expected counts as changed.
    pub(crate) async fn changed_table(
        &self,
        connection: &mut PgConnection,
        table: &str,
    ) -> Result<bool, sqlx::Error> {
        let Some((table, expected)) = self.counts.iter().find(|(watched, _)| *watched == table) else {
            return Ok(true);
        };
        let (rows, newer): (i64, i64) = sqlx::query_as(&format!(
            "SELECT count(*), count(*) FILTER (WHERE {}) FROM public.{table} t",
            self.newer()
        ))
        .fetch_one(connection)
        .await?;
        Ok(rows != *expected || newer != 0)
    }
}
