//! The middleware's work on every request.

use crate::service::{EVERYTHING, Service, settings};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use phaseline_api::auth::Caller;
use phaseline_api::problem::Problem;
use phaseline_api::request::RequestId;
use phaseline_api::settings::Settings;
use phaseline_api::state::AppState;
use phaseline_tests::http::Client;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

async fn panics() -> &'static str {
    panic!("on purpose, with {}", "words")
}

async fn sleeps() -> &'static str {
    tokio::time::sleep(Duration::from_millis(600)).await;
    "slept"
}

async fn takes_json(body: Result<Json<Value>, JsonRejection>) -> Response {
    match body {
        Ok(body) => body.into_response(),
        Err(rejection) => Problem::from(rejection).into_response(),
    }
}

fn routes() -> axum::Router<AppState> {
    axum::Router::new()
        .route("/panics/{which}", get(panics))
        .route("/sleeps", get(sleeps))
        .route("/forever", get(|| async { std::future::pending::<()>().await }))
        .route(
            "/broken",
            get(|| async { Problem::of_sqlx(&sqlx::Error::ColumnNotFound("no_such_column".to_owned())) }),
        )
        .route("/json", post(takes_json))
        .route("/bytes", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/id", get(|id: RequestId| async move { id.to_string() }))
        .route("/long", get(|| async { "na ".repeat(10_000) }))
        .route("/who", get(|caller: Caller| async move { caller.subject }))
}

async fn service(settings: Settings) -> Service {
    Service::of_routes("postgres://nobody@127.0.0.1:1/none", settings, routes()).await
}

#[tokio::test]
async fn a_sane_id_of_the_clients_is_kept_and_any_other_is_replaced() {
    let service = service(settings()).await;
    let longest = "i".repeat(128);
    for sane in ["req-1", "!~", longest.as_str()] {
        let response = service.client.get("/id").header("x-request-id", sane).send().await.is(200);
        assert_eq!((response.text().as_str(), response.header("x-request-id")), (sane, sane));
    }
    let too_long = "i".repeat(129);
    for odd in ["", "two words", "tab\there", too_long.as_str()] {
        let response = service.client.get("/id").header("x-request-id", odd).send().await.is(200);
        let id: Uuid = response.header("x-request-id").parse().unwrap();
        assert_eq!((id.get_version_num(), response.text()), (7, id.to_string()));
    }
}

#[tokio::test]
async fn a_panicking_route_returns_a_problem_and_the_service_continues() {
    let service = service(settings()).await;
    for _ in 0..3 {
        let response = service.client.get("/panics/7").header("x-request-id", "mine").send().await.is(500);
        let problem = response.json();
        assert_eq!(response.header("content-type"), "application/problem+json");
        assert_eq!((&problem["code"], &problem["request_id"]), (&json!("internal"), &json!("mine")));
        assert!(!response.text().contains("on purpose"), "{}", response.text());
        assert_eq!(response.header("x-request-id"), "mine");
    }
    service.client.get("/id").send().await.is(200);
}

#[tokio::test]
async fn missing_routes_and_wrong_methods_return_a_problem() {
    let service = service(settings()).await;
    let response = service.client.get("/nowhere?x=1").send().await.is(404);
    assert_eq!(response.header("content-type"), "application/problem+json");
    assert_eq!(response.json()["detail"], "the service has no route /nowhere");
    let response = service.client.delete("/json").send().await.is(405);
    assert_eq!((response.header("allow"), &response.json()["code"]), ("POST", &json!("method_not_allowed")));
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_not_read() {
    let service = service(Settings { body_limit: 1000, ..settings() }).await;
    let body = |length: usize| json!("x".repeat(length - 2));
    service.client.post("/json").json(&body(1000)).send().await.is(200);
    let response = service.client.post("/json").json(&body(1001)).send().await.is(413);
    assert_eq!(response.json()["code"], "too_large");
    assert!(response.json()["detail"].as_str().unwrap().contains("1000 bytes"));

    // Without Content-Length the bytes are counted.
    let mut raw = tokio::net::TcpStream::connect(service.client.address()).await.unwrap();
    let head = "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
                Connection: close\r\n\r\n";
    let chunk = format!("{:x}\r\n\"{}\"\r\n0\r\n\r\n", 1002, "x".repeat(1000));
    raw.write_all(format!("{head}{chunk}").as_bytes()).await.unwrap();
    let mut response = String::new();
    raw.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 413 ") && response.contains("\"too_large\""), "{response}");
}

