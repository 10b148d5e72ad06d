//! Commands executed by disintegrate-postgres, as documented: a decision loads its state by a query and appends its event.
//!
//! Says `ready` when it is connected. Then it executes one load per line of its input, `CLIENTS COMMANDS`, and answers with
//! `DONE REFUSED`. It has no read model.

use disintegrate::serde::json::Json;
use disintegrate::{Decision, DecisionError, Event, NoSnapshot, StateMutate, StateQuery};
use disintegrate_postgres::{PgDecisionMaker, PgEventStore, decision_maker};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use std::convert::Infallible;
use std::error::Error;
use std::io::{BufRead, Write};
use uuid::Uuid;

/// As many as Phaseline's benchmark has.
const PHASES: usize = 1_000;
/// As many as the pool of postgres-es has, beside which the other cases run.
const CONNECTIONS: u32 = 10;

#[derive(Clone, Debug, PartialEq, Eq, Event, Serialize, Deserialize)]
#[stream(PhaseEvent, [PhaseRenamed, PhaseBudgeted])]
enum DomainEvent {
    PhaseRenamed {
        #[id]
        phase_id: Uuid,
        name: String,
    },
    PhaseBudgeted {
        #[id]
        phase_id: Uuid,
        capital_budget: u64,
        expense_budget: u64,
    },
}

#[derive(Clone, Debug, Default, StateQuery, Serialize, Deserialize)]
#[state_query(PhaseEvent)]
struct Phase {
    #[id]
    phase_id: Uuid,
    name: String,
    budget: u64,
}

impl StateMutate for Phase {
    fn mutate(&mut self, event: Self::Event) {
        match event {
            PhaseEvent::PhaseRenamed { name, .. } => self.name = name,
            PhaseEvent::PhaseBudgeted { capital_budget, expense_budget, .. } => {
                self.budget = capital_budget + expense_budget;
            }
        }
    }
}

/// The command number `n`: names and budgets in turn, each a different value, as those of Phaseline's benchmark.
#[derive(Clone, Copy, Debug)]
struct Change {
    phase_id: Uuid,
    n: u64,
}

impl Decision for Change {
    type Event = DomainEvent;
    type StateQuery = Phase;
    type Error = Infallible;

    fn state_query(&self) -> Self::StateQuery {
        Phase { phase_id: self.phase_id, ..Phase::default() }
    }

    fn process(&self, phase: &Self::StateQuery) -> Result<Vec<Self::Event>, Self::Error> {
        let Self { phase_id, n } = *self;
        let name = format!("Phase {n}");
        Ok(match n % 2 {
            0 if phase.name != name => vec![DomainEvent::PhaseRenamed { phase_id, name }],
            1 if phase.budget != n + 1 => {
                vec![DomainEvent::PhaseBudgeted { phase_id, capital_budget: n, expense_budget: 1 }]
            }
            _ => Vec::new(),
        })
    }
}

type Maker = PgDecisionMaker<DomainEvent, Json<DomainEvent>, NoSnapshot>;

/// Whether it was done; it is refused if another transaction came in between.
async fn execute(maker: &Maker, change: Change) -> Result<bool, Box<dyn Error + Send + Sync>> {
    match maker.make(change).await {
        Ok(events) => Ok(!events.is_empty()),
        Err(DecisionError::StateStore(error)) => match error.downcast_ref() {
            Some(disintegrate_postgres::Error::Concurrency) => Ok(false),
            Some(disintegrate_postgres::Error::Database(sqlx::Error::Database(found)))
                if found.code().is_some_and(|code| code == "40001" || code == "40P01") =>
            {
                Ok(false)
            }
            _ => Err(error),
        },
        Err(error) => Err(error.into()),
    }
}

/// The numbers of commands done and refused.
async fn load(
    maker: &Maker,
    phases: &[Uuid],
    clients: usize,
    numbers: std::ops::Range<u64>,
) -> Result<(u64, u64), Box<dyn Error + Send + Sync>> {
    let mut running = tokio::task::JoinSet::new();
    for client in 0..clients {
        let own: Vec<Uuid> = phases.iter().skip(client).step_by(clients).copied().collect();
        let (maker, numbers) = (maker.clone(), numbers.clone());
        running.spawn(async move {
            let (mut done, mut refused) = (0, 0);
            for (n, phase_id) in numbers.zip(own.into_iter().cycle()) {
                if execute(&maker, Change { phase_id, n }).await? { done += 1 } else { refused += 1 }
            }
            Ok::<_, Box<dyn Error + Send + Sync>>((done, refused))
        });
    }
    let mut all = (0, 0);
    while let Some(client) = running.join_next().await {
        let (done, refused) = client??;
        all = (all.0 + done, all.1 + refused);
    }
    Ok(all)
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = std::env::var("PHASELINE_PEER_URL")?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await?;
    let store = PgEventStore::try_new(pool, Json::<DomainEvent>::default()).await?;
    let maker = decision_maker(store, NoSnapshot);
    let phases: Vec<Uuid> = (0..PHASES).map(|_| Uuid::new_v4()).collect();
    say("ready")?;
    let mut first = 1;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (clients, commands) = line.split_once(' ').ok_or("CLIENTS COMMANDS are expected")?;
        let (clients, commands): (usize, u64) = (clients.parse()?, commands.parse()?);
        let share = commands / clients as u64;
        let (done, refused) = load(&maker, &phases, clients, first..first + share).await?;
        first += share;
        say(&format!("{done} {refused}"))?;
    }
    Ok(())
}
