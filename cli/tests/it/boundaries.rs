//! Finds the boundaries of a run by a proxy, and stops one run at each of them.

use crate::program::{ProgramOutput, phaseline};
use phaseline_embedded::testing::TestCluster;
use phaseline_migrator::log::events::Direction;
use phaseline_tests::crash_recovery::{RecoveryFixture, StoppedRun};
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::protocol_proxy::{ProtocolProxy, ServerBoundary, Stop};
use phaseline_tests::script::load;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The number of concurrent runs, one per core of a small machine.
const WORKERS: usize = 2;

/// The least number of statements of a run: with fewer the proxy missed it.
const FEWEST: usize = 60;

/// Seed of a generated database with a few projects and table objects.
const SEED: u64 = 7;

/// A run of the program; its loss is accepted.
pub(crate) fn command(fixture: &RecoveryFixture, direction: Direction, url: &str) -> Command {
    let mut command = match direction {
        Direction::Migrate => phaseline(&["migrate", "--yes"]),
        Direction::Rollback => phaseline(&["rollback", "--yes"]),
    };
    if let (Direction::Rollback, Some(loss)) = (direction, fixture.loss()) {
        command.args(["--accept-loss", loss]);
    }
    // The connection that looks for a pooler is not the run's.
    command.env("DATABASE_URL", url).env("PHASELINE_POOLER", "none");
    command
}

/// A small database with odd rows and objects.
pub(crate) fn small_fixture() -> RecoveryFixture {
    RecoveryFixture::new(TestCluster::shared(), "small", |url| {
        load(url, LegacyDatabase::from_seed(SEED).statements());
    })
}

/// The same, whose timeline shape was edited: one phase was renamed and given another budget, another one was added.
pub(crate) fn edited_fixture() -> RecoveryFixture {
    let build = |url: &str| load(url, LegacyDatabase::from_seed(SEED).statements());
    RecoveryFixture::edited(TestCluster::shared(), "edited", build, |url| {
        let first = "SELECT id, project_id, end_date FROM project_phases
                      WHERE start_date < end_date ORDER BY id LIMIT 1";
        let row = TestCluster::shared().binaries().psql(url, first).unwrap();
        let [phase, project, end] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        for arguments in [
            vec!["rename", phase, "Design"],
            vec!["budget", phase, "12.50", "7.50"],
            vec!["create", project, "Acceptance", end, end, "--expense", "100"],
        ] {
            let mut command = phaseline(&[&["phase"][..], &arguments].concat());
            ProgramOutput::of(command.env("DATABASE_URL", url).output().unwrap()).exits_with(0);
        }
    })
}

/// The statements of an undisturbed run.
pub(crate) fn boundaries(fixture: &RecoveryFixture, direction: Direction) -> Vec<ServerBoundary> {
    let database = fixture.database(direction);
    let proxy = ProtocolProxy::counting(database.url());
    let output = command(fixture, direction, proxy.url()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let boundaries = proxy.boundaries();
    assert!(boundaries.len() >= FEWEST, "{boundaries:#?}");
    boundaries
}

/// Starts a run and waits until it is stopped. Fails if it ends before.
pub(crate) fn run_until(
    fixture: &RecoveryFixture,
    direction: Direction,
    proxy: &ProtocolProxy,
    stop: Stop,
) -> (Child, ServerBoundary) {
    let mut child = command(fixture, direction, proxy.url()).spawn().unwrap();
    while !proxy.wait(Duration::from_millis(20)) {
        if child.try_wait().unwrap().is_some() && !proxy.has_stopped() {
            panic!("{direction:?} ended before it came to {stop:?}: {:?}", child.wait_with_output());
        }
    }
    (child, proxy.stopped_at().unwrap())
}

/// Runs every stop, several at once, and prints the outcomes and the duration.
pub(crate) fn at_each(
    stops: &[Stop],
    stop_at: impl Fn(Stop) -> StoppedRun + Sync,
) -> Vec<(Stop, StoppedRun)> {
    let begun = Instant::now();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(stop) = stops.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let left = stop_at(*stop);
                    found.lock().unwrap().push((*stop, left));
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert_eq!(found.len(), stops.len());
    let done = found.iter().filter(|(_, left)| left.is_done).count();
    let killed = found.iter().filter(|(_, left)| left.killed > 0).count();
    eprintln!(
        "{} runs were stopped: {done} were done, {killed} are reported as killed; {:.1?}",
        stops.len(),
        begun.elapsed()
    );
    found
}

/// Fails unless exactly the runs that were stopped after their commit are done, and the others are reported as killed once
/// the log has their start.
pub(crate) fn assert_reported_runs(boundaries: &[ServerBoundary], found: &[(Stop, StoppedRun)]) {
    let commits: Vec<_> = boundaries.iter().filter(|at| at.what == "COMMIT").map(|at| at.number).collect();
    let [begun, done] = commits[..] else {
        panic!("a run commits that it begins and what it did: {commits:?}")
    };
    for (stop, left) in found {
        let is_behind = |commit| match *stop {
            Stop::Before(number) => number > commit,
            Stop::After(number) => number >= commit,
        };
        let expected = StoppedRun {
            is_done: is_behind(done),
            killed: usize::from(is_behind(begun) && !is_behind(done)),
            failed: 0,
        };
        assert_eq!(*left, expected, "{stop:?}");
    }
}
