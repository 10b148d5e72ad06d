//! The connections of a service and of single commands, directly or through a pooler in transaction mode ([the
//! decision](../../docs/decisions/poolers.md)).
//!
//! [`Sessions::begin`] and, for one statement, [`Sessions::execute`] are the only ways to a connection. Directly, a connection is
//! prepared once, and each statement is a transaction. Through a pooler, each use is a transaction of its own, which begins with the
//! session's settings.

mod follow;
mod kept;
mod message;
mod server;

pub(crate) use message::Message;

use crate::pooler::{Pooler, Pooling};
use crate::read;
use crate::servers::{ServerState, Servers};
use kept::{IDLE, PermittedConnection};
use server::{AcquiredConnection, CurrentServer};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Database, Executor, PgConnection, PgPool, Postgres, TransactionManager};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

type Transactions = <Postgres as Database>::TransactionManager;

/// A check on a connection with the login's own role, before the session's role is set.
pub trait Admission: fmt::Debug + Send + Sync {
    /// Whether the next use of a connection needs the check.
    fn is_due(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;

    /// Makes the check if it is due.
    fn ensure<'c>(
        &'c self,
        connection: &'c mut PgConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'c>>;
}

/// What every session has.
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// Whether a pooler is between the program and the server.
    pub pooler: Pooler,
    /// Settings with their values as SQL.
    pub settings: Vec<(&'static str, String)>,
    /// The role; none is the login's own.
    pub role: Option<String>,
    /// The check before the role is set.
    pub admission: Option<Arc<dyn Admission>>,
    /// How the transaction of a session behind a pooler begins.
    pub begin: Begin,
}

/// How the transaction of a session behind a pooler begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// Each statement sees what was committed before it.
    #[default]
    ReadCommitted,
    /// All statements see one moment, and write nothing.
    Snapshot,
}

impl Begin {
    const fn statement(self) -> &'static str {
        match self {
            Self::ReadCommitted => "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED",
            Self::Snapshot => read::BEGIN_SNAPSHOT,
        }
    }

    /// The same for the transaction of a message, which begins by itself.
    const fn characteristics(self) -> &'static str {
        match self {
            Self::ReadCommitted => "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ",
            Self::Snapshot => "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; ",
        }
    }
}

/// Hands out the sessions of one database. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Sessions {
    server: Arc<CurrentServer>,
    preparation: Arc<Preparation>,
}

/// One use of a connection: a sequence of statements. Through a pooler it is one transaction, in which a failed statement ends all
/// later ones; what it wrote is kept by [`Session::settle`] only.
#[derive(Debug)]
pub struct Session {
    connection: PermittedConnection,
    pooling: Pooling,
    /// The number of the server, which [`Sessions::follow`] counts.
    server: u64,
    completed: bool,
}

