//! The gauges that are read from the database.

use crate::state::AppState;
use crate::telemetry::{CONNECTIONS_LIMIT, DATABASE_UP, OLDEST_SNAPSHOT, POOL, POOL_LIMIT, POSITION};
use metrics::gauge;
use phaseline_store::{StoreError, schema};
use sqlx::PgConnection;

/// Updates the gauges that are read from the database: called for each request of `/metrics`.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has floating-point numbers only")]
pub(super) async fn sample(app: &AppState) {
    let (open, used) = app.sessions.connections();
    let looked_up = lookup(app).await;
    app.telemetry.record(|| {
        gauge!(POOL, "state" => "idle").set(open.saturating_sub(used) as f64);
        gauge!(POOL, "state" => "used").set(used as f64);
        gauge!(POOL_LIMIT).set(f64::from(app.settings.max_connections));
        gauge!(CONNECTIONS_LIMIT).set(app.settings.max_clients as f64);
        gauge!(DATABASE_UP).set(if looked_up.is_ok() { 1.0 } else { 0.0 });
        if let Ok(found) = looked_up {
            if let Some(position) = found.position {
                gauge!(POSITION).set(position as f64);
            }
            if let Some(age) = found.oldest_snapshot {
                gauge!(OLDEST_SNAPSHOT).set(age);
            }
        }
    });
}

/// Numbers of the database; each is missing if the database cannot provide it.
#[derive(Default)]
struct LookedUp {
    position: Option<i64>,
    oldest_snapshot: Option<f64>,
}

async fn lookup(app: &AppState) -> Result<LookedUp, StoreError> {
    let mut session = app.sessions.begin().await?;
    let found = numbers(&mut session).await;
    session.end(found)
}

async fn numbers(connection: &mut PgConnection) -> Result<LookedUp, StoreError> {
    let mut found = LookedUp::default();
    match schema::installed(connection).await {
        Ok(true) => {}
        Ok(false) | Err(StoreError::NewerSchema { .. }) => return Ok(found),
        Err(error) => return Err(error),
    }
    found.position = Some(schema::tip(connection).await?.position);
    found.oldest_snapshot = Some(schema::oldest_snapshot(connection).await?.unwrap_or(0.0));
    Ok(found)
}
