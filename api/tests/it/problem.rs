//! Errors of the database as clients see them, caused on a real server.

use crate::health::becomes_ready;
use crate::service::{Service, legacy, migrated, settings};
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use phaseline_api::problem::{FieldError, Problem, conflict};
use phaseline_api::settings::Settings;
use phaseline_api::state::AppState;
use phaseline_domain::ProjectId;
use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_store::StoreError;
use phaseline_tests::http::HttpResponse;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Runs the SQL of the request's body.
async fn sql(State(app): State<AppState>, statement: String) -> Result<(), Problem> {
    let mut session = app.sessions.begin().await?;
    let executed = sqlx::Executor::execute(&mut *session, statement.as_str()).await;
    session.end(executed)?;
    Ok(())
}

/// Reads a project that does not exist.
async fn history(State(app): State<AppState>) -> Result<String, Problem> {
    Ok(app.store.history(ProjectId::random()).await?.len().to_string())
}

fn routes() -> axum::Router<AppState> {
    phaseline_api::server::all_routes()
        .route("/sql", post(sql))
        .route("/history", get(history))
        .route("/conflict", get(|| async { a_conflict() }))
}

fn a_conflict() -> impl IntoResponse {
    let error = FieldError {
        field: Some("phases[1].name".to_owned()),
        message: "is too long".to_owned(),
        phase_id: Some(Uuid::nil()),
        rule: Some("V4".to_owned()),
    };
    conflict("version_conflict", "Version conflict", "another writer was faster")
        .errors([error, FieldError { message: "alone".to_owned(), ..FieldError::default() }])
        .current(json!({ "version": 5 }))
        .attempted(json!({ "version": 4 }))
}

/// Fails unless this is a 503 with `Retry-After`.
#[track_caller]
fn assert_later(response: &HttpResponse, code: &str) {
    assert_eq!((response.status, &response.json()["code"]), (503, &json!(code)), "{}", response.text());
    assert!(response.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(response.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_problem_has_the_form_of_rfc_9457() {
    let service = Service::of_routes("postgres://nobody@127.0.0.1:1/none", settings(), routes()).await;
    let response = service.client.get("/conflict").header("x-request-id", "r1").send().await.is(409);
    assert_eq!(response.header("content-type"), "application/problem+json");
    assert_eq!(
        response.json(),
        json!({
            "type": "/problems/version-conflict",
            "title": "Version conflict",
            "status": 409,
            "detail": "another writer was faster",
            "code": "version_conflict",
            "errors": [
                { "field": "phases[1].name", "message": "is too long", "phase_id": Uuid::nil(), "rule": "V4" },
                { "message": "alone" },
            ],
            "current": { "version": 5 },
            "attempted": { "version": 4 },
            "request_id": "r1",
        })
    );
}

#[tokio::test]
async fn temporary_errors_are_503_and_others_500_without_database_messages() {
    let quick = Settings {
        lock_timeout: Duration::from_millis(50),
        statement_timeout: Duration::from_millis(400),
        role: None,
        ..settings()
    };
    let database = migrated();
    let service = Service::of_routes(database.url(), quick, routes()).await;
    let request = async |statement: &str| service.client.post("/sql").body(statement).send().await;
    request("SELECT 1").await.is(200);
    assert_later(&request("SELECT pg_sleep(60)").await, "statement_timeout");
    assert_later(
        &request("SELECT set_config('transaction_read_only', 'on', true); CREATE TABLE t (x int)").await,
        "read_only",
    );
    assert_later(&request("SELECT pg_terminate_backend(pg_backend_pid())").await, "database_unavailable");
    assert_later(&request("SELECT 1 FROM phaseline.nothing").await, "not_migrated");

    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE phaseline.head IN ACCESS EXCLUSIVE MODE")
        .execute(&mut holder)
        .await
        .unwrap();
    assert_later(&request("SELECT 1 FROM phaseline.head").await, "busy");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();

    for statement in ["SELECT secret_word", "SELECT 1/0"] {
        let response = request(statement).await.is(500);
        assert_eq!(response.json()["code"], "internal");
        assert!(!response.text().contains("secret_word") && !response.text().contains("division"));
    }
    request("SELECT 1").await.is(200);
}

#[test]
fn a_connection_that_speaks_another_protocol_is_lost() {
    let problem = Problem::of_sqlx(&sqlx::Error::Protocol("unexpected message".to_owned()));
    assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
}

#[tokio::test]
async fn all_connections_in_use_is_503() {
    let one = Settings {
        max_connections: 1,
        // The limit includes the first connection.
        acquire_timeout: Duration::from_secs(3),
        role: None,
        ..settings()
    };
    let database = migrated();
    let service = Service::of_routes(database.url(), one, routes()).await;
    let held = service.sessions.begin().await.unwrap();
    assert_later(&service.client.post("/sql").body("SELECT 1").send().await, "no_connection");
    drop(held);
    service.client.post("/sql").body("SELECT 1").send().await.is(200);
}

#[tokio::test]
async fn a_missing_closed_or_newer_log_is_503() {
    drop(migrated());
    let database = legacy();
    let service = Service::of_routes(database.url(), settings(), routes()).await;
    assert_later(&service.client.get("/history").send().await, "not_migrated");
    let database = migrated();
    database.psql("COMMENT ON SCHEMA phaseline IS 'Phaseline''s log, schema version 99.'");
    let service = Service::of_routes(database.url(), settings(), routes()).await;
    assert_later(&service.client.get("/history").send().await, "newer_schema");
    for (error, code) in
        [(StoreError::NotInstalled, "not_migrated"), (StoreError::NotAccepting, "legacy_shape")]
    {
        assert_eq!(
            (Problem::of_store(&error).status().as_u16(), Problem::of_store(&error).code()),
            (503, code)
        );
    }
}

/// Requests continue while the server restarts: each response is the result, or 503 with a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_restart_under_load_returns_503_until_it_is_back() {
    let cluster = TestCluster::start(TestOptions::default());
    let database = cluster.database();
    crate::service::build(database.url(), true);
    let impatient = Settings { acquire_timeout: Duration::from_millis(300), ..settings() };
    let service = Service::of_routes(database.url(), impatient, routes()).await;
    let over = Arc::new(AtomicBool::new(false));
    let clients = (0..4).map(|_| {
        let (client, over) = (service.client.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let (mut well, mut later) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let response = client.get("/history").send().await;
                match response.status {
                    200 => well += 1,
                    503 => {
                        assert!(response.header("retry-after").parse::<u32>().unwrap() >= 1);
                        later += 1;
                    }
                    other => panic!("{other}: {}", response.text()),
                }
            }
            (well, later)
        })
    });
    let clients: Vec<_> = clients.collect();
    becomes_ready(&service.client).await;
    let restarting = cluster.clone();
    tokio::task::spawn_blocking(move || {
        restarting.stop_immediate();
        std::thread::sleep(Duration::from_millis(500));
        restarting.start_again();
    })
    .await
    .unwrap();
    becomes_ready(&service.client).await;
    let began = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 50 {
        let status = service.client.get("/history").send().await.status;
        in_a_row = if status == 200 { in_a_row + 1 } else { 0 };
        assert!(began.elapsed() < Duration::from_secs(60), "it does not recover");
    }
    over.store(true, Ordering::Relaxed);
    let (mut well, mut later) = (0, 0);
    for client in clients {
        let (its_well, its_later) = client.await.unwrap();
        well += its_well;
        later += its_later;
    }
    assert!(well > 0 && later > 0, "{well} went well, {later} were put off");
}
