//! The timeline shape: the runbook's nine checks, and the comparison of the table with the log.

use super::checks::{Checks, has_column};
use super::fitness::{check_fit, check_new_definition, completed_runs};
use super::log::{LogReading, check_log, read_log, without_deleted};
use crate::error::MigratorError;
use crate::progress::Progress;
use crate::shape::{FoundShape, Shape};
use phaseline_domain::ProjectId;
use phaseline_projections::drift::{self, DriftKind};
use phaseline_store::copy;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};

pub(super) async fn verify(
    connection: &mut PgConnection,
    found: &FoundShape,
    checks: &mut Checks,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    let reading = match read_log(connection, progress).await? {
        Some(reading) => Some(without_deleted(connection, checks, reading).await?),
        None => None,
    };
    progress.step("the runbook's checks", None);
    runbook(connection, checks, reading.as_ref()).await?;
    progress.step("comparing with the log", None);
    covered(connection, checks).await?;
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
    budgets(connection, checks, &reading).await?;
    rows(connection, checks, &reading).await?;
    project_dates(connection, checks, &reading).await?;
    links(connection, checks, &reading).await?;
    check_new_definition(connection, checks).await?;
    check_fit(connection, Shape::Timelines, found, &runs, &reading, checks).await?;
    check_log(&reading, checks);
    Ok(())
}

async fn ids(connection: &mut PgConnection, query: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(query).fetch_all(connection).await
}

/// The users' runbook has these nine, in this order.
async fn runbook(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: Option<&LogReading>,
) -> Result<(), MigratorError> {
    let phases: i64 =
        sqlx::query_scalar("SELECT count(*) FROM public.project_phases").fetch_one(&mut *connection).await?;
    check_required_fields(connection, checks, phases).await?;
    check_dropped_columns(connection, checks).await?;
    check_date_order(connection, checks, phases).await?;
    check_names(connection, checks, phases).await?;
    check_project_ranges(connection, checks).await?;
    check_total_budget(connection, checks, reading).await?;
    check_date_indexes(connection, checks).await?;
    by_date(connection, checks).await
}

/// Every phase has a name and dates.
async fn check_required_fields(
    connection: &mut PgConnection,
    checks: &mut Checks,
    phases: i64,
) -> Result<(), MigratorError> {
    let missing = ids(
        connection,
        "SELECT 'phase ' || id FROM public.project_phases
          WHERE name IS NULL OR start_date IS NULL OR end_date IS NULL ORDER BY id",
    )
    .await?;
    checks.runbook(
        "Checking all phases have required fields...",
        missing.is_empty(),
        &format!("All phases have required fields ({phases} phases)"),
        &format!("{} phases lack a name or a date", missing.len()),
        missing,
    );
    Ok(())
}

/// The columns of the legacy shape do not exist.
async fn check_dropped_columns(
    connection: &mut PgConnection,
    checks: &mut Checks,
) -> Result<(), MigratorError> {
    let there = has_column(connection, "project_phases", "phase_type").await?;
    checks.runbook(
        "Checking phase_type column is removed...",
        !there,
        "phase_type column removed",
        "phase_type column is still there",
        Vec::new(),
    );
    let there = has_column(connection, "resource_assignments", "project_phase_id").await?;
    checks.runbook(
        "Checking project_phase_id removed from resource_assignments...",
        !there,
        "project_phase_id column removed",
        "project_phase_id column is still there",
        Vec::new(),
    );
    Ok(())
}

/// No phase ends before it starts.
async fn check_date_order(
    connection: &mut PgConnection,
    checks: &mut Checks,
    phases: i64,
) -> Result<(), MigratorError> {
    let reversed = ids(
        connection,
        "SELECT 'phase ' || id FROM public.project_phases WHERE start_date > end_date ORDER BY id",
    )
    .await?;
    checks.runbook(
        "Checking phase date constraints (start_date <= end_date)...",
        reversed.is_empty(),
        &format!("All phases have valid date ordering ({phases} phases)"),
        &format!("{} phases end before they start", reversed.len()),
        reversed,
    );
    Ok(())
}

/// Every phase has a name that can be read.
async fn check_names(
    connection: &mut PgConnection,
    checks: &mut Checks,
    phases: i64,
) -> Result<(), MigratorError> {
    let unnamed = ids(
        connection,
        "SELECT 'phase ' || id FROM public.project_phases WHERE name IS NULL OR btrim(name) = '' ORDER BY id",
    )
    .await?;
    let names: i64 = sqlx::query_scalar("SELECT count(DISTINCT name) FROM public.project_phases")
        .fetch_one(&mut *connection)
        .await?;
    checks.runbook(
        "Checking phase names...",
        unnamed.is_empty(),
        &format!("Phase names populated ({phases} phases, {names} different names)"),
        &format!("{} phases have no name", unnamed.len()),
        unnamed,
    );
    Ok(())
}

/// The phases of a project begin and end with it.
async fn check_project_ranges(
    connection: &mut PgConnection,
    checks: &mut Checks,
) -> Result<(), MigratorError> {
    let uncovered = ids(
        connection,
        "SELECT pg_catalog.format('project %s: %s to %s, its phases %s to %s', p.id, p.start_date, p.end_date,
                min(ph.start_date), max(ph.end_date))
           FROM public.projects p JOIN public.project_phases ph ON ph.project_id = p.id
          GROUP BY p.id HAVING min(ph.start_date) <> p.start_date OR max(ph.end_date) <> p.end_date ORDER BY p.id",
    )
    .await?;
    let projects: i64 =
        sqlx::query_scalar("SELECT count(*) FROM public.projects").fetch_one(&mut *connection).await?;
    checks.runbook(
        "Checking phases cover project date ranges...",
        uncovered.is_empty(),
        &format!("All project phases cover project date ranges ({projects} projects)"),
        &format!("{} projects are not covered from start to end", uncovered.len()),
        uncovered,
    );
    Ok(())
}

