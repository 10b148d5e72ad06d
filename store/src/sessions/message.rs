//! One statement with its settings as one message, behind a pooler: a transaction in one round trip.

use super::server::server_left;
use super::{Session, Sessions};
use crate::pooler::Pooling;
use crate::statement::Statement;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Executor};

/// From this size on a statement goes by its parameters: writing them as text would block the thread.
const LARGE: usize = 256 * 1024;

/// A connection to a pooler for one statement.
#[derive(Debug)]
pub(crate) struct Message {
    session: Session,
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
        let mut session = self.begin().await?;
        let server = session.server();
        let executed = tokio::select! {
            biased;
            executed = session.execute_directly(statement) => executed,
            () = self.left(server) => {
                session.discard();
                return Err(server_left());
            }
        };
        session.end(executed)
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
        Ok(Some(Message { session: self.acquire().await?, sessions: self.clone() }))
    }
}

impl Message {
    /// Executes the statement in a transaction of its own, and keeps what it wrote.
    ///
    /// # Errors
    /// The database's, or that the sessions go to another server meanwhile.
    pub(crate) async fn send(mut self, statement: &Statement<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        let server = self.session.server();
        let sessions = self.sessions;
        // If the future is dropped, or the server is left, the connection is closed.
        let sending = async {
            if statement.size() >= LARGE {
                sessions.preparation.begin(&mut self.session).await?;
                self.session.execute(statement.limits().as_str()).await?;
                let fetched = statement.fetch(&mut self.session, false).await;
                return self.session.settle(fetched).await;
            }
            // PostgreSQL executes the statements of one message in one transaction.
            let text = format!(
                "{}{}{}",
                sessions.preparation.message_settings(),
                statement.limits(),
                statement.text()?
            );
            let fetched = self.session.fetch_all(text.as_str()).await;
            self.session.end(fetched)
        };
        tokio::select! {
            biased;
            sent = sending => sent,
            () = sessions.left(server) => Err(server_left()),
        }
    }
}

impl Session {
    /// Executes a statement on a connection that keeps its state.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn execute_directly(
        &mut self,
        statement: &Statement<'_>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        if !statement.is_limited() {
            return statement.fetch(self, true).await;
        }
        let mut transaction = self.begin().await?;
        transaction.execute(statement.limits().as_str()).await?;
        let fetched = statement.fetch(&mut transaction, true).await?;
        transaction.commit().await?;
        Ok(fetched)
    }
}
