//! The arguments that `phaseline.append` refuses, and its own guarantees.

use crate::fixture::{command, connect, log, stream};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::append::{self as appending, Verdict};
use phaseline_store::{Append, IdempotencyKey, append, read, schema};
use sqlx::{Connection, PgConnection};

async fn as_writer(database: &TestDatabase) -> PgConnection {
    let mut connection = connect(database).await;
    sqlx::raw_sql("SET ROLE phaseline_writer").execute(&mut connection).await.unwrap();
    connection
}

/// The names of all parameters, and values that are right for a rename of a phase of an open timeline.
const VALID_ARGUMENTS: [(&str, &str); 17] = [
    ("command_stream_type", "ARRAY['Timeline']"),
    ("command_stream_id", "ARRAY['00000000-0000-0000-0000-000000000001'::uuid]"),
    ("command_expected", "ARRAY[1::bigint]"),
    ("command_events", "ARRAY[1]"),
    ("command_metadata", "ARRAY['{\"actor\":\"ann\"}']"),
    ("command_witness", "NULL"),
    ("event_ids", "ARRAY['00000000-0000-0000-0000-00000000000e'::uuid]"),
    ("event_types", "ARRAY['PhaseRenamed']"),
    ("event_schema_versions", "ARRAY[1]"),
    ("event_payloads", "ARRAY['{\"phase_id\":\"00000000-0000-0000-0000-000000000002\",\"name\":\"x\"}']"),
    ("event_salts", "ARRAY[decode('00112233445566778899aabbccddeeff', 'hex')]"),
    ("event_places", "NULL"),
    ("command_scope", "NULL"),
    ("command_key", "NULL"),
    ("command_fingerprint", "NULL"),
    ("command_first_day", "NULL"),
    ("command_last_day", "NULL"),
];

fn call(changed: &[(&str, &str)]) -> String {
    let value = |(name, right): (&str, &str)| {
        let value = changed.iter().find(|change| change.0 == name).map_or(right, |change| change.1);
        format!("{name} => {value}")
    };
    let values: Vec<String> = VALID_ARGUMENTS.into_iter().map(value).collect();
    format!("SELECT verdict FROM phaseline.append({})", values.join(", "))
}

