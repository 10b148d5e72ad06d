//! A time of day, as users write it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// A time, with or without the zone that makes it a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenTime {
    /// A moment.
    Instant(DateTime<Utc>),
    /// A local time, which needs a zone.
    Local(NaiveDateTime),
    /// A whole day, which needs a zone; its end is meant, so that its changes are included.
    Day(NaiveDate),
}

/// Parses a time.
pub(crate) fn moment(text: &str) -> Result<GivenTime, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(GivenTime::Instant(time.to_utc()));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(GivenTime::Local(time));
        }
    }
    super::date(text).map(GivenTime::Day).map_err(|_| {
        "not a time: expected such as 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+02:00; with --zone also 2026-01-31T12:00, or 2026-01-31 for the end of that day".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::{GivenTime, moment};

    #[test]
    fn times_without_a_zone_are_no_moments_yet() {
        for (text, utc) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
            ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00+00:00"),
        ] {
            let Ok(GivenTime::Instant(time)) = moment(text) else { panic!("{text}") };
            assert_eq!(time.to_rfc3339(), utc, "{text}");
        }
        for (text, local) in [
            ("2026-01-31T12:00", "2026-01-31 12:00:00"),
            ("2026-01-31 12:00:01.5", "2026-01-31 12:00:01.500"),
        ] {
            let Ok(GivenTime::Local(time)) = moment(text) else { panic!("{text}") };
            assert_eq!(time.to_string(), local, "{text}");
        }
        assert!(matches!(moment("2026-01-31"), Ok(GivenTime::Day(_))));
        assert!(moment("yesterday").is_err() && moment("2026-02-30").is_err());
    }
}