#[tokio::test]
async fn a_body_that_is_not_json_gets_a_problem_with_the_reason() {
    let service = service(settings()).await;
    for (kind, body, status, code) in
        [("text/plain", "{}", 415, "not_json"), ("application/json", "{", 400, "bad_request")]
    {
        let request = service.client.post("/json").header("content-type", kind).body(body);
        assert_eq!(request.send().await.is(status).json()["code"], code);
    }
}

#[tokio::test]
async fn a_timed_out_change_is_reported_as_possibly_committed() {
    let quick = Settings { request_timeout: Duration::from_millis(30), ..settings() };
    let response = service(quick).await.client.get("/sleeps").send().await.is(503);
    assert_eq!(response.json()["code"], "timed_out");
    assert!(response.json()["detail"].as_str().unwrap().contains("may still have been committed"));
    assert!(response.header("retry-after").parse::<u32>().unwrap() >= 1);
    service(settings()).await.client.get("/sleeps").send().await.is(200);
}

#[tokio::test]
async fn a_long_response_is_compressed_for_clients_that_accept_it() {
    let service = service(settings()).await;
    let plain = service.client.get("/long").send().await.is(200);
    assert_eq!((plain.header("content-encoding"), plain.body.len()), ("", 30_000));
    let packed = service.client.get("/long").header("accept-encoding", "gzip").send().await.is(200);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < 1000);
}

#[tokio::test]
async fn a_shutdown_finishes_requests_in_flight_and_accepts_no_more() {
    // Never reached: the service stops because no request is open.
    let patient = Settings { shutdown_timeout: Duration::from_secs(3600), ..settings() };
    let mut service = service(patient).await;
    let client = service.client.clone();
    let under_way = tokio::spawn(async move { client.get("/sleeps").send().await });
    let address = service.client.address();
    tokio::time::sleep(Duration::from_millis(100)).await;
    service.request_shutdown();
    assert_eq!(under_way.await.unwrap().is(200).text(), "slept");
    tokio::time::timeout(Duration::from_secs(60), service.stopped()).await.expect("it stops");
    assert!(Client::new(address).get("/id").try_send().await.is_err());
}

#[tokio::test]
async fn a_shutdown_cancels_requests_beyond_the_timeout() {
    let hour = Duration::from_secs(3600);
    let hasty = Settings { shutdown_timeout: Duration::from_millis(50), request_timeout: hour, ..settings() };
    let mut service = service(hasty).await;
    let client = service.client.clone();
    let under_way = tokio::spawn(async move { client.get("/forever").try_send().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    service.request_shutdown();
    tokio::time::timeout(Duration::from_secs(45), service.stopped()).await.expect("it stops");
    assert!(!under_way.is_finished(), "it did not wait for a response");
}

/// Sends a request, and returns all bytes until the connection is closed.
async fn raw_response(service: &Service, request: &str) -> String {
    let mut raw = tokio::net::TcpStream::connect(service.client.address()).await.unwrap();
    raw.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    let closed = tokio::time::timeout(Duration::from_secs(60), raw.read_to_string(&mut response)).await;
    closed.expect("it is closed").unwrap();
    response
}

#[tokio::test]
async fn a_connection_on_which_no_head_of_a_request_comes_in_full_is_closed() {
    let service = service(Settings { idle_timeout: Duration::from_secs(3), ..settings() }).await;
    let whole = "GET /id HTTP/1.1\r\nHost: here\r\n\r\n";
    let (half, nothing, then_nothing) = tokio::join!(
        raw_response(&service, &whole[..25]),
        raw_response(&service, ""),
        raw_response(&service, whole)
    );
    assert!(!half.contains(" 200 ") && !nothing.contains(" 200 "), "{half}{nothing}");
    assert!(then_nothing.starts_with("HTTP/1.1 200 "), "{then_nothing}");
    // A connection in use stays open beyond the limit.
    let mut raw = tokio::net::TcpStream::connect(service.client.address()).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        raw.write_all(whole.as_bytes()).await.unwrap();
        let mut response = [0; 4096];
        let length = raw.read(&mut response).await.unwrap();
        assert!(response[..length].starts_with(b"HTTP/1.1 200 "));
    }
}

/// Captures log lines.
#[derive(Clone, Default)]
pub(crate) struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl LogBuffer {
    /// The lines so far; forgets them.
    pub(crate) fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).unwrap()
    }
}

