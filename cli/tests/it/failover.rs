//! A service over a primary with a synchronous standby: the primary fails under load, and the standby is promoted.

use crate::program::{eventually, run};
use crate::serve::ServiceProcess;
use crate::several_servers::Servers;
use crate::token::token;
use phaseline_embedded::testing::{PgBouncer, PoolMode};
use phaseline_tests::http::Client;
use phaseline_tests::switching_proxy::SwitchingProxy;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 8;
/// The number of acknowledged commands before and after the failure.
const ENOUGH: usize = 200;

/// Clients that rename phases of a service until they are stopped.
struct Load {
    runtime: tokio::runtime::Runtime,
    clients: Vec<tokio::task::JoinHandle<Vec<String>>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl Load {
    fn on(service: &ServiceProcess, phases: &Arc<[String]>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let token = token(&["--subject", "ada", "--scope", "phases:read phases:write", "--quiet"]);
        let token: Arc<str> = token.exits_with(0).stdout.trim().into();
        let (stop, acknowledged) = (Arc::default(), Arc::default());
        let clients = (0..CLIENTS)
            .map(|client| {
                let client = LoadClient {
                    client,
                    address: service.client.address(),
                    token: Arc::clone(&token),
                    phases: Arc::clone(phases),
                    stop: Arc::clone(&stop),
                    acknowledged: Arc::clone(&acknowledged),
                };
                runtime.spawn(client.work())
            })
            .collect();
        Self { runtime, clients, stop, acknowledged }
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many more commands are acknowledged. Returns how long the first of them took.
    fn wait(&self, more: usize) -> Duration {
        let (begun, before) = (Instant::now(), self.acknowledged());
        eventually("a command is acknowledged", || self.acknowledged() > before);
        let first = begun.elapsed();
        eventually("commands are acknowledged", || self.acknowledged() >= before + more);
        first
    }

    /// The acknowledged names.
    fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| self.runtime.block_on(client).unwrap()).collect()
    }
}

struct LoadClient {
    client: usize,
    address: SocketAddr,
    token: Arc<str>,
    phases: Arc<[String]>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl LoadClient {
    /// Sends each command with its key until the service has executed it.
    async fn work(self) -> Vec<String> {
        let http = Client::new(self.address);
        let mut names = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let name = format!("name-{}-{}", self.client, names.len());
            let phase = &self.phases[(self.client + names.len()) % self.phases.len()];
            loop {
                let request = http.patch(&format!("/api/v1/phases/{phase}")).bearer(&self.token);
                let request = request.header("idempotency-key", &name).json(&json!({ "name": name }));
                let sent = tokio::time::timeout(Duration::from_secs(20), request.try_send()).await;
                match sent.ok().and_then(Result::ok).map(|response| response.status) {
                    Some(200) => break,
                    // The outcome is unknown, or the database is away.
                    None | Some(500..600) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Some(status) => panic!("{name}: {status}"),
                }
                if self.stop.load(Ordering::Relaxed) {
                    return names;
                }
            }
            names.push(name);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        names
    }
}

/// Fails unless the new primary has each acknowledged command once, and nothing else than commands.
fn assert_each_once(url: &str, servers: &Servers, names: &[String]) {
    let written = servers
        .standby
        .binaries()
        .psql(url, "SELECT payload::json ->> 'name' FROM phaseline.events WHERE event_type = 'PhaseRenamed'");
    let written = written.unwrap();
    let written: Vec<&str> = written.lines().collect();
    for name in names {
        assert_eq!(written.iter().filter(|written| *written == name).count(), 1, "{name}");
    }
    run(&["verify", "--database-url", url]).exits_with(0);
    run(&["drift", "--database-url", url]).exits_with(0);
}

fn phases(servers: &Servers) -> Arc<[String]> {
    servers.database.psql("SELECT id FROM project_phases ORDER BY id").lines().map(str::to_owned).collect()
}

fn serve(url: &str) -> ServiceProcess {
    let service = ServiceProcess::start(&[], |command| {
        command.env("DATABASE_URL", url).env("PHASELINE_LOG", "info");
    });
    service.becomes_ready();
    service
}

#[test]
fn no_acknowledged_command_is_lost_when_the_primary_dies() {
    let servers = Servers::start();
    servers.primary().wait_for_standby(true);
    let service = serve(&servers.url());
    let load = Load::on(&service, &phases(&servers));
    load.wait(ENOUGH);
    servers.primary().stop_immediate();
    servers.standby.promote();
    let first = load.wait(ENOUGH);
    eprintln!("the first command after the promotion was acknowledged after {first:?}");
    let names = load.stop();
    service.becomes_ready();
    service.stop("TERM").exits_with(0);
    assert_each_once(&servers.url(), &servers, &names);
}

#[test]
fn connections_that_hang_on_a_frozen_primary_are_left() {
    let servers = Servers::start();
    let proxy = SwitchingProxy::start(servers.primary().port());
    freezes_and_switches(&servers, &proxy, servers.standby.port());
}

/// Behind a pooler in front of each server.
#[test]
fn connections_through_a_pooler_that_hang_on_a_frozen_primary_are_left() {
    let servers = Servers::start();
    let standby = servers
        .database
        .url()
        .replace(&format!(":{}/", servers.primary().port()), &format!(":{}/", servers.standby.port()));
    let poolers = [servers.database.url(), &standby].map(|url| PgBouncer::start(url, PoolMode::Transaction));
    let [Some(before), Some(after)] = poolers else { return };
    let proxy = SwitchingProxy::start(before.port());
    freezes_and_switches(&servers, &proxy, after.port());
}

/// Freezes the primary under load, and sends its address to `promoted`.
fn freezes_and_switches(servers: &Servers, proxy: &SwitchingProxy, promoted: u16) {
    servers.primary().wait_for_standby(true);
    let url =
        servers.database.url().replace(&servers.primary().port().to_string(), &proxy.port().to_string());
    let service = serve(&url);
    let load = Load::on(&service, &phases(servers));
    load.wait(ENOUGH);
    servers.primary().freeze();
    servers.standby.promote();
    proxy.switch(promoted);
    let first = load.wait(ENOUGH);
    eprintln!("the first command after the switch was acknowledged after {first:?}");
    let names = load.stop();
    service.becomes_ready();
    service.stop("TERM").exits_with(0);
    let promoted = servers
        .database
        .url()
        .replace(&servers.primary().port().to_string(), &servers.standby.port().to_string());
    assert_each_once(&promoted, servers, &names);
}
