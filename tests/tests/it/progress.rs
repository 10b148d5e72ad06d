//! The progress of plan, migrate, verify, rebuild, drift and rollback: long steps report how much of how much is done.

use crate::fixture::{handle, migrate_options, operator, sample};
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::plan::{PlanOptions, plan_watched};
use phaseline_migrator::progress::Progress;
use phaseline_migrator::rollback::{self, RollbackOptions, rollback};
use phaseline_migrator::verify::verify;
use phaseline_projections::FoldedLog;
use phaseline_projections::drift::find_drift_watched;
use phaseline_projections::rebuild::{RebuildOptions, rebuild};
use phaseline_store::Metadata;
use std::sync::Mutex;
use std::time::Duration;

/// Enough rows for several reports.
const ASSIGNMENTS: u64 = 30_000;

#[derive(Clone, Debug)]
struct RecordedStep {
    name: String,
    total: Option<u64>,
    done: Vec<u64>,
}

/// Records all that a run reports.
#[derive(Default)]
struct ProgressRecorder(Mutex<Vec<RecordedStep>>);

impl Progress for ProgressRecorder {
    fn step(&self, name: &str, total: Option<u64>) {
        self.0.lock().unwrap().push(RecordedStep { name: name.to_owned(), total, done: Vec::new() });
    }

    fn total(&self, total: u64) {
        let mut steps = self.0.lock().unwrap();
        let step = steps.last_mut().expect("a step has begun");
        assert_eq!(step.total.replace(total), None, "{step:?}");
    }

    fn advance(&self, done: u64) {
        self.0.lock().unwrap().last_mut().expect("a step has begun").done.push(done);
    }

    fn note(&self, text: &str) {
        panic!("{text}");
    }
}

impl ProgressRecorder {
    /// Fails unless these steps were counted from their beginning to their end, and all others that were counted, too.
    #[track_caller]
    fn counted(&self, command: &str, names: &[&str]) {
        let steps = std::mem::take(&mut *self.0.lock().unwrap());
        for step in &steps {
            let Some(total) = step.total else { continue };
            assert!(
                step.done.is_sorted() && step.done.iter().all(|done| *done <= total),
                "{command}: {step:?}"
            );
            assert_eq!(step.done.last(), Some(&total), "{command}: {step:?}");
        }
        for name in names {
            let step = steps.iter().find(|step| step.name == *name);
            let step = step.unwrap_or_else(|| panic!("{command} has no step {name:?}: {steps:?}"));
            assert!(step.total.is_some_and(|total| total > 0), "{command}: {step:?}");
        }
        // A step over all assignments tells of its middle, too.
        for step in steps.iter().filter(|step| step.total.is_some_and(|total| total > ASSIGNMENTS)) {
            assert!(step.done.len() >= 3, "{command}: {step:?}");
        }
    }
}

#[tokio::test]
async fn long_steps_of_every_run_count_up_to_their_total() {
    let database = sample(40, ASSIGNMENTS, 7);
    let handle = handle(database.url());
    let mut connection = handle.connect("test").await.unwrap();
    let watched = ProgressRecorder::default();

    plan_watched(&mut connection, &PlanOptions::default(), &watched).await.unwrap();
    watched.counted("plan", &["reading the legacy tables"]);
    migrate(&handle, &migrate_options(), &watched).await.unwrap();
    watched.counted(
        "migrate",
        &["reading the legacy tables", "writing the log", "building the new project_phases"],
    );
    verify(&mut connection, &watched).await.unwrap();
    watched.counted("verify", &["reading the log", "comparing with the log"]);

    let reader = handle.connect("test").await.unwrap();
    let options =
        RebuildOptions { check: true, project: None, delete_unknown: false, metadata: Metadata::default() };
    rebuild(&mut connection, vec![reader], &options, &watched).await.unwrap();
    watched.counted("rebuild", &["folding the log", "comparing project_phases with it"]);
    watched.step("reading the log", None);
    let log = FoldedLog::read_whole(&mut connection, &watched).await.unwrap();
    watched.step("comparing with the log", None);
    find_drift_watched(&mut connection, &log, None, &watched).await.unwrap();
    watched.counted("drift", &["reading the log", "comparing with the log"]);

    rollback::plan_watched(&mut connection, &watched).await.unwrap();
    watched.counted("rollback --dry-run", &["reading the log"]);
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss: None };
    rollback(&handle, &options, &watched).await.unwrap();
    watched.counted(
        "rollback",
        &[
            "reading the log",
            "building the legacy project_phases",
            "building the legacy resource_assignments",
            "indexing the legacy resource_assignments",
        ],
    );
    verify(&mut connection, &watched).await.unwrap();
    watched.counted("verify", &["reading the log", "comparing with the log"]);
    plan_watched(&mut connection, &PlanOptions::default(), &watched).await.unwrap();
    watched.counted("plan", &["reading the legacy tables", "reading the log"]);
}
