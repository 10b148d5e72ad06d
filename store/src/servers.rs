//! The servers of one database, of which one is connected to.

use crate::SqlState;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Time limit for one of several servers, if the caller sets none: an unreachable one must not use up the time for the others.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which servers are connected to, as libpq's `target_session_attrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionAttributes {
    /// Any server.
    #[default]
    Any,
    /// One where sessions can write by default.
    ReadWrite,
    /// One where sessions cannot write by default.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// A standby, or if there is none, any server.
    PreferStandby,
}

impl SessionAttributes {
    /// All of them, by libpq's names.
    pub const NAMES: [(&str, Self); 6] = [
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];

    fn accept(self, server: ServerState) -> bool {
        match self {
            Self::Any => true,
            Self::ReadWrite => !server.is_read_only,
            Self::ReadOnly => server.is_read_only,
            Self::Primary => !server.is_in_recovery,
            Self::Standby | Self::PreferStandby => server.is_in_recovery,
        }
    }
}

impl FromStr for SessionAttributes {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, attributes)| *attributes).ok_or(())
    }
}

impl fmt::Display for SessionAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, attributes)| attributes == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// What a server is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// It replays the log of another server.
    pub is_in_recovery: bool,
    /// Its sessions cannot write: it is in recovery, or `default_transaction_read_only` is set.
    pub is_read_only: bool,
    /// When the server was started, in microseconds since 1970: two servers behind one address differ in it.
    pub started_at: i64,
}

impl ServerState {
    /// Reads it in one round trip, without a prepared statement, which a pooler would lose.
    ///
    /// # Errors
    /// The connection's.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = connection
            .fetch_one(sqlx::raw_sql(
                "SELECT pg_catalog.pg_is_in_recovery(),
                        pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on',
                        (pg_catalog.extract('epoch', pg_catalog.pg_postmaster_start_time())
                            OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8",
            ))
            .await?;
        Ok(Self {
            is_in_recovery: row.try_get(0)?,
            is_read_only: row.try_get(1)?,
            started_at: row.try_get(2)?,
        })
    }
}

impl fmt::Display for ServerState {
    /// `a standby`, `a primary` or `a read-only primary`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_in_recovery, self.is_read_only) {
            (true, _) => "a standby",
            (false, false) => "a primary",
            (false, true) => "a read-only primary",
        })
    }
}

/// The servers of one database, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Servers {
    first: PgConnectOptions,
    others: Vec<PgConnectOptions>,
    wanted: SessionAttributes,
    patience: Option<Duration>,
    /// The index of the server that was connected to last; all clones have the same. It is tried first, since one that is down may use
    /// up the time limit at each connection.
    last: Arc<OnceLock<AtomicUsize>>,
}

impl Servers {
    /// One server, of any kind.
    pub fn one(options: PgConnectOptions) -> Self {
        Self::several(options, Vec::new(), SessionAttributes::Any, None)
    }

    /// Several servers, of which the first that is `wanted` is connected to. `patience` is the time limit for each.
    pub fn several(
        first: PgConnectOptions,
        others: Vec<PgConnectOptions>,
        wanted: SessionAttributes,
        patience: Option<Duration>,
    ) -> Self {
        Self { first, others, wanted, patience, last: Arc::default() }
    }

    /// The options of the first server.
    pub const fn first(&self) -> &PgConnectOptions {
        &self.first
    }

    /// The options of all servers.
    pub fn all(&self) -> impl Iterator<Item = &PgConnectOptions> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The same servers with changed options.
    #[must_use]
    pub fn map(&self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        Self {
            first: change(self.first.clone()),
            others: self.others.iter().cloned().map(&change).collect(),
            last: Arc::clone(&self.last),
            ..*self
        }
    }

    /// The server that was connected to last; none before the first connection to one of several.
    pub fn current(&self) -> Option<&PgConnectOptions> {
        if !self.are_searched() {
            return Some(&self.first);
        }
        self.all().nth(self.last.get()?.load(Ordering::Relaxed))
    }

