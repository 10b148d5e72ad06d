//! Connections that are kept between single statements.

use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_store::{Admission, Pooler, Servers, SessionSettings, Sessions, Statement};
use phaseline_tests::protocol_proxy::ProtocolProxy;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, Row};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SERVER_PROCESS: &str = "SELECT pg_catalog.pg_backend_pid()";

fn database() -> TestDatabase {
    TestCluster::shared().database()
}

fn open(url: &str, settings: SessionSettings) -> Sessions {
    let pool = PgPoolOptions::new().max_connections(2);
    Sessions::open(&Servers::one(url.parse().unwrap()), pool, settings)
}

fn direct() -> SessionSettings {
    SessionSettings { pooler: Pooler::None, ..SessionSettings::default() }
}

/// The server process that executes the next statement.
async fn process(sessions: &Sessions) -> i32 {
    sessions.execute(&Statement::new(SERVER_PROCESS, [])).await.unwrap()[0].get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_statement_is_one_message_of_a_kept_connection() {
    let database = database();
    let proxy = ProtocolProxy::counting(database.url());
    let sessions = open(proxy.url(), direct());
    let first = process(&sessions).await;
    let before = proxy.boundaries().len();
    for _ in 0..3 {
        assert_eq!(process(&sessions).await, first);
    }
    // A connection that goes back to its pool is tested.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let sent: Vec<String> = proxy.boundaries().split_off(before).into_iter().map(|at| at.what).collect();
    assert_eq!(sent, [SERVER_PROCESS; 3]);
    // Sessions use it, too.
    let mut session = sessions.begin().await.unwrap();
    let own: i32 = sqlx::query_scalar(SERVER_PROCESS).fetch_one(&mut *session).await.unwrap();
    session.end(());
    assert_eq!(own, first);
}

#[tokio::test]
async fn more_statements_than_connections_wait_for_each_other() {
    let database = database();
    let sessions = open(database.url(), direct());
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let sessions = sessions.clone();
        running.spawn(async move {
            for _ in 0..5 {
                process(&sessions).await;
                let mut session = sessions.begin().await.unwrap();
                sqlx::query("SELECT 1").execute(&mut *session).await.unwrap();
                session.end(());
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    assert!(sessions.connections().0 <= 2);
    tokio::time::timeout(Duration::from_secs(30), sessions.close()).await.expect("none is missing");
}

#[tokio::test]
async fn a_failed_statement_leaves_a_connection_that_works() {
    let database = database();
    let sessions = open(database.url(), direct());
    for _ in 0..4 {
        assert!(sessions.execute(&Statement::new("SELECT 1 / 0", [])).await.is_err());
        process(&sessions).await;
    }
}

#[tokio::test]
async fn a_caller_misses_no_connection_of_its_own_pool() {
    let database = database();
    let pool = PgPoolOptions::new().max_connections(1).connect(database.url()).await.unwrap();
    let sessions = Sessions::from(pool.clone());
    process(&sessions).await;
    sqlx::query("SELECT 1").execute(&pool).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), pool.close()).await.expect("none is missing");
}

/// A check that every use of a connection needs.
#[derive(Debug, Default)]
struct EveryUse(AtomicUsize);

impl Admission for EveryUse {
    fn is_due(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { true })
    }

    fn ensure<'c>(
        &'c self,
        connection: &'c mut PgConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'c>> {
        Box::pin(async move {
            let role: String =
                sqlx::query_scalar("SELECT pg_catalog.current_setting('role')").fetch_one(connection).await?;
            assert_eq!(role, "none", "the check is made by the login's own role");
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_kept_connection_is_checked_when_the_check_is_due() {
    let database = database();
    let check = Arc::new(EveryUse::default());
    let role = Some("pg_monitor".to_owned());
    let admission: Option<Arc<dyn Admission>> = Some(check.clone());
    let sessions = open(database.url(), SessionSettings { admission, role, ..direct() });
    let first = process(&sessions).await;
    let before = check.0.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(process(&sessions).await, first);
        let role = sessions.execute(&Statement::new("SELECT current_user::text", [])).await.unwrap();
        assert_eq!(role[0].get::<&str, _>(0), "pg_monitor");
    }
    assert_eq!(check.0.load(Ordering::Relaxed) - before, 6);
}
