//! `/runs`: the migrations, rollbacks and repairs, newest first.

use super::answer::{PageFailure, html};
use super::frame::{Frame, Section};
use super::visitor::Visitor;
use super::words;
use crate::auth::TokenScope;
use crate::problem::{Problem, internal, of_read};
use crate::routes::actor_names;
use crate::state::AppState;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use chrono::TimeDelta;
use phaseline_projections::logged_runs::{LoggedOutcome, LoggedRun, LoggedRunKind, logged_runs};
use phaseline_projections::planner_users::UserNames;
use phaseline_store::moment::{Moment, first_position};
use sqlx::PgConnection;

/// The route.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/runs", get(show))
}

/// The page.
#[derive(Template)]
#[template(path = "runs.html")]
struct RunsList {
    frame: Frame,
    runs: Vec<RunText>,
}

/// A run in words.
struct RunText {
    id: String,
    title: &'static str,
    /// How it ended, and whether it changed something.
    outcome: String,
    is_done: bool,
    /// When it ended, for people and for programs.
    time: [String; 2],
    /// Who, why, with what result: names and values.
    facts: Vec<[String; 2]>,
    /// The counted things.
    counts: Vec<[String; 2]>,
    marks: Vec<String>,
    log_link: String,
    /// The portfolio just before and after it.
    before_link: Option<String>,
    after_link: Option<String>,
}

async fn show(State(app): State<AppState>, visitor: Visitor) -> Result<Response, PageFailure> {
    let visitor = visitor.in_section(Section::Runs, TokenScope::HistoryRead)?;
    if visitor.caller.projects.is_some() {
        let detail = "runs and repairs concern all projects, and the token is limited to some: sign in with one that is not limited";
        let problem = Problem::new(StatusCode::FORBIDDEN, "limited_token", "Limited token", detail);
        return Err(visitor.failure(Box::new(problem)));
    }
    let found = find(&app).await.map_err(|problem| visitor.failure(problem))?;
    let base = &visitor.frame.base;
    let runs = found.iter().map(|(run, before)| RunText::of(base, run, *before)).collect();
    Ok(html(&RunsList { frame: visitor.frame, runs }, StatusCode::OK))
}

/// All runs, and the position before each that changed something.
async fn find(app: &AppState) -> Result<Vec<(LoggedRun, Option<i64>)>, Box<Problem>> {
    let reading = app.readers.acquire().await.map_err(|_| Box::new(internal()))?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let found = read(&mut session).await;
    let found = session.end(found);
    drop(reading);
    found
}

async fn read(connection: &mut PgConnection) -> Result<Vec<(LoggedRun, Option<i64>)>, Box<Problem>> {
    let mut runs = logged_runs(connection).await.map_err(|error| Box::new(Problem::of_store(&error)))?;
    let actors: Vec<String> =
        runs.iter().filter_map(|run| actor_names::unnamed(&run.metadata)).map(str::to_owned).collect();
    let users = UserNames::of(connection, actors.iter().map(String::as_str)).await.map_err(of_read)?;
    let mut found = Vec::with_capacity(runs.len());
    for run in &mut runs {
        actor_names::complete(&users, &mut run.metadata);
    }
    for run in runs {
        let before = match run.outcome {
            LoggedOutcome::Done => {
                let last = Moment::Position(run.positions[1]);
                Some(first_position(connection, last).await.map_err(Problem::from)? - 1)
            }
            _ => None,
        };
        found.push((run, before));
    }
    Ok(found)
}

impl RunText {
    fn of(base: &str, run: &LoggedRun, before: Option<i64>) -> Self {
        let [first, last] = run.positions;
        let title = match run.kind {
            LoggedRunKind::Migration => "Migration",
            LoggedRunKind::Rollback => "Rollback",
            LoggedRunKind::Repair => "Repair",
            LoggedRunKind::Unknown => "Run of an unknown kind",
        };
        let outcome = match &run.outcome {
            LoggedOutcome::Done => "done".to_owned(),
            LoggedOutcome::WithoutEffect(how, _) => format!("ended without effect ({})", words::shown(how)),
            LoggedOutcome::NoEnd => {
                "recorded no end: it is running, or was stopped and changed nothing".to_owned()
            }
        };
        let counts = run.counts.iter().filter(|(_, number)| *number > 0);
        let marks = run.unreadable.iter();
        let portfolio = |position: i64| format!("{base}/?at={position}");
        let is_done = run.outcome == LoggedOutcome::Done;
        Self {
            id: run.id.to_string(),
            title,
            outcome,
            is_done,
            time: [words::time(run.ended_at), words::machine_time(run.ended_at)],
            facts: facts(run),
            counts: counts.map(|(name, number)| [(*name).to_owned(), number.to_string()]).collect(),
            marks: marks
                .map(|(position, fault)| {
                    format!("the event at position {position} cannot be read: {}", words::shown(fault))
                })
                .collect(),
            log_link: format!("{base}/log?from={first}&to={last}"),
            before_link: before.map(portfolio),
            after_link: is_done.then(|| portfolio(last)),
        }
    }
}

fn facts(run: &LoggedRun) -> Vec<[String; 2]> {
    let metadata = &run.metadata;
    let error = match &run.outcome {
        LoggedOutcome::WithoutEffect(_, error) => Some(error.clone()),
        _ => None,
    };
    let actor = metadata.actor_name.clone().or_else(|| metadata.actor.clone());
    let login = run.login.clone().filter(|login| Some(login) != metadata.actor.as_ref());
    let is_run = run.kind != LoggedRunKind::Repair;
    let all = [
        ("By", actor),
        ("Login", login),
        ("Reason", metadata.reason.clone()),
        ("Error", error),
        ("Took", is_run.then(|| duration(run.ended_at - run.started_at))),
        ("Program", run.program.as_ref().map(|[version, host]| format!("version {version} on {host}"))),
        ("Budgets carried over", run.budget.map(words::amount)),
        ("Accepted loss", run.accepted_loss.clone()),
    ];
    all.into_iter().filter_map(|(name, value)| Some([name.to_owned(), words::shown(&value?)])).collect()
}

/// A duration in the largest units that fit.
fn duration(duration: TimeDelta) -> String {
    let milliseconds = duration.num_milliseconds().max(0);
    match milliseconds {
        0..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1000),
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;
    use chrono::TimeDelta;

    #[test]
    fn durations_have_two_units_at_most() {
        for (milliseconds, text) in
            [(-5, "0.0 s"), (1_250, "1.2 s"), (61_000, "1 min 1 s"), (7_380_000, "2 h 3 min")]
        {
            assert_eq!(duration(TimeDelta::milliseconds(milliseconds)), text);
        }
    }
}
