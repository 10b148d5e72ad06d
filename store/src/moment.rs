//! Moments of the log: which position a reader means by a position or a time, so that the same question has the same answer forever.
//!
//! - A position inside a command or a run means its end, since rules hold after commands.
//! - A time means the last event recorded at or before it; inside a run, which may take several times, the one before the run. A time is *final* once no event with that time or an earlier one can
//!   still be committed: `recorded_at` is taken under the lock of the head, before the commit.
//!
//! The settling needs no right and no lock: a writer locks the table of the head before it takes its time, so a writer that took
//! its time before a moment holds that table lock, or has ended.

use crate::{Metadata, StoreError, schema};
use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// How long a reader waits until a time is final. Appends take milliseconds; a migration may hold the head for seconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// The pause between two looks at the writers.
const PAUSE: Duration = Duration::from_millis(2);

/// A moment of the log as a reader names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The end of the command that wrote the event at this position; 0 is before the first event.
    Position(i64),
    /// The last event recorded at or before this time.
    Time(DateTime<Utc>),
}

impl Moment {
    /// Whether both are positions, or both are times, and the other one is earlier.
    pub fn is_after(self, other: Self) -> bool {
        match (self, other) {
            (Self::Position(position), Self::Position(other)) => position > other,
            (Self::Time(time), Self::Time(other)) => time > other,
            _ => false,
        }
    }
}

/// The position that a moment means. What a reader finds up to it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ResolvedMoment {
    /// The last position; 0 if nothing was recorded before.
    pub position: i64,
    /// When its event was recorded (UTC); none at position 0.
    pub recorded_at: Option<DateTime<Utc>>,
}

/// Why a moment has no answer, or none yet.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    /// The log does not reach so far.
    #[error("the log has no position {position} yet, it ends at {tip}")]
    NoSuchPosition {
        /// The requested position.
        position: i64,
        /// The last position.
        tip: i64,
    },
    /// The time has not come: what will have been recorded until then is unknown.
    #[error("{} is in the future: the database's clock shows {}", utc(.time), utc(.now))]
    InTheFuture {
        /// The requested time.
        time: DateTime<Utc>,
        /// The database's clock.
        now: DateTime<Utc>,
    },
    /// A writer that began before the time has not ended.
    #[error(
        "changes recorded at or before {} are still being committed: the state at that time is not final yet",
        utc(.0)
    )]
    Unsettled(DateTime<Utc>),
    /// A snapshot does not see what is committed meanwhile.
    #[error(
        "nothing was recorded after {} that this connection sees, and it cannot wait for changes that are being committed",
        utc(.0)
    )]
    InSnapshot(DateTime<Utc>),
    /// A standby has received nothing that was recorded after the time.
    #[error(
        "this standby has received no event recorded after {}: the state at that time may not be complete here",
        utc(.0)
    )]
    NotReplicated(DateTime<Utc>),
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MomentError {
    /// The same about another time.
    fn about(self, time: DateTime<Utc>) -> Self {
        match self {
            Self::InTheFuture { now, .. } => Self::InTheFuture { time, now },
            Self::Unsettled(_) => Self::Unsettled(time),
            Self::InSnapshot(_) => Self::InSnapshot(time),
            Self::NotReplicated(_) => Self::NotReplicated(time),
            Self::NoSuchPosition { .. } | Self::Store(_) => self,
        }
    }
}

