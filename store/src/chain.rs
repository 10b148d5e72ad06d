//! Checks a log: no missing position, timestamps in order, an intact chain of hashes, gapless versions of every stream.

use crate::{RawEvent, StoreError, hash};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use uuid::Uuid;

/// Damage of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A position is missing or occurs twice.
    #[error("position {expected} is missing: {found} comes next")]
    Position {
        /// The expected position.
        expected: i64,
        /// The position found.
        found: i64,
    },
    /// An event does not fit its hash: it, or an earlier event, was altered.
    #[error(
        "the hash of the event at position {position} does not match: it was altered, or one before it was"
    )]
    Hash {
        /// Its position.
        position: i64,
    },
    /// An event was recorded before its predecessor.
    #[error("the event at position {position} has an earlier timestamp than the one before it")]
    Time {
        /// Its position.
        position: i64,
    },
    /// A stream's version is missing or occurs twice.
    #[error(
        "position {position}: {stream_type}/{stream_id} has version {found} where {expected} was expected"
    )]
    Version {
        /// Its position.
        position: i64,
        /// The stream's type.
        stream_type: String,
        /// The stream's id.
        stream_id: Uuid,
        /// The expected version.
        expected: i64,
        /// The version found.
        found: i64,
    },
}

/// The place of an event in the log and in its stream, with its hash.
#[derive(Clone, Copy, Debug)]
pub struct ChainLink<'a> {
    /// Its position in the whole log.
    pub position: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Its stream's type.
    pub stream_type: &'a str,
    /// Its stream's id.
    pub stream_id: Uuid,
    /// Its position in its stream.
    pub version: i64,
    /// Its stored hash.
    pub hash: hash::Hash,
}

impl<'a> From<&RawEvent<'a>> for ChainLink<'a> {
    fn from(event: &RawEvent<'a>) -> Self {
        Self {
            position: event.position,
            recorded_at: event.recorded_at,
            stream_type: event.stream_type,
            stream_id: event.stream_id,
            version: event.version,
            hash: event.hash,
        }
    }
}

/// Checks a log event by event, in order of position, and records its damage.
#[derive(Debug)]
pub struct Inspector {
    position: i64,
    previous: hash::Hash,
    recorded_at: DateTime<Utc>,
    /// The last version of each stream, by type and id.
    versions: HashMap<String, HashMap<Uuid, i64>>,
    /// Whether the check began after the first event: then the first version found of each stream is accepted.
    partial: bool,
    breaks: Vec<Break>,
    broken: u64,
}

impl Default for Inspector {
    fn default() -> Self {
        Self {
            position: 0,
            previous: hash::GENESIS,
            recorded_at: DateTime::<Utc>::MIN_UTC,
            versions: HashMap::new(),
            partial: false,
            breaks: Vec::new(),
            broken: 0,
        }
    }
}

impl Inspector {
    /// How many breaks of each kind are listed; the others are only counted.
    pub const MAX_LISTED: usize = 100;

    /// Begins after an event that is not checked.
    pub fn after(position: i64, hash: hash::Hash, recorded_at: DateTime<Utc>) -> Self {
        Self { position, previous: hash, recorded_at, partial: position > 0, ..Self::default() }
    }

    /// Checks the next event. After a break the check continues from the stored values, so that one altered event is one break and
    /// not one for each later event. Returns whether the event fits its hash.
    pub fn see(&mut self, event: &RawEvent<'_>) -> bool {
        let fits = hash::fits(&self.previous, event);
        self.see_compared(&ChainLink::from(event), fits);
        fits
    }