    fn in_order_of_trial(&self) -> Vec<(usize, &PgConnectOptions)> {
        let mut servers: Vec<_> = self.all().enumerate().collect();
        if let Some(last) = self.last.get() {
            let last = last.load(Ordering::Relaxed);
            servers.sort_by_key(|(index, _)| *index != last);
        }
        servers
    }

    /// Whether a connection to a server in this state is of use: a service writes, so without a wanted kind it must accept that.
    pub(crate) fn are_served_by(&self, state: ServerState) -> bool {
        match self.wanted {
            SessionAttributes::Any => !state.is_read_only,
            SessionAttributes::PreferStandby => true,
            wanted => wanted.accept(state),
        }
    }

    /// Whether a search for the wanted server can have different results.
    pub fn are_searched(&self) -> bool {
        !self.others.is_empty() || self.wanted != SessionAttributes::Any
    }

    /// Connects to the first server that answers and is wanted. As in libpq, a server that refuses the user, the password or the
    /// database ends the search, and one that is starting up does not. Returns the options of that server, too.
    ///
    /// # Errors
    /// The server's or the connection's; with several servers an [`sqlx::Error::Io`] that lists the reason of each.
    pub async fn connect(&self) -> Result<(PgConnection, &PgConnectOptions), sqlx::Error> {
        if !self.are_searched() {
            let connecting = self.first.connect();
            let connection = match self.patience {
                None => connecting.await?,
                Some(patience) => {
                    tokio::time::timeout(patience, connecting).await.map_err(|_| no_response(patience))??
                }
            };
            return Ok((connection, &self.first));
        }
        let mut passes = vec![self.wanted];
        if self.wanted == SessionAttributes::PreferStandby {
            passes.push(SessionAttributes::Any);
        }
        let mut reasons = Vec::new();
        for wanted in passes {
            reasons.clear();
            for (index, server) in self.in_order_of_trial() {
                match self.try_one(server, wanted).await {
                    Ok(connection) => {
                        self.last.get_or_init(AtomicUsize::default).store(index, Ordering::Relaxed);
                        return Ok((connection, server));
                    }
                    Err(Rejection::Final(error)) => return Err(error),
                    Err(Rejection::Next(reason)) => reasons.push(format!("{}: {reason}", address(server))),
                }
            }
        }
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotConnected, reasons.join("; "))))
    }

    async fn try_one(
        &self,
        server: &PgConnectOptions,
        wanted: SessionAttributes,
    ) -> Result<PgConnection, Rejection> {
        let connecting = async {
            let mut connection = server.connect().await?;
            let state = match wanted {
                SessionAttributes::Any => None,
                _ => Some(ServerState::read(&mut connection).await?),
            };
            Ok::<_, sqlx::Error>((connection, state))
        };
        let patience = self.patience.unwrap_or(PATIENCE);
        match tokio::time::timeout(patience, connecting).await {
            Ok(Ok((connection, state))) => match state.filter(|state| !wanted.accept(*state)) {
                None => Ok(connection),
                Some(state) => {
                    // The reason matters, not whether the server hears of the end.
                    let _ = connection.close().await;
                    Err(Rejection::Next(format!("is {state}, wanted is {wanted}")))
                }
            },
            Ok(Err(error)) if ends_search(&error) => Err(Rejection::Final(error)),
            Ok(Err(error)) => Err(Rejection::Next(error.to_string())),
            Err(_) => Err(Rejection::Next(no_response(patience).to_string())),
        }
    }
}

/// Why a server is not used.
enum Rejection {
    /// The next one is tried.
    Next(String),
    /// The search ends.
    Final(sqlx::Error),
}

pub(crate) fn no_response(patience: Duration) -> sqlx::Error {
    let text = format!("no response within {} s", patience.as_secs());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}

/// Whether an answer of one server ends the search.
fn ends_search(error: &sqlx::Error) -> bool {
    SqlState::of(error).is_some_and(|state| state != SqlState::CannotConnectNow)
}

/// `db1.example:5432`, or the path of a socket.
pub fn address(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => format!("{}/.s.PGSQL.{}", socket.display(), options.get_port()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}
