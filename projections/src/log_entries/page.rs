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

/// Reads the first wanted events, or with `newest_first` the last ones, as many as the selection's limit; oldest first in both cases.
/// Those of few projects are found by their streams, others by looking through at most `most` positions.
///
/// # Errors
/// A position or a version is missing; the database's own.
pub async fn log_page(
    connection: &mut PgConnection,
    selection: &LogSelection,
    most: i64,
) -> Result<LogPage, StoreError> {
    let is_back = selection.newest_first;
    let (first, last) = (*selection.positions.start(), *selection.positions.end());
    let part = match selection.few_projects() {
        Some(_) => first..=last,
        None if is_back => first.max(last.saturating_sub(most - 1))..=last,
        None => first..=last.min(first.saturating_add(most - 1)),
    };
    // The position where the next page goes on, if this one is not full.
    let rest = if is_back {
        Some(*part.start()).filter(|begin| *begin > first)
    } else {
        Some(*part.end()).filter(|end| *end < last)
    };
    // One more shows whether there is another page.
    let wanted = selection.limit.unwrap_or(usize::MAX).saturating_add(1);
    let part = LogSelection { positions: part, limit: Some(wanted), ..selection.clone() };
    let mut events = VecDeque::new();
    let plan = DescriptionPlan::of(connection, &part).await?;
    plan.describe(connection, &part, |event| {
        if events.len() == wanted {
            events.pop_front();
        }
        events.push_back(event);
    })
    .await?;
    if events.len() < wanted {
        return Ok(LogPage { events: events.into(), last: rest });
    }
    let farthest = if is_back {
        events.pop_front();
        events.front()
    } else {
        events.pop_back();
        events.back()
    };
    let last = farthest.map(|event| event.entry.position);
    Ok(LogPage { events: events.into(), last })
}
