//! Timelines at any position, beside a temporal table of phases and beside folds of the log.

use super::commands::{fixture, ours as commands, store};
use crate::error::{BenchError, Result, same};
use crate::events::Events;
use crate::log::Log;
use crate::measure::{CaseResult, Figures, alternate, timed};
use crate::server::{Bench, connect, number, run as execute, settle};
use chrono::{Datelike, NaiveDate};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::portfolio::{PastTimeline, ProjectSelection, SelectedStates, timelines_at_from};
use phaseline_projections::{FoldedLog, FoldedTimeline, PhaseRow, project_phases};
use phaseline_store::timeline_states::{Advanced, advance, remake};
use phaseline_store::{copy, read};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Commands to each project, which are 100 events.
const STEPS: usize = 92;
/// Commands to the project of the long stream.
const LONG: usize = 492;
const TABLE: &str = include_str!("../../sql/temporal.sql");
const INDEXES: &str = "CREATE INDEX ON public.phase_history (project_id, from_position);
    CREATE INDEX ON public.phase_history USING gist (int8range(from_position, to_position))";
const COLUMNS: &str =
    "project_id, id, name, start_date, end_date, description, capital_budget, expense_budget";
/// The pauses of the service's task, in times of its work.
const PAUSE: u32 = 15;

/// Phases as they were: the count, and a sum over ids and days of their ends.
#[derive(Debug, Default, PartialEq, Eq)]
struct PortfolioSum {
    phases: u64,
    sum: u64,
}

impl PortfolioSum {
    fn add(&mut self, id: Uuid, end: NaiveDate) {
        self.phases += 1;
        self.sum = self
            .sum
            .wrapping_add(id.as_u64_pair().0)
            .wrapping_add(u64::from(end.num_days_from_ce().unsigned_abs()));
    }

    fn of(&mut self, folded: &FoldedTimeline) {
        folded.timeline.phases().iter().for_each(|phase| self.add(phase.id.uuid(), phase.range.end()));
    }
}

