//! Compares the final log and tables with the responses of the clients.

use super::command::Project;
use super::writer::Response;
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};
use sqlx::{Connection, FromRow, PgConnection};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// A database, the position that its log began at, and the one that it ended at.
pub(crate) struct Audit<'a> {
    database: &'a TestDatabase,
    projects: Arc<[Project]>,
    began_at: i64,
    ended_at: i64,
}

/// An event of the log.
#[derive(Debug, FromRow)]
struct Event {
    position: i64,
    stream_id: Uuid,
    version: i64,
    event_id: Uuid,
    actor: Option<String>,
    correlation_id: Option<String>,
    command_id: Option<String>,
}

/// A stored key.
#[derive(Debug, FromRow)]
struct Key {
    scope: String,
    key: String,
    stream_id: Uuid,
    version: i64,
    events: i32,
}

impl<'a> Audit<'a> {
    pub(crate) fn begin(database: &'a TestDatabase, projects: usize) -> Self {
        let rows = database.psql(&format!(
            "SELECT p.id, p.start_date, p.end_date,
                    (SELECT min(f.id::text) FROM project_phases f WHERE f.project_id <> p.id)
               FROM projects p WHERE EXISTS (SELECT FROM project_phases ph WHERE ph.project_id = p.id)
              ORDER BY p.id LIMIT {projects}"
        ));
        let read = |row: &str| {
            let mut values = row.split('|');
            let mut value = || values.next().unwrap();
            Project {
                id: value().parse().unwrap(),
                start: value().parse().unwrap(),
                end: value().parse().unwrap(),
                foreign: value().parse().unwrap(),
            }
        };
        let found: Arc<[Project]> = rows.lines().map(read).collect();
        assert_eq!(found.len(), projects);
        let mut audit = Self { database, projects: found, began_at: 0, ended_at: 0 };
        audit.began_at = audit.position();
        audit
    }

    pub(crate) fn projects(&self) -> Arc<[Project]> {
        Arc::clone(&self.projects)
    }

    fn position(&self) -> i64 {
        self.database.psql("SELECT max(position) FROM phaseline.events").parse().unwrap()
    }

    /// From here on nothing may be written.
    pub(crate) fn note_position(&mut self) {
        self.ended_at = self.position();
    }

    /// Each acknowledged command has one key, and the log has its events once and together; there is no other
    /// key, and no other event.
    pub(crate) async fn assert_each_command_once(&self, responses: &[Response]) {
        assert_eq!(self.position(), self.ended_at, "repeated requests wrote something");
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        let keys: Vec<Key> =
            sqlx::query_as("SELECT scope, key, stream_id, version, events FROM phaseline.idempotency_keys")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let events: Vec<Event> = sqlx::query_as(
            "SELECT position, stream_id, version, event_id, metadata->>'actor' AS actor,
                    metadata->>'correlation_id' AS correlation_id, metadata->>'command_id' AS command_id
               FROM phaseline.events ORDER BY position",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let distinct: HashSet<Uuid> = events.iter().map(|event| event.event_id).collect();
        assert_eq!(distinct.len(), events.len(), "ids of events");

        let done: Vec<&Response> = responses.iter().filter(|response| response.is_done()).collect();
        assert_eq!(keys.len(), done.len(), "keys, and commands that were done");
        let keys: HashMap<(&str, &str), &Key> =
            keys.iter().map(|key| ((key.scope.as_str(), key.key.as_str()), key)).collect();
        let placed: HashMap<(Uuid, i64), &Event> =
            events.iter().map(|event| ((event.stream_id, event.version), event)).collect();
        let (mut claimed, mut commands) = (HashSet::new(), HashSet::new());
        for response in done {
            let (command, (version, position)) = (&response.command, response.place.unwrap());
            let scope = format!("{} [null,\"{}\"]", command.project, response.subject);
            let key = keys.get(&(scope.as_str(), command.key.as_str()));
            let key = key.unwrap_or_else(|| panic!("no key is kept: {response:?}"));
            assert_eq!((key.stream_id, key.version), (command.project, version), "{response:?}");
            assert_eq!(placed[&(command.project, version)].position, position, "{response:?}");
            let mut ids = HashSet::new();
            for version in version - i64::from(key.events) + 1..=version {
                let event = placed[&(command.project, version)];
                assert!(claimed.insert(event.position), "of two commands: {event:?} {response:?}");
                assert_eq!(event.actor.as_deref(), Some(response.subject.as_str()), "{response:?}");
                assert_eq!(event.correlation_id.as_deref(), Some(command.key.as_str()), "{response:?}");
                ids.insert(event.command_id.as_deref().unwrap());
            }
            assert!(
                ids.len() == usize::from(key.events > 0),
                "parts of several commands: {ids:?} {response:?}"
            );
            assert!(ids.iter().all(|id| commands.insert(*id)), "written by another, too: {response:?}");
        }
        let unclaimed: Vec<&Event> = events
            .iter()
            .filter(|event| event.position > self.began_at && !claimed.contains(&event.position))
            .collect();
        assert!(unclaimed.is_empty(), "of no acknowledged command: {unclaimed:#?}");
        assert!(claimed.iter().all(|position| *position > self.began_at));
    }

    /// The phases of each project cover its dates, each date once.
    pub(crate) fn assert_timelines_cover_projects(&self) {
        for project in &*self.projects {
            let rows = self.database.psql(&format!(
                "SELECT start_date, end_date FROM project_phases WHERE project_id = '{}'",
                project.id
            ));
            let days = |row: &str| {
                row.split_once('|').map(|(start, end)| json!({ "start_date": start, "end_date": end }))
            };
            let phases: Vec<Value> = rows.lines().filter_map(days).collect();
            project.is_covered_by(&phases);
        }
    }
}
