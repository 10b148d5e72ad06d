//! Parallel readers read what one reader reads, for every chunk size; any error ends the reading.

use crate::fixture::{command, connect, log, stream};
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::chain::{self, ChainLink, Inspector};
use phaseline_store::parallel::{
    LogEntry, Readers, export_snapshot, positions_of_type, read_chained, read_timelines,
};
use phaseline_store::read::ChainedEvent;
use phaseline_store::stream::TIMELINE;
use phaseline_store::{Import, NewEvent, StoreError, StreamId, append, read, schema};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;

/// The entry at one position, as far as folds need it.
type ReadEntry = (i64, Option<(Uuid, i64, String)>);

const LINKS: &str = "LegacyLinks";

/// A log of three timelines whose events lie between each other's and between those of other streams.
async fn mixed() -> TestDatabase {
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut versions = [0; 3];
    for turn in 0..8_usize {
        let which = turn * turn % 3;
        let one = command(stream(which as u128 + 1), versions[which], 1 + turn % 3);
        versions[which] += one.events.len() as i64;
        append(&mut connection, &[one]).await.unwrap()[0].as_ref().unwrap();
        let mut transaction = connection.begin().await.unwrap();
        let mut import = Import::begin(&mut transaction).await.unwrap();
        let links = StreamId { stream_type: LINKS, id: Uuid::from_u128(turn as u128 + 1) };
        for version in 1..=1 + turn as i64 % 4 {
            import.push(links, version, &NewEvent::new("Linked", 1, "{}".to_owned()), "{}").await.unwrap();
        }
        import.finish().await.unwrap();
        transaction.commit().await.unwrap();
    }
    database
}

async fn connections(database: &TestDatabase, count: usize) -> Vec<PgConnection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(connect(database).await);
    }
    connections
}

#[expect(clippy::unnecessary_wraps, reason = "as a reading wants it")]
fn read_entry(place: &LogEntry<'_>) -> Result<ReadEntry, StoreError> {
    let timeline = place.timeline.map(|found| (found.stream_id, found.version, found.payload.to_owned()));
    Ok((place.position, timeline))
}

/// Reads all positions with so many readers, in chunks of so many positions.
async fn read_all(
    database: &TestDatabase,
    readers: usize,
    chunk: i64,
    up_to: i64,
) -> Result<Vec<ReadEntry>, StoreError> {
    let readers = Readers::from(connections(database, readers).await).with_chunk(chunk);
    read_with(database, readers, up_to).await
}

async fn read_with(
    database: &TestDatabase,
    readers: Readers,
    up_to: i64,
) -> Result<Vec<ReadEntry>, StoreError> {
    let mut holder = connect(database).await;
    let mut snapshot =
        holder.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.unwrap();
    let exported = export_snapshot(&mut snapshot).await.unwrap();
    let mut all = Vec::new();
    let read = read_timelines(readers, &exported, up_to, read_entry, |places| {
        all.extend(places);
        Ok(())
    });
    assert_eq!(read.await?, up_to.unsigned_abs());
    Ok(all)
}