#[tokio::test]
async fn the_bytes_of_one_call_are_limited() {
    let database = log().await;
    append(&mut connect(&database).await, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    let mut writer = as_writer(&database).await;
    // One command with 65 000 bytes of metadata, which count for each of its events.
    let call_of = |events: usize| {
        let fill = |value: &str| format!("array_fill({value}, ARRAY[{events}])");
        call(&[
            ("command_events", &format!("ARRAY[{events}]")),
            ("command_metadata", "ARRAY['{\"actor\":\"' || repeat('a', 65000) || '\"}']"),
            ("event_ids", &format!("ARRAY(SELECT gen_random_uuid() FROM generate_series(1, {events}))")),
            ("event_types", &fill("'PhaseRenamed'::text")),
            ("event_schema_versions", &fill("1")),
            (
                "event_payloads",
                &fill("'{\"phase_id\":\"00000000-0000-0000-0000-000000000002\",\"name\":\"x\"}'::text"),
            ),
            ("event_salts", &fill("decode('00112233445566778899aabbccddeeff', 'hex')")),
        ])
    };
    let refused = sqlx::query(&call_of(1_100)).execute(&mut writer).await.unwrap_err();
    assert!(refused.to_string().contains("the limit is 67108864"), "{refused}");
    sqlx::query(&call_of(20)).execute(&mut writer).await.unwrap();
}

#[tokio::test]
async fn malformed_arguments_are_refused_by_name_and_nothing_is_written() {
    let database = log().await;
    append(&mut connect(&database).await, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    let mut writer = as_writer(&database).await;
    let before = database.dump(&["--schema=phaseline"]);
    let phase = "\"phase_id\":\"00000000-0000-0000-0000-000000000002\"";
    let payload = |text: &str| format!("ARRAY['{}']", text.replace("PHASE", phase));
    let mut wrong: Vec<(Vec<(&str, String)>, &str)> = vec![
        (vec![("command_expected", "ARRAY[NULL::bigint]".into())], "command 1: its stream, expected version"),
        (vec![("command_stream_id", "ARRAY[NULL::uuid]".into())], "command 1: its stream"),
        (vec![("command_events", "ARRAY[NULL::int]".into())], "command 1:"),
        (vec![("command_metadata", "ARRAY[NULL::text]".into())], "command 1:"),
        (vec![("command_events", "ARRAY[-1]".into())], "negative"),
        (vec![("command_events", "ARRAY[0]".into())], "do not add up"),
        (vec![("command_events", "ARRAY[2]".into())], "do not add up"),
        (vec![("command_expected", "ARRAY[-1::bigint]".into())], "negative"),
        (vec![("command_expected", "ARRAY[9223372036854775807::bigint]".into())], "too large"),
        (vec![("command_first_day", "ARRAY['2026-01-01'::date, NULL]".into())], "differ in length"),
        (vec![("command_last_day", "'[0:0]={2026-01-01}'::date[]".into())], "differ in length"),
        (vec![("command_events", "ARRAY[1,1]".into())], "differ in length"),
        (vec![("command_events", "'[0:0]={1}'::int[]".into())], "differ in length"),
        (vec![("command_events", "'{{1}}'::int[]".into())], "differ in length"),
        (vec![("command_stream_id", "NULL".into())], "differ in length"),
        (vec![("event_types", "NULL".into())], "differ in length"),
        (vec![("event_places", "ARRAY[NULL, NULL]".into())], "differ in length"),
        (vec![("event_ids", "ARRAY[NULL::uuid]".into())], "event 1 of all"),
        (vec![("event_types", "ARRAY[NULL::text]".into())], "event 1 of all"),
        (vec![("event_payloads", "ARRAY[NULL::text]".into())], "event 1 of all"),
        (vec![("event_salts", "ARRAY[NULL::bytea]".into())], "event 1 of all"),
        (vec![("event_schema_versions", "ARRAY[NULL::int]".into())], "event 1 of all"),
        (
            vec![("event_types", "ARRAY['PhaseExploded']".into())],
            "command 1, event 1 (PhaseExploded, schema version 1)",
        ),
        (vec![("event_schema_versions", "ARRAY[99]".into())], "schema version 99"),
        (vec![("event_salts", "ARRAY[decode('00', 'hex')]".into())], "its salt has 1 bytes"),
        (vec![("event_places", "ARRAY['here']".into())], "an invalid row location"),
        (vec![("command_witness", "ARRAY['{}']".into())], "adopts nothing"),
        (vec![("event_types", "ARRAY['PhaseAdopted']".into())], "its payload"),
        (
            vec![
                ("event_types", "ARRAY['PhaseAdopted']".into()),
                (
                    "event_payloads",
                    payload(
                        "{PHASE,\"name\":\"x\",\"start_date\":\"2026-01-01\",\"end_date\":\"2026-01-02\",\"description\":null,\
                         \"capital_budget\":\"0.00\",\"expense_budget\":\"0.00\",\"created_at\":\"2026-01-01T00:00:00\",\
                         \"updated_at\":\"2026-01-01T00:00:00.500\"}",
                    ),
                ),
            ],
            "PhaseAdopted must be at the beginning",
        ),
    ];
    for text in [
        "{}",
        "5",
        "[]",
        "null",
        "",
        "{",
        "{PHASE,\"name\":\"x\"} ",
        "{PHASE, \"name\":\"x\"}",
        "{\"name\":\"x\",PHASE}",
        "{PHASE,\"name\":\"x\",\"name\":\"x\"}",
        "{PHASE,PHASE,\"name\":\"x\"}",
        "{PHASE,\"name\":\"a\\u0000b\"}",
        "{PHASE,\"name\":\"\\ud800\"}",
        "{PHASE,\"name\":\"\\u0078\"}",
        "{PHASE,\"name\":5}",
        "{PHASE,\"name\":null}",
        "{PHASE,\"name\":\" \"}",
        "{PHASE,\"name\":\"\u{3000}\u{85}\"}",
        "{PHASE,\"name\":\"x\",\"end_date\":\"2026-01-01\"}",
        "{PHASE,\"name\":\"x\"},{PHASE,\"name\":\"y\"}",
    ] {
        wrong.push((vec![("event_payloads", payload(text))], "its payload is not what the program writes"));
    }
    let deep = format!("ARRAY['{}']", "[".repeat(60_000));
    wrong.push((vec![("event_payloads", deep.clone())], "its payload is not"));
    wrong.push((vec![("command_metadata", deep)], "its metadata is not"));
    let long = format!(r#"ARRAY['{{"actor":"{}"}}']"#, "a".repeat(70_000));
    wrong.push((vec![("command_metadata", long)], "bytes of metadata"));
    for text in [
        "[]",
        "5",
        "null",
        "",
        "{\"actor\":5}",
        "{\"actor\":null}",
        "{\"actor\":\"a\",\"actor\":\"b\"}",
        "{\"boss\":\"a\"}",
        "{\"actor\":{}}",
        "{ }",
        "{\"reason\":\"a\",\"actor\":\"b\"}",
        "{\"actor\":\"\\u0000\"}",
        "{\"actor\":\"\\udc00\"}",
        "{},{}",
    ] {
        wrong.push((
            vec![("command_metadata", format!("ARRAY['{text}']"))],
            "its metadata is not a flat object",
        ));
    }
    let key = |scope: &str, key: &str, print: &str| {
        vec![
            ("command_scope", format!("ARRAY[{scope}]")),
            ("command_key", format!("ARRAY[{key}]")),
            ("command_fingerprint", format!("ARRAY[{print}]")),
        ]
    };
    for changed in [
        key("NULL::text", "'k'", "sha256('x')"),
        key("'s'", "NULL::text", "sha256('x')"),
        key("'s'", "'k'", "NULL::bytea"),
        key("'s'", "'k'", "decode('00', 'hex')"),
        key("'s'", "repeat('k', 3000)", "sha256('x')"),
    ] {
        wrong.push((changed, "command 1: an idempotency key must have"));
    }
    for (changed, expected) in &wrong {
        let changed: Vec<(&str, &str)> =
            changed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let error = sqlx::raw_sql(&call(&changed)).execute(&mut writer).await.expect_err(expected);
        let error = error.as_database_error().unwrap();
        let message: String = error.message().chars().take(300).collect();
        assert!(message.contains(expected), "{:?}: {message}, not: {expected}", &changed[0].0);
        assert_eq!(error.code().as_deref(), Some("PL002"), "{message}");
    }
    let state = [
        (
            vec![("command_stream_id", "ARRAY[gen_random_uuid()]"), ("command_expected", "ARRAY[0::bigint]")],
            "not open",
        ),
        (
            vec![
                ("event_types", "ARRAY['TimelineOpened']"),
                (
                    "event_payloads",
                    "ARRAY['{\"project_id\":\"00000000-0000-0000-0000-000000000001\",\"start_date\":\"2026-01-01\",\"end_date\":\"2026-01-02\"}']",
                ),
            ],
            "open already",
        ),
    ];
    for (changed, expected) in state {
        let error = sqlx::raw_sql(&call(&changed)).execute(&mut writer).await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("PL003"));
    }
    assert!(before == database.dump(&["--schema=phaseline"]), "something was written");
    sqlx::raw_sql(&call(&[])).execute(&mut writer).await.unwrap();
    assert_eq!(
        database.psql("SELECT login = session_user FROM phaseline.events WHERE position = 2").trim(),
        "t"
    );
}

/// The messages name commands and events by their numbers, from 1.
#[tokio::test]
async fn a_refusal_names_the_event_among_many_commands() {
    let database = log().await;
    let mut batch = [command(stream(1), 0, 3), command(stream(2), 0, 2)];
    batch[1].events[1].payload.push(' ');
    let refused = append(&mut connect(&database).await, &batch).await.unwrap_err().to_string();
    assert!(refused.contains("command 2, event 2 (PhaseRenamed"), "{refused}");
    let mut batch = [command(stream(1), 0, 3)];
    batch[0].events[2].event_id = batch[0].events[1].event_id;
    let refused = append(&mut connect(&database).await, &batch).await.unwrap_err().to_string();
    assert!(refused.contains("two events have the same id"), "{refused}");
    let mut batch = [command(stream(1), 0, 2)];
    batch[0].events.swap(0, 1);
    let refused = append(&mut connect(&database).await, &batch).await.unwrap_err().to_string();
    assert!(refused.contains("TimelineOpened must be at the beginning"), "{refused}");
    let apart = "ARRAY['00000000-0000-0000-0000-000000000001','00000000-0000-0000-0000-000000000002',
                       '00000000-0000-0000-0000-000000000001']::uuid[]";
    let nothing: Vec<(&str, &str)> = VALID_ARGUMENTS
        .iter()
        .filter(|(name, _)| name.starts_with("event"))
        .map(|(name, _)| (*name, "NULL"))
        .collect();
    let mut changed = vec![
        ("command_stream_id", apart),
        ("command_stream_type", "ARRAY['Timeline','Timeline','Timeline']"),
        ("command_expected", "ARRAY[0,0,0]::bigint[]"),
        ("command_events", "ARRAY[0,0,0]"),
        ("command_metadata", "ARRAY['{}','{}','{}']"),
    ];
    changed.extend(nothing);
    let refused = sqlx::raw_sql(&call(&changed)).execute(&mut connect(&database).await).await.unwrap_err();
    assert!(refused.to_string().contains("not adjacent"), "{refused}");
    assert_eq!(database.psql("SELECT count(*) FROM phaseline.events").trim(), "0");
}

/// A transaction that wrote nothing may stay open: others can write meanwhile.
#[tokio::test]
async fn a_call_without_events_blocks_no_writer() {
    let database = log().await;
    let mut idle = connect(&database).await;
    let mut open = idle.begin().await.unwrap();
    let verdicts = append(&mut open, &[command(stream(1), 0, 0), command(stream(2), 5, 0)]).await.unwrap();
    assert!(verdicts[0].is_ok() && verdicts[1].is_err(), "{verdicts:?}");
    let mut other = connect(&database).await;
    sqlx::raw_sql("SET lock_timeout = '2s'").execute(&mut other).await.unwrap();
    append(&mut other, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    open.commit().await.unwrap();
    // Nor does a transaction that stores a key block writers, and it waits for none.
    let key = |key: &str| {
        Some(IdempotencyKey { scope: "ann".to_owned(), key: key.to_owned(), fingerprint: [1; 32] })
    };
    let mut open = idle.begin().await.unwrap();
    append(&mut open, &[Append { key: key("a"), ..command(stream(1), 1, 0) }]).await.unwrap()[0]
        .as_ref()
        .unwrap();
    append(&mut other, &[command(stream(1), 1, 1)]).await.unwrap()[0].as_ref().unwrap();
    schema::lock_head(&mut open).await.unwrap();
    append(&mut other, &[Append { key: key("b"), ..command(stream(1), 2, 0) }]).await.unwrap()[0]
        .as_ref()
        .unwrap();
    open.commit().await.unwrap();
}

/// A key that one login used does not affect another login.
#[tokio::test]
async fn a_key_belongs_to_the_login_that_used_it() {
    let database = log().await;
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_mallory LOGIN PASSWORD 'mallory' IN ROLE phaseline_writer;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let mut mallory = connect(&database).await;
    sqlx::raw_sql("SET SESSION AUTHORIZATION phaseline_test_mallory").execute(&mut mallory).await.unwrap();
    let mut ours = connect(&database).await;
    let keyed = |fingerprint: u8, expected| Append {
        key: Some(IdempotencyKey {
            scope: "ann".to_owned(),
            key: "k".to_owned(),
            fingerprint: [fingerprint; 32],
        }),
        ..command(stream(1), expected, 1)
    };
    append(&mut mallory, &[keyed(1, 0)]).await.unwrap()[0].as_ref().unwrap();
    append(&mut ours, &[keyed(2, 1)]).await.unwrap()[0].as_ref().unwrap();
    let repeated = appending::verdicts(&mut ours, &[keyed(2, 1)]).await.unwrap().verdicts;
    assert!(matches!(repeated[..], [Verdict::Repeated(_)]), "{repeated:?}");
    let logins = database.psql("SELECT string_agg(login, ' ' ORDER BY position) FROM phaseline.events");
    assert_eq!(
        logins.trim(),
        format!("phaseline_test_mallory {}", database.psql("SELECT session_user").trim())
    );
}

#[tokio::test]
async fn the_history_has_the_claimed_actor_and_the_database_login() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut forged = command(stream(1), 0, 1);
    forged.metadata.actor = Some("ceo@board".to_owned());
    append(&mut connection, &[forged]).await.unwrap()[0].as_ref().unwrap();
    let events = read::stream(&mut connection, stream(1), None).await.unwrap();
    assert_eq!(events[0].metadata.actor.as_deref(), Some("ceo@board"));
    assert_eq!(events[0].login.as_deref(), Some(database.psql("SELECT session_user").trim()));
}

/// Deferred triggers run before the call returns, with the rights of the tables' owner: the caller's own must not be among them.
#[tokio::test]
async fn a_call_behind_other_writes_of_its_transaction_is_refused() {
    let database = log().await;
    let mut writer = as_writer(&database).await;
    sqlx::raw_sql("BEGIN; CREATE TEMP TABLE own (a int); INSERT INTO own VALUES (1)")
        .execute(&mut writer)
        .await
        .unwrap();
    let error = sqlx::raw_sql(&call(&[])).execute(&mut writer).await.unwrap_err();
    assert!(error.to_string().contains("first statement of its transaction that writes"), "{error}");
}

/// The functions' search path ends with the temporary schema: a trigger of the tables' owner that names a table without its schema would
/// write to the caller's, and run the caller's triggers with the owner's rights.
#[tokio::test]
async fn a_session_with_temporary_tables_or_types_is_refused() {
    let database = log().await;
    let mut writer = as_writer(&database).await;
    for (make, drop) in [
        ("CREATE TEMP TABLE audit_trail (n text)", "DROP TABLE audit_trail"),
        ("CREATE DOMAIN pg_temp.odd AS text", "DROP DOMAIN pg_temp.odd"),
    ] {
        sqlx::raw_sql(make).execute(&mut writer).await.unwrap();
        let error = sqlx::raw_sql(&call(&[])).execute(&mut writer).await.unwrap_err();
        assert!(error.to_string().contains("temporary tables or types"), "{make}: {error}");
        sqlx::raw_sql(drop).execute(&mut writer).await.unwrap();
        sqlx::raw_sql(&call(&[])).execute(&mut writer).await.unwrap();
    }
}