impl From<sqlx::Error> for MomentError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A time as users give it.
fn utc(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// Finds the position that a moment means. Waits up to half a second for a time that is not final yet; in a snapshot
/// ([`crate::read::snapshot`]), which would not see the end of the wait, a time without a later event is refused at once.
///
/// # Errors
/// [`MomentError`]: there is no answer, or none yet.
pub async fn resolve(connection: &mut PgConnection, moment: Moment) -> Result<ResolvedMoment, MomentError> {
    let position = match moment {
        Moment::Position(position) => end_of_command(connection, position).await?,
        // The log has microseconds.
        Moment::Time(time) => last_at(connection, time.trunc_subsecs(6)).await?,
    };
    let recorded_at = time_of(connection, position).await?;
    Ok(ResolvedMoment { position, recorded_at })
}

/// The first position from a moment on, for the beginning of a range: that of the command at a position, or behind all that was recorded
/// before a time.
///
/// # Errors
/// [`MomentError`], about the given moment.
pub async fn first_position(connection: &mut PgConnection, moment: Moment) -> Result<i64, MomentError> {
    match moment {
        Moment::Position(position) => {
            need_position(connection, position).await?;
            Ok(before_unfinished(connection, position.max(1) - 1).await? + 1)
        }
        Moment::Time(time) => {
            // The log has microseconds.
            let before = Moment::Time(time - TimeDelta::microseconds(1));
            let before = resolve(connection, before).await.map_err(|error| error.about(time))?;
            Ok(before.position + 1)
        }
    }
}

/// The end of the log; fails unless it reaches so far.
async fn need_position(connection: &mut PgConnection, position: i64) -> Result<i64, MomentError> {
    let tip = schema::tip(connection).await?.position;
    if (0..=tip).contains(&position) { Ok(tip) } else { Err(MomentError::NoSuchPosition { position, tip }) }
}

/// The moment that a local time in a time zone means, by the server's table of zones; none if it does not know the zone. Of a time that
/// a change of clocks skips or repeats PostgreSQL chooses one.
pub async fn time_in_zone(
    connection: &mut PgConnection,
    local: NaiveDateTime,
    zone: &str,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT $1::timestamp AT TIME ZONE z.name FROM pg_catalog.pg_timezone_names z
          WHERE pg_catalog.lower(z.name) = pg_catalog.lower($2) LIMIT 1",
    )
    .bind(local)
    .bind(zone)
    .fetch_optional(connection)
    .await?)
}

async fn time_of(connection: &mut PgConnection, position: i64) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar("SELECT recorded_at FROM phaseline.events WHERE position = $1")
        .bind(position)
        .fetch_optional(connection)
        .await?)
}

/// What tells whether an event and the one before it belong together.
#[derive(PartialEq, Eq)]
enum CommandOfEvent {
    /// A command, whose events have one time.
    Command(DateTime<Utc>, String),
    /// The work of a run, whose events are written by several statements of one transaction.
    Run(String),
    /// An event that has a transaction of its own, at this position: a run's begin, which others read before the run ends, and its
    /// failure.
    Alone(i64),
    /// Anything else with one time and the same metadata.
    Other(DateTime<Utc>, String),
}

/// The types of events that a run commits by themselves.
const ALONE: [&str; 2] = ["RunStarted", "RunFailed"];

impl CommandOfEvent {
    fn of(position: i64, recorded_at: DateTime<Utc>, event_type: &str, text: String) -> Self {
        if ALONE.contains(&event_type) {
            return Self::Alone(position);
        }
        // Ids of metadata that cannot be read are unknown.
        match Metadata::read(&text).0 {
            Metadata { command_id: Some(id), .. } => Self::Command(recorded_at, id),
            Metadata { correlation_id: Some(id), .. } => Self::Run(id),
            _ => Self::Other(recorded_at, text),
        }
    }
}

async fn command_at(
    connection: &mut PgConnection,
    position: i64,
) -> Result<Option<CommandOfEvent>, StoreError> {
    let found: Option<(DateTime<Utc>, String, String)> = sqlx::query_as(
        "SELECT recorded_at, event_type, metadata::text FROM phaseline.events WHERE position = $1",
    )
    .bind(position)
    .fetch_optional(connection)
    .await?;
    Ok(found
        .map(|(recorded_at, event_type, text)| CommandOfEvent::of(position, recorded_at, &event_type, text)))
}

/// The end of the command that wrote the event at a position.
async fn end_of_command(connection: &mut PgConnection, position: i64) -> Result<i64, MomentError> {
    let tip = need_position(connection, position).await?;
    let Some(command) = command_at(connection, position).await? else { return Ok(position) };
    let mut end = position;
    loop {
        // All events of one time at once: a run may have very many.
        if let Some(time) = time_of(connection, end).await? {
            let last = at_or_before(connection, time, tip).await?;
            if command_at(connection, last).await?.as_ref() == Some(&command) {
                end = last;
            }
        }
        if command_at(connection, end + 1).await?.as_ref() != Some(&command) {
            return Ok(end);
        }
        end += 1;
    }
}

