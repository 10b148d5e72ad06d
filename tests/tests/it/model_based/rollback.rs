//! The rollback step: the loss, its acceptance, and the restored rows.

use super::system_under_test::{Difference, Outcome, RunEnd, SystemUnderTest};
use crate::fixture::{handle, operator};
use phaseline_migrator::MigratorError;
use phaseline_migrator::rollback::{RollbackOptions, RollbackPlan, plan, rollback};
use phaseline_tests::model::{LinkCounts, LostField, Shape};
use sqlx::Connection as _;
use std::collections::BTreeSet;
use std::time::Duration;

/// A rollback, with the loss of a dry run accepted or not.
pub(super) async fn step(
    system: &mut SystemUnderTest,
    accept: bool,
    kill: Option<u64>,
) -> Result<Outcome, Difference> {
    let expected = system.model.losses();
    let stuck = system.model.not_covering();
    let database = handle(system.database.url());
    let mut accept_loss = None;
    if accept {
        let mut connection = database.connect("test").await.expect("connect");
        let dry_run = plan(&mut connection).await.map_err(|error| format!("rollback plan: {error}"))?;
        connection.close().await.expect("close");
        if stuck.is_empty() {
            compare(&expected, &dry_run)?;
        }
        accept_loss = dry_run.loss.digest;
    }
    let is_accepted = accept_loss.is_some() || expected.is_empty();
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss };
    let ended =
        system.run_or_kill(kill, async |progress| rollback(&database, &options, progress).await).await;
    let completed = match ended {
        RunEnd::Killed if super::read_tables::shape(&mut system.connection).await == Shape::New => {
            return Ok("killed, and nothing had happened");
        }
        RunEnd::Killed => None,
        RunEnd::Completed(Ok(done)) => done.completed,
        RunEnd::Completed(Err(MigratorError::WouldLose { plan, .. })) if stuck.is_empty() && !is_accepted => {
            return compare(&expected, &plan).map(|()| "refused for its loss");
        }
        RunEnd::Completed(Err(MigratorError::RollbackRefused(_))) if !stuck.is_empty() => {
            return Ok("refused for rows that cannot be adopted");
        }
        RunEnd::Completed(Err(error)) => return Err(format!("rollback: {error}\n{error:#?}")),
    };
    if !stuck.is_empty() || !is_accepted {
        return Err(format!("rolled back without leave: {stuck:?} {expected:#?}"));
    }
    let expected = system.model.roll_back();
    system.is_edited = false;
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

/// The loss of a plan, by phase and field.
fn compare(expected: &BTreeSet<LostField>, plan: &RollbackPlan) -> Result<(), Difference> {
    let items = plan.loss.items.iter();
    let found: BTreeSet<LostField> = items
        .map(|item| LostField {
            project: item.project_id.uuid(),
            phase: item.phase_id.uuid(),
            field: item.field.clone(),
        })
        .collect();
    if found == *expected {
        return Ok(());
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(expected).collect();
    Err(format!("the loss lacks {missing:#?}\nand should not have {surplus:#?}"))
}
