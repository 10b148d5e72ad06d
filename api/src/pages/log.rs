//! `/log`: all events, newest first, by command.
//!
//! `form` reads the query, `read` the events, `rows` makes the rows of the table.

mod form;
mod read;
mod rows;

use super::answer::{PageFailure, html};
use super::frame::{Frame, Section};
use super::parameters::PageParameters;
use super::visitor::Visitor;
use crate::auth::TokenScope;
use crate::problem::Problem;
use crate::routes::QueryResult;
use crate::state::AppState;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use form::{LogForm, PARAMETERS};
use phaseline_projections::log_entries::event_types;
use read::{FoundEvents, RefusedLog, find};
use rows::LoggedCommand;

/// The route.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/log", get(show))
}

/// The page.
#[derive(Template)]
#[template(path = "log.html")]
struct LogOfEvents {
    frame: Frame,
    form: LogForm,
    types: Vec<&'static str>,
    list: Option<LogTable>,
}

/// The events on the page.
struct LogTable {
    commands: Vec<LoggedCommand>,
    count: usize,
    range: [i64; 2],
    /// Up to which position the log was looked through without finding more.
    looked: Option<i64>,
    next_link: Option<String>,
    first_link: Option<String>,
    other_order_link: String,
}

async fn show(
    State(app): State<AppState>,
    visitor: Visitor,
    query: QueryResult,
) -> Result<Response, PageFailure> {
    let visitor = visitor.in_section(Section::Log, TokenScope::HistoryRead)?;
    let query = query.map_err(|error| visitor.failure(Problem::from(error)))?;
    let mut form = LogForm::of(PageParameters::of(&PARAMETERS, &query));
    let Some(request) = form.request.take() else { return Ok(refused(&visitor, form)) };
    if let Some(project) = request.project {
        visitor.caller.need_project(project).map_err(|denied| visitor.failure(denied))?;
    }
    match find(&app, &visitor.caller, &form, &request).await {
        Ok(found) => {
            let list = Some(table(&visitor.frame.base, &form, &found));
            let types = event_types().collect();
            Ok(html(&LogOfEvents { frame: visitor.frame, form, types, list }, StatusCode::OK))
        }
        Err(RefusedLog::Field(field, problem)) => {
            form.faults.add(field, problem.detail());
            Ok(refused(&visitor, form))
        }
        Err(RefusedLog::Failed(problem)) => Err(visitor.failure(problem)),
    }
}

/// The form with what is wrong with it.
fn refused(visitor: &Visitor, form: LogForm) -> Response {
    let types = event_types().collect();
    html(&LogOfEvents { frame: visitor.frame.clone(), form, types, list: None }, StatusCode::BAD_REQUEST)
}

fn table(base: &str, form: &LogForm, found: &FoundEvents) -> LogTable {
    let of_command = |events: &Vec<_>| {
        let first = events
            .first()
            .map(|event: &phaseline_projections::log_entries::DescribedEvent| event.entry.position)?;
        LoggedCommand::of(base, events, *found.previous.get(&first)?, &found.names)
    };
    let mut commands: Vec<LoggedCommand> = found.commands.iter().filter_map(of_command).collect();
    if !form.is_oldest_first {
        commands.reverse();
    }
    let path = format!("{base}/log");
    let link =
        |without: &[&str], with: &[(&'static str, String)]| form.parameters.with(without, with).link(&path);
    let (turned, continued) = match form.is_oldest_first {
        true => ("newest", "after"),
        false => ("oldest", "before"),
    };
    let count = commands.iter().map(|command| command.entries.len()).sum();
    LogTable {
        looked: found.next.filter(|_| count == 0),
        next_link: found.next.map(|position| link(&[], &[(continued, position.to_string())])),
        first_link: (form.before.is_some() || form.after.is_some()).then(|| link(&["before", "after"], &[])),
        other_order_link: link(&["before", "after"], &[("order", turned.to_owned())]),
        commands,
        count,
        range: found.range,
    }
}