impl Sessions {
    /// Connects on demand. `pool` has the number of connections and the time limits.
    pub fn open(servers: &Servers, pool: PgPoolOptions, settings: SessionSettings) -> Self {
        // Not every pooler accepts this parameter, and servers have shown floating-point numbers exactly for a long time.
        let servers = servers.map(|server| server.extra_float_digits(None));
        let preparation = Arc::new(Preparation::new(servers, settings, OnceCell::new()));
        let [connecting, acquiring, releasing] = [(); 3].map(|()| Arc::clone(&preparation));
        let pool = pool
            // A test before each use would be a round trip. But a connection that was idle for a while may be dead, as all are after
            // a restart of the server, and would fail its request.
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let preparation = Arc::clone(&connecting);
                Box::pin(async move { preparation.prepare(connection).await })
            })
            .before_acquire(move |connection, kept| {
                let preparation = Arc::clone(&acquiring);
                Box::pin(async move { preparation.prepare_again(connection, kept.idle_for).await })
            })
            .after_release(move |connection, _| {
                let preparation = Arc::clone(&releasing);
                Box::pin(async move {
                    if preparation.found() == Pooling::Transaction {
                        roll_back(connection).await?;
                    }
                    Ok(true)
                })
            });
        let first = preparation.servers.first().clone();
        let is_located = !preparation.servers.are_searched();
        Self { server: Arc::new(CurrentServer::new(pool, first, is_located)), preparation }
    }

    /// The next session.
    ///
    /// # Errors
    /// Those of connecting, of the settings and of the check; [`sqlx::Error::PoolTimedOut`] if no connection is free in time.
    pub async fn begin(&self) -> Result<Session, sqlx::Error> {
        self.locate().await?;
        let mut session = self.acquire().await?;
        if session.pooling == Pooling::Transaction {
            self.preparation.begin(&mut session).await?;
        }
        Ok(session)
    }

    /// The next connection; behind a pooler without a transaction.
    async fn acquire(&self) -> Result<Session, sqlx::Error> {
        let (connection, server) = self.connection().await?;
        Ok(Session::new(connection, self.preparation.found(), server))
    }

    /// The next connection, prepared for its use, and the number of its server.
    async fn connection(&self) -> Result<(PermittedConnection, u64), sqlx::Error> {
        loop {
            let AcquiredConnection { mut connection, server, is_kept } = self.server.acquire().await?;
            // The pool prepares all others, and has the error of a check that fails.
            if !is_kept
                || self.preparation.prepare_again(&mut connection, Duration::ZERO).await.unwrap_or(false)
            {
                return Ok((connection, server));
            }
            connection.close_on_drop();
        }
    }

    /// Makes one connection as [`Sessions::begin`] would, to learn why that fails: it reports a timeout only.
    ///
    /// # Errors
    /// The server's own; [`sqlx::Error::Io`] of kind `TimedOut` if nothing answers within `patience`.
    pub async fn probe(&self, patience: Duration) -> Result<(), sqlx::Error> {
        let probing = async {
            // Before the connection, since a login may be allowed one only.
            self.preparation.pooling().await?;
            let (mut connection, _) = self.preparation.servers.connect().await?;
            self.preparation.prepare(&mut connection).await?;
            if self.preparation.found() == Pooling::Transaction {
                self.preparation.begin(&mut connection).await?;
                roll_back(&mut connection).await?;
            }
            connection.close().await
        };
        match tokio::time::timeout(patience, probing).await {
            Ok(probed) => probed,
            Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer within {} s", patience.as_secs_f64()),
            ))),
        }
    }

    /// The number of open connections, and of those in use, which include one that is not open yet.
    pub fn connections(&self) -> (usize, usize) {
        self.server.connections()
    }

    /// The largest number of connections.
    pub fn most(&self) -> u32 {
        self.server.pool().options().get_max_connections()
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.server.close().await;
    }
}

impl From<PgPool> for Sessions {
    /// Connections of the caller, who prepares them; not through a pooler in transaction mode.
    fn from(pool: PgPool) -> Self {
        let servers = Servers::one(pool.connect_options().as_ref().clone());
        let settings = SessionSettings { pooler: Pooler::None, ..SessionSettings::default() };
        let pooling = OnceCell::new_with(Some(Pooling::Session));
        let preparation = Arc::new(Preparation::new(servers, settings, pooling));
        Self { server: Arc::new(CurrentServer::of_pool(pool)), preparation }
    }
}

impl Session {
    const fn new(connection: PermittedConnection, pooling: Pooling, server: u64) -> Self {
        Self { connection, pooling, server, completed: false }
    }

    /// Ends a session that wrote nothing to keep, and passes on its result. Without this call, as when the caller's future is dropped
    /// during a statement, the state of a pooled connection is unknown, and it is closed.
    pub fn end<T>(mut self, result: T) -> T {
        self.completed = true;
        result
    }

    /// Keeps what was written if the result is a success, and undoes it otherwise; passes on the result.
    ///
    /// # Errors
    /// That of the result, or of the commit.
    pub async fn settle<T, E: From<sqlx::Error>>(mut self, result: Result<T, E>) -> Result<T, E> {
        if self.pooling == Pooling::Transaction {
            match &result {
                Ok(_) => {
                    self.connection.clear_cached_statements().await?;
                    Transactions::commit(&mut self.connection).await?;
                }
                // An error of the rollback closes the connection, which undoes everything as well.
                Err(_) => {
                    if let Err(error) = roll_back(&mut self.connection).await {
                        tracing::debug!(%error, "a rollback failed");
                        return result;
                    }
                }
            }
        }
        self.completed = true;
        result
    }

    /// Ends a session whose connection is of no further use.
    pub fn discard(mut self) {
        self.connection.close_on_drop();
    }

