//! A temporal table of phases, as a database administrator would keep it by triggers, and its answers.

use super::answers::{PortfolioSum, WantedPhases};
use crate::cases::load::{fixture, metadata, store};
use crate::error::{BenchError, Result, same};
use crate::server::{Bench, connect, digest, number, run as execute};
use phaseline_domain::{Neighbours, PhaseDraft, PhaseId, ProjectId, TimelineCommand};
use phaseline_projections::portfolio::{PortfolioFilter, each_project};
use phaseline_projections::{FoldedLog, PhaseRow, project_phases};
use phaseline_store::{copy, read, schema};
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

const TABLE: &str = include_str!("../../../sql/temporal.sql");
const INDEXES: &str = include_str!("../../../sql/temporal_indexes.sql");
const TRIGGERS: &str = include_str!("../../../sql/temporal_triggers.sql");
const LIST: &str = include_str!("../../../sql/temporal_list.sql");
const ALL: &str = include_str!("../../../sql/temporal_all.sql");
const CHANGES: &str = include_str!("../../../sql/temporal_changes.sql");
const CHANGE_TOTALS: &str = include_str!("../../../sql/temporal_change_totals.sql");
const CHANGE_PAGE: &str = include_str!("../../../sql/temporal_change_page.sql");
const VALUES: &str =
    "project_id, id, name, start_date, end_date, description, capital_budget, expense_budget, total_budget";
/// Commands after which the table of triggers is compared.
const CHECKED: u64 = 120;

/// The phases at a position.
pub(super) async fn phases_at(
    connection: &mut PgConnection,
    answer: WantedPhases,
    position: i64,
) -> Result<PortfolioSum> {
    let at = position.to_string();
    let query = match answer {
        WantedPhases::Page(limit) => LIST.replace("{at}", &at).replace("{limit}", &limit.to_string()),
        WantedPhases::All => ALL.replace("{at}", &at),
        WantedPhases::One(project) => format!(
            "SELECT project_id, id, end_date, total_budget::text, name, start_date, description, capital_budget, expense_budget
               FROM public.phase_history WHERE project_id = '{project}' AND from_position <= {at}
                AND (to_position IS NULL OR to_position > {at}) ORDER BY start_date"
        ),
    };
    let mut found = PortfolioSum::default();
    copy::read(connection, &query, |row| {
        let total: Decimal = row
            .text(3)?
            .parse()
            .map_err(|error| BenchError::Failed(format!("a budget of the temporal table: {error}")))?;
        found.add(row.uuid(1)?, row.date(2)?, total);
        Ok::<_, BenchError>(())
    })
    .await?;
    Ok(found)
}

/// The changed phases between two positions: the number of those on the first page, and the totals of all.
pub(super) async fn changes(
    connection: &mut PgConnection,
    [earlier, later]: [i64; 2],
) -> Result<(u64, String)> {
    let mut transaction = connection.begin().await?;
    let query = CHANGES.replace("{earlier}", &earlier.to_string()).replace("{later}", &later.to_string());
    execute(&mut transaction, &query).await?;
    execute(&mut transaction, "ANALYZE changed").await?;
    let page = copy::read(&mut transaction, CHANGE_PAGE, |_| Ok::<_, BenchError>(())).await?;
    let totals: String =
        sqlx::query_scalar(CHANGE_TOTALS).persistent(false).fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok((page, totals))
}

/// Creates the table, empty, with its indexes and triggers.
pub(super) async fn keep(connection: &mut PgConnection) -> Result<()> {
    execute(connection, TABLE).await?;
    execute(connection, INDEXES).await?;
    execute(connection, TRIGGERS).await
}

/// Fills the table with the rows that its triggers would have written ([`check`] compares them).
pub(super) async fn fill(url: &str) -> Result<()> {
    let mut into = connect(url).await?;
    execute(&mut into, TABLE).await?;
    copy_history(url, "public.phase_history").await?;
    execute(&mut into, INDEXES).await?;
    execute(&mut into, "VACUUM (FREEZE, ANALYZE) public.phase_history, public.projects").await
}

/// Without the timestamps, which the table does not have.
fn is_same(one: &PhaseRow, other: &PhaseRow) -> bool {
    let PhaseRow { created_at, updated_at, .. } = *one;
    *one == PhaseRow { created_at, updated_at, ..other.clone() }
}

