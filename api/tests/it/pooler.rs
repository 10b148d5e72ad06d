//! The service behind PgBouncer in transaction mode. With `PHASELINE_TEST_POOLER` set, all other tests run behind it, too.

use crate::service::{EVERYTHING, Service, migrated, settings};
use phaseline_embedded::testing::{PgBouncer, PoolMode, TestDatabase};
use phaseline_migrator::progress::Silent;
use phaseline_migrator::{Database, verify};
use phaseline_store::{Pooler, Pooling, Servers};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection, Row};
use std::sync::Arc;
use std::time::Duration;

/// The server connections of PgBouncer for one database and login.
const SERVERS: usize = 8;

fn servers(url: &str) -> Servers {
    Servers::one(url.parse().unwrap())
}

#[tokio::test]
async fn a_pooler_is_found_by_a_setting_that_it_does_not_pass_on() {
    let database = migrated();
    let found = async |url: &str| Pooler::Auto.pooling(&servers(url)).await.unwrap();
    assert_eq!(found(database.url()).await, Pooling::Session);
    for mode in [PoolMode::Transaction, PoolMode::Session] {
        let Some(pooler) = PgBouncer::start(database.url(), mode) else { return };
        assert_eq!(found(&pooler.url(database.url())).await, Pooling::Transaction, "{mode:?}");
    }
    let missing = database.url().replace("test_", "missing_");
    assert!(Pooler::Auto.pooling(&servers(&missing)).await.is_err());
}

/// What every server connection of the pooler shows to another client.
async fn seen_by_another_client(url: &str) -> Vec<String> {
    let options: PgConnectOptions = url.parse().unwrap();
    let options = options.extra_float_digits(None);
    let mut clients = Vec::new();
    let mut seen = Vec::new();
    for _ in 0..SERVERS {
        let mut client = PgConnection::connect_with(&options).await.unwrap();
        client.execute("BEGIN").await.unwrap();
        let row = client
            .fetch_one(
                "SELECT concat_ws(' ', current_user, current_setting('search_path'), current_setting('lock_timeout'),
                        current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
                        (SELECT count(*) FROM pg_prepared_statements))",
            )
            .await
            .unwrap();
        seen.push(row.get(0));
        // Keeps its server connection until all are read.
        clients.push(client);
    }
    for mut client in clients {
        client.execute("ROLLBACK").await.unwrap();
    }
    seen
}