impl Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogBuffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// One thread: the subscriber is this thread's.
#[tokio::test(flavor = "current_thread")]
async fn each_request_is_logged_once_with_its_caller_and_without_its_token() {
    let log = LogBuffer::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let service = service(settings()).await;
    let token = service.token(EVERYTHING);
    // Other threads may have cached the same call sites as disabled.
    for path in ["/who", "/panics/1", "/nowhere", "/broken"] {
        service.client.get(path).send().await;
    }
    tracing::callsite::rebuild_interest_cache();
    log.0.lock().unwrap().clear();
    service.client.get("/who?secret=1").bearer(&token).header("x-request-id", "r1").send().await.is(200);
    service.client.get("/panics/secret-1").header("x-request-id", "r2").send().await.is(500);
    service.client.get("/secret-1").header("x-request-id", "r3").send().await.is(404);
    service.client.get("/who").bearer("secret-1").header("x-request-id", "r4").send().await.is(401);
    service.client.get("/broken").header("x-request-id", "r5").send().await.is(500);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> =
        lines.iter().filter(|line| line["target"] == "phaseline_api::request").collect();
    let summaries: Vec<_> = requests
        .iter()
        .map(|line| {
            json!([line["request_id"], line["method"], line["path"], line["status"], line["subject"]])
        })
        .collect();
    assert_eq!(
        summaries,
        [
            json!(["r1", "GET", "/who", 200, "ada"]),
            json!(["r2", "GET", "/panics/{which}", 500, null]),
            json!(["r3", "GET", "none", 404, null]),
            json!(["r4", "GET", "/who", 401, null]),
            json!(["r5", "GET", "/broken", 500, null]),
        ]
    );
    assert!(requests.iter().all(|line| line["duration_ms"].as_f64().is_some()));
    // Log lines within the request have its id, too.
    for (id, field, expected) in
        [("r2", "panic", "on purpose, with words"), ("r5", "error", "no_such_column")]
    {
        let line = lines.iter().find(|line| line[field].as_str().is_some_and(|text| text.contains(expected)));
        let line = line.unwrap_or_else(|| panic!("{expected}: {text}"));
        assert_eq!((&line["level"], &line["span"]["request_id"]), (&json!("ERROR"), &json!(id)));
    }
    let ours = lines.iter().filter(|line| line["target"].as_str().unwrap().starts_with("phaseline"));
    let ours: String = ours.map(ToString::to_string).collect();
    assert!(!ours.contains(&token) && !ours.contains("secret"), "{ours}");
}

/// The log has the caller's subject and nothing else about the caller; the metrics have nothing.
#[tokio::test(flavor = "current_thread")]
async fn log_lines_and_metrics_have_no_personal_data_but_the_subject() {
    let kept = LogBuffer::default();
    let fixture = crate::fixture::ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::INFO)
        .with_writer(kept.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let personal = json!({ "sub": "subject-7", "exp": crate::service::in_seconds(600), "scope": EVERYTHING,
        "username": "secret-name", "email": "secret-mail@here.example", "name": "secret-full-name" });
    let token = crate::service::token(&personal);
    let change = |name: &str| {
        let request = fixture.service.client.patch(&format!("/api/v1/phases/{phase}")).bearer(&token);
        request.header("phaseline-reason", "secret-reason").json(&json!({ "name": name }))
    };
    change("other").send().await.is(200);
    kept.0.lock().unwrap().clear();
    tracing::callsite::rebuild_interest_cache();
    change("secret-text").send().await.is(200);
    change("").send().await.is(422);
    fixture.service.client.get("/api/v1/secret-path?name=secret-query").bearer(&token).send().await.is(404);
    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("\"subject\":\"subject-7\"").count(), 2, "{log}");
    assert!(!log.contains("secret"), "{log}");
    let metrics = fixture.service.client.get("/metrics").send().await.is(200).text();
    assert!(
        !metrics.contains("secret") && !metrics.contains("subject-7") && !metrics.contains(&phase),
        "{metrics}"
    );
    let recorded = "SELECT metadata ->> 'actor_name' FROM phaseline.events ORDER BY position DESC LIMIT 1";
    assert_eq!(fixture.text(recorded).await, "secret-name");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let service = Service::start().await;
    for path in ["/livez", "/livez", "/made-up-1", "/made-up-2"] {
        service.client.get(path).send().await;
    }
    let brewed = http::Method::from_bytes(b"BREW").unwrap();
    service.client.request(brewed, "/livez").send().await.is(405);
    let text = service.client.get("/metrics").send().await.is(200).text();
    for line in [
        "phaseline_http_requests_total{method=\"GET\",route=\"/livez\",status=\"200\"} 2",
        "phaseline_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 2",
        "phaseline_http_requests_total{method=\"OTHER\",route=\"/livez\",status=\"405\"} 1",
        "phaseline_http_request_duration_seconds_count{method=\"GET\",route=\"/livez\"} 2",
        "phaseline_http_request_duration_seconds_bucket{method=\"GET\",route=\"/livez\",le=\"+Inf\"} 2",
        "phaseline_http_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("made-up"), "{text}");
}
