//! A moment of the log.

use chrono::{DateTime, NaiveDateTime, NaiveTime, Utc};

/// Parses a time. A date means the end of that day, so that its changes are included.
pub(crate) fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(time.and_utc());
        }
    }
    let end = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or_default();
    super::date(text).map(|day| day.and_time(end).and_utc()).map_err(|_| {
        "not a time: expected year-month-day with or without a time, such as 2026-01-31, 2026-01-31T12:00 (UTC) or 2026-01-31T12:00:00+02:00".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn times_are_read_with_and_without_a_zone_and_a_day_means_its_end() {
        for (text, utc) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
            ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00+00:00"),
            ("2026-01-31T12:00", "2026-01-31T12:00:00+00:00"),
            ("2026-01-31 12:00:01.5", "2026-01-31T12:00:01.500+00:00"),
            ("2026-01-31", "2026-01-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(moment(text).unwrap().to_rfc3339(), utc, "{text}");
        }
        assert!(moment("yesterday").is_err() && moment("2026-02-30").is_err());
    }
}
