//! Connections that are cut during a run: the program exits with 8 and names the next step; the database is in the same state as after
//! a kill.

use crate::boundaries::{assert_reported_runs, at_each, boundaries, run_until, small_fixture};
use crate::program::ProgramOutput;
use phaseline_migrator::log::events::Direction;
use phaseline_tests::crash_recovery::is_thorough;
use phaseline_tests::protocol_proxy::{ProtocolProxy, ServerBoundary, Stop};
use phaseline_tests::share;

/// One boundary of this many, unless all are requested; and those that end a transaction. Each version of PostgreSQL takes half of these.
const ONE_OF: usize = 16;

fn stops(boundaries: &[ServerBoundary]) -> Vec<Stop> {
    let half = share::of_this_version(2);
    let stops = boundaries
        .iter()
        .filter(|at| is_thorough() || at.ends_transaction() || at.number % ONE_OF == 0)
        .flat_map(|at| [Stop::Before(at.number), Stop::After(at.number)]);
    stops.zip(0..).filter(|(_, n)| is_thorough() || n / 2 % 2 == half).map(|(stop, _)| stop).collect()
}

fn cut_at_boundaries(direction: Direction) {
    let fixture = small_fixture();
    let boundaries = boundaries(&fixture, direction);
    let found = at_each(&stops(&boundaries), |stop| {
        let database = fixture.database(direction);
        let proxy = ProtocolProxy::stopping(database.url(), stop);
        let (child, at) = run_until(&fixture, direction, &proxy, stop);
        proxy.cut();
        let ran = ProgramOutput::of(child.wait_with_output().unwrap());
        // At the first statement the program is still connecting; behind the last commit it only releases its lock, which a lost
        // connection does as well.
        let released = boundaries.iter().any(|other| other.what == "COMMIT" && other.number < at.number)
            && !boundaries.iter().any(|other| other.what == "COMMIT" && other.number >= at.number);
        let (code, named) = match stop.number() {
            1 => (9, ["cannot connect to database", "hint"]),
            _ if released => (0, ["", ""]),
            _ => (8, ["the connection to the database was lost", "phaseline status"]),
        };
        let ran = ran.exits_with(code);
        for named in named {
            assert!(ran.stderr.contains(named), "cut {stop:?}, {}: {}", at.what, ran.stderr);
        }
        fixture.check_ended_sessions(
            &database,
            direction,
            (stop.number(), &format!("cut {stop:?}: {}", at.what)),
        )
    });
    assert_reported_runs(&boundaries, &found);
}

#[test]
fn a_migration_whose_connections_are_cut_ends_with_8_and_can_be_run_again() {
    cut_at_boundaries(Direction::Migrate);
}

#[test]
fn a_rollback_whose_connections_are_cut_ends_with_8_and_can_be_run_again() {
    cut_at_boundaries(Direction::Rollback);
}
