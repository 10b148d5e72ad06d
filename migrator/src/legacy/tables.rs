//! Reads the legacy tables with invalid values, in heap order.

use crate::error::MigratorError;
use crate::legacy::assignments::{AssignmentRow, LegacyAssignments, PhaseRows};
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use phaseline_store::copy;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::sync::Arc;
use uuid::Uuid;

/// A `date` as PostgreSQL stores it: days since 2000-01-01; the extreme values are the infinities. Not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RawDate(Option<i32>);

/// A `timestamp` as PostgreSQL stores it: microseconds since 2000-01-01; the extreme values are the infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawTimestamp(Option<i64>);

/// Why a date or a timestamp cannot be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTime {
    Null,
    Infinite,
    OutOfRange,
}

impl std::fmt::Display for BadTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::Infinite => "infinite",
            Self::OutOfRange => "outside the years 1 to 9999",
        })
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

impl RawDate {
    pub(crate) fn get(self) -> Result<NaiveDate, BadTime> {
        let days = self.0.ok_or(BadTime::Null)?;
        if days == i32::MAX || days == i32::MIN {
            return Err(BadTime::Infinite);
        }
        let since_ce = days.checked_add(730_120).ok_or(BadTime::OutOfRange)?; // 2000-01-01 is day 730 120 of the era
        let date = NaiveDate::from_num_days_from_ce_opt(since_ce).ok_or(BadTime::OutOfRange)?;
        if (1..=9999).contains(&chrono::Datelike::year(&date)) { Ok(date) } else { Err(BadTime::OutOfRange) }
    }
}

impl RawTimestamp {
    pub(crate) fn get(self) -> Result<NaiveDateTime, BadTime> {
        let micros = self.0.ok_or(BadTime::Null)?;
        if micros == i64::MAX || micros == i64::MIN {
            return Err(BadTime::Infinite);
        }
        let days = i32::try_from(micros.div_euclid(DAY_MICROS)).map_err(|_| BadTime::OutOfRange)?;
        let date = RawDate(Some(days)).get()?;
        date.and_hms_opt(0, 0, 0)
            .map(|midnight| midnight + chrono::TimeDelta::microseconds(micros.rem_euclid(DAY_MICROS)))
            .ok_or(BadTime::OutOfRange)
    }
}

/// An `allocation_percentage` in ten-thousandths of a percent; the least number if it has no usable value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawPercentage(i32);

impl RawPercentage {
    const NONE: Self = Self(i32::MIN);

    pub(super) fn new(ten_thousandths: Option<i32>) -> Self {
        ten_thousandths.map_or(Self::NONE, Self)
    }

    pub(crate) fn get(self) -> Option<i64> {
        (self != Self::NONE).then_some(i64::from(self.0))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RawProject {
    pub id: ProjectId,
    pub start: RawDate,
    pub end: RawDate,
}

#[derive(Clone, Debug)]
pub(crate) struct RawPhase {
    pub id: PhaseId,
    pub project: Option<ProjectId>,
    pub phase_type: Option<String>,
    /// Capital, expense, total, as PostgreSQL prints them.
    pub budgets: [Option<String>; 3],
    pub created_at: RawTimestamp,
    pub updated_at: RawTimestamp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAssignment {
    pub id: AssignmentId,
    pub resource: Option<Uuid>,
    pub project: Option<ProjectId>,
    pub phase: Option<PhaseId>,
    pub date: RawDate,
    pub percentage: RawPercentage,
}

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
    Ok(RawDate(row.nullable(index)?.map(|_| row.i32(index)).transpose()?))
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
            Ok(RawTimestamp(row.nullable(index)?.map(|_| row.i64(index)).transpose()?))
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

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn dates_are_read_as_postgresql_counts_them() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        assert_eq!(RawDate(Some(0)).get(), Ok(day(2000, 1, 1)));
        assert_eq!(RawDate(Some(-730_119)).get(), Ok(day(1, 1, 1)));
        assert_eq!(RawDate(Some(-730_120)).get(), Err(BadTime::OutOfRange), "1 BC");
        assert_eq!(RawDate(Some(2_921_939)).get(), Ok(day(9999, 12, 31)));
        assert_eq!(RawDate(Some(2_921_940)).get(), Err(BadTime::OutOfRange), "year 10000");
        assert_eq!(RawDate(Some(i32::MAX)).get(), Err(BadTime::Infinite));
        assert_eq!(RawDate(Some(i32::MIN)).get(), Err(BadTime::Infinite));
        assert_eq!(RawDate(None).get(), Err(BadTime::Null));
    }

    #[test]
    fn timestamps_keep_their_microseconds_also_before_2000() {
        let time = RawTimestamp(Some(-1)).get().unwrap();
        assert_eq!(time.to_string(), "1999-12-31 23:59:59.999999");
        assert_eq!(RawTimestamp(Some(i64::MAX)).get(), Err(BadTime::Infinite));
        assert_eq!(RawTimestamp(Some(i64::MIN + 1)).get(), Err(BadTime::OutOfRange));
    }
}
