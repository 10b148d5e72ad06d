//! What a position or a time means, and that the same question has the same answer forever.

use crate::fixture::{command, connect, log, stream};
use chrono::{DateTime, TimeDelta, Utc};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::moment::{Moment, MomentError, ResolvedMoment, resolve};
use phaseline_store::{Metadata, append, read};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Events of commands, by time in milliseconds: runs of events with one command, times that several commands share, and a run.
const COMMANDS: [(i64, &str, i64); 12] = [
    (1_000, "{}", 1),
    (1_000, r#"{"correlation_id":"begun"}"#, 1),
    (1_000, r#"{"command_id":"z"}"#, 1),
    (1_000, r#"{"correlation_id":"run"}"#, 700),
    (1_500, r#"{"correlation_id":"run"}"#, 40),
    (2_000, r#"{"command_id":"a"}"#, 3),
    (2_000, r#"{"command_id":"b"}"#, 1),
    (2_000, r#"{"command_id":"c"}"#, 2),
    (2_500, r#"{"command_id":"d"}"#, 1),
    (2_501, r#"{"command_id":"d"}"#, 1),
    (9_000, r#"{"command_id":"e","correlation_id":"x"}"#, 2),
    (9_000, r#"{"command_id":"f","correlation_id":"x"}"#, 2),
];

fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_000 + milliseconds).unwrap()
}

/// The command with this number also has the next one: a run takes two times.
const CONTINUED: usize = 3;

/// A log of these commands. Returns for each event its time, and the end of its command.
fn write(database: &TestDatabase) -> Vec<(DateTime<Utc>, i64)> {
    let mut events: Vec<(DateTime<Utc>, i64)> = Vec::new();
    for (number, (at, metadata, count)) in COMMANDS.into_iter().enumerate() {
        let first = i64::try_from(events.len()).unwrap() + 1;
        let last = first + count - 1;
        let end = if number == CONTINUED { last + COMMANDS[number + 1].2 } else { last };
        database.psql(&format!(
            "INSERT INTO phaseline.events (position, stream_type, stream_id, version, event_id, event_type, schema_version,
                 payload, metadata, salt, recorded_at, hash)
             SELECT n, 'Timeline', '00000000-0000-0000-0000-000000000001', n, gen_random_uuid(), 'PhaseRenamed', 1, '{{}}',
                    '{metadata}', '', '{}', sha256('')
               FROM generate_series({first}, {last}) AS n",
            time(at).to_rfc3339()
        ));
        events.extend((first..=last).map(|_| (time(at), end)));
    }
    events
}

async fn position(connection: &mut PgConnection, moment: Moment) -> i64 {
    resolve(connection, moment).await.unwrap().position
}

#[tokio::test]
async fn a_position_means_the_end_of_its_command() {
    let database = log().await;
    let events = write(&database);
    let mut connection = connect(&database).await;
    for (before, (_, end)) in (0_i64..).zip(&events) {
        let found = resolve(&mut connection, Moment::Position(before + 1)).await.unwrap();
        let (time, _) = events[usize::try_from(end - 1).unwrap()];
        assert_eq!(found, ResolvedMoment { position: *end, recorded_at: Some(time) }, "{}", before + 1);
    }
    let found = resolve(&mut connection, Moment::Position(0)).await.unwrap();
    assert_eq!(found, ResolvedMoment { position: 0, recorded_at: None });
    let tip = i64::try_from(events.len()).unwrap();
    let refused = resolve(&mut connection, Moment::Position(tip + 1)).await.unwrap_err();
    assert!(
        matches!(refused, MomentError::NoSuchPosition { position, tip: t } if (position, t) == (tip + 1, tip))
    );
}

#[tokio::test]
async fn a_time_means_the_last_event_recorded_at_or_before_it() {
    let database = log().await;
    let events = write(&database);
    let mut connection = connect(&database).await;
    // The last command all of whose events were recorded until then.
    let serial = |asked: DateTime<Utc>| {
        let recorded = i64::try_from(events.iter().take_while(|(at, _)| *at <= asked).count()).unwrap();
        events.iter().map(|(_, end)| *end).filter(|end| *end <= recorded).max().unwrap_or(0)
    };
    for (at, ..) in COMMANDS {
        for microseconds in [-1, 0, 1] {
            let asked = time(at) + TimeDelta::microseconds(microseconds);
            assert_eq!(position(&mut connection, Moment::Time(asked)).await, serial(asked), "{asked}");
        }
        let nearly = time(at) - TimeDelta::nanoseconds(1);
        assert_eq!(position(&mut connection, Moment::Time(nearly)).await, serial(nearly), "{nearly}");
    }
    let before = resolve(&mut connection, Moment::Time(time(0))).await.unwrap();
    assert_eq!(before, ResolvedMoment { position: 0, recorded_at: None });
    let tomorrow = Utc::now() + TimeDelta::days(1);
    let refused = resolve(&mut connection, Moment::Time(tomorrow)).await.unwrap_err();
    assert!(matches!(refused, MomentError::InTheFuture { .. }), "{refused}");
}

#[tokio::test]
async fn an_empty_log_is_empty_at_every_moment() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let nothing = ResolvedMoment { position: 0, recorded_at: None };
    for moment in [Moment::Time(time(0)), Moment::Position(0)] {
        assert_eq!(resolve(&mut connection, moment).await.unwrap(), nothing);
    }
}

/// Appends commands as fast as possible until the end.
async fn keep_writing(database: Arc<TestDatabase>, id: u128, over: Arc<AtomicBool>) {
    let mut connection = connect(&database).await;
    let mut version = 0;
    while !over.load(Ordering::Relaxed) {
        let mut next = command(stream(id), version, 3);
        next.metadata = Metadata { command_id: Some(format!("{id}-{version}")), ..Metadata::default() };
        append(&mut connection, &[next]).await.unwrap()[0].as_ref().unwrap();
        version += 3;
    }
}

/// The hash at a position, which covers all events up to it; none at 0.
async fn content(connection: &mut PgConnection, position: i64) -> Option<Vec<u8>> {
    sqlx::query_scalar("SELECT hash FROM phaseline.events WHERE position = $1")
        .bind(position)
        .fetch_optional(connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_a_millisecond_ago_has_one_answer_beside_writers() {
    let database = Arc::new(log().await);
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (1..=4).map(|id| tokio::spawn(keep_writing(Arc::clone(&database), id, Arc::clone(&over)))).collect();
    let mut connection = connect(&database).await;
    let mut answers = Vec::new();
    while answers.len() < 300 {
        let asked: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp() - interval '1 millisecond'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        match resolve(&mut connection, Moment::Time(asked)).await {
            Ok(found) => {
                let content = content(&mut connection, found.position).await;
                answers.push((asked, found, content));
            }
            Err(MomentError::Unsettled(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    for (asked, found, before) in answers {
        assert_eq!(resolve(&mut connection, Moment::Time(asked)).await.unwrap(), found, "{asked}");
        assert_eq!(content(&mut connection, found.position).await, before);
        assert_eq!(found.position % 3, 0, "commands are whole");
    }
}

#[tokio::test]
async fn a_time_before_an_append_under_way_is_not_final_until_it_ends() {
    let database = log().await;
    let mut writing = connect(&database).await;
    let mut transaction = writing.begin().await.unwrap();
    append(&mut transaction, &[command(stream(1), 0, 2)]).await.unwrap()[0].as_ref().unwrap();
    let mut connection = connect(&database).await;
    let asked = Utc::now();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let refused = resolve(&mut connection, Moment::Time(asked)).await.unwrap_err();
    assert!(matches!(refused, MomentError::Unsettled(_)), "{refused}");
    let mut beside = connect(&database).await;
    let mut snapshot = read::snapshot(&mut beside).await.unwrap();
    let refused = resolve(&mut snapshot, Moment::Time(asked)).await.unwrap_err();
    assert!(matches!(refused, MomentError::Unsettled(_)), "{refused}");
    transaction.commit().await.unwrap();
    assert_eq!(position(&mut connection, Moment::Time(asked)).await, 2);
    let refused = resolve(&mut snapshot, Moment::Time(asked)).await.unwrap_err();
    assert!(matches!(refused, MomentError::Unsettled(_)), "the snapshot began before the commit: {refused}");
    drop(snapshot);
    let mut snapshot = read::snapshot(&mut beside).await.unwrap();
    assert_eq!(position(&mut snapshot, Moment::Time(asked)).await, 2);
}
