//! Concurrent commands: they share transactions, and each has its own verdict, key and expected version.

use crate::fixture::{assert_verified, handle, migrated, sample, store};
use phaseline_domain::{Neighbours, PhaseDraft, PhaseId, ProjectId, Rule, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::{FoldedLog, drift};
use phaseline_store::{Committed, ExecuteError, IdempotencyKey, Metadata, Request, StoreError};
use phaseline_tests::protocol_proxy::{ProtocolProxy, Stop};
use std::collections::BTreeSet;
use std::time::Duration;

/// A database in the timeline shape, and one phase of each project.
async fn fixture(seed: u64) -> (TestDatabase, Vec<(ProjectId, PhaseId)>) {
    let database = sample(4, 20, seed);
    migrated(database.url()).await;
    let rows = database.psql(
        "SELECT DISTINCT ON (project_id) project_id, id FROM public.project_phases ORDER BY project_id, start_date",
    );
    let targets = rows.lines().map(|row| {
        let (project, phase) = row.split_once('|').unwrap();
        (project.parse().unwrap(), phase.parse().unwrap())
    });
    let targets = targets.collect();
    (database, targets)
}

fn rename(phase_id: PhaseId, name: &str) -> TimelineCommand {
    TimelineCommand::RenamePhase { phase_id, name: name.to_owned() }
}

/// A phase of one day without a budget.
fn phase_on(id: PhaseId, name: &str, day: chrono::NaiveDate) -> PhaseDraft {
    PhaseDraft {
        id,
        name: name.to_owned(),
        start_date: day,
        end_date: day,
        description: None,
        capital_budget: 0.into(),
        expense_budget: 0.into(),
        total_budget: 0.into(),
    }
}

fn request(project: ProjectId, command: TimelineCommand) -> Request {
    Request::new(project, command, Metadata { actor: Some("ann".to_owned()), ..Metadata::default() })
}

fn keyed(request: Request, scope: &str, key: &str, fingerprint: u8) -> Request {
    let (scope, key) = (scope.to_owned(), key.to_owned());
    Request { key: Some(IdempotencyKey { scope, key, fingerprint: [fingerprint; 32] }), ..request }
}

async fn assert_no_drift(database: &TestDatabase) {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let log = FoldedLog::read(&mut connection, None).await.unwrap();
    assert_eq!(drift::compare_rows(&mut connection, &log).await.unwrap(), []);
    assert_verified(database.url()).await;
}

fn count(database: &TestDatabase, what: &str) -> i64 {
    database.psql(&format!("SELECT count(*) FROM {what}")).trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commands_share_transactions_with_separate_verdicts() {
    let (database, targets) = fixture(111).await;
    let store = store(database.url()).await;
    let before = count(&database, "phaseline.events");
    let commands = (0..120).map(|n| {
        let (project, phase) = targets[n % targets.len()];
        // Every tenth command is refused, independent of the others of its transaction.
        let name = if n % 10 == 7 { " ".to_owned() } else { format!("Name {n}") };
        let (store, request) = (store.clone(), request(project, rename(phase, &name)));
        tokio::spawn(async move { (n, project, store.submit(request).await) })
    });
    let commands: Vec<_> = commands.collect();
    let mut versions = BTreeSet::new();
    for command in commands {
        let (n, project, done) = command.await.unwrap();
        match done {
            Ok(done) => {
                assert!(n % 10 != 7 && done.events.len() == 1, "{n}: {done:?}");
                assert!(versions.insert((project, done.version)), "two commands led to one version");
                assert_eq!(done.after.version, done.version);
                let timestamps = done.after.timestamps.values().map(|timestamps| timestamps.updated_at);
                assert_eq!(done.after.timeline.phases().len(), timestamps.count());
            }
            Err(ExecuteError::Refused(refusal)) => {
                assert!(n % 10 == 7 && refusal.breaks(Rule::NameNotEmpty), "{n}: {refusal}")
            }
            Err(other) => panic!("{n}: {other}"),
        }
    }
    assert_eq!(count(&database, "phaseline.events") - before, 108);
    let transactions = count(
        &database,
        &format!("(SELECT DISTINCT xmin::text FROM phaseline.events WHERE position > {before}) t"),
    );
    assert!(transactions < 60, "108 commands took {transactions} transactions");
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn a_phase_recreated_within_a_batch_is_a_new_row() {
    let (database, targets) = fixture(112).await;
    let store = store(database.url()).await;
    let (project, _) = targets[0];
    let range = store
        .preview(project, None, &rename(targets[0].1, "x"))
        .await
        .unwrap()
        .before
        .timeline
        .range()
        .unwrap();
    let draft = |name: &str| phase_on(PhaseId::from(uuid::Uuid::from_u128(77)), name, range.end());
    let create =
        |name: &str| TimelineCommand::CreatePhase { phase: draft(name), neighbours: Neighbours::Adjust };
    let remove = TimelineCommand::RemovePhase { phase_id: draft("").id, neighbours: Neighbours::Adjust };
    store.submit(request(project, create("first"))).await.unwrap();
    let old =
        database.psql(&format!("SELECT created_at FROM public.project_phases WHERE id = '{}'", draft("").id));
    // The commands are polled in this order before the committing task runs.
    let (removed, created, renamed) = tokio::join!(
        store.submit(request(project, remove)),
        store.submit(request(project, create("second"))),
        store.submit(request(project, rename(draft("").id, "third"))),
    );
    removed.unwrap();
    let created = created.unwrap();
    let renamed = renamed.unwrap();
    let together = database.psql(&format!(
        "SELECT count(DISTINCT xmin::text) FROM phaseline.events WHERE position BETWEEN {} AND {}",
        created.position - 1,
        renamed.position
    ));
    assert_eq!(together.trim(), "1", "they did not share a transaction");
    let new =
        database.psql(&format!("SELECT created_at FROM public.project_phases WHERE id = '{}'", draft("").id));
    assert_ne!(old, new);
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn writes_of_other_processes_are_read_before_a_refusal_or_no_op() {
    let (database, targets) = fixture(113).await;
    let (ours, other) = (store(database.url()).await, store(database.url()).await);
    let (project, phase) = targets[0];
    ours.submit(request(project, rename(phase, "A"))).await.unwrap();
    other.submit(request(project, rename(phase, "B"))).await.unwrap();
    // In this store's cache its name is still A.
    let done = ours.submit(request(project, rename(phase, "A"))).await.unwrap();
    assert_eq!(done.events.len(), 1, "taken for done already");
    let end = done.after.timeline.range().unwrap().end();
    let new = phase_on(PhaseId::random(), "New", end);
    let id = new.id;
    other
        .submit(request(project, TimelineCommand::CreatePhase { phase: new, neighbours: Neighbours::Adjust }))
        .await
        .unwrap();
    ours.submit(request(project, rename(id, "Newer"))).await.unwrap();
    let remove = TimelineCommand::RemovePhase { phase_id: id, neighbours: Neighbours::Adjust };
    ours.submit(request(project, remove)).await.unwrap();
    let gone = other.submit(request(project, rename(id, "x"))).await;
    assert!(
        matches!(&gone, Err(ExecuteError::Refused(refusal)) if refusal.breaks(Rule::PhaseExists)),
        "{gone:?}"
    );
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn a_command_that_expects_a_version_is_executed_at_that_version_only() {
    let (database, targets) = fixture(114).await;
    let (ours, other) = (store(database.url()).await, store(database.url()).await);
    let (project, phase) = targets[0];
    let at = ours.submit(request(project, rename(phase, "A"))).await.unwrap().version;
    let expecting =
        |version, name: &str| Request { expected: Some(version), ..request(project, rename(phase, name)) };
    let next = other.submit(expecting(at, "B")).await.unwrap().version;
    // This store's cache has the version before, which must not decide.
    let stale = ours.submit(expecting(at, "C")).await;
    let Err(ExecuteError::Stale { expected, current }) = stale else { panic!("{stale:?}") };
    assert_eq!((expected, current.version), (at, next));
    assert_eq!(current.timeline.phase(phase).unwrap().name.as_str(), "B");
    // Of two concurrent commands that expect the same version, one is late.
    let (first, second) = tokio::join!(ours.submit(expecting(next, "D")), ours.submit(expecting(next, "E")));
    assert_eq!(first.unwrap().version, next + 1);
    let Err(ExecuteError::Stale { current, .. }) = second else { panic!("{second:?}") };
    assert_eq!(current.timeline.phase(phase).unwrap().name.as_str(), "D");
    assert!(current.timestamps.contains_key(&phase) && current.position > 0);
    // A command may expect the version after another command of its batch.
    let (first, second) =
        tokio::join!(ours.submit(expecting(next + 1, "F")), ours.submit(expecting(next + 2, "G")));
    assert_eq!((first.unwrap().version, second.unwrap().version), (next + 2, next + 3));
    assert_no_drift(&database).await;
}

fn same_result(one: &Committed, other: &Committed) {
    assert_eq!((one.version, one.position, &one.events), (other.version, other.position, &other.events));
    assert_eq!(one.after, other.after);
}

#[tokio::test]
async fn a_repeated_key_returns_the_first_response_and_writes_nothing() {
    let (database, targets) = fixture(115).await;
    let (ours, other) = (store(database.url()).await, store(database.url()).await);
    let (project, phase) = targets[0];
    let keyed_request = || keyed(request(project, rename(phase, "A")), "ann", "k1", 1);
    let first = ours.submit(keyed_request()).await.unwrap();
    let later = other.submit(request(project, rename(phase, "B"))).await.unwrap();
    for store in [&ours, &other] {
        let again = store.submit(keyed_request()).await.unwrap();
        same_result(&first, &again);
        assert!(again.repeated && !first.repeated);
    }
    assert_eq!(ours.history(project).await.unwrap().len() as i64, later.version);
    // The first request met the condition, so its repetition is not refused although the version has changed.
    let conditional_request = || Request {
        expected: Some(later.version),
        ..keyed(request(project, rename(phase, "C")), "ann", "k2", 2)
    };
    let first = ours.submit(conditional_request()).await.unwrap();
    same_result(&first, &ours.submit(conditional_request()).await.unwrap());

    let reused = ours.submit(keyed(request(project, rename(phase, "D")), "ann", "k1", 9)).await;
    assert!(matches!(reused, Err(ExecuteError::Store(StoreError::KeyReused))), "{reused:?}");
    let of_another = ours.submit(keyed(request(project, rename(phase, "E")), "bob", "k1", 9)).await.unwrap();
    assert!(!of_another.repeated);

    // The result of a no-op is repeated, too.
    let same = || keyed(request(project, rename(phase, "E")), "ann", "k3", 3);
    let first = ours.submit(same()).await.unwrap();
    assert!(first.events.is_empty());
    ours.submit(request(project, rename(phase, "F"))).await.unwrap();
    let again = other.submit(same()).await.unwrap();
    same_result(&first, &again);
    assert_eq!(
        ours.preview(project, None, &rename(phase, "x"))
            .await
            .unwrap()
            .before
            .timeline
            .phase(phase)
            .unwrap()
            .name
            .as_str(),
        "F"
    );

    // After a day the key has expired.
    database.psql("UPDATE phaseline.idempotency_keys SET recorded_at = recorded_at - interval '25 hours' WHERE key = 'k1' AND scope = 'ann'");
    let repeated = ours.submit(keyed(request(project, rename(phase, "A")), "ann", "k1", 1)).await.unwrap();
    assert!(!repeated.repeated && repeated.events.len() == 1);
    database.psql("UPDATE phaseline.idempotency_keys SET recorded_at = recorded_at - interval '25 hours' WHERE scope = 'ann'");
    assert_eq!(database.psql("SELECT phaseline.forget_idempotency_keys()").trim(), "3");
    assert_eq!(count(&database, "phaseline.idempotency_keys"), 1);
    assert_no_drift(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_many_times_at_once_is_executed_once() {
    let (database, targets) = fixture(116).await;
    let stores = [store(database.url()).await, store(database.url()).await];
    let (project, phase) = targets[0];
    let before = count(&database, "phaseline.events");
    let running: Vec<_> = (0..20)
        .map(|n| {
            let store = stores[n % 2].clone();
            let request = keyed(request(project, rename(phase, "Once")), "ann", "k", 1);
            tokio::spawn(async move { store.submit(request).await.unwrap() })
        })
        .collect();
    let mut results = Vec::new();
    for one in running {
        results.push(one.await.unwrap());
    }
    results.iter().for_each(|result| same_result(&results[0], result));
    assert_eq!(results.iter().filter(|result| !result.repeated).count(), 1);
    assert_eq!(count(&database, "phaseline.events") - before, 1);
}

/// A row of another project has the phase's id: only the command on that phase fails.
#[tokio::test]
async fn a_command_with_conflicting_rows_does_not_fail_its_batch() {
    let (database, targets) = fixture(117).await;
    let store = store(database.url()).await;
    let (taken, range) = {
        let known = store.preview(targets[1].0, None, &rename(targets[1].1, "x")).await.unwrap();
        (targets[0].1, known.before.timeline.range().unwrap())
    };
    let draft = phase_on(taken, "Taken", range.end());
    let create = TimelineCommand::CreatePhase { phase: draft, neighbours: Neighbours::Adjust };
    // Both timelines are in the cache, so that the commands arrive together.
    for (project, phase) in &targets[..2] {
        store.submit(request(*project, rename(*phase, "Before"))).await.unwrap();
    }
    let (first, second, failed, last) = tokio::join!(
        store.submit(request(targets[0].0, rename(targets[0].1, "A"))),
        store.submit(request(targets[0].0, rename(targets[0].1, "AA"))),
        store.submit(request(targets[1].0, create)),
        store.submit(request(targets[1].0, rename(targets[1].1, "B"))),
    );
    let name = |done: &Committed, phase: PhaseId| {
        let found = done.after.timeline.phases().iter().find(|one| one.id == phase);
        found.map(|one| one.name.as_str().to_owned())
    };
    assert_eq!(name(&first.unwrap(), targets[0].1).as_deref(), Some("A"));
    assert_eq!(
        name(&second.unwrap(), targets[0].1).as_deref(),
        Some("AA"),
        "it follows one of its own batch"
    );
    assert_eq!(name(&last.unwrap(), targets[1].1).as_deref(), Some("B"));
    assert!(failed.unwrap_err().to_string().contains("belongs to another project"));
    assert_no_drift(&database).await;
}

/// Commands that are appended one by one have their own timestamps, and a phase keeps its creation time when the next one changes it.
#[tokio::test]
async fn a_phase_keeps_its_timestamp_beside_a_failing_command() {
    let (database, targets) = fixture(121).await;
    let store = store(database.url()).await;
    let mut last_days = Vec::new();
    for (project, phase) in &targets[..2] {
        let done = store.submit(request(*project, rename(*phase, "Before"))).await.unwrap();
        last_days.push(done.after.timeline.range().unwrap().end());
    }
    let create = |id: PhaseId, day| TimelineCommand::CreatePhase {
        phase: phase_on(id, "New", day),
        neighbours: Neighbours::Adjust,
    };
    let new = PhaseId::from(uuid::Uuid::from_u128(78));
    let (created, changed, failed) = tokio::join!(
        store.submit(request(targets[0].0, create(new, last_days[0]))),
        store.submit(request(targets[0].0, rename(new, "Changed"))),
        // Its id belongs to another project's phase.
        store.submit(request(targets[1].0, create(targets[0].1, last_days[1]))),
    );
    failed.unwrap_err();
    let positions = [created.unwrap().position, changed.unwrap().position];
    let times = database.psql(&format!(
        "SELECT count(DISTINCT recorded_at) FROM phaseline.events WHERE position IN ({}, {})",
        positions[0], positions[1]
    ));
    assert_eq!(times.trim(), "2", "they were not tried one by one");
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn commands_work_without_standard_conforming_strings() {
    let (database, targets) = fixture(122).await;
    database.psql(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database()); END $$",
    );
    let store = store(database.url()).await;
    for (project, phase) in &targets {
        store.submit(request(*project, rename(*phase, r"C:\x00"))).await.unwrap();
    }
    assert_no_drift(&database).await;
}

/// The connection is lost at each of the statements in turn, before or after the server has executed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_loses_and_duplicates_no_command() {
    let (database, targets) = fixture(118).await;
    let mut cut = 0;
    for number in 1..40 {
        for stop in [Stop::Before(number), Stop::After(number)] {
            let before = count(&database, "phaseline.events");
            let proxy = ProtocolProxy::stopping(database.url(), stop);
            let store = store_through(&proxy).await;
            let running: Vec<_> = (0..6)
                .map(|n| {
                    let (store, (project, phase)) = (store.clone(), targets[n % 2]);
                    let name = format!("{stop:?} {n}");
                    let command = keyed(request(project, rename(phase, &name)), "ann", &name, 1);
                    tokio::spawn(async move {
                        // A client with an unknown outcome repeats its request.
                        let mut attempts = 0;
                        loop {
                            attempts += 1;
                            match store.submit(command.clone()).await {
                                Ok(done) => return done,
                                Err(ExecuteError::Store(
                                    StoreError::OutcomeUnknown(_) | StoreError::Database(_),
                                )) if attempts < 20 => {}
                                Err(other) => panic!("{stop:?}: {other}"),
                            }
                        }
                    })
                })
                .collect();
            // With fewer messages than this nothing is stopped, and the commands end.
            while !running.iter().all(tokio::task::JoinHandle::is_finished) {
                if tokio::task::block_in_place(|| proxy.wait(Duration::from_millis(5))) {
                    cut += 1;
                    proxy.cut_once();
                    break;
                }
            }
            for one in running {
                assert_eq!(one.await.unwrap().events.len(), 1, "{stop:?}");
            }
            assert_eq!(count(&database, "phaseline.events") - before, 6, "{stop:?}");
        }
        if count_of_boundaries(&database, &targets).await < number {
            break;
        }
    }
    assert!(cut > 4, "the connection was cut {cut} times only");
    assert_no_drift(&database).await;
}

async fn store_through(
    proxy: &ProtocolProxy,
) -> phaseline_store::TimelineStore<phaseline_projections::ProjectPhases> {
    let options = proxy.url().parse().unwrap();
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(4).connect_lazy_with(options);
    phaseline_store::TimelineStore::new(pool, phaseline_projections::ProjectPhases)
}

/// The number of boundaries of these commands, which depends on their batches.
async fn count_of_boundaries(database: &TestDatabase, targets: &[(ProjectId, PhaseId)]) -> usize {
    let proxy = ProtocolProxy::counting(database.url());
    let store = store_through(&proxy).await;
    let (project, phase) = targets[3];
    store
        .submit(keyed(request(project, rename(phase, "x")), "counter", &uuid::Uuid::new_v4().to_string(), 1))
        .await
        .unwrap();
    proxy.boundaries().len() * 2
}

/// A wait for a row holds the head only briefly, and not once per command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_blocks_only_its_own_command() {
    let (database, targets) = fixture(120).await;
    let store = store(database.url()).await;
    let ((held, phase), (other, of_other)) = (targets[0], targets[1]);
    let mut holder = handle(database.url()).connect("test").await.unwrap();
    let mut transaction = sqlx::Connection::begin(&mut holder).await.unwrap();
    sqlx::query("SELECT 1 FROM public.project_phases WHERE id = $1 FOR UPDATE")
        .bind(phase.uuid())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let names = ["A", "B", "C", "D"];
    let blocked = names.map(|name| {
        let (store, request) = (store.clone(), request(held, rename(phase, name)));
        tokio::spawn(async move { store.submit(request).await })
    });
    // The row is released only after these are done.
    for name in ["E", "F"] {
        let free = store.submit(request(other, rename(of_other, name)));
        tokio::time::timeout(Duration::from_secs(60), free).await.expect("held up").unwrap();
    }
    for one in blocked {
        let refused = one.await.unwrap().unwrap_err();
        let code = match &refused {
            ExecuteError::Store(StoreError::Database(error)) => {
                error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(String::from)
            }
            _ => None,
        };
        let busy = matches!(refused, ExecuteError::Store(StoreError::Busy(_)));
        assert!(busy || code.as_deref() == Some("55P03"), "{refused:?}");
    }
    transaction.rollback().await.unwrap();
    store.submit(request(held, rename(phase, "G"))).await.unwrap();
    assert_no_drift(&database).await;
}

/// The same for a project's row, which new phases refer to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_project_blocks_only_its_own_commands() {
    let (database, targets) = fixture(123).await;
    let store = store(database.url()).await;
    let ((held, phase), (other, of_other)) = (targets[0], targets[1]);
    let done = store.submit(request(held, rename(phase, "Before"))).await.unwrap();
    let day = done.after.timeline.range().unwrap().end();
    let mut holder = handle(database.url()).connect("test").await.unwrap();
    let mut transaction = sqlx::Connection::begin(&mut holder).await.unwrap();
    sqlx::query("SELECT 1 FROM public.projects WHERE id = $1 FOR UPDATE")
        .bind(held.uuid())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let blocked = [81_u128, 82].map(|id| {
        let new = phase_on(PhaseId::from(uuid::Uuid::from_u128(id)), "New", day);
        let create = TimelineCommand::CreatePhase { phase: new, neighbours: Neighbours::Adjust };
        let (store, request) = (store.clone(), request(held, create));
        tokio::spawn(async move { store.submit(request).await })
    });
    // The row is released only after these are done.
    for name in ["E", "F"] {
        let free = store.submit(request(other, rename(of_other, name)));
        tokio::time::timeout(Duration::from_secs(60), free).await.expect("held up").unwrap();
    }
    for one in blocked {
        one.await.unwrap().unwrap_err();
    }
    transaction.rollback().await.unwrap();
    store.submit(request(held, rename(phase, "G"))).await.unwrap();
    assert_no_drift(&database).await;
}
