//! The rebuild of `project_phases`, beside SQL that does the same, beside reading the log only, and beside itself at another size.

use crate::child::rebuilt;
use crate::error::{BenchError, Result, same};
use crate::log::Log;
use crate::measure::{CaseResult, Measured, alternate};
use crate::meter::Meter;
use crate::server::{Bench, connect, digest, number, run, settle};
use crate::steps::StepTimes;
use futures_util::TryStreamExt;
use sqlx::PgConnection;

/// The log folded by one query, into a temporary table.
const FOLD: &str = include_str!("../../sql/fold.sql");
const COMPARE: &str = include_str!("../../sql/compare.sql");
const RESTORE: &str = include_str!("../../sql/restore.sql");
const COLUMNS: &str = "project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, \
                       start_date, end_date, description";
/// The timeline shape has nothing that refers to this table.
const LOSE: &str = "TRUNCATE public.project_phases";

/// The state of the table before a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableState {
    Intact,
    Lost,
}

/// Brings the table into that state.
pub(super) async fn prepare(connection: &mut PgConnection, table: TableState) -> Result<()> {
    if table == TableState::Lost {
        run(connection, LOSE).await?;
    }
    settle(connection).await
}

async fn rows(connection: &mut PgConnection) -> Result<String> {
    digest(connection, COLUMNS, "public.project_phases").await
}

/// Events per second of one rebuild by Phaseline; records the time of each step.
pub(super) async fn ours(
    meter: Meter<'_>,
    log: &Log,
    table: TableState,
    note: &mut Option<String>,
) -> Result<Measured> {
    let mut connection = connect(log.url()).await?;
    prepare(&mut connection, table).await?;
    let steps = StepTimes::default();
    let (rebuilt, spent) = meter.timed(rebuilt(log.url(), &steps)).await?;
    *note = Some(steps.summary());
    let expected = if table == TableState::Lost { log.rows.unsigned_abs() } else { 0 };
    if rebuilt.inserted() != expected || rebuilt.updated() != 0 || !rebuilt.is_right() {
        return Err(BenchError::Failed(format!("rebuild of the {table:?} table: {rebuilt:?}")));
    }
    Ok(Measured::rate(log.events, spent))
}

/// The same by SQL.
async fn by_sql(meter: Meter<'_>, log: &Log, table: TableState) -> Result<Measured> {
    let mut connection = connect(log.url()).await?;
    prepare(&mut connection, table).await?;
    let (different, spent) = meter
        .timed(async {
            run(&mut connection, "BEGIN").await?;
            run(&mut connection, FOLD).await?;
            let different = match table {
                TableState::Intact => number(&mut connection, COMPARE).await?,
                TableState::Lost => {
                    run(&mut connection, RESTORE).await?;
                    0
                }
            };
            run(&mut connection, "COMMIT").await?;
            Ok(different)
        })
        .await?;
    if different != 0 {
        return Err(BenchError::Failed(format!(
            "the SQL fold differs from project_phases in {different} rows"
        )));
    }
    Ok(Measured::rate(log.events, spent))
}

/// Reads the log without using it: events per second.
pub(super) async fn read_log(meter: Meter<'_>, log: &Log) -> Result<Measured> {
    let mut connection = connect(log.url()).await?;
    settle(&mut connection).await?;
    let (bytes, spent) = meter
        .timed(async {
            let copy = "COPY (SELECT * FROM phaseline.events) TO STDOUT (FORMAT binary)";
            let mut stream = connection.copy_out_raw(copy).await?;
            let mut bytes = 0;
            while let Some(data) = stream.try_next().await? {
                bytes += data.len();
            }
            Ok(bytes)
        })
        .await?;
    // Hashes, ids and lengths have at least this size.
    if i64::try_from(bytes).unwrap_or_default() < log.events * 150 {
        return Err(BenchError::Failed(format!("COPY gave {bytes} bytes for {} events", log.events)));
    }
    Ok(Measured::rate(log.events, spent))
}

pub(super) async fn beside_sql(bench: &Bench, log: &Log) -> Result<Vec<CaseResult>> {
    let mut connection = connect(log.url()).await?;
    let before = rows(&mut connection).await?;
    let mut outcomes = Vec::new();
    for (name, table) in [("rebuild-sql-intact", TableState::Intact), ("rebuild-sql-lost", TableState::Lost)]
    {
        let [our_meter, their_meter] = bench.meters(name);
        let mut note = None;
        let (mut of_ours, mut of_theirs) = (before.clone(), before.clone());
        let (ours, theirs) = alternate(
            bench.rounds,
            async || {
                let figure = ours(our_meter, log, table, &mut note).await?;
                of_ours = rows(&mut connect(log.url()).await?).await?;
                Ok(figure)
            },
            async || {
                let figure = by_sql(their_meter, log, table).await?;
                of_theirs = rows(&mut connect(log.url()).await?).await?;
                Ok(figure)
            },
        )
        .await?;
        same(name, "rows of project_phases", &of_ours, &of_theirs)?;
        same(name, "rows of project_phases before and after", &before, &of_ours)?;
        let checked = "both come to the same rows, times included";
        outcomes.push(CaseResult { ours, theirs, note, ..CaseResult::of(name, log.size(), checked)? });
    }
    Ok(outcomes)
}

pub(super) async fn beside_copy(bench: &Bench, log: &Log) -> Result<Vec<CaseResult>> {
    let mut outcomes = Vec::new();
    for (name, table) in
        [("rebuild-copy-intact", TableState::Intact), ("rebuild-copy-lost", TableState::Lost)]
    {
        let [our_meter, their_meter] = bench.meters(name);
        let mut note = None;
        let (ours, theirs) = alternate(
            bench.rounds,
            async || ours(our_meter, log, table, &mut note).await,
            async || read_log(their_meter, log).await,
        )
        .await?;
        let checked = "every row is back; the whole log was sent";
        outcomes.push(CaseResult { ours, theirs, note, ..CaseResult::of(name, log.size(), checked)? });
    }
    Ok(outcomes)
}

pub(super) async fn scaling(bench: &Bench, log: &Log) -> Result<Vec<CaseResult>> {
    let [our_meter, their_meter] = bench.meters("rebuild-scaling");
    let base = bench.sizes.scaling;
    let (mut short, mut long) = (None, None);
    if base != bench.sizes.events {
        short = Some(Log::make(bench, base).await?);
    }
    if base * 5 != bench.sizes.events {
        long = Some(Log::make(bench, base * 5).await?);
    }
    let (short, long) = (short.as_ref().unwrap_or(log), long.as_ref().unwrap_or(log));
    let mut note = None;
    let (ours, theirs) = alternate(
        bench.rounds,
        async || ours(our_meter, long, TableState::Intact, &mut note).await,
        async || ours(their_meter, short, TableState::Intact, &mut None).await,
    )
    .await?;
    let size = format!("{} and {} events", long.events, short.events);
    let checked = "nothing was found to differ in either";
    Ok(vec![CaseResult { ours, theirs, note, ..CaseResult::of("rebuild-scaling", size, checked)? }])
}
