//! The planner's backend at work: writers that note down what they were told is done, readers that look for what may
//! never be seen.

use crate::support::store;
use phaseline_domain::{PhaseId, ProjectId, Rule, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::shape::Shape;
use phaseline_migrator::status::status;
use phaseline_store::{ExecuteError, Metadata, StoreError};
use sqlx::{Connection, Executor, PgConnection, Row};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Who works there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worker {
    /// Books resources, in the form of whichever shape there is.
    Inserts,
    /// Moves bookings to another day.
    Redates,
    /// Cancels bookings.
    Deletes,
    /// Moves projects' ends, as long as the old shape is there.
    Moves,
    /// Gives phases money by SQL, as long as the old shape is there.
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

impl Desk {
    async fn work(&self, worker: Worker) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let mut commands_left = COMMANDS;
        while !self.is_closing.load(Ordering::SeqCst) {
            let number = self.number.fetch_add(1, Ordering::SeqCst);
            let goes_on = match worker {
                Worker::Inserts => self.insert(&mut connection, number).await,
                Worker::Redates => self.redate(&mut connection, number).await,
                Worker::Deletes => self.delete(&mut connection, number).await,
                Worker::Moves => self.move_project(&mut connection, number).await,
                Worker::Budgets => self.budget(&mut connection).await,
                Worker::Commands => self.command(number, &mut commands_left).await,
                Worker::Reads => self.read(&mut connection).await,
                Worker::Asks => self.ask(&mut connection).await,
            };
            self.count_turn(worker, goes_on);
            if !goes_on {
                break;
            }
            tokio::time::sleep(REST).await;
        }
    }

    fn count_turn(&self, worker: Worker, goes_on: bool) {
        let mut turns = self.turns.lock().unwrap();
        let turn = turns.entry(worker).or_default();
        *turn = (turn.0 + 1, !goes_on);
    }

    fn promise(&self, query: String, answer: String) {
        self.promised.lock().unwrap().insert(query, answer);
    }

    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// One statement in a transaction of its own, and the first column of its first row.
    async fn tell(&self, connection: &mut PgConnection, sql: &str) -> Told {
        match connection.fetch_optional(sqlx::raw_sql(sql)).await {
            Ok(row) => Told::Done(row.and_then(|row| row.get(0))),
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                if !matches!(code.as_deref(), Some("42703" | "23502")) {
                    self.wrong(format!("{sql}: {error} ({code:?})"));
                }
                Told::OtherShape
            }
        }
    }

    async fn insert(&self, connection: &mut PgConnection, number: usize) -> bool {
        let [resource, project, phase] = &self.model;
        let (id, day) = (Uuid::new_v4(), number % 28 + 1);
        let values = format!("'2031-03-{day:02}', 10, 50, 50, '{id}', now(), now()");
        let columns = "assignment_date, allocation_percentage, capital_percentage, expense_percentage, id, \
                       created_at, updated_at";
        let old = format!(
            "INSERT INTO public.resource_assignments (resource_id, project_id, project_phase_id, {columns})
             VALUES ('{resource}', '{project}', '{phase}', {values})"
        );
        let new = format!(
            "INSERT INTO public.resource_assignments (resource_id, project_id, {columns})
             VALUES ('{resource}', '{project}', {values})"
        );
        for sql in [&old, &new, &old] {
            if let Told::Done(_) = self.tell(connection, sql).await {
                let query =
                    format!("SELECT assignment_date::text FROM resource_assignments WHERE id = '{id}'");
                self.promise(query, format!("2031-03-{day:02}"));
                return true;
            }
        }
        self.wrong("an assignment fits into neither shape".to_owned());
        true
    }

    async fn redate(&self, connection: &mut PgConnection, number: usize) -> bool {
        let (id, day) = (&self.redate[number % self.redate.len()], number % 28 + 1);
        let sql = format!(
            "UPDATE public.resource_assignments SET assignment_date = '2032-05-{day:02}', updated_at = now()
              WHERE id = '{id}' RETURNING assignment_date::text"
        );
        if let Told::Done(Some(date)) = self.tell(connection, &sql).await {
            self.promise(
                format!("SELECT assignment_date::text FROM resource_assignments WHERE id = '{id}'"),
                date,
            );
        } else {
            self.wrong(format!("assignment {id} is gone"));
        }
        true
    }

    async fn delete(&self, connection: &mut PgConnection, number: usize) -> bool {
        let id = &self.delete[number % self.delete.len()];
        let sql = format!("DELETE FROM public.resource_assignments WHERE id = '{id}'");
        if let Told::Done(_) = self.tell(connection, &sql).await {
            let query = format!("SELECT count(*)::text FROM resource_assignments WHERE id = '{id}'");
            self.promise(query, "0".to_owned());
        }
        true
    }

    async fn move_project(&self, connection: &mut PgConnection, number: usize) -> bool {
        let id = &self.projects[number % self.projects.len()];
        let sql = format!(
            "UPDATE public.projects SET end_date = end_date + 1 WHERE id = '{id}'
                AND (SELECT version_num FROM public.alembic_version) = '976e6adbac6f' RETURNING end_date::text"
        );
        let Told::Done(date) = self.tell(connection, &sql).await else { return false };
        let Some(date) = date else { return false };
        self.promise(format!("SELECT end_date::text FROM projects WHERE id = '{id}'"), date);
        true
    }

    async fn budget(&self, connection: &mut PgConnection) -> bool {
        let (_, id) = &self.phases[0];
        let sql = format!(
            "UPDATE public.project_phases SET expense_budget = expense_budget + 1, total_budget = total_budget + 1
              WHERE id = '{id}' AND phase_type IS NOT NULL RETURNING expense_budget::text"
        );
        let Told::Done(Some(amount)) = self.tell(connection, &sql).await else { return false };
        self.promise(format!("SELECT expense_budget::text FROM project_phases WHERE id = '{id}'"), amount);
        true
    }

    /// Renames one phase and gives another one money, turn by turn, as long as there are commands left.
    async fn command(&self, number: usize, left: &mut usize) -> bool {
        let renames = number.is_multiple_of(2);
        let (project, phase) = if renames { &self.phases[1] } else { &self.phases[2] };
        let phase_id: PhaseId = phase.parse().unwrap();
        let command = if renames {
            TimelineCommand::RenamePhase { phase_id, name: format!("Name {number}") }
        } else {
            TimelineCommand::BudgetPhase {
                phase_id,
                capital_budget: 0.into(),
                expense_budget: number.into(),
                total_budget: None,
            }
        };
        let store = store(&self.url).await;
        match store.execute(project.parse::<ProjectId>().unwrap(), &command, Metadata::default()).await {
            Ok(committed) if renames => {
                // The old shape has no name: the log keeps it.
                let query = format!(
                    "SELECT payload::json ->> 'name' FROM phaseline.events WHERE position = {}",
                    committed.position
                );
                self.promise(query, format!("Name {number}"));
                *left -= 1;
            }
            Ok(_) => {
                let query = format!("SELECT expense_budget::text FROM project_phases WHERE id = '{phase}'");
                self.promise(query, format!("{number}.00"));
                *left -= 1;
            }
            Err(ExecuteError::Store(StoreError::NotAccepting | StoreError::NotInstalled)) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            // Before the very first migration there is no log to ask.
            Err(ExecuteError::Store(StoreError::Database(error)))
                if error.to_string().contains("phaseline.events") =>
            {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            // While it runs, the log knows of the run and not yet of the projects.
            Err(ExecuteError::Refused(refusal))
                if refusal.violations().iter().all(|broken| broken.rule == Rule::V16) =>
            {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => self.wrong(format!("{command:?}: {error} {error:?}")),
        }
        *left > 0
    }

    async fn read(&self, connection: &mut PgConnection) -> bool {
        let untouched = self.untouched.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
        for (sql, expected) in [
            ("SELECT count(*)::text FROM public.project_phases".to_owned(), self.phase_rows.clone()),
            (
                format!("SELECT count(*)::text FROM public.resource_assignments WHERE id IN ({untouched})"),
                self.untouched.len().to_string(),
            ),
        ] {
            match self.tell(connection, &sql).await {
                Told::Done(found) if found.as_ref() == Some(&expected) => {}
                Told::Done(found) => self.wrong(format!("{sql:.80}: {found:?} instead of {expected}")),
                Told::OtherShape => self.wrong(format!("{sql:.80}: a missing column")),
            }
        }
        let old = "SELECT count(phase_type)::text FROM public.project_phases";
        let linked = "SELECT count(project_phase_id)::text FROM public.resource_assignments";
        let new = "SELECT count(start_date)::text FROM public.project_phases WHERE name IS NOT NULL";
        for (sql, shape) in [(old, 0), (linked, 0), (new, 1)] {
            if let Told::Done(_) = self.tell(connection, sql).await {
                self.seen.lock().unwrap()[shape] = true;
            }
        }
        true
    }

    /// One snapshot is of one shape.
    async fn ask(&self, connection: &mut PgConnection) -> bool {
        match status(connection).await {
            Ok(status) if status.shape == Shape::Unknown => self.wrong(format!("half a shape: {status:?}")),
            Ok(_) => {}
            Err(error) => self.wrong(format!("status: {error} {error:?}")),
        }
        true
    }
}
