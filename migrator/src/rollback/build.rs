//! Builds the old tables beside the new ones, and brings in what users change meanwhile.

use super::look::{Prepared, REBUILT};
use crate::ddl;
use crate::definition::{self, TableDefinition};
use crate::error::MigratorError;
use crate::migrate::stop_if_asked;
use crate::plan::SHADOW;
use crate::progress::Progress;
use crate::run::RollbackCompleted;
use crate::shape::{self, TIMELINE_REVISION};
use phaseline_domain::{AssignmentId, PhaseId};
use phaseline_projections::legacy_phases;
use phaseline_store::{copy::Sink, schema};
use sqlx::PgConnection;

/// The old `project_phases`: the fold's rows, in the order in which they stood.
pub(super) async fn build_phases(
    connection: &mut PgConnection,
    prepared: &Prepared,
) -> Result<(), MigratorError> {
    let [phases, _] = &prepared.old;
    ddl::run(connection, &phases.create_in(SHADOW)).await?;
    let mut rows: Vec<_> = prepared.log.timelines.values().flat_map(legacy_phases::rows).collect();
    rows.sort_by_key(|row| row.ordinal);
    let target = format!("{SHADOW}.project_phases ({})", legacy_phases::COLUMNS);
    let mut sink = Sink::open(connection, &target).await?;
    for row in rows {
        sink.row(8, |fields| {
            fields.uuid(row.project_id.uuid());
            fields.text(row.phase_type.label());
            fields.numeric(row.capital_budget);
            fields.numeric(row.expense_budget);
            fields.numeric(row.total_budget);
            fields.uuid(row.id.uuid());
            fields.timestamp(row.created_at);
            fields.timestamp(row.updated_at);
        })
        .await?;
    }
    sink.finish().await?;
    ddl::run(connection, &phases.index_in(SHADOW)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.project_phases")).execute(connection).await?;
    Ok(())
}

/// The statement that fills the old `resource_assignments` from the present one: today's rows, with the link that the
/// log kept; without one the phase of the date, else the project's first phase.
pub(super) fn fill(assignments: &TableDefinition, condition: &str) -> String {
    let columns: Vec<String> = assignments.loadable_columns().map(definition::quote_ident).collect();
    let values: Vec<String> = assignments
        .loadable_columns()
        .map(|column| {
            if column == "project_phase_id" {
                "coalesce(l.phase_id, \
                    (SELECT p.id FROM public.project_phases p WHERE p.project_id = t.project_id \
                        AND t.assignment_date BETWEEN p.start_date AND p.end_date ORDER BY p.start_date LIMIT 1), \
                    (SELECT p.id FROM public.project_phases p WHERE p.project_id = t.project_id \
                        ORDER BY p.start_date, p.id LIMIT 1))"
                    .to_owned()
            } else {
                format!("t.{}", definition::quote_ident(column))
            }
        })
        .collect();
    format!(
        "INSERT INTO {SHADOW}.resource_assignments ({}) SELECT {} FROM public.resource_assignments t \
         LEFT JOIN {SHADOW}.links l ON l.assignment_id = t.id WHERE {condition} ORDER BY t.ctid",
        columns.join(", "),
        values.join(", ")
    )
}

pub(super) async fn build_assignments(
    connection: &mut PgConnection,
    prepared: &Prepared,
    progress: &dyn Progress,
) -> Result<u64, MigratorError> {
    let [_, assignments] = &prepared.old;
    sqlx::raw_sql(&format!(
        "CREATE UNLOGGED TABLE {SHADOW}.links (assignment_id uuid NOT NULL, phase_id uuid NOT NULL)"
    ))
    .execute(&mut *connection)
    .await?;
    let mut sink = Sink::open(connection, &format!("{SHADOW}.links (assignment_id, phase_id)")).await?;
    for (done, (assignment, phase)) in prepared.links.phase_of.iter().enumerate() {
        let (assignment, phase): (&AssignmentId, &PhaseId) = (assignment, phase);
        sink.row(2, |fields| {
            fields.uuid(assignment.uuid());
            fields.uuid(phase.uuid());
        })
        .await?;
        if done % 10_000 == 0 {
            progress.advance(done as u64);
        }
    }
    sink.finish().await?;
    progress.step("building the old resource_assignments", None);
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.links")).execute(&mut *connection).await?;
    ddl::run(connection, &assignments.create_in(SHADOW)).await?;
    let copied = sqlx::raw_sql(&fill(assignments, "true")).execute(&mut *connection).await?.rows_affected();
    stop_if_asked(progress)?;
    progress.step("indexing the old resource_assignments", None);
    ddl::run(connection, &assignments.index_in(SHADOW)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.resource_assignments")).execute(connection).await?;
    Ok(copied)
}

/// What changed between reading and locking that cannot simply be brought in.
pub(super) async fn changed(
    connection: &mut PgConnection,
    prepared: &Prepared,
) -> Result<Option<String>, MigratorError> {
    if schema::tip(connection).await?.position != prepared.log.position {
        return Ok(Some("the log".to_owned()));
    }
    if prepared.watch.changed_table(connection, "project_phases").await? {
        return Ok(Some("project_phases".to_owned()));
    }
    for before in &prepared.current {
        if definition::capture(connection, "public", &before.name).await?.as_ref() != Some(before) {
            return Ok(Some(format!("the definition of {}", before.name)));
        }
    }
    if shape::find(connection).await?.revision() != Some(TIMELINE_REVISION) {
        return Ok(Some("alembic_version".to_owned()));
    }
    if !definition::obstacles(connection, &REBUILT).await?.is_empty() {
        return Ok(Some("what hangs on the tables".to_owned()));
    }
    Ok(None)
}

/// Brings in what users did to assignments since they were copied: rows that are gone go, rows that are newer are taken
/// again. Returns how many rows there are now.
pub(super) async fn catch_up(
    connection: &mut PgConnection,
    prepared: &Prepared,
) -> Result<u64, MigratorError> {
    let newer = prepared.watch.newer();
    sqlx::raw_sql(&format!(
        "DELETE FROM {SHADOW}.resource_assignments s
          WHERE NOT EXISTS (SELECT FROM public.resource_assignments t WHERE t.id = s.id)
             OR s.id IN (SELECT t.id FROM public.resource_assignments t WHERE {newer})"
    ))
    .execute(&mut *connection)
    .await?;
    sqlx::raw_sql(&fill(&prepared.old[1], &newer)).execute(&mut *connection).await?;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM public.resource_assignments").fetch_one(connection).await?;
    Ok(rows.unsigned_abs())
}

/// Where the links of so many assignments come from: the log, their date, or their project's first phase.
pub(super) async fn count(
    connection: &mut PgConnection,
    phases: u64,
    assignments: u64,
) -> Result<RollbackCompleted, MigratorError> {
    let (unlinked, by_date): (i64, i64) = sqlx::query_as(&format!(
        "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM public.project_phases p
                WHERE p.project_id = t.project_id AND t.assignment_date BETWEEN p.start_date AND p.end_date))
           FROM public.resource_assignments t
          WHERE NOT EXISTS (SELECT FROM {SHADOW}.links l WHERE l.assignment_id = t.id)"
    ))
    .fetch_one(connection)
    .await?;
    Ok(RollbackCompleted {
        phases,
        assignments,
        links_restored: assignments.saturating_sub(unlinked.unsigned_abs()),
        links_by_date: by_date.unsigned_abs(),
        links_first_phase: (unlinked - by_date).unsigned_abs(),
    })
}

/// Fails unless every row that stands now was built anew. Under the lock, so that the figures cannot move; the count of
/// `resource_assignments` itself was made by the watch a moment ago.
pub(super) async fn check_built(
    connection: &mut PgConnection,
    completed: &RollbackCompleted,
) -> Result<(), MigratorError> {
    let (standing, phases, assignments): (i64, i64, i64) = sqlx::query_as(&format!(
        "SELECT (SELECT count(*) FROM public.project_phases), (SELECT count(*) FROM {SHADOW}.project_phases),
                (SELECT count(*) FROM {SHADOW}.resource_assignments)"
    ))
    .fetch_one(connection)
    .await?;
    if standing == phases
        && phases.unsigned_abs() == completed.phases
        && assignments.unsigned_abs() == completed.assignments
    {
        return Ok(());
    }
    Err(MigratorError::SelfCheck(format!(
        "{phases} of {standing} phases and {assignments} of {} assignments were built",
        completed.assignments
    )))
}
