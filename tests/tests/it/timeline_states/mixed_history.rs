//! Random histories with trips, adoptions, repairs, removals, restores and marks.

use super::advanced;
use super::writer::Writer;
use crate::edits::accepted;
use crate::fixture::{migrated, migrated_sample};
use crate::model_based::random_history;
use crate::quarantine::{connect, projects, skip_all};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::deleted::{close_all, find_deleted};
use phaseline_projections::{FoldedLog, ProjectPhases};
use phaseline_store::stream::whole_history;
use phaseline_store::timeline_states::remake;
use phaseline_store::{Metadata, RecordedEvent, UnreadableEvent, schema, skip};
use phaseline_tests::random::SeededRandom;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use sqlx::Connection as _;
use std::collections::BTreeSet;

/// A history, and what happened in it.
pub(super) struct MixedHistory {
    pub(super) database: TestDatabase,
    /// The steps that were done.
    pub(super) seen: BTreeSet<String>,
}

const STEPS: u64 = 60;

/// Inserts an event that cannot be read into one of these timelines, and leaves it out by a mark.
async fn mark(database: &TestDatabase, random: &mut SeededRandom, streams: &str) -> bool {
    let streams = database.psql(streams);
    let streams: Vec<&str> = streams.split_whitespace().collect();
    let Some(project) = random.one_of(&streams) else { return false };
    let project = project.parse().unwrap();
    insert_unreadable(database.url(), project, random.pick(UnreadableKind::ALL)).await;
    assert_eq!(skip_all(database, project.into()).await, 1);
    true
}

/// Leaves out an event that this program can read, as one that could not has done it.
pub(super) async fn mark_readable(database: &TestDatabase, event: &RecordedEvent) {
    let mut connection = connect(database).await;
    let event = UnreadableEvent::at(event, "this program cannot read it");
    let mut marking = connection.begin().await.unwrap();
    schema::lock_head(&mut marking).await.unwrap();
    skip::mark(&mut marking, &[event], &Metadata::default()).await.unwrap();
    marking.commit().await.unwrap();
}

/// The history of a seed. States are made at some steps, so that they are behind by some events at each.
pub(super) async fn mixed_history(seed: u64) -> MixedHistory {
    let mut random = SeededRandom::new(seed + 1000);
    let mut seen = BTreeSet::new();
    let mut is_rolled_back = false;
    let mut is_edited = false;
    let database = random_history(seed, STEPS, async |database, (name, outcome)| {
        if matches!(outcome, "done" | "accepted") {
            seen.insert(name.to_owned());
            match name {
                "rollback" => (is_rolled_back, is_edited) = (true, false),
                "migrate" | "migrate with repair" if is_rolled_back && is_edited => {
                    seen.insert("migrated again after edits".to_owned());
                }
                _ => is_edited |= name.starts_with("old:"),
            }
        }
        if database.psql("SELECT to_regclass('phaseline.events') IS NULL") == "t" {
            return;
        }
        let streams =
            "SELECT DISTINCT stream_id FROM phaseline.events WHERE stream_type = 'Timeline' ORDER BY 1";
        if random.hits(12) && mark(database, &mut random, streams).await {
            seen.insert("mark".to_owned());
        }
        if random.hits(25) {
            advanced(database).await;
        }
    })
    .await;
    MixedHistory { database, seen }
}

/// A trip with long streams: commands, a deleted project, a rollback, edits of legacy rows, and commands after the next migration. The
/// second half of the projects have marks. At last an event with a state is left out.
pub(super) async fn long_trip(seed: u64) -> TestDatabase {
    let database = migrated_sample(6, 60, 61);
    let mut writer = Writer { random: SeededRandom::new(seed), projects: projects(&database) };
    let mut write = async |rounds: u32| {
        for _ in 0..rounds {
            writer.write(&database).await;
            if writer.random.hits(30) {
                advanced(&database).await;
            }
            if writer.random.hits(20) {
                let streams = "SELECT id FROM public.projects ORDER BY id OFFSET 3";
                assert!(mark(&database, &mut writer.random, streams).await);
            }
        }
    };
    write(16).await;
    let mut connection = connect(&database).await;
    let deleted = database.psql("SELECT id FROM public.projects ORDER BY id LIMIT 1 OFFSET 2");
    database.psql(&format!(
        "TRUNCATE public.actuals;
         DELETE FROM public.resource_assignments WHERE project_id = '{deleted}';
         DELETE FROM public.project_phases WHERE project_id = '{deleted}';
         DELETE FROM public.projects WHERE id = '{deleted}'"
    ));
    let log = FoldedLog::read(&mut connection, None).await.unwrap();
    let deleted = find_deleted(&mut connection, &log, None).await.unwrap();
    let closed = close_all(&mut connection, &ProjectPhases, deleted).await.unwrap();
    assert_eq!(closed.len(), 1);
    accepted(&database).await;
    database.psql(
        "UPDATE public.project_phases SET capital_budget = capital_budget + 1, total_budget = total_budget + 1
          WHERE project_id = (SELECT id FROM public.projects ORDER BY id LIMIT 1)",
    );
    migrated(database.url()).await;
    write(8).await;
    advanced(&database).await;
    let project = projects(&database)[1];
    let history = whole_history(&mut connection, project, None).await.unwrap();
    let states =
        format!("SELECT max(position) FROM phaseline.timeline_states WHERE project_id = '{project}'");
    let position: i64 = database.psql(&states).parse().unwrap();
    let marked = history.iter().find(|event| event.recorded.position == position).unwrap();
    mark_readable(&database, &marked.recorded).await;
    database
}

/// What a reader may find in the table of states.
#[derive(Clone, Copy, Debug)]
pub(super) enum StoredStates {
    None,
    /// As the history left them.
    Left,
    /// All that are due so many events before the end.
    Behind(i64),
    /// Made anew.
    Remade,
    /// Without a part of them.
    PartlyDeleted,
}

impl StoredStates {
    pub(super) const ALL: [Self; 7] = [
        Self::Left,
        Self::Behind(0),
        Self::Behind(1),
        Self::Behind(40),
        Self::Remade,
        Self::PartlyDeleted,
        Self::None,
    ];

    /// Makes the table so.
    pub(super) async fn set(self, database: &TestDatabase) {
        let mut connection = connect(database).await;
        match self {
            Self::Left => {}
            Self::None => {
                database.psql("DELETE FROM phaseline.timeline_states");
            }
            Self::Remade => {
                let made = remake(&mut connection, |_, _| ()).await.unwrap();
                assert!(made.unwrap() > 0, "no stream is long enough");
            }
            Self::PartlyDeleted => {
                advanced(database).await;
                database.psql("DELETE FROM phaseline.timeline_states WHERE position % 3 = 0");
            }
            Self::Behind(events) => {
                advanced(database).await;
                database.psql(&format!(
                    "UPDATE phaseline.timeline_states_watermark w SET (position, hash) =
                        (SELECT e.position, e.hash FROM phaseline.events e
                          WHERE e.position = (SELECT max(position) FROM phaseline.events) - {events});
                     DELETE FROM phaseline.timeline_states s USING phaseline.timeline_states_watermark w
                      WHERE s.position > w.position"
                ));
            }
        }
    }
}
