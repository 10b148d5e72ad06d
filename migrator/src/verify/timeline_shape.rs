//! The timeline shape: the runbook's nine checks, and the comparison of the table with the log.

use super::checks::Checks;
use super::fitness::{check_fit, check_new_definition, completed_runs};
use super::log::{LogReading, check_log, read_log, without_deleted};
use super::readers::SnapshotReaders;
use super::runbook;
use crate::error::MigratorError;
use crate::progress::Progress;
use crate::shape::{FoundShape, Shape};
use phaseline_domain::{ProjectId, Timeline};
use phaseline_projections::adopt::AdoptionPlan;
use phaseline_projections::drift::{self, DatesToFollow, DriftKind};
use phaseline_projections::planner_view::{self, ProjectDates};
use phaseline_store::copy;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 8192;

pub(super) async fn verify(
    connection: &mut PgConnection,
    readers: Option<SnapshotReaders>,
    found: &FoundShape,
    checks: &mut Checks,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    let reading = match read_log(connection, readers, progress).await? {
        Some(reading) => Some(without_deleted(connection, checks, reading).await?),
        None => None,
    };
    let dates = planner_view::project_dates(connection, None).await?;
    let to_follow = match &reading {
        Some(reading) => dates_to_follow(connection, checks, reading, &dates).await?,
        None => DatesToFollow::default(),
    };
    progress.step("the runbook's checks", None);
    runbook::check(connection, checks, reading.as_ref(), &to_follow).await?;
    progress.step("comparing with the log", None);
    covered(connection, checks, &to_follow).await?;
    let runs = if reading.is_some() { completed_runs(connection).await? } else { Vec::new() };
    let Some(reading) = reading.filter(|reading| !runs.is_empty() || !reading.folded.timelines.is_empty())
    else {
        checks.beyond(
            "Checking the log...",
            String::new(),
            vec![
                "there is none: this database was migrated by another program. `phaseline migrate --adopt-migrated` \
                 takes it over"
                    .to_owned(),
            ],
        );
        return Ok(());
    };
    // Assignments were made and deleted since, so that this is not quite the number of rows.
    let total = reading.phases() + reading.linked();
    progress.total(total);
    budgets(connection, checks, &reading).await?;
    rows(connection, checks, &reading, &to_follow, progress).await?;
    project_dates(checks, &reading, &dates, &to_follow);
    links(connection, checks, &reading, progress).await?;
    progress.advance(total);
    check_new_definition(connection, checks).await?;
    check_fit(connection, Shape::Timelines, found, &runs, &reading, checks).await?;
    check_log(&reading, checks);
    Ok(())
}

fn plural(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The projects whose dates the planner changed since their last command, which will take them in; notes them.
async fn dates_to_follow(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: &LogReading,
    dates: &BTreeMap<ProjectId, ProjectDates>,
) -> Result<DatesToFollow, MigratorError> {
    let to_follow = DatesToFollow::among(&reading.folded, dates);
    let adoption = AdoptionPlan::make(connection, &reading.folded, None, false).await?;
    let to_follow = to_follow.and_unadopted(adoption.following());
    let ids: Vec<String> = to_follow.projects().map(|project| project.to_string()).collect();
    if !ids.is_empty() {
        checks.notes.push(format!(
            "The planner changed the dates of {} since the last command; the phases can follow, and the next command to the project takes \
             its dates in: {}",
            plural(ids.len(), "project"),
            ids.join(", ")
        ));
    }
    Ok(to_follow)
}

/// Every day of a project has one phase. Where the dates changed since, the rows are those of the log, or moved by the planner's rule.
async fn covered(
    connection: &mut PgConnection,
    checks: &mut Checks,
    to_follow: &DatesToFollow,
) -> Result<(), MigratorError> {
    let wrong: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.format('project %s: %s', f.project_id, f.what) FROM (
            SELECT p.id AS project_id, pg_catalog.format('no phase covers %s to %s', p.start_date, p.end_date) AS what
              FROM public.projects p
             WHERE NOT EXISTS (SELECT FROM public.project_phases ph WHERE ph.project_id = p.id)
            UNION ALL
            SELECT ph.project_id, CASE
                     WHEN ph.previous IS NULL
                       THEN pg_catalog.format('starts %s, its first phase %s', p.start_date, ph.start_date)
                     WHEN ph.start_date > ph.previous + 1
                       THEN pg_catalog.format('gap from %s to %s', ph.previous + 1, ph.start_date - 1)
                     ELSE pg_catalog.format('overlap from %s to %s', ph.start_date, ph.previous) END
              FROM (SELECT project_id, start_date,
                           lag(end_date) OVER (PARTITION BY project_id ORDER BY start_date, end_date) AS previous
                      FROM public.project_phases) ph
              JOIN public.projects p ON p.id = ph.project_id
             WHERE ph.start_date <> coalesce(ph.previous + 1, p.start_date)
            UNION ALL
            SELECT p.id, pg_catalog.format('ends %s, its last phase %s', p.end_date, max(ph.end_date))
              FROM public.projects p JOIN public.project_phases ph ON ph.project_id = p.id
             GROUP BY p.id HAVING max(ph.end_date) <> p.end_date) f
          WHERE f.project_id <> ALL ($1)
          ORDER BY f.project_id, f.what",
    )
    .bind(to_follow.uuids())
    .fetch_all(&mut *connection)
    .await?;
    let days: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(end_date - start_date + 1), 0)::bigint FROM public.project_phases WHERE project_id <> ALL ($1)",
    )
    .bind(to_follow.uuids())
    .fetch_one(connection)
    .await?;
    let others = if to_follow.is_empty() { "" } else { ", but for projects with new dates" };
    checks.beyond(
        "Checking every project is covered day by day, without gap or overlap...",
        format!("Every day of every project belongs to exactly one phase ({days} days{others})"),
        wrong,
    );
    Ok(())
}

