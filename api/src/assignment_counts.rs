//! Counts assignments for many requests by one query: the responses to commands that were committed together all need the counts.

use crate::problem::{Problem, internal, of_read};
use phaseline_domain::ProjectId;
use phaseline_projections::planner_view::{self, AssignmentDays};
use phaseline_store::Sessions;
use phaseline_store::batcher::{Batcher, Jobs};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Concurrent queries while one of them is slow: one for a very large project does not delay all others.
const SLOW_QUERIES: usize = 3;

/// How long the next query waits for the running one. Few large queries cost less than many small ones, above all behind a pooler, where
/// each repeats the settings of its transaction. A query for the projects of 64 requests takes 1 ms to 4 ms.
const PATIENCE: Duration = Duration::from_millis(10);

type CountResult = Result<AssignmentDays, Box<Problem>>;

/// A request for the counts of a project.
#[derive(Debug)]
struct CountRequest {
    project: ProjectId,
    reply: oneshot::Sender<CountResult>,
}

/// Batches requests for one task, which the first request starts and which ends with the service.
#[derive(Debug, Default)]
pub(crate) struct AssignmentCounts {
    requests: Batcher<CountRequest>,
}

impl AssignmentCounts {
    /// The number of assignments of a project on each day.
    pub(crate) async fn of(&self, sessions: &Sessions, project: ProjectId) -> CountResult {
        let (reply, answer) = oneshot::channel();
        let gone = || Box::new(internal());
        let task = |requests| run(sessions.clone(), requests);
        self.requests.send(CountRequest { project, reply }, task).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn run(sessions: Sessions, mut requests: Jobs<CountRequest>) {
    let [usual, slow] = [1, SLOW_QUERIES].map(|queries| Arc::new(Semaphore::new(queries)));
    while let Some(first) = requests.next().await {
        // While a query runs, more requests arrive for the next one.
        let query = match timeout(PATIENCE, Arc::clone(&usual).acquire_owned()).await {
            Ok(query) => query,
            Err(_) => Arc::clone(&slow).acquire_owned().await,
        };
        let Ok(query) = query else { return };
        let batch = requests.batch(first).await;
        let sessions = sessions.clone();
        tokio::spawn(async move {
            count(&sessions, batch).await;
            drop(query);
        });
    }
}

async fn count(sessions: &Sessions, requests: Vec<CountRequest>) {
    let projects: BTreeSet<ProjectId> = requests.iter().map(|request| request.project).collect();
    let projects: Vec<ProjectId> = projects.into_iter().collect();
    let counted: Result<HashMap<ProjectId, AssignmentDays>, _> =
        planner_view::assignment_days(sessions, &projects).await.map_err(of_read);
    for request in requests {
        let answer = match &counted {
            Ok(counted) => Ok(counted.get(&request.project).cloned().unwrap_or_default()),
            Err(problem) => Err(problem.clone()),
        };
        // The receiver may be gone: its request was cancelled.
        let _ = request.reply.send(answer);
    }
}
