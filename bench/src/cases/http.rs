//! The service over real sockets: commands beside the same calls in process, and the planner's own routes beside the times
//! of the original service.

mod connection;

use super::load::{CommandTarget, Load, LoadResult, booked_fixture, fixture, metadata, run_clients, store};
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Figures, Measured, Rounds, alternate, milliseconds};
use crate::meter::Meter;
use crate::server::{Bench, connect, settle};
use connection::Connections;
use phaseline_api::auth::{Auth, Keys, ScopeSet, TokenRequest, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_api::{pool, server};
use phaseline_domain::{Neighbours, PhaseChanges, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::ProjectPhases;
use phaseline_store::{Request, Servers, TimelineStore};
use phaseline_tests::http::Client;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The medians of the original service, one client, in milliseconds, on a machine of this kind with a project of 50
/// phases. They cannot be measured here.
const ORIGINAL: [(&str, f64); 3] = [("http-validate", 6.6), ("http-list", 6.3), ("http-batch", 407.0)];

/// Connections of clients.
const CLIENTS: usize = 64;

/// Phases of the project in requests to the planner's routes.
const PHASES: i64 = 50;

/// The service in this process, with tokens.
pub(super) struct Service {
    address: SocketAddr,
    client: Client,
    token: String,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Service {
    pub(super) async fn start(url: &str) -> Result<Self> {
        let secret = b"a secret of the benchmark, long enough";
        let mut keys = Keys::default();
        keys.add_secret(secret).map_err(|error| BenchError::Failed(error.to_string()))?;
        let rules = TokenRules { default_scopes: ScopeSet::all(), ..TokenRules::default() };
        let settings = Settings { auth: Auth::Tokens { keys: keys.into(), rules }, ..Settings::default() };
        let token = TokenRequest {
            subject: "bench".to_owned(),
            scopes: None,
            projects: None,
            expires_at: chrono::Utc::now() + chrono::TimeDelta::days(1),
            audience: None,
            issuer: None,
        };
        let token = token.sign(secret).map_err(|error| BenchError::Failed(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(BenchError::io("a port"))?;
        let address = listener.local_addr().map_err(BenchError::io("a port"))?;
        let sessions = pool::connect(&Servers::one(url.parse()?), &settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server::serve(listener, sessions, settings, async move {
            let _ = stopped.await;
        }));
        Ok(Self { address, client: Client::new(address), token, stop, serving })
    }

    pub(super) async fn stop(self) -> Result<()> {
        let _ = self.stop.send(());
        self.serving.await.map_err(|error| BenchError::Failed(error.to_string()))
    }

    /// The commands of concurrent clients, each a PATCH of a phase.
    pub(super) async fn run_clients(&self, meter: Meter<'_>, load: &Load<'_>) -> Result<LoadResult> {
        let (connections, head) = (Connections::new(self.address), self.head());
        run_clients(meter, load, move |target, n| {
            let body = format!(r#"{{"name":"Phase {n}","capital_budget":"{n}"}}"#);
            let request = format!(
                "PATCH /api/v1/phases/{} HTTP/1.1\r\n{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                target.phase,
                body.len()
            );
            let connections = connections.clone();
            async move { connections.send(request.as_bytes()).await }
        })
        .await
    }

    /// The requests of concurrent clients, each for the phases of a project.
    pub(super) async fn run_readers(&self, meter: Meter<'_>, load: &Load<'_>) -> Result<LoadResult> {
        let (connections, head) = (Connections::new(self.address), self.head());
        run_clients(meter, load, move |target, _| {
            let request = format!("GET /api/v1/projects/{}/phases HTTP/1.1\r\n{head}\r\n", target.project);
            let connections = connections.clone();
            async move { connections.send(request.as_bytes()).await }
        })
        .await
    }

    /// The headers of every request.
    fn head(&self) -> String {
        format!("host: {}\r\nauthorization: Bearer {}\r\n", self.address, self.token)
    }

    /// The median of this number of requests, in milliseconds.
    async fn median(
        &self,
        meter: Meter<'_>,
        requests: u32,
        mut path_and_body: impl FnMut(u32) -> (String, Option<Value>),
    ) -> Result<Measured> {
        let mut took = Figures::default();
        let ((), spent) = meter
            .timed(async {
                for n in 0..requests {
                    let (path, body) = path_and_body(n);
                    let begun = Instant::now();
                    let request = match &body {
                        Some(body) => self.client.post(&path).json(body),
                        None => self.client.get(&path),
                    };
                    let response = request.bearer(&self.token).send().await;
                    took.0.push(milliseconds(begun.elapsed()));
                    expect(response.status, &response.body)?;
                }
                Ok(())
            })
            .await?;
        Ok(Measured::of(took.median(), requests.into(), spent))
    }
}

fn expect(status: u16, body: &[u8]) -> Result<()> {
    if status == 200 {
        return Ok(());
    }
    Err(BenchError::Failed(format!("the service returned {status}: {}", String::from_utf8_lossy(body))))
}

/// The commands, and the planner's own routes.
pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = fixture(bench).await?;
    let service = Service::start(database.url()).await?;
    let mut outcomes = vec![beside_in_process("http-64", bench, &database, &service, &targets).await?];
    outcomes.extend(planner(bench, &service, &targets).await?);
    service.stop().await?;
    Ok(outcomes)
}

/// The commands to projects with many assignments, which their responses count.
pub(super) async fn booked(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = booked_fixture(bench, bench.sizes.booked).await?;
    let service = Service::start(database.url()).await?;
    let outcome = beside_in_process("http-64-booked", bench, &database, &service, &targets).await?;
    service.stop().await?;
    Ok(vec![outcome])
}

async fn beside_in_process(
    case: &'static str,
    bench: &Bench,
    database: &TestDatabase,
    service: &Service,
    targets: &[CommandTarget],
) -> Result<CaseResult> {
    let (store, own_pool) = store(database.url()).await?;
    let [our_meter, their_meter] = bench.meters(case);
    let commands = bench.sizes.commands * 8;
    let load = |first| Load { targets, clients: CLIENTS, commands, first };
    let (mut first, mut own_first) = (1, 1 << 32);
    let (ours, theirs) = alternate(
        bench.rounds,
        async || {
            settle(&mut connect(database.url()).await?).await?;
            first += commands;
            Ok(service.run_clients(our_meter, &load(first)).await?.rate())
        },
        async || {
            settle(&mut connect(database.url()).await?).await?;
            own_first += commands;
            Ok(in_process(&store, their_meter, &load(own_first)).await?.rate())
        },
    )
    .await?;
    own_pool.close().await;
    let size = format!("{} timelines, {commands} commands a round, two events each", targets.len());
    Ok(CaseResult { ours, theirs, ..CaseResult::of(case, size, "every response is 200")? })
}

/// The same commands without HTTP.
async fn in_process(
    store: &TimelineStore<ProjectPhases>,
    meter: Meter<'_>,
    load: &Load<'_>,
) -> Result<LoadResult> {
    let store = store.clone();
    run_clients(meter, load, move |target, n| {
        let store = store.clone();
        async move {
            let changes = PhaseChanges {
                name: Some(format!("Phase {n}")),
                capital_budget: Some(Decimal::from(n)),
                ..PhaseChanges::default()
            };
            let command = TimelineCommand::ChangePhase {
                phase_id: target.phase,
                changes,
                neighbours: Neighbours::Adjust,
            };
            let done = store.submit(Request::new(target.project, command, metadata())).await;
            done.map(|_| ()).map_err(|error| BenchError::Failed(error.to_string()))
        }
    })
    .await
}

/// The planner's routes, about a project of 50 phases.
async fn planner(bench: &Bench, service: &Service, targets: &[CommandTarget]) -> Result<Vec<CaseResult>> {
    let target = targets.first().ok_or_else(|| BenchError::Failed("no timeline".to_owned()))?;
    let phases = format!("/api/v1/projects/{}/phases", target.project);
    let response = service.client.get(&phases).bearer(&service.token).send().await;
    expect(response.status, &response.body)?;
    let listed = response.json();
    let day = |at: usize, field: &str| {
        listed[at][field].as_str().and_then(|day| day.parse::<chrono::NaiveDate>().ok())
    };
    let last = listed.as_array().map_or(0, |all| all.len().saturating_sub(1));
    let (Some(start), Some(end)) = (day(0, "start_date"), day(last, "end_date")) else {
        return Err(BenchError::Failed(format!("the service lists no phases: {listed}")));
    };
    let first_day = |n: i64| start + chrono::TimeDelta::days((end - start).num_days() * n / PHASES);
    let mut all: Vec<Value> = (0..PHASES)
        .map(|n| {
            let last_day = if n + 1 == PHASES { end } else { first_day(n + 1) - chrono::TimeDelta::days(1) };
            json!({ "name": format!("Phase {n}"), "start_date": first_day(n), "end_date": last_day,
                    "capital_budget": "1.00", "expense_budget": "2.00", "total_budget": "3.00" })
        })
        .collect();
    let batch = format!("{phases}/batch");
    let made =
        service.client.post(&batch).bearer(&service.token).json(&json!({ "phases": all })).send().await;
    expect(made.status, &made.body)?;
    for (phase, made) in all.iter_mut().zip(made.json().as_array().into_iter().flatten()) {
        phase["id"] = made["id"].clone();
    }
    let requests = bench.sizes.requests;
    let mut outcomes = Vec::new();
    let mut save = 0;
    for (name, original) in ORIGINAL {
        let [meter, _] = bench.meters(name);
        let mut rounds = Rounds::default();
        for _ in 0..bench.rounds {
            let all = &all;
            rounds.push(match name {
                "http-list" => service.median(meter, requests, |_| (phases.clone(), None)).await?,
                "http-validate" => {
                    let path = format!("{phases}/validate");
                    service
                        .median(meter, requests, |_| (path.clone(), Some(Value::from(all.clone()))))
                        .await?
                }
                _ => {
                    service
                        .median(meter, requests / 4, |_| {
                            save += 1;
                            let mut renamed = all.clone();
                            renamed
                                .iter_mut()
                                .for_each(|phase| phase["name"] = json!(format!("Save {save}")));
                            (batch.clone(), Some(json!({ "phases": renamed })))
                        })
                        .await?
                }
            });
        }
        let size = format!("a project of {PHASES} phases, one client");
        let theirs = Rounds::figure(original);
        outcomes.push(CaseResult {
            ours: rounds,
            theirs,
            ..CaseResult::of(name, size, "every response is 200")?
        });
    }
    Ok(outcomes)
}
