//! Migrates a large sample database and rolls it back; prints time, locks, the longest wait of a reader and
//! memory. Run by `make scale`; arguments: the numbers of projects and assignments. With
//! `PHASELINE_SCALE_WRITER=1` a writer updates an assignment fifty times a second meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program to look at, not to live with"
)]

use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_migrator::run::Operator;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_migrator::{Database, verify::verify};
use phaseline_tests::dump::{assert_same_dump, dump};
use sqlx::{Connection, PgConnection};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Prints the duration of each step.
struct Steps(Mutex<(Instant, String)>);

impl Progress for Steps {
    fn step(&self, name: &str, _total: Option<u64>) {
        let mut last = self.0.lock().unwrap();
        if !last.1.is_empty() {
            println!("    {:6.2} s  {}", last.0.elapsed().as_secs_f64(), last.1);
        }
        *last = (Instant::now(), name.to_owned());
    }
    fn advance(&self, _done: u64) {}
    fn note(&self, text: &str) {
        println!("    {text}");
    }
}

fn steps() -> Steps {
    Steps(Mutex::new((Instant::now(), String::new())))
}

/// Reads both tables repeatedly; returns the longest wait.
fn reader(url: &str, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<Duration> {
    let url = url.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::SeqCst) {
                let begun = Instant::now();
                sqlx::raw_sql(
                    "SELECT 1 FROM project_phases LIMIT 1; SELECT 1 FROM resource_assignments LIMIT 1",
                )
                .execute(&mut connection)
                .await
                .unwrap();
                longest = longest.max(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            longest
        })
    })
}

fn watched(url: &str) -> (Arc<AtomicBool>, std::thread::JoinHandle<Duration>) {
    let stop = Arc::new(AtomicBool::new(false));
    (Arc::clone(&stop), reader(url, stop))
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let projects = arguments.next().unwrap_or(10_000);
    let assignments = arguments.next().unwrap_or(1_000_000);
    let cluster = TestCluster::start(TestOptions::durable());
    let test_database = cluster.database();
    let url = test_database.url();
    let options = SampleOptions { projects: u32::try_from(projects).unwrap(), assignments, seed: 1 };
    let mut connection = PgConnection::connect(url).await.unwrap();
    sample::create(&mut connection, &options).await.unwrap();
    println!(
        "{projects} projects, {assignments} assignments; {}",
        test_database.psql("SELECT version()").trim()
    );
    println!(
        "fsync {}, synchronous_commit {}, shared_buffers {}",
        test_database.psql("SHOW fsync").trim(),
        test_database.psql("SHOW synchronous_commit").trim(),
        test_database.psql("SHOW shared_buffers").trim()
    );
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("before.sql");
    std::fs::write(&kept, dump(url)).unwrap();
    // The dump's memory is not the migrator's: resets the kernel's peak.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let database = Database::new(url.parse().unwrap());
    let operator = Operator { actor: "scale".to_owned(), host: "scale".to_owned(), reason: None };
    let lock_timeout = Duration::from_secs(60);

    let writer_url = url.to_owned();
    let writing = Arc::new(AtomicBool::new(std::env::var("PHASELINE_SCALE_WRITER").is_ok()));
    let keep = Arc::clone(&writing);
    let writer = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&writer_url).await.unwrap();
            while keep.load(Ordering::SeqCst) {
                let update = "UPDATE resource_assignments SET allocation_percentage = allocation_percentage
                               WHERE id = (SELECT id FROM resource_assignments LIMIT 1)";
                sqlx::raw_sql(update).execute(&mut connection).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    });
    println!("migrate");
    let (stop, waiting) = watched(url);
    let migrated = migrate(
        &database,
        &MigrateOptions {
            plan: PlanOptions::default(),
            expected_digest: None,
            lock_timeout,
            operator: operator.clone(),
        },
        &steps(),
    )
    .await
    .unwrap();
    stop.store(true, Ordering::SeqCst);
    let longest = waiting.join().unwrap();
    println!(
        "  took {} ms, tables locked {} ms, longest wait of a reader {longest:?}",
        migrated.took_ms, migrated.locked_ms
    );

    let wrote = writing.swap(false, Ordering::SeqCst);
    writer.join().unwrap();
    let mut connection = database.connect("scale").await.unwrap();
    let begun = Instant::now();
    let passed = verify(&mut connection, &Silent).await.unwrap().passed;
    println!("verify: {} in {:?}", if passed { "passed" } else { "FAILED" }, begun.elapsed());

    println!("rollback");
    let (stop, waiting) = watched(url);
    let back = rollback(&database, &RollbackOptions { lock_timeout, operator, accept_loss: None }, &steps())
        .await
        .unwrap();
    stop.store(true, Ordering::SeqCst);
    let longest = waiting.join().unwrap();
    println!(
        "  took {} ms, tables locked {} ms, longest wait of a reader {longest:?}",
        back.took_ms, back.locked_ms
    );

    let begun = Instant::now();
    let passed = verify(&mut connection, &Silent).await.unwrap().passed;
    println!("verify: {} in {:?}", if passed { "passed" } else { "FAILED" }, begun.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known here");
    println!("peak memory of this program: {}", memory.trim_start_matches("VmHWM:").trim());
    if wrote {
        println!("a writer moved rows meanwhile, so the dumps are not compared");
        return;
    }
    assert_same_dump(&std::fs::read_to_string(&kept).unwrap(), &dump(url));
    println!("pg_dump --schema=public is the same file before and after");
}
