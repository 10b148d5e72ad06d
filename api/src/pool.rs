//! The service's connections to the database: with its role, and with a timeout for everything that waits.

use crate::settings::Settings;
use phaseline_projections::refuse_superuser;
use phaseline_store::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use std::time::Duration;

/// The name in `pg_stat_activity`.
const APPLICATION: &str = "phaseline serve";

/// After how much idle time a connection is tested before use.
const IDLE: Duration = Duration::from_secs(1);

/// A pool that connects on demand: the service also starts while the database is down.
pub fn connect(options: PgConnectOptions, settings: &Settings) -> PgPool {
    let greeting = greeting(settings);
    let allow_superuser = settings.allow_superuser;
    PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout.min(settings.request_timeout))
        // A test before each use would be a round trip. But a connection that was idle for a while may be dead, as all are after
        // a restart of the server, and would fail its request.
        .test_before_acquire(false)
        .before_acquire(|connection, kept| {
            Box::pin(async move { Ok(kept.idle_for < IDLE || connection.ping().await.is_ok()) })
        })
        .after_connect(move |connection, _| {
            let greeting = greeting.clone();
            Box::pin(async move { prepare(connection, &greeting, allow_superuser).await })
        })
        .connect_lazy_with(options.application_name(APPLICATION))
}

/// Sets a new connection up, and refuses a superuser's where the tables belong to another role. Not only at the start, when the
/// database may have been down.
async fn prepare(
    connection: &mut PgConnection,
    greeting: &str,
    allow_superuser: bool,
) -> Result<(), sqlx::Error> {
    connection.execute(greeting).await?;
    if allow_superuser {
        return Ok(());
    }
    refuse_superuser(connection).await.map_err(|error| match error {
        StoreError::Database(error) => error,
        refused => sqlx::Error::Configuration(refused.into()),
    })
}

/// The settings of every connection. No function, operator or type of another schema comes before PostgreSQL's own.
fn greeting(settings: &Settings) -> String {
    // A result is of no use after the request has timed out.
    let within = |time: Duration| time.min(settings.request_timeout);
    let milliseconds = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128);
    let mut greeting = format!(
        "SET search_path = pg_catalog, pg_temp; SET default_transaction_isolation = 'read committed'; SET lock_timeout = {}; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}",
        milliseconds(within(settings.lock_timeout)),
        milliseconds(within(settings.statement_timeout)),
        milliseconds(settings.idle_in_transaction_timeout),
    );
    if let Some(role) = &settings.role {
        greeting.push_str(&format!("; SET ROLE \"{}\"", role.replace('"', "\"\"")));
    }
    greeting
}

/// Makes one connection as the pool would, to learn why it fails: the pool reports a timeout only.
///
/// # Errors
/// The server's own, such as `42501` if the login is not a member of the role, `22023` if the role does not exist; an
/// [`sqlx::Error::Configuration`] if the login is a superuser and refused for that; an
/// [`sqlx::Error::Io`] of kind `TimedOut` if nothing answers within `patience`.
pub async fn probe(
    options: &PgConnectOptions,
    settings: &Settings,
    patience: Duration,
) -> Result<(), sqlx::Error> {
    let greeting = greeting(settings);
    let probing = async {
        let mut connection = PgConnection::connect_with(options).await?;
        prepare(&mut connection, &greeting, settings.allow_superuser).await?;
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
