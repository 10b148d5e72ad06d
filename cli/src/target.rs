//! The database that a command works on: the one that was named, or the private server's own.

use crate::database_url::DatabaseUrl;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use phaseline_embedded::{Binaries, Server, default_data_dir};
use phaseline_migrator::Database;
use phaseline_projections::{
    Access, refuse_foreign_code, refuse_foreign_code_for_commands, refuse_superuser,
};
use phaseline_store::schema::version;
use sqlx::{PgConnection, PgPool, postgres::PgPoolOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database on the private server.
pub(crate) const EMBEDDED_DATABASE: &str = "planner";

/// How long a connection may take. A host that drops packets would keep an operator waiting for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A database, and the server behind it if it is the private one, which runs for as long as this lives.
pub(crate) struct Target {
    url: DatabaseUrl,
    database: Database,
    /// The options that name this database again, for commands that are suggested.
    arguments: String,
    server: Option<Server>,
    /// Whether a superuser may work on tables of a role that is not one.
    allow_superuser: bool,
}

impl Target {
    /// Finds out which database is meant, and starts the private server if it is its own. What stands on the command
    /// line wins over the environment.
    pub(crate) async fn resolve(global: &GlobalArgs) -> Result<Self, Failure> {
        Ok(Self::named_by(global).await?.allowing_superuser(global.allow_superuser))
    }

    async fn named_by(global: &GlobalArgs) -> Result<Self, Failure> {
        if let Some(url) = &global.database_url {
            let url = DatabaseUrl::parse(url, "--database-url")?;
            let password = url.password().map_or("", |_| "PGPASSWORD=… ");
            let arguments = format!("{password}phaseline --database-url {}", quoted(url.bare()));
            return Ok(Self::new(url, arguments, None));
        }
        if let (Some(url), None) = (variable("DATABASE_URL"), &global.data_dir) {
            return Ok(Self::new(DatabaseUrl::parse(&url, "DATABASE_URL")?, "phaseline".to_owned(), None));
        }
        let (data_dir, arguments) = match (&global.data_dir, variable("PHASELINE_DATA_DIR")) {
            (Some(folder), _) => {
                (folder.clone(), format!("phaseline --data-dir {}", quoted(&folder.to_string_lossy())))
            }
            (None, Some(folder)) => (folder.into(), "phaseline".to_owned()),
            (None, None) => (default_data_dir()?, "phaseline".to_owned()),
        };
        let server = start(data_dir).await?;
        let url = DatabaseUrl::parse(&server.url(EMBEDDED_DATABASE), "the private server")?;
        Ok(Self::new(url, arguments, Some(server)))
    }

    /// The database of a URL that stands elsewhere than on the command line or in the environment; `source` says where.
    pub(crate) fn of_url(url: &str, source: &str) -> Result<Self, Failure> {
        Ok(Self::new(DatabaseUrl::parse(url, source)?, "phaseline".to_owned(), None))
    }

    /// The same database, where a superuser may work on tables of a role that is not one.
    pub(crate) fn allowing_superuser(mut self, allow_superuser: bool) -> Self {
        if allow_superuser && !self.allow_superuser {
            self.arguments.push_str(" --allow-superuser");
        }
        Self { allow_superuser, ..self }
    }

    fn new(url: DatabaseUrl, arguments: String, server: Option<Server>) -> Self {
        Self {
            database: Database::new(url.options().clone()),
            url,
            arguments,
            server,
            allow_superuser: false,
        }
    }

    /// A database on a server of the caller's.
    pub(crate) fn on(server: Server) -> Result<Self, Failure> {
        let url = DatabaseUrl::parse(&server.url(EMBEDDED_DATABASE), "the private server")?;
        Ok(Self::new(url, "phaseline".to_owned(), Some(server)))
    }

    /// Another database on the same server, for as long as this one lives.
    pub(crate) fn beside(&self, database: &str) -> Self {
        let url = self.url.beside(database);
        let password = url.password().map_or("", |_| "PGPASSWORD=… ");
        let arguments = format!("{password}phaseline --database-url {}", quoted(url.bare()));
        Self::new(url, arguments, None).allowing_superuser(self.allow_superuser)
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Whether it is the private server's.
    pub(crate) const fn is_embedded(&self) -> bool {
        self.server.is_some()
    }

    /// How a suggested command begins: the program, and what names this database again.
    pub(crate) fn program(&self) -> &str {
        &self.arguments
    }

    /// A connection with the migrator's settings, to a database whose log, if there is one, this program knows, and in which no
    /// code of others would have this session's rights.
    pub(crate) async fn connect(&self, purpose: &str) -> Result<PgConnection, Failure> {
        let mut connection = self.connect_to_any(purpose).await?;
        refuse_foreign_code(&mut connection, Access::Read).await?;
        version::refuse_newer(&mut connection).await?;
        Ok(connection)
    }

    /// A connection with the migrator's settings, whoever made the log.
    pub(crate) async fn connect_to_any(&self, purpose: &str) -> Result<PgConnection, Failure> {
        let purpose = format!("phaseline {purpose}");
        match tokio::time::timeout(CONNECT_TIMEOUT, self.database.connect(&purpose)).await {
            Ok(Ok(mut connection)) => {
                self.refuse_superuser(&mut connection).await?;
                Ok(connection)
            }
            Ok(Err(error)) => Err(Failure::no_connection(&self.url.place(), &error)),
            Err(_) => Err(Failure::no_connection(&self.url.place(), &timed_out())),
        }
    }

    async fn refuse_superuser(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        if self.allow_superuser { Ok(()) } else { Ok(refuse_superuser(connection).await?) }
    }

    /// A pool for commands to timelines. They hold the log's lock, so none of them may hold it for long.
    pub(crate) async fn pool(&self) -> Result<PgPool, Failure> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let settings =
                        "SET search_path = pg_catalog, pg_temp; SET default_transaction_isolation = 'read committed'; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";
                    sqlx::Executor::execute(connection, settings).await.map(|_| ())
                })
            })
            .connect_with(
                self.url
                    .options()
                    .clone()
                    .application_name("phaseline command")
                    ,
            )
            .await
            .map_err(|error| Failure::no_connection(&self.url.place(), &error))?;
        let mut connection = pool.acquire().await?;
        self.refuse_superuser(&mut connection).await?;
        refuse_foreign_code_for_commands(&mut connection).await?;
        version::refuse_newer(&mut connection).await?;
        drop(connection);
        Ok(pool)
    }

    /// PostgreSQL's programs, of the server's version or a later one, which reads older servers.
    pub(crate) fn binaries(&self, server_version: u32) -> Result<Binaries, Failure> {
        if let Some(server) = &self.server {
            return Ok(server.binaries().clone());
        }
        if let Ok(same) = Binaries::find_version(server_version) {
            return Ok(same);
        }
        let found = Binaries::find()?;
        if found.major_version() >= server_version {
            return Ok(found);
        }
        Err(Failure::new(
            crate::exit::Exit::NoDatabase,
            "pg_dump_too_old",
            format!(
                "the server is PostgreSQL {server_version}, but the pg_dump found is of {} ({}), and it does not read \
                 newer servers",
                found.major_version(),
                found.bindir().display()
            ),
        )
        .remedy(format!("Install the client programs of PostgreSQL {server_version}, or name their folder in PHASELINE_PG_BINDIR.")))
    }
}

/// Starts the private server of a folder, with its database.
pub(crate) async fn start(data_dir: PathBuf) -> Result<Server, Failure> {
    let started = tokio::task::spawn_blocking(move || {
        let server = Server::start(Path::new(&data_dir))?;
        server.create_database_if_missing(EMBEDDED_DATABASE)?;
        Ok::<_, Failure>(server)
    });
    started.await.map_err(|error| Failure::unexpected(format!("the private server: {error}")))?
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
    ))
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._~/:@=%+,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_as_a_shell_takes_them() {
        assert_eq!(quoted("postgres://h/d"), "postgres://h/d");
        assert_eq!(quoted("postgres:///d?host=/tmp&x"), "'postgres:///d?host=/tmp&x'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
