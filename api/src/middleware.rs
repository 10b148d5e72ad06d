//! The layers around every route: request id, log line, limits, and a response even if the route panics.

mod planner_gate;

use crate::cors;
use crate::origin;
use crate::paced;
use crate::pages;
use crate::problem;
use crate::request::{self, REQUEST_ID, RequestContext, RequestId};
use crate::security_headers;
use crate::state::AppState;
use crate::telemetry::Telemetry;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tracing::Instrument;

/// The name of an unmatched route in metrics and log lines.
const NO_ROUTE: &str = "none";

/// The routes that the service answers on every connection.
const HEALTH: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Adds the layers to routes. They are one layer: each `layer` of a router puts every route into a box, which is copied with all
/// boxes in it for every request.
pub(crate) fn around(routes: Router<AppState>, app: &AppState) -> Router<AppState> {
    // The first one is the outermost.
    let tracing = from_fn_with_state(app.clone(), trace_request);
    let layers = (
        map_response(security_headers::add),
        CatchPanicLayer::custom(panicked),
        CompressionLayer::new(),
        map_response(paced::pace),
        from_fn_with_state(app.clone(), admit),
        DefaultBodyLimit::max(app.settings.body_limit),
    );
    let routes = routes.fallback(no_route).method_not_allowed_fallback(no_method);
    // Around all that may fail: a page of another site must be able to read failures, too.
    match cors::layer(&app.settings.cors_origins) {
        Some(cors) => routes.layer((tracing, cors, layers)),
        None => routes.layer((tracing, layers)),
    }
}

/// The routes of a connection beyond the limit: the state of the service, and nothing else.
pub(crate) fn health_only(routes: Router<AppState>) -> Router<AppState> {
    routes.layer(from_fn(async |request: Request, next: Next| {
        if HEALTH.contains(&request.uri().path()) {
            return next.run(request).await;
        }
        problem::unavailable(
            "too_many_connections",
            "Too many connections",
            "the service has reached its limit of connections (max_clients): reuse a connection, or try again later",
        )
        .into_response()
    }))
}

async fn no_route(State(app): State<AppState>, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(page) = pages::missing(&app, &uri, &headers) {
        return page;
    }
    problem::not_found(format!("the service has no route {}", uri.path())).into_response()
}

async fn no_method(method: Method, uri: Uri) -> Response {
    problem::Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Method not allowed",
        format!("{} does not support {method}", uri.path()),
    )
    .into_response()
}

/// What happens before a request reaches its route: the prefix of all paths leads to the first page, foreign hosts and pages are refused,
/// and size and time are limited.
async fn admit(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if let Some(redirect) = app.settings.base_path.redirect_to_first_page(request.uri()) {
        return redirect;
    }
    if let Err(problem) = origin::check(&app.settings, &request) {
        return problem.into_response();
    }
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > app.settings.body_limit as u64) {
        return problem::too_large(app.settings.body_limit).into_response();
    }
    let limit = app.settings.request_timeout;
    match tokio::time::timeout(limit, planner_gate::gate(&app, request, next)).await {
        Ok(response) => response,
        Err(_) => problem::timed_out(limit).into_response(),
    }
}

/// The response to a panic, which the panic hook has logged.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer requires")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
    tracing::error!(panic = text, "a route panicked");
    problem::internal().into_response()
}

/// Counts a request in flight, however it ends.
struct InFlight(Arc<Telemetry>);

impl InFlight {
    fn new(telemetry: &Arc<Telemetry>) -> Self {
        telemetry.begun();
        Self(Arc::clone(telemetry))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// Assigns the request its id, and logs it.
async fn trace_request(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let _in_flight = InFlight::new(&app.telemetry);
    let id = RequestId::of(request.headers().get(REQUEST_ID));
    let deadline = began + app.settings.request_timeout;
    let context = Arc::new(RequestContext { id: id.clone(), subject: OnceLock::new(), deadline });
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();

    let span = tracing::info_span!(target: "phaseline_api", "request", request_id = %id);
    #[cfg(feature = "otel")]
    crate::otel::join(&span, request.headers());
    let answering = request::scope(Arc::clone(&context), next.run(request));
    let mut response = answering.instrument(span).await;

    let took = began.elapsed();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let status = response.status().as_u16();
    app.telemetry.answered(method, route, status, took);
    tracing::info!(
        target: "phaseline_api::request",
        method,
        path = route,
        status,
        duration_ms = took.as_micros() as f64 / 1000.0,
        request_id = %id,
        subject = context.subject.get().map(String::as_str),
        "request"
    );
    response.headers_mut().insert(REQUEST_ID, id.header());
    response
}

/// A method's name for metrics: one of a fixed set; a client cannot add to it.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
