//! A project's page: its timeline now or as it was, beside another moment, as a draft, or as restoring a moment would make it.
//!
//! `read` reads the timeline, `view` has the data of the templates: `rows` are bars and rows of the `shown` phases, `effects` what a change
//! would do, `commands` the history; `part` is the timeline without the rest of the page. `draft` is a timeline that someone shapes, `preview` its part of the page.

mod commands;
mod draft;
mod effects;
mod part;
mod preview;
mod read;
mod rows;
mod shown;
mod view;

use super::answer::{PageFailure, html};
use super::frame::Frame;
use super::live::unless_known;
use super::visitor::Visitor;
use crate::auth::TokenScope;
use crate::problem::Problem;
use crate::routes::{PathId, RouteFailure, end};
use crate::state::AppState;
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use commands::CommandView;
use part::{TimelinePart, entered};
use phaseline_store::moment::Moment;
use read::ProjectPageQuery;
use serde::Serialize;
use std::collections::HashMap;
use view::ProjectTimelineView;

/// The part of the page that scripts ask for.
const TIMELINE: &str = "timeline";
/// The newest commands that the page lists.
const LISTED: usize = 30;
/// The newest commands that the slider has.
const MOST_COMMANDS: usize = 2_000;

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/projects/{project_id}", get(page))
        .route("/projects/{project_id}/commands", get(command_list))
        .route("/projects/{project_id}/live", get(live))
        .route("/projects/{project_id}/draft", post(preview::draft))
}

/// The whole page.
#[derive(Template)]
#[template(path = "project.html")]
struct ProjectPage {
    frame: Frame,
    cost_center: Option<String>,
    /// The newest commands, newest first.
    commands: Vec<CommandView>,
    /// How many there are.
    total: usize,
    t: ProjectTimelineView,
}

async fn page(
    State(app): State<AppState>,
    visitor: Visitor,
    project: PathId,
    query: Result<Query<HashMap<String, String>>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageFailure> {
    let (visitor, project) = entered(visitor, &project)?;
    let failure = |failure: RouteFailure| visitor.failure(failure);
    let Query(query) = query.map_err(|error| visitor.failure(Problem::from(error)))?;
    let request = requested(&query).map_err(failure)?;
    if request.looks_back() {
        visitor.need(TokenScope::HistoryRead)?;
    }
    if request.restores {
        visitor.need(TokenScope::PhasesWrite)?;
    }
    let names = read::name_of(&app, project).await.map_err(failure)?;
    let is_part = visitor.request.part.as_deref() == Some(TIMELINE);
    let mut commands = Vec::new();
    if visitor.frame.can_look_back && !is_part {
        commands = commands::commands(&crate::routes::whole_history(&app, project).await.map_err(failure)?);
    }
    let t = read::timeline(&app, &visitor, project, &names, &request).await.map_err(failure)?;
    if is_part {
        return Ok(html(&TimelinePart { t }, StatusCode::OK));
    }
    let total = commands.len();
    commands.reverse();
    commands.truncate(LISTED);
    let cost_center = names.cost_center.as_deref().map(super::words::shown);
    let frame = visitor.frame.clone();
    Ok(html(&ProjectPage { frame, cost_center, commands, total, t }, StatusCode::OK))
}

/// What the query asks for.
fn requested(query: &HashMap<String, String>) -> Result<ProjectPageQuery, RouteFailure> {
    let moment = |name| -> Result<Option<Moment>, RouteFailure> {
        match query.get(name).map(|text| text.trim()) {
            None | Some("") => Ok(None),
            Some(_) => Ok(end(query, name)?),
        }
    };
    let is_on = |name: &str| query.get(name).is_some_and(|value| value == "1");
    Ok(ProjectPageQuery {
        at: moment("at")?,
        compare: moment("compare")?,
        select: query.get("select").and_then(|id| id.parse::<uuid::Uuid>().ok()).map(Into::into),
        restores: is_on("restore"),
        with_days: is_on("days"),
    })
}

/// The commands of a timeline for the slider, oldest first; at most the newest [`MOST_COMMANDS`].
#[derive(Serialize)]
struct CommandList {
    /// How many older ones are left out.
    earlier: usize,
    commands: Vec<CommandView>,
}

async fn command_list(
    State(app): State<AppState>,
    visitor: Visitor,
    project: PathId,
) -> Result<axum::Json<CommandList>, PageFailure> {
    let (visitor, project) = entered(visitor, &project)?;
    visitor.need(TokenScope::HistoryRead)?;
    let entries =
        crate::routes::whole_history(&app, project).await.map_err(|failure| visitor.failure(failure))?;
    let mut commands = commands::commands(&entries);
    let earlier = commands.len().saturating_sub(MOST_COMMANDS);
    commands.drain(..earlier);
    Ok(axum::Json(CommandList { earlier, commands }))
}

/// What changes whenever the present timeline does.
#[derive(Serialize)]
struct Live {
    version: i64,
    digest: String,
}

/// Answers 304 while nothing of the present timeline has changed.
async fn live(
    State(app): State<AppState>,
    visitor: Visitor,
    project: PathId,
    headers: HeaderMap,
) -> Result<Response, PageFailure> {
    let (visitor, project) = entered(visitor, &project)?;
    let found =
        crate::routes::current_project(&app, project).await.map_err(|problem| visitor.failure(problem))?;
    let live = Live {
        version: found.as_ref().map_or(0, |found| found.version),
        digest: read::digest(found.as_ref()),
    };
    Ok(unless_known(&live, &live.digest, &headers))
}
