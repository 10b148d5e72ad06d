//! Moments as users give them: a position, a time, or a local time with its zone.

use crate::argument::{self, GivenTime};
use crate::exit::Exit;
use crate::failure::Failure;
use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta, Utc};
use phaseline_store::moment::{Moment, MomentError, ResolvedMoment, resolve, time_in_zone};
use phaseline_store::schema;
use sqlx::PgConnection;

/// A moment of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GivenMoment {
    /// The end of the command that wrote the event at this position; 0 is before the first event.
    Position(i64),
    /// A time.
    Time(GivenTime),
    /// The end of the log.
    Now,
}

/// Parses a position, a time, or `now`.
pub(crate) fn given_moment(text: &str) -> Result<GivenMoment, String> {
    if text == "now" {
        return Ok(GivenMoment::Now);
    }
    if let Some(position) = text.parse().ok().filter(|position| *position >= 0) {
        return Ok(GivenMoment::Position(position));
    }
    argument::moment(text)
        .map(GivenMoment::Time)
        .map_err(|expected| format!("neither a position of the log, such as 4711, nor `now`; and {expected}"))
}

impl GivenMoment {
    /// The time, if it is one.
    pub(crate) const fn time(self) -> Option<GivenTime> {
        match self {
            Self::Time(time) => Some(time),
            Self::Position(_) | Self::Now => None,
        }
    }

    /// The position that it means. `option` is where it was given, for messages.
    pub(crate) async fn resolved(
        self,
        connection: &mut PgConnection,
        option: &str,
        zone: Option<&str>,
    ) -> Result<ResolvedMoment, Failure> {
        let moment = match self {
            Self::Position(position) => Moment::Position(position),
            Self::Time(time) => Moment::Time(utc(connection, option, time, zone).await?),
            Self::Now => Moment::Position(schema::tip(connection).await?.position),
        };
        Ok(resolve(connection, moment).await?)
    }
}

/// Refuses a zone that none of the given times needs. `options` are those that may have one.
pub(crate) fn refuse_idle_zone(
    zone: Option<&str>,
    times: impl IntoIterator<Item = Option<GivenTime>>,
    options: &str,
) -> Result<(), Failure> {
    let needs_zone = |time: GivenTime| !matches!(time, GivenTime::Instant(_));
    if zone.is_some() && !times.into_iter().flatten().any(needs_zone) {
        let message = format!("--zone has no effect without a local time or a day in {options}");
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// The UTC time that a given time means; of a day its end. A time with its own offset needs no zone. PostgreSQL knows the zones.
pub(crate) async fn utc(
    connection: &mut PgConnection,
    option: &str,
    given: GivenTime,
    zone: Option<&str>,
) -> Result<DateTime<Utc>, Failure> {
    let local = match given {
        GivenTime::Instant(time) => return Ok(time),
        GivenTime::Local(time) => time,
        GivenTime::Day(day) => day
            .succ_opt()
            .ok_or_else(|| Failure::usage(format!("{day} is not a day of the log")))?
            .and_time(NaiveTime::MIN),
    };
    let Some(zone) = zone else { return Err(without_zone(option, given)) };
    // A bare sign would mean the opposite to PostgreSQL: an interval is read as people write it.
    let found = if zone.starts_with(['+', '-']) {
        let offset: FixedOffset = zone.parse().map_err(|_| unknown_zone(zone))?;
        local.and_local_timezone(offset).single().map(|time| time.to_utc())
    } else {
        time_in_zone(connection, local, zone).await?
    };
    let time = found.ok_or_else(|| unknown_zone(zone))?;
    // The day ends right before the next one begins.
    let is_day = matches!(given, GivenTime::Day(_));
    Ok(if is_day { time - TimeDelta::microseconds(1) } else { time })
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
