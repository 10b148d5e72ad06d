//! The projects as they were at a moment of the log.

use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::export_table::TableValue;
use crate::failure::Failure;
use crate::log_reads::need_log;
use crate::output::OutputFormat;
use crate::render;
use crate::report::portfolio::{PortfolioEnd, PortfolioNotes, PortfolioReport, UnsoundProjects};
use chrono::NaiveDate;
use phaseline_projections::planner_view::are_names_readable;
use phaseline_projections::portfolio::{PortfolioFilter, PortfolioProject, PortfolioTotals, each_project};
use phaseline_store::{ResolvedMoment, schema};
use sqlx::PgConnection;

/// The format of a row.
const ROW: &str = "phaseline.portfolio.project/1";

/// The columns of a table.
const COLUMNS: [&str; 15] = [
    "project_id",
    "name",
    "cost_center",
    "start_date",
    "end_date",
    "phases",
    "capital_budget",
    "expense_budget",
    "total_budget",
    "version",
    "position",
    "event_id",
    "hash",
    "unreadable",
    "altered",
];

/// The wanted projects.
pub(super) struct PastProjects<'a> {
    pub(super) moment: &'a AsOfArgs,
    pub(super) on: Option<NaiveDate>,
    pub(super) filter: Option<String>,
    pub(super) limit: Option<usize>,
}

pub(super) async fn run(
    context: &Context,
    connection: &mut PgConnection,
    request: PastProjects<'_>,
) -> Result<Exit, Failure> {
    let PastProjects { moment: given, on, filter, limit } = request;
    need_log(connection).await?;
    let moment = match given.resolved(connection).await? {
        Some(moment) => moment,
        None => {
            let tip = schema::tip(connection).await?;
            ResolvedMoment { position: tip.position, recorded_at: tip.recorded_at }
        }
    };
    given.remark(connection, Some(moment), &context.output).await?;
    let has_names = are_names_readable(connection).await?;
    match &filter {
        Some(filter) if !has_names => return Err(unreadable_names(filter)),
        None if !has_names => context.output.remark(WITHOUT_NAMES),
        _ => {}
    }
    let wanted = PortfolioFilter { search: filter.clone(), on, ..PortfolioFilter::default() };
    let mut sink = context.output.sink(&COLUMNS, ROW);
    let mut totals = PortfolioTotals::default();
    let mut left = limit.unwrap_or(usize::MAX);
    let mut unsound = UnsoundProjects::default();
    let each = |project: PortfolioProject| {
        totals.add(&project);
        unsound.see(project.project_id, &project.unreadable, &project.altered);
        if left == 0 {
            return Ok(());
        }
        left -= 1;
        sink.add(project, |table, project| table.row(&row(project)));
        Ok(())
    };
    each_project(connection, moment.position, &wanted, each).await?;
    let exit = if unsound.is_empty() { Exit::Done } else { Exit::VerificationFailed };
    let end = PortfolioEnd { format: "phaseline.portfolio/1", moment, on, filter, totals };
    if context.output.form() != OutputFormat::Text {
        unsound.lines().iter().for_each(|line| context.output.warning(line));
    }
    if let Some(projects) = sink.end(&end) {
        let notes = PortfolioNotes { has_names, unsound };
        let report = PortfolioReport { end, projects, notes };
        context.output.result(&report, || render::portfolio::page(&report));
    }
    Ok(exit)
}

/// The remark on a list without names.
pub(crate) const WITHOUT_NAMES: &str = "names and cost centres are not shown: this role may not read them";

/// The failure for a text that cannot be compared with names.
fn unreadable_names(filter: &str) -> Failure {
    let message =
        format!("this role may not read the names of projects, so those with {filter:?} cannot be found");
    Failure::refused("missing_privilege", message).remedy(
        "As the owner of the planner's tables, run `phaseline doctor --repair`, which grants it to phaseline_reader, or `phaseline upgrade` \
         for a database of an earlier version; or connect as another role. Without the text all projects are listed, by id.",
    )
}

/// A project as a row of the table. Positions are separated by blanks.
fn row(project: &PortfolioProject) -> [TableValue<'_>; COLUMNS.len()] {
    let joined = |positions: &[i64]| {
        let positions: Vec<String> = positions.iter().map(ToString::to_string).collect();
        Some(positions.join(" ")).filter(|positions| !positions.is_empty())
    };
    [
        project.project_id.to_string().into(),
        project.name.name.as_deref().into(),
        project.name.cost_center.as_deref().into(),
        project.start_date.map(|day| day.to_string()).into(),
        project.end_date.map(|day| day.to_string()).into(),
        i64::try_from(project.phases.len()).unwrap_or(i64::MAX).into(),
        project.budget.capital.to_string().into(),
        project.budget.expense.to_string().into(),
        project.budget.total.to_string().into(),
        project.version.into(),
        project.position.into(),
        project.event_id.to_string().into(),
        project.hash.as_str().into(),
        joined(&project.unreadable).into(),
        joined(&project.altered).into(),
    ]
}
