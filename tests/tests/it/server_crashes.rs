//! The server crashes during a run, at every step and around its commit. It is durable (fsync on),
//! so committed data are restored.

use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_migrator::log::events::Direction;
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_tests::crash_recovery::{RecoveryFixture, in_runtime};
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::protocol_proxy::{ProtocolProxy, Stop};
use phaseline_tests::script::load;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Crashes the server at one of a run's progress calls: each step's beginning, and its first progress.
struct Crash<'a> {
    cluster: &'a TestCluster,
    at: Option<usize>,
    moments: Mutex<Vec<String>>,
}

impl<'a> Crash<'a> {
    fn at(cluster: &'a TestCluster, at: Option<usize>) -> Self {
        Self { cluster, at, moments: Mutex::default() }
    }

    fn moment(&self, name: String) {
        let mut moments = self.moments.lock().unwrap();
        if moments.contains(&name) {
            return;
        }
        moments.push(name);
        if self.at == Some(moments.len() - 1) {
            self.cluster.restart_immediate();
        }
    }
}

impl Progress for Crash<'_> {
    fn step(&self, name: &str, _total: Option<u64>) {
        self.moment(name.to_owned());
    }
    fn advance(&self, _done: u64) {
        let step = self.moments.lock().unwrap().last().cloned().unwrap_or_default();
        if !step.ends_with("under way") {
            self.moment(format!("{step}, under way"));
        }
    }
    fn note(&self, _text: &str) {}
}

/// A durable server and a database on it, for one test at a time.
fn durable() -> MutexGuard<'static, (TestCluster, RecoveryFixture)> {
    static DURABLE: LazyLock<Mutex<(TestCluster, RecoveryFixture)>> = LazyLock::new(|| {
        // Recovery syncs all files first, which is much faster in one call.
        let options = TestOptions::durable().setting("recovery_init_sync_method", "syncfs");
        let cluster = TestCluster::start(options);
        assert_eq!(cluster.database().psql("SHOW fsync"), "on");
        let build = |url: &str| load(url, LegacyDatabase::from_seed(7).statements());
        let fixture = RecoveryFixture::new(&cluster, "crashed", build);
        Mutex::new((cluster, fixture))
    });
    DURABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn crash_at_every_step(direction: Direction) {
    let durable = durable();
    let (cluster, fixture) = &*durable;
    let clean = Crash::at(cluster, None);
    in_runtime(fixture.run(fixture.database(direction).url(), direction, &clean)).unwrap();
    let moments = clean.moments.into_inner().unwrap();
    assert!(moments.len() >= 6, "{moments:?}");
    for (at, moment) in moments.iter().enumerate() {
        let database = fixture.database(direction);
        let crash = Crash::at(cluster, Some(at));
        let error = in_runtime(fixture.run(database.url(), direction, &crash)).expect_err(moment);
        let left = fixture.check(&database, direction, &format!("crashed at {moment}: {error}"));
        assert!(!left.is_done, "{moment}");
    }
}

#[test]
fn a_migration_whose_server_crashes_at_any_step_can_be_run_again() {
    crash_at_every_step(Direction::Migrate);
}

#[test]
fn a_rollback_whose_server_crashes_at_any_step_can_be_run_again() {
    crash_at_every_step(Direction::Rollback);
}

/// The server commits, and crashes before the client gets the reply.
#[test]
fn a_commit_before_the_crash_of_the_server_is_permanent() {
    let durable = durable();
    let (cluster, fixture) = &*durable;
    for direction in [Direction::Migrate, Direction::Rollback] {
        let clean = fixture.database(direction);
        let proxy = ProtocolProxy::counting(clean.url());
        in_runtime(fixture.run(proxy.url(), direction, &Silent)).unwrap();
        let commit = proxy.boundaries().iter().rfind(|at| at.ends_transaction()).unwrap().number;
        for (stop, is_done) in [(Stop::Before(commit), false), (Stop::After(commit), true)] {
            let database = fixture.database(direction);
            let proxy = ProtocolProxy::stopping(database.url(), stop);
            std::thread::scope(|scope| {
                let run = scope.spawn(|| in_runtime(fixture.run(proxy.url(), direction, &Silent)));
                while !proxy.wait(Duration::from_millis(20)) {
                    assert!(!run.is_finished(), "{direction:?} ended before it came to {stop:?}");
                }
                cluster.restart_immediate();
                proxy.cut();
                run.join().unwrap().unwrap_err();
            });
            let left = fixture.check(&database, direction, &format!("crashed {stop:?}, the commit"));
            assert_eq!(left.is_done, is_done, "{direction:?} {stop:?}");
        }
    }
}
