//! A database with an empty log that takes commands, and keeps no rows of them.

use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_store::{Append, Metadata, NewEvent, StreamId, schema};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

pub(crate) async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(database.url()).await.expect("connect")
}

pub(crate) async fn log() -> TestDatabase {
    let database = TestCluster::shared().database();
    database.psql("CREATE TABLE public.projects (id uuid PRIMARY KEY)");
    let mut connection = connect(&database).await;
    schema::install(&mut connection).await.expect("install");
    schema::set_accepts_commands(&mut connection, true).await.expect("open");
    database.psql(
        "CREATE OR REPLACE FUNCTION phaseline.project_inline(event_types text[], projects uuid[], payloads text[],
             places tid[], adopted uuid[], witnesses text[], repeated boolean, recorded_at timestamptz)
             RETURNS text LANGUAGE sql AS 'SELECT NULL'",
    );
    database
}

pub(crate) fn stream(id: u128) -> StreamId {
    StreamId { stream_type: "Timeline", id: Uuid::from_u128(id) }
}

pub(crate) fn command(stream: StreamId, expected: i64, events: usize) -> Append {
    // The first event of a timeline opens it.
    let event = |n| match expected + i64::try_from(n).unwrap_or(i64::MAX) {
        0 => {
            let range = r#""start_date":"2026-01-01","end_date":"2026-12-31""#;
            NewEvent::new("TimelineOpened", 1, format!(r#"{{"project_id":"{}",{range}}}"#, stream.id))
        }
        _ => {
            let name = format!(r#"né \"{n}\""#);
            NewEvent::new("PhaseRenamed", 1, format!(r#"{{"phase_id":"{}","name":"{name}"}}"#, Uuid::nil()))
        }
    };
    Append {
        stream,
        expected,
        events: (0..events).map(event).collect(),
        metadata: Metadata { actor: Some("tester".to_owned()), ..Metadata::default() },
        witness: None,
        row_locations: None,
        key: None,
        project_dates: None,
        following: None,
    }
}
