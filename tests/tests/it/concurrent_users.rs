//! Backend, commands and readers continue while a database is migrated and rolled back. Acknowledged writes exist
//! afterwards; all others returned a clear error.

mod backend_load;

use crate::fixture::{assert_verified, handle, operator, sample, try_migrate, verified};
use backend_load::{BackendLoad, Worker};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{self, RollbackOptions, RolledBack, rollback};
use std::time::Duration;

/// Rolls back with the loss that the dry run names.
async fn try_rollback_over_loss(url: &str) -> Result<RolledBack, MigratorError> {
    let mut connection = handle(url).connect("test").await.unwrap();
    let accept_loss = rollback::plan(&mut connection).await?.loss.digest;
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss };
    rollback(&handle(url), &options, &Silent).await
}

/// Repeats until it is rolled back: a log that keeps changing, or an edit whose loss is not accepted, ends an attempt with
/// an error. The load has a limited number of commands.
async fn rolled_back_in_the_end(url: &str) {
    loop {
        match try_rollback_over_loss(url).await {
            Ok(_) => return,
            Err(MigratorError::WrongShape(why)) if why.contains("Stop the writers") => {}
            Err(MigratorError::WouldLose { .. }) => {}
            Err(error) => panic!("{error}: {error:#?}"),
        }
    }
}

fn links(database: &TestDatabase, ids: &[String]) -> String {
    let ids = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    database.psql(&format!(
        "SELECT id, project_phase_id FROM public.resource_assignments WHERE id IN ({ids}) ORDER BY id"
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_writes_survive_migration_and_rollback() {
    let database = sample(12, 600, 60);
    let load = BackendLoad::new(&database);
    let (untouched, redated) = (load.untouched().to_vec(), load.to_redate().to_vec());
    let before = (links(&database, &untouched), links(&database, &redated));
    assert!(untouched.len() > 50 && redated.len() > 10);

    let at_work = load.start(&Worker::ALL);
    load.every_worker_advances().await;
    let migrated = try_migrate(database.url()).await.unwrap();
    assert!(migrated.run.is_some());
    load.every_worker_advances().await;
    load.stop(at_work).await;
    load.assert_no_failures();
    assert!(load.saw_both_shapes(), "the readers were there");
    assert!(load.refused_commands() > 0, "a command came before the migration");
    load.assert_acknowledged_writes_exist().await;
    assert_verified(database.url()).await;

    let at_work = load.start(&Worker::ALL);
    load.every_worker_advances().await;
    rolled_back_in_the_end(database.url()).await;
    load.every_worker_advances().await;
    load.stop(at_work).await;
    load.assert_no_failures();
    assert!(load.saw_both_shapes(), "the readers were there");
    load.assert_acknowledged_writes_exist().await;
    assert_eq!(before, (links(&database, &untouched), links(&database, &redated)));
    // Assignments changed after the rollback; nothing else differs from the log.
    let checks = verified(database.url()).await.checks;
    let failures: Vec<_> =
        checks.iter().filter(|check| !check.passed).flat_map(|check| &check.details).collect();
    assert!(failures.iter().all(|what| what.contains(", the rollback left")), "{failures:#?}");
}
