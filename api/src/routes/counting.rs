//! Counts assignments for many requests at once: after a group of commands is committed, all of them want to tell how many
//! assignments each phase has, and one query answers all.

use super::read::{AssignmentDays, assignment_days_of};
use crate::problem::{Problem, internal};
use phaseline_domain::ProjectId;
use sqlx::PgPool;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many may wait to be taken; more wait to wait.
const WAITING: usize = 1024;

/// How many are counted by one query at most.
const TOGETHER: usize = 256;

/// How many queries run at the same time: one about a very large project does not hold up all others.
const QUERIES: usize = 4;

/// How often the task lets others run before it looks whether more requests came.
const YIELDS: usize = 3;

type Counted = Result<AssignmentDays, Box<Problem>>;

/// Somebody who wants to know.
struct Ask {
    project: ProjectId,
    reply: oneshot::Sender<Counted>,
}

/// The way to the task that counts; it is started when it is first needed, and ends with the service.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    sender: Mutex<Option<mpsc::Sender<Ask>>>,
}

impl Counting {
    /// How many assignments a project has on each day.
    pub(crate) async fn of(&self, pool: &PgPool, project: ProjectId) -> Counted {
        let (reply, answer) = oneshot::channel();
        let sender = {
            let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            match &*sender {
                Some(running) if !running.is_closed() => running.clone(),
                _ => {
                    let (new, asks) = mpsc::channel(WAITING);
                    tokio::spawn(run(pool.clone(), asks));
                    sender.insert(new).clone()
                }
            }
        };
        let gone = || Box::new(internal());
        sender.send(Ask { project, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn run(pool: PgPool, mut asks: mpsc::Receiver<Ask>) {
    let queries = Arc::new(Semaphore::new(QUERIES));
    while let Some(first) = asks.recv().await {
        // While all queries are busy, more come together.
        let Ok(query) = Arc::clone(&queries).acquire_owned().await else { return };
        let mut together = vec![first];
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
            while together.len() < TOGETHER
                && let Ok(next) = asks.try_recv()
            {
                together.push(next);
            }
        }
        let pool = pool.clone();
        tokio::spawn(async move {
            count(&pool, together).await;
            drop(query);
        });
    }
}

async fn count(pool: &PgPool, asks: Vec<Ask>) {
    let projects: BTreeSet<ProjectId> = asks.iter().map(|ask| ask.project).collect();
    let projects: Vec<ProjectId> = projects.into_iter().collect();
    let counted: Result<HashMap<ProjectId, AssignmentDays>, _> = assignment_days_of(pool, &projects).await;
    for ask in asks {
        let answer = match &counted {
            Ok(counted) => Ok(counted.get(&ask.project).cloned().unwrap_or_default()),
            Err(problem) => Err(problem.clone()),
        };
        // Nobody waits any more: nothing is lost.
        let _ = ask.reply.send(answer);
    }
}
