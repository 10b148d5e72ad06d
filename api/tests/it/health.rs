//! Liveness, readiness, and the metrics of the database.

use crate::service::{Service, legacy, migrated, settings};
use phaseline_api::settings::Settings;
use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_tests::http::Client;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The only reason that `/readyz` reports.
pub(crate) async fn reason(client: &Client) -> String {
    let response = client.get("/readyz").send().await.is(503);
    let health = response.json();
    assert_eq!(health["status"], "unavailable");
    let [reason] = &health["reasons"].as_array().unwrap()[..] else { panic!("{health}") };
    assert!(!reason["message"].as_str().unwrap().is_empty());
    reason["code"].as_str().unwrap().to_owned()
}

/// Waits until the service is ready; the limit allows for slow machines.
pub(crate) async fn becomes_ready(client: &Client) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let response = client.get("/readyz").send().await;
        if response.status == 200 {
            return;
        }
        assert!(Instant::now() < patience, "not ready within 60 s: {}", response.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_service_over_a_migrated_database_is_ready() {
    let service = Service::start().await;
    for path in ["/livez", "/readyz"] {
        let health = service.client.get(path).send().await.is(200).json();
        assert_eq!((&health["status"], &health["reasons"]), (&"ok".into(), &Value::Array(Vec::new())));
    }
}

#[tokio::test]
async fn an_unmigrated_database_is_reported_until_it_is_migrated() {
    // Roles belong to the whole server: they exist once one of its databases was migrated.
    drop(migrated());
    let database = legacy();
    let service = Service::over(&database, settings()).await;
    assert_eq!(reason(&service.client).await, "not_migrated");
    service.client.get("/livez").send().await.is(200);
    crate::service::migrate_it(database.url()).await;
    becomes_ready(&service.client).await;
    database.psql("UPDATE phaseline.head SET accepts_commands = false");
    assert_eq!(reason(&service.client).await, "legacy_shape");
}

#[tokio::test]
async fn a_schema_of_another_version_is_named() {
    let database = migrated();
    let service = Service::over(&database, settings()).await;
    for (version, code) in [("99", "newer_schema"), ("1", "older_schema")] {
        database
            .psql(&format!("COMMENT ON SCHEMA phaseline IS 'Phaseline''s log, schema version {version}.'"));
        assert_eq!(reason(&service.client).await, code);
    }
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_named() {
    let database = migrated();
    let name = database.name();
    database.psql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let service = Service::over(&database, settings()).await;
    assert_eq!(reason(&service.client).await, "read_only");
}

#[tokio::test]
async fn a_missing_or_unavailable_role_is_named() {
    let database = migrated();
    let impatient = Settings { acquire_timeout: Duration::from_millis(300), ..settings() };
    let wanting = |role: &str| Settings { role: Some(role.to_owned()), ..impatient.clone() };
    let service = Service::over(&database, wanting("missing \"role")).await;
    assert_eq!(reason(&service.client).await, "no_role");

    database.psql("CREATE ROLE api_test_login LOGIN PASSWORD 'login'");
    let (_, place) = database.url().split_once('@').unwrap();
    let url = format!("postgres://api_test_login:login@{place}");
    let routes = phaseline_api::server::all_routes;
    let service = Service::of_routes(&url, wanting("phaseline_writer"), routes()).await;
    assert_eq!(reason(&service.client).await, "role_denied");
    database.psql("GRANT phaseline_writer TO api_test_login");
    becomes_ready(&service.client).await;
    let user: String = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut *service.sessions.begin().await.unwrap())
        .await
        .unwrap();
    assert_eq!(user, "phaseline_writer");
    service.stopped_now().await;
    database.psql("DROP ROLE api_test_login");
}

#[tokio::test]
async fn connections_have_the_rights_of_the_role_and_an_end_to_all_waiting() {
    let service = Service::start().await;
    for (setting, value) in [
        ("role", "phaseline_writer"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("default_transaction_isolation", "read committed"),
        ("application_name", "phaseline serve"),
    ] {
        let found: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *service.sessions.begin().await.unwrap())
            .await
            .unwrap();
        assert_eq!(found, value, "{setting}");
    }
    let denied = sqlx::query("SELECT 1 FROM public.projects")
        .execute(&mut *service.sessions.begin().await.unwrap())
        .await
        .unwrap_err();
    assert_eq!(denied.as_database_error().unwrap().code().as_deref(), Some("42501"));
    assert_eq!(service.sessions.most(), 16);
}

#[tokio::test]
async fn the_service_reconnects_to_a_database_that_was_down_or_restarted() {
    let cluster = TestCluster::start(TestOptions::default());
    let database = cluster.database();
    crate::service::build(database.url(), true);
    cluster.stop_immediate();
    let impatient = Settings { acquire_timeout: Duration::from_millis(300), ..settings() };
    let service = Service::over(&database, impatient).await;
    for _ in 0..2 {
        assert_eq!(reason(&service.client).await, "database_unavailable");
        let metrics = service.client.get("/metrics").send().await.is(200).text();
        assert!(metrics.lines().any(|line| line == "phaseline_database_up 0"), "{metrics}");
        service.client.get("/livez").send().await.is(200);
        cluster.start_again();
        becomes_ready(&service.client).await;
        let metrics = service.client.get("/metrics").send().await.is(200).text();
        assert!(metrics.lines().any(|line| line == "phaseline_database_up 1"), "{metrics}");
        cluster.stop_immediate();
    }
    cluster.start_again();
    becomes_ready(&service.client).await;
}

/// Also if the service started before the database was reachable.
#[tokio::test]
async fn a_superuser_is_refused_where_the_tables_belong_to_another_role() {
    let database = migrated();
    let owner = format!("owner_of_{}", database.name());
    database.psql(&format!("CREATE ROLE {owner}; ALTER TABLE projects OWNER TO {owner}"));
    let impatient = Settings { acquire_timeout: Duration::from_millis(300), ..settings() };
    let service = Service::over(&database, impatient.clone()).await;
    assert_eq!(reason(&service.client).await, "excess_rights");
    let service = Service::over(&database, Settings { allow_superuser: true, ..impatient }).await;
    becomes_ready(&service.client).await;
}

/// Pooled connections are checked again, whether new or old.
#[tokio::test]
async fn a_change_of_owners_is_noticed_by_a_running_service() {
    let database = migrated();
    let owner = format!("owner_of_{}", database.name());
    let often = Settings {
        acquire_timeout: Duration::from_millis(300),
        rights_check_valid: Duration::ZERO,
        ..settings()
    };
    let service = Service::over(&database, often).await;
    becomes_ready(&service.client).await;
    database.psql(&format!("CREATE ROLE {owner}; ALTER TABLE projects OWNER TO {owner}"));
    assert_eq!(reason(&service.client).await, "excess_rights");
    database.psql("ALTER TABLE projects OWNER TO postgres");
    becomes_ready(&service.client).await;
}

#[tokio::test]
async fn metrics_include_pool_log_and_oldest_snapshot_if_readable() {
    let database = migrated();
    let service = Service::over(&database, Settings { max_connections: 3, ..settings() }).await;
    let metrics = service.client.get("/metrics").send().await.is(200).text();
    let has =
        |metrics: &str, line: &str| assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    let position = database.psql("SELECT max(position) FROM phaseline.events");
    has(&metrics, &format!("phaseline_log_position {}", position.trim()));
    has(&metrics, "phaseline_pool_connections_limit 3");
    let held = service.sessions.begin().await.unwrap();
    let metrics = service.client.get("/metrics").send().await.is(200).text();
    has(&metrics, "phaseline_pool_connections{state=\"used\"} 1");
    drop(held);

    for (age, line) in [
        ("41.5", "phaseline_oldest_snapshot_age_seconds 41.5"),
        ("NULL", "phaseline_oldest_snapshot_age_seconds 0"),
    ] {
        database.psql(&format!(
            "CREATE OR REPLACE FUNCTION phaseline.oldest_snapshot() RETURNS double precision LANGUAGE sql
               AS 'SELECT {age}::double precision';
             GRANT EXECUTE ON FUNCTION phaseline.oldest_snapshot() TO phaseline_writer"
        ));
        has(&service.client.get("/metrics").send().await.is(200).text(), line);
    }
    database.psql("DROP FUNCTION phaseline.oldest_snapshot()");
    service.client.get("/metrics").send().await.is(200);
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_the_page_is_self_contained() {
    let service = Service::start().await;
    let description = service.client.get("/openapi.json").send().await.is(200).json();
    assert_eq!(description["openapi"], "3.1.0");
    for path in ["/livez", "/readyz", "/metrics"] {
        assert!(description["paths"][path]["get"].is_object(), "{path}");
    }
    assert_eq!(description["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let page = service.client.get("/docs/").send().await.is(200).text();
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    let named = page.split(['"', '\'']).filter(|word| word.ends_with(".js") || word.ends_with(".css"));
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 3, "{named:?}");
    for file in named {
        let path = format!("/docs/{}", file.trim_start_matches("./"));
        assert!(!service.client.get(&path).send().await.is(200).body.is_empty());
    }
}
