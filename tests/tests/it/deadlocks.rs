//! Sessions that block a run: the run waits or names the holder, no session becomes a deadlock victim, and all others
//! continue between attempts.

mod concurrent_statements;

use crate::fixture::{assert_verified, handle, migrate_options, migrated, operator, rolled_back, sample};
use concurrent_statements::{Attempts, ConcurrentStatements};
use phaseline_domain::{PhaseId, ProjectId, Timeline, TimelineCommand, decide};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::log::events::Direction;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_store::stream::{self, stream_of};
use phaseline_store::{Append, Metadata, NewEvent, append};
use phaseline_tests::dump::{assert_same_dump, dump};
use sqlx::{Connection, Executor, PgConnection};
use std::pin::pin;
use std::time::Duration;

/// A timeout shorter than the lock is held, and long enough for several attempts.
const SHORT: Duration = Duration::from_secs(4);
/// Practically unlimited.
const LONG: Duration = Duration::from_secs(600);

/// A database in the shape that this direction starts from, with a log.
async fn fixture(direction: Direction, seed: u64) -> TestDatabase {
    let database = sample(6, 60, seed);
    migrated(database.url()).await;
    if direction == Direction::Migrate {
        rolled_back(database.url()).await;
    }
    database
}

async fn run(
    database: &TestDatabase,
    direction: Direction,
    lock_timeout: Duration,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    // The run detects no deadlock itself: the other session would be the victim.
    let database = handle(&format!("{}?options=-c%20deadlock_timeout%3D1h", database.url()));
    match direction {
        Direction::Migrate => {
            let options = phaseline_migrator::migrate::MigrateOptions { lock_timeout, ..migrate_options() };
            migrate(&database, &options, progress).await.map(|_| ())
        }
        Direction::Rollback => {
            let options = RollbackOptions { lock_timeout, operator: operator(), accept_loss: None };
            rollback(&database, &options, progress).await.map(|_| ())
        }
    }
}

/// A foreign transaction with its own application name.
async fn foreign_transaction(database: &TestDatabase, sql: &str) -> PgConnection {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    connection.execute("SET application_name = 'another session'; BEGIN").await.unwrap();
    connection.execute(sql).await.unwrap();
    connection
}

/// A row of `projects`, held by a transaction without other locks.
const HOLDS_A_PROJECT: &str = "SELECT 1 FROM public.projects WHERE id = (SELECT id FROM public.projects ORDER BY id LIMIT 1) FOR UPDATE";

async fn a_held_project_is_named(direction: Direction, seed: u64) {
    let database = fixture(direction, seed).await;
    let before = dump(database.url());
    let mut holder = foreign_transaction(&database, HOLDS_A_PROJECT).await;
    let others = ConcurrentStatements::new(
        &database,
        &[
            "SELECT count(*) FROM public.project_phases",
            "SELECT count(*) FROM public.resource_assignments JOIN public.projects p ON p.id = project_id",
            "UPDATE public.resource_assignments SET updated_at = updated_at
              WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id DESC LIMIT 1)",
        ],
    );
    let attempts = Attempts::of(Some(&others));
    let (result, ()) = tokio::join!(
        async {
            let result = run(&database, direction, SHORT, &attempts).await;
            others.stop();
            result
        },
        others.work()
    );
    let Err(MigratorError::LockTimeout { blockers, .. }) = result else {
        panic!("{direction:?}: {result:?}")
    };
    assert!(blockers.contains("another session"), "{blockers}");
    // All others progress between two attempts, except when the machine stalls.
    let seen = attempts.seen();
    assert!(seen.len() >= 3, "{seen:?}");
    for (worker, statement) in others.statements().iter().enumerate() {
        let moved = seen.windows(2).filter(|pair| pair[1][worker] > pair[0][worker]).count();
        assert!(moved * 2 >= seen.len() - 1, "{statement}: {seen:?}");
    }
    holder.execute("ROLLBACK").await.unwrap();
    drop(holder);
    // Only the row that the others wrote has moved.
    assert_eq!(sorted(&before), sorted(&dump(database.url())));
    assert_verified(database.url()).await;
    run(&database, direction, LONG, &Attempts::of(None)).await.unwrap();
    assert_verified(database.url()).await;
}

