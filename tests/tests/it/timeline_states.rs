//! Timelines at any position are the serial fold of the log up to it, whatever states are stored.

mod changes;
mod concurrent;
mod histories;
mod lists;
mod mixed_history;
mod naive_fold;
mod positions;
mod stored_states;
mod writer;

use crate::quarantine::connect;
use phaseline_domain::ProjectId;
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::portfolio::{PastTimeline, ProjectSelection, SelectedStates, timelines_at_from};
use phaseline_projections::{FoldedLog, FoldedTimeline};
use phaseline_store::timeline_states::{Advanced, advance};
use phaseline_store::{Quarantine, schema};
use sqlx::PgConnection;
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
