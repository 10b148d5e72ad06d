//! Random histories, read at every position with stored states of every kind, are those of the naive fold.

use super::changes::{assert_changes, assert_composed};
use super::lists::assert_lists;
use super::mixed_history::{MixedHistory, StoredStates, long_trip, mixed_history};
use super::naive_fold::NaiveHistory;
use super::states;
use crate::quarantine::connect;
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::random::SeededRandom;

async fn assert_history(database: &TestDatabase, context: &str) -> NaiveHistory {
    let mut connection = connect(database).await;
    let history = NaiveHistory::read(&mut connection).await;
    let mut random = SeededRandom::new(17);
    for stored in StoredStates::ALL {
        stored.set(database).await;
        let context = format!("{context}, {stored:?} with {} states", states(database));
        assert_lists(&mut connection, &history, &mut random, &context).await;
        assert_changes(&mut connection, &history, &mut random, &context).await;
    }
    StoredStates::Behind(20).set(database).await;
    assert_composed(&mut connection, &history, &mut random, context).await;
    history
}

/// The steps that must be in a history of the model's.
async fn assert_mixed_history(seed: u64, steps: &[&str]) {
    let MixedHistory { database, seen } = mixed_history(seed).await;
    let missing: Vec<_> = steps.iter().filter(|step| !seen.contains(**step)).collect();
    assert!(missing.is_empty(), "{missing:?} of {seen:?}");
    assert_history(&database, &format!("seed {seed}")).await;
}

#[tokio::test]
async fn a_history_with_edits_of_legacy_rows_is_the_naive_fold() {
    let steps = [
        "rollback",
        "migrated again after edits",
        "old: budget",
        "old: phase deleted",
        "old: phase inserted",
        "Restore",
        "mark",
    ];
    assert_mixed_history(4, &steps).await;
}

#[tokio::test]
async fn a_history_with_adoptions_repairs_and_removals_is_the_naive_fold() {
    let steps = [
        "rollback",
        "project inserted",
        "project deleted",
        "drift repaired",
        "RemovePhase",
        "Restore",
        "ReplaceAll",
        "Reschedule",
        "mark",
    ];
    assert_mixed_history(5, &steps).await;
}

#[tokio::test]
async fn a_trip_with_long_streams_is_the_naive_fold() {
    let database = long_trip(3).await;
    assert!(states(&database) > 8, "{}", states(&database));
    let history = assert_history(&database, "long").await;
    for event in ["LegacyRowRecorded", "TimelineClosed", "EventSkipped"] {
        assert!(history.types.contains(event), "{event} of {:?}", history.types);
    }
}
