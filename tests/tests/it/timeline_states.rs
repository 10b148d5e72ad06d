//! Timelines at any position are the serial fold of the log up to it, whatever states are stored.

use crate::fixture::{migrated, sample, store, verified};
use crate::model_based::random_history;
use crate::quarantine::{connect, projects, skip_all};
use phaseline_domain::{ProjectId, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::portfolio::{
    PastTimeline, ProjectSelection, SelectedStates, timelines_at, timelines_at_from,
};
use phaseline_projections::{FoldedLog, FoldedTimeline};
use phaseline_store::stream::whole_history;
use phaseline_store::timeline_states::{Advanced, EVENTS_PER_STATE, advance, forget, remake};
use phaseline_store::{Metadata, Quarantine, UnreadableEvent, schema, skip as marks};
use phaseline_tests::random::SeededRandom;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;

type Timelines = BTreeMap<ProjectId, (FoldedTimeline, Quarantine)>;

/// The fold of the log from its first event.
async fn serial(connection: &mut PgConnection, position: i64) -> Timelines {
    let log = FoldedLog::read(connection, Some(position)).await.unwrap();
    let readable = log.timelines.into_iter().map(|(id, folded)| (id, (folded, Quarantine::default())));
    let quarantined = log.quarantined.into_iter().map(|(id, found)| (id, (found.folded, found.quarantine)));
    readable.chain(quarantined).collect()
}

async fn at(
    connection: &mut PgConnection,
    selection: &ProjectSelection,
    position: i64,
    states: SelectedStates,
) -> Timelines {
    let mut found = Vec::new();
    timelines_at_from(connection, selection, position, states, |project, past| {
        found.push(match past {
            PastTimeline::Readable(folded) => (project, (folded, Quarantine::default())),
            PastTimeline::Quarantined(found) => (project, (found.folded, found.quarantine)),
        });
        Ok(())
    })
    .await
    .unwrap();
    assert!(found.is_sorted_by(|(a, _), (b, _)| a.uuid() < b.uuid()), "in order of project id");
    found.into_iter().collect()
}

async fn tip(connection: &mut PgConnection) -> i64 {
    schema::tip(connection).await.unwrap().position
}

/// Makes all states that are due.
async fn advanced(database: &TestDatabase) {
    let mut connection = connect(database).await;
    while !matches!(advance(&mut connection).await.unwrap(), Advanced::To { left: 0, .. }) {}
}

fn states(database: &TestDatabase) -> i64 {
    database.psql("SELECT count(*) FROM phaseline.timeline_states").parse().unwrap()
}

/// Compares every position with the serial fold.
async fn assert_exact(database: &TestDatabase, context: &str) {
    let mut connection = connect(database).await;
    for position in 0..=tip(&mut connection).await {
        let expected = serial(&mut connection, position).await;
        let found = at(&mut connection, &ProjectSelection::All, position, SelectedStates::Valid).await;
        assert_eq!(found, expected, "{context}, position {position}");
    }
}

/// The same for some positions, also without states, by pages and by ids.
async fn assert_exact_somewhere(database: &TestDatabase, random: &mut SeededRandom, context: &str) {
    let mut connection = connect(database).await;
    let tip = tip(&mut connection).await;
    for _ in 0..4 {
        let position = random.within(0, tip);
        let context = format!("{context}, position {position} of {tip}");
        let expected = serial(&mut connection, position).await;
        for states in [SelectedStates::Valid, SelectedStates::None] {
            let found = at(&mut connection, &ProjectSelection::All, position, states).await;
            assert_eq!(found, expected, "{context}, {states:?}");
        }
        let mut paged = Timelines::new();
        let limit = usize::try_from(random.within(1, 4)).unwrap();
        loop {
            let page = ProjectSelection::Page { after: paged.keys().next_back().copied(), limit };
            let found = at(&mut connection, &page, position, SelectedStates::Valid).await;
            assert!(found.len() <= limit);
            if found.is_empty() {
                break;
            }
            paged.extend(found);
        }
        assert_eq!(paged, expected, "{context}, by pages of {limit}");
        let mut wanted: Vec<ProjectId> = expected.keys().rev().step_by(2).copied().collect();
        wanted.extend(wanted.first().copied());
        wanted.push(random.id().into());
        let some = ProjectSelection::These(wanted.clone());
        let found = at(&mut connection, &some, position, SelectedStates::Valid).await;
        let mut expected = expected;
        expected.retain(|project, _| wanted.contains(project));
        assert_eq!(found, expected, "{context}, by id");
    }
}

#[tokio::test]
async fn trips_removals_and_adoptions_are_read_as_they_were() {
    for seed in [0, 1, 3, 6] {
        let context = format!("seed {seed}");
        let database = random_history(seed, 45, async |database, step| {
            // The states are behind by some events at each step, also in the middle of a trip.
            if step % 5 == 4 && database.psql("SELECT to_regclass('phaseline.events') IS NOT NULL") == "t" {
                advanced(database).await;
            }
        })
        .await;
        assert_exact(&database, &format!("{context}, behind")).await;
        advanced(&database).await;
        assert!(states(&database) > 0, "{context}: no stream is long enough");
        assert_exact(&database, &format!("{context}, up to date")).await;
        database.psql("DELETE FROM phaseline.timeline_states WHERE position % 3 = 0");
        assert_exact(&database, &format!("{context}, partly deleted")).await;
    }
}

/// Commands of which most are on a few projects, so that their streams are long.
struct Writer {
    random: SeededRandom,
    projects: Vec<ProjectId>,
}

impl Writer {
    async fn write(&mut self, database: &TestDatabase) {
        let store = store(database.url()).await;
        for _ in 0..self.random.within(1, 12) {
            let project = if self.random.hits(80) {
                self.random.pick([0, 1, 5].map(|at| self.projects[at]))
            } else {
                self.random.one_of(&self.projects).unwrap()
            };
            let phases =
                database.psql(&format!("SELECT id FROM project_phases WHERE project_id = '{project}'"));
            let phases: Vec<&str> = phases.split_whitespace().collect();
            let Some(phase) = self.random.one_of(&phases) else { continue };
            let name = format!("Name {}", self.random.below(1000));
            let command = TimelineCommand::RenamePhase { phase_id: phase.parse().unwrap(), name };
            // In quarantine it is refused.
            let _ = store.execute(project, &command, Metadata::default()).await;
        }
    }
}

#[tokio::test]
async fn quarantine_and_marks_are_read_as_by_the_serial_fold() {
    for seed in 0..6 {
        let database = sample(6, 60, 61);
        migrated(database.url()).await;
        let mut writer = Writer { random: SeededRandom::new(seed), projects: projects(&database) };
        for round in 0..10 {
            writer.write(&database).await;
            let project = writer.random.one_of(&writer.projects[..4]).unwrap();
            match writer.random.below(6) {
                0 => {
                    let kind = writer.random.pick(UnreadableKind::ALL);
                    insert_unreadable(database.url(), project.uuid(), kind).await;
                }
                1 => {
                    let mut connection = connect(&database).await;
                    let log = FoldedLog::read(&mut connection, None).await.unwrap();
                    if log.quarantined.contains_key(&project) {
                        skip_all(&database, project).await;
                    }
                }
                2 => {
                    database.psql(&format!(
                        "DELETE FROM phaseline.timeline_states WHERE position % 2 = {}",
                        seed % 2
                    ));
                }
                _ => advanced(&database).await,
            }
            let context = format!("seed {seed}, round {round}");
            assert_exact_somewhere(&database, &mut writer.random, &context).await;
        }
        advanced(&database).await;
        assert!(states(&database) > 0, "seed {seed}");
        assert_exact(&database, &format!("seed {seed}")).await;
    }
}

/// A database whose first project has a stream of some states.
async fn written() -> (TestDatabase, ProjectId) {
    let database = sample(6, 60, 61);
    migrated(database.url()).await;
    let mut writer = Writer { random: SeededRandom::new(5), projects: projects(&database) };
    for _ in 0..6 {
        writer.write(&database).await;
    }
    let project = writer.projects[0];
    (database, project)
}

#[tokio::test]
async fn no_state_is_used_that_the_log_does_not_confirm() {
    let (database, project) = written().await;
    advanced(&database).await;
    let of_project = format!("WHERE project_id = '{project}'");
    assert!(states(&database) > 2);
    for (spoilt, statement) in [
        // As in an older log that was restored beside newer states.
        ("of another log", "UPDATE phaseline.timeline_states SET hash = '\\x00'".to_owned()),
        ("of another form", "UPDATE phaseline.timeline_states SET form = form + 1".to_owned()),
        ("unreadable", "UPDATE phaseline.timeline_states SET state = '{}'".to_owned()),
        ("moved", format!("UPDATE phaseline.timeline_states SET position = position + 1 {of_project}")),
        ("deleted", "DELETE FROM phaseline.timeline_states".to_owned()),
        ("without their table", "DROP TABLE phaseline.timeline_states".to_owned()),
    ] {
        database.psql(&statement);
        assert_exact(&database, spoilt).await;
        if spoilt != "without their table" {
            forget(&mut connect(&database).await).await.unwrap();
            advanced(&database).await;
        }
    }
    let mut connection = connect(&database).await;
    assert_eq!(advance(&mut connection).await.unwrap(), Advanced::Unavailable);
}

#[tokio::test]
async fn states_of_another_log_or_an_older_form_are_made_again() {
    let (database, _) = written().await;
    advanced(&database).await;
    let made =
        "SELECT string_agg(s::text, ' ' ORDER BY project_id, position) FROM phaseline.timeline_states s";
    let expected = database.psql(made);
    database.psql("DELETE FROM phaseline.timeline_states_watermark");
    advanced(&database).await;
    for change in ["form = 0", "hash = '\\x00'", "position = 1000000"] {
        database.psql("UPDATE phaseline.timeline_states SET state = '{}'");
        database.psql(&format!("UPDATE phaseline.timeline_states_watermark SET {change}"));
        advanced(&database).await;
        assert_eq!(database.psql(made), expected, "{change}");
    }
    database.psql("UPDATE phaseline.timeline_states_watermark SET form = 1000");
    let mut connection = connect(&database).await;
    assert_eq!(advance(&mut connection).await.unwrap(), Advanced::Unavailable, "a newer program's");
}

#[tokio::test]
async fn one_session_at_a_time_makes_states_and_waits_for_no_writer() {
    let (database, project) = written().await;
    let mut first = connect(&database).await;
    let mut writer = connect(&database).await;
    // A writer holds the head meanwhile.
    let mut writing = writer.begin().await.unwrap();
    schema::lock_head(&mut writing).await.unwrap();
    let mut holding = first.begin().await.unwrap();
    assert!(matches!(advance(&mut holding).await.unwrap(), Advanced::To { left: 0, .. }));
    assert_eq!(advance(&mut connect(&database).await).await.unwrap(), Advanced::Busy);
    holding.commit().await.unwrap();
    writing.rollback().await.unwrap();
    let versions = database.psql(&format!(
        "SELECT bool_and(e.version % {EVENTS_PER_STATE} = 0) AND count(*) > 1
           FROM phaseline.timeline_states s JOIN phaseline.events e USING (position) WHERE e.stream_id = '{project}'"
    ));
    assert_eq!(versions, "t");
}

#[tokio::test]
async fn no_state_is_stored_behind_an_altered_event() {
    let (database, project) = written().await;
    let altered = database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET metadata = '{{\"actor\":\"x\"}}' WHERE stream_id = '{project}' AND version = 12;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only;
         SELECT position FROM phaseline.events WHERE stream_id = '{project}' AND version = 12"
    ));
    advanced(&database).await;
    let behind = database.psql(&format!(
        "SELECT count(*) FROM phaseline.timeline_states WHERE project_id = '{project}' AND position > {}",
        altered.lines().last().unwrap()
    ));
    assert_eq!(behind, "0");
    assert!(states(&database) > 0);
    assert_exact(&database, "altered").await;
}

