//! Heads of a log: a position with the hash there. A head that somebody noted down elsewhere reveals every later change of the log up to
//! that position.

use crate::hash::{self, Hash};
use crate::{StoreError, schema};
use serde::{Serialize, Serializer};
use sqlx::PgConnection;
use std::fmt;
use std::str::FromStr;

/// A position and its event's hash, written `4711:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// The position, from 1.
    pub position: i64,
    /// The hash of its event.
    pub hash: Hash,
}

impl LogHead {
    /// The end of the log; none if it is empty.
    pub async fn current(connection: &mut PgConnection) -> Result<Option<Self>, StoreError> {
        let tip = schema::tip(connection).await?;
        Ok((tip.position > 0).then_some(Self { position: tip.position, hash: tip.hash }))
    }

    /// The head at a position; none if the log has no such position.
    pub async fn at(connection: &mut PgConnection, position: i64) -> Result<Option<Self>, StoreError> {
        let hash: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM phaseline.events WHERE position = $1")
                .bind(position)
                .fetch_optional(connection)
                .await?;
        // A hash of another length can only be damage, and equals none.
        Ok(hash.map(|hash| Self { position, hash: hash.try_into().unwrap_or(hash::GENESIS) }))
    }
}

impl fmt::Display for LogHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, hash::hex(&self.hash))
    }
}

impl Serialize for LogHead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a head of a log: expected a position, a colon and all 64 characters (0-9, a-f) of its hash, as `phaseline status` prints it"
)]
pub struct MalformedHead;

impl FromStr for LogHead {
    type Err = MalformedHead;

    fn from_str(text: &str) -> Result<Self, MalformedHead> {
        let (position, digits) = text.trim().split_once(':').ok_or(MalformedHead)?;
        let position = position.parse().ok().filter(|position| *position > 0).ok_or(MalformedHead)?;
        let is_hex = |digit: u8| digit.is_ascii_hexdigit();
        let mut hash: Hash = hash::GENESIS;
        if digits.len() != 2 * hash.len() || !digits.bytes().all(is_hex) {
            return Err(MalformedHead);
        }
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            let pair = digits.get(at..at + 2).ok_or(MalformedHead)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| MalformedHead)?;
        }
        Ok(Self { position, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let text = format!("4711:{}", "0a".repeat(32));
        let head: LogHead = text.parse().unwrap();
        assert_eq!((head.position, head.hash, head.to_string()), (4711, [10; 32], text.clone()));
        assert_eq!(text.to_uppercase().parse(), Ok(head));
        for wrong in ["", ":", "0a", &text[5..], &text[..68], &format!("{text}0"), &text.replace("4711", "0")]
        {
            assert_eq!(wrong.parse::<LogHead>(), Err(MalformedHead), "{wrong}");
        }
        assert_eq!(text.replace('a', "ä").parse::<LogHead>(), Err(MalformedHead));
    }
}
