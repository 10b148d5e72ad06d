//! Liveness, readiness and metrics. None of these routes requires a token.

mod metrics;

use crate::auth::{Auth, Subjects};
use crate::openapi::UnknownParameter;
use crate::planner_schema::{self, PlannerSchema};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use phaseline_projections::planner_users;
use phaseline_store::{SqlState, StoreError, schema};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Timeout of the checks on the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(livez)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Liveness: whether the process answers
#[utoipa::path(get, path = "/livez", tag = "health", security(()),
    responses((status = OK, body = Health, description = "The process responds."), UnknownParameter))]
async fn livez() -> Json<Health> {
    Json(Health::of(Vec::new()))
}

/// Readiness: whether requests can succeed
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = OK, body = Health, description = "Commands can be carried out."),
    (status = SERVICE_UNAVAILABLE, body = Health, description = "Commands cannot be carried out."),
    UnknownParameter,
))]
async fn readyz(State(app): State<AppState>) -> Response {
    let health = Health::of(reasons(&app).await);
    let status = if health.reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// Metrics in the format of Prometheus
#[utoipa::path(get, path = "/metrics", tag = "health", security(()), responses(
    (status = OK, body = String, content_type = "text/plain", description = "The metrics."),
    UnknownParameter,
))]
async fn metrics(State(app): State<AppState>) -> impl IntoResponse {
    metrics::sample(&app).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.telemetry.text())
}

/// The state of the service.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`, or `unavailable`.
    status: &'static str,
    /// Why it is not ready; empty if it is.
    reasons: Vec<Reason>,
}

impl Health {
    fn of(reasons: Vec<Reason>) -> Self {
        Self { status: if reasons.is_empty() { "ok" } else { "unavailable" }, reasons }
    }
}

/// Why the service is not ready.
#[derive(Serialize, ToSchema)]
struct Reason {
    /// A stable name for programs.
    code: &'static str,
    /// The error and the remedy.
    message: String,
}

