//! `/`: all projects with their timelines, now or at a moment of the past, what changed since a day, and which differ from the log.
//!
//! `form` reads the query, `read` the projects; `rows` has the rows of the table, `sparkline` their phases in small, `slip` what changed
//! since a day, `findings` what differs from the log.

mod findings;
mod form;
mod read;
mod rows;
mod slip;
mod sparkline;

use super::answer::{PageFailure, html};
use super::chart::Percent;
use super::frame::{Frame, Section};
use super::parameters::PageParameters;
use super::visitor::Visitor;
use super::words;
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
use chrono::{NaiveDate, Utc};
use form::{OF_THE_PAST, PARAMETERS, PortfolioForm};
use read::{FoundProjects, RefusedList, find};
use rows::{PortfolioRow, SumsRow};
use sparkline::{SparkAxis, SparkTick};

/// The route.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/", get(show))
}

/// The page.
#[derive(Template)]
#[template(path = "portfolio.html")]
struct PortfolioPage {
    frame: Frame,
    form: PortfolioForm,
    list: Option<PortfolioTable>,
}

/// The list on the page.
struct PortfolioTable {
    rows: Vec<PortfolioRow>,
    /// The position that is shown, its time for people and for programs, and whether it is one of the past.
    position: i64,
    time: Option<[String; 2]>,
    is_past: bool,
    now_link: String,
    /// Whether the timelines accept changes.
    accepts: bool,
    axis: Option<SparkAxis>,
    ticks: Vec<SparkTick>,
    /// The day whose phases are named, where it is on the axis, and whether it is today.
    day: NaiveDate,
    day_x: Option<Percent>,
    is_today: bool,
    page: SumsRow,
    totals: Option<SumsRow>,
    totals_link: String,
    /// Projects in the sums whose events are not the recorded ones.
    unsound: Option<String>,
    /// The planner's projects without a timeline.
    without_timeline: Option<String>,
    /// Of the comparison with the log: how many projects were compared.
    compared: Option<String>,
    next_link: Option<String>,
    first_link: Option<String>,
    is_filtered: bool,
    columns: usize,
}

async fn show(
    State(app): State<AppState>,
    visitor: Visitor,
    query: QueryResult,
) -> Result<Response, PageFailure> {
    let visitor = visitor.in_section(Section::Portfolio, TokenScope::PhasesRead)?;
    let query = query.map_err(|error| visitor.failure(Problem::from(error)))?;
    let mut form = PortfolioForm::of(PageParameters::of(&PARAMETERS, &query));
    if OF_THE_PAST.iter().any(|name| form.parameters.has(name)) {
        visitor.need(TokenScope::HistoryRead)?;
    }
    if form.faults.any() {
        return Ok(refused(&visitor, form));
    }
    match find(&app, &visitor.caller, &form).await {
        Ok(found) => {
            let list = Some(table(&visitor, &form, found));
            Ok(html(&PortfolioPage { frame: visitor.frame, form, list }, StatusCode::OK))
        }
        Err(RefusedList::Field(field, problem)) => {
            form.refuse(field, &problem);
            Ok(refused(&visitor, form))
        }
        Err(RefusedList::Failed(problem)) => Err(visitor.failure(problem)),
    }
}

/// The form with what is wrong with it.
fn refused(visitor: &Visitor, form: PortfolioForm) -> Response {
    html(&PortfolioPage { frame: visitor.frame.clone(), form, list: None }, StatusCode::BAD_REQUEST)
}

fn table(visitor: &Visitor, form: &PortfolioForm, found: FoundProjects) -> PortfolioTable {
    let home = format!("{}/", visitor.frame.base);
    let moment = found.moment;
    let is_past = form.requested.is_some();
    let today = Utc::now().date_naive();
    let day = match moment.recorded_at.filter(|_| is_past) {
        Some(time) => time.date_naive(),
        None => today,
    };
    let ranges = found.projects.iter().filter_map(|project| project.start_date.zip(project.end_date));
    let axis = SparkAxis::over(ranges);
    let budgets = found.page.budget;
    let page = SumsRow::of(found.page.projects, found.page.phases, &budgets);
    let mut slips = found.slips;
    let mut drifted = found.drifted;
    let row = |project: &phaseline_projections::portfolio::PortfolioProject| {
        let id = project.project_id;
        let mut at = Vec::new();
        if is_past {
            at.push(("at", moment.position.to_string()));
        }
        at.extend(found.since.map(|since| ("compare", since.to_string())));
        let link =
            PageParameters::default().with(&[], &at).link(&format!("{}/projects/{id}", visitor.frame.base));
        let mut row = PortfolioRow::of(project, axis.as_ref(), day, link);
        row.slip = slips.remove(&id);
        if let Some(found) = drifted.remove(&id) {
            (row.findings, row.more_findings) = findings::texts(id, &found);
        }
        row
    };
    let rows: Vec<PortfolioRow> = found.projects.iter().map(row).collect();
    let parameters = &form.parameters;
    let is_filtered = ["q", "on"].iter().any(|name| parameters.has(name));
    PortfolioTable {
        rows,
        position: moment.position,
        time: moment.recorded_at.map(|time| [words::time(time), words::machine_time(time)]),
        is_past,
        now_link: parameters.with(&["at", "as_of", "cursor"], &[]).link(&home),
        accepts: found.accepts,
        ticks: axis.as_ref().map(SparkAxis::ticks).unwrap_or_default(),
        day,
        day_x: axis.as_ref().and_then(|axis| axis.x(day)),
        axis,
        is_today: day == today,
        page,
        totals: found.totals.map(|totals| SumsRow::of(totals.projects, totals.phases, &totals.budget)),
        totals_link: parameters.with(&[], &[("totals", "1".to_owned())]).link(&home),
        unsound: found
            .totals
            .filter(|totals| totals.unsound > 0)
            .map(|totals| words::counted_many(totals.unsound, "project")),
        without_timeline: found.without_timeline.map(|projects| words::counted(projects, "project")),
        compared: found.compared.map(|projects| words::counted_many(projects, "project")),
        next_link: found.next.map(|cursor| parameters.with(&[], &[("cursor", cursor)]).link(&home)),
        first_link: parameters.has("cursor").then(|| parameters.with(&["cursor"], &[]).link(&home)),
        is_filtered,
        columns: if form.since.is_some() { 10 } else { 9 },
    }
}
