//! What changed of all timelines.

use super::table::{COLUMNS, RowContext, rows};
use crate::command::projects::WITHOUT_NAMES;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::OutputFormat;
use crate::render;
use crate::report::portfolio::{PortfolioDiffEnd, PortfolioDiffReport, PortfolioNotes, UnsoundProjects};
use phaseline_projections::planner_view::are_names_readable;
use phaseline_projections::portfolio::{
    ChangeDetail, ChangeTotals, PortfolioFilter, ProjectChange, each_change,
};
use phaseline_store::ResolvedMoment;
use sqlx::PgConnection;

/// The format of a row.
const ROW: &str = "phaseline.portfolio.diff.project/1";

pub(super) async fn run(
    context: &Context,
    connection: &mut PgConnection,
    from: ResolvedMoment,
    to: ResolvedMoment,
) -> Result<Exit, Failure> {
    let positions = [from.position, to.position];
    let filter = PortfolioFilter::default();
    let mut sink = context.output.sink(&COLUMNS, ROW);
    let mut totals = ChangeTotals::default();
    let mut unsound = UnsoundProjects::default();
    let has_names = are_names_readable(connection).await?;
    if !has_names {
        context.output.remark(WITHOUT_NAMES);
    }
    let each = |change: ProjectChange| {
        totals.add(&change);
        unsound.see(change.diff.project_id, &change.unreadable, &change.altered);
        sink.add(change, |table, change| {
            let name = change.name.name.as_deref();
            let row_of = RowContext { name, event_id: Some(change.event_id), hash: Some(&change.hash) };
            rows(&change.diff, row_of).iter().for_each(|row| table.row(row));
        });
        Ok(())
    };
    each_change(connection, positions, &filter, ChangeDetail::Events, each).await?;
    let exit = if unsound.is_empty() { Exit::Done } else { Exit::VerificationFailed };
    let end = PortfolioDiffEnd { format: "phaseline.portfolio.diff/1", from, to, totals };
    if context.output.form() != OutputFormat::Text {
        unsound.lines().iter().for_each(|line| context.output.warning(line));
    }
    if let Some(projects) = sink.end(&end) {
        let notes = PortfolioNotes { has_names, unsound };
        let report = PortfolioDiffReport { end, projects, notes };
        context.output.result(&report, || render::portfolio::diff(&report));
    }
    Ok(exit)
}
