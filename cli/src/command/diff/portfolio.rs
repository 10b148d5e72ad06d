//! What changed of all timelines.

use super::table::{COLUMNS, rows};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::report::portfolio::{PortfolioDiffEnd, PortfolioDiffReport};
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
    let (mut table, mut lines) = (context.output.csv(&COLUMNS), context.output.stream(ROW));
    let (mut projects, mut totals) = (Vec::new(), ChangeTotals::default());
    let mut unreadable = false;
    let each = |change: ProjectChange| {
        totals.add(&change);
        unreadable |= !change.unreadable.is_empty();
        match (&mut table, &mut lines) {
            (Some(table), _) => {
                rows(&change.diff, change.name.name.as_deref()).iter().for_each(|row| table.row(row));
            }
            (None, Some(lines)) => lines.row(&change),
            (None, None) => projects.push(change),
        }
        Ok(())
    };
    each_change(connection, positions, &filter, ChangeDetail::Events, each).await?;
    let end = PortfolioDiffEnd { format: "phaseline.portfolio.diff/1", from, to, totals };
    match (table, lines) {
        (Some(_), _) => {}
        (None, Some(lines)) => lines.end(&end),
        (None, None) => {
            let report = PortfolioDiffReport { end, projects };
            context.output.result(&report, || render::portfolio::diff(&report));
        }
    }
    Ok(if unreadable { Exit::VerificationFailed } else { Exit::Done })
}
