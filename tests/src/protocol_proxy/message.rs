//! The part of PostgreSQL's protocol 3 that distinguishes statements.

use std::collections::HashMap;
use std::io::{self, Read};

/// The codes that replace a session's protocol version.
const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// The kind of a message with a row.
pub(super) const ROW: u8 = b'D';

/// Prefix of a statement that is only prepared.
pub(super) const PREPARATION: &str = "prepare: ";

/// Maximum length of a statement's excerpt.
const MAX_EXCERPT: usize = 120;

/// A connection's first message, which has no type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// A request for encryption.
    Encryption,
    /// It cancels another connection's statement.
    Cancel,
    /// It opens a session.
    Session,
}

impl Startup {
    /// Reads it with its bytes; nothing if the client is gone.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<(Self, Vec<u8>)>> {
        let mut bytes = vec![0; 8];
        match from.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let length = number(&bytes) as usize;
        let startup = match number(&bytes[4..]) {
            TLS | GSS => Self::Encryption,
            CANCEL => Self::Cancel,
            _ => Self::Session,
        };
        bytes.resize(length.max(8), 0);
        from.read_exact(&mut bytes[8..])?;
        Ok(Some((startup, bytes)))
    }
}

fn number(bytes: &[u8]) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[..4]);
    u32::from_be_bytes(four)
}

/// Extracts messages (a type, a length, a body) from a stream that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    bytes: Vec<u8>,
}

impl MessageReader {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The whole messages up to the first that may not pass, and whether there was one.
    pub(super) fn take_while(&mut self, mut may_pass: impl FnMut(u8, &[u8]) -> bool) -> (Vec<u8>, bool) {
        let mut end = 0;
        let mut stopped = false;
        while let Some([kind, length @ ..]) = self.bytes.get(end..end + 5) {
            let next = end + 1 + number(length) as usize;
            let Some(body) = self.bytes.get(end + 5..next) else { break };
            if !may_pass(*kind, body) {
                stopped = true;
                break;
            }
            end = next;
        }
        (self.bytes.drain(..end).collect(), stopped)
    }
}

/// The state of a client's connection, as far as it describes boundaries.
#[derive(Debug, Default)]
pub(super) struct Frontend {
    prepared: HashMap<Vec<u8>, String>,
    current: String,
}

impl Frontend {
    /// The effect of a message on the server; none if it only prepares one.
    pub(super) fn boundary(&mut self, kind: u8, body: &[u8]) -> Option<String> {
        match kind {
            b'Q' => Some(excerpt(body)),
            b'S' => Some(std::mem::take(&mut self.current)),
            b'c' => Some("end of COPY".to_owned()),
            b'f' => Some("abandoned COPY".to_owned()),
            b'F' => Some("function call".to_owned()),
            // Parse: name, statement.
            b'P' => {
                let (name, statement) = until_zero(body);
                self.current = format!("{PREPARATION}{}", excerpt(statement));
                self.prepared.insert(name.to_vec(), excerpt(statement));
                None
            }
            // Bind: portal, name.
            b'B' => {
                let (name, _) = until_zero(until_zero(body).1);
                self.current = self.prepared.get(name).cloned().unwrap_or_default();
                None
            }
            _ => None,
        }
    }
}

fn until_zero(body: &[u8]) -> (&[u8], &[u8]) {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    (&body[..end], body.get(end + 1..).unwrap_or_default())
}

/// The beginning of a statement, in one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(until_zero(body).0);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_EXCERPT).collect()
}

/// A server's message after which it is the client's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadyState {
    /// Ready for the next statement.
    Ready {
        /// Within a transaction, failed or not.
        in_transaction: bool,
    },
    /// Ready for the rows of a COPY.
    Copy,
}

impl ReadyState {
    pub(super) fn of(kind: u8, body: &[u8]) -> Option<Self> {
        match kind {
            b'Z' => Some(Self::Ready { in_transaction: body != b"I" }),
            b'G' => Some(Self::Copy),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn messages_are_read_from_chunks_of_any_size() {
        let stream = [message(b'Q', b"SELECT 1\0"), message(b'X', b""), message(b'd', &[7; 300])].concat();
        for size in [1, 2, 5, 7, 14, 1000] {
            let (mut reader, mut kinds, mut passed) = (MessageReader::default(), Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                reader.add(piece);
                passed.extend(
                    reader
                        .take_while(|kind, body| {
                            kinds.push((kind, body.len()));
                            true
                        })
                        .0,
                );
            }
            assert_eq!(kinds, [(b'Q', 9), (b'X', 0), (b'd', 300)], "pieces of {size}");
            assert_eq!(passed, stream, "pieces of {size}");
        }
    }

    #[test]
    fn no_message_passes_after_one_that_may_not() {
        let mut reader = MessageReader::default();
        reader.add(&[message(b'P', b"a\0"), message(b'S', b""), message(b'X', b"")].concat());
        assert_eq!(reader.take_while(|kind, _| kind == b'P'), (message(b'P', b"a\0"), true));
    }

    #[test]
    fn statements_are_recognised_in_both_protocols() {
        let mut frontend = Frontend::default();
        assert_eq!(frontend.boundary(b'Q', b"SELECT\n  1\0").unwrap(), "SELECT 1");
        assert_eq!(frontend.boundary(b'P', b"s1\0SELECT $1\0\0\0"), None);
        assert_eq!(frontend.boundary(b'D', b"Ss1\0"), None);
        assert_eq!(frontend.boundary(b'S', b"").unwrap(), "prepare: SELECT $1");
        assert_eq!(frontend.boundary(b'B', b"\0s1\0\0\0"), None);
        assert_eq!(frontend.boundary(b'E', b"\0\0\0\0\0"), None);
        assert_eq!(frontend.boundary(b'S', b"").unwrap(), "SELECT $1");
        for kind in [b'd', b'H', b'C', b'p', b'X'] {
            assert_eq!(frontend.boundary(kind, b""), None);
        }
        for kind in [b'c', b'f', b'F'] {
            assert!(frontend.boundary(kind, b"").is_some());
        }
    }

    #[test]
    fn startup_messages_are_distinguished() {
        for (code, startup) in [
            (TLS, Startup::Encryption),
            (GSS, Startup::Encryption),
            (CANCEL, Startup::Cancel),
            (196_608, Startup::Session),
        ] {
            let bytes = [&12_u32.to_be_bytes()[..], &code.to_be_bytes(), b"rest", b"next message"].concat();
            let read = Startup::read(&mut bytes.as_slice()).unwrap().unwrap();
            assert_eq!(read, (startup, bytes[..12].to_vec()));
        }
        assert_eq!(Startup::read(&mut &b""[..]).unwrap(), None);
    }
}
