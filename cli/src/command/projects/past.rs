//! The projects as they were at a moment of the log.

use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::export_table::TableValue;
use crate::failure::Failure;
use crate::log_reads::need_log;
use crate::render;
use crate::report::portfolio::{PortfolioEnd, PortfolioReport};
use chrono::NaiveDate;
use phaseline_projections::portfolio::{PortfolioFilter, PortfolioProject, PortfolioTotals, each_project};
use phaseline_store::{ResolvedMoment, schema};
use sqlx::PgConnection;

/// The format of a row.
const ROW: &str = "phaseline.portfolio.project/1";

/// The columns of a table.
const COLUMNS: [&str; 14] = [
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
    let PastProjects { moment, on, filter, limit } = request;
    need_log(connection).await?;
    let moment = match moment.resolved(connection).await? {
        Some(moment) => moment,
        None => {
            let tip = schema::tip(connection).await?;
            ResolvedMoment { position: tip.position, recorded_at: tip.recorded_at }
        }
    };
    let wanted = PortfolioFilter { search: filter.clone(), on, ..PortfolioFilter::default() };
    let (mut table, mut lines) = (context.output.csv(&COLUMNS), context.output.stream(ROW));
    let mut totals = PortfolioTotals::default();
    let (mut projects, mut left) = (Vec::new(), limit.unwrap_or(usize::MAX));
    let mut unreadable = false;
    let each = |project: PortfolioProject| {
        totals.add(&project);
        unreadable |= !project.unreadable.is_empty();
        if left == 0 {
            return Ok(());
        }
        left -= 1;
        match (&mut table, &mut lines) {
            (Some(table), _) => table.row(&row(&project)),
            (None, Some(lines)) => lines.row(&project),
            (None, None) => projects.push(project),
        }
        Ok(())
    };
    each_project(connection, moment.position, &wanted, each).await?;
    let end = PortfolioEnd { format: "phaseline.portfolio/1", moment, on, filter, totals };
    match (table, lines) {
        (Some(_), _) => {}
        (None, Some(lines)) => lines.end(&end),
        (None, None) => {
            let report = PortfolioReport { end, projects };
            context.output.result(&report, || render::portfolio::page(&report));
        }
    }
    Ok(if unreadable { Exit::VerificationFailed } else { Exit::Done })
}

/// A project as a row of the table. The positions of unreadable events are separated by blanks.
fn row(project: &PortfolioProject) -> [TableValue<'_>; COLUMNS.len()] {
    let unreadable: Vec<String> = project.unreadable.iter().map(ToString::to_string).collect();
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
        project.event_id.map(|id| id.to_string()).into(),
        project.hash.as_deref().into(),
        Some(unreadable.join(" ")).filter(|positions| !positions.is_empty()).into(),
    ]
}
