//! The hash that makes the log tamper-evident. `docs/events.md` has the format in words, with test vectors.
//!
//! `content` covers an event's content and its login; `chain` ties it to its position, its timestamp and the event
//! before it. For commands the database computes both (`sql/schema/check_events.sql`, `append.sql`). Every part is prefixed with
//! its length, so no two different events hash the same bytes.

use crate::RawEvent;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A SHA-256.
pub type Hash = [u8; 32];

/// The previous hash of the first event.
pub const GENESIS: Hash = [0; 32];

/// The tag of events without a login, which were written before logins were recorded.
const CONTENT_TAG_V1: &[u8] = b"phaseline/content/v1";
const CONTENT_TAG: &[u8] = b"phaseline/content/v2";
const CHAIN_TAG: &[u8] = b"phaseline/chain/v1";
const METADATA_TAG: &[u8] = b"phaseline/metadata/v1";

/// The parts of an event that its content hash covers.
#[derive(Clone, Copy, Debug)]
pub struct HashedContent<'a> {
    /// Its stream's type.
    pub stream_type: &'a str,
    /// Its stream's id.
    pub stream_id: Uuid,
    /// Its position in its stream.
    pub version: i64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its type's name.
    pub event_type: &'a str,
    /// The payload's schema version.
    pub schema_version: i32,
    /// The payload's bytes.
    pub payload: &'a [u8],
    /// Random bytes, so that personal metadata can be erased without leaving a guessable hash.
    pub salt: &'a [u8],
    /// The metadata's bytes.
    pub metadata: &'a [u8],
    /// The login that wrote it; none in events written before logins were recorded.
    pub login: Option<&'a str>,
}

/// Hashes parts, each behind its length. Small ones are collected first: the hash function takes whole blocks much faster than many
/// small pieces.
#[derive(Debug)]
struct HashedParts {
    hasher: Sha256,
    collected: Vec<u8>,
}

impl HashedParts {
    /// The size of a piece that is not collected.
    const LARGE: usize = 4096;

    fn begin(tag: &[u8]) -> Self {
        let mut parts = Self { hasher: Sha256::new(), collected: Vec::with_capacity(768) };
        parts.add(tag);
        parts
    }

    fn add(&mut self, bytes: &[u8]) {
        // A part is at most 1 GB (PostgreSQL's limit for a value), so four bytes of length are enough.
        self.collected.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        if bytes.len() < Self::LARGE {
            self.collected.extend_from_slice(bytes);
        } else {
            self.hasher.update(&self.collected);
            self.collected.clear();
            self.hasher.update(bytes);
        }
    }

    fn finish(mut self) -> Hash {
        self.hasher.update(&self.collected);
        self.hasher.finalize().into()
    }
}

/// SHA-256 over the salted metadata, which the content hash covers instead of it.
pub fn metadata(salt: &[u8], metadata: &[u8]) -> Hash {
    let mut parts = HashedParts::begin(METADATA_TAG);
    parts.add(salt);
    parts.add(metadata);
    parts.finish()
}

/// SHA-256 over an event's content.
pub fn content(event: &HashedContent<'_>) -> Hash {
    let mut parts = HashedParts::begin(if event.login.is_some() { CONTENT_TAG } else { CONTENT_TAG_V1 });
    parts.add(event.stream_type.as_bytes());
    parts.add(event.stream_id.as_bytes());
    parts.add(&event.version.to_be_bytes());
    parts.add(event.event_id.as_bytes());
    parts.add(event.event_type.as_bytes());
    parts.add(&event.schema_version.to_be_bytes());
    match event.login {
        Some(_) => parts.add(event.payload),
        None => parts.add(&Sha256::digest(event.payload)),
    }
    parts.add(&metadata(event.salt, event.metadata));
    if let Some(login) = event.login {
        parts.add(login.as_bytes());
    }
    parts.finish()
}

/// SHA-256 that ties an event's content to its position, its timestamp and all earlier events.
pub fn chain(previous: &Hash, position: i64, recorded_at: DateTime<Utc>, content: &Hash) -> Hash {
    let mut parts = HashedParts::begin(CHAIN_TAG);
    parts.add(previous);
    parts.add(&position.to_be_bytes());
    parts.add(&recorded_at.timestamp_micros().to_be_bytes());
    parts.add(content);
    parts.finish()
}

/// Whether an event has the hash that follows from its content and from the hash before it.
pub fn fits(previous: &Hash, event: &RawEvent<'_>) -> bool {
    let hashed = content(&HashedContent {
        stream_type: event.stream_type,
        stream_id: event.stream_id,
        version: event.version,
        event_id: event.event_id,
        event_type: event.event_type,
        schema_version: event.schema_version,
        payload: event.payload.as_bytes(),
        salt: event.salt,
        metadata: event.metadata.as_bytes(),
        login: event.login,
    });
    chain(previous, event.position, event.recorded_at, &hashed) == event.hash
}

/// Hexadecimal, for people.
pub fn hex(hash: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(hash.len() * 2);
    for byte in hash {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
