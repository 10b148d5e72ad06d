//! `kill -9` at every statement of a run, from both sides where it ends a transaction; and at times all over of a run
//! over a larger database.

use crate::aftermath::{Ground, Way};
use crate::boundaries::{at_each, boundaries, is_thorough, run_until, small_ground};
use crate::program::{Ran, run};
use phaseline_tests::wire::{Boundary, Stop, Wire};
use std::time::Instant;

/// Before every statement, and after those that end a transaction: "done, and the client never heard of it".
fn stops(boundaries: &[Boundary]) -> Vec<Stop> {
    let before = boundaries.iter().filter(|at| is_thorough() || !at.is_preparation());
    let after = boundaries.iter().filter(|at| at.ends_transaction());
    before.map(|at| Stop::Before(at.number)).chain(after.map(|at| Stop::After(at.number))).collect()
}

fn kill_at_every_statement(way: Way) {
    let ground = small_ground();
    let boundaries = boundaries(&ground, way);
    let stops = stops(&boundaries);
    let found = at_each(&stops, |stop| {
        let database = ground.database(way);
        let wire = Wire::stopping(database.url(), stop);
        let (mut child, at) = run_until(way, &wire, stop);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(wire);
        ground.check(&database, way, &format!("killed {stop:?}: {}", at.what))
    });
    let commit = boundaries.iter().rfind(|at| at.ends_transaction()).unwrap();
    for (stop, left) in found {
        assert_eq!(left.is_done, stop == Stop::After(commit.number), "{stop:?}");
    }
}

#[test]
fn a_migration_killed_at_any_statement_can_be_run_again() {
    kill_at_every_statement(Way::Migrate);
}

#[test]
fn a_rollback_killed_at_any_statement_can_be_run_again() {
    kill_at_every_statement(Way::Rollback);
}

/// How many kills at times all over each way must have come in time: more on demand.
fn timed_kills() -> u32 {
    std::env::var("PHASELINE_TIMED_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

/// The next run while the server may still be busy with the dead one. It waits for the lock; where the server takes
/// longer to notice than it waits, it says who holds it.
fn next_run(url: &str, way: Way) {
    loop {
        let ran = Ran::of(way.command(url).output().unwrap());
        if ran.code != Some(5) {
            ran.ends_with(0);
            return;
        }
        assert!(ran.stderr.contains("another run holds the lock"), "{ran:#?}");
    }
}

/// Kills at random fractions of the time that a run takes. One that comes too late is done again, earlier.
fn kill_at_times_all_over(way: Way) {
    let ground = Ground::new("larger", |url| {
        let size = ["--projects", "200", "--assignments", "20000", "--seed", "5"];
        run(&[&["sample", "--database-url", url][..], &size].concat()).ends_with(0);
    });
    let clean = ground.database(way);
    let begun = Instant::now();
    Ran::of(way.command(clean.url()).output().unwrap()).ends_with(0);
    let duration = begun.elapsed();
    let (mut in_time, mut late, mut pace) = (0, 0, 1.0);
    while in_time < timed_kills() {
        assert!(late < 20 + timed_kills(), "{late} of {} kills came too late", late + in_time);
        let database = ground.database(way);
        // Multiples of the golden ratio: no two alike, and any number of them evenly spread.
        let fraction = (f64::from(in_time + late + 1) * 0.618_034).fract();
        let after = duration.mul_f64(pace * fraction);
        let mut child = way.command(database.url()).spawn().unwrap();
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
            ground.check(&database, way, &when);
        } else {
            next_run(database.url(), way);
            ground.check_finished(&database, way, &when);
        }
    }
    eprintln!("{way:?}: {in_time} kills within {duration:?}, {late} came too late");
}

#[test]
fn a_migration_killed_at_times_all_over_can_be_run_again() {
    kill_at_times_all_over(Way::Migrate);
}

#[test]
fn a_rollback_killed_at_times_all_over_can_be_run_again() {
    kill_at_times_all_over(Way::Rollback);
}
