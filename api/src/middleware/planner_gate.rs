//! Refuses requests while the planner's tables are not as this service needs them.
//!
//! `/readyz` checks the tables each time, and the gate does when a request fails on a missing table or column. While something is
//! missing, every route of projects and phases responds with 503, and the gate repeats the check every few seconds.

use crate::planner_schema::CODE;
use crate::problem::{DoubtfulSchema, Problem, unavailable};
use crate::routes::is_planners;
use crate::state::AppState;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use phaseline_store::{StoreError, schema};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a found change counts before the tables are checked again.
const RECHECK: Duration = Duration::from_secs(2);

/// Timeout of a check.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks the tables on a connection of the pool, if they should have the timeline shape. If that fails, the last known state counts.
async fn check(app: &AppState) -> Option<Arc<str>> {
    let checking = async {
        let mut session = app.sessions.begin().await?;
        let message = match schema::accepts_commands(&mut session).await {
            Ok(true) => app.planner_schema.check(&mut session).await.map_err(StoreError::from),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        session.end(message)
    };
    match tokio::time::timeout(PATIENCE, checking).await {
        Ok(Ok(message)) => message,
        Ok(Err(_)) | Err(_) => app.planner_schema.last().map(|change| change.message),
    }
}

/// Passes a request on, or refuses it.
pub(super) async fn gate(app: &AppState, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let Some(path) = path.filter(|path| path.as_str().starts_with("/api/")) else {
        return next.run(request).await;
    };
    let is_planners = is_planners(request.method(), path.as_str());
    if let Some(change) = app.planner_schema.last() {
        let message =
            if change.found_at.elapsed() < RECHECK { Some(change.message) } else { check(app).await };
        if let Some(message) = message {
            return refusal(&message, is_planners);
        }
    }
    let response = next.run(request).await;
    if response.extensions().get::<DoubtfulSchema>().is_none() {
        return response;
    }
    match check(app).await {
        Some(message) => refusal(&message, is_planners),
        None => response,
    }
}

fn refusal(message: &str, is_planners: bool) -> Response {
    let problem: Problem = unavailable(CODE, "Planner's schema changed", message);
    if is_planners {
        let body = json!({ "detail": message });
        return problem.with_body(&body);
    }
    problem.into_response()
}
