//! What a writer of commands may pass to `phaseline.append`, and what is refused: the function is all that the role may call.

use crate::support::{assert_verified, handle, migrated, sample};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::{FoldedLog, drift};
use sqlx::{Connection, PgConnection};

/// One command with one event, as the program passes it; a case replaces some of the arrays.
const GOOD: [(&str, &str); 12] = [
    ("types", "'{Timeline}'::text[]"),
    ("streams", "ARRAY[PROJECT]::uuid[]"),
    ("expected", "ARRAY[VERSION]::bigint[]"),
    ("counts", "'{1}'::int[]"),
    ("changes", "'{NULL}'::text[]"),
    ("ids", "ARRAY[gen_random_uuid()]"),
    ("event_types", "'{PhaseRenamed}'::text[]"),
    ("schemas", "'{1}'::int[]"),
    ("payloads", "ARRAY['{}']"),
    ("metadata", "ARRAY['{}']"),
    ("salts", "ARRAY[decode(repeat('00', 16), 'hex')]"),
    ("contents", "ARRAY[decode(repeat('00', 32), 'hex')]"),
];

struct Writer {
    database: TestDatabase,
    project: String,
}

impl Writer {
    async fn new() -> Self {
        let database = sample(3, 20, 6);
        migrated(database.url()).await;
        let project = database.psql("SELECT project_id FROM project_phases ORDER BY 1 LIMIT 1");
        Self { database, project }
    }

    async fn connect(&self) -> PgConnection {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::raw_sql("SET ROLE phaseline_writer").execute(&mut connection).await.unwrap();
        connection
    }

    /// The call, with these arrays instead of the good ones.
    fn call(&self, instead: &[(&str, &str)]) -> String {
        let arrays = GOOD.map(|(name, good)| {
            instead.iter().find(|(replaced, _)| *replaced == name).map_or(good, |(_, array)| *array)
        });
        let version = self
            .database
            .psql(&format!("SELECT max(version) FROM phaseline.events WHERE stream_id = '{}'", self.project));
        format!("SELECT verdict FROM phaseline.append({})", arrays.join(", "))
            .replace("PROJECT", &format!("'{}'", self.project))
            .replace("VERSION", &version)
    }

    fn state(&self) -> String {
        self.database.psql(
            "SELECT (SELECT count(*) FROM phaseline.events), (SELECT string_agg(p::text, '|' ORDER BY id) FROM project_phases p),
                    (SELECT string_agg(p::text, '|' ORDER BY id) FROM projects p),
                    (SELECT count(*) FROM phaseline.idempotency_keys)",
        )
    }
}

