//! Positions are gapless and in commit order; a conflict of one command affects no other.

use crate::fixture::{command, connect, log, stream};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::{Import, NewEvent, StoreError, append, chain, read, schema};
use sqlx::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

async fn positions(database: &TestDatabase) -> Vec<i64> {
    let mut connection = connect(database).await;
    let mut positions = Vec::new();
    read::scan(&mut connection, None, |event| {
        positions.push(event.position);
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    positions
}

#[tokio::test]
async fn a_later_writer_waits_for_an_earlier_one_and_readers_miss_nothing() {
    let database = log().await;
    let mut first = connect(&database).await;
    let mut transaction = first.begin().await.unwrap();
    append(&mut transaction, &[command(stream(1), 0, 2)]).await.unwrap()[0].as_ref().unwrap();

    let mut second = connect(&database).await;
    let later = tokio::spawn(async move { append(&mut second, &[command(stream(2), 0, 1)]).await });
    // The later writer waits for the head's lock.
    let mut observer = connect(&database).await;
    loop {
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_locks WHERE NOT granted")
            .fetch_one(&mut observer)
            .await
            .unwrap();
        if waiting > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!later.is_finished(), "it overtook a writer that had not committed");
    assert_eq!(positions(&database).await, Vec::<i64>::new());
    transaction.commit().await.unwrap();
    let later = later.await.unwrap().unwrap();
    assert_eq!(later[0].as_ref().unwrap().position, 3);
    assert_eq!(positions(&database).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_writer_that_rolls_back_leaves_no_gap() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut transaction = connection.begin().await.unwrap();
    append(&mut transaction, &[command(stream(1), 0, 5)]).await.unwrap()[0].as_ref().unwrap();
    transaction.rollback().await.unwrap();
    append(&mut connection, &[command(stream(2), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(positions(&database).await, [1]);
}

#[tokio::test]
async fn a_reader_that_follows_many_writers_sees_every_position_in_order() {
    let database = Arc::new(log().await);
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (database, done) = (Arc::clone(&database), Arc::clone(&done));
        tokio::spawn(async move {
            let mut connection = connect(&database).await;
            let mut cursor = 0_i64;
            loop {
                let ending = done.load(Ordering::SeqCst);
                let found: Vec<i64> = sqlx::query_scalar(
                    "SELECT position FROM phaseline.events WHERE position > $1 ORDER BY position",
                )
                .bind(cursor)
                .fetch_all(&mut connection)
                .await
                .unwrap();
                for position in found {
                    assert_eq!(position, cursor + 1, "a position was skipped");
                    cursor = position;
                }
                if ending {
                    return cursor;
                }
            }
        })
    };
    let writers: Vec<_> = (0..6_u128)
        .map(|writer| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                let mut connection = connect(&database).await;
                let mut written = 0;
                for round in 0..25_i64 {
                    let mut transaction = connection.begin().await.unwrap();
                    append(&mut transaction, &[command(stream(writer + 1), written, 2)]).await.unwrap()[0]
                        .as_ref()
                        .unwrap();
                    if (round + i64::try_from(writer).unwrap()) % 3 == 0 {
                        transaction.rollback().await.unwrap();
                    } else {
                        transaction.commit().await.unwrap();
                        written += 2;
                    }
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert_eq!(reader.await.unwrap(), written);
    let mut connection = connect(&database).await;
    let inspector = chain::inspect(&mut connection).await.unwrap();
    assert_eq!(inspector.breaks(), []);
}

#[tokio::test]
async fn each_command_of_a_batch_gets_its_own_verdict() {
    let database = log().await;
    let mut connection = connect(&database).await;
    append(&mut connection, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    let batch = [
        command(stream(1), 1, 2),
        command(stream(1), 1, 1), // decided on what the first of the batch made stale
        command(stream(1), 3, 1), // would fit, but follows one that was not appended
        command(stream(2), 5, 1), // a stream that is not there
        command(stream(3), 0, 1),
        command(stream(3), 1, 1),
    ];
    let verdicts = append(&mut connection, &batch).await.unwrap();
    let versions: Vec<Result<(i64, i64), i64>> = verdicts
        .iter()
        .map(|verdict| match verdict {
            Ok(appended) => Ok((appended.version, appended.position)),
            Err(StoreError::Conflict { actual, .. }) => Err(*actual),
            Err(other) => panic!("{other}"),
        })
        .collect();
    assert_eq!(versions, [Ok((3, 3)), Err(3), Err(3), Err(0), Ok((1, 4)), Ok((2, 5))]);
    assert_eq!(positions(&database).await, [1, 2, 3, 4, 5]);

    let apart = [command(stream(1), 3, 1), command(stream(3), 2, 1), command(stream(1), 4, 1)];
    let refused = append(&mut connection, &apart).await.unwrap_err().to_string();
    assert!(refused.contains("not adjacent"), "{refused}");
    assert_eq!(positions(&database).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn of_two_writers_with_the_same_version_one_fails() {
    let database = log().await;
    let (mut a, mut b) = (connect(&database).await, connect(&database).await);
    let (one, other) = ([command(stream(1), 0, 1)], [command(stream(1), 0, 1)]);
    let (first, second) = tokio::join!(append(&mut a, &one), append(&mut b, &other));
    let won = [first.unwrap(), second.unwrap()].iter().filter(|verdicts| verdicts[0].is_ok()).count();
    assert_eq!(won, 1);
    assert_eq!(positions(&database).await, [1]);
}

#[tokio::test]
async fn time_never_falls_even_when_the_clock_does() {
    let database = log().await;
    let mut connection = connect(&database).await;
    append(&mut connection, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    // An event from the future, as a server whose clock was set back would have left it.
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET recorded_at = now() + interval '1 day';
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    let future = append(&mut connection, &[command(stream(1), 1, 1)]).await.unwrap();
    let future = future[0].as_ref().unwrap().recorded_at;
    assert!(future > chrono::Utc::now() + chrono::TimeDelta::hours(23));
    let mut transaction = connection.begin().await.unwrap();
    let import = Import::begin(&mut transaction).await.unwrap();
    assert!(import.recorded_at() >= future);
}

#[tokio::test]
async fn an_import_continues_the_positions_and_the_chain() {
    let database = log().await;
    let mut connection = connect(&database).await;
    for round in 0..2_i64 {
        let mut transaction = connection.begin().await.unwrap();
        let mut import = Import::begin(&mut transaction).await.unwrap();
        for version in 1..=2000_i64 {
            let event = NewEvent::new("Happened", 1, format!("{{\"v\":{version}}}"));
            import.push(stream(7), round * 2000 + version, &event, "{}").await.unwrap();
        }
        let imported = import.finish().await.unwrap();
        transaction.commit().await.unwrap();
        // The first import opened the log: one event more.
        assert_eq!(imported.count, if round == 0 { 2001 } else { 2000 });
        append(&mut connection, &[command(stream(8), round, 1)]).await.unwrap()[0].as_ref().unwrap();
    }
    let inspector = chain::inspect(&mut connection).await.unwrap();
    assert_eq!((inspector.tip().0, inspector.breaks()), (4003, [].as_slice()));
    let log_id = schema::log_id(&mut connection).await.unwrap();
    let first = read::of_type(&mut connection, "Log").await.unwrap();
    assert_eq!((first.len(), first[0].position, first[0].stream_id), (1, 1, log_id));
}

#[tokio::test]
async fn an_import_that_is_dropped_writes_nothing() {
    let database = log().await;
    let mut connection = connect(&database).await;
    {
        let mut transaction = connection.begin().await.unwrap();
        let mut import = Import::begin(&mut transaction).await.unwrap();
        import.push(stream(7), 1, &NewEvent::new("Happened", 1, "{}".to_owned()), "{}").await.unwrap();
    }
    assert_eq!(positions(&database).await, Vec::<i64>::new());
}

#[tokio::test]
async fn a_command_behind_a_conflict_conflicts_even_at_the_expected_version() {
    let database = log().await;
    let mut connection = connect(&database).await;
    append(&mut connection, &[command(stream(1), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    // Two commands are decided on version 1, the second on the result of the first; meanwhile another session writes two events.
    let batch = [
        command(stream(2), 0, 1),
        command(stream(1), 1, 2),
        command(stream(1), 3, 1),
        command(stream(1), 4, 1),
    ];
    append(&mut connection, &[command(stream(1), 1, 2)]).await.unwrap()[0].as_ref().unwrap();
    let verdicts = append(&mut connection, &batch).await.unwrap();
    for (at, verdict) in verdicts.iter().enumerate() {
        match verdict {
            Ok(appended) => assert_eq!((at, appended.version), (0, 1)),
            Err(StoreError::Conflict { actual, .. }) => assert_eq!(*actual, 3),
            Err(error) => panic!("{at}: {error}"),
        }
    }
    assert!(verdicts[1].is_err() && verdicts[2].is_err() && verdicts[3].is_err(), "{verdicts:?}");
    // Decided again it is appended.
    append(&mut connection, &[command(stream(1), 3, 1)]).await.unwrap()[0].as_ref().unwrap();
}
