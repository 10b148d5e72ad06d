//! Locks between sessions: runs exclude each other, readers and writers wait for the swap only, a change in between is
//! never missed.

mod catching_up;
mod changes_during_run;

use crate::fixture::{
    assert_verified, handle, migrate_options, migrated, migrated_sample, rolled_back, sample, try_migrate,
    try_rollback,
};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Progress;
use phaseline_tests::dump::{assert_same_dump, dump};
use sqlx::{Connection, PgConnection};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

/// Runs SQL by a separate process when a step begins; the run continues when it is done.
struct SqlAtStep<'a> {
    database: &'a TestDatabase,
    step: &'static str,
    sql: &'static str,
    times: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

impl<'a> SqlAtStep<'a> {
    fn new(database: &'a TestDatabase, step: &'static str, sql: &'static str) -> Self {
        Self { database, step, sql, times: AtomicUsize::new(1), notes: Mutex::default() }
    }
}

impl Progress for SqlAtStep<'_> {
    fn step(&self, name: &str, _total: Option<u64>) {
        if name == self.step
            && self
                .times
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1))
                .is_ok()
        {
            self.database.psql(self.sql);
        }
    }
    fn advance(&self, _done: u64) {}
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
}

/// The outcome of each run in `status`, oldest first.
async fn outcomes(database: &TestDatabase) -> Vec<String> {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let status = phaseline_migrator::status::status(&mut connection).await.unwrap();
    status.runs.into_iter().map(|run| run.outcome.to_string()).collect()
}

#[tokio::test]
async fn a_row_that_changes_between_plan_and_lock_is_not_missed() {
    for sql in [
        "UPDATE public.project_phases SET expense_budget = expense_budget + 1, total_budget = total_budget + 1",
        "UPDATE public.projects SET end_date = end_date + 30",
        "DELETE FROM public.actuals; DELETE FROM public.resource_assignments
          WHERE id IN (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 3)",
        "INSERT INTO public.resource_assignments SELECT resource_id, project_id, project_phase_id, assignment_date,
                1, 50, 50, gen_random_uuid(), now(), now() FROM public.resource_assignments LIMIT 2",
        "CREATE INDEX made_meanwhile ON public.project_phases (expense_budget)",
    ] {
        let database = sample(6, 60, 41);
        let meanwhile = SqlAtStep::new(&database, "locking the tables", sql);
        let done = migrate(&handle(database.url()), &migrate_options(), &meanwhile).await.unwrap();
        assert!(done.run.is_some());
        let notes = meanwhile.notes.into_inner().unwrap();
        // Newer assignments are added at once; after other changes the run is repeated under the lock.
        let only_assignments = sql.contains("INTO public.resource_assignments") || sql.starts_with("DELETE");
        let expected = if only_assignments { "newer rows are copied" } else { "starting again" };
        assert!(matches!(notes.as_slice(), [note] if note.contains(expected)), "{sql}: {notes:?}");
        assert_verified(database.url()).await;
        let expected = sample(6, 60, 41);
        expected.psql(sql);
        rolled_back(database.url()).await;
        if !sql.starts_with("INSERT") {
            assert_same_dump(&dump(expected.url()), &dump(database.url()));
        }
    }
}

#[tokio::test]
async fn a_plan_that_is_stale_by_the_time_of_the_lock_stops_the_run() {
    let database = sample(6, 60, 42);
    let mut options = migrate_options();
    options.expected_digest = crate::fixture::plan_of(database.url()).await.digest;
    for sql in [
        "UPDATE public.project_phases SET expense_budget = expense_budget + 1, total_budget = total_budget + 1",
        // The plan covers every assignment, too.
        "UPDATE public.resource_assignments SET assignment_date = assignment_date + 1",
    ] {
        let meanwhile = SqlAtStep::new(&database, "locking the tables", sql);
        let result = migrate(&handle(database.url()), &options, &meanwhile).await;
        assert!(matches!(result, Err(MigratorError::StalePlan { .. })), "{result:?}");
        options.expected_digest = crate::fixture::plan_of(database.url()).await.digest;
    }
    assert_eq!(outcomes(&database).await, ["refused", "refused"]);
}