fn sorted(dump: &str) -> Vec<&str> {
    let mut lines: Vec<_> = dump.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn a_migration_names_the_holder_of_a_project_and_others_continue() {
    a_held_project_is_named(Direction::Migrate, 70).await;
}

#[tokio::test]
async fn a_rollback_names_the_holder_of_a_project_and_others_continue() {
    a_held_project_is_named(Direction::Rollback, 71).await;
}

#[tokio::test]
async fn a_run_continues_when_a_held_project_is_released() {
    for direction in [Direction::Migrate, Direction::Rollback] {
        let database = fixture(direction, 72).await;
        let mut holder = foreign_transaction(&database, HOLDS_A_PROJECT).await;
        let attempts = Attempts::of(None);
        let (result, ()) = tokio::join!(run(&database, direction, LONG, &attempts), async {
            wait_until(|| attempts.is_waiting()).await;
            // The holder gets its other locks.
            holder
                .execute("UPDATE public.project_phases SET updated_at = updated_at WHERE false; COMMIT")
                .await
                .unwrap();
        });
        result.unwrap();
        assert_verified(database.url()).await;
    }
}

async fn wait_until(mut so: impl FnMut() -> bool) {
    while !so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Appends a command in a transaction that stays open: it holds its project's row, the head and the phase's row.
async fn stalled_command(database: &TestDatabase, amount: i64) -> PgConnection {
    let row = database.psql("SELECT project_id, id FROM public.project_phases ORDER BY id LIMIT 1");
    let (project, phase) = row.split_once('|').unwrap();
    let (project, phase_id): (ProjectId, PhaseId) = (project.parse().unwrap(), phase.parse().unwrap());
    let mut connection = foreign_transaction(database, "SELECT 1").await;
    let history = stream::history(&mut connection, project, None).await.unwrap();
    let timeline = Timeline::fold(history.iter().filter_map(phaseline_store::RecordedTimeline::event));
    let command = TimelineCommand::BudgetPhase {
        phase_id,
        capital_budget: 0.into(),
        expense_budget: amount.into(),
        total_budget: None,
    };
    let events = decide(&timeline, &command).unwrap();
    let batch = [Append {
        stream: stream_of(project),
        expected: history.last().unwrap().recorded.version,
        events: events.iter().map(|event| NewEvent::timeline(event).unwrap()).collect(),
        metadata: Metadata::default(),
        key: None,
        project_dates: None,
        following: None,
        witness: None,
        row_locations: None,
    }];
    append(&mut connection, &batch).await.unwrap()[0].as_ref().unwrap();
    connection
}

#[tokio::test]
async fn a_rollback_behind_a_command_that_stalls_names_it() {
    let database = fixture(Direction::Rollback, 73).await;
    let holder = stalled_command(&database, 4711).await;
    let result = run(&database, Direction::Rollback, SHORT, &Attempts::of(None)).await;
    let Err(MigratorError::LockTimeout { blockers, .. }) = result else { panic!("{result:?}") };
    assert!(blockers.contains("another session"), "{blockers}");
    holder.close().await.unwrap();
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_stalled_command_that_commits_is_not_lost_by_a_rollback() {
    let database = fixture(Direction::Rollback, 74).await;
    let mut holder = stalled_command(&database, 4711).await;
    let attempts = Attempts::of(None);
    let (result, ()) = tokio::join!(run(&database, Direction::Rollback, LONG, &attempts), async {
        wait_until(|| is_waited_for(&database)).await;
        holder.execute("COMMIT").await.unwrap();
    });
    result.unwrap();
    assert_eq!(database.psql("SELECT count(*) FROM project_phases WHERE expense_budget = 4711"), "1");
    assert_verified(database.url()).await;
}

/// Whether a session of the database waits for another one.
fn is_waited_for(database: &TestDatabase) -> bool {
    database.psql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND cardinality(pg_blocking_pids(pid)) > 0",
    ) != "0"
}

#[tokio::test]
async fn a_run_names_the_holder_of_the_head_or_waits_for_it() {
    for direction in [Direction::Migrate, Direction::Rollback] {
        let database = fixture(direction, 75).await;
        let head = "SELECT 1 FROM phaseline.head FOR UPDATE";
        let mut holder = foreign_transaction(&database, head).await;
        let result = run(&database, direction, SHORT, &Attempts::of(None)).await;
        let Err(MigratorError::LockTimeout { blockers, .. }) = result else {
            panic!("{direction:?}: {result:?}")
        };
        assert!(blockers.contains("another session"), "{direction:?}: {blockers}");
        let attempts = Attempts::of(None);
        let (result, ()) = tokio::join!(run(&database, direction, LONG, &attempts), async {
            wait_until(|| is_waited_for(&database)).await;
            holder.execute("COMMIT").await.unwrap();
        });
        result.unwrap();
        assert_verified(database.url()).await;
    }
}

/// A cycle of waits: the run releases its locks first.
#[tokio::test]
async fn a_holder_of_one_table_gets_the_other_despite_a_waiting_run() {
    for direction in [Direction::Migrate, Direction::Rollback] {
        let database = fixture(direction, 78).await;
        let held = "UPDATE public.resource_assignments SET updated_at = updated_at
                     WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 1)";
        let mut holder = foreign_transaction(&database, held).await;
        let attempts = Attempts::of(None);
        let (result, ()) = tokio::join!(run(&database, direction, LONG, &attempts), async {
            for _ in 0..3 {
                wait_until(|| is_waited_for(&database)).await;
                holder.execute("SELECT count(*) FROM public.project_phases").await.unwrap();
                holder.execute("SELECT 1 FROM public.projects FOR KEY SHARE").await.unwrap();
            }
            holder.execute("COMMIT").await.unwrap();
        });
        result.unwrap();
        assert_verified(database.url()).await;
    }
}

/// Transactions that take the tables in every order, while a run tries to get all of them at once, repeatedly:
/// a reader of the last table stops it there each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_in_any_table_order_are_never_deadlock_victims() {
    let writes = [
        "UPDATE public.resource_assignments SET updated_at = updated_at WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 1)",
        "UPDATE public.project_phases SET updated_at = updated_at WHERE id = (SELECT id FROM public.project_phases ORDER BY id LIMIT 1)",
        "SELECT 1 FROM public.projects ORDER BY id LIMIT 1 FOR KEY SHARE",
        "SELECT count(*) FROM public.resources",
    ];
    for direction in [Direction::Migrate, Direction::Rollback] {
        let database = fixture(direction, 76).await;
        // Two of each, in opposite orders, with different rows, since the same rows would be their own deadlock.
        let [assignments, phases, project, resources] = writes;
        let last = |write: &str| write.replace("ORDER BY id LIMIT 1", "ORDER BY id DESC LIMIT 1");
        // During a rollback phases are not written by SQL: that would be drift.
        let phases = if direction == Direction::Migrate {
            phases
        } else {
            "SELECT count(*) FROM public.project_phases"
        };
        let orders = [
            format!("BEGIN; {assignments}; {phases}; {project}; COMMIT"),
            format!("BEGIN; {}; {}; {resources}; COMMIT", last(phases), last(assignments)),
            format!(
                "BEGIN; {project}; {resources}; {phases_read}; COMMIT",
                phases_read = "SELECT count(*) FROM public.project_phases"
            ),
            format!("BEGIN; {resources} FOR SHARE; COMMIT", resources = "SELECT 1 FROM public.resources"),
        ];
        let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
        let others = ConcurrentStatements::new(&database, &orders);
        let mut reader =
            foreign_transaction(&database, "SELECT count(*) FROM public.resource_assignments").await;
        let attempts = Attempts::of(Some(&others));
        let (result, (), ()) = tokio::join!(
            async {
                let result = run(&database, direction, LONG, &attempts).await;
                others.stop();
                result
            },
            others.work(),
            async {
                wait_until(|| attempts.has_begun("locking the tables") && attempts.seen().len() >= 5).await;
                reader.execute("COMMIT").await.unwrap();
            }
        );
        result.unwrap();
        assert!(others.done().iter().all(|done| *done > 2), "{:?}", others.done());
    }
}

