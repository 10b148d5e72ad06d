use super::*;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use sqlx::{Connection, PgConnection};

fn database() -> TestDatabase {
    let database = TestCluster::shared().database();
    database.psql("CREATE TABLE t (x int)");
    database
}

async fn connect(proxy: &ProtocolProxy) -> PgConnection {
    PgConnection::connect(proxy.url()).await.unwrap()
}

/// The work of a client with both protocols, transactions and a COPY. It ends where it is cut.
async fn work(proxy: &ProtocolProxy) -> Result<(), sqlx::Error> {
    let mut first = PgConnection::connect(proxy.url()).await?;
    let mut transaction = first.begin().await?;
    sqlx::query("INSERT INTO t VALUES ($1)").bind(1).execute(&mut *transaction).await?;
    let mut copy = transaction.copy_in_raw("COPY t FROM STDIN").await?;
    copy.send("2\n3\n".as_bytes()).await?;
    copy.finish().await?;
    transaction.commit().await?;
    let mut second = PgConnection::connect(proxy.url()).await?;
    sqlx::raw_sql("INSERT INTO t VALUES (4)").execute(&mut second).await?;
    Ok(())
}

const ROWS: &str = "SELECT count(*) FROM t";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_counted_once_over_all_connections_in_order() {
    let database = database();
    let proxy = ProtocolProxy::counting(database.url());
    work(&proxy).await.unwrap();
    assert_eq!((database.psql(ROWS).as_str(), proxy.rows()), ("4", 0));
    let boundaries = proxy.boundaries();
    let of_kind = |is: fn(&ServerBoundary) -> bool| -> Vec<_> {
        boundaries.iter().filter(|at| is(at)).map(|at| at.number).collect()
    };
    assert_eq!(of_kind(ServerBoundary::is_preparation), [2]);
    assert_eq!(of_kind(ServerBoundary::ends_transaction), [6]);
    let found: Vec<_> =
        boundaries.into_iter().map(|at| (at.number, at.connection, at.what, at.in_transaction)).collect();
    let expected = [
        (1, 0, "BEGIN", (false, Some(true))),
        (2, 0, "prepare: INSERT INTO t VALUES ($1)", (true, Some(true))),
        (3, 0, "INSERT INTO t VALUES ($1)", (true, Some(true))),
        (4, 0, "COPY t FROM STDIN", (true, Some(true))),
        (5, 0, "end of COPY", (true, Some(true))),
        (6, 0, "COMMIT", (true, Some(false))),
        (7, 1, "INSERT INTO t VALUES (4)", (false, Some(false))),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(at, of, what, state)| (at, of, what.to_owned(), state)).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_stopped_before_or_after_the_chosen_statement() {
    let rows_by_boundary = [0, 0, 0, 0, 0, 0, 3, 4];
    for number in 1..=7 {
        for (stop, rows) in [
            (Stop::Before(number), rows_by_boundary[number - 1]),
            (Stop::After(number), rows_by_boundary[number]),
        ] {
            let database = database();
            let proxy = ProtocolProxy::stopping(database.url(), stop);
            let client = async {
                let error = work(&proxy).await.unwrap_err();
                assert!(!matches!(error, sqlx::Error::Database(_)), "{error}");
            };
            let cutting = async {
                until_stopped(&proxy).await;
                proxy.cut();
            };
            tokio::join!(client, cutting);
            assert_eq!(proxy.stopped_at().unwrap().number, number);
            gone(&database).await;
            assert_eq!(database.psql(ROWS), rows.to_string(), "{stop:?}");
        }
    }
}

async fn until_stopped(proxy: &ProtocolProxy) {
    while !proxy.has_stopped() {
        tokio::task::yield_now().await;
    }
}

/// Waits until the server has detected the end of its clients.
async fn gone(database: &TestDatabase) {
    let others = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while database.psql(others) != "0" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_proxy_forwards_nothing_on_any_connection() {
    let database = database();
    let proxy = ProtocolProxy::stopping(database.url(), Stop::Before(2));
    let (mut first, mut second) = (connect(&proxy).await, connect(&proxy).await);
    sqlx::raw_sql("SELECT 1").execute(&mut first).await.unwrap();
    let stopped = sqlx::raw_sql("INSERT INTO t VALUES (1)").execute(&mut first);
    let other = async {
        until_stopped(&proxy).await;
        sqlx::raw_sql("INSERT INTO t VALUES (2)").execute(&mut second).await
    };
    let cutting = async {
        until_stopped(&proxy).await;
        // Long enough to detect a statement that passed.
        for _ in 0..5 {
            assert_eq!(database.psql(ROWS), "0");
            tokio::task::yield_now().await;
        }
        proxy.cut();
    };
    let (stopped, other, ()) = tokio::join!(stopped, other, cutting);
    assert!(stopped.is_err() && other.is_err(), "{stopped:?} {other:?}");
    assert!(PgConnection::connect(proxy.url()).await.is_err());
    gone(&database).await;
    assert_eq!(database.psql(ROWS), "0");
}

#[test]
fn waiting_for_a_client_that_is_never_stopped_ends() {
    let database = database();
    assert!(!ProtocolProxy::stopping(database.url(), Stop::Before(1)).wait(Duration::from_millis(1)));
}

#[test]
fn a_url_is_split_at_the_servers_address() {
    assert_eq!(split("postgres://u:p@127.0.0.1:5/d?x=y@z"), ("postgres://u:p@", "127.0.0.1:5", "/d?x=y@z"));
    assert_eq!(split("postgres://h:5"), ("postgres://", "h:5", ""));
}