async fn budgets(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: &LogReading,
) -> Result<(), MigratorError> {
    let mut live: HashMap<ProjectId, [Decimal; 3]> = HashMap::new();
    let rows: Vec<(uuid::Uuid, Decimal, Decimal, Decimal)> = sqlx::query_as(
        "SELECT project_id, sum(capital_budget), sum(expense_budget), sum(total_budget)
           FROM public.project_phases GROUP BY project_id",
    )
    .fetch_all(connection)
    .await?;
    for (project, capital, expense, total) in rows {
        live.insert(project.into(), [capital, expense, total]);
    }
    let mut wrong: Vec<(ProjectId, String)> = Vec::new();
    for (project, expected) in &reading.ledger.sums {
        let found = live.remove(project).unwrap_or_default();
        if found != *expected {
            let [capital, expense, total] = expected.map(|sum| format!("{sum:.2}"));
            let [f_capital, f_expense, f_total] = found.map(|sum| format!("{sum:.2}"));
            wrong.push((
                *project,
                format!(
                    "project {project}: capital {f_capital}, expense {f_expense}, total {f_total}; \
                     the log adds up to {capital}, {expense}, {total}"
                ),
            ));
        }
    }
    wrong.sort();
    checks.beyond(
        "Checking budgets are the imported ones plus later events, to the cent, per project...",
        format!("Budgets equal the log's sums ({} projects)", reading.ledger.sums.len()),
        wrong.into_iter().map(|(_, text)| text).collect(),
    );
    Ok(())
}

async fn rows(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: &LogReading,
    to_follow: &DatesToFollow,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    let read = |rows: u64| progress.advance(rows.min(reading.phases()));
    let drift = to_follow.explain(drift::compare_rows_watched(connection, &reading.folded, read).await?);
    let (saved, drift): (Vec<_>, Vec<_>) =
        drift.into_iter().partition(|found| matches!(found.kind, DriftKind::SavedLater { .. }));
    if !saved.is_empty() {
        let ids: Vec<String> = saved.iter().map(|found| found.phase_id.to_string()).collect();
        checks.notes.push(format!(
            "Another program saved {} of project_phases without a change, so that updated_at is later than the log's: phase {}",
            plural(ids.len(), "row"),
            ids.join(", ")
        ));
    }
    let (unknown, wrong): (Vec<_>, Vec<_>) =
        drift.into_iter().partition(|found| found.kind == DriftKind::UnknownProject);
    let rows: usize = reading.folded.timelines.values().map(|folded| folded.timeline.phases().len()).sum();
    checks.beyond(
        "Checking every row of project_phases equals the fold of the log...",
        format!("Every row equals the fold ({rows} phases of {} timelines)", reading.folded.timelines.len()),
        wrong.iter().map(ToString::to_string).collect(),
    );
    let projects: BTreeSet<ProjectId> = unknown.iter().map(|found| found.project_id).collect();
    if !projects.is_empty() {
        let ids: Vec<String> = projects.iter().map(ToString::to_string).collect();
        checks.notes.push(format!(
            "{} projects have phases that the log does not know yet (the planner made them since): {}",
            ids.len(),
            ids.join(", ")
        ));
    }
    Ok(())
}

fn project_dates(
    checks: &mut Checks,
    reading: &LogReading,
    dates: &BTreeMap<ProjectId, ProjectDates>,
    to_follow: &DatesToFollow,
) {
    let mut wrong = Vec::new();
    let mut seen = 0_u64;
    for (project, found) in dates {
        let timeline = reading.folded.timelines.get(project).map(|folded| &folded.timeline);
        let Some(range) = timeline.and_then(Timeline::range) else { continue };
        seen += 1;
        if found.range() != Some(range) && !to_follow.contains(*project) {
            wrong.push(format!(
                "project {project}: {found} in projects, {range} in the log, and its phases cannot follow"
            ));
        }
    }
    let open = reading.folded.timelines.values().filter(|folded| folded.timeline.project().is_some());
    let known = open.count() as u64;
    if seen < known {
        wrong.push(format!("{} projects of the log are not in projects", known - seen));
    }
    checks.beyond(
        "Checking the projects' dates are the timelines'...",
        format!("Every project has its timeline's dates, or its phases can follow ({seen} projects)"),
        wrong,
    );
}

/// The number of assignments with their former phase in the log. Assignments that were created since the migration never had one, and
/// deleted ones need none. The count of links shows whether one is missing.
async fn links(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: &LogReading,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    let (mut kept, mut new) = (0_u64, 0_u64);
    let before = reading.phases();
    copy::read(connection, "SELECT id FROM public.resource_assignments", |row| {
        if reading.links.phase_of.get(row.uuid(0)?.into())?.is_some() {
            kept += 1;
        } else {
            new += 1;
        }
        if (kept + new) % REPORT_EVERY == 0 {
            progress.advance(before + (kept + new).min(reading.linked()));
        }
        Ok::<_, MigratorError>(())
    })
    .await?;
    checks.beyond(
        "Checking the log keeps the old phase of every migrated assignment...",
        format!("The log keeps the old phase of {kept} assignments ({new} were made since)"),
        Vec::new(),
    );
    Ok(())
}