#[tokio::test]
async fn assignments_that_change_before_the_swap_of_a_rollback_are_copied() {
    let database = sample(6, 60, 43);
    migrated(database.url()).await;
    let sql = "DELETE FROM public.actuals;
        DELETE FROM public.resource_assignments
         WHERE id IN (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 5);
        UPDATE public.resource_assignments SET allocation_percentage = 77
         WHERE id IN (SELECT id FROM public.resource_assignments ORDER BY id DESC LIMIT 5);
        INSERT INTO public.resource_assignments SELECT resource_id, project_id, assignment_date,
               66, 50, 50, gen_random_uuid(), now(), now() FROM public.resource_assignments LIMIT 4";
    let meanwhile = SqlAtStep::new(&database, "locking the tables", sql);
    let options = phaseline_migrator::rollback::RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: crate::fixture::operator(),
        accept_loss: None,
    };
    phaseline_migrator::rollback::rollback(&handle(database.url()), &options, &meanwhile).await.unwrap();
    let counts = database.psql(
        "SELECT count(*), count(*) FILTER (WHERE allocation_percentage = 77),
                count(*) FILTER (WHERE allocation_percentage = 66), count(project_phase_id)
           FROM public.resource_assignments",
    );
    assert_eq!(counts.trim(), "59|5|4|59");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn an_edit_that_arrives_while_a_rollback_is_prepared_is_not_lost() {
    let database = sample(6, 60, 44);
    migrated(database.url()).await;
    let meanwhile = SqlAtStep::new(
        &database,
        "locking the tables",
        "UPDATE public.project_phases SET name = 'edited' WHERE id = (SELECT min(id::text)::uuid FROM public.project_phases)",
    );
    let options = phaseline_migrator::rollback::RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: crate::fixture::operator(),
        accept_loss: None,
    };
    let result = phaseline_migrator::rollback::rollback(&handle(database.url()), &options, &meanwhile).await;
    assert!(matches!(result, Err(MigratorError::WouldLose { .. })), "{result:?}");
    assert_eq!(database.psql("SELECT count(*) FROM public.project_phases WHERE name = 'edited'").trim(), "1");
}

