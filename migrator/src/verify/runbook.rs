//! The checks of the users' runbook.

use super::checks::{Checks, has_column};
use super::log::LogReading;
use crate::error::MigratorError;
use phaseline_projections::drift::DatesToFollow;
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// The users' runbook has these nine, in this order.
pub(super) async fn check(
    connection: &mut PgConnection,
    checks: &mut Checks,
    reading: Option<&LogReading>,
    to_follow: &DatesToFollow,
) -> Result<(), MigratorError> {
    let phases: i64 =
        sqlx::query_scalar("SELECT count(*) FROM public.project_phases").fetch_one(&mut *connection).await?;
    check_required_fields(connection, checks, phases).await?;
    check_dropped_columns(connection, checks).await?;
    check_date_order(connection, checks, phases).await?;
    check_names(connection, checks, phases).await?;
    check_project_ranges(connection, checks, to_follow).await?;
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

/// The columns of the legacy shape are gone.
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

/// The phases of a project begin and end with it, or will.
async fn check_project_ranges(
    connection: &mut PgConnection,
    checks: &mut Checks,
    to_follow: &DatesToFollow,
) -> Result<(), MigratorError> {
    let uncovered: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.format('project %s: %s to %s, its phases %s to %s', p.id, p.start_date, p.end_date,
                min(ph.start_date), max(ph.end_date))
           FROM public.projects p JOIN public.project_phases ph ON ph.project_id = p.id
          WHERE p.id <> ALL ($1)
          GROUP BY p.id HAVING min(ph.start_date) <> p.start_date OR max(ph.end_date) <> p.end_date ORDER BY p.id",
    )
    .bind(to_follow.uuids())
    .fetch_all(&mut *connection)
    .await?;
    let projects: i64 = sqlx::query_scalar("SELECT count(*) FROM public.projects WHERE id <> ALL ($1)")
        .bind(to_follow.uuids())
        .fetch_one(&mut *connection)
        .await?;
    let others = if to_follow.is_empty() { "" } else { ", but for those with new dates" };
    checks.runbook(
        "Checking phases cover project date ranges...",
        uncovered.is_empty(),
        &format!("All project phases cover project date ranges ({projects} projects{others})"),
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
    // Projects that the log does not know yet are not in the sum: check 12 says which they are.
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

async fn ids(connection: &mut PgConnection, query: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(query).fetch_all(connection).await
}
