//! Ranges of dates.

use chrono::{Days as Number, NaiveDate};
use std::fmt;

/// The days from the first to the last, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days {
    /// The first day.
    pub first: NaiveDate,
    /// The last day; before the first one only in requests that will be refused.
    pub last: NaiveDate,
}

impl fmt::Debug for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

impl Days {
    /// From the first to the last.
    pub const fn new(first: NaiveDate, last: NaiveDate) -> Self {
        Self { first, last }
    }

    /// The number of days.
    pub fn count(self) -> u64 {
        u64::try_from((self.last - self.first).num_days() + 1).unwrap_or(0)
    }

    /// Whether the range has the day.
    pub fn hold(self, day: NaiveDate) -> bool {
        self.first <= day && day <= self.last
    }

    /// Splits them in order, as evenly as whole days allow, the longer parts first. `None` if there are fewer days
    /// than parts.
    pub fn shared(self, parts: usize) -> Option<Vec<Self>> {
        let mut left = self.count();
        let mut first = self.first;
        let mut shares = Vec::new();
        for waiting in (1..=parts as u64).rev() {
            let length = left.div_ceil(waiting);
            if length == 0 {
                return None;
            }
            let last = first + Number::new(length - 1);
            shares.push(Self { first, last });
            left -= length;
            if left > 0 {
                first = after(last);
            }
        }
        Some(shares)
    }
}

/// The day after.
pub(crate) fn after(day: NaiveDate) -> NaiveDate {
    day + Number::new(1)
}

/// The day before.
pub(crate) fn before(day: NaiveDate) -> NaiveDate {
    day - Number::new(1)
}
