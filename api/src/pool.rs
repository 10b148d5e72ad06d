//! The service's sessions on the database: with its role, and with a timeout for everything that waits.

use crate::settings::Settings;
use phaseline_projections::{refuse_excess_rights, refuse_foreign_code_for_commands};
use phaseline_store::{Admission, Servers, SessionSettings, Sessions, StoreError};
use sqlx::PgConnection;
use sqlx::postgres::PgPoolOptions;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The name in `pg_stat_activity`.
const APPLICATION: &str = "phaseline serve";

/// Sessions that connect on demand: the service also starts while the database is down.
pub fn connect(servers: &Servers, settings: &Settings) -> Sessions {
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout.min(settings.request_timeout));
    let check = RightsCheck {
        valid: settings.rights_check_valid,
        allow_superuser: settings.allow_superuser,
        passed: Mutex::default(),
    };
    let sessions = SessionSettings {
        pooler: settings.pooler,
        settings: session_settings(settings),
        role: settings.role.clone(),
        admission: Some(Arc::new(check)),
        ..SessionSettings::default()
    };
    Sessions::open(&servers.map(|server| server.application_name(APPLICATION)), pool, sessions)
}

/// The settings of every session. No function, operator or type of another schema comes before PostgreSQL's own.
fn session_settings(settings: &Settings) -> Vec<(&'static str, String)> {
    // A result is of no use after the request has timed out.
    let within = |time: Duration| time.min(settings.request_timeout);
    let milliseconds = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128).to_string();
    vec![
        ("search_path", "pg_catalog, pg_temp".to_owned()),
        ("lock_timeout", milliseconds(within(settings.lock_timeout))),
        ("statement_timeout", milliseconds(within(settings.statement_timeout))),
        ("idle_in_transaction_session_timeout", milliseconds(settings.idle_in_transaction_timeout)),
    ]
}

/// The check that no code of others would have the login's rights, for all connections of a service: made by the first one, and again
/// by one that is used when it is no longer valid, since tables, owners and the database itself may be others by then.
#[derive(Debug)]
struct RightsCheck {
    valid: Duration,
    allow_superuser: bool,
    /// When it last passed. The lock is held during a check, so that a burst of connections makes one.
    passed: Mutex<Option<Instant>>,
}

impl RightsCheck {
    async fn make(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut passed = self.passed.lock().await;
        if passed.is_some_and(|at| at.elapsed() < self.valid) {
            return Ok(());
        }
        *passed = None;
        if !self.allow_superuser {
            refuse_excess_rights(connection).await.map_err(refused)?;
        }
        refuse_foreign_code_for_commands(connection).await.map_err(refused)?;
        *passed = Some(Instant::now());
        Ok(())
    }
}

impl Admission for RightsCheck {
    fn is_due(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { self.passed.lock().await.is_none_or(|at| at.elapsed() >= self.valid) })
    }

    fn ensure<'c>(
        &'c self,
        connection: &'c mut PgConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'c>> {
        Box::pin(self.make(connection))
    }
}

/// The sessions pass on errors of sqlx only.
fn refused(error: StoreError) -> sqlx::Error {
    match error {
        StoreError::Database(error) => error,
        refused => sqlx::Error::Configuration(refused.into()),
    }
}
