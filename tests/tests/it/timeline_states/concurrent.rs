//! Reads while states are made and dropped, and while commands are written.

use super::naive_fold::NaiveHistory;
use super::writer::{Writer, written};
use crate::quarantine::{connect, projects};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::portfolio::{ChangeDetail, PortfolioFilter, each_change, each_project};
use phaseline_store::timeline_states::{advance, forget, remake};
use phaseline_tests::random::SeededRandom;
use sqlx::PgConnection;
use std::cell::Cell;

/// Reads, each at a random position.
const READS: usize = 150;

/// Makes and drops states in every way.
async fn make_and_drop(connection: &mut PgConnection, random: &mut SeededRandom) {
    match random.below(6) {
        0 => {
            remake(connection, |_, _| ()).await.unwrap();
        }
        1 => forget(connection).await.unwrap(),
        2 | 3 => {
            advance(connection).await.unwrap();
        }
        4 => {
            let part = "DELETE FROM phaseline.timeline_states WHERE position % 2 = 0";
            sqlx::raw_sql(part).execute(connection).await.unwrap();
        }
        _ => {
            sqlx::raw_sql("TRUNCATE phaseline.timeline_states").execute(connection).await.unwrap();
        }
    }
}

async fn read(connection: &mut PgConnection, [earlier, later]: [i64; 2]) -> [String; 2] {
    let (mut projects, mut changes) = (Vec::new(), Vec::new());
    let filter = PortfolioFilter::default();
    each_project(connection, later, &filter, |project| {
        projects.push(project);
        Ok(())
    })
    .await
    .unwrap();
    each_change(connection, [earlier, later], &filter, ChangeDetail::Fields, |change| {
        changes.push(change);
        Ok(())
    })
    .await
    .unwrap();
    [serde_json::to_string(&projects).unwrap(), serde_json::to_string(&changes).unwrap()]
}

/// Reads while `beside` runs again and again; returns how often it ran.
async fn reads_beside(database: &TestDatabase, mut beside: impl AsyncFnMut()) -> u32 {
    let mut connection = connect(database).await;
    let history = NaiveHistory::read(&mut connection).await;
    let (mut random, filter) = (SeededRandom::new(7), PortfolioFilter::default());
    let (ended, turns) = (Cell::new(false), Cell::new(0));
    let reading = async {
        for _ in 0..READS {
            let mut positions = [random.within(0, history.tip()), random.within(0, history.tip())];
            positions.sort_unstable();
            let expected = [
                serde_json::to_string(&history.list(positions[1], &filter)).unwrap(),
                serde_json::to_string(&history.changes(positions, &filter)).unwrap(),
            ];
            assert_eq!(read(&mut connection, positions).await, expected, "{positions:?}");
        }
        ended.set(true);
    };
    let running = async {
        while !ended.get() {
            beside().await;
            turns.set(turns.get() + 1);
        }
    };
    tokio::join!(reading, running);
    turns.get()
}

#[tokio::test]
async fn states_may_be_made_and_dropped_while_they_are_read() {
    let (database, _) = written().await;
    let mut other = connect(&database).await;
    let mut random = SeededRandom::new(8);
    let turns = reads_beside(&database, async || make_and_drop(&mut other, &mut random).await).await;
    assert!(turns > 20, "{turns}");
}

#[tokio::test]
async fn what_is_written_behind_a_position_does_not_change_it() {
    let (database, _) = written().await;
    let mut other = connect(&database).await;
    let mut writer = Writer { random: SeededRandom::new(9), projects: projects(&database) };
    let turns = reads_beside(&database, async || {
        writer.write(&database).await;
        advance(&mut other).await.unwrap();
    })
    .await;
    assert!(turns > 5, "{turns}");
}
