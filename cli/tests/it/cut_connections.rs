//! Connections that are cut in the middle of a run: it ends with 8 and says where to look, and all else is as after a
//! kill.

use crate::boundaries::{assert_told, at_each, boundaries, run_until, small_ground};
use crate::program::Ran;
use phaseline_tests::aftermath::{Way, is_thorough};
use phaseline_tests::wire::{Boundary, Stop, Wire};

/// One boundary of so many, unless all are asked for; those that end a transaction always.
const ONE_OF: usize = 16;

fn stops(boundaries: &[Boundary]) -> Vec<Stop> {
    boundaries
        .iter()
        .filter(|at| is_thorough() || at.ends_transaction() || at.number % ONE_OF == 0)
        .flat_map(|at| [Stop::Before(at.number), Stop::After(at.number)])
        .collect()
}

fn cut_at_boundaries(way: Way) {
    let ground = small_ground();
    let boundaries = boundaries(&ground, way);
    let found = at_each(&stops(&boundaries), |stop| {
        let database = ground.database(way);
        let wire = Wire::stopping(database.url(), stop);
        let (child, at) = run_until(&ground, way, &wire, stop);
        wire.cut();
        let ran = Ran::of(child.wait_with_output().unwrap());
        // With the first statement it is still about to connect.
        let (code, named) = match stop.number() {
            1 => (9, ["cannot connect to database", "hint"]),
            _ => (8, ["the connection to the database was lost", "phaseline status"]),
        };
        let ran = ran.ends_with(code);
        for named in named {
            assert!(ran.stderr.contains(named), "cut {stop:?}, {}: {}", at.what, ran.stderr);
        }
        ground.check(&database, way, &format!("cut {stop:?}: {}", at.what))
    });
    assert_told(&boundaries, &found);
}

#[test]
fn a_migration_whose_connections_are_cut_ends_with_8_and_can_be_run_again() {
    cut_at_boundaries(Way::Migrate);
}

#[test]
fn a_rollback_whose_connections_are_cut_ends_with_8_and_can_be_run_again() {
    cut_at_boundaries(Way::Rollback);
}
