//! The database from which copies are created and dropped.

use crate::failure::Failure;
use crate::target::Target;
use sqlx::{Connection, PgConnection};

/// The database from which copies are created and dropped: a template must have no connections, not even this program's.
pub(super) struct Admin {
    target: Target,
    /// Whether it is the database to copy, since no other one accepts this role.
    pub(super) is_source: bool,
}

impl Admin {
    /// Chooses a database that accepts this role.
    pub(super) async fn of(target: &Target) -> Result<Self, Failure> {
        // Fails here without a server.
        let mut connection = target.connect("rehearse").await?;
        let source: String =
            sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut connection).await?;
        connection.close().await?;
        for name in ["postgres", "template1"].into_iter().filter(|name| *name != source) {
            let other = target.beside(name);
            if let Ok(connection) = other.connect("rehearse").await {
                connection.close().await?;
                return Ok(Self { target: other, is_source: false });
            }
        }
        Ok(Self { target: target.beside(&source), is_source: true })
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, Failure> {
        self.target.connect("rehearse").await
    }

    /// The database's name.
    pub(super) fn name(&self) -> &str {
        self.target.url().options().get_database().unwrap_or("postgres")
    }
}
