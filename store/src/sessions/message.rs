//! One statement with its settings as one message, behind a pooler: a transaction in one round trip.

use super::kept::PermittedConnection;
use super::server::{AcquiredConnection, server_left};
use super::{Session, Sessions};
use crate::pooler::Pooling;
use crate::statement::Statement;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Executor, PgConnection};

/// From this size on a statement goes by its parameters: writing them as text would block the thread.
const LARGE: usize = 256 * 1024;

/// A connection to a pooler for one statement.
#[derive(Debug)]
pub(crate) struct Message {
    connection: PermittedConnection,
    /// The number of its server.
    server: u64,
    sessions: Sessions,
}

impl Sessions {
    /// Executes one statement in a transaction of its own, and keeps what it wrote.
    ///
    /// # Errors
    /// The database's; those of [`Sessions::begin`]; an [`std::io::ErrorKind::ConnectionAborted`] if the sessions go to another server
    /// meanwhile.
    pub async fn execute(&self, statement: &Statement<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        if let Some(message) = self.message().await? {
            return message.send(statement).await;
        }
        let (mut connection, server) = self.connection().await?;
        let executed = tokio::select! {
            biased;
            executed = execute_directly(&mut connection, statement) => executed,
            () = self.left(server) => {
                connection.close_on_drop();
                return Err(server_left());
            }
        };
        // After an error the pool tests it.
        if executed.is_ok() && self.server.owns_pool {
            self.server.keep(connection, server);
        }
        executed
    }

    /// Executes one statement on a connection that keeps its state. If the sessions go to another server meanwhile, the session is closed:
    /// a server that failed may never answer, not even a rollback.
    pub(crate) async fn execute_on(
        &self,
        mut session: Session,
        statement: &Statement<'_>,
    ) -> (Option<Session>, Result<Vec<PgRow>, sqlx::Error>) {
        let server = session.server();
        tokio::select! {
            biased;
            executed = execute_directly(&mut session, statement) => (Some(session), executed),
            () = self.left(server) => {
                session.discard();
                (None, Err(server_left()))
            }
        }
    }

    /// A connection for one statement; none if connections keep their state.
    ///
    /// # Errors
    /// Those of [`Sessions::begin`].
    pub(crate) async fn message(&self) -> Result<Option<Message>, sqlx::Error> {
        self.locate().await?;
        if self.preparation.pooling().await? == Pooling::Session {
            return Ok(None);
        }
        if self.preparation.is_check_due().await {
            // It makes the check.
            self.begin().await?.end(());
        }
        let AcquiredConnection { connection, server, .. } = self.server.acquire().await?;
        Ok(Some(Message { connection, server, sessions: self.clone() }))
    }
}

impl Message {
    /// Executes the statement in a transaction of its own, and keeps what it wrote.
    ///
    /// # Errors
    /// The database's, or that the sessions go to another server meanwhile.
    pub(crate) async fn send(self, statement: &Statement<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        let Self { connection, server, sessions } = self;
        let sending = async {
            if statement.size() >= LARGE {
                let mut session = Session::new(connection, Pooling::Transaction, server);
                sessions.preparation.begin(&mut session).await?;
                session.execute(statement.limits().as_str()).await?;
                let fetched = statement.fetch(&mut session, false).await;
                return session.settle(fetched).await;
            }
            // PostgreSQL executes the statements of one message in one transaction.
            let settings = sessions.preparation.message_settings();
            let text = format!("{settings}{}{}", statement.limits(), statement.text()?);
            let mut connection = ClosedOnDrop(Some(connection));
            let fetched = connection.fetch_all(text.as_str()).await;
            if let Some(connection) = connection.0.take() {
                match &fetched {
                    Ok(_) => sessions.server.keep(connection, server),
                    // The pool tests it.
                    Err(_) => drop(connection),
                }
            }
            fetched
        };
        tokio::select! {
            biased;
            sent = sending => sent,
            () = sessions.left(server) => Err(server_left()),
        }
    }
}

/// A connection whose response was not read to its end if it is dropped.
struct ClosedOnDrop(Option<PermittedConnection>);

impl ClosedOnDrop {
    async fn fetch_all(&mut self, text: &str) -> Result<Vec<PgRow>, sqlx::Error> {
        match &mut self.0 {
            Some(connection) => connection.fetch_all(text).await,
            None => Err(sqlx::Error::PoolClosed),
        }
    }
}

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        if let Some(mut connection) = self.0.take() {
            connection.close_on_drop();
        }
    }
}

/// Executes a statement on a connection that keeps its state.
async fn execute_directly(
    connection: &mut PgConnection,
    statement: &Statement<'_>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    if !statement.is_limited() {
        return statement.fetch(connection, true).await;
    }
    let mut transaction = connection.begin().await?;
    transaction.execute(statement.limits().as_str()).await?;
    let fetched = statement.fetch(&mut transaction, true).await?;
    transaction.commit().await?;
    Ok(fetched)
}