async fn by_states(
    connection: &mut PgConnection,
    selection: &ProjectSelection,
    position: i64,
    states: SelectedStates,
) -> Result<PortfolioSum> {
    let mut found = PortfolioSum::default();
    timelines_at_from(connection, selection, position, states, |_, past| {
        if let PastTimeline::Readable(folded) = past {
            found.of(&folded);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn by_table(
    connection: &mut PgConnection,
    projects: Option<&[Uuid]>,
    position: i64,
) -> Result<PortfolioSum> {
    let of_projects = projects.map_or_else(String::new, |ids| {
        let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        format!("project_id = ANY ('{{{}}}'::uuid[]) AND ", ids.join(","))
    });
    let current = if projects.is_some() {
        format!("from_position <= {position} AND (to_position IS NULL OR to_position > {position})")
    } else {
        format!("int8range(from_position, to_position) @> {position}::bigint")
    };
    let query = format!("SELECT {COLUMNS} FROM public.phase_history WHERE {of_projects}{current}");
    let mut found = PortfolioSum::default();
    copy::read(connection, &query, |row| {
        found.add(row.uuid(1)?, row.date(4)?);
        Ok::<_, BenchError>(())
    })
    .await?;
    Ok(found)
}

/// Fills the temporal table with the rows that triggers would have written.
async fn fill(url: &str) -> Result<()> {
    let (mut from, mut into) = (connect(url).await?, connect(url).await?);
    execute(&mut into, TABLE).await?;
    let mut log = FoldedLog::begin(&mut from).await?;
    let mut current: HashMap<ProjectId, HashMap<PhaseId, (PhaseRow, i64)>> = HashMap::new();
    let mut past = Vec::new();
    read::scan(&mut from, None, |event| {
        if log.apply(event).is_none() {
            return Ok(());
        }
        let project: ProjectId = event.stream_id.into();
        let rows: Vec<PhaseRow> =
            log.timelines.get(&project).into_iter().flat_map(project_phases::rows).collect();
        let before = current.entry(project).or_default();
        let live: HashSet<PhaseId> = rows.iter().map(|row| row.id).collect();
        let removed = before.extract_if(|id, _| !live.contains(id));
        past.extend(removed.map(|(_, (row, since))| (row, since, Some(event.position))));
        for row in rows {
            if before.get(&row.id).is_none_or(|(known, _)| *known != row) {
                let replaced = before.insert(row.id, (row, event.position));
                past.extend(replaced.map(|(row, since)| (row, since, Some(event.position))));
            }
        }
        Ok::<_, BenchError>(())
    })
    .await?;
    let last = current.into_values().flat_map(HashMap::into_values);
    past.extend(last.map(|(row, since)| (row, since, None)));
    let mut sink = copy::Sink::open(&mut into, "public.phase_history").await?;
    for (row, since, until) in &past {
        sink.row(10, |fields| {
            fields.uuid(row.project_id.uuid());
            fields.uuid(row.id.uuid());
            fields.text(&row.name);
            fields.date(row.start_date);
            fields.date(row.end_date);
            match &row.description {
                Some(text) => fields.text(text),
                None => fields.null(),
            }
            fields.numeric(row.capital_budget);
            fields.numeric(row.expense_budget);
            fields.i64(*since);
            match until {
                Some(until) => fields.i64(*until),
                None => fields.null(),
            }
        })
        .await?;
    }
    sink.finish().await?;
    execute(&mut into, INDEXES).await?;
    execute(&mut into, "VACUUM (FREEZE, ANALYZE) public.phase_history").await
}

/// Random positions in the last tenth of the log, where it has nearly all projects; the same every time.
fn positions(last: i64, count: u32) -> Vec<i64> {
    let step = (last / 10 / i64::from(count.max(1))).max(1);
    (0..i64::from(count)).map(|n| last - (n * 7_919 % i64::from(count)) * step - 1).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The median time of this at each position.
async fn median(positions: &[i64], mut each: impl AsyncFnMut(i64) -> Result<PortfolioSum>) -> Result<f64> {
    let mut times = Figures::default();
    for position in positions {
        let (_, time) = timed(each(*position)).await?;
        times.0.push(milliseconds(time));
    }
    Ok(times.median())
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let log = Log::of(bench, Events::new(1, bench.sizes.events).lasting(STEPS)).await?;
    let mut connection = connect(log.url()).await?;
    let (states, made) =
        timed(async { Ok(remake(&mut connection, |_, _| ()).await?.unwrap_or_default()) }).await?;
    execute(&mut connection, "VACUUM (FREEZE, ANALYZE) phaseline.timeline_states").await?;
    fill(log.url()).await?;
    let sizes = "SELECT pg_total_relation_size('phaseline.timeline_states') / 1048576";
    let mib = number(&mut connection, sizes).await?;
    let of_log =
        number(&mut connection, "SELECT pg_total_relation_size('phaseline.events') / 1048576").await?;
    let of_table =
        number(&mut connection, "SELECT pg_total_relation_size('public.phase_history') / 1048576").await?;
    let note = format!(
        "{states} states of {mib} MiB made in {:.1} s; the log has {of_log} MiB, the temporal table {of_table} MiB",
        made.as_secs_f64()
    );
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM public.projects ORDER BY id OFFSET 1000 LIMIT 100")
            .fetch_all(&mut connection)
            .await?;
    let size = format!(
        "{} projects, {}",
        number(&mut connection, "SELECT count(*) FROM public.projects").await?,
        log.size()
    );
    settle(&mut connection).await?;
    let page = ProjectSelection::These(ids.iter().copied().map(ProjectId::from).collect());
    let mut outcomes = Vec::new();
    for (name, selection, projects, count) in
        [("portfolio-page", page, Some(&ids[..]), 20), ("portfolio-all", ProjectSelection::All, None, 4)]
    {
        let at = positions(log.events, count);
        for position in &at {
            let ours = by_states(&mut connection, &selection, *position, SelectedStates::Valid).await?;
            let theirs = by_table(&mut connection, projects, *position).await?;
            same(name, "phases", &format!("{ours:?}"), &format!("{theirs:?}"))?;
        }
        let mut other = connect(log.url()).await?;
        let (ours, theirs) = alternate(
            bench.rounds,
            async || {
                median(&at, async |position| {
                    by_states(&mut connection, &selection, position, SelectedStates::Valid).await
                })
                .await
            },
            async || median(&at, async |position| by_table(&mut other, projects, position).await).await,
        )
        .await?;
        let checked = "the phases are the same at each position";
        let note = Some(note.clone());
        outcomes.push(CaseResult { ours, theirs, note, ..CaseResult::of(name, size.clone(), checked)? });
    }
    let mut folds = Figures::default();
    for position in positions(log.events, 1) {
        let (folded, time) =
            timed(async { Ok(FoldedLog::read(&mut connection, Some(position)).await?) }).await?;
        folds.0.push(milliseconds(time));
        let mut found = PortfolioSum::default();
        folded.timelines.values().for_each(|folded| found.of(folded));
        let ours =
            by_states(&mut connection, &ProjectSelection::All, position, SelectedStates::Valid).await?;
        same("portfolio-fold", "phases", &format!("{ours:?}"), &format!("{found:?}"))?;
    }
    let all = outcomes.last().map(|all| all.ours.clone()).unwrap_or_default();
    let checked = "the phases are the same";
    outcomes.push(CaseResult {
        ours: all,
        theirs: folds,
        ..CaseResult::of("portfolio-fold", size, checked)?
    });
    outcomes.push(one(bench).await?);
    outcomes.push(writers(bench).await?);
    Ok(outcomes)
}

/// One timeline of a long stream.
async fn one(bench: &Bench) -> Result<CaseResult> {
    let log = Log::of(bench, Events::new(2, 32_000).lasting(LONG)).await?;
    let mut connection = connect(log.url()).await?;
    remake(&mut connection, |_, _| ()).await?;
    execute(&mut connection, "VACUUM (FREEZE, ANALYZE) phaseline.timeline_states").await?;
    let id: Uuid = sqlx::query_scalar(
        "SELECT stream_id FROM phaseline.postgres_es_events e JOIN LATERAL (SELECT e.aggregate_id::uuid AS stream_id) s ON true
          GROUP BY stream_id HAVING count(*) >= 495 LIMIT 1",
    )
    .fetch_one(&mut connection)
    .await?;
    let selection = ProjectSelection::These(vec![id.into()]);
    let at = positions(log.events, 50);
    let mut other = connect(log.url()).await?;
    let (ours, theirs) = alternate(
        bench.rounds,
        async || {
            median(&at, async |position| {
                by_states(&mut connection, &selection, position, SelectedStates::Valid).await
            })
            .await
        },
        async || {
            median(&at, async |position| {
                by_states(&mut other, &selection, position, SelectedStates::None).await
            })
            .await
        },
    )
    .await?;
    let checked = "the tests compare both at every position";
    Ok(CaseResult { ours, theirs, ..CaseResult::of("portfolio-one", log.size(), checked)? })
}

/// Writers beside the task that stores states, as the service runs it.
async fn writers(bench: &Bench) -> Result<CaseResult> {
    let (database, targets) = fixture(bench).await?;
    let (our_store, pool) = store(database.url()).await?;
    let mut task = connect(database.url()).await?;
    remake(&mut task, |_, _| ()).await?;
    let count = bench.sizes.commands * 8;
    let mut first = 1;
    let mut with = Figures::default();
    let mut without = Figures::default();
    for round in 0..bench.rounds * 2 {
        settle(&mut connect(database.url()).await?).await?;
        if round % 2 == 0 {
            tokio::select! {
                done = commands(&our_store, &targets, 64, count, first) => with.0.push(done?.rate),
                failed = keep_making(&mut task) => return Err(failed),
            }
        } else {
            without.0.push(commands(&our_store, &targets, 64, count, first).await?.rate);
        }
        first += count;
    }
    pool.close().await;
    let size = format!("{} timelines, {count} commands a round", targets.len());
    let checked = "the same commands";
    Ok(CaseResult { ours: with, theirs: without, ..CaseResult::of("command-64-states", size, checked)? })
}

/// Stores states until the future is dropped; returns an error.
async fn keep_making(task: &mut PgConnection) -> BenchError {
    loop {
        let begun = Instant::now();
        match advance(task).await {
            Err(error) => return error.into(),
            Ok(Advanced::To { left: 1.., .. }) => tokio::time::sleep(begun.elapsed() * PAUSE).await,
            Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
