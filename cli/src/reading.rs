//! The connection of a single command that only reads: a session of its own, or behind a pooler one transaction.

use phaseline_store::Session;
use sqlx::PgConnection;
use std::ops::{Deref, DerefMut};

/// A connection to read from. Behind a pooler an error ends it: attempts go into a transaction inside.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A session of its own.
    Direct(PgConnection),
    /// One transaction. The pooler closes its server connection when the program ends, with everything in it.
    Pooled(Session),
}

impl Deref for Reading {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Direct(connection) => connection,
            Self::Pooled(session) => session,
        }
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Direct(connection) => connection,
            Self::Pooled(session) => session,
        }
    }
}
