//! Refuses to write on a standby, before anything else is done.

use crate::database_url::DatabaseUrl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::clean;
use phaseline_store::servers::ServerState;
use sqlx::{Connection, PgConnection};

/// The server that a standby receives its log from; only roles that may read statistics see it.
const SENDER: &str = "SELECT sender_host, sender_port FROM pg_catalog.pg_stat_wal_receiver";
/// The same as configured, for roles that may read settings. It may have a password.
const CONFIGURED: &str = "SELECT pg_catalog.current_setting('primary_conninfo')";

/// Fails if the server is a standby, with its primary's name if the role may see it.
pub(super) async fn refuse(connection: &mut PgConnection, url: &DatabaseUrl) -> Result<(), Failure> {
    if !ServerState::read(connection).await?.is_in_recovery {
        return Ok(());
    }
    let message = format!("{} is a standby, which accepts no writes; nothing was written", url.place());
    let remedy = match primary(connection).await {
        Some(primary) => format!("Connect to its primary, {}.", clean(&primary)),
        None => {
            "Connect to the primary. On the standby pg_stat_wal_receiver names it, for roles with pg_monitor."
                .to_owned()
        }
    };
    Err(Failure::new(Exit::NoDatabase, "standby", message).remedy(remedy))
}

/// `host:port` of the primary; none if the role may not see it.
async fn primary(connection: &mut PgConnection) -> Option<String> {
    let sender =
        sqlx::query_as::<_, (Option<String>, Option<i32>)>(SENDER).fetch_optional(&mut *connection).await;
    if let Ok(Some((Some(host), port))) = sender {
        return Some(named(&host, port.map(|port| port.to_string()).as_deref()));
    }
    // Without the right it fails, which must not end a caller's transaction.
    let mut attempt = connection.begin().await.ok()?;
    let configured = sqlx::query_scalar::<_, String>(CONFIGURED).fetch_one(&mut *attempt).await;
    attempt.rollback().await.ok()?;
    let parameters = crate::database_url::parameters(&configured.ok()?)?;
    let value = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    value("host").or_else(|| value("hostaddr")).map(|host| named(host, value("port")))
}

fn named(host: &str, port: Option<&str>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{host}:{}", port.unwrap_or("5432"))
}
