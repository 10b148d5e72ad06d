//! The database that a command uses: the given one, or the private server's.

use crate::context::Context;
use crate::database_url::DatabaseUrl;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use phaseline_embedded::{Binaries, Server, default_data_dir};
use phaseline_migrator::Database;
use phaseline_projections::{
    Access, refuse_excess_rights, refuse_foreign_code, refuse_foreign_code_for_commands,
};
use phaseline_store::schema::version;
use sqlx::{PgConnection, PgPool, postgres::PgPoolOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database on the private server.
pub(crate) const EMBEDDED_DATABASE: &str = "phaseline";
/// Its former name, which planners' databases often have.
const FORMER_EMBEDDED_DATABASE: &str = "planner";

/// Time limit of connecting. Without it, a host that drops packets blocks the operator for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A database, and the private server if it is on one, which runs while this exists.
pub(crate) struct Target {
    url: DatabaseUrl,
    database: Database,
    /// The program with the options for this database, for suggested commands.
    arguments: String,
    server: Option<Server>,
    /// Whether `--allow-superuser` applies: sessions with a superuser's rights may use objects of roles without these rights.
    allow_superuser: bool,
}

impl Target {
    /// Resolves the database, and starts the private server if the database is on it. The command line overrides the environment.
    /// Announces the private server: a variable that is not set in this terminal would otherwise go unnoticed.
    pub(crate) async fn resolve(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        let target = match Self::given(global)? {
            Some(given) => given,
            None => {
                let (data_dir, arguments) = private_server(global)?;
                if global.data_dir.is_none() {
                    let folder = data_dir.display();
                    context.output.remark(&format!(
                        "no database is given (--database-url, DATABASE_URL, PGHOST): using the private server in {folder}"
                    ));
                }
                let server = start(data_dir).await?;
                let url = DatabaseUrl::parse(&server.url(EMBEDDED_DATABASE), "the private server")?;
                Self::new(url, arguments, Some(server))
            }
        };
        Ok(target.allowing_superuser(global.allow_superuser))
    }

    /// The given database; none if it is on the private server.
    fn given(global: &GlobalArgs) -> Result<Option<Self>, Failure> {
        if let Some(url) = &global.database_url {
            let url = DatabaseUrl::parse(url, "--database-url")?;
            let password = url.password().map_or("", |_| "PGPASSWORD=… ");
            let arguments = format!("{password}phaseline --database-url {}", quoted(url.bare()));
            return Ok(Some(Self::new(url, arguments, None)));
        }
        if global.data_dir.is_none() {
            if let Some(url) = std::env::var_os("DATABASE_URL") {
                let url = url.to_string_lossy();
                if url.trim().is_empty() {
                    return Err(empty_url());
                }
                return Self::of_url(&url, "DATABASE_URL").map(Some);
            }
            if variable("PHASELINE_DATA_DIR").is_none()
                && let Some(url) = DatabaseUrl::of_environment()?
            {
                return Ok(Some(Self::new(url, "phaseline".to_owned(), None)));
            }
        }
        Ok(None)
    }

    /// The database of a URL from another `source` than the command line or the environment.
    pub(crate) fn of_url(url: &str, source: &str) -> Result<Self, Failure> {
        Ok(Self::new(DatabaseUrl::parse(url, source)?, "phaseline".to_owned(), None))
    }

    /// The same database, as with `--allow-superuser`.
    pub(crate) fn allowing_superuser(mut self, allow_superuser: bool) -> Self {
        if allow_superuser && !self.allow_superuser {
            self.arguments.push_str(" --allow-superuser");
        }
        Self { allow_superuser, ..self }
    }

    fn new(url: DatabaseUrl, arguments: String, server: Option<Server>) -> Self {
        Self { database: Database::on(url.hosts().clone()), url, arguments, server, allow_superuser: false }
    }

    /// The database on the caller's server.
    pub(crate) fn on(server: Server) -> Result<Self, Failure> {
        let url = DatabaseUrl::parse(&server.url(EMBEDDED_DATABASE), "the private server")?;
        Ok(Self::new(url, "phaseline".to_owned(), Some(server)))
    }

    /// Another database on the same server, while this one exists.
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

    /// Whether it is on the private server.
    pub(crate) const fn is_embedded(&self) -> bool {
        self.server.is_some()
    }

    /// The start of a suggested command: the program and the options for this database.
    pub(crate) fn program(&self) -> &str {
        &self.arguments
    }

    /// A connection with the migrator's settings. Refuses a newer schema, and code of others that would run with this
    /// session's rights.
    pub(crate) async fn connect(&self, purpose: &str) -> Result<PgConnection, Failure> {
        let mut connection = self.connect_to_any(purpose).await?;
        refuse_foreign_code(&mut connection, Access::Read).await?;
        version::refuse_newer(&mut connection).await?;
        Ok(connection)
    }

    /// A connection with the migrator's settings, without these checks.
    pub(crate) async fn connect_to_any(&self, purpose: &str) -> Result<PgConnection, Failure> {
        let purpose = format!("phaseline {purpose}");
        match tokio::time::timeout(CONNECT_TIMEOUT, self.database.connect(&purpose)).await {
            Ok(Ok(mut connection)) => {
                self.refuse_excess_rights(&mut connection).await?;
                Ok(connection)
            }
            Ok(Err(error)) => Err(self.no_connection(&error)),
            Err(_) => Err(self.no_connection(&timed_out())),
        }
    }

    fn no_connection(&self, error: &sqlx::Error) -> Failure {
        Failure::no_connection(&self.url.place(), error)
    }

    async fn refuse_excess_rights(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        if self.allow_superuser { Ok(()) } else { Ok(refuse_excess_rights(connection).await?) }
    }

    /// A pool for commands on timelines, with timeouts, since commands hold the log's lock.
    pub(crate) async fn pool(&self) -> Result<PgPool, Failure> {
        let server = self.url.hosts().find().await.map_err(|error| self.no_connection(&error))?;
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
            .connect_with(server.application_name("phaseline command"))
            .await
            .map_err(|error| self.no_connection(&error))?;
        let mut connection = pool.acquire().await?;
        self.refuse_excess_rights(&mut connection).await?;
        refuse_foreign_code_for_commands(&mut connection).await?;
        version::refuse_newer(&mut connection).await?;
        drop(connection);
        Ok(pool)
    }

    /// Client programs that read the server: of its version or a later one.
    pub(crate) fn binaries(&self, server_version: u32) -> Result<Binaries, Failure> {
        let reads = |found: &Binaries| {
            found.version_of("pg_dump").is_some_and(|version| version.major >= server_version)
        };
        let own = self.server.as_ref().map(|server| server.binaries().clone());
        let of_server = own.or_else(|| Binaries::find_version(server_version).ok());
        match of_server.filter(reads) {
            Some(found) => Ok(found),
            None => Ok(Binaries::find_clients(server_version)?),
        }
    }
}

/// The private server's folder, and the start of suggested commands.
fn private_server(global: &GlobalArgs) -> Result<(PathBuf, String), Failure> {
    Ok(match (&global.data_dir, variable("PHASELINE_DATA_DIR")) {
        (Some(folder), _) => {
            (folder.clone(), format!("phaseline --data-dir {}", quoted(&folder.to_string_lossy())))
        }
        (None, Some(folder)) => (folder.into(), "phaseline".to_owned()),
        (None, None) => (default_data_dir()?, "phaseline".to_owned()),
    })
}

/// Starts the private server of a folder and creates its database.
pub(crate) async fn start(data_dir: PathBuf) -> Result<Server, Failure> {
    let started = tokio::task::spawn_blocking(move || {
        let server = Server::start(Path::new(&data_dir))?;
        server.rename_database_if_present(FORMER_EMBEDDED_DATABASE, EMBEDDED_DATABASE)?;
        server.create_database_if_missing(EMBEDDED_DATABASE)?;
        Ok::<_, Failure>(server)
    });
    started.await.map_err(|error| Failure::unexpected(format!("the private server: {error}")))?
}

/// An empty variable was meant to name a database; the private server would be another one.
fn empty_url() -> Failure {
    Failure::usage("DATABASE_URL is set, but empty").remedy(
        "Set it to the database, such as postgres://user:password@host:5432/planner; or unset it for the private server: unset DATABASE_URL",
    )
}

/// A non-empty environment variable.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        format!("no response within {} s", CONNECT_TIMEOUT.as_secs()),
    ))
}

/// A word quoted for a shell.
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
