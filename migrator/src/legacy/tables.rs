//! Reads the legacy tables with invalid values, in heap order.

use crate::error::MigratorError;
use crate::legacy::assignments::{AssignmentRow, LegacyAssignments, PhaseRows};
pub(crate) use crate::legacy::raw::{
    BadTime, RawAssignment, RawDate, RawPercentage, RawPhase, RawProject, RawTimestamp,
};
use phaseline_domain::{AssignmentId, PhaseId};
use phaseline_store::copy;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::sync::Arc;

/// The three tables in one snapshot.
#[derive(Debug)]
pub(crate) struct LegacyTables {
    pub projects: Vec<RawProject>,
    pub phases: Vec<RawPhase>,
    /// The phases by id.
    pub phase_rows: Arc<PhaseRows>,
    pub assignments: LegacyAssignments,
    /// SHA-256 over every value read, in order.
    pub digest: [u8; 32],
}

impl LegacyTables {
    /// The id of an assignment, and its phase.
    pub(crate) fn link(&self, row: AssignmentRow<'_>) -> (AssignmentId, Option<PhaseId>) {
        match row {
            AssignmentRow::Own(own) => (own.id, self.phases.get(own.phase as usize).map(|phase| phase.id)),
            AssignmentRow::Odd(raw) => (raw.id, raw.phase),
        }
    }
}

/// Heap order is the order of `pg_dump`; the session's settings request it, and it is checked.
pub(crate) fn in_heap_order(last: &mut Option<u64>, tid: u64) -> Result<(), MigratorError> {
    if last.is_some_and(|last| last >= tid) {
        return Err(MigratorError::HeapOrder);
    }
    *last = Some(tid);
    Ok(())
}

/// Adds fields to the digest's text: each is preceded by its length.
pub(super) fn digest_fields(
    text: &mut Vec<u8>,
    row: &copy::Row<'_>,
    fields: std::ops::Range<usize>,
) -> Result<(), copy::CopyError> {
    for index in fields {
        match row.nullable(index)? {
            None => text.extend_from_slice(&u32::MAX.to_be_bytes()),
            Some(bytes) => {
                text.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1).to_be_bytes());
                text.extend_from_slice(bytes);
            }
        }
    }
    Ok(())
}

pub(super) fn nullable_date(row: &copy::Row<'_>, index: usize) -> Result<RawDate, copy::CopyError> {
    Ok(RawDate::new(row.nullable(index)?.map(|_| row.i32(index)).transpose()?))
}

/// Whether assignments' percentages are read. They are used for figures only, so the digest leaves them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Percentages {
    Read,
    LeftOut,
}

impl Percentages {
    /// Whether the column can be read. The migration does not need it, so it may have any type, or be missing.
    pub(crate) async fn find(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let readable: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                             WHERE a.attrelid = 'public.resource_assignments'::regclass AND NOT a.attisdropped
                               AND a.attname = 'allocation_percentage' AND a.atttypid = 'numeric'::regtype
                               AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'))",
        )
        .fetch_one(connection)
        .await?;
        Ok(if readable { Self::Read } else { Self::LeftOut })
    }
}

/// Projects and phases, and the digest so far.
pub(crate) struct LegacyPhases {
    pub projects: Vec<RawProject>,
    pub phases: Vec<RawPhase>,
    pub phase_rows: Arc<PhaseRows>,
    pub(super) hasher: Sha256,
}

impl LegacyPhases {
    /// Reads projects and phases in the caller's snapshot. Needs SELECT on them.
    pub(crate) async fn read(connection: &mut PgConnection) -> Result<Self, MigratorError> {
        let nullable_timestamp = |row: &copy::Row<'_>, index| -> Result<RawTimestamp, copy::CopyError> {
            Ok(RawTimestamp::new(row.nullable(index)?.map(|_| row.i64(index)).transpose()?))
        };
        let nullable_text = |row: &copy::Row<'_>, index| -> Result<Option<String>, copy::CopyError> {
            Ok(row.nullable(index)?.map(|_| row.text(index)).transpose()?.map(str::to_owned))
        };

        let mut hasher = Sha256::new();
        let mut text = Vec::new();
        let mut projects = Vec::new();
        hasher.update(b"projects");
        // In order of id: the migration does not carry over the projects' heap order.
        copy::read(connection, "SELECT id, start_date, end_date FROM public.projects ORDER BY id", |row| {
            text.clear();
            digest_fields(&mut text, &row, 0..3)?;
            hasher.update(&text);
            projects.push(RawProject {
                id: row.uuid(0)?.into(),
                start: nullable_date(&row, 1)?,
                end: nullable_date(&row, 2)?,
            });
            Ok::<_, MigratorError>(())
        })
        .await?;

        let mut phases = Vec::new();
        let mut last = None;
        hasher.update(b"project_phases");
        copy::read(
            connection,
            "SELECT ctid, id, project_id, phase_type::text, capital_budget::text, expense_budget::text, \
             total_budget::text, created_at, updated_at FROM public.project_phases ORDER BY ctid",
            |row| {
                in_heap_order(&mut last, row.tid(0)?)?;
                text.clear();
                digest_fields(&mut text, &row, 1..9)?;
                hasher.update(&text);
                phases.push(RawPhase {
                    id: row.uuid(1)?.into(),
                    project: row.nullable_uuid(2)?.map(Into::into),
                    phase_type: nullable_text(&row, 3)?,
                    budgets: [nullable_text(&row, 4)?, nullable_text(&row, 5)?, nullable_text(&row, 6)?],
                    created_at: nullable_timestamp(&row, 7)?,
                    updated_at: nullable_timestamp(&row, 8)?,
                });
                Ok::<_, MigratorError>(())
            },
        )
        .await?;
        hasher.update(b"resource_assignments");
        let phase_rows = Arc::new(PhaseRows::new(&projects, &phases));
        Ok(Self { projects, phases, phase_rows, hasher })
    }
}
