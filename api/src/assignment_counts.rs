//! Counts assignments for many requests by one query: the responses to commands that were committed together all need the counts.

use crate::problem::{Problem, internal, of_read};
use phaseline_domain::{DateRange, ProjectId};
use phaseline_projections::planner_view::{self, DatesOfProject};
use phaseline_store::Sessions;
use phaseline_store::batcher::{Batcher, Jobs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Concurrent queries while one of them is slow: one for a very large project does not delay all others.
const SLOW_QUERIES: usize = 3;

/// How long the next query waits for the running one. Few large queries cost less than many small ones, above all behind a pooler, where
/// each repeats the settings of its transaction. A query for the projects of 64 requests takes 1 ms to 4 ms.
const PATIENCE: Duration = Duration::from_millis(10);

/// Upper bound on the dates of one query, unless one request has more.
const MOST_DATES: usize = 10_000;

type CountResult = Result<Vec<i64>, Box<Problem>>;

/// A request for the counts on dates of a project.
#[derive(Debug)]
struct CountRequest {
    project: ProjectId,
    dates: Vec<DateRange>,
    reply: oneshot::Sender<CountResult>,
}

/// Batches requests for one task, which the first request starts and which ends with the service.
#[derive(Debug, Default)]
pub(crate) struct AssignmentCounts {
    requests: Batcher<CountRequest>,
}

impl AssignmentCounts {
    /// The number of assignments of a project on each of these dates.
    pub(crate) async fn of(
        &self,
        sessions: &Sessions,
        project: ProjectId,
        dates: Vec<DateRange>,
    ) -> CountResult {
        if dates.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let gone = || Box::new(internal());
        let task = |requests| run(sessions.clone(), requests);
        self.requests.send(CountRequest { project, dates, reply }, task).await.map_err(|_| gone())?;
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

async fn count(sessions: &Sessions, mut requests: Vec<CountRequest>) {
    while !requests.is_empty() {
        let mut dates = 0;
        let fitting = requests.iter().take_while(|request| {
            dates += request.dates.len();
            dates <= MOST_DATES
        });
        let number = fitting.count().max(1);
        let later = requests.split_off(number);
        count_at_once(sessions, requests).await;
        requests = later;
    }
}

/// Counts for these requests by one query. Those for the same dates of a project, as after commands to one timeline, share counts.
async fn count_at_once(sessions: &Sessions, mut requests: Vec<CountRequest>) {
    requests.sort_by_key(|request| request.project);
    let mut wanted: Vec<DatesOfProject> = Vec::new();
    // Where the counts of each request begin.
    let mut starts: Vec<usize> = Vec::with_capacity(requests.len());
    let mut before: Option<&CountRequest> = None;
    for request in &requests {
        let (project, dates) = (request.project, &request.dates);
        let is_same = |before: &CountRequest| before.project == project && before.dates == *dates;
        let start = match starts.last() {
            Some(start) if before.is_some_and(is_same) => *start,
            _ => wanted.len(),
        };
        if start == wanted.len() {
            wanted.extend(dates.iter().map(|dates| DatesOfProject { project, dates: *dates }));
        }
        starts.push(start);
        before = Some(request);
    }
    let counted = planner_view::assignment_counts(sessions, &wanted).await.map_err(of_read);
    for (request, start) in requests.into_iter().zip(starts) {
        let answer = match &counted {
            Ok(counts) => Ok(counts.iter().skip(start).take(request.dates.len()).copied().collect()),
            Err(problem) => Err(problem.clone()),
        };
        // The receiver may be gone: its request was cancelled.
        let _ = request.reply.send(answer);
    }
}
