//! Constants of the binary COPY format.

use chrono::NaiveDate;

/// The first bytes of the data.
pub(super) const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// PostgreSQL counts days and microseconds from here.
pub(super) const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(epoch) => epoch,
    None => NaiveDate::MIN,
};
/// From the epoch of chrono to that of PostgreSQL.
pub(super) const MICROS_1970_TO_2000: i64 = 946_684_800_000_000;
