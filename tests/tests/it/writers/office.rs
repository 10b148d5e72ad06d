//! The planner's backend at work: writers that note down what they were told is done, readers that look for what may
//! never be seen.

mod turns;

use phaseline_embedded::testing::TestDatabase;
use sqlx::{Connection, Executor, PgConnection, Row};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Who works there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worker {
    /// Books resources, in the form of whichever shape there is.
    Inserts,
    /// Moves bookings to another day.
    Redates,
    /// Cancels bookings.
    Deletes,
    /// Moves projects' ends, as long as the legacy shape is there.
    Moves,
    /// Gives phases money by SQL, as long as the legacy shape is there.
    Budgets,
    /// Gives commands to a timeline.
    Commands,
    /// Reads the tables, both shapes' columns.
    Reads,
    /// Asks for the status.
    Asks,
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
        Self::Asks,
    ];
}

/// How many commands are given in one shift: each makes a rollback under way start anew.
const COMMANDS: usize = 8;

/// Between two turns of one worker, so that the run gets its share of the machine.
const REST: Duration = Duration::from_millis(2);

/// What a statement of a worker came to.
enum Told {
    Done(Option<String>),
    /// A column of the other shape, or one that this shape demands.
    OtherShape,
}

/// The office of one database.
#[derive(Clone)]
pub(super) struct Office {
    desk: Arc<Desk>,
}

struct Desk {
    url: String,
    /// Assignments, by what happens to them.
    untouched: Vec<String>,
    redate: Vec<String>,
    delete: Vec<String>,
    /// Resource, project and phase of an assignment to be copied.
    model: [String; 3],
    projects: Vec<String>,
    /// A phase that SQL gives money, one that commands rename, one that commands give money.
    phases: [(String, String); 3],
    phase_rows: String,
    is_closing: AtomicBool,
    /// Turns of each worker, and whether he has gone home.
    turns: Mutex<BTreeMap<Worker, (usize, bool)>>,
    wrong: Mutex<Vec<String>>,
    seen: Mutex<[bool; 2]>,
    refused: AtomicUsize,
    number: AtomicUsize,
    /// What must be there: a query, and its answer as it was last acknowledged.
    promised: Mutex<BTreeMap<String, String>>,
}

fn rows(database: &TestDatabase, sql: &str) -> Vec<String> {
    database.psql(sql).lines().map(str::to_owned).collect()
}

impl Office {
    pub(super) fn open(database: &TestDatabase) -> Self {
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
        let desk = Desk {
            url: database.url().to_owned(),
            untouched,
            redate: free,
            delete,
            model: model[0].split('|').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap(),
            projects: rows(database, "SELECT id FROM projects ORDER BY id"),
            phases: phases.iter().map(pair).collect::<Vec<_>>().try_into().unwrap(),
            phase_rows: database.psql("SELECT count(*) FROM project_phases"),
            is_closing: AtomicBool::default(),
            turns: Mutex::default(),
            wrong: Mutex::default(),
            seen: Mutex::default(),
            refused: AtomicUsize::default(),
            number: AtomicUsize::default(),
            promised: Mutex::default(),
        };
        Self { desk: Arc::new(desk) }
    }

    pub(super) fn untouched(&self) -> &[String] {
        &self.desk.untouched
    }

    pub(super) fn to_redate(&self) -> &[String] {
        &self.desk.redate
    }

    /// Begins a shift.
    pub(super) fn start(&self, workers: &[Worker]) -> Vec<JoinHandle<()>> {
        self.desk.is_closing.store(false, Ordering::SeqCst);
        *self.desk.seen.lock().unwrap() = [false; 2];
        *self.desk.turns.lock().unwrap() = workers.iter().map(|worker| (*worker, (0, false))).collect();
        let begin = |worker: Worker| {
            let desk = Arc::clone(&self.desk);
            tokio::spawn(async move { desk.work(worker).await })
        };
        workers.iter().map(|worker| begin(*worker)).collect()
    }

    /// Ends the shift: everybody hears what came of his last turn.
    pub(super) async fn close(&self, workers: Vec<JoinHandle<()>>) {
        self.desk.is_closing.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.await.unwrap();
        }
    }

    /// Returns when everybody who is there has done something more, two times.
    pub(super) async fn everyone_moves(&self) {
        let before = self.desk.turns.lock().unwrap().clone();
        loop {
            let now = self.desk.turns.lock().unwrap().clone();
            if now.iter().all(|(worker, (turns, is_gone))| *is_gone || *turns >= before[worker].0 + 2) {
                return;
            }
            tokio::time::sleep(REST).await;
        }
    }

    pub(super) fn saw_both_shapes(&self) -> bool {
        *self.desk.seen.lock().unwrap() == [true; 2]
    }

    pub(super) fn refused_commands(&self) -> usize {
        self.desk.refused.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub(super) fn assert_nothing_went_wrong(&self) {
        let wrong = self.desk.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} things went wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
    }

    /// Fails unless every acknowledged write is there as it was last acknowledged.
    pub(super) async fn assert_everything_is_there(&self) {
        let promised = self.desk.promised.lock().unwrap().clone();
        assert!(promised.len() > 20, "{promised:?}");
        let mut connection = PgConnection::connect(&self.desk.url).await.unwrap();
        for (query, answer) in promised {
            let found = connection.fetch_optional(sqlx::raw_sql(&query)).await.unwrap();
            assert_eq!(found.map(|row| row.get(0)), Some(answer), "{query}");
        }
    }
}