#[tokio::test]
async fn what_the_program_would_not_send_is_refused_and_nothing_is_written() {
    let writer = Writer::new().await;
    let before = writer.state();
    let dates = format!(
        "ARRAY['{{\"kind\":\"dates\",\"project\":\"{}\",\"start_date\":\"1999-01-01\",\"end_date\":\"2099-01-01\"}}']",
        writer.project
    );
    let no_events = [
        ("counts", "'{0}'::int[]"),
        ("ids", "'{}'::uuid[]"),
        ("event_types", "'{}'::text[]"),
        ("schemas", "'{}'::int[]"),
        ("payloads", "'{}'::text[]"),
        ("metadata", "'{}'::text[]"),
        ("salts", "'{}'::bytea[]"),
        ("contents", "'{}'::bytea[]"),
    ];
    let rows_alone = [&no_events[..], &[("changes", dates.as_str())]].concat();
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("changes without events", rows_alone),
        ("an unknown type", vec![("event_types", "'{PhaseExploded}'")]),
        ("a type that is NULL", vec![("event_types", "'{NULL}'::text[]")]),
        ("a run's event", vec![("event_types", "'{RunStarted}'")]),
        ("an unknown schema version", vec![("schemas", "'{99}'")]),
        ("a payload that is no object", vec![("payloads", "ARRAY['5']")]),
        ("a payload that no text can hold", vec![("payloads", r#"ARRAY['{"name":"\u0000"}']"#)]),
        ("metadata that is no object", vec![("metadata", "ARRAY['[]']")]),
        ("a NULL payload", vec![("payloads", "ARRAY[NULL]::text[]")]),
        ("a short salt", vec![("salts", "ARRAY['\\x00'::bytea]")]),
        ("a content hash of another length", vec![("contents", "ARRAY['\\x00'::bytea]")]),
        ("a content hash that does not fit", vec![]),
        ("a NULL content hash", vec![("contents", "ARRAY[NULL]::bytea[]")]),
        ("no expected version", vec![("expected", "'{NULL}'::bigint[]")]),
        ("a negative count", vec![("counts", "'{-1}'::int[]")]),
        ("a count of more events than there are", vec![("counts", "'{2}'::int[]")]),
        ("more events than are counted", vec![("ids", "ARRAY[gen_random_uuid(), gen_random_uuid()]")]),
        ("no stream", vec![("streams", "'{NULL}'::uuid[]")]),
        ("arrays that are NULL", vec![("salts", "NULL::bytea[]")]),
        ("fewer changes than commands", vec![("changes", "'{}'::text[]")]),
    ];
    let mut connection = writer.connect().await;
    for (what, instead) in cases {
        let call = writer.call(&instead);
        let error = sqlx::raw_sql(&call).execute(&mut connection).await.expect_err(what);
        let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("PL010"), "{what}: {error}");
        assert_eq!(writer.state(), before, "{what}");
    }
    let other = writer.call(&[("types", "'{Run}'")]);
    assert!(sqlx::raw_sql(&other).execute(&mut connection).await.is_err());
    assert_verified(writer.database.url()).await;
    let mut admin = handle(writer.database.url()).connect("test").await.unwrap();
    let log = FoldedLog::read(&mut admin, None).await.unwrap();
    assert_eq!(drift::compare(&mut admin, &log).await.unwrap(), []);
}

/// The list in the function is the domain's: an event that is added there has to be added in `store/sql/functions.sql`.
#[tokio::test]
async fn the_types_that_the_function_knows_are_those_of_the_domain() {
    let writer = Writer::new().await;
    let source = writer.database.psql("SELECT prosrc FROM pg_proc WHERE proname = 'append'");
    let list =
        source.split_once("known_events  constant text[] := '{").unwrap().1.split_once("}'").unwrap().0;
    let mut known: Vec<&str> = list.split(',').collect();
    known.sort_unstable();
    let mut domain: Vec<&str> =
        phaseline_domain::TimelineEvent::TYPES.iter().map(|(name, _)| *name).collect();
    domain.sort_unstable();
    assert_eq!(known, domain);
    assert!(phaseline_domain::TimelineEvent::TYPES.iter().all(|(_, version)| *version == 1));
}

#[tokio::test]
async fn a_call_without_events_holds_up_nobody() {
    let writer = Writer::new().await;
    let mut idle = writer.connect().await;
    let empty = writer.call(&[
        ("types", "'{}'::text[]"),
        ("streams", "'{}'::uuid[]"),
        ("expected", "'{}'::bigint[]"),
        ("counts", "'{}'::int[]"),
        ("changes", "'{}'::text[]"),
        ("ids", "'{}'::uuid[]"),
        ("event_types", "'{}'::text[]"),
        ("schemas", "'{}'::int[]"),
        ("payloads", "'{}'::text[]"),
        ("metadata", "'{}'::text[]"),
        ("salts", "'{}'::bytea[]"),
        ("contents", "'{}'::bytea[]"),
    ]);
    sqlx::raw_sql(&format!("BEGIN; {empty}")).execute(&mut idle).await.unwrap();
    let free = "SELECT 1 FROM phaseline.head WHERE id = 1 FOR UPDATE NOWAIT";
    assert_eq!(writer.database.psql(free), "1");
}
