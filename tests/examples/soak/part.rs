//! One part: a separate database, a service over it, clients, and a sample every twentieth of the time.

use super::clients::{CLIENTS, RunningClients, SECRET, projects};
use super::statistics::{Counters, ResponseCounts};
use phaseline_api::auth::{Auth, Keys, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_api::{pool, server};
use phaseline_embedded::testing::TestCluster;
use phaseline_migrator::Database;
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::run::Operator;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_migrator::verify::verify;
use phaseline_projections::FoldedLog;
use phaseline_projections::drift::compare_rows;
use phaseline_store::Servers;
use phaseline_tests::http::Client;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The number of samples.
const SAMPLES: usize = 20;
/// A fifth of the samples.
const FIFTH: usize = SAMPLES / 5;
/// Limit of p99 at the end, as a multiple of that at the start.
const LATENCY: f64 = 1.5;
/// The limit of the memory, as a multiple of that after the first fifth.
const MEMORY: f64 = 1.2;

/// One part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) projects: u32,
    pub(crate) holds_a_snapshot: bool,
    /// The least rate at the end, as a share of that at the start.
    pub(crate) least_rate: f64,
    /// Whether p99 has a limit.
    pub(crate) limits_latency: bool,
}

/// A sample.
struct Sample {
    seconds: f64,
    responses: ResponseCounts,
    memory_kib: u64,
    connections: i64,
    dead_rows: i64,
    snapshot_age: f64,
}

impl Sample {
    fn rate(&self) -> f64 {
        self.responses.count() as f64 / self.seconds
    }
}

