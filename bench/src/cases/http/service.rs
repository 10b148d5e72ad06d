//! The service with tokens, in this process or in one of its own, and its clients.

use super::connection::Connections;
use crate::cases::commands::{CommandTarget, LoadResult, run_clients};
use crate::child::{ChildService, Listening, input_ended};
use crate::error::{BenchError, Result};
use crate::measure::Figures;
use crate::report::print;
use phaseline_api::auth::{Auth, Keys, ScopeSet, TokenRequest, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_api::{pool, server};
use phaseline_store::Servers;
use phaseline_tests::http::Client;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves until this process's input ends, and prints where.
pub(crate) async fn serve(url: &str) -> Result<()> {
    let service = Service::start(url).await?;
    let Listening { address, token } = service.listening();
    print(&format!("{address} {token}"));
    input_ended().await?;
    service.stop().await
}

/// A running service, and a token for it.
pub(in crate::cases) struct Service {
    client: Client,
    token: String,
    host: ServiceHost,
}

/// Where a service runs.
enum ServiceHost {
    ThisProcess { stop: oneshot::Sender<()>, serving: tokio::task::JoinHandle<()> },
    Child(ChildService),
}

impl Service {
    /// Starts one in this process.
    pub(in crate::cases) async fn start(url: &str) -> Result<Self> {
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
        Ok(Self { client: Client::new(address), token, host: ServiceHost::ThisProcess { stop, serving } })
    }

    /// Starts one in a process of its own.
    pub(super) async fn start_child(url: &str) -> Result<Self> {
        let (child, Listening { address, token }) = ChildService::start(url).await?;
        Ok(Self { client: Client::new(address), token, host: ServiceHost::Child(child) })
    }

    /// Where the service listens, and its token.
    fn listening(&self) -> Listening {
        Listening { address: self.client.address(), token: self.token.clone() }
    }

    /// The id of its process, if that is not this one.
    pub(super) fn process(&self) -> Option<u32> {
        match &self.host {
            ServiceHost::ThisProcess { .. } => None,
            ServiceHost::Child(child) => Some(child.id()),
        }
    }

    /// Stops it.
    pub(in crate::cases) async fn stop(self) -> Result<()> {
        match self.host {
            ServiceHost::ThisProcess { stop, serving } => {
                let _ = stop.send(());
                serving.await.map_err(|error| BenchError::Failed(error.to_string()))
            }
            ServiceHost::Child(child) => child.stop().await,
        }
    }

    /// The commands of concurrent clients, each a PATCH of a phase.
    pub(in crate::cases) async fn run_clients(
        &self,
        targets: &[CommandTarget],
        clients: usize,
        commands: u64,
        first: u64,
    ) -> Result<LoadResult> {
        let (connections, head) = (Connections::new(self.client.address()), self.head());
        run_clients(targets, clients, commands, first, move |target, n| {
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
    pub(in crate::cases) async fn run_readers(
        &self,
        targets: &[CommandTarget],
        clients: usize,
        requests: u64,
    ) -> Result<LoadResult> {
        let (connections, head) = (Connections::new(self.client.address()), self.head());
        run_clients(targets, clients, requests, 1, move |target, _| {
            let request = format!("GET /api/v1/projects/{}/phases HTTP/1.1\r\n{head}\r\n", target.project);
            let connections = connections.clone();
            async move { connections.send(request.as_bytes()).await }
        })
        .await
    }

    /// The headers of every request.
    fn head(&self) -> String {
        format!("host: {}\r\nauthorization: Bearer {}\r\n", self.client.address(), self.token)
    }

    /// The JSON of a GET, or of a POST with this body.
    pub(super) async fn json(&self, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = match body {
            Some(body) => self.client.post(path).json(body),
            None => self.client.get(path),
        };
        let response = request.bearer(&self.token).send().await;
        expect(response.status, &response.body)?;
        Ok(response.json())
    }

    /// The median of this number of requests, in milliseconds.
    pub(super) async fn median(
        &self,
        requests: u32,
        mut path_and_body: impl FnMut(u32) -> (String, Option<Value>),
    ) -> Result<f64> {
        let mut took: Vec<Duration> = Vec::new();
        for n in 0..requests {
            let (path, body) = path_and_body(n);
            let begun = Instant::now();
            let request = match &body {
                Some(body) => self.client.post(&path).json(body),
                None => self.client.get(&path),
            };
            let response = request.bearer(&self.token).send().await;
            took.push(begun.elapsed());
            expect(response.status, &response.body)?;
        }
        Ok(Figures(took.iter().map(|time| time.as_secs_f64() * 1000.0).collect()).median())
    }
}

fn expect(status: u16, body: &[u8]) -> Result<()> {
    if status == 200 {
        return Ok(());
    }
    Err(BenchError::Failed(format!("the service returned {status}: {}", String::from_utf8_lossy(body))))
}
