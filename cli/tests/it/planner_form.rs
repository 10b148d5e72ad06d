//! The planner's form changes dates of projects while clients rename phases on two services, one of which is killed.

use crate::program::{eventually, migrated, on};
use crate::serve::ServiceProcess;
use crate::token::token;
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::http::Client;
use phaseline_tests::random::SeededRandom;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLIENTS: u64 = 4;
/// How often the form is saved.
const FORMS: usize = 60;

/// The services' addresses; the clients try them in turn.
type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

fn serve(database: &TestDatabase) -> ServiceProcess {
    let service = ServiceProcess::start(&[], |command| {
        command.env("DATABASE_URL", database.url()).env("PHASELINE_LOG", "warn");
    });
    service.becomes_ready();
    service
}

/// Renames a phase; repeats the request with its key at the next service until one has executed it.
async fn rename(addresses: &Addresses, token: &str, phase: &str, name: &str) {
    let mut statuses = Vec::new();
    for attempt in 0_usize.. {
        let address = {
            let addresses = addresses.lock().unwrap();
            addresses[attempt % addresses.len()]
        };
        let client = Client::new(address);
        let request = client.patch(&format!("/api/v1/phases/{phase}")).bearer(token);
        let sent = request
            .header("idempotency-key", &name.replace(' ', "-"))
            .json(&json!({ "name": name }))
            .try_send()
            .await;
        match sent.map(|response| response.status) {
            Ok(200) => return,
            // The row changes between two commits of the form, or the service was killed.
            Ok(status @ (409 | 503)) => statuses.push(status),
            Err(_) => statuses.push(0),
            Ok(status) => panic!("{name}: {status}"),
        }
        assert!(attempt < 200, "{name}: {statuses:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Renames phases until all forms are saved. Returns the acknowledged names.
async fn client(
    seed: u64,
    addresses: Addresses,
    token: String,
    phases: Arc<[String]>,
    saved: Arc<Mutex<usize>>,
) -> Vec<String> {
    let mut random = SeededRandom::new(seed);
    let mut names = Vec::new();
    while *saved.lock().unwrap() < FORMS {
        let name = format!("name {seed}-{}", names.len());
        rename(&addresses, &token, &random.one_of(&phases).unwrap(), &name).await;
        names.push(name);
    }
    names
}

/// Saves a project's new last date as the planner does: the project, then by its own rule the last phase, each in a commit of its own.
fn save_form(database: &TestDatabase, random: &mut SeededRandom, project: &str) {
    let days = random.within(1, 9);
    let read = format!(
        "SELECT id, greatest(start_date, CASE WHEN {days} < 5 THEN end_date - {days} ELSE end_date + {days} END)
           FROM project_phases WHERE project_id = '{project}' ORDER BY end_date DESC LIMIT 1"
    );
    let read = database.psql(&read);
    let (phase, end) = read.split_once('|').unwrap();
    database.psql(&format!("UPDATE projects SET end_date = '{end}' WHERE id = '{project}'"));
    std::thread::sleep(Duration::from_millis(random.below(30)));
    database.psql(&format!(
        "UPDATE project_phases SET end_date = '{end}', updated_at = now() AT TIME ZONE 'UTC' WHERE id = '{phase}'"
    ));
}

#[test]
fn dates_of_the_form_and_commands_of_two_services_survive_a_kill() {
    let database = migrated();
    let lines = |query: &str| database.psql(query).lines().map(str::to_owned).collect::<Vec<_>>();
    let projects = lines("SELECT DISTINCT project_id FROM project_phases ORDER BY 1 LIMIT 4");
    let listed = projects.join("','");
    let phases: Arc<[String]> =
        lines(&format!("SELECT id FROM project_phases WHERE project_id IN ('{listed}') ORDER BY 1")).into();
    let token = token(&["--subject", "ada", "--scope", "phases:read phases:write", "--quiet"]);
    let token = token.exits_with(0).stdout.trim().to_owned();

    let (first, second) = (serve(&database), serve(&database));
    let addresses: Addresses = Arc::new(Mutex::new(vec![first.client.address(), second.client.address()]));
    let saved = Arc::new(Mutex::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            let (addresses, token) = (Arc::clone(&addresses), token.clone());
            runtime.spawn(client(seed, addresses, token, Arc::clone(&phases), Arc::clone(&saved)))
        })
        .collect();
    let mut random = SeededRandom::new(15);
    let mut first = Some(first);
    let mut restarted = None;
    for form in 0..FORMS {
        if form == FORMS / 3 {
            assert_eq!(first.take().unwrap().stop("KILL").code, None);
        }
        if form == FORMS * 2 / 3 {
            let service = serve(&database);
            addresses.lock().unwrap()[0] = service.client.address();
            restarted = Some(service);
        }
        let project = random.one_of(&projects).unwrap();
        save_form(&database, &mut random, &project);
        *saved.lock().unwrap() += 1;
    }
    let names: Vec<String> =
        clients.into_iter().flat_map(|client| runtime.block_on(client).unwrap()).collect();
    assert!(names.len() > FORMS, "{} names", names.len());

    // A command to each project takes in its last dates.
    for project in &projects {
        let phase =
            database.psql(&format!("SELECT id FROM project_phases WHERE project_id = '{project}' LIMIT 1"));
        runtime.block_on(rename(&addresses, &token, &phase, &format!("the end of {project}")));
    }
    restarted.unwrap().stop("TERM").exits_with(0);
    second.stop("TERM").exits_with(0);
    eventually("nothing is under way", || {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.psql(others) == "0"
    });

    let written =
        lines("SELECT payload::json ->> 'name' FROM phaseline.events WHERE event_type = 'PhaseRenamed'");
    for name in &names {
        assert_eq!(written.iter().filter(|written| *written == name).count(), 1, "{name}");
    }
    let taken_in = database.psql(
        "SELECT count(*) FROM phaseline.events WHERE event_type = 'TimelineRescheduled'
            AND metadata::json ->> 'source' = 'planner'",
    );
    assert!(taken_in.parse::<usize>().unwrap() > FORMS / 4, "{taken_in} of {FORMS} dates became events");
    assert!(on(&database, &["drift"]).exits_with(0).stdout.contains("NO DRIFT"));
    on(&database, &["verify"]).exits_with(0);
}
