//! The query of the log: the part, the filters, and the page.

use super::cursor::LogCursor;
use crate::problem::{Problem, bad_request};
use crate::routes::moment::{position, time};
use crate::routes::page_query::{ChosenParameters, page_limit};
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::{ActorFilter, LogSelection, event_types};
use phaseline_store::moment::{Moment, MomentError, first_position, resolve};
use phaseline_store::schema;
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// The path of the route.
const LOG: &str = "/api/v1/log";

/// The parameters that choose events, which all pages have in common.
const CHOOSING: [&str; 7] = ["from", "to", "since", "until", "actor", "type", "project"];

/// A request for a page.
pub(crate) struct LogRequest {
    first: Option<Moment>,
    last: Option<Moment>,
    actor: Option<String>,
    event_type: Option<String>,
    /// The project of the events; none for all.
    pub(crate) project: Option<ProjectId>,
    limit: usize,
    cursor: Option<String>,
    /// Those of [`CHOOSING`].
    chosen: ChosenParameters,
}

/// Where a page begins, in a range of positions that is the same for all pages.
pub(crate) struct PagePlace {
    /// The first position of the range.
    pub(crate) first: i64,
    /// The last one.
    pub(crate) last: i64,
    /// The position behind which the page begins.
    after: i64,
    log: Uuid,
    selection: String,
}

impl PagePlace {
    /// The cursor of the page behind a position.
    pub(super) fn cursor_behind(&self, position: i64) -> String {
        LogCursor { first: self.first, last: self.last, after: position }.text(self.log, &self.selection)
    }
}

impl LogRequest {
    /// Reads a query.
    pub(crate) fn of(query: &HashMap<String, String>) -> Result<Self, Box<Problem>> {
        let request = Self {
            first: end(query, "from", "since")?,
            last: end(query, "to", "until")?,
            actor: query.get("actor").cloned(),
            event_type: event_type(query)?,
            project: project(query)?,
            limit: page_limit(query)?,
            cursor: query.get("cursor").cloned(),
            chosen: ChosenParameters::of(LOG, &CHOOSING, query),
        };
        let is_reversed = request.first.zip(request.last).is_some_and(|(first, last)| first.is_after(last));
        if is_reversed { Err(Box::new(reversed())) } else { Ok(request) }
    }

    /// Where the page begins.
    pub(crate) async fn place(&self, connection: &mut PgConnection) -> Result<PagePlace, Box<Problem>> {
        let log = schema::log_id(connection).await.map_err(|error| Problem::of_store(&error))?;
        let selection = self.chosen.digest();
        if let Some(text) = &self.cursor {
            let tip = schema::tip(connection).await.map_err(|error| Problem::of_store(&error))?.position;
            let cursor = LogCursor::of(text, log, &selection, tip)?;
            let LogCursor { first, last, after } = cursor;
            return Ok(PagePlace { first, last, after, log, selection });
        }
        let [first, last] = self.range(connection).await.map_err(|error| Box::new(Problem::from(error)))?;
        if first > last + 1 {
            return Err(Box::new(reversed()));
        }
        Ok(PagePlace { first, last, after: first - 1, log, selection })
    }

    /// The first and the last position.
    async fn range(&self, connection: &mut PgConnection) -> Result<[i64; 2], MomentError> {
        let last = match self.last {
            Some(moment) => resolve(connection, moment).await?.position,
            None => schema::tip(connection).await?.position,
        };
        let first = match self.first {
            None => 1,
            Some(moment) => first_position(connection, moment).await?,
        };
        Ok([first, last])
    }

    /// The events of the page, for a caller that may see these projects only.
    pub(crate) fn selection(&self, place: &PagePlace, visible: Option<BTreeSet<ProjectId>>) -> LogSelection {
        LogSelection {
            positions: place.after + 1..=place.last,
            project: self.project,
            visible,
            actor: self.actor.clone().map(ActorFilter::Id),
            event_type: self.event_type.clone(),
            limit: Some(self.limit),
            newest_first: false,
        }
    }

    /// The path of the page with a cursor.
    pub(super) fn next_path(&self, cursor: &str) -> String {
        self.chosen.link(&[("limit", self.limit.to_string()), ("cursor", cursor.to_owned())])
    }
}

/// An end of the range, as a position or a time.
fn end(
    query: &HashMap<String, String>,
    by_position: &'static str,
    by_time: &'static str,
) -> Result<Option<Moment>, Box<Problem>> {
    match (query.get(by_position), query.get(by_time)) {
        (None, None) => Ok(None),
        (Some(text), None) => position(by_position, text).map(Some),
        (None, Some(text)) => time(by_time, text).map(Some),
        (Some(_), Some(_)) => Err(Box::new(bad_request(format!(
            "{by_position} and {by_time} are the same end of the range; send one of them"
        )))),
    }
}

fn event_type(query: &HashMap<String, String>) -> Result<Option<String>, Box<Problem>> {
    let Some(wanted) = query.get("type") else { return Ok(None) };
    if event_types().any(|known| known == wanted) {
        return Ok(Some(wanted.clone()));
    }
    let known: Vec<&str> = event_types().collect();
    Err(Box::new(bad_request(format!(
        "type must be a type of event that this service knows, not {wanted:?}: {}",
        known.join(", ")
    ))))
}

fn project(query: &HashMap<String, String>) -> Result<Option<ProjectId>, Box<Problem>> {
    let Some(text) = query.get("project") else { return Ok(None) };
    let parsed = Uuid::try_parse(text);
    let project = parsed.map_err(|error| {
        Box::new(bad_request(format!("project must be the id of a project, not {text:?}: {error}")))
    })?;
    Ok(Some(project.into()))
}

fn reversed() -> Problem {
    bad_request("the end of the range (to, until) is before its beginning (from, since); exchange them")
}
