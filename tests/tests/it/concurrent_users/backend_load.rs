//! Load of the planner's backend: writers that record acknowledged writes, readers that detect states that
//! must not be visible.

mod operations;

use phaseline_embedded::testing::TestDatabase;
use sqlx::{Connection, Executor, PgConnection, Row};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The kinds of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worker {
    /// Inserts assignments, in the columns of the current shape.
    Inserts,
    /// Changes dates of assignments.
    Redates,
    /// Deletes assignments.
    Deletes,
    /// Moves projects' ends, in the legacy shape.
    Moves,
    /// Changes budgets by SQL, in the legacy shape.
    Budgets,
    /// Executes commands.
    Commands,
    /// Reads the tables, both shapes' columns.
    Reads,
    /// Reads the status.
    ReadsStatus,
}

impl Worker {
    pub(super) const ALL: [Self; 8] = [
        Self::Inserts,
        Self::Redates,
        Self::Deletes,
        Self::Moves,
        Self::Budgets,
        Self::Commands,
        Self::Reads,
        Self::ReadsStatus,
    ];
}

/// Commands per start: each lets a running rollback start again.
const COMMANDS: usize = 8;

/// The pause between two operations of one worker, so that the run gets its share of the machine.
const PAUSE: Duration = Duration::from_millis(2);

/// The result of a worker's statement.
enum WriteResult {
    Done(Option<String>),
    /// A column of the other shape, or one that this shape demands.
    OtherShape,
}

/// Concurrent workers on one database.
#[derive(Clone)]
pub(super) struct BackendLoad {
    state: Arc<LoadState>,
}

struct LoadState {
    url: String,
    /// Assignments, by their operations.
    untouched: Vec<String>,
    redate: Vec<String>,
    delete: Vec<String>,
    /// Resource, project and phase of an assignment to be copied.
    model: [String; 3],
    projects: Vec<String>,
    /// A phase that SQL budgets, one that commands rename, one that commands budget.
    phases: [(String, String); 3],
    phase_rows: String,
    is_stopping: AtomicBool,
    /// Operations of each worker, and whether it has ended.
    operations: Mutex<BTreeMap<Worker, (usize, bool)>>,
    failures: Mutex<Vec<String>>,
    seen: Mutex<[bool; 2]>,
    refused: AtomicUsize,
    number: AtomicUsize,
    /// Acknowledged writes: a query, and its expected result.
    acknowledged: Mutex<BTreeMap<String, String>>,
}

fn rows(database: &TestDatabase, sql: &str) -> Vec<String> {
    database.psql(sql).lines().map(str::to_owned).collect()
}

impl BackendLoad {
    pub(super) fn new(database: &TestDatabase) -> Self {
        let mut free = rows(
            database,
            "SELECT id FROM resource_assignments ra
              WHERE NOT EXISTS (SELECT FROM actuals a WHERE a.resource_assignment_id = ra.id) ORDER BY id",
        );
        let untouched = free.split_off(80);
        let delete = free.split_off(40);
        let model = rows(
            database,
            "SELECT resource_id, project_id, project_phase_id FROM resource_assignments ORDER BY id LIMIT 1",
        );
        let phases = rows(database, "SELECT project_id, id FROM project_phases ORDER BY id LIMIT 3");
        let pair = |row: &String| {
            let (project, phase) = row.split_once('|').unwrap();
            (project.to_owned(), phase.to_owned())
        };
        let state = LoadState {
            url: database.url().to_owned(),
            untouched,
            redate: free,
            delete,
            model: model[0].split('|').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap(),
            projects: rows(database, "SELECT id FROM projects ORDER BY id"),
            phases: phases.iter().map(pair).collect::<Vec<_>>().try_into().unwrap(),
            phase_rows: database.psql("SELECT count(*) FROM project_phases"),
            is_stopping: AtomicBool::default(),
            operations: Mutex::default(),
            failures: Mutex::default(),
            seen: Mutex::default(),
            refused: AtomicUsize::default(),
            number: AtomicUsize::default(),
            acknowledged: Mutex::default(),
        };
        Self { state: Arc::new(state) }
    }

    pub(super) fn untouched(&self) -> &[String] {
        &self.state.untouched
    }

    pub(super) fn to_redate(&self) -> &[String] {
        &self.state.redate
    }

    /// Starts workers.
    pub(super) fn start(&self, workers: &[Worker]) -> Vec<JoinHandle<()>> {
        self.state.is_stopping.store(false, Ordering::SeqCst);
        *self.state.seen.lock().unwrap() = [false; 2];
        *self.state.operations.lock().unwrap() = workers.iter().map(|worker| (*worker, (0, false))).collect();
        let begin = |worker: Worker| {
            let state = Arc::clone(&self.state);
            tokio::spawn(async move { state.work(worker).await })
        };
        workers.iter().map(|worker| begin(*worker)).collect()
    }

    /// Stops the workers: each completes its last operation.
    pub(super) async fn stop(&self, workers: Vec<JoinHandle<()>>) {
        self.state.is_stopping.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.await.unwrap();
        }
    }

    /// Returns when every running worker has completed two more operations.
    pub(super) async fn every_worker_advances(&self) {
        let before = self.state.operations.lock().unwrap().clone();
        loop {
            let now = self.state.operations.lock().unwrap().clone();
            if now
                .iter()
                .all(|(worker, (operations, is_gone))| *is_gone || *operations >= before[worker].0 + 2)
            {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn saw_both_shapes(&self) -> bool {
        *self.state.seen.lock().unwrap() == [true; 2]
    }

    pub(super) fn refused_commands(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub(super) fn assert_no_failures(&self) {
        let failures = self.state.failures.lock().unwrap();
        assert!(
            failures.is_empty(),
            "{} things went wrong: {:#?}",
            failures.len(),
            &failures[..failures.len().min(10)]
        );
    }

    /// Fails unless every acknowledged write exists with its last acknowledged value.
    pub(super) async fn assert_acknowledged_writes_exist(&self) {
        let acknowledged = self.state.acknowledged.lock().unwrap().clone();
        assert!(acknowledged.len() > 20, "{acknowledged:?}");
        let mut connection = PgConnection::connect(&self.state.url).await.unwrap();
        for (query, expected) in acknowledged {
            let found = connection.fetch_optional(sqlx::raw_sql(&query)).await.unwrap();
            assert_eq!(found.map(|row| row.get(0)), Some(expected), "{query}");
        }
    }
}
