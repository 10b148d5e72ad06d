//! An example of each error, built as the service builds it.

use crate::auth::{Denied, TokenScope};
use crate::problem::{self, FieldError, Problem};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// A problem of this status; none if no route responds with one.
pub(super) fn problem(status: u16) -> Option<Value> {
    let mut example = serde_json::to_value(of(status)?).ok()?;
    example.as_object_mut()?.insert("request_id".to_owned(), json!("019a2f0e-5ad1-7cc2-9d8e-5d5a34d39b7e"));
    Some(example)
}

/// An error of this status in the planner's form.
pub(super) fn detail(status: u16) -> Option<Value> {
    Some(json!({ "detail": of(status)?.detail() }))
}

fn of(status: u16) -> Option<Problem> {
    Some(match status {
        400 => problem::bad_request("limit must be a number from 1 to 500, not \"0\""),
        401 => Denied::Missing.into(),
        403 => Denied::Scope(TokenScope::PhasesWrite).into(),
        404 => problem::not_found("Phase with ID 512aa7fb-0df0-41f3-a690-f14b719e9e6c not found"),
        409 => problem::conflict(
            "no_timeline",
            "No timeline",
            "Project has no timeline; PUT /api/v1/projects/{id}/timeline opens one",
        ),
        412 => stale(),
        413 => problem::too_large(1024 * 1024),
        415 => problem::not_json(),
        422 => rule(),
        500 => problem::internal(),
        503 => problem::timed_out(Duration::from_secs(30)),
        _ => return None,
    })
}

fn stale() -> Problem {
    let detail = "the timeline is at version 7, not at the requested one: another request changed it meanwhile; nothing was written";
    let phase = json!({
        "id": "512aa7fb-0df0-41f3-a690-f14b719e9e6c", "project_id": "1663d77b-214c-44eb-ac41-1b65d4a027b6",
        "name": "Planning", "start_date": "2024-01-01", "end_date": "2024-06-30", "description": null,
        "capital_budget": "50000.00", "expense_budget": "25000.00", "total_budget": "75000.00",
        "assignment_count": 12, "version": 7, "created_at": "2024-01-01T09:30:00",
        "updated_at": "2024-01-01T09:30:00.250000",
    });
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_conflict", "Version conflict", detail)
        .current(json!({ "phases": [phase], "version": 7 }))
        .attempted(json!({ "name": "Preparation", "end_date": "2024-07-31" }))
}

fn rule() -> Problem {
    let message = "Phase name cannot be empty";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "rule", "Refused by a rule", message).errors([
        FieldError {
            field: Some("name".to_owned()),
            message: message.to_owned(),
            phase_id: None,
            rule: Some("V6".to_owned()),
        },
    ])
}
