//! The clients: each has its own connection, and sends one change after the other. Of ten changes four are a phase's
//! budget, three a phase's name, and three the project's whole list with other days and budgets.

use super::statistics::Counters;
use chrono::{DateTime, Days, NaiveDate, Utc};
use phaseline_api::auth::{ScopeSet, TokenRequest};
use phaseline_tests::http::{Client, RequestBuilder};
use phaseline_tests::random::SeededRandom;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The number of clients.
pub(crate) const CLIENTS: u64 = 64;

/// The secret of their tokens.
pub(crate) const SECRET: &[u8] = b"the secret of a measurement, long enough";

/// A project: its dates, and the phases that stay.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Project {
    id: Uuid,
    start_date: NaiveDate,
    end_date: NaiveDate,
    phases: Vec<Uuid>,
}

/// Some projects that have phases.
pub(crate) async fn projects(connection: &mut PgConnection, count: u32) -> Arc<[Project]> {
    let found: Vec<Project> = sqlx::query_as(
        "SELECT p.id, p.start_date, p.end_date, array_agg(ph.id ORDER BY ph.start_date) AS phases
           FROM projects p JOIN project_phases ph ON ph.project_id = p.id GROUP BY p.id ORDER BY p.id LIMIT $1",
    )
    .bind(i64::from(count))
    .fetch_all(connection)
    .await
    .unwrap();
    assert_eq!(found.len(), count as usize);
    found.into()
}

impl Project {
    /// One of the changes that users make.
    fn change<'a>(&self, client: &'a Client, random: &mut SeededRandom, number: u64) -> RequestBuilder<'a> {
        let phase = format!("/api/v1/phases/{}", random.one_of(&self.phases).unwrap());
        match random.below(10) {
            0..4 => client.patch(&phase).json(&json!({
                "capital_budget": random.below(1_000_000).to_string(),
                "expense_budget": random.below(1_000_000).to_string(),
            })),
            4..7 => client.patch(&phase).json(&json!({ "name": format!("Phase after change {number}") })),
            _ => client.post(&format!("/api/v1/projects/{}/phases/batch", self.id)).json(&self.batch(random)),
        }
    }

    /// The list of phases, with other days and budgets than before.
    fn batch(&self, random: &mut SeededRandom) -> Value {
        let days = (self.end_date - self.start_date).num_days() as u64;
        let count = self.phases.len() as u64;
        let edges: Vec<NaiveDate> = (0..count)
            .map(|at| {
                // Each phase starts at a random date in its share of the project.
                let (low, high) = (days * at / count, days * (at + 1) / count);
                let plus = if at == 0 { 0 } else { (low + random.below(high - low)).max(at) };
                self.start_date + Days::new(plus)
            })
            .collect();
        let phases = self.phases.iter().enumerate().map(|(at, id)| {
            let end = edges.get(at + 1).map_or(self.end_date, |next| *next - Days::new(1));
            let (capital, expense) = (random.below(1_000_000), random.below(1_000_000));
            json!({ "id": id, "name": format!("Phase {}", at + 1), "start_date": edges[at], "end_date": end,
                "capital_budget": capital.to_string(), "expense_budget": expense.to_string(),
                "total_budget": (capital + expense).to_string() })
        });
        json!({ "phases": phases.collect::<Vec<_>>() })
    }
}

/// All running clients.
pub(crate) struct RunningClients {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl RunningClients {
    pub(crate) fn begin(address: SocketAddr, projects: &Arc<[Project]>, counters: &Arc<Counters>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for seed in 0..CLIENTS {
            let (projects, counters, stop) = (Arc::clone(projects), Arc::clone(counters), Arc::clone(&stop));
            tasks.spawn(work(seed, address, projects, counters, stop));
        }
        Self { stop, tasks }
    }

    pub(crate) async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn work(
    seed: u64,
    address: SocketAddr,
    projects: Arc<[Project]>,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
) {
    let (client, mut random, mut number) = (Client::new(address), SeededRandom::new(seed), 0_u64);
    let token = token(&format!("client-{seed}"));
    while !stop.load(Ordering::Relaxed) {
        let project = random.one_of(&projects).unwrap();
        number += 1;
        let request = project.change(&client, &mut random, number);
        let request = request.bearer(&token).header("idempotency-key", &number.to_string());
        let begun = Instant::now();
        let status = request.try_send().await.map_or(0, |response| response.status);
        counters.count(begun.elapsed(), status);
    }
}

fn token(subject: &str) -> String {
    let request = TokenRequest {
        subject: subject.to_owned(),
        scopes: Some("phases:read phases:write".parse::<ScopeSet>().unwrap()),
        projects: None,
        expires_at: DateTime::<Utc>::from(SystemTime::now() + Duration::from_secs(24 * 3600)),
        audience: None,
        issuer: None,
    };
    request.sign(SECRET).unwrap()
}