async fn copy_history(url: &str, table: &str) -> Result<()> {
    let (mut from, mut into) = (connect(url).await?, connect(url).await?);
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
            if before.get(&row.id).is_none_or(|(known, _)| !is_same(known, &row)) {
                let replaced = before.insert(row.id, (row, event.position));
                past.extend(replaced.map(|(row, since)| (row, since, Some(event.position))));
            }
        }
        Ok::<_, BenchError>(())
    })
    .await?;
    let last = current.into_values().flat_map(HashMap::into_values);
    past.extend(last.map(|(row, since)| (row, since, None)));
    let mut sink = copy::Sink::open(&mut into, table).await?;
    for (row, since, until) in &past {
        sink.row(11, |fields| {
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
            fields.numeric(row.total_budget);
            fields.i64(*since);
            match until {
                Some(until) => fields.i64(*until),
                None => fields.null(),
            }
        })
        .await?;
    }
    sink.finish().await?;
    Ok(())
}

/// Runs commands beside the triggers on a small log, and compares their table with ours after each, and with the rows that [`fill`]
/// writes.
pub(super) async fn check(bench: &Bench) -> Result<()> {
    let (database, targets) = fixture(bench).await?;
    let mut connection = connect(database.url()).await?;
    keep(&mut connection).await?;
    let begin = schema::tip(&mut connection).await?.position;
    let (store, pool) = store(database.url()).await?;
    let mut ends = Vec::new();
    for (n, target) in (0..CHECKED).zip(targets.iter().take(7).cycle()) {
        for command in commands(&mut connection, target.phase, n).await? {
            let done = store.execute(target.project, &command, metadata()).await;
            done.map_err(|error| BenchError::Failed(format!("{command:?}: {error}")))?;
            ends.push(schema::tip(&mut connection).await?.position);
        }
    }
    pool.close().await;
    for end in &ends {
        let ours = ours_at(&mut connection, *end).await?;
        let theirs = phases_at(&mut connection, WantedPhases::All, *end).await?;
        same("portfolio-page", "phases of the triggers' table", &ours.to_string(), &theirs.to_string())?;
    }
    execute(&mut connection, "CREATE TABLE public.filled (LIKE public.phase_history)").await?;
    copy_history(database.url(), "public.filled").await?;
    let of = |table: &str| format!("{table} WHERE to_position IS NULL OR to_position > {begin}");
    let kept = digest(&mut connection, VALUES, &of("public.phase_history")).await?;
    let filled = digest(&mut connection, VALUES, &of("public.filled")).await?;
    same("portfolio-page", "rows of the triggers' table", &filled, &kept)?;
    let past =
        number(&mut connection, "SELECT count(*) FROM public.phase_history WHERE to_position IS NOT NULL");
    if past.await? < i64::try_from(ends.len() / 2).unwrap_or(i64::MAX) {
        return Err(BenchError::Failed("the triggers kept too few past rows".to_owned()));
    }
    Ok(())
}

/// Changes of every kind: one that creates a phase is followed by one that removes it.
async fn commands(connection: &mut PgConnection, phase: PhaseId, n: u64) -> Result<Vec<TimelineCommand>> {
    let (project, start_date, end_date): (Uuid, chrono::NaiveDate, chrono::NaiveDate) = sqlx::query_as(
        "SELECT project_id, start_date::date, end_date::date FROM public.project_phases
          WHERE project_id = (SELECT project_id FROM public.project_phases WHERE id = $1) ORDER BY end_date DESC LIMIT 1",
    )
    .bind(phase.uuid())
    .fetch_one(connection)
    .await?;
    let id = PhaseId::from(Uuid::new_v5(&project, &n.to_be_bytes()));
    let neighbours = Neighbours::Adjust;
    Ok(match n % 4 {
        0 => vec![TimelineCommand::RenamePhase { phase_id: phase, name: format!("Phase {n}") }],
        1 => vec![TimelineCommand::BudgetPhase {
            phase_id: phase,
            capital_budget: Decimal::from(n),
            expense_budget: Decimal::ONE,
            total_budget: None,
        }],
        2 => vec![TimelineCommand::DescribePhase { phase_id: phase, description: Some(format!("text {n}")) }],
        _ if start_date == end_date => Vec::new(),
        _ => vec![
            TimelineCommand::CreatePhase {
                phase: PhaseDraft {
                    id,
                    name: format!("New {n}"),
                    start_date: end_date,
                    end_date,
                    description: None,
                    capital_budget: Decimal::ONE,
                    expense_budget: Decimal::ONE,
                    total_budget: Decimal::TWO,
                },
                neighbours,
            },
            TimelineCommand::RemovePhase { phase_id: id, neighbours },
        ],
    })
}

async fn ours_at(connection: &mut PgConnection, position: i64) -> Result<PortfolioSum> {
    let mut found = PortfolioSum::default();
    each_project(connection, position, &PortfolioFilter::default(), |project| {
        found.of_rows(&project.phases);
        Ok(())
    })
    .await?;
    Ok(found)
}
