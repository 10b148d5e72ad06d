//! Many clients at once, on two servers over one database, one of which is killed and restarted. Clients without a response
//! repeat the request with the same key, at the other server. In the end every acknowledged command is in the log, once,
//! and nothing else is.

mod audit;
mod command;
mod writer;

use crate::program::{eventually, migrated, on};
use crate::serve::ServiceProcess;
use crate::token::token;
use audit::Audit;
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::http::Client;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use writer::{Response, Writer};

/// Concurrent writers.
const WRITERS: u64 = 8;
/// The number of projects.
const PROJECTS: usize = 5;

/// Duration of the test; a variable overrides it.
fn duration() -> Duration {
    let seconds = std::env::var("PHASELINE_CROWD_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// The two servers of the clients; none for a server that is down.
#[derive(Clone, Debug, Default)]
struct Servers(Arc<[RwLock<Option<Client>>; 2]>);

impl Servers {
    fn at(&self, place: usize) -> Option<Client> {
        self.0[place].read().unwrap().clone()
    }

    fn put(&self, place: usize, service: Option<&ServiceProcess>) {
        *self.0[place].write().unwrap() = service.map(|service| Client::new(service.client.address()));
    }
}

fn serve(database: &TestDatabase) -> ServiceProcess {
    let service = ServiceProcess::start(&[], |command| {
        command.env("DATABASE_URL", database.url()).env("PHASELINE_LOG", "warn");
    });
    service.becomes_ready();
    service
}

/// Stops a server as an operator does.
fn stop(service: ServiceProcess) {
    let ran = service.stop("TERM").exits_with(0);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

/// Repeats commands that were refused after a lost response: the first request may have been in progress then. Now
/// nothing is, so the response is final.
async fn settle(writers: &mut [Writer], responses: &mut [Vec<Response>]) {
    for (writer, responses) in writers.iter_mut().zip(responses) {
        for doubtful in responses.iter_mut().filter(|response| response.is_doubtful()) {
            *doubtful = writer.execute(doubtful.command.clone(), false).await.settled();
        }
    }
}

/// Repeats some committed commands: the response is the first one again.
async fn repeat(writers: &mut [Writer], responses: &[Vec<Response>]) {
    for (writer, responses) in writers.iter_mut().zip(responses) {
        for done in responses.iter().filter(|response| response.is_done()).step_by(23) {
            let again = writer.execute(done.command.clone(), false).await;
            assert_eq!((again.status, again.place), (done.status, done.place), "{:?}", done.command);
            assert!(again.is_replayed, "{:?}", done.command);
        }
    }
}

#[test]
fn two_services_one_killed_lose_and_repeat_no_command() {
    let database = migrated();
    let mut audit = Audit::begin(&database, PROJECTS);
    let servers = Servers::default();
    let (first, second) = (serve(&database), serve(&database));
    servers.put(0, Some(&first));
    servers.put(1, Some(&second));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let begun = Instant::now();
    let until = begun + duration();
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| {
            let subject = format!("writer-{seed}");
            let writer = Writer::new(seed, token_of(&subject), subject, servers.clone(), audit.projects());
            runtime.spawn(writer.work(until))
        })
        .collect();
    let pause = |share: f64| {
        let moment = begun + duration().mul_f64(share);
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
    };
    pause(0.33);
    assert_eq!(first.stop("KILL").code, None);
    servers.put(0, None);
    pause(0.66);
    let first = serve(&database);
    servers.put(0, Some(&first));

    let (mut writers, mut responses): (Vec<Writer>, Vec<Vec<Response>>) =
        writers.into_iter().map(|writer| runtime.block_on(writer).unwrap()).unzip();
    // Abandoned requests may still run: in a service until it stops, in the database until its sessions end.
    stop(first);
    stop(second);
    eventually("nothing is under way", || {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.psql(others) == "0"
    });
    let third = serve(&database);
    servers.put(0, Some(&third));
    servers.put(1, Some(&third));
    runtime.block_on(settle(&mut writers, &mut responses));
    audit.note_position();
    runtime.block_on(repeat(&mut writers, &responses));
    stop(third);

    let responses: Vec<Response> = responses.into_iter().flatten().collect();
    eprintln!("{}", writer::summary(&writers, &responses));
    writer::assert_coverage(&writers, &responses);
    runtime.block_on(audit.assert_each_command_once(&responses));
    audit.assert_timelines_cover_projects();
    assert!(on(&database, &["drift"]).exits_with(0).stdout.contains("NO DRIFT"));
    on(&database, &["verify"]).exits_with(0);
}

fn token_of(subject: &str) -> String {
    let args = ["--subject", subject, "--scope", "phases:read phases:write", "--quiet"];
    token(&args).exits_with(0).stdout.trim().to_owned()
}
