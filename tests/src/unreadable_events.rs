//! Inserts unreadable events with valid hashes into a log, as a superuser or a newer program could.

use phaseline_store::stream::stream_of;
use phaseline_store::{Import, NewEvent, stream};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Kinds of unreadable events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableKind {
    /// Its type is unknown to every program.
    Type,
    /// A newer program wrote it.
    SchemaVersion,
    /// The payload does not match the type.
    Payload,
    /// The payload has a character that PostgreSQL cannot extract.
    Nul,
    /// It is impossible for this timeline.
    Misplaced,
    /// The metadata is not a flat object of strings.
    Metadata,
}

impl UnreadableKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Type, Self::SchemaVersion, Self::Payload, Self::Nul, Self::Misplaced, Self::Metadata];

    /// The texts of a message about it: its type, and the reason.
    pub const fn named(self) -> [&'static str; 2] {
        match self {
            Self::Type => ["PhaseExploded", "unknown event type"],
            Self::SchemaVersion => ["PhaseRenamed", "has schema version 99, this program knows up to 1"],
            Self::Payload => ["PhaseRemoved", "payload of PhaseRemoved cannot be read"],
            Self::Nul => ["PhaseCreated", "payload of PhaseCreated cannot be read"],
            Self::Misplaced => ["TimelineClosed", "it names project"],
            Self::Metadata => ["TimelineRescheduled", "metadata cannot be read"],
        }
    }

    fn event(self) -> (NewEvent, &'static str) {
        let good = r#"{"actor":"mallory"}"#;
        let unknown = Uuid::nil();
        let dates = r#"{"start_date":"1999-01-01","end_date":"2099-01-01"}"#;
        match self {
            Self::Type => (NewEvent::new("PhaseExploded", 1, "{}".to_owned()), good),
            Self::SchemaVersion => {
                let payload = format!(r#"{{"phase_id":"{unknown}","name":"x"}}"#);
                (NewEvent::new("PhaseRenamed", 99, payload), good)
            }
            Self::Payload => (NewEvent::new("PhaseRemoved", 1, "5".to_owned()), good),
            Self::Nul => (
                NewEvent::new("PhaseCreated", 1, r#"{"phase_id":"\u0000","name":"\ud800"}"#.to_owned()),
                good,
            ),
            Self::Misplaced => {
                let payload = format!(r#"{{"project_id":"{unknown}"}}"#);
                (NewEvent::new("TimelineClosed", 1, payload), good)
            }
            Self::Metadata => {
                (NewEvent::new("TimelineRescheduled", 1, dates.to_owned()), r#"{"actor":["ceo@board"]}"#)
            }
        }
    }
}

/// Appends an event to a project's timeline; returns its position.
pub async fn insert_unreadable(url: &str, project: Uuid, bad: UnreadableKind) -> i64 {
    let (event, metadata) = bad.event();
    insert_event(url, project, &event, metadata).await
}

/// The same with the test's event.
pub async fn insert_event(url: &str, project: Uuid, event: &NewEvent, metadata: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("connect");
    let mut transaction = connection.begin().await.expect("begin");
    let version: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(version), 0) FROM phaseline.events WHERE stream_type = $1 AND stream_id = $2",
    )
    .bind(stream::TIMELINE)
    .bind(project)
    .fetch_one(&mut *transaction)
    .await
    .expect("version");
    let mut import = Import::begin(&mut transaction).await.expect("import");
    import.push(stream_of(project.into()), version + 1, event, metadata).await.expect("push");
    let position = import.finish().await.expect("finish").position;
    transaction.commit().await.expect("commit");
    connection.close().await.expect("close");
    position
}

/// The same for a test without a runtime.
pub fn insert_unreadable_blocking(url: &str, project: Uuid, bad: UnreadableKind) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(insert_unreadable(url, project, bad))
}
