//! `--as-of` and `--at`: select a moment of the log.

use crate::failure::Failure;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use clap::Args;
use phaseline_store::{read, schema};
use sqlx::PgConnection;

/// The selected moment; default: now.
#[derive(Args, Clone, Debug)]
pub(crate) struct AsOfArgs {
    /// The state at this time: 2026-01-31T12:00:00Z, 2026-01-31T12:00 (UTC), or 2026-01-31 (the end of that day, UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<DateTime<Utc>>,
    /// The state after the event at this position of the log
    #[arg(long, value_name = "POSITION", conflicts_with = "as_of", value_parser = clap::value_parser!(i64).range(1..))]
    at: Option<i64>,
}

/// Parses a time. A date means the end of that day, so that its changes are included.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(time.and_utc());
        }
    }
    let end = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or_default();
    text.parse::<NaiveDate>().map(|day| day.and_time(end).and_utc()).map_err(|_| {
        "not a time such as 2026-01-31T12:00:00Z, 2026-01-31T12:00+02:00 or 2026-01-31".to_owned()
    })
}

impl AsOfArgs {
    /// The last position to read; none for now.
    pub(crate) async fn position(&self, connection: &mut PgConnection) -> Result<Option<i64>, Failure> {
        if let Some(time) = self.as_of {
            return Ok(Some(read::position_at(connection, time).await?));
        }
        if let Some(at) = self.at {
            let tip = schema::tip(connection).await?.position;
            if at > tip {
                let message = format!("the log has no position {at} yet, it ends at {tip}");
                return Err(Failure::refused("no_such_position", message));
            }
        }
        Ok(self.at)
    }

    /// The moment as text after a heading; empty for now.
    pub(crate) fn words(&self) -> String {
        match (self.as_of, self.at) {
            (Some(time), _) => format!(", as of {}", time.format("%Y-%m-%d %H:%M:%S UTC")),
            (None, Some(position)) => format!(", as of position {position}"),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_read_with_and_without_a_zone_and_a_day_means_its_end() {
        for (text, utc) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
            ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00+00:00"),
            ("2026-01-31T12:00", "2026-01-31T12:00:00+00:00"),
            ("2026-01-31 12:00:01.5", "2026-01-31T12:00:01.500+00:00"),
            ("2026-01-31", "2026-01-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(time(text).unwrap().to_rfc3339(), utc, "{text}");
        }
        assert!(time("yesterday").is_err() && time("2026-02-30").is_err());
    }
}
