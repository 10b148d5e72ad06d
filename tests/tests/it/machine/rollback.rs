//! The step down: what would be lost, whether it is accepted, and what comes back.

use super::world::{Difference, Ended, Outcome, World};
use crate::support::{handle, operator};
use phaseline_migrator::MigratorError;
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_projections::drift::{Drift, DriftKind};
use phaseline_tests::model::{LinkCounts, Shape};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

pub(super) async fn step(world: &mut World, accept: bool, kill: Option<u64>) -> Result<Outcome, Difference> {
    let losses = world.model.losses();
    let _ = accept;
    let options = RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator() };
    let database = handle(world.database.url());
    let ended =
        world.until_killed(kill, async |progress| rollback(&database, &options, progress).await).await;
    let completed = match ended {
        Ended::Killed if super::tables::shape(&mut world.connection).await == Shape::New => {
            return Ok("killed, and nothing had happened");
        }
        Ended::Killed => None,
        Ended::Itself(Ok(done)) => done.completed,
        Ended::Itself(Err(MigratorError::WouldLose(_))) => return Ok("refused"),
        Ended::Itself(Err(error)) => return Err(format!("rollback: {error}\n{error:#?}")),
    };
    if !losses.is_empty() {
        return Err(format!("rolled back without a word about {losses:#?}"));
    }
    let expected = world.model.roll_back();
    world.is_edited = false;
    let Some(completed) = completed else { return Ok("killed, and it was done already") };
    let found = LinkCounts {
        restored: completed.links_restored,
        by_date: completed.links_by_date,
        first_phase: completed.links_first_phase,
    };
    if found != expected {
        return Err(format!("links are {found:?}, expected {expected:?}"));
    }
    Ok("done")
}

/// Drift as the model says it.
pub(super) fn drift_lines(found: &[Drift]) -> BTreeSet<(Uuid, Uuid, String)> {
    let known = found.iter().filter(|drift| drift.kind != DriftKind::UnknownProject);
    known
        .map(|drift| {
            let what = match &drift.kind {
                DriftKind::Missing => "missing",
                DriftKind::Unknown | DriftKind::UnknownProject => "unknown",
                DriftKind::Field { column, .. } => column,
            };
            (drift.project_id.uuid(), drift.phase_id.uuid(), what.to_owned())
        })
        .collect()
}
