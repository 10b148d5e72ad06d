//! Statements of other sessions while a run waits, and their progress per attempt.

use futures_util::future::join_all;
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::progress::Progress;
use sqlx::{Connection, Executor, PgConnection};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Repeats statements, each in its own transaction. None may fail.
pub(super) struct ConcurrentStatements<'a> {
    database: &'a TestDatabase,
    statements: Vec<String>,
    is_over: AtomicBool,
    done: Vec<AtomicUsize>,
}

impl<'a> ConcurrentStatements<'a> {
    pub(super) fn new(database: &'a TestDatabase, statements: &[&str]) -> Self {
        Self {
            database,
            statements: statements.iter().map(ToString::to_string).collect(),
            is_over: AtomicBool::new(false),
            done: statements.iter().map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Runs all of them concurrently until `stop`.
    pub(super) async fn work(&self) {
        let each = self.statements.iter().zip(&self.done).map(|(statement, done)| async move {
            let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
            while !self.is_over.load(Ordering::SeqCst) {
                let result = connection.execute(sqlx::raw_sql(statement)).await;
                result.unwrap_or_else(|error| panic!("{statement}: {error}"));
                done.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        join_all(each).await;
    }

    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn statements(&self) -> &[String] {
        &self.statements
    }

    /// Executions of each.
    pub(super) fn done(&self) -> Vec<usize> {
        self.done.iter().map(|done| done.load(Ordering::SeqCst)).collect()
    }
}

/// Records the progress of the other statements at every attempt.
pub(super) struct Attempts<'a> {
    others: Option<&'a ConcurrentStatements<'a>>,
    seen: Mutex<Vec<Vec<usize>>>,
    steps: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
}

impl<'a> Attempts<'a> {
    pub(super) fn of(others: Option<&'a ConcurrentStatements<'a>>) -> Self {
        Self { others, seen: Mutex::default(), steps: Mutex::default(), notes: Mutex::default() }
    }

    /// The executions at each attempt of the last step.
    pub(super) fn seen(&self) -> Vec<Vec<usize>> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.notes.lock().unwrap().iter().any(|note| note.contains("waiting for the tables"))
    }

    pub(super) fn has_begun(&self, step: &str) -> bool {
        self.steps.lock().unwrap().iter().any(|begun| begun == step)
    }
}

impl Progress for Attempts<'_> {
    fn step(&self, name: &str, _total: Option<u64>) {
        self.steps.lock().unwrap().push(name.to_owned());
        self.seen.lock().unwrap().clear();
    }
    fn advance(&self, _done: u64) {}
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
    fn interrupted(&self) -> bool {
        if let Some(others) = self.others {
            self.seen.lock().unwrap().push(others.done());
        }
        false
    }
}