/// The total is the log's.
async fn check_total_budget(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: Option<&LogReading>,
) -> Result<(), MigratorError> {
    // Projects that the log does not have yet are not in the sum: check 12 names them.
    let known: Vec<uuid::Uuid> = reading
        .map(|reading| {
            reading
                .folded
                .timelines
                .keys()
                .filter(|id| reading.folded.knows(**id))
                .map(|id| id.uuid())
                .collect()
        })
        .unwrap_or_default();
    let total: Decimal = sqlx::query_scalar(
        "SELECT coalesce(sum(total_budget), 0) FROM public.project_phases WHERE project_id = ANY ($1)",
    )
    .bind(known)
    .fetch_one(&mut *connection)
    .await?;
    let expected: Option<Decimal> =
        reading.map(|reading| reading.ledger.sums.values().map(|sums| sums[2]).sum());
    checks.runbook(
        "Checking budget data preserved...",
        expected == Some(total),
        &format!("Budget data preserved (total {total:.2}, as the log adds up)"),
        &format!(
            "the total is {total:.2}, the log says {}",
            expected.map_or_else(|| "nothing".to_owned(), |expected| format!("{expected:.2}"))
        ),
        Vec::new(),
    );
    Ok(())
}

/// The new table's own indexes are there.
async fn check_date_indexes(connection: &mut PgConnection, checks: &mut Checks) -> Result<(), MigratorError> {
    let indexes: Vec<String> = ids(
        connection,
        "SELECT x.name FROM (VALUES ('ix_project_phases_start_date'), ('ix_project_phases_end_date')) x(name)
          WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                             WHERE i.indrelid = 'public.project_phases'::regclass AND i.indisvalid
                               AND c.relname = x.name)",
    )
    .await?;
    checks.runbook(
        "Checking indexes created...",
        indexes.is_empty(),
        "Date indexes created (ix_project_phases_start_date, ix_project_phases_end_date)",
        &format!("missing: {}", indexes.join(", ")),
        Vec::new(),
    );
    Ok(())
}

async fn by_date(connection: &mut PgConnection, checks: &mut Checks) -> Result<(), MigratorError> {
    let (assignments, inside, doubled): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE phases > 0), count(*) FILTER (WHERE phases > 1)
           FROM (SELECT count(ph.id) AS phases
                   FROM public.resource_assignments ra
                   LEFT JOIN public.project_phases ph ON ra.project_id = ph.project_id
                        AND ra.assignment_date >= ph.start_date AND ra.assignment_date <= ph.end_date
                  GROUP BY ra.id) found",
    )
    .fetch_one(connection)
    .await?;
    checks.runbook(
        "Testing date-based assignment queries...",
        doubled == 0,
        &format!(
            "Date-based queries work ({inside} of {assignments} assignments in a phase, {} outside every phase)",
            assignments - inside
        ),
        &format!("{doubled} assignments lie in several phases"),
        Vec::new(),
    );
    Ok(())
}

async fn covered(connection: &mut PgConnection, checks: &mut Checks) -> Result<(), MigratorError> {
    let wrong = ids(
        connection,
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
          ORDER BY f.project_id, f.what",
    )
    .await?;
    let days: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(end_date - start_date + 1), 0)::bigint FROM public.project_phases",
    )
    .fetch_one(connection)
    .await?;
    checks.beyond(
        "Checking every project is covered day by day, without gap or overlap...",
        format!("Every day of every project belongs to exactly one phase ({days} days)"),
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
) -> Result<(), MigratorError> {
    let drift = drift::compare_rows(connection, &reading.folded).await?;
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

async fn project_dates(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: &LogReading,
) -> Result<(), MigratorError> {
    let mut wrong = Vec::new();
    let mut seen = 0_u64;
    copy::read(connection, "SELECT id, start_date, end_date FROM public.projects ORDER BY id", |row| {
        let project: ProjectId = row.uuid(0)?.into();
        let Some(range) = reading.folded.timelines.get(&project).and_then(|folded| folded.timeline.range())
        else {
            return Ok(());
        };
        seen += 1;
        // Infinite dates cannot be parsed, and the log never has them.
        let live = row.date(1).ok().zip(row.date(2).ok());
        if live != Some((range.start(), range.end())) {
            let found =
                live.map_or_else(|| "no finite dates".to_owned(), |(start, end)| format!("{start} to {end}"));
            wrong.push(format!("project {project}: {found} in projects, {range} in the log"));
        }
        Ok::<_, MigratorError>(())
    })
    .await?;
    let open = reading.folded.timelines.values().filter(|folded| folded.timeline.project().is_some());
    let known = open.count() as u64;
    if seen < known {
        wrong.push(format!("{} projects of the log are not in projects", known - seen));
    }
    checks.beyond(
        "Checking the projects' dates are the timelines'...",
        format!("Every project has its timeline's dates ({seen} projects)"),
        wrong,
    );
    Ok(())
}

/// The number of assignments with their former phase in the log. Assignments that were created since the migration never had one, and
/// deleted ones need none. The count of links shows whether one is missing.
async fn links(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: &LogReading,
) -> Result<(), MigratorError> {
    let (mut kept, mut new) = (0_u64, 0_u64);
    copy::read(connection, "SELECT id FROM public.resource_assignments", |row| {
        if reading.links.phase_of.contains_key(&row.uuid(0)?.into()) {
            kept += 1;
        } else {
            new += 1;
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
