//! No role changes the log: neither its owner by mistake nor a role that may write commands.

use crate::fixture::{command, connect, log, stream};
use phaseline_store::append;
use sqlx::{Connection, PgConnection};

async fn refused(connection: &mut PgConnection, statement: &str) -> String {
    sqlx::raw_sql(statement).execute(connection).await.expect_err(statement).to_string()
}

#[tokio::test]
async fn the_owner_cannot_update_delete_or_truncate() {
    let database = log().await;
    let mut connection = connect(&database).await;
    append(&mut connection, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    for statement in [
        "UPDATE phaseline.events SET payload = '{}'",
        "DELETE FROM phaseline.events",
        "TRUNCATE phaseline.events",
        "SET session_replication_role = replica; DELETE FROM phaseline.events",
    ] {
        let message = refused(&mut connection, statement).await;
        assert!(message.contains("append-only"), "{statement}: {message}");
    }
    assert_eq!(database.psql("SELECT count(*) FROM phaseline.events").trim(), "1");
}

#[tokio::test]
async fn the_roles_have_only_their_own_privileges() {
    let database = log().await;
    let mut owner = connect(&database).await;
    append(&mut owner, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    for (role, may_append) in
        [("phaseline_writer", true), ("phaseline_reader", false), ("phaseline_auditor", false)]
    {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql(&format!("SET ROLE {role}")).execute(&mut connection).await.unwrap();
        let events: i64 = sqlx::query_scalar("SELECT count(*) FROM phaseline.events")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(events > 0);
        for statement in [
            "INSERT INTO phaseline.events SELECT * FROM phaseline.events",
            "UPDATE phaseline.events SET payload = '{}'",
            "DELETE FROM phaseline.events",
            "TRUNCATE phaseline.events",
            "UPDATE phaseline.head SET accepts_commands = false",
            "ALTER TABLE phaseline.events DISABLE TRIGGER ALL",
            "DELETE FROM phaseline.idempotency_keys",
            "INSERT INTO phaseline.idempotency_keys VALUES ('', '', '', gen_random_uuid(), 1, 1, now())",
            "SELECT phaseline.project_inline(NULL, NULL, NULL, NULL, NULL, NULL, false, now())",
            "SELECT phaseline.check_events(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '')",
        ] {
            let message = refused(&mut connection, statement).await;
            assert!(
                message.contains("permission denied") || message.contains("must be owner"),
                "{role}: {statement}: {message}"
            );
        }
        let appended = append(&mut connection, &[command(stream(99), 0, 1)]).await;
        assert_eq!(appended.is_ok(), may_append, "{role}: {appended:?}");
    }
}

#[tokio::test]
async fn a_log_that_is_closed_takes_no_command() {
    let database = log().await;
    let mut connection = connect(&database).await;
    phaseline_store::schema::set_accepts_commands(&mut connection, false).await.unwrap();
    let verdicts = append(&mut connection, &[command(stream(1), 0, 1)]).await.unwrap();
    assert!(matches!(verdicts[0], Err(phaseline_store::StoreError::NotAccepting)));
    assert_eq!(database.psql("SELECT count(*) FROM phaseline.events").trim(), "0");
}

#[tokio::test]
async fn append_writes_timelines_only_and_at_read_committed_only() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut forged = command(stream(1), 0, 1);
    forged.stream.stream_type = "MigrationRun";
    let refused = append(&mut connection, &[forged]).await.unwrap_err().to_string();
    assert!(refused.contains("timelines only"), "{refused}");
    let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let refused = append(&mut transaction, &[command(stream(1), 0, 1)]).await.unwrap_err().to_string();
    assert!(refused.contains("needs READ COMMITTED"), "{refused}");
    drop(transaction);
    assert_eq!(database.psql("SELECT count(*) FROM phaseline.events").trim(), "0");
}

/// A command to a closed log is refused while another session holds the head, as a migration does for its duration.
#[tokio::test]
async fn a_closed_log_refuses_without_waiting_for_the_head() {
    let database = log().await;
    let mut connection = connect(&database).await;
    phaseline_store::schema::set_accepts_commands(&mut connection, false).await.unwrap();
    let mut holder = connect(&database).await;
    let mut transaction = holder.begin().await.unwrap();
    phaseline_store::schema::lock_head(&mut transaction).await.unwrap();
    sqlx::raw_sql("SET lock_timeout = '5s'").execute(&mut connection).await.unwrap();
    let verdicts = append(&mut connection, &[command(stream(1), 0, 1)]).await.unwrap();
    assert!(matches!(verdicts[0], Err(phaseline_store::StoreError::NotAccepting)));
    transaction.rollback().await.unwrap();
}