/// A position unless it is inside a command; then the one before that command.
async fn before_unfinished(connection: &mut PgConnection, position: i64) -> Result<i64, StoreError> {
    let Some(command) = command_at(connection, position).await? else { return Ok(position) };
    if command_at(connection, position + 1).await?.as_ref() != Some(&command) {
        return Ok(position);
    }
    let mut first = position;
    loop {
        if let Some(time) = time_of(connection, first).await? {
            let earlier = time - TimeDelta::microseconds(1);
            let start = at_or_before(connection, earlier, first).await? + 1;
            if command_at(connection, start).await?.as_ref() == Some(&command) {
                first = start;
            }
        }
        if command_at(connection, first - 1).await?.as_ref() != Some(&command) {
            return Ok(first - 1);
        }
        first -= 1;
    }
}

/// The last position recorded at or before a time that is final.
async fn last_at(connection: &mut PgConnection, time: DateTime<Utc>) -> Result<i64, MomentError> {
    let tip = schema::tip(connection).await?;
    let is_final = tip.recorded_at.is_some_and(|last| last > time);
    let tip = if is_final { tip } else { settled_tip(connection, time).await? };
    let last = at_or_before(connection, time, tip.position).await?;
    Ok(before_unfinished(connection, last).await?)
}

/// The end of the log once nothing recorded at or before a time can follow.
async fn settled_tip(connection: &mut PgConnection, time: DateTime<Utc>) -> Result<schema::Tip, MomentError> {
    let (now, on_standby, in_snapshot): (DateTime<Utc>, bool, bool) = sqlx::query_as(
        "SELECT pg_catalog.clock_timestamp(), pg_catalog.pg_is_in_recovery(),
                pg_catalog.current_setting('transaction_isolation') <> 'read committed'",
    )
    .fetch_one(&mut *connection)
    .await?;
    if time >= now {
        return Err(MomentError::InTheFuture { time, now });
    }
    if on_standby {
        return Err(MomentError::NotReplicated(time));
    }
    if in_snapshot {
        return Err(MomentError::InSnapshot(time));
    }
    let began = Instant::now();
    // Read after the time has passed: later writers take a later time.
    let before = writers(connection).await?;
    while !before.is_empty() {
        if began.elapsed() >= PATIENCE {
            return Err(MomentError::Unsettled(time));
        }
        tokio::time::sleep(PAUSE).await;
        let current = writers(connection).await?;
        if !before.iter().any(|writer| current.contains(writer)) {
            break;
        }
    }
    Ok(schema::tip(connection).await?)
}

/// The transactions that write the log, or wait for that. Each locks the row of the head first, and thus its table in this mode.
async fn writers(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT l.virtualtransaction FROM pg_catalog.pg_locks l
          WHERE l.locktype = 'relation' AND l.relation = 'phaseline.head'::pg_catalog.regclass
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            AND l.mode <> 'AccessShareLock' AND l.virtualtransaction IS NOT NULL",
    )
    .fetch_all(connection)
    .await?)
}

/// The last position up to `tip` recorded at or before a time. Times never fall as positions rise, so a binary search finds it: one
/// statement, and one lookup in the primary key for each bit of `tip`.
async fn at_or_before(
    connection: &mut PgConnection,
    time: DateTime<Utc>,
    tip: i64,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "WITH RECURSIVE search (low, high) AS (
             SELECT 0::bigint, $2::bigint
             UNION ALL
             SELECT CASE WHEN m.recorded_at <= $1 THEN m.position ELSE s.low END,
                    CASE WHEN m.recorded_at <= $1 THEN s.high ELSE m.position - 1 END
               FROM search s
              CROSS JOIN LATERAL (SELECT e.position, e.recorded_at FROM phaseline.events e
                                   WHERE e.position = (s.low + s.high + 1) / 2) m
              WHERE s.low < s.high)
         SELECT low FROM search WHERE low >= high",
    )
    // A plan from when the table was small would read all of it at each step.
    .persistent(false)
    .bind(time)
    .bind(tip)
    .fetch_optional(connection)
    .await?
    // The search ends early at a position that the log lacks.
    .ok_or(StoreError::PositionGap { expected: tip, found: None })
}
