//! The database that a command uses: the given one, or the private server's.

mod private;
mod standby;

use crate::context::Context;
use crate::database_url::DatabaseUrl;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use crate::output::Output;
use crate::place::Place;
use crate::reading::Reading;
use phaseline_embedded::{Binaries, Server};
use phaseline_migrator::Database;
use phaseline_projections::{
    Access, refuse_excess_rights, refuse_foreign_code, refuse_foreign_code_for_commands,
};
use phaseline_store::schema::version;
use phaseline_store::{Begin, Pooler, Pooling, SessionSettings, Sessions};
pub(crate) use private::start;
use private::{announce, private_server, refuse_pooler_options, refuse_two_sources};
use sqlx::{PgConnection, postgres::PgPoolOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The database on the private server.
pub(crate) const EMBEDDED_DATABASE: &str = "phaseline";

/// Time limit of connecting. Without it, a host that drops packets blocks the operator for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The variables with the kind of the pooler, and with the server's own URL.
pub(crate) const POOLER: &str = "PHASELINE_POOLER";
const DIRECT_URL: &str = "PHASELINE_DIRECT_URL";

/// A database, and the private server if it is on one, which runs while this exists.
pub(crate) struct Target {
    url: DatabaseUrl,
    /// The server's own URL, for commands that need a session of their own.
    direct_url: Option<DatabaseUrl>,
    /// The database behind the server's own URL, or else behind `url`.
    database: Database,
    /// The program with the options for this database, for suggested commands.
    arguments: String,
    server: Option<Server>,
    /// Whether a pooler is behind `url`.
    pooler: Pooler,
    /// How the connections of services and single commands keep their state.
    service_pooling: OnceCell<Pooling>,
    /// How those to the server's own URL do.
    direct_pooling: OnceCell<Pooling>,
    /// Whether `--allow-superuser` applies: sessions with a superuser's rights may use objects of roles without these rights.
    allow_superuser: bool,
    /// Names the database in what it prints.
    output: Option<Arc<Output>>,
    /// Whether the command writes, which a standby refuses.
    writes: bool,
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
                refuse_pooler_options(global)?;
                announce(context, &data_dir);
                let server = start(data_dir).await?;
                let url = DatabaseUrl::parse(&server.url(EMBEDDED_DATABASE), "the private server")?;
                Self::new(url, arguments, Some(server))
            }
        };
        let target = target.allowing_superuser(global.allow_superuser).with_pooler(global)?;
        Ok(Self { writes: context.writes, ..target }.printing_to(&context.output))
    }

    /// The same database, named in what this output prints.
    pub(crate) fn printing_to(self, output: &Arc<Output>) -> Self {
        let target = Self { output: Some(Arc::clone(output)), ..self };
        target.name(target.url());
        target
    }

    /// Names the database of a connection.
    fn name(&self, url: &DatabaseUrl) {
        if let Some(output) = &self.output {
            output.set_place(Place::new(url.clone(), self.is_embedded()));
        }
    }

    /// The given database; none if it is on the private server.
    fn given(global: &GlobalArgs) -> Result<Option<Self>, Failure> {
        refuse_two_sources(global)?;
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
            if let Some(url) = DatabaseUrl::of_environment()? {
                return Ok(Some(Self::new(url, "phaseline".to_owned(), None)));
            }
        }
        Ok(None)
    }

    /// The private server's folder, if no database is given outside a settings file.
    pub(crate) fn private_folder(global: &GlobalArgs) -> Result<Option<PathBuf>, Failure> {
        refuse_two_sources(global)?;
        if global.data_dir.is_none() && DatabaseUrl::of_environment()?.is_some() {
            return Ok(None);
        }
        private_server(global).map(|(folder, _)| Some(folder))
    }

    /// The setting `pooler`, and the server's own URL.
    fn with_pooler(self, global: &GlobalArgs) -> Result<Self, Failure> {
        if self.is_embedded() {
            return Ok(self);
        }
        let pooler = match (&global.pooler, variable(POOLER)) {
            (Some(text), _) => parsed_pooler(text, "--pooler")?,
            (None, Some(text)) => parsed_pooler(&text, POOLER)?,
            (None, None) => Pooler::default(),
        };
        let target = self.behind(pooler);
        match (&global.direct_url, variable(DIRECT_URL)) {
            (Some(url), _) => {
                let url = DatabaseUrl::parse(url, "--direct-url")?;
                let arguments = format!("{} --direct-url {}", target.arguments, quoted(url.bare()));
                Ok(Self { arguments, ..target.with_direct_url(url) })
            }
            (None, Some(url)) => Ok(target.with_direct_url(DatabaseUrl::parse(&url, DIRECT_URL)?)),
            (None, None) => Ok(target),
        }
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

    /// The same database behind this kind of pooler.
    pub(crate) fn behind(self, pooler: Pooler) -> Self {
        Self { pooler, ..self }
    }

    fn with_direct_url(self, url: DatabaseUrl) -> Self {
        Self { database: Database::on(url.servers().clone()), direct_url: Some(url), ..self }
    }

    fn new(url: DatabaseUrl, arguments: String, server: Option<Server>) -> Self {
        Self {
            database: Database::on(url.servers().clone()),
            url,
            direct_url: None,
            arguments,
            // No pooler is in front of the private server.
            pooler: if server.is_some() { Pooler::None } else { Pooler::default() },
            server,
            service_pooling: OnceCell::new(),
            direct_pooling: OnceCell::new(),
            allow_superuser: false,
            output: None,
            writes: false,
        }
    }

    /// The database on the caller's server.
    pub(crate) fn on(server: Server) -> Result<Self, Failure> {
        let url = DatabaseUrl::parse(&server.url(EMBEDDED_DATABASE), "the private server")?;
        Ok(Self::new(url, "phaseline".to_owned(), Some(server)))
    }

    /// Another database on the same server, while this one exists.
    pub(crate) fn beside(&self, database: &str) -> Self {
        let url = self.url().beside(database);
        let password = url.password().map_or("", |_| "PGPASSWORD=… ");
        let arguments = format!("{password}phaseline --database-url {}", quoted(url.bare()));
        let service_pooling =
            if self.has_direct_url() { self.direct_pooling.clone() } else { self.service_pooling.clone() };
        let beside = Self { service_pooling, pooler: self.own_pooler(), ..Self::new(url, arguments, None) };
        beside.allowing_superuser(self.allow_superuser)
    }

    /// The database for a run, which needs sessions of its own.
    pub(crate) async fn database(&self) -> Result<&Database, Failure> {
        self.need_own_session("this command").await?;
        self.name(self.url());
        Ok(&self.database)
    }

    /// The URL of sessions of its own: the server's own one, if it is given.
    pub(crate) fn url(&self) -> &DatabaseUrl {
        self.direct_url.as_ref().unwrap_or(&self.url)
    }

    /// Whether the server's own URL is given.
    pub(crate) const fn has_direct_url(&self) -> bool {
        self.direct_url.is_some()
    }

    /// The URL of services and single commands, which may lead through a pooler.
    pub(crate) const fn service_url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Fails, before anything is written, unless connections to `database` are sessions of their own.
    async fn need_own_session(&self, purpose: &str) -> Result<(), Failure> {
        let pooling = match &self.direct_url {
            Some(url) => {
                let find = || self.find_pooling(url, self.own_pooler());
                *self.direct_pooling.get_or_try_init(find).await?
            }
            None => self.service_pooling().await?,
        };
        match pooling {
            Pooling::Session => Ok(()),
            Pooling::Transaction => Err(Failure::pooled(&self.url().place(), purpose)),
        }
    }

    /// The setting for `url()`: with a URL of its own, the given one is about the other.
    const fn own_pooler(&self) -> Pooler {
        match (&self.direct_url, self.pooler) {
            (Some(_), Pooler::Transaction) => Pooler::Auto,
            (_, pooler) => pooler,
        }
    }

    async fn find_pooling(&self, url: &DatabaseUrl, pooler: Pooler) -> Result<Pooling, Failure> {
        match tokio::time::timeout(CONNECT_TIMEOUT, pooler.pooling(url.servers())).await {
            Ok(found) => found.map_err(|error| Failure::no_connection(&url.place(), &error)),
            Err(_) => Err(Failure::no_connection(&url.place(), &timed_out())),
        }
    }

    /// The setting `pooler`.
    pub(crate) const fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// How the connections of services and single commands keep their state.
    pub(crate) async fn service_pooling(&self) -> Result<Pooling, Failure> {
        let find = || self.find_pooling(&self.url, self.pooler);
        self.service_pooling.get_or_try_init(find).await.copied()
    }

    /// A connection for a single command that only reads, with the migrator's settings. Refuses as [`Target::connect`] does.
    pub(crate) async fn read(&self, purpose: &str) -> Result<Reading, Failure> {
        let mut reading = self.read_any(purpose).await?;
        check_for_reads(&mut reading).await?;
        Ok(reading)
    }

    /// The same without these checks.
    pub(crate) async fn read_any(&self, purpose: &str) -> Result<Reading, Failure> {
        self.name(&self.url);
        if self.service_pooling().await? == Pooling::Session {
            let database = Database::on(self.url.servers().clone());
            return Ok(Reading::Direct(self.checked(&database, &self.url, purpose).await?));
        }
        let settings = SessionSettings {
            pooler: Pooler::Transaction,
            settings: Database::settings(),
            begin: Begin::Snapshot,
            ..SessionSettings::default()
        };
        let sessions = self.open(&format!("phaseline {purpose}"), settings).await?;
        let mut session = sessions.begin().await?;
        self.refuse_standby(&mut session, &self.url).await?;
        self.refuse_excess_rights(&mut session).await?;
        Ok(Reading::Pooled(session))
    }

    /// Sessions of one connection, which was tried once: a pool reports a timeout only.
    async fn open(&self, application: &str, settings: SessionSettings) -> Result<Sessions, Failure> {
        self.name(&self.url);
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_TIMEOUT);
        let servers = self.url.servers().map(|server| server.application_name(application));
        let sessions = Sessions::open(&servers, pool, settings);
        let tried = sessions.probe(CONNECT_TIMEOUT).await;
        tried.map_err(|error| Failure::no_connection(&self.url.place(), &error))?;
        Ok(sessions)
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
        check_for_reads(&mut connection).await?;
        Ok(connection)
    }

    /// A connection with the migrator's settings, without these checks.
    pub(crate) async fn connect_to_any(&self, purpose: &str) -> Result<PgConnection, Failure> {
        self.need_own_session(purpose).await?;
        self.name(self.url());
        self.checked(&self.database, self.url(), purpose).await
    }

    async fn checked(
        &self,
        database: &Database,
        url: &DatabaseUrl,
        purpose: &str,
    ) -> Result<PgConnection, Failure> {
        let purpose = format!("phaseline {purpose}");
        match tokio::time::timeout(CONNECT_TIMEOUT, database.connect(&purpose)).await {
            Ok(Ok(mut connection)) => {
                self.refuse_standby(&mut connection, url).await?;
                self.refuse_excess_rights(&mut connection).await?;
                Ok(connection)
            }
            Ok(Err(error)) => Err(Failure::no_connection(&url.place(), &error)),
            Err(_) => Err(Failure::no_connection(&url.place(), &timed_out())),
        }
    }

    /// Before everything else: a command that writes would fail at its end, after its question.
    async fn refuse_standby(&self, connection: &mut PgConnection, url: &DatabaseUrl) -> Result<(), Failure> {
        if self.writes { standby::refuse(connection, url).await } else { Ok(()) }
    }

    async fn refuse_excess_rights(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        if self.allow_superuser { Ok(()) } else { Ok(refuse_excess_rights(connection).await?) }
    }

    /// A session for commands on timelines, with timeouts, since commands hold the log's lock.
    pub(crate) async fn sessions(&self) -> Result<Sessions, Failure> {
        let settings = SessionSettings {
            pooler: self.service_pooling().await?.into(),
            settings: vec![
                ("search_path", "pg_catalog, pg_temp".to_owned()),
                ("lock_timeout", "'30s'".to_owned()),
                ("idle_in_transaction_session_timeout", "'60s'".to_owned()),
            ],
            ..SessionSettings::default()
        };
        let sessions = self.open("phaseline command", settings).await?;
        let mut session = sessions.begin().await?;
        let checked = self.check_for_commands(&mut session).await;
        session.end(checked)?;
        Ok(sessions)
    }

    async fn check_for_commands(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        self.refuse_standby(connection, &self.url).await?;
        self.refuse_excess_rights(connection).await?;
        refuse_foreign_code_for_commands(connection).await?;
        version::refuse_newer(connection).await?;
        Ok(())
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

/// Refuses code of others that would run with this session's rights, and a newer schema.
async fn check_for_reads(connection: &mut PgConnection) -> Result<(), Failure> {
    refuse_foreign_code(connection, Access::Read).await?;
    Ok(version::refuse_newer(connection).await?)
}

/// The setting `pooler` of this origin.
fn parsed_pooler(text: &str, source: &str) -> Result<Pooler, Failure> {
    text.parse().map_err(|what: String| Failure::usage(format!("{source}: {what}")))
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