    /// Whether a connection keeps prepared statements for later uses.
    pub const fn keeps_statements(&self) -> bool {
        matches!(self.pooling, Pooling::Session)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.completed && self.pooling == Pooling::Transaction {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// Ends a transaction without its changes. Statements that the driver has named are closed first: another client's would have the
/// same names on this server connection.
async fn roll_back(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if Transactions::get_transaction_depth(connection) > 0 {
        connection.clear_cached_statements().await?;
    }
    while Transactions::get_transaction_depth(connection) > 0 {
        Transactions::rollback(connection).await?;
    }
    Ok(())
}

/// How a connection becomes a session.
#[derive(Debug)]
struct Preparation {
    servers: Servers,
    settings: SessionSettings,
    pooling: OnceCell<Pooling>,
    /// The server of the connections, as the first of them found it; none before that.
    server: Mutex<Option<ServerState>>,
}

impl Preparation {
    fn new(servers: Servers, settings: SessionSettings, pooling: OnceCell<Pooling>) -> Self {
        Self { servers, settings, pooling, server: Mutex::default() }
    }

    fn known_server(&self) -> Option<ServerState> {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn know_server(&self, state: ServerState) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// What the first connection has found.
    fn found(&self) -> Pooling {
        self.pooling.get().copied().unwrap_or(Pooling::Session)
    }

    async fn pooling(&self) -> Result<Pooling, sqlx::Error> {
        let find = || self.settings.pooler.pooling(&self.servers);
        self.pooling.get_or_try_init(find).await.copied()
    }

    /// Prepares a new connection.
    async fn prepare(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.known_server().is_none() {
            self.know_server(ServerState::read(connection).await?);
        }
        if self.pooling().await? == Pooling::Transaction {
            return Ok(());
        }
        let mut set = self.assignments("SET");
        set.push_str("SET default_transaction_isolation = 'read committed'");
        connection.execute(set.as_str()).await?;
        self.enter(connection, "SET").await
    }

    /// Prepares a connection that was used before. False if it is dead.
    async fn prepare_again(
        &self,
        connection: &mut PgConnection,
        idle: Duration,
    ) -> Result<bool, sqlx::Error> {
        // A server may have become a standby since.
        if idle >= IDLE {
            let state = ServerState::read(connection).await;
            if !state.is_ok_and(|state| self.servers.are_served_by(state)) {
                return Ok(false);
            }
        }
        if self.found() == Pooling::Transaction {
            return Ok(true);
        }
        if let Some(admission) = &self.settings.admission
            && admission.is_due().await
        {
            connection.execute("RESET ROLE").await?;
            self.enter(connection, "SET").await?;
        }
        Ok(true)
    }

    /// Makes the check, and sets the role.
    async fn enter(&self, connection: &mut PgConnection, set: &str) -> Result<(), sqlx::Error> {
        if let Some(admission) = &self.settings.admission {
            admission.ensure(connection).await?;
        }
        if let Some(role) = self.role(set) {
            connection.execute(role.as_str()).await?;
        }
        Ok(())
    }

    /// Begins a transaction with the settings, in one round trip unless the check is due.
    async fn begin(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut begin = format!("{}; {}", self.settings.begin.statement(), self.assignments("SET LOCAL"));
        let is_due = self.is_check_due().await;
        if !is_due && let Some(role) = self.role("SET LOCAL") {
            begin.push_str(&role);
        }
        Transactions::begin(connection, Some(begin.into())).await?;
        if is_due { self.enter(connection, "SET LOCAL").await } else { Ok(()) }
    }

    async fn is_check_due(&self) -> bool {
        match &self.settings.admission {
            Some(admission) => admission.is_due().await,
            None => false,
        }
    }

    /// The statements before the one of a message.
    fn message_settings(&self) -> String {
        let role = self.role("SET LOCAL").map(|role| format!("{role}; ")).unwrap_or_default();
        format!("{}{}{role}", self.settings.begin.characteristics(), self.assignments("SET LOCAL"))
    }

    fn assignments(&self, set: &str) -> String {
        self.settings.settings.iter().map(|(name, value)| format!("{set} {name} = {value}; ")).collect()
    }

    fn role(&self, set: &str) -> Option<String> {
        self.settings.role.as_ref().map(|role| format!("{set} ROLE \"{}\"", role.replace('"', "\"\"")))
    }
}
