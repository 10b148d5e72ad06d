//! Finds the boundaries of a run by a proxy, and stops one run at each of them.

use crate::aftermath::{Ground, Left, Way};
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::script::load;
use phaseline_tests::wire::{Boundary, Stop, Wire};
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// At once, one for each core of a small machine.
const WORKERS: usize = 2;

/// With fewer statements than this the proxy has not seen the run.
const FEWEST: usize = 60;

/// Which of the generated databases: a few projects, and something that hangs on their tables.
const SEED: u64 = 7;

/// Every boundary, those too over which a statement is only prepared.
pub(crate) fn is_thorough() -> bool {
    std::env::var_os("PHASELINE_EVERY_BOUNDARY").is_some()
}

/// A small database with odd rows and furniture.
pub(crate) fn small_ground() -> Ground {
    Ground::new("small", |url| load(url, LegacyDatabase::from_seed(SEED).statements()))
}

/// What the run asks if nobody disturbs it.
pub(crate) fn boundaries(ground: &Ground, way: Way) -> Vec<Boundary> {
    let database = ground.database(way);
    let wire = Wire::counting(database.url());
    let output = way.command(wire.url()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let boundaries = wire.boundaries();
    assert!(boundaries.len() >= FEWEST, "{boundaries:#?}");
    boundaries
}

/// Starts a run and waits until it is stopped. Fails if it ends before.
pub(crate) fn run_until(way: Way, wire: &Wire, stop: Stop) -> (Child, Boundary) {
    let mut child = way.command(wire.url()).spawn().unwrap();
    while !wire.wait(Duration::from_millis(20)) {
        if child.try_wait().unwrap().is_some() && !wire.has_stopped() {
            panic!("{way:?} ended before it came to {stop:?}: {:?}", child.wait_with_output());
        }
    }
    (child, wire.stopped_at().unwrap())
}

/// Does it for every stop, several at once, and says what each left and how long all took.
pub(crate) fn at_each(stops: &[Stop], stop_at: impl Fn(Stop) -> Left + Sync) -> Vec<(Stop, Left)> {
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
        "{} runs were stopped: {done} had done it, {killed} are told as killed; {:.1?}",
        stops.len(),
        begun.elapsed()
    );
    found
}
