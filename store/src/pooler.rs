//! Whether a pooler hands each transaction to any of its server connections, and how that is found out.

use crate::{Servers, SqlState};
use sqlx::{Connection, Executor, Row};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The setting `pooler`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Found out at the first connection.
    #[default]
    Auto,
    /// No pooler, or one that keeps a server connection for each client's session.
    None,
    /// A pooler that may change the server connection after each transaction.
    Transaction,
}

/// How connections keep their state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// A connection is one session: settings and prepared statements last as long as it does.
    Session,
    /// Settings and prepared statements last until the end of a transaction.
    Transaction,
}

impl From<Pooling> for Pooler {
    /// The setting for what was found out already.
    fn from(found: Pooling) -> Self {
        match found {
            Pooling::Session => Self::None,
            Pooling::Transaction => Self::Transaction,
        }
    }
}

impl FromStr for Pooler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            "transaction" => Ok(Self::Transaction),
            other => Err(format!("{other:?} is neither auto, none nor transaction")),
        }
    }
}

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Transaction => "transaction",
        })
    }
}

impl Pooler {
    /// How the connections to these servers keep their state: as the setting states, or as a connection shows.
    ///
    /// # Errors
    /// Those of connecting.
    pub async fn pooling(self, servers: &Servers) -> Result<Pooling, sqlx::Error> {
        match self {
            Self::None => Ok(Pooling::Session),
            Self::Transaction => Ok(Pooling::Transaction),
            Self::Auto => find(servers).await,
        }
    }
}

/// The setting by which a server is recognised. A server accepts settings with a prefix from everyone.
const MARK: &str = "phaseline.connection";

/// Connects with a setting that only the server itself accepts. A pooler refuses it or leaves it out, in every mode: a pooler in
/// session mode counts as one in transaction mode, which is right for both.
async fn find(servers: &Servers) -> Result<Pooling, sqlx::Error> {
    let servers = servers.map(|server| server.extra_float_digits(None));
    let mark = Uuid::new_v4().simple().to_string();
    let marked = servers.map(|server| server.options([(MARK, &mark)]));
    match marked.connect().await {
        Ok((mut connection, _)) => {
            let query = format!("SELECT pg_catalog.current_setting('{MARK}', true)");
            let found: Option<String> = connection.fetch_one(query.as_str()).await?.try_get(0)?;
            connection.close().await?;
            Ok(if found == Some(mark) { Pooling::Session } else { Pooling::Transaction })
        }
        // PgBouncer's code for a setting that it does not know, among others: then it connects without the setting.
        Err(error) if SqlState::of(&error) == Some(SqlState::ConnectionFailure) => {
            servers.connect().await?.0.close().await?;
            Ok(Pooling::Transaction)
        }
        Err(error) => Err(error),
    }
}
