//! Changes after a run has read: assignments during a migration, rows that make a rollback start again.

use super::SqlAtStep;
use crate::fixture::{assert_verified, handle, migrate_options, migrated, operator, rolled_back, sample};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use sqlx::{Connection, Executor, PgConnection};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The links of assignments that were inserted or changed while the log was written are restored in each round trip; a second attempt
/// names one that refers to another project's phase, as an earlier one.
#[tokio::test]
async fn newer_assignments_keep_their_phases_again_and_again() {
    let database = sample(6, 60, 46);
    let links = || database.psql("SELECT id, project_phase_id FROM public.resource_assignments ORDER BY id");
    // An old transaction keeps the horizon back: all rows are candidates, and only some are newer.
    let mut old = PgConnection::connect(database.url()).await.unwrap();
    old.execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    database.psql("UPDATE public.resource_assignments SET updated_at = updated_at");
    for round in 0..3 {
        let meanwhile = SqlAtStep::new(
            &database,
            "locking the tables",
            "INSERT INTO public.resource_assignments SELECT resource_id, project_id, project_phase_id, assignment_date,
                    1, 50, 50, gen_random_uuid(), now(), now() FROM public.resource_assignments LIMIT 2;
             UPDATE public.resource_assignments ra SET project_phase_id =
                    (SELECT ph.id FROM public.project_phases ph WHERE ph.project_id = ra.project_id
                      ORDER BY ph.id = ra.project_phase_id LIMIT 1)
              WHERE id IN (SELECT id FROM public.resource_assignments ORDER BY created_at, id LIMIT 3);
             CREATE TABLE IF NOT EXISTS public.noted (id uuid, project_phase_id uuid);
             TRUNCATE public.noted;
             INSERT INTO public.noted SELECT id, project_phase_id FROM public.resource_assignments",
        );
        let done = migrate(&handle(database.url()), &migrate_options(), &meanwhile).await.unwrap();
        let counts = done.plan.counts;
        assert_eq!(counts.assignments, 60 + 2 * (round + 1));
        if round == 0 {
            assert_eq!(counts.links, 60 + 5, "all that was read, and what was newer, no more");
        }
        let notes = meanwhile.notes.into_inner().unwrap();
        assert!(matches!(notes.as_slice(), [note] if note.contains("newer rows are copied")), "{notes:?}");
        assert_verified(database.url()).await;
        rolled_back(database.url()).await;
        assert_verified(database.url()).await;
        assert_eq!(links(), database.psql("SELECT id, project_phase_id FROM public.noted ORDER BY id"));
    }
    let foreign = "UPDATE public.resource_assignments ra SET project_phase_id =
            (SELECT ph.id FROM public.project_phases ph WHERE ph.project_id <> ra.project_id ORDER BY ph.id LIMIT 1)
        WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 1)";
    let meanwhile = SqlAtStep::new(&database, "locking the tables", foreign);
    let done = migrate(&handle(database.url()), &migrate_options(), &meanwhile).await.unwrap();
    let notes = meanwhile.notes.into_inner().unwrap();
    assert!(matches!(notes.as_slice(), [note] if note.contains("starting again")), "{notes:?}");
    assert!(
        done.plan
            .anomalies
            .iter()
            .any(|found| format!("{:?}", found.code).contains("AssignmentForeignPhase"))
    );
}

/// Another definition each time.
const CHANGED_COMMENT: &str = "DO $$ BEGIN
    EXECUTE format('COMMENT ON TABLE public.project_phases IS %L', clock_timestamp()); END $$";

/// A change of a definition, which cannot be caught up with, makes a rollback start again without locks; after three times it locks the tables
/// first.
#[tokio::test]
async fn a_rollback_restarts_three_times_before_it_locks_the_tables() {
    for (times, restarts) in [(1, &["again"][..]), (3, &["again", "again", "again with the tables locked"])] {
        let database = sample(6, 60, 48);
        migrated(database.url()).await;
        let mut meanwhile = SqlAtStep::new(&database, "locking the tables", CHANGED_COMMENT);
        meanwhile.times = times.into();
        let options = RollbackOptions {
            lock_timeout: Duration::from_secs(60),
            operator: operator(),
            accept_loss: None,
        };
        rollback(&handle(database.url()), &options, &meanwhile).await.unwrap();
        let notes = meanwhile.notes.into_inner().unwrap();
        let expected: Vec<String> = restarts
            .iter()
            .map(|how| format!("the definition of project_phases changed meanwhile; starting {how}"))
            .collect();
        assert_eq!(notes, expected);
        assert_verified(database.url()).await;
    }
}

/// Changes phases in the first two attempts of a migration.
struct BusyTables<'a> {
    database: &'a TestDatabase,
    /// What another session does while the third attempt writes the log.
    beside_third: &'static str,
    attempts: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

impl Progress for BusyTables<'_> {
    fn step(&self, name: &str, _total: Option<u64>) {
        let attempts = self.attempts.load(Ordering::SeqCst);
        match name {
            "writing the log" => {
                self.attempts.fetch_add(1, Ordering::SeqCst);
                if attempts == 2 {
                    self.database.psql(self.beside_third);
                }
            }
            "locking the tables" if attempts <= 2 => {
                self.database.psql("UPDATE public.project_phases SET updated_at = updated_at");
            }
            _ => {}
        }
    }
    fn advance(&self, _done: u64) {}
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
}

/// After two attempts a migration keeps writers out while it reads; readers continue.
#[tokio::test]
async fn readers_continue_in_the_last_attempt_of_a_migration() {
    let database = sample(6, 60, 49);
    let busy = BusyTables {
        database: &database,
        beside_third: "SET lock_timeout = '5s'; SELECT count(*) FROM public.project_phases;
                       SELECT count(*) FROM public.resource_assignments",
        attempts: AtomicUsize::new(0),
        notes: Mutex::default(),
    };
    migrate(&handle(database.url()), &migrate_options(), &busy).await.unwrap();
    assert_eq!(
        busy.notes.into_inner().unwrap(),
        [
            "project_phases changed meanwhile; starting again",
            "project_phases changed meanwhile; starting again with writers locked out"
        ]
    );
    assert_eq!(busy.attempts.into_inner(), 3);
    assert_verified(database.url()).await;
}
