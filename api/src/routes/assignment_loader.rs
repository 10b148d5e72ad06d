//! Counts assignments for many requests at once: after a group of commands is committed, all of them want to tell how many
//! assignments each phase has, and one query answers all.

use super::project_view::problem;
use crate::problem::{Problem, internal};
use phaseline_domain::ProjectId;
use phaseline_projections::planner_view::{self, AssignmentDays};
use phaseline_store::batcher::{Batcher, Jobs};
use sqlx::PgPool;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// How many queries run at the same time: one about a very large project does not hold up all others.
const QUERIES: usize = 4;

type Counted = Result<AssignmentDays, Box<Problem>>;

/// One request for the counts of a project.
#[derive(Debug)]
struct Ask {
    project: ProjectId,
    reply: oneshot::Sender<Counted>,
}

/// The way to the task that counts; it is started when it is first needed, and ends with the service.
#[derive(Debug, Default)]
pub(crate) struct AssignmentCountLoader {
    requests: Batcher<Ask>,
}

impl AssignmentCountLoader {
    /// How many assignments a project has on each day.
    pub(crate) async fn of(&self, pool: &PgPool, project: ProjectId) -> Counted {
        let (reply, answer) = oneshot::channel();
        let gone = || Box::new(internal());
        let task = |asks| run(pool.clone(), asks);
        self.requests.send(Ask { project, reply }, task).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn run(pool: PgPool, mut asks: Jobs<Ask>) {
    let queries = Arc::new(Semaphore::new(QUERIES));
    while let Some(first) = asks.next().await {
        // While all queries are busy, more arrive for the next one.
        let Ok(query) = Arc::clone(&queries).acquire_owned().await else { return };
        let batch = asks.batch(first).await;
        let pool = pool.clone();
        tokio::spawn(async move {
            count(&pool, batch).await;
            drop(query);
        });
    }
}

async fn count(pool: &PgPool, asks: Vec<Ask>) {
    let projects: BTreeSet<ProjectId> = asks.iter().map(|ask| ask.project).collect();
    let projects: Vec<ProjectId> = projects.into_iter().collect();
    let counted: Result<HashMap<ProjectId, AssignmentDays>, _> =
        planner_view::assignment_days(pool, &projects).await.map_err(problem);
    for ask in asks {
        let answer = match &counted {
            Ok(counted) => Ok(counted.get(&ask.project).cloned().unwrap_or_default()),
            Err(problem) => Err(problem.clone()),
        };
        // Nobody waits any more: nothing is lost.
        let _ = ask.reply.send(answer);
    }
}