impl Part {
    /// Runs the part, prints the samples, and returns the exceeded limits.
    pub(crate) async fn run(self, cluster: &TestCluster, time: Duration) -> Vec<String> {
        let name = format!("soak_{}", self.projects);
        cluster.template(&name, |url| build(url, self.projects));
        let database = cluster.database_from(&name);
        let url = database.url();
        let mut admin = PgConnection::connect(url).await.unwrap();
        let projects = projects(&mut admin, self.projects).await;
        let events: i64 = scalar(&mut admin, "SELECT max(position) FROM phaseline.events").await;
        let mut holder = PgConnection::connect(url).await.unwrap();
        if self.holds_a_snapshot {
            let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM project_phases";
            sqlx::raw_sql(read).execute(&mut holder).await.unwrap();
        }

        let settings = settings();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sessions = pool::connect(&Servers::one(url.parse().unwrap()), &settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(server::serve(listener, sessions, settings, shutdown));

        println!(
            "\n({}) {} s, {CLIENTS} clients, {} projects{}",
            self.name,
            time.as_secs(),
            self.projects,
            if self.holds_a_snapshot { ", a snapshot held throughout" } else { "" }
        );
        println!("    to s  commands/s  p50 ms  p99 ms  RSS MiB  connections  dead rows  snapshot s");
        let counters = Arc::new(Counters::default());
        let at_work = RunningClients::begin(address, &projects, &counters);
        let watcher = Client::new(address);
        let mut samples: Vec<Sample> = Vec::with_capacity(SAMPLES);
        let begun = Instant::now();
        let mut last = begun;
        for number in 1..=SAMPLES {
            let due = begun + time.mul_f64(number as f64 / SAMPLES as f64);
            tokio::time::sleep_until(due.into()).await;
            let now = Instant::now();
            let (responses, seconds) = (counters.take(), (now - last).as_secs_f64());
            last = now;
            let sample = Sample {
                seconds,
                responses,
                memory_kib: memory_kib(),
                connections: scalar(&mut admin, CONNECTIONS).await,
                dead_rows: scalar(&mut admin, DEAD_ROWS).await,
                snapshot_age: snapshot_age(&watcher).await,
            };
            println!(
                "    {:4.0}  {:10.0}  {:6.1}  {:6.1}  {:7.1}  {:11}  {:9}  {:10.0}",
                (now - begun).as_secs_f64(),
                sample.rate(),
                sample.responses.percentile(50),
                sample.responses.percentile(99),
                sample.memory_kib as f64 / 1024.0,
                sample.connections,
                sample.dead_rows,
                sample.snapshot_age,
            );
            samples.push(sample);
        }
        at_work.end().await;
        let statuses = counters.statuses();
        let _ = stop.send(());
        serving.await.unwrap();
        holder.close().await.unwrap();

        let written: i64 = scalar(&mut admin, "SELECT max(position) FROM phaseline.events").await;
        let keys: i64 = scalar(&mut admin, "SELECT count(*) FROM phaseline.idempotency_keys").await;
        println!("    responses {statuses:?}; {} events written", written - events);
        let mut broken = self.judge(&samples);
        let done = statuses.get(&200).copied().unwrap_or_default();
        let others: u64 = statuses.values().sum::<u64>() - done;
        let mut always = |holds: bool, what: String| {
            if !holds {
                broken.push(format!("({}) {what}", self.name));
            }
        };
        always(others == 0, format!("{others} requests had another status than 200: {statuses:?}"));
        always(keys as u64 == done, format!("{done} commands were done, {keys} keys are kept"));
        let drift = drift(url).await;
        always(drift == 0, format!("{drift} rows differ from the log"));
        always(verify(&mut admin, &Silent).await.unwrap().passed, "the verification failed".to_owned());
        broken
    }

    /// Compares the last fifth with the first.
    fn judge(self, samples: &[Sample]) -> Vec<String> {
        let (first, last) = (&samples[..FIFTH], &samples[SAMPLES - FIFTH..]);
        let rate = |fifth: &[Sample]| {
            let seconds: f64 = fifth.iter().map(|sample| sample.seconds).sum();
            fifth.iter().map(|sample| sample.responses.count()).sum::<u64>() as f64 / seconds
        };
        let late = |fifth: &[Sample]| {
            ResponseCounts::merged(fifth.iter().map(|sample| &sample.responses)).percentile(99)
        };
        let most = |fifth: &[Sample]| fifth.iter().map(|sample| sample.connections).max().unwrap_or_default();
        let memory_then = first[FIFTH - 1].memory_kib as f64;
        let memory =
            samples[FIFTH..].iter().map(|sample| sample.memory_kib as f64 / memory_then).fold(0.0, f64::max);
        println!(
            "    last fifth / first: rate {:.0} / {:.0} = {:.2}, p99 {:.1} / {:.1} ms = {:.2}; RSS at most {memory:.2} times that \
             after the first fifth; connections {} / {}",
            rate(last),
            rate(first),
            rate(last) / rate(first),
            late(last),
            late(first),
            late(last) / late(first),
            most(last),
            most(first)
        );
        let mut broken = Vec::new();
        let mut promise = |holds: bool, what: String| {
            if !holds {
                broken.push(format!("({}) {what}", self.name));
            }
        };
        promise(memory <= MEMORY, format!("memory grew to {memory:.2} of what it was, not {MEMORY}"));
        promise(most(last) <= most(first), "connections became more".to_owned());
        let (ratio, later) = (rate(last) / rate(first), late(last) / late(first));
        let least = self.least_rate;
        promise(
            ratio >= least,
            format!("the rate at the end is {ratio:.2} of that at the start, not {least}"),
        );
        promise(
            later <= LATENCY || !self.limits_latency,
            format!("p99 at the end is {later:.2} of that at the start, not {LATENCY}"),
        );
        broken
    }
}

const CONNECTIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'phaseline serve'";
const DEAD_ROWS: &str =
    "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = 'public.project_phases'::regclass";

async fn scalar(connection: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(query).fetch_one(connection).await.unwrap()
}

fn settings() -> Settings {
    let mut keys = Keys::default();
    keys.add_secret(SECRET).unwrap();
    Settings { auth: Auth::Tokens { keys: keys.into(), rules: TokenRules::default() }, ..Settings::default() }
}

/// The memory of this process, clients included.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// The age of the oldest snapshot, from the service's metrics.
async fn snapshot_age(client: &Client) -> f64 {
    let metrics = client.get("/metrics").send().await.is(200).text();
    let line = metrics.lines().find(|line| line.starts_with("phaseline_oldest_snapshot_age_seconds"));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(f64::NAN)
}

/// Rows that differ from the log.
async fn drift(url: &str) -> usize {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut reading = connection.begin().await.unwrap();
    let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
    sqlx::raw_sql(snapshot).execute(&mut *reading).await.unwrap();
    let log = FoldedLog::read(&mut reading, None).await.unwrap();
    compare_rows(&mut reading, &log).await.unwrap().len()
}

/// A migrated sample.
fn build(url: &str, projects: u32) {
    let url = url.to_owned();
    let built = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let options = SampleOptions { projects, assignments: u64::from(projects) * 20, seed: 1 };
            sample::create(&mut connection, &options).await.unwrap();
            connection.close().await.unwrap();
            let operator = Operator { actor: "soak".to_owned(), host: "soak".to_owned(), reason: None };
            let options = MigrateOptions {
                plan: PlanOptions::default(),
                expected_digest: None,
                lock_timeout: Duration::from_secs(60),
                operator,
            };
            migrate(&Database::new(url.parse().unwrap()), &options, &Silent).await.unwrap();
        });
    });
    built.join().unwrap();
}
