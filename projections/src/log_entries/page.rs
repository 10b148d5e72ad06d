//! The wanted events page by page.

use super::DescribedEvent;
use super::plan::DescriptionPlan;
use super::selection::LogSelection;
use phaseline_store::StoreError;
use sqlx::PgConnection;
use std::collections::VecDeque;

/// A part of the wanted events, oldest first.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// The events; none if the positions that were looked through have none.
    pub events: Vec<DescribedEvent>,
    /// The last position that was looked through, backwards the first one; none if the page is the last one.
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

/// Reads the last wanted events, as many as the selection's limit, oldest first. Otherwise as [`log_page`]: the next page is of the
/// positions before `last`.
///
/// # Errors
/// As [`log_page`].
pub async fn log_page_back(
    connection: &mut PgConnection,
    selection: &LogSelection,
    most: i64,
) -> Result<LogPage, StoreError> {
    let (first, last) = (*selection.positions.start(), *selection.positions.end());
    let limit = selection.limit.unwrap_or(usize::MAX);
    let begin = match selection.few_projects() {
        Some(_) => first,
        None => first.max(last.saturating_sub(most - 1)),
    };
    let wanted = limit.saturating_add(1);
    let part = LogSelection {
        positions: begin..=last,
        // One more shows whether there is another page.
        limit: Some(wanted),
        newest_first: true,
        ..selection.clone()
    };
    let mut events = VecDeque::new();
    let plan = DescriptionPlan::of(connection, &part).await?;
    plan.describe(connection, &part, |event| {
        if events.len() == wanted {
            events.pop_front();
        }
        events.push_back(event);
    })
    .await?;
    let is_full = events.len() == wanted;
    if is_full {
        events.pop_front();
    }
    let earliest = events.front().map(|event| event.entry.position).filter(|_| is_full);
    Ok(LogPage { events: events.into(), last: earliest.or((begin > first).then_some(begin)) })
}
