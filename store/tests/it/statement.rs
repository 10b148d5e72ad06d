//! A statement with parameters, and the same statement as one message, whose parameters are literals.

use chrono::NaiveDate;
use phaseline_embedded::testing::TestCluster;
use phaseline_store::{Parameter, Pooler, Servers, SessionSettings, Sessions, Statement};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::Row;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

/// All parameters as text, so that both protocols return the same form.
const ALL: &str = "SELECT pg_catalog.to_json($1)::text, pg_catalog.to_json($2)::text, pg_catalog.to_json($3)::text,
    pg_catalog.to_json($4)::text, pg_catalog.to_json($5)::text, pg_catalog.to_json($6)::text, pg_catalog.to_json($7)::text";

fn sessions(url: &str, pooler: Pooler) -> Sessions {
    let settings = SessionSettings { pooler, ..SessionSettings::default() };
    Sessions::open(&Servers::one(url.parse().unwrap()), PgPoolOptions::new().max_connections(2), settings)
}

#[derive(Clone, Debug)]
struct Values {
    uuids: Vec<u128>,
    integers: Vec<i32>,
    bigints: Vec<i64>,
    texts: Option<Vec<Option<String>>>,
    bytes: Option<Vec<Option<Vec<u8>>>>,
    dates: Option<Vec<Option<NaiveDate>>>,
}

/// Texts of everything that quotes, escapes or separates.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[\"'\\\\{},$ ;eE:\n\t-]{0,12}", "\\PC{0,8}", Just("NULL".to_owned()), Just("$1".to_owned())]
}

fn values() -> impl Strategy<Value = Values> {
    let date =
        (-300_000_i64..1_000_000).prop_map(|days| NaiveDate::default() + chrono::TimeDelta::days(days));
    (
        prop::collection::vec(any::<u128>(), 0..4),
        prop::collection::vec(any::<i32>(), 0..4),
        prop::collection::vec(any::<i64>(), 0..4),
        prop::option::of(prop::collection::vec(prop::option::of(text()), 0..5)),
        prop::option::of(prop::collection::vec(
            prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
            0..4,
        )),
        prop::option::of(prop::collection::vec(prop::option::of(date), 0..4)),
    )
        .prop_map(|(uuids, integers, bigints, texts, bytes, dates)| Values {
            uuids,
            integers,
            bigints,
            texts,
            bytes,
            dates,
        })
}

async fn read(sessions: &Sessions, values: &Values) -> Vec<Option<String>> {
    let uuids: Vec<Uuid> = values.uuids.iter().copied().map(Uuid::from_u128).collect();
    let texts = values.texts.as_ref().map(|texts| texts.iter().map(Option::as_deref).collect());
    let bytes = values.bytes.as_ref().map(|bytes| bytes.iter().map(Option::as_deref).collect());
    let parameters = [
        Parameter::Uuid(Uuid::max()),
        Parameter::Uuids(uuids),
        Parameter::Integers(values.integers.clone()),
        Parameter::Bigints(values.bigints.clone()),
        Parameter::Texts(texts),
        Parameter::Bytes(bytes),
        Parameter::Dates(values.dates.clone()),
    ];
    let rows = sessions.execute(&Statement::new(ALL, parameters)).await.unwrap();
    (0..7).map(|column| rows[0].get(column)).collect()
}

#[tokio::test]
async fn a_message_has_the_same_parameters_as_a_prepared_statement() {
    let database = TestCluster::shared().database();
    let direct = sessions(database.url(), Pooler::None);
    let message = sessions(database.url(), Pooler::Transaction);
    let (mut runner, strategy) = (TestRunner::deterministic(), values());
    for _ in 0..300 {
        let values = strategy.new_tree(&mut runner).unwrap().current();
        assert_eq!(read(&direct, &values).await, read(&message, &values).await, "{values:?}");
    }
    // From this size on, parameters are sent.
    let large = Values { texts: Some(vec![Some("ä\"\\".repeat(200_000))]), ..values_without_rows() };
    assert_eq!(read(&direct, &large).await, read(&message, &large).await);
}

fn values_without_rows() -> Values {
    Values {
        uuids: Vec::new(),
        integers: Vec::new(),
        bigints: Vec::new(),
        texts: None,
        bytes: None,
        dates: None,
    }
}

#[tokio::test]
async fn a_text_with_nul_is_refused_and_the_connection_stays_usable() {
    let database = TestCluster::shared().database();
    for pooler in [Pooler::None, Pooler::Transaction] {
        let sessions = sessions(database.url(), pooler);
        let nul = Parameter::Texts(Some(vec![Some("a\0b")]));
        assert!(sessions.execute(&Statement::new("SELECT $1", [nul])).await.is_err(), "{pooler}");
        let one = sessions.execute(&Statement::new("SELECT 1", [])).await.unwrap();
        assert_eq!(one[0].get::<i32, _>(0), 1, "{pooler}");
    }
}

#[tokio::test]
async fn a_message_that_fails_leaves_nothing_behind() {
    let database = TestCluster::shared().database();
    database.psql("CREATE TABLE kept (n int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)");
    let settings = SessionSettings {
        pooler: Pooler::Transaction,
        settings: vec![("lock_timeout", "'7s'".to_owned())],
        ..SessionSettings::default()
    };
    let pool = PgPoolOptions::new().max_connections(1);
    let sessions = Sessions::open(&Servers::one(database.url().parse().unwrap()), pool, settings);
    let insert = Statement::new("INSERT INTO kept VALUES (1)", []);
    sessions.execute(&insert).await.unwrap();
    // The commit fails.
    let error = sessions.execute(&insert).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("23505"));
    assert!(sessions.execute(&Statement::new("SELECT 1 / 0", [])).await.is_err());
    let read = "SELECT count(*), pg_catalog.current_setting('lock_timeout') FROM kept";
    let rows = sessions.execute(&Statement::new(read, [])).await.unwrap();
    assert_eq!((rows[0].get::<i64, _>(0), rows[0].get::<&str, _>(1)), (1, "7s"));
    // Each message has the settings for itself only.
    let mut session = sessions.begin().await.unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut *session).await.unwrap();
    let after: String = sqlx::query_scalar("SHOW lock_timeout").fetch_one(&mut *session).await.unwrap();
    assert_eq!(after, "0");
    session.discard();
}

#[tokio::test]
async fn the_limit_of_a_statement_ends_its_wait() {
    let database = TestCluster::shared().database();
    for pooler in [Pooler::None, Pooler::Transaction] {
        let sessions = sessions(database.url(), pooler);
        let wait = Statement::new("SELECT pg_catalog.pg_sleep(60)", []);
        let limited = wait.within(Some(std::time::Duration::from_millis(20)));
        let error = sessions.execute(&limited).await.unwrap_err();
        assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("57014"));
        let shown = sessions.execute(&Statement::new("SHOW statement_timeout", [])).await.unwrap();
        assert_eq!(shown[0].get::<&str, _>(0), "0", "{pooler}");
    }
}