impl Reason {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why requests cannot succeed.
async fn reasons(app: &AppState) -> Vec<Reason> {
    match tokio::time::timeout(PATIENCE, check(app)).await {
        Ok(Ok(None)) => app
            .commands
            .failure()
            .map(|failure| Reason::new(failure.code, failure.message))
            .into_iter()
            .collect(),
        Ok(Ok(Some(reason))) => vec![reason],
        Ok(Err(StoreError::NewerSchema { .. })) => vec![Reason::new(
            "newer_schema",
            "a newer phaseline upgraded the database: upgrade this service, too",
        )],
        Ok(Err(StoreError::NotInstalled)) => {
            vec![Reason::new("log_damaged", "phaseline.head has no row; run: phaseline doctor")]
        }
        Ok(Err(error)) if error.sqlstate() == Some(SqlState::LockNotAvailable) => {
            vec![locked("phaseline.head")]
        }
        Ok(Err(error)) if error.sqlstate() == Some(SqlState::InsufficientPrivilege) => {
            let role = app.settings.role.as_deref().unwrap_or("of the service");
            vec![Reason::new(
                "role_denied",
                format!("the role {role} lacks rights on schema phaseline; run: phaseline doctor --repair"),
            )]
        }
        Ok(Err(error)) if error.sqlstate() == Some(SqlState::UndefinedFunction) => {
            vec![Reason::new(
                "commands_fail",
                "a function of schema phaseline is missing; run: phaseline doctor",
            )]
        }
        // The pool reports a timeout only; a separate connection finds the cause.
        Ok(Err(_)) | Err(_) => vec![probe_directly(app).await],
    }
}

fn locked(what: &str) -> Reason {
    Reason::new(
        "busy",
        format!(
            "another session holds a lock on {what}, so that no command can be executed; pg_stat_activity and pg_locks name it"
        ),
    )
}

/// Checks in a transaction that is rolled back: nothing is written, and locks are released at once.
async fn check(app: &AppState) -> Result<Option<Reason>, StoreError> {
    let mut session = app.sessions.begin().await?;
    let mut transaction = session.begin().await?;
    sqlx::query("SET LOCAL lock_timeout = '500ms'").execute(&mut *transaction).await?;
    let found = match obstacle(&mut transaction, &app.planner_schema).await {
        Ok(None) => authentication_obstacle(&app.settings.auth, &mut transaction).await.map_err(Into::into),
        found => found,
    };
    transaction.rollback().await?;
    session.end(found)
}

async fn obstacle(
    connection: &mut PgConnection,
    planner: &PlannerSchema,
) -> Result<Option<Reason>, StoreError> {
    match schema::version(connection).await? {
        None => {
            return Ok(Some(Reason::new(
                "not_migrated",
                "this database has no event log; run: phaseline migrate",
            )));
        }
        Some(version) if version < schema::version::VERSION => {
            return Ok(Some(Reason::new(
                "older_schema",
                format!(
                    "the schema has version {version}, this service requires {}; run: phaseline upgrade",
                    schema::version::VERSION
                ),
            )));
        }
        Some(_) => {}
    }
    if !schema::accepts_commands(connection).await? {
        let message = "the database is in the legacy shape, in which timelines accept no commands: it was rolled back, or not migrated yet";
        return Ok(Some(Reason::new("legacy_shape", message)));
    }
    if let Some(changed) = planner.check(connection).await? {
        return Ok(Some(Reason::new(planner_schema::CODE, &*changed)));
    }
    let read_only: bool = sqlx::query_scalar(
        "SELECT pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool",
    )
    .fetch_one(&mut *connection)
    .await?;
    if read_only {
        let message = "the database accepts no writes: it is a standby, or read-only; connect to the primary, or reset \
                       default_transaction_read_only";
        return Ok(Some(Reason::new("read_only", message)));
    }
    let held: Option<String> =
        sqlx::query_scalar("SELECT phaseline.command_obstacle()").fetch_one(connection).await?;
    Ok(held.map(|what| locked(&what)))
}

/// Why no token can be accepted.
async fn authentication_obstacle(
    auth: &Auth,
    connection: &mut PgConnection,
) -> Result<Option<Reason>, sqlx::Error> {
    let Auth::Tokens { keys, rules } = auth else { return Ok(None) };
    if let Some(obstacle) = keys.obstacle() {
        return Ok(Some(Reason::new("no_keys", obstacle)));
    }
    if rules.subjects == Subjects::Any {
        return Ok(None);
    }
    let obstacle = planner_users::obstacle(connection).await?;
    Ok(obstacle.map(|obstacle| Reason::new("no_users", format!("subjects = planner: {obstacle}"))))
}

/// The cause that a separate connection finds when those of the pool do not answer.
async fn probe_directly(app: &AppState) -> Reason {
    match app.sessions.probe(PATIENCE).await {
        Ok(()) => Reason::new(
            "busy",
            "the database answers, but timed out waiting for a connection of the service's pool",
        ),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            if let sqlx::Error::Configuration(refused) = &error {
                let code = match refused.downcast_ref() {
                    Some(StoreError::ExcessRights(_)) => "excess_rights",
                    _ => "foreign_code",
                };
                return Reason::new(code, refused.to_string());
            }
            let role = app.settings.role.as_deref().unwrap_or_default();
            match SqlState::of(&error) {
                Some(SqlState::InvalidParameter | SqlState::UndefinedObject) => Reason::new(
                    "no_role",
                    format!(
                        "the database has no role {role}: a migration creates it, or an administrator (CREATE ROLE {role} NOLOGIN), \
                         and then: phaseline doctor --repair"
                    ),
                ),
                Some(SqlState::InsufficientPrivilege) => Reason::new(
                    "role_denied",
                    format!("the service's login is not a member of the role {role}"),
                ),
                _ => Reason::new(
                    "database_unavailable",
                    "the database is unreachable, or accepts no connections",
                ),
            }
        }
    }
}
