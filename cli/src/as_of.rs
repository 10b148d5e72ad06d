//! `--as-of`, `--at` and `--zone`: select a moment of the log.

use crate::argument::{self, GivenTime};
use crate::exit::Exit;
use crate::failure::Failure;
use chrono::{DateTime, Utc};
use clap::Args;
use phaseline_store::moment::{Moment, MomentError, ResolvedMoment, resolve, time_in_zone};
use sqlx::PgConnection;

/// The selected moment; default: now.
#[derive(Args, Clone, Debug)]
pub(crate) struct AsOfArgs {
    /// The state at this time: 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+02:00; with --zone also 2026-01-31T12:00, or 2026-01-31
    /// (the end of that day). A time inside a command, or a run, means before it
    #[arg(long, value_name = "TIME", value_parser = argument::moment)]
    as_of: Option<GivenTime>,
    /// The state after the command that wrote the event at this position of the log
    #[arg(long, value_name = "POSITION", conflicts_with = "as_of", value_parser = argument::position)]
    at: Option<i64>,
    /// The time zone of --as-of, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE", requires = "as_of")]
    zone: Option<String>,
}

impl AsOfArgs {
    /// The moment, if one is given.
    pub(crate) async fn resolved(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<ResolvedMoment>, Failure> {
        let moment = match (self.as_of, self.at) {
            (Some(given), _) => {
                Moment::Time(instant(connection, "--as-of", given, self.zone.as_deref()).await?)
            }
            (None, Some(at)) => Moment::Position(at),
            (None, None) => return Ok(None),
        };
        Ok(Some(resolve(connection, moment).await?))
    }

    /// The moment as text after a heading; empty for now.
    pub(crate) fn words(&self) -> String {
        let zone = self.zone.as_ref().map_or_else(String::new, |zone| format!(" {zone}"));
        match (self.as_of, self.at) {
            (Some(GivenTime::Instant(time)), _) => {
                format!(", as of {}", time.format("%Y-%m-%d %H:%M:%S UTC"))
            }
            (Some(GivenTime::Local(time)), _) => {
                format!(", as of {}{zone}", time.format("%Y-%m-%d %H:%M:%S"))
            }
            (Some(GivenTime::Day(day)), _) => format!(", as of the end of {day}{zone}"),
            (None, Some(position)) => format!(", as of position {position}"),
            (None, None) => String::new(),
        }
    }
}

/// The moment that a time in a zone means, given with this option. PostgreSQL knows the zones.
pub(crate) async fn instant(
    connection: &mut PgConnection,
    option: &str,
    given: GivenTime,
    zone: Option<&str>,
) -> Result<DateTime<Utc>, Failure> {
    let local = match given {
        GivenTime::Instant(time) if zone.is_none() => return Ok(time),
        GivenTime::Instant(_) => {
            return Err(Failure::usage(format!(
                "the time of {option} has its zone already; leave out --zone"
            )));
        }
        GivenTime::Local(time) => time,
        GivenTime::Day(day) => day
            .succ_opt()
            .ok_or_else(|| Failure::usage(format!("{day} is not a day of the log")))?
            .and_time(chrono::NaiveTime::MIN),
    };
    let Some(zone) = zone else { return Err(without_zone(option, given)) };
    // A bare sign would mean the opposite to PostgreSQL: an interval is read as people write it.
    let found: Option<DateTime<Utc>> = if zone.starts_with(['+', '-']) {
        let offset: chrono::FixedOffset = zone.parse().map_err(|_| unknown_zone(zone))?;
        local.and_local_timezone(offset).single().map(|time| time.to_utc())
    } else {
        time_in_zone(connection, local, zone).await?
    };
    let time = found.ok_or_else(|| unknown_zone(zone))?;
    // The day ends right before the next one begins.
    let is_day = matches!(given, GivenTime::Day(_));
    Ok(if is_day { time - chrono::TimeDelta::microseconds(1) } else { time })
}

/// The failure of a time whose zone is unknown, with what would do.
fn without_zone(option: &str, given: GivenTime) -> Failure {
    let (shown, exact) = match given {
        GivenTime::Instant(time) => (time.to_rfc3339(), time.naive_utc()),
        GivenTime::Local(time) => (time.format("%Y-%m-%dT%H:%M:%S").to_string(), time),
        GivenTime::Day(day) => (day.to_string(), day.and_hms_opt(23, 59, 59).unwrap_or_default()),
    };
    let exact = exact.format("%Y-%m-%dT%H:%M:%SZ");
    Failure::usage(format!(
        "{shown} is another moment in each time zone; give the zone, such as {option} {shown} --zone Europe/Berlin, or a time with its offset, such as {option} {exact}"
    ))
}

fn unknown_zone(zone: &str) -> Failure {
    Failure::usage(format!(
        "--zone: {zone:?} is not a time zone; expected a name such as Europe/Berlin or UTC, or an offset such as +02:00"
    ))
}

impl From<MomentError> for Failure {
    fn from(error: MomentError) -> Self {
        let text = error.to_string();
        match error {
            MomentError::NoSuchPosition { .. } => Self::refused("no_such_position", text),
            MomentError::InTheFuture { .. } => Self::refused("in_the_future", text)
                .remedy("Leave out the time for the state now, or give an earlier one."),
            MomentError::Unsettled(_) => {
                Self::new(Exit::Interrupted, "unsettled", text).remedy("Run the same command again.")
            }
            MomentError::InSnapshot(_) => Self::new(Exit::Interrupted, "unsettled", text)
                .remedy("Behind a pooler in transaction mode, give the server's own URL by --database-url, or a position by --at."),
            MomentError::NotReplicated(_) => Self::new(Exit::Interrupted, "unsettled", text)
                .remedy("Run it on the primary server, or again when the standby has received later events."),
            MomentError::Store(error) => error.into(),
        }
    }
}
