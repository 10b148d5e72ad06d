//! The response with a page, and the page of a failure.

use super::frame::{Frame, Section};
use crate::auth::Denied;
use crate::problem::{Problem, internal};
use crate::request;
use crate::routes::RouteFailure;
use crate::state::AppState;
use askama::Template;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// What a page may load and do: the service's own scripts, styles and data, and no markup made by scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/// With `no-referrer`, the default of the service, a browser would not name the origin of a form either, by which the service recognises
/// its own pages.
const REFERRER: &str = "same-origin";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// The header in which the pages' scripts name the part of a page that they ask for.
const PART: &str = "phaseline-part";

/// How a request asks for a page.
#[derive(Clone, Debug)]
pub(crate) struct PageRequest {
    /// The path with its query, for the way back after signing in.
    place: String,
    /// The part that a script asks for; none for the whole page.
    pub(crate) part: Option<String>,
    /// Whether the visitor followed a link on another site: the browser leaves the cookie of the session out.
    is_from_elsewhere: bool,
    /// Whether a script asks for data.
    wants_json: bool,
}

impl PageRequest {
    /// From the head of a request.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let has = |name: &str, value: &str| headers.get(name).is_some_and(|sent| sent == value);
        Self {
            place: uri.path_and_query().map_or_else(|| "/".to_owned(), |place| place.as_str().to_owned()),
            part: headers.get(PART).and_then(|part| part.to_str().ok()).map(str::to_owned),
            wants_json: has("accept", "application/json"),
            is_from_elsewhere: has("sec-fetch-site", "cross-site") && has("sec-fetch-mode", "navigate"),
        }
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) struct PageFailure {
    failure: RouteFailure,
    frame: Box<Frame>,
    request: PageRequest,
}

/// The page of a failure.
#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    title: String,
    detail: String,
    /// The name for programs.
    code: &'static str,
    request_id: Option<String>,
}

/// The page for a visitor who followed a link on another site. The browser goes on by itself, now from a page of this service, so that it
/// sends the cookie.
#[derive(Template)]
#[template(path = "continue.html")]
struct ContinuePage {
    frame: Frame,
    /// The page for signing in. It leads on who has a session, and shows others its form: this page is not shown twice.
    place: String,
}

impl PageFailure {
    /// A failure of a request.
    pub(crate) fn new(failure: impl Into<RouteFailure>, frame: &Frame, request: &PageRequest) -> Self {
        Self { failure: failure.into(), frame: Box::new(frame.clone()), request: request.clone() }
    }

    /// A failure before anything is known about the visitor.
    pub(crate) fn of_stranger(
        failure: impl Into<RouteFailure>,
        app: &AppState,
        request: &PageRequest,
    ) -> Self {
        Self::new(failure, &Frame::of_stranger(&app.settings), request)
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        if self.request.wants_json {
            return Problem::from(self.failure).into_response();
        }
        if let RouteFailure::Denied(denied) = &self.failure
            && denied.status() == StatusCode::UNAUTHORIZED
            && self.request.part.is_none()
        {
            return sign_in(&self.frame, &self.request, denied);
        }
        let problem = Problem::from(self.failure);
        let frame = Frame { section: Section::None, ..*self.frame };
        let page = FailurePage {
            frame,
            title: problem.title().to_owned(),
            detail: problem.detail().to_owned(),
            code: problem.code(),
            request_id: request::current_id().map(|id| id.to_string()),
        };
        let mut response = html(&page, problem.status());
        problem.add_headers(&mut response);
        response
    }
}

/// Sends the visitor to the page for signing in, and back here afterwards.
fn sign_in(frame: &Frame, request: &PageRequest, denied: &Denied) -> Response {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", &request.place)
        .extend_pairs((*denied != Denied::Missing).then_some(("why", denied.code())))
        .finish();
    let place = format!("{}/sign-in?{query}", frame.base);
    if *denied == Denied::Missing && request.is_from_elsewhere {
        return html(&ContinuePage { frame: frame.clone(), place }, StatusCode::OK);
    }
    redirect(&place)
}

/// Sends the browser to another page of this service.
pub(crate) fn redirect(place: &str) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

/// The response with a page.
pub(crate) fn html(page: &impl Template, status: StatusCode) -> Response {
    match page.render() {
        Ok(text) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
                (OPENER_POLICY, HeaderValue::from_static("same-origin")),
                (REFERRER_POLICY, HeaderValue::from_static(REFERRER)),
            ];
            (status, headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            internal().into_response()
        }
    }
}