    /// The same for an event of which is known already whether it fits its hash, given the stored hash of the event before it.
    pub fn see_compared(&mut self, event: &ChainLink<'_>, fits: bool) {
        if event.position != self.position + 1 {
            self.note(Break::Position { expected: self.position + 1, found: event.position });
        }
        if event.recorded_at < self.recorded_at {
            self.note(Break::Time { position: event.position });
        }
        if !fits {
            self.note(Break::Hash { position: event.position });
        }
        let unseen = if self.partial { event.version - 1 } else { 0 };
        let streams = match self.versions.get_mut(event.stream_type) {
            Some(streams) => streams,
            None => self.versions.entry(event.stream_type.to_owned()).or_default(),
        };
        let version = streams.entry(event.stream_id).or_insert(unseen);
        let expected = *version + 1;
        *version = event.version;
        if event.version != expected {
            self.note(Break::Version {
                position: event.position,
                stream_type: event.stream_type.to_owned(),
                stream_id: event.stream_id,
                expected,
                found: event.version,
            });
        }
        self.position = event.position;
        self.previous = event.hash;
        self.recorded_at = event.recorded_at;
    }

    fn note(&mut self, found: Break) {
        self.broken += 1;
        // Each kind has its own limit, so that many altered events do not hide a missing one.
        let same = |kept: &&Break| std::mem::discriminant(*kept) == std::mem::discriminant(&found);
        if self.breaks.iter().filter(same).count() < Self::MAX_LISTED {
            self.breaks.push(found);
        }
    }

    /// The last position seen, and its hash.
    pub const fn tip(&self) -> (i64, hash::Hash) {
        (self.position, self.previous)
    }

    /// The number of all breaks.
    pub const fn broken(&self) -> u64 {
        self.broken
    }

    /// The breaks; empty for an intact log.
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }
}

/// How far the last event may be ahead of the database's clock, in seconds: a correction of a clock is smaller.
pub const TOLERATED_SECONDS_AHEAD: f64 = 1.0;

/// How far ahead of the database's clock the last event was recorded, in seconds; zero or negative in an intact log.
pub async fn seconds_ahead(connection: &mut sqlx::PgConnection) -> Result<f64, StoreError> {
    let ahead: Option<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM e.recorded_at - pg_catalog.clock_timestamp())::pg_catalog.float8
           FROM phaseline.events e ORDER BY e.position DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(ahead.unwrap_or_default())
}

/// The result of the check of a log's end.
#[derive(Debug)]
pub struct ChainEnd {
    /// The number of checked events.
    pub events: u64,
    /// The last position.
    pub position: i64,
    /// All damage found, in words.
    pub damage: Vec<String>,
}

/// Checks the last `events` events, or all if there are fewer: positions, hashes and timestamps, and whether events of timelines can
/// be read.
pub async fn inspect_end(connection: &mut sqlx::PgConnection, events: i64) -> Result<ChainEnd, StoreError> {
    let position = crate::schema::tip(connection).await?.position;
    let before: Option<(i64, Vec<u8>, DateTime<Utc>)> = sqlx::query_as(
        "SELECT e.position, e.hash, e.recorded_at FROM phaseline.events e WHERE e.position <= $1
          ORDER BY e.position DESC LIMIT 1",
    )
    .bind(position.saturating_sub(events))
    .fetch_optional(&mut *connection)
    .await?;
    let mut inspector = before.map_or_else(Inspector::default, |(position, hash, at)| {
        Inspector::after(position, hash.try_into().unwrap_or(hash::GENESIS), at)
    });
    let skipped = crate::skip::positions(connection).await?;
    let mut damage = Vec::new();
    let first = inspector.position;
    let events = crate::read::scan_after(connection, first, |event| {
        inspector.see(event);
        if event.stream_type == crate::stream::TIMELINE
            && !skipped.contains(&event.position)
            && let Err(error) = crate::unreadable::decode(event.into(), event.payload, event.metadata)
        {
            damage.push(error.to_string());
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    damage.extend(inspector.breaks().iter().map(ToString::to_string));
    Ok(ChainEnd { events, position, damage })
}

/// Inspects the whole log as this statement sees it.
pub async fn inspect(connection: &mut sqlx::PgConnection) -> Result<Inspector, StoreError> {
    let mut inspector = Inspector::default();
    crate::read::scan(connection, None, |event| {
        inspector.see(event);
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(inspector)
}
