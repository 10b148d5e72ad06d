//! Folds of timelines at every position.

use super::mixed_history::mark_readable;
use super::writer::{Writer, written};
use super::{Timelines, advanced, assert_exact, at, serial, states, tip};
use crate::fixture::migrated_sample;
use crate::quarantine::{connect, projects, skip_all};
use phaseline_domain::ProjectId;
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::FoldedLog;
use phaseline_projections::portfolio::{ProjectSelection, SelectedStates};
use phaseline_store::stream::whole_history;
use phaseline_tests::random::SeededRandom;
use phaseline_tests::share;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};

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
async fn quarantine_and_marks_are_read_as_by_the_serial_fold() {
    for seed in share::of_seeds(6, 2) {
        let database = migrated_sample(6, 60, 61);
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

/// A program that could read an event made states behind it, and then one that could not left it out.
#[tokio::test]
async fn a_mark_counts_before_the_states_behind_it_are_deleted() {
    let (database, project) = written().await;
    advanced(&database).await;
    let mut connection = connect(&database).await;
    let history = whole_history(&mut connection, project, None).await.unwrap();
    // A state's own event: the state differs from the fold without it.
    mark_readable(&database, &history[15].recorded).await;
    let of_project = format!("SELECT count(*) FROM phaseline.timeline_states WHERE project_id = '{project}'");
    assert_ne!(database.psql(&of_project), "0");
    assert_exact(&database, "marked").await;
    advanced(&database).await;
    assert_eq!(database.psql(&of_project), "0");
    assert_exact(&database, "deleted").await;
}
