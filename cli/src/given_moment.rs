//! Moments as users give them: a position, a time, or a local time with its zone.

use crate::argument::{self, GivenTime};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::exact_moment;
use chrono::{DateTime, FixedOffset, NaiveTime, SecondsFormat, TimeDelta, Utc};
use phaseline_store::moment::{Moment, MomentError, ResolvedMoment, first_position, resolve, time_in_zone};
use phaseline_store::{StoreError, read, schema};
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
        let place = MomentPlace { option, zone, edge: DayEdge::End };
        self.exact(connection, place).await?.resolved(connection).await
    }

    /// The same moment with its zone applied.
    pub(crate) async fn exact<'a>(
        self,
        connection: &mut PgConnection,
        place: MomentPlace<'a>,
    ) -> Result<ExactMoment<'a>, Failure> {
        let moment = match self {
            Self::Position(position) => Moment::Position(position),
            Self::Time(time) => Moment::Time(utc(connection, place, time).await?),
            Self::Now => Moment::Position(schema::tip(connection).await?.position),
        };
        Ok(ExactMoment { given: self, moment, place })
    }

    /// Remarks what a reader must know about the position that was found: it is another one than the given one, or the log begins later.
    pub(crate) async fn remark(
        self,
        connection: &mut PgConnection,
        found: ResolvedMoment,
        output: &Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Position(given) if given != found.position => output.remark(&format!(
                "position {given} is inside a command that ends at {}: its end is meant",
                found.position
            )),
            Self::Time(_) if found.position == 0 => {
                if let Some(time) = first_time(connection).await? {
                    let begin = exact_moment(time);
                    output.remark(&format!("the log begins at {begin}: what was before it is not in it"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// When the first event was recorded; none in an empty log.
async fn first_time(connection: &mut PgConnection) -> Result<Option<DateTime<Utc>>, Failure> {
    let mut first = None;
    if schema::tip(connection).await?.position > 0 {
        read::scan_between(connection, 1..=1, |chained| {
            first = Some(chained.event.recorded_at);
            Ok::<_, StoreError>(())
        })
        .await?;
    }
    Ok(first)
}

/// Which moment of a day is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayEdge {
    /// Its beginning.
    Begin,
    /// Its end, so that its changes are included.
    End,
}

/// Where a moment was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentPlace<'a> {
    /// The option or the command, for messages.
    pub(crate) option: &'a str,
    /// The zone of local times and days.
    pub(crate) zone: Option<&'a str>,
    /// What a day means.
    pub(crate) edge: DayEdge,
}

/// A moment whose zone is applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExactMoment<'a> {
    given: GivenMoment,
    moment: Moment,
    place: MomentPlace<'a>,
}

impl ExactMoment<'_> {
    /// As it was given.
    pub(crate) const fn given(&self) -> GivenMoment {
        self.given
    }

    /// Whether both are times, or both given as positions, and the other one is earlier.
    pub(crate) fn is_after(&self, other: &Self) -> bool {
        // The end of the log is what it is.
        let is_now = [self.given, other.given].iter().any(|given| matches!(given, GivenMoment::Now));
        !is_now && self.moment.is_after(other.moment)
    }

    /// The last position up to the moment.
    pub(crate) async fn resolved(&self, connection: &mut PgConnection) -> Result<ResolvedMoment, Failure> {
        resolve(connection, self.moment).await.map_err(|error| self.failure(error))
    }

    /// The first position from the moment on: a time inside a run means its beginning, as a position does.
    pub(crate) async fn first_position(&self, connection: &mut PgConnection) -> Result<i64, Failure> {
        first_position(connection, self.moment).await.map_err(|error| self.failure(error))
    }

    /// An error about the moment, which names it as it was given.
    fn failure(&self, error: MomentError) -> Failure {
        let MomentError::InTheFuture { now, .. } = error else { return error.into() };
        let (Some(given), Some(zone)) = (self.given.time(), self.place.zone) else { return error.into() };
        let MomentPlace { option, edge, .. } = self.place;
        let message = match given {
            GivenTime::Instant(_) => error.to_string(),
            GivenTime::Local(_) | GivenTime::Day(_) => {
                format!("{option} {} --zone {zone}: {error}", typed(given))
            }
        };
        if edge == DayEdge::End && matches!(given, GivenTime::Day(_)) {
            let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
            return Failure::refused("in_the_future", message).remedy(format!(
                "A day means its end, which has not come yet. Leave it out for the state now, or give a time, such as {option} {now}."
            ));
        }
        Failure::refused("in_the_future", message)
            .remedy("Leave out the time for the state now, or give an earlier one.")
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

/// The UTC time that a given time means. A time with its own offset needs no zone. PostgreSQL knows the zones.
async fn utc(
    connection: &mut PgConnection,
    place: MomentPlace<'_>,
    given: GivenTime,
) -> Result<DateTime<Utc>, Failure> {
    let is_end = place.edge == DayEdge::End && matches!(given, GivenTime::Day(_));
    let local = match given {
        GivenTime::Instant(time) => return Ok(time),
        GivenTime::Local(time) => time,
        GivenTime::Day(day) if is_end => day
            .succ_opt()
            .ok_or_else(|| Failure::usage(format!("{day} is not a day of the log")))?
            .and_time(NaiveTime::MIN),
        GivenTime::Day(day) => day.and_time(NaiveTime::MIN),
    };
    let Some(zone) = place.zone else { return Err(without_zone(place, given)) };
    // A bare sign would mean the opposite to PostgreSQL: an interval is read as people write it.
    let found = if zone.starts_with(['+', '-']) {
        let offset: FixedOffset = zone.parse().map_err(|_| unknown_zone(zone))?;
        local.and_local_timezone(offset).single().map(|time| time.to_utc())
    } else {
        time_in_zone(connection, local, zone).await?
    };
    let time = found.ok_or_else(|| unknown_zone(zone))?;
    // The day ends right before the next one begins.
    Ok(if is_end { time - TimeDelta::microseconds(1) } else { time })
}

/// A time as it was given.
fn typed(given: GivenTime) -> String {
    match given {
        GivenTime::Instant(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        GivenTime::Local(time) => time.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        GivenTime::Day(day) => day.to_string(),
    }
}

/// The failure of a time whose zone is unknown, with what would do.
fn without_zone(MomentPlace { option, edge, .. }: MomentPlace<'_>, given: GivenTime) -> Failure {
    let shown = typed(given);
    let exact = match (given, edge) {
        (GivenTime::Day(day), DayEdge::Begin) => format!("{day}T00:00:00Z"),
        (GivenTime::Day(day), DayEdge::End) => format!("{day}T23:59:59.999999Z"),
        (GivenTime::Instant(_), _) => shown.clone(),
        (GivenTime::Local(_), _) => format!("{shown}Z"),
    };
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
