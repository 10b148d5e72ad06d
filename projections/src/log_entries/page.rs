//! The wanted events page by page.

use super::DescribedEvent;
use super::plan::DescriptionPlan;
use super::selection::LogSelection;
use phaseline_store::StoreError;
use sqlx::PgConnection;

/// A part of the wanted events, oldest first.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// The events; none if the positions that were looked through have none.
    pub events: Vec<DescribedEvent>,
    /// The last position that was looked through; none if the page is the last one.
    pub last: Option<i64>,
}

/// Reads the first wanted events, as many as the selection's limit. Those of few projects are found by their streams, others by looking
/// through at most `most` positions.
///
/// # Errors
/// A position or a version is missing; the database's own.
pub async fn log_page(
    connection: &mut PgConnection,
    selection: &LogSelection,
    most: i64,
) -> Result<LogPage, StoreError> {
    let (first, last) = (*selection.positions.start(), *selection.positions.end());
    let limit = selection.limit.unwrap_or(usize::MAX);
    let end = match selection.few_projects() {
        Some(_) => last,
        None => last.min(first.saturating_add(most - 1)),
    };
    let part = LogSelection {
        positions: first..=end,
        // One more shows whether there is another page.
        limit: Some(limit.saturating_add(1)),
        newest_first: false,
        ..selection.clone()
    };
    let mut events = Vec::new();
    let plan = DescriptionPlan::of(connection, &part).await?;
    plan.describe(connection, &part, |event| events.push(event)).await?;
    if events.len() > limit {
        events.truncate(limit);
        let last = events.last().map(|event| event.entry.position);
        return Ok(LogPage { events, last });
    }
    Ok(LogPage { events, last: (end < last).then_some(end) })
}
