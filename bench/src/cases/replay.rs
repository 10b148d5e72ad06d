//! The rebuild beside the published cqrs-es and postgres-es, used as they document it: `QueryReplay` over the event
//! table feeds a `GenericQuery`, which keeps each timeline as one row of a view table.

use super::rebuild::{TableState, ours};
use crate::error::{BenchError, Result, same};
use crate::log::Log;
use crate::measure::{CaseResult, Measured, alternate};
use crate::server::{Bench, connect, digest, number, run as execute, settle};
use cqrs_es::persist::{GenericQuery, QueryReplay};
use cqrs_es::{EventEnvelope, View};
use phaseline_domain::Timeline;
use phaseline_embedded::testing::TestDatabase;
use phaseline_store::copy;
use postgres_es::{PostgresEventRepository, PostgresViewRepository};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use std::sync::{Arc, Mutex, PoisonError};

const NAME: &str = "rebuild-replay";
/// The tables of postgres-es, as its own `db/init.sql` makes them.
const TABLES: &str = include_str!("../../sql/postgres_es.sql");
/// The values of the view's rows that must equal those of `project_phases`.
const OF_VIEW: &str = "(SELECT (ph->>'id')::uuid AS id, ph->>'name' AS name, ph->'range'->>'start_date' AS s,
                               ph->'range'->>'end_date' AS e, ph->>'description' AS d,
                               (ph->'budget'->>'capital_budget')::numeric AS c
                          FROM timeline_view, json_array_elements(payload->'timeline'->'phases') AS ph) AS v";
const OF_TABLE: &str = "(SELECT id, name, start_date::text AS s, end_date::text AS e, description AS d,
                                capital_budget AS c
                           FROM public.project_phases WHERE project_id = ANY (string_to_array('%', ',')::uuid[])) AS t";

/// One timeline.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TimelineView {
    timeline: Timeline,
}

impl View<Timeline> for TimelineView {
    fn update(&mut self, event: &EventEnvelope<Timeline>) {
        self.timeline.evolve(&event.payload);
    }
}

pub(super) async fn run(bench: &Bench, log: &Log) -> Result<Vec<CaseResult>> {
    let projects = some_projects(bench, log).await?;
    let database = events_of(bench, log.url(), &projects).await?;
    let mut connection = connect(database.url()).await?;
    let replayed = number(&mut connection, "SELECT count(*) FROM events").await?;
    let [our_meter, their_meter] = bench.meters(NAME);
    let (figures, theirs) = alternate(
        bench.rounds,
        async || ours(our_meter, log, TableState::Lost, &mut None).await,
        async || {
            let mut connection = connect(database.url()).await?;
            execute(&mut connection, "TRUNCATE timeline_view").await?;
            settle(&mut connection).await?;
            let ((), spent) = their_meter.timed(replay(database.url())).await?;
            Ok(Measured::rate(replayed, spent))
        },
    )
    .await?;
    same_phases(NAME, log.url(), database.url(), &projects).await?;
    let size = format!("{}; theirs {replayed} events", log.size());
    let checked = "the phases of the timelines replayed are the same";
    Ok(vec![CaseResult { ours: figures, theirs, ..CaseResult::of(NAME, size, checked)? }])
}

/// Some of the log's timelines.
async fn some_projects(bench: &Bench, log: &Log) -> Result<Vec<String>> {
    let mut from = connect(log.url()).await?;
    Ok(sqlx::query_scalar(
        "SELECT stream_id::text FROM phaseline.events WHERE event_type = 'TimelineOpened' AND position > 100
          ORDER BY position LIMIT $1",
    )
    .bind(i64::try_from(bench.sizes.replayed / 25).unwrap_or(1))
    .fetch_all(&mut from)
    .await?)
}

/// The events of some timelines, in the tables of postgres-es in a separate database.
pub(super) async fn events_of(bench: &Bench, url: &str, projects: &[String]) -> Result<TestDatabase> {
    let database = bench.empty();
    let mut into = connect(database.url()).await?;
    execute(&mut into, TABLES).await?;
    let mut from = connect(url).await?;
    let query = format!(
        "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata
           FROM phaseline.postgres_es_events WHERE aggregate_id = ANY (string_to_array('{}', ','))",
        projects.join(",")
    );
    let mut sink = copy::Sink::open(&mut into, "events").await?;
    let mut events: Vec<Vec<Vec<u8>>> = Vec::new();
    copy::read(&mut from, &query, |row| {
        events.push((0..7).map(|field| Ok(row.bytes(field)?.to_vec())).collect::<Result<_>>()?);
        Ok::<_, BenchError>(())
    })
    .await?;
    for event in &events {
        sink.row(7, |row| event.iter().for_each(|field| row.bytes(field))).await?;
    }
    sink.finish().await?;
    execute(&mut into, "VACUUM (FREEZE, ANALYZE)").await?;
    Ok(database)
}

/// Fails unless the phases of these timelines are the same in Phaseline's table and in the peer's view.
pub(super) async fn same_phases(
    name: &'static str,
    ours: &str,
    theirs: &str,
    projects: &[String],
) -> Result<()> {
    let columns = "id, name, s, e, d, c";
    let theirs = digest(&mut connect(theirs).await?, columns, OF_VIEW).await?;
    let table = OF_TABLE.replace('%', &projects.join(","));
    let ours = digest(&mut connect(ours).await?, columns, &table).await?;
    same(name, "phases of the timelines", &ours, &theirs)
}

/// Feeds the view with all events.
pub(super) async fn replay(url: &str) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(10).connect(url).await?;
    let failed: Arc<Mutex<Option<String>>> = Arc::default();
    let note = |failed: &Arc<Mutex<Option<String>>>| {
        let failed = Arc::clone(failed);
        Box::new(move |error: cqrs_es::persist::PersistenceError| {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
        })
    };
    let view = Arc::new(PostgresViewRepository::<TimelineView, Timeline>::new("timeline_view", pool.clone()));
    let mut query = GenericQuery::new(view);
    query.use_error_handler(note(&failed));
    let mut replay = QueryReplay::new(PostgresEventRepository::new(pool.clone()), query);
    replay.use_error_handler(note(&failed));
    replay.replay_all().await.map_err(|error| BenchError::Failed(format!("QueryReplay: {error}")))?;
    pool.close().await;
    let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    failed.map_or(Ok(()), |error| Err(BenchError::Failed(format!("QueryReplay: {error}"))))
}