/// Commands whose changes are not a loss continue beside a rollback: it completes, names no false loss,
/// and the acknowledged changes are in the legacy table.
#[tokio::test]
async fn a_rollback_beside_commands_that_never_stop_comes_through() {
    let database = migrated_sample(6, 60, 51);
    let phases = database.psql("SELECT id, project_id FROM public.project_phases ORDER BY id LIMIT 3");
    let busy: Vec<(String, String)> = phases
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(phase, project)| (phase.to_owned(), project.to_owned()))
        .collect();
    let store = crate::fixture::store(database.url()).await;
    let writing = busy.iter().map(|(phase, project)| {
        let store = store.clone();
        async move {
            let (mut amount, mut acknowledged) = (0_i64, 0_i64);
            loop {
                amount += 1;
                let command = phaseline_domain::TimelineCommand::BudgetPhase {
                    phase_id: phase.parse().unwrap(),
                    capital_budget: amount.into(),
                    expense_budget: 0.into(),
                    total_budget: None,
                };
                match store
                    .execute(project.parse().unwrap(), &command, phaseline_store::Metadata::default())
                    .await
                {
                    Ok(_) => acknowledged = amount,
                    Err(phaseline_store::ExecuteError::Store(phaseline_store::StoreError::NotAccepting)) => {
                        return (phase.clone(), acknowledged);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let running = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rolled_back(database.url()).await
    };
    let (done, acknowledged_writes) = tokio::join!(running, futures_util::future::join_all(writing));
    assert!(done.completed.unwrap().accepted_loss.is_none());
    for (phase, acknowledged) in acknowledged_writes {
        assert!(acknowledged > 0);
        let current = database
            .psql(&format!("SELECT capital_budget::int FROM public.project_phases WHERE id = '{phase}'"));
        assert_eq!(current.trim(), acknowledged.to_string());
    }
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_second_run_names_the_holder_of_the_lock() {
    let database = sample(4, 10, 45);
    let mut reader = connect(&database).await;
    let mut open = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM public.project_phases").execute(&mut *open).await.unwrap();
    let waiting = try_migrate(database.url());
    let second = async {
        loop {
            let held = database.psql(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                  WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()",
            );
            if held.trim() != "0" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let result = try_rollback(database.url()).await;
        open.rollback().await.unwrap();
        result
    };
    let (first, second) = tokio::join!(waiting, second);
    let Err(MigratorError::Locked { holder }) = second else { panic!("{second:?}") };
    assert!(
        holder.contains(&format!("phaseline migrate pid {} on test by tester@test", std::process::id())),
        "{holder}"
    );
    first.unwrap();
}

#[tokio::test]
async fn the_lock_timeout_names_the_blocking_sessions() {
    let database = sample(4, 10, 46);
    let before = dump(database.url());
    let mut reader = connect(&database).await;
    sqlx::query("SET application_name = 'nightly report'").execute(&mut reader).await.unwrap();
    let mut open = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM public.project_phases").execute(&mut *open).await.unwrap();
    let mut options = migrate_options();
    options.lock_timeout = Duration::from_secs(3);
    let result = migrate(&handle(database.url()), &options, &phaseline_migrator::progress::Silent).await;
    let Err(MigratorError::LockTimeout { waited_seconds: 3, blockers }) = result else {
        panic!("{result:?}")
    };
    assert!(blockers.contains("nightly report"), "{blockers}");
    open.rollback().await.unwrap();
    assert_same_dump(&before, &dump(database.url()));
    assert_eq!(outcomes(&database).await, ["refused"]);
    migrated(database.url()).await;
}

/// Other sessions continue between the attempts: readers progress while a run waits for an open transaction.
#[tokio::test]
async fn readers_continue_while_a_run_waits_for_the_tables() {
    let database = sample(4, 10, 47);
    let mut reader = connect(&database).await;
    let mut open = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM public.project_phases").execute(&mut *open).await.unwrap();
    let stop = AtomicBool::new(false);
    let reading = async {
        let mut connection = connect(&database).await;
        let mut reads = 0_u32;
        while !stop.load(Ordering::SeqCst) {
            sqlx::query("SELECT count(*) FROM public.project_phases").execute(&mut connection).await.unwrap();
            reads += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        reads
    };
    let running = async {
        let mut options = migrate_options();
        options.lock_timeout = Duration::from_secs(4);
        let result = migrate(&handle(database.url()), &options, &phaseline_migrator::progress::Silent).await;
        stop.store(true, Ordering::SeqCst);
        result
    };
    let (reads, result) = tokio::join!(reading, running);
    assert!(matches!(result, Err(MigratorError::LockTimeout { .. })), "{result:?}");
    assert!(reads > 50, "only {reads} reads in the time of the wait");
}

#[tokio::test]
async fn an_interrupted_run_leaves_nothing() {
    struct Stop(AtomicUsize, usize);
    impl Progress for Stop {
        fn step(&self, _name: &str, _total: Option<u64>) {}
        fn advance(&self, _done: u64) {}
        fn note(&self, _text: &str) {}
        fn interrupted(&self) -> bool {
            self.0.fetch_add(1, Ordering::SeqCst) == self.1
        }
    }
    let database = sample(4, 10, 48);
    let before = dump(database.url());
    let mut stops = 0;
    loop {
        let stop = Stop(AtomicUsize::new(0), stops);
        match migrate(&handle(database.url()), &migrate_options(), &stop).await {
            Err(MigratorError::Interrupted) => {
                assert_same_dump(&before, &dump(database.url()));
                assert_verified(database.url()).await;
            }
            Ok(_) => break,
            other => panic!("{other:?}"),
        }
        stops += 1;
    }
    assert!(stops >= 4, "it can be stopped at {stops} places");
    let mut outcomes = outcomes(&database).await;
    assert_eq!(outcomes.pop().as_deref(), Some("done"));
    assert!(outcomes.len() >= 2 && outcomes.iter().all(|outcome| outcome == "interrupted"), "{outcomes:?}");
    assert_verified(database.url()).await;
}

/// A lost connection rolls back its transaction: the database is unchanged.
#[tokio::test]
async fn a_lost_connection_leaves_the_legacy_shape() {
    let database = sample(4, 10, 49);
    let before = dump(database.url());
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'phaseline migrate%'
                   AND datname = current_database()";
    for step in [
        "recording that the run begins",
        "writing the log",
        "building the new project_phases",
        "cutting over",
    ] {
        let meanwhile = SqlAtStep::new(&database, step, kill);
        let result = migrate(&handle(database.url()), &migrate_options(), &meanwhile).await;
        assert!(
            matches!(
                result,
                Err(MigratorError::Database(_) | MigratorError::Store(_) | MigratorError::Ddl { .. })
            ),
            "{step}: {result:?}"
        );
        assert_same_dump(&before, &dump(database.url()));
        assert_verified(database.url()).await;
    }
    migrated(database.url()).await;
}

/// An old transaction elsewhere keeps every snapshot's horizon back; it must not make unchanged rows count as changed.
#[tokio::test]
async fn an_old_transaction_in_another_database_changes_nothing() {
    let other = sample(3, 5, 40);
    let mut connection = connect(&other).await;
    let mut old = connection.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *old).await.unwrap();
    let database = sample(6, 60, 50);
    database.psql("UPDATE public.resource_assignments SET allocation_percentage = allocation_percentage");
    let before = dump(database.url());
    let quiet = SqlAtStep::new(&database, "no such step", "");
    let done = migrate(&handle(database.url()), &migrate_options(), &quiet).await.unwrap();
    assert!(done.run.is_some());
    rolled_back(database.url()).await;
    assert_eq!(quiet.notes.into_inner().unwrap(), Vec::<String>::new(), "nothing had changed");
    assert_same_dump(&before, &dump(database.url()));
    old.rollback().await.unwrap();
}

/// A command during the preparation of a rollback is executed at once, and the rollback names it.
#[tokio::test]
async fn commands_continue_while_a_rollback_is_prepared() {
    let database = migrated_sample(6, 60, 51);
    let row = database.psql("SELECT project_id, id FROM public.project_phases ORDER BY id LIMIT 1");
    let (project, phase) = row.trim().split_once('|').unwrap();
    // The hash as defined in docs/events.md.
    let append = format!(
        "SET lock_timeout = '5s'; SELECT verdict FROM phaseline.append(ARRAY['Timeline'], ARRAY['{project}'::uuid],
            ARRAY[(SELECT max(version) FROM phaseline.events WHERE stream_id = '{project}' AND stream_type = 'Timeline')],
            ARRAY[1], ARRAY['{{}}'], NULL, ARRAY[gen_random_uuid()], ARRAY['PhaseRenamed'], ARRAY[1],
            ARRAY['{{\"phase_id\":\"{phase}\",\"name\":\"By hand\"}}'], ARRAY[uuid_send(gen_random_uuid())])"
    );
    let append: &'static str = Box::leak(append.into_boxed_str());
    let meanwhile = SqlAtStep::new(&database, "locking the tables", append);
    let options = phaseline_migrator::rollback::RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: crate::fixture::operator(),
        accept_loss: None,
    };
    let result = phaseline_migrator::rollback::rollback(&handle(database.url()), &options, &meanwhile).await;
    // The legacy schema has no names, so the rollback lists them.
    assert!(matches!(result, Err(MigratorError::WouldLose { .. })), "{result:?}");
}