async fn last_position(database: &TestDatabase) -> i64 {
    schema::tip(&mut connect(database).await).await.unwrap().position
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_entry_comes_once_in_order_for_any_readers_and_chunk_size() {
    let database = mixed().await;
    let mut expected: Vec<ReadEntry> = Vec::new();
    read::scan(&mut connect(&database).await, None, |event| {
        let timeline = (event.stream_type == TIMELINE)
            .then(|| (event.stream_id, event.version, event.payload.to_owned()));
        expected.push((event.position, timeline));
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    let up_to = expected.len() as i64;
    assert!(up_to > 30 && expected.iter().any(|(_, timeline)| timeline.is_none()));
    for (readers, chunk) in [(1, 1), (1, i64::MAX), (2, 1), (2, up_to - 1), (2, up_to), (3, 7), (8, 2)] {
        let found = read_all(&database, readers, chunk, up_to).await.unwrap();
        assert!(found == expected, "{readers} readers, chunks of {chunk}: {found:?}");
    }
    let other = || expected.iter().filter(|(_, timeline)| timeline.is_none()).map(|(position, _)| *position);
    let links = positions_of_type(&mut connect(&database).await, LINKS).await.unwrap();
    assert_eq!(links, [other().min().unwrap()..=other().max().unwrap()]);
    #[expect(clippy::reversed_empty_ranges, reason = "an empty range does not matter")]
    for large in [links, vec![3..=5, 9..=9, 12..=up_to / 2], vec![1..=i64::MAX], vec![5..=4]] {
        let readers = Readers::from(connections(&database, 2).await)
            .with_chunk(7)
            .with_chunk_of_large_events(large.clone(), 2);
        assert!(read_with(&database, readers, up_to).await.unwrap() == expected, "{large:?}");
    }
    assert_eq!(positions_of_type(&mut connect(&database).await, "Unknown").await.unwrap(), []);
    assert_eq!(read_all(&database, 2, 3, 0).await.unwrap(), [], "an empty log is read to its end");
    assert_eq!(read_all(&database, 2, 3, 5).await.unwrap(), expected[..5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_missing_position_is_named_in_any_chunk() {
    let database = mixed().await;
    let up_to = last_position(&database).await;
    database.psql("ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only");
    for gap in [1, 4, 5, up_to] {
        database.psql(&format!(
            "CREATE TABLE public.kept AS SELECT * FROM phaseline.events WHERE position = {gap};
             DELETE FROM phaseline.events WHERE position = {gap}"
        ));
        for (readers, chunk) in [(1, 100), (3, 4)] {
            let read = read_all(&database, readers, chunk, up_to).await;
            assert!(
                matches!(read, Err(StoreError::PositionGap { expected, .. }) if expected == gap),
                "{gap}, {readers} readers, chunks of {chunk}: {read:?}"
            );
        }
        database.psql("INSERT INTO phaseline.events SELECT * FROM public.kept; DROP TABLE public.kept");
    }
    assert_eq!(read_all(&database, 3, 4, up_to).await.unwrap().len() as i64, up_to);
}

/// An event's place in the chain, as it was read.
type ReadLink = (i64, chrono::DateTime<chrono::Utc>, String, Uuid, i64, [u8; 32], bool);

#[expect(clippy::unnecessary_wraps, reason = "as a reading wants it")]
fn read_link(chained: &ChainedEvent<'_>) -> Result<ReadLink, StoreError> {
    let event = &chained.event;
    let stream_type = event.stream_type.to_owned();
    let fits = chained.fits();
    Ok((event.position, event.recorded_at, stream_type, event.stream_id, event.version, event.hash, fits))
}

/// All damage that readers find with chunks of so many positions, and the number of events.
async fn inspected(database: &TestDatabase, chunk: i64) -> (Inspector, u64) {
    let mut holder = connect(database).await;
    let mut snapshot =
        holder.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.unwrap();
    let exported = export_snapshot(&mut snapshot).await.unwrap();
    let readers = Readers::from(connections(database, 2).await)
        .with_chunk(chunk)
        .with_chunk_of_large_events(vec![4..=9, 20..=22], 2);
    let mut inspector = Inspector::default();
    let up_to = last_position(database).await;
    let read = read_chained(readers, &exported, up_to, read_link, |links| {
        for (position, recorded_at, stream_type, stream_id, version, hash, fits) in links {
            let stream_type = stream_type.as_str();
            let link = ChainLink { position, recorded_at, stream_type, stream_id, version, hash };
            inspector.see_compared(&link, fits);
        }
        Ok(())
    });
    let read = read.await.unwrap();
    (inspector, read)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_find_the_damage_that_one_reader_finds() {
    let damages = [
        "",
        "DELETE FROM phaseline.events WHERE position = 1",
        "DELETE FROM phaseline.events WHERE position BETWEEN 5 AND 9",
        "DELETE FROM phaseline.events WHERE position IN (3, 4, 11)",
        "UPDATE phaseline.events SET salt = decode(md5(salt::text), 'hex') WHERE position IN (1, 4, 7)",
        "UPDATE phaseline.events SET hash = sha256(hash) WHERE position = 6",
        "UPDATE phaseline.events SET position = 5000000000000 WHERE position = (SELECT max(position) FROM phaseline.events)",
        "UPDATE phaseline.events SET recorded_at = recorded_at - interval '1 day' WHERE position = 8",
    ];
    for damage in damages {
        let database = mixed().await;
        database.psql(&format!("ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only; {damage}"));
        let expected = chain::inspect(&mut connect(&database).await).await.unwrap();
        assert_eq!(expected.broken() > 0, !damage.is_empty(), "{damage}");
        let events = database.psql("SELECT count(*) FROM phaseline.events");
        for chunk in [1, 2, 5, 1000] {
            let (found, read) = inspected(&database, chunk).await;
            assert_eq!(found.breaks(), expected.breaks(), "{damage}, chunks of {chunk}");
            assert_eq!((found.broken(), found.tip()), (expected.broken(), expected.tip()), "{damage}");
            assert_eq!(read.to_string(), events.trim(), "{damage}, chunks of {chunk}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn altered_events_are_found_where_they_are_read() {
    let database = mixed().await;
    let up_to = last_position(&database).await;
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET salt = decode(md5(salt::text), 'hex') WHERE position IN (1, 2, 7, 8)",
    );
    let expected = database.psql(
        "SELECT position FROM phaseline.events WHERE position IN (1, 2, 7, 8) AND stream_type = 'Timeline' ORDER BY 1",
    );
    let expected: Vec<i64> = expected.lines().map(|line| line.parse().unwrap()).collect();
    assert!(!expected.is_empty());
    for chunk in [1, 3, 1000] {
        for compares in [true, false] {
            let mut holder = connect(&database).await;
            let mut snapshot = holder
                .begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                .await
                .unwrap();
            let exported = export_snapshot(&mut snapshot).await.unwrap();
            let readers = Readers::from(connections(&database, 2).await).with_chunk(chunk);
            let readers = if compares { readers.comparing_hashes() } else { readers };
            let decode = |entry: &LogEntry<'_>| Ok(entry.is_altered.then_some(entry.position));
            let mut altered: Vec<i64> = Vec::new();
            let read = read_timelines(readers, &exported, up_to, decode, |found| {
                altered.extend(found.into_iter().flatten());
                Ok(())
            });
            read.await.unwrap();
            assert_eq!(altered, if compares { expected.clone() } else { Vec::new() }, "chunks of {chunk}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_error_of_a_reader_or_the_caller_ends_every_reader() {
    let database = mixed().await;
    let up_to = last_position(&database).await;
    let mut holder = connect(&database).await;
    let mut snapshot =
        holder.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.unwrap();
    let exported = export_snapshot(&mut snapshot).await.unwrap();
    let failed = |at| StoreError::SelfCheck(format!("at {at}"));

    let readers = Readers::from(connections(&database, 3).await).with_chunk(1);
    let decode = move |place: &LogEntry<'_>| {
        if place.position == 9 { Err(failed(place.position)) } else { Ok(place.position) }
    };
    let read = read_timelines(readers, &exported, up_to, decode, |_| Ok(())).await;
    assert!(matches!(&read, Err(StoreError::SelfCheck(what)) if what == "at 9"), "{read:?}");

    let readers = Readers::from(connections(&database, 3).await).with_chunk(1);
    let mut seen = 0;
    let each = |_| {
        seen += 1;
        if seen == 3 { Err(failed(seen)) } else { Ok(()) }
    };
    let read = read_timelines(readers, &exported, up_to, read_entry, each).await;
    assert!(matches!(&read, Err(StoreError::SelfCheck(what)) if what == "at 3"), "{read:?}");

    // One of three loses its connection while the others could continue.
    let mut readers = connections(&database, 3).await;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut readers[1]).await.unwrap();
    let mut cut = false;
    let read = read_timelines(Readers::from(readers).with_chunk(1), &exported, up_to, read_entry, |_| {
        if !std::mem::replace(&mut cut, true) {
            database.psql(&format!("SELECT pg_terminate_backend({pid})"));
        }
        Ok(())
    });
    let read = read.await;
    assert!(matches!(read, Err(StoreError::Database(_))), "a lost reader was not noticed: {read:?}");

    let read = read_timelines(Readers::from(Vec::new()), &exported, up_to, read_entry, |_| Ok(())).await;
    assert!(matches!(read, Err(StoreError::SelfCheck(_))), "{read:?}");
    only_the_holder_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_share_the_exported_snapshot_and_end_with_their_caller() {
    let database = mixed().await;
    let up_to = last_position(&database).await;
    let mut holder = connect(&database).await;
    let mut snapshot =
        holder.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.unwrap();
    let exported = export_snapshot(&mut snapshot).await.unwrap();
    append(&mut connect(&database).await, &[command(stream(9), 0, 1)]).await.unwrap()[0].as_ref().unwrap();
    let readers = connections(&database, 2).await;
    let read = read_timelines(readers.into(), &exported, up_to + 1, read_entry, |_| Ok(())).await;
    assert!(
        matches!(read, Err(StoreError::PositionGap { expected, found: None }) if expected == up_to + 1),
        "an event of after the snapshot was seen: {read:?}"
    );

    let mut blocker = connect(&database).await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE phaseline.events").execute(&mut *lock).await.unwrap();
    let readers = connections(&database, 2).await;
    let reading = read_timelines(readers.into(), &exported, up_to, read_entry, |_| Ok(()));
    let given_up = tokio::time::timeout(Duration::from_millis(100), reading).await;
    assert!(given_up.is_err(), "the lock did not hold it: {given_up:?}");
    lock.rollback().await.unwrap();
    blocker.close().await.unwrap();
    only_the_holder_is_left(&database).await;
}

/// Returns when no session but the snapshot's is connected.
async fn only_the_holder_is_left(database: &TestDatabase) {
    for _ in 0..2000 {
        let others = database.psql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        if others.trim() == "1" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("readers are still connected");
}
