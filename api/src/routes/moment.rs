//! Moments in queries: a position of the log, or a time.

use crate::problem::{Problem, bad_request, of_read, unavailable};
use crate::state::AppState;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, LINK, VARY};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat};
use phaseline_store::moment::{Moment, MomentError, ResolvedMoment, resolve};
use phaseline_store::schema;
use std::collections::HashMap;
use std::time::Duration;
use utoipa::IntoParams;

/// The header with the position of the log that a response is about.
pub(super) const AT: HeaderName = HeaderName::from_static("phaseline-at");
/// The header with the time of that position.
pub(super) const AS_OF: HeaderName = HeaderName::from_static("phaseline-as-of");

/// The parameters with a moment.
pub(super) const MOMENTS: [&str; 2] = ["at", "as_of"];

/// The moment of a read; without one it is now.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct MomentQuery {
    /// A position of the log: what was after the command that wrote its event.
    #[param(minimum = 0)]
    at: Option<i64>,
    /// A time with its offset: what was after the last event recorded until then.
    #[param(format = DateTime)]
    as_of: Option<String>,
}

/// Appends take milliseconds.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// A time with its offset.
pub(super) fn time(name: &str, text: &str) -> Result<Moment, Box<Problem>> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(Moment::Time(time.to_utc())),
        Err(_) => Err(Box::new(bad_request(format!(
            "{name} must be a time with its offset, such as 2026-01-31T23:59:59Z or 2026-01-31T23:59:59+02:00 (encode + as %2B), not {text:?}; \
             a day or a local time is another moment in each time zone"
        )))),
    }
}

/// A position of the log.
pub(super) fn position(name: &str, text: &str) -> Result<Moment, Box<Problem>> {
    let position = text.parse().ok().filter(|position: &i64| *position >= 0 && !text.starts_with('+'));
    position.map(Moment::Position).ok_or_else(|| {
        Box::new(bad_request(format!(
            "{name} must be a position of the log, a whole number from 0, not {text:?}"
        )))
    })
}

/// The moment of `at` or `as_of`; none if the query has neither.
pub(crate) fn requested_moment(query: &HashMap<String, String>) -> Result<Option<Moment>, Box<Problem>> {
    match (query.get("at"), query.get("as_of")) {
        (None, None) => Ok(None),
        (Some(text), None) => position("at", text).map(Some),
        (None, Some(text)) => time("as_of", text).map(Some),
        (Some(_), Some(_)) => Err(Box::new(bad_request("at and as_of are two moments; send one of them"))),
    }
}

/// The moment of a parameter that takes a position or a time; none if the query does not have it.
pub(crate) fn end(
    query: &HashMap<String, String>,
    name: &'static str,
) -> Result<Option<Moment>, Box<Problem>> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    if is_number { position(name, text).map(Some) } else { time(name, text).map(Some) }
}

/// The position that a moment means.
pub(crate) async fn resolved(app: &AppState, moment: Moment) -> Result<ResolvedMoment, Box<Problem>> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let found = resolve(&mut session, moment).await;
    session.end(found).map_err(|error| Box::new(Problem::from(error)))
}

/// The end of the log now, which is a position and therefore final.
pub(crate) async fn tip(app: &AppState) -> Result<ResolvedMoment, Box<Problem>> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let tip = schema::tip(&mut session).await;
    let tip = session.end(tip).map_err(|error| Problem::of_store(&error))?;
    Ok(ResolvedMoment { position: tip.position, recorded_at: tip.recorded_at })
}

impl From<MomentError> for Problem {
    fn from(error: MomentError) -> Self {
        let text = error.to_string();
        match error {
            MomentError::NoSuchPosition { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_such_position", "No such position", text)
            }
            MomentError::InTheFuture { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "in_the_future", "In the future", text)
            }
            MomentError::Unsettled(_) | MomentError::InSnapshot(_) | MomentError::NotReplicated(_) => {
                unavailable("unsettled", "Not final yet", text).retry_after(SETTLES_WITHIN)
            }
            MomentError::Store(error) => Self::of_store(&error),
        }
    }
}

/// Whether a response about the past may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// It never changes.
    Immutable,
    /// It may be stored, and is asked for again.
    Revalidated,
}

impl Caching {
    /// What was requested by position never changes.
    pub(super) const fn of(requested: Moment) -> Self {
        match requested {
            Moment::Position(_) => Self::Immutable,
            Moment::Time(_) => Self::Revalidated,
        }
    }
}

/// Adds the headers of a response about the past: the position that the requested moment means, its time, the path of the same by
/// position, and whether the response may be cached, for one token.
pub(super) fn add_moment(
    response: &mut Response,
    resolved: ResolvedMoment,
    canonical: &str,
    caching: Caching,
) {
    let headers = response.headers_mut();
    headers.insert(AT, HeaderValue::from(resolved.position));
    let time = resolved.recorded_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true));
    if let Some(time) = time.and_then(|time| HeaderValue::from_str(&time).ok()) {
        headers.insert(AS_OF, time);
    }
    if let Ok(canonical) = HeaderValue::from_str(&format!("<{canonical}>; rel=\"canonical\"")) {
        headers.insert(LINK, canonical);
    }
    let caching = match caching {
        Caching::Immutable => "private, max-age=31536000, immutable",
        Caching::Revalidated => "private, no-cache",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.append(VARY, HeaderValue::from(AUTHORIZATION));
}