/// Its transaction is open when the migration wants the tables: it reads, writes and commits before the swap, and is no victim.
#[tokio::test]
async fn a_reader_that_wants_to_write_is_let_in() {
    let database = fixture(Direction::Migrate, 79).await;
    let read = "SET LOCAL deadlock_timeout = '300ms'; SELECT count(*) FROM public.resource_assignments";
    let mut reader = foreign_transaction(&database, read).await;
    let attempts = Attempts::of(None);
    let mut migration = pin!(run(&database, Direction::Migrate, LONG, &attempts));
    let writes = async {
        // Not by NOWAIT: since PostgreSQL 17 it gets the lock before a session that waits for this reader.
        let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.resource_assignments'::regclass)";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut reader).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reader
            .execute(
                "UPDATE public.resource_assignments SET allocation_percentage = 77
                  WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 1); COMMIT",
            )
            .await
            .unwrap();
        assert!(!attempts.has_begun("cutting over"));
    };
    tokio::select! {
        result = &mut migration => panic!("the run did not wait for the reader: {result:?}"),
        () = writes => {}
    }
    migration.await.unwrap();
    let changed = "SELECT count(*) FROM public.resource_assignments WHERE allocation_percentage = 77";
    assert_eq!(database.psql(changed), "1");
    assert!(attempts.has_begun("cutting over"));
    assert_verified(database.url()).await;
}

/// A transaction that keeps its snapshot and has read none of the tables blocks no session.
#[tokio::test]
async fn an_open_snapshot_neither_blocks_nor_restarts_a_run() {
    let database = sample(6, 60, 77);
    let before = dump(database.url());
    let mut snapshot = PgConnection::connect(database.url()).await.unwrap();
    snapshot
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id(); SELECT count(*) FROM public.programs")
        .await
        .unwrap();
    for _ in 0..2 {
        for direction in [Direction::Migrate, Direction::Rollback] {
            let attempts = Attempts::of(None);
            run(&database, direction, LONG, &attempts).await.unwrap();
            assert_eq!(attempts.notes(), Vec::<String>::new(), "{direction:?}");
            assert_verified(database.url()).await;
        }
        assert_same_dump(&before, &dump(database.url()));
    }
    // After most rewrites of a table, a snapshot older than the table sees none of its rows. Rows that a run
    // builds are written frozen: it sees them as built, without later changes.
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM public.project_phases")
        .fetch_one(&mut snapshot)
        .await
        .unwrap();
    assert_eq!(seen.to_string(), database.psql("SELECT count(*) FROM public.project_phases").trim());
    snapshot.execute("ROLLBACK").await.unwrap();
}
