//! A database with an empty log that takes commands.

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
    database
}

pub(crate) fn stream(id: u128) -> StreamId {
    StreamId { stream_type: "Timeline", id: Uuid::from_u128(id) }
}

pub(crate) fn command(stream: StreamId, expected: i64, events: usize) -> Append {
    let event = |n| NewEvent::new("PhaseRenamed", 1, format!("{{\"n\":{n},\"text\":\"né \\\"x\\\"\"}}"));
    Append {
        stream,
        expected,
        events: (0..events).map(event).collect(),
        metadata: Metadata { actor: Some("tester".to_owned()), ..Metadata::default() },
        changes: None,
        key: None,
    }
}
