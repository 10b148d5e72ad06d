//! Dates and timestamps, including extremes: the first and the last with a year of four digits.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use proptest::prelude::*;

/// 9999-12-31 is this many days after 0001-01-01.
pub(super) const LAST_DAY: u32 = 3_652_058;

/// The day this many days after 0001-01-01, or 9999-12-31 if that comes first.
pub(super) fn day(number: u32) -> NaiveDate {
    first_day() + Days::new(number.min(LAST_DAY).into())
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(1, 1, 1).expect("a date")
}

/// Values of `created_at` and `updated_at`: with microseconds, often equal, sometimes at the limits of the calendar.
pub(super) fn timestamps() -> impl Strategy<Value = NaiveDateTime> {
    let years_of_planning = 63_808_000_000_000_000..63_903_000_000_000_000_i64;
    let edge = prop::sample::select(vec![
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00.000001",
        "0004-02-29T12:00:00.1",
        "1582-10-10T23:59:59.999999",
        "1970-01-01T00:00:00",
        "1999-12-31T23:59:59.5",
        "2024-10-27T02:30:00",
        "9999-12-31T23:59:59.999999",
    ]);
    prop_oneof![
        6 => years_of_planning.prop_map(microseconds_of_our_era),
        2 => Just(microseconds_of_our_era(63_867_484_713_121_882)),
        1 => (0..i64::from(LAST_DAY) * 86_400_000_000).prop_map(microseconds_of_our_era),
        1 => edge.prop_map(|text: &str| text.parse().expect("a moment")),
    ]
}

fn microseconds_of_our_era(microseconds: i64) -> NaiveDateTime {
    first_day().and_time(NaiveTime::MIN) + TimeDelta::microseconds(microseconds)
}

/// As an SQL literal.
pub(super) fn sql(moment: NaiveDateTime) -> String {
    moment.format("'%Y-%m-%d %H:%M:%S%.6f'").to_string()
}
