//! Import beside COPY of the same rows, finished and in memory, into a table with the same indexes.

use crate::error::{Result, same};
use crate::events::{Events, GeneratedEvent};
use crate::log::import;
use crate::measure::{CaseResult, Measured, alternate};
use crate::server::{Bench, connect, digest, run as execute, settle};
use futures_util::TryStreamExt;
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::schema;
use sqlx::{Connection, PgConnection};

const NAME: &str = "import";
/// All columns except those that differ between runs: salt, time and hash.
const COLUMNS: &str =
    "position, stream_type, stream_id, version, event_id, event_type, schema_version, payload, metadata";
/// The table for the raw rows: columns, checks, storage and indexes of the log.
const RAW: &str = "CREATE TABLE public.raw_events (LIKE phaseline.events INCLUDING ALL)";

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let events = Events::new(2, bench.sizes.events).all()?;
    let rows = finished_rows(bench, &events).await?;
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let [our_meter, their_meter] = bench.meters(NAME);
    let (mut of_ours, mut of_theirs) = (String::new(), String::new());
    let (ours, theirs) = alternate(
        bench.rounds,
        async || {
            let (_database, mut connection) = with_log(bench).await?;
            let (_, spent) = our_meter.timed(import(&mut connection, &events)).await?;
            of_ours = digest(&mut connection, COLUMNS, "phaseline.events WHERE position > 1").await?;
            Ok(Measured::rate(count, spent))
        },
        async || {
            let (_database, mut connection) = with_log(bench).await?;
            execute(&mut connection, RAW).await?;
            let ((), spent) = their_meter.timed(copy_in(&mut connection, &rows)).await?;
            of_theirs = digest(&mut connection, COLUMNS, "public.raw_events WHERE position > 1").await?;
            Ok(Measured::rate(count, spent))
        },
    )
    .await?;
    same(NAME, "rows of the log", &of_ours, &of_theirs)?;
    let checked = "both tables have the same rows but for salt, time and hash";
    Ok(vec![CaseResult { ours, theirs, ..CaseResult::of(NAME, format!("{count} events"), checked)? }])
}

/// A database with an empty log.
async fn with_log(bench: &Bench) -> Result<(TestDatabase, PgConnection)> {
    let database = bench.empty();
    let mut connection = connect(database.url()).await?;
    schema::install(&mut connection).await?;
    settle(&mut connection).await?;
    Ok((database, connection))
}

/// The log's complete rows as binary COPY data, in pieces as COPY sends them.
async fn finished_rows(bench: &Bench, events: &[GeneratedEvent]) -> Result<Vec<Vec<u8>>> {
    /// As large as those of the import.
    const PIECE: usize = phaseline_store::copy::Sink::PIECE;
    let (_database, mut connection) = with_log(bench).await?;
    import(&mut connection, events).await?;
    let copy = "COPY (SELECT * FROM phaseline.events ORDER BY position) TO STDOUT (FORMAT binary)";
    let mut stream = connection.copy_out_raw(copy).await?;
    let mut pieces = vec![Vec::with_capacity(PIECE)];
    while let Some(data) = stream.try_next().await? {
        match pieces.last_mut().filter(|piece| piece.len() + data.len() <= PIECE) {
            Some(piece) => piece.extend_from_slice(&data),
            None => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.extend_from_slice(&data);
                pieces.push(piece);
            }
        }
    }
    drop(stream);
    Ok(pieces)
}

async fn copy_in(connection: &mut PgConnection, pieces: &[Vec<u8>]) -> Result<()> {
    let mut transaction = connection.begin().await?;
    let mut copy = transaction.copy_in_raw("COPY public.raw_events FROM STDIN (FORMAT binary)").await?;
    for piece in pieces {
        copy.send(piece.as_slice()).await?;
    }
    copy.finish().await?;
    transaction.commit().await?;
    Ok(())
}
