//! Values of the legacy tables as PostgreSQL stores them, not checked.

use crate::spill::FixedSize;
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
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
    pub(super) const fn new(days: Option<i32>) -> Self {
        Self(days)
    }

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
    pub(super) const fn new(micros: Option<i64>) -> Self {
        Self(micros)
    }

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

impl FixedSize for RawPercentage {
    const BYTES: usize = i32::BYTES;

    fn write(&self, into: &mut Vec<u8>) {
        self.0.write(into);
    }

    fn read(bytes: &[u8]) -> Self {
        Self(i32::read(bytes))
    }
}

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