/// A program that could read an event made states behind it, and then one that could not left it out.
#[tokio::test]
async fn a_mark_counts_before_the_states_behind_it_are_deleted() {
    let (database, project) = written().await;
    advanced(&database).await;
    let mut connection = connect(&database).await;
    let history = whole_history(&mut connection, project, None).await.unwrap();
    let event = UnreadableEvent::at(&history[10].recorded, "this program cannot read it");
    let mut marking = connection.begin().await.unwrap();
    schema::lock_head(&mut marking).await.unwrap();
    marks::mark(&mut marking, &[event], &Metadata::default()).await.unwrap();
    marking.commit().await.unwrap();
    let of_project = format!("SELECT count(*) FROM phaseline.timeline_states WHERE project_id = '{project}'");
    assert_ne!(database.psql(&of_project), "0");
    assert_exact(&database, "marked").await;
    advanced(&database).await;
    assert_eq!(database.psql(&of_project), "0");
    assert_exact(&database, "deleted").await;
}

#[tokio::test]
async fn verify_names_a_state_that_is_not_the_fold() {
    let (database, project) = written().await;
    let checked = async || {
        let found = verified(database.url()).await;
        found.checks.into_iter().find(|check| check.title.contains("timeline states"))
    };
    assert!(checked().await.is_none(), "there are none");
    advanced(&database).await;
    let sound = checked().await.unwrap();
    assert!(sound.passed, "{sound:#?}");
    let forged = database.psql(&format!(
        "UPDATE phaseline.timeline_states s
            SET state = (SELECT o.state FROM phaseline.timeline_states o WHERE o.project_id = s.project_id
                          ORDER BY o.position LIMIT 1)
          WHERE s.project_id = '{project}'
            AND s.position = (SELECT max(position) FROM phaseline.timeline_states WHERE project_id = '{project}')
      RETURNING position"
    ));
    let position = forged.lines().next().unwrap();
    let wrong = checked().await.unwrap();
    assert!(!wrong.passed);
    let named = format!("project {project} at position {position} is not the fold");
    assert!(wrong.details[0].contains(&named) && wrong.details.len() == 2, "{:?}", wrong.details);
    // One behind an event that cannot be read would hide it.
    let mut connection = connect(&database).await;
    assert!(remake(&mut connection, |_, _| ()).await.unwrap().is_some());
    assert!(checked().await.unwrap().passed);
    database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET event_type = 'Unknown' WHERE stream_id = '{project}' AND version = 12;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
    ));
    let hidden = checked().await.unwrap();
    assert!(hidden.details.iter().any(|detail| detail.contains(&project.to_string())), "{hidden:#?}");
}

/// The rights of the service's role are enough, and a reader's.
#[tokio::test]
async fn a_writer_of_commands_makes_states_and_a_reader_uses_them() {
    let (database, _) = written().await;
    let mut connection = connect(&database).await;
    let tip = tip(&mut connection).await;
    let expected = serial(&mut connection, tip).await;
    for role in ["phaseline_writer", "phaseline_reader", "phaseline_auditor"] {
        sqlx::raw_sql(&format!("SET ROLE {role}")).execute(&mut connection).await.unwrap();
        let advanced = advance(&mut connection).await.unwrap();
        assert_eq!(matches!(advanced, Advanced::To { .. }), role == "phaseline_writer", "{role}");
        let mut count = 0;
        timelines_at(&mut connection, &ProjectSelection::All, tip, |_, _| {
            count += 1;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(count, expected.len(), "{role}");
    }
}
