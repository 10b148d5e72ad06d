//! Signing in and out. The session of a browser is its token, in a cookie.

use super::answer::{PageFailure, PageRequest, html, redirect};
use super::frame::Frame;
use crate::auth::{Auth, Denied, SESSION_COOKIE, SignedIn, is_same_origin};
use crate::base_path::BasePath;
use crate::problem::{Problem, bad_request};
use crate::request;
use crate::state::AppState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::Utc;

/// The longest token that a cookie can hold, in bytes: browsers keep 4 096 of name, value and attributes.
const LONGEST_TOKEN: usize = 3_900;

/// Upper bound on the form, in bytes.
const LARGEST_FORM: usize = 64 * 1024;

/// The page for signing in.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    /// The path of the page to go to afterwards.
    next: String,
    /// Why the visitor sees this page.
    reason: Option<String>,
}

/// What the form of the page has.
#[derive(Default)]
struct SignInForm {
    token: String,
    next: Option<String>,
}

/// The routes.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/sign-in", get(show))
        .route(
            "/session",
            get(async |State(app): State<AppState>| go_to(&app.settings.base_path, "/sign-in"))
                .post(begin)
                .layer(DefaultBodyLimit::max(LARGEST_FORM)),
        )
        .route("/session/end", post(end))
}

/// The form. Who has a session already goes on to the next page: after a link on another site, for which the browser left the cookie
/// out.
async fn show(State(app): State<AppState>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let parameter =
        |name: &str| form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value);
    let next = place_in_service(parameter("next").as_deref());
    // A page that refused the session must not get it again: the two would send the browser back and forth.
    let is_refused = parameter("why").is_some();
    if !is_refused && app.authenticator.authenticate(&Method::GET, &headers).await.is_ok() {
        return go_to(&app.settings.base_path, &next);
    }
    let reason = match parameter("why").as_deref() {
        Some("token_expired") => Some("Your session has ended. Sign in again.".to_owned()),
        Some("token_invalid") => Some(
            "Your session is not valid any more. Sign in again. If you are sent back here, delete the cookies of this site, or ask \
             the service's administrator."
                .to_owned(),
        ),
        _ => None,
    };
    html(&SignInPage { frame: Frame::of_stranger(&app.settings), next, reason }, StatusCode::OK)
}

/// Begins a session.
async fn begin(
    State(app): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageFailure> {
    let request = PageRequest::of(&uri, &headers);
    let failure = |problem: Problem| PageFailure::of_stranger(problem, &app, &request);
    if matches!(app.settings.auth, Auth::Off) {
        return Ok(go_to(&app.settings.base_path, "/"));
    }
    refuse_others(&app, &request, &headers)?;
    let form = SignInForm::of(&body.map_err(|error| failure(unread(&error)))?);
    let next = place_in_service(form.next.as_deref());
    let again = |status, reason| {
        let frame = Frame::of_stranger(&app.settings);
        Ok(html(&SignInPage { frame, next: next.clone(), reason: Some(reason) }, status))
    };
    let token = form.token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    if token.len() > LONGEST_TOKEN {
        return again(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!(
                "This token is too long: it has {} characters, and a browser can keep {LONGEST_TOKEN}. Ask for one that says less, or \
                 have a proxy sign you in (the setting page_token_header).",
                token.len()
            ),
        );
    }
    let verified =
        if token.is_empty() { Err(Denied::Missing) } else { app.authenticator.verify(token).await };
    let signed_in = match verified {
        Ok(signed_in) => signed_in,
        Err(denied) if denied.status() == StatusCode::UNAUTHORIZED => {
            return again(StatusCode::UNAUTHORIZED, in_words(&denied));
        }
        Err(denied) => return Err(failure(denied.into())),
    };
    request::set_subject(&signed_in.caller.subject);
    let cookie = session_cookie(&app.settings.base_path, token, &signed_in);
    Ok(with_cookies(go_to(&app.settings.base_path, &next), &app.settings.base_path, &cookie))
}

/// Ends a session.
async fn end(State(app): State<AppState>, uri: Uri, headers: HeaderMap) -> Result<Response, PageFailure> {
    let request = PageRequest::of(&uri, &headers);
    if matches!(app.settings.auth, Auth::Tokens { .. }) {
        refuse_others(&app, &request, &headers)?;
    }
    let base = &app.settings.base_path;
    Ok(with_cookies(go_to(base, "/sign-in"), base, &removal(base.cookie_path())))
}

/// Refuses a form of another site: it would sign the visitor in as someone else, or out.
fn refuse_others(app: &AppState, request: &PageRequest, headers: &HeaderMap) -> Result<(), PageFailure> {
    if is_same_origin(headers) {
        Ok(())
    } else {
        Err(PageFailure::of_stranger(Denied::ForeignOrigin, app, request))
    }
}

impl SignInForm {
    fn of(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "token" => form.token = value.into_owned(),
                "next" => form.next = Some(value.into_owned()),
                _ => {}
            }
        }
        form
    }
}

/// A place of this service, as a path without the prefix; the portfolio for any other place.
fn place_in_service(place: Option<&str>) -> String {
    let is_within = |place: &&str| {
        let mut bytes = place.bytes();
        // A browser reads `//` and `/\` as the start of another host, and leaves control characters out before.
        bytes.next() == Some(b'/')
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && place.bytes().all(|byte| byte.is_ascii_graphic())
            && !has_dot_segments(place)
    };
    place.filter(is_within).unwrap_or("/").to_owned()
}

/// Whether a browser would leave folders of the path.
fn has_dot_segments(place: &str) -> bool {
    let path = place.split(['?', '#']).next().unwrap_or(place).to_ascii_lowercase().replace("%2e", ".");
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

fn go_to(base: &BasePath, place: &str) -> Response {
    redirect(&format!("{base}{place}"))
}

/// Why a token is refused, for people.
fn in_words(denied: &Denied) -> String {
    match denied {
        Denied::Missing => "Paste your access token into the field.".to_owned(),
        Denied::Expired => "This token has expired. Get a new one.".to_owned(),
        Denied::Invalid(reason) => format!("This token is not valid: {reason}. Is it complete?"),
        other => other.to_string(),
    }
}

fn unread(error: &BytesRejection) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => crate::problem::too_large(LARGEST_FORM),
        _ => bad_request("the form cannot be read: send it again"),
    }
}

/// The cookie with a token, for as long as it is valid.
fn session_cookie(base: &BasePath, token: &str, signed_in: &SignedIn) -> String {
    let remaining = signed_in.expires_at.saturating_sub(Utc::now().timestamp()).max(1);
    cookie(token, base.cookie_path(), remaining)
}

/// Removes the cookie of a path.
fn removal(path: &str) -> String {
    cookie("", path, 0)
}

fn cookie(value: &str, path: &str, seconds: i64) -> String {
    format!("{SESSION_COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict")
}

/// Adds the cookie. One that was set before the service had a prefix is removed: a request with two of them is refused.
fn with_cookies(mut response: Response, base: &BasePath, cookie: &str) -> Response {
    let older = (base.cookie_path() != "/").then(|| removal("/"));
    for cookie in older.as_deref().into_iter().chain([cookie]) {
        match HeaderValue::from_str(cookie) {
            Ok(value) => drop(response.headers_mut().append(SET_COOKIE, value)),
            Err(_) => return crate::problem::internal().into_response(),
        }
    }
    response
}
