//! `kill -9` at statements of a run, before and after those that end a transaction; and at random times of a run over a larger
//! database. Each major version of PostgreSQL takes another quarter of the statements; `PHASELINE_EVERY_BOUNDARY=1` takes all at
//! once.

use crate::boundaries::{
    assert_reported_runs, at_each, boundaries, command, edited_fixture, run_until, small_fixture,
};
use crate::program::{ProgramOutput, run};
use phaseline_embedded::testing::TestCluster;
use phaseline_migrator::log::events::Direction;
use phaseline_tests::crash_recovery::{RecoveryFixture, is_thorough};
use phaseline_tests::protocol_proxy::{ProtocolProxy, ServerBoundary, Stop};
use phaseline_tests::share;
use std::time::Instant;

/// Before every statement, and after those that end a transaction: committed, but not acknowledged.
fn stops(boundaries: &[ServerBoundary]) -> Vec<Stop> {
    let before = boundaries.iter().filter(|at| is_thorough() || !at.is_preparation());
    let after = boundaries.iter().filter(|at| at.ends_transaction());
    before.map(|at| Stop::Before(at.number)).chain(after.map(|at| Stop::After(at.number))).collect()
}

/// Kills before one of so many statements, a different one on each version, and after all that end a transaction.
fn kill_at_statements(fixture: &RecoveryFixture, direction: Direction, one_of: usize) {
    let boundaries = boundaries(fixture, direction);
    let mut stops = stops(&boundaries);
    let share = usize::try_from(share::of_this_version(one_of as u64)).unwrap();
    if !is_thorough() {
        stops.retain(|stop| matches!(stop, Stop::After(_)) || stop.number() % one_of == share);
    }
    let found = at_each(&stops, |stop| {
        let database = fixture.database(direction);
        let proxy = ProtocolProxy::stopping(database.url(), stop);
        let (mut child, at) = run_until(fixture, direction, &proxy, stop);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(proxy);
        fixture.check_ended_sessions(
            &database,
            direction,
            (stop.number(), &format!("killed {stop:?}: {}", at.what)),
        )
    });
    assert_reported_runs(&boundaries, &found);
}

#[test]
fn a_migration_killed_at_any_statement_can_be_run_again() {
    kill_at_statements(&small_fixture(), Direction::Migrate, 4);
}

#[test]
fn a_rollback_killed_at_any_statement_can_be_run_again() {
    kill_at_statements(&small_fixture(), Direction::Rollback, 4);
}

#[test]
fn a_rollback_over_edits_killed_at_some_statements_can_be_run_again() {
    let fixture = edited_fixture();
    assert!(fixture.loss().is_some());
    kill_at_statements(&fixture, Direction::Rollback, 12);
}

/// The least number of kills at random times that took effect, per direction; more on request.
fn timed_kills() -> u32 {
    std::env::var("PHASELINE_TIMED_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

/// The next run while the server may still be busy with the killed one. It waits for the lock; if the server takes
/// longer to detect the end than the run waits, the run names the holder.
fn next_run(fixture: &RecoveryFixture, direction: Direction, url: &str) {
    loop {
        let ran = ProgramOutput::of(command(fixture, direction, url).output().unwrap());
        if ran.code != Some(5) {
            ran.exits_with(0);
            return;
        }
        assert!(ran.stderr.contains("another run holds the lock"), "{ran:#?}");
    }
}

/// Kills at random fractions of the duration of a run. A kill that comes too late is repeated earlier.
fn kill_at_times_all_over(direction: Direction) {
    let fixture = RecoveryFixture::new(TestCluster::shared(), "larger", |url| {
        let size = ["--projects", "200", "--assignments", "20000", "--seed", "5"];
        run(&[&["sample", "--database-url", url][..], &size].concat()).exits_with(0);
    });
    let clean = fixture.database(direction);
    let begun = Instant::now();
    ProgramOutput::of(command(&fixture, direction, clean.url()).output().unwrap()).exits_with(0);
    let duration = begun.elapsed();
    let (mut in_time, mut late, mut pace) = (0, 0, 1.0);
    while in_time < timed_kills() {
        assert!(late < 20 + timed_kills(), "{late} of {} kills came too late", late + in_time);
        let database = fixture.database(direction);
        // Multiples of the golden ratio are all different and evenly spread.
        let fraction = (f64::from(in_time + late + 1) * 0.618_034).fract();
        let after = duration.mul_f64(pace * fraction);
        let mut child = command(&fixture, direction, database.url()).spawn().unwrap();
        std::thread::sleep(after);
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if ended {
            late += 1;
            pace *= 0.8;
            continue;
        }
        in_time += 1;
        let when = format!("killed after {after:?} of {duration:?}");
        if in_time % 2 == 0 {
            fixture.check(&database, direction, &when);
        } else {
            next_run(&fixture, direction, database.url());
            fixture.check_finished(&database, direction, &when);
        }
    }
    eprintln!("{direction:?}: {in_time} kills within {duration:?}, {late} came too late");
}

#[test]
fn a_migration_killed_at_times_all_over_can_be_run_again() {
    kill_at_times_all_over(Direction::Migrate);
}

#[test]
fn a_rollback_killed_at_times_all_over_can_be_run_again() {
    kill_at_times_all_over(Direction::Rollback);
}