async fn transactions_left_open(database: &TestDatabase) -> bool {
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    for _ in 0..100 {
        if database.psql(open).trim() == "0" {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_statements_and_transactions_end_with_each_use() {
    let database = migrated();
    let Some(pooler) = PgBouncer::start(database.url(), PoolMode::Transaction) else { return };
    let url = pooler.url(database.url());
    let service = Service::of_routes(&url, settings(), phaseline_api::server::all_routes()).await;
    let token = service.token(EVERYTHING);
    let phase = database.psql("SELECT id FROM project_phases ORDER BY id LIMIT 1");
    let path = format!("/api/v1/phases/{}", phase.trim());
    let patch = |body: Value| service.client.patch(&path).bearer(&token).json(&body).send();
    for round in 0..20 {
        patch(json!({ "name": format!("Round {round}") })).await.is(200);
        patch(json!({ "capital_budget": "-1" })).await.is(422);
        service.client.get(&format!("{path}/history")).bearer(&token).send().await.is(200);
        service.client.get("/readyz").send().await.is(200);
    }
    // Statements that fail, and requests whose client is gone.
    database.psql("ALTER TABLE project_phases ADD CONSTRAINT no_x CHECK (name <> 'x')");
    for _ in 0..20 {
        patch(json!({ "name": "x" })).await.is(409);
        let gone = tokio::time::timeout(Duration::from_millis(1), patch(json!({ "name": "Gone" }))).await;
        drop(gone);
    }
    assert!(!transactions_left_open(&database).await);
    for seen in seen_by_another_client(&url).await {
        assert_eq!(seen, "postgres \"$user\", public 0 0 0 0");
    }
    service.stopped_now().await;
}

/// A transaction of the service has the settings that a direct session has.
#[tokio::test]
async fn a_pooled_session_has_the_role_the_path_and_the_timeouts() {
    let database = migrated();
    let Some(pooler) = PgBouncer::start(database.url(), PoolMode::Transaction) else { return };
    let url = pooler.url(database.url());
    let sessions = phaseline_api::pool::connect(&servers(&url), &settings());
    for _ in 0..3 {
        let mut session = sessions.begin().await.unwrap();
        for (setting, value) in [
            ("role", "phaseline_writer"),
            ("search_path", "pg_catalog, pg_temp"),
            ("lock_timeout", "5s"),
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "1min"),
            ("transaction_isolation", "read committed"),
            ("application_name", "phaseline serve"),
        ] {
            let found: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&mut *session)
                .await
                .unwrap();
            assert_eq!(found, value, "{setting}");
        }
        session.end(());
    }
    sessions.close().await;
}

/// What one of many clients does: changes its phase, repeats requests, reads, is late, and saves the whole list.
async fn work(service: Arc<Service>, token: String, project: String, phase: String, number: usize) {
    let client = &service.client;
    let path = format!("/api/v1/phases/{phase}");
    for round in 0..6 {
        let key = format!("client-{number}-{round}");
        let body = json!({ "name": format!("Client {number}, {round}") });
        let rename = || client.patch(&path).bearer(&token).header("Idempotency-Key", &key).json(&body);
        let first = rename().send().await.is(200);
        let again = rename().send().await.is(200);
        assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", first.json()));
        let stale = client.patch(&path).bearer(&token).header("If-Match", "\"0\"");
        stale.json(&json!({ "name": "Late" })).send().await.is(412);
        client.get(&path).bearer(&token).send().await.is(200);
        let listed =
            client.get(&format!("/api/v1/projects/{project}/phases")).bearer(&token).send().await.is(200);
        let history = format!("/api/v1/projects/{project}/history?limit=5&order=desc");
        client.get(&history).bearer(&token).send().await.is(200);
        client
            .get(&format!("/api/v1/phases/{phase}/assignments?limit=5"))
            .bearer(&token)
            .send()
            .await
            .is(200);
        if round == 3 {
            let batch = json!({ "phases": listed.json() });
            let saved = client.post(&format!("/api/v1/projects/{project}/phases/batch")).bearer(&token);
            let saved = saved.json(&batch).send().await;
            // Another client may have changed the listed version.
            assert!(matches!(saved.status, 200 | 412), "{}", saved.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_work_through_eight_server_connections() {
    let database = migrated();
    let Some(pooler) = PgBouncer::start(database.url(), PoolMode::Transaction) else { return };
    let patient = phaseline_api::settings::Settings {
        acquire_timeout: Duration::from_secs(60),
        request_timeout: Duration::from_secs(60),
        ..settings()
    };
    let url = pooler.url(database.url());
    let service = Arc::new(Service::of_routes(&url, patient, phaseline_api::server::all_routes()).await);
    let token = service.token(EVERYTHING);
    let targets = database.psql("SELECT project_id, id FROM project_phases ORDER BY id");
    let targets: Vec<(&str, &str)> =
        targets.lines().filter_map(|line| line.trim().split_once(['|', '\t'])).collect();
    assert!(targets.len() >= 8, "{targets:?}");
    let clients = targets.iter().cycle().take(64).enumerate().map(|(number, (project, phase))| {
        work(Arc::clone(&service), token.clone(), (*project).to_owned(), (*phase).to_owned(), number)
    });
    let running: tokio::task::JoinSet<()> = clients.collect();
    running.join_all().await;
    assert!(!transactions_left_open(&database).await);
    let of_service = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'phaseline serve'
                         AND datname = current_database()";
    assert!(database.psql(of_service).trim().parse::<usize>().unwrap() <= SERVERS);
    let handle = Database::new(database.url().parse().unwrap());
    let mut connection = handle.connect("test").await.unwrap();
    let verified = verify::verify(&mut connection, &Silent).await.unwrap();
    assert!(verified.passed, "{:#?}", verified.checks);
}
