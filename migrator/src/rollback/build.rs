//! Builds the old tables beside the new ones, and brings in what users change meanwhile.

use super::RollbackPlan;
use super::look::{Prepared, REBUILT};
use crate::ddl;
use crate::definition::{self, TableDefinition};
use crate::error::MigratorError;
use crate::journal::Journal;
use crate::migrate::stop_if_asked;
use crate::plan::SHADOW;
use crate::progress::Progress;
use crate::run::RollbackCompleted;
use crate::shape::{self, TIMELINE_REVISION};
use phaseline_domain::{AssignmentId, PhaseId, ProjectId, TimelineEvent};
use phaseline_projections::{adopt, legacy_phases};
use phaseline_store::{copy, copy::Sink, schema};
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
/// log kept if its phase stands; else the phase of the date, as the log has the days; else the project's first phase.
pub(super) fn fill(assignments: &TableDefinition, condition: &str) -> String {
    let columns: Vec<String> = assignments.loadable_columns().map(definition::quote_ident).collect();
    let values: Vec<String> = assignments
        .loadable_columns()
        .map(|column| {
            if column == "project_phase_id" {
                format!(
                    "coalesce(l.phase_id, \
                    (SELECT d.phase_id FROM {SHADOW}.days d WHERE d.project_id = t.project_id \
                        AND t.assignment_date BETWEEN d.start_date AND d.end_date ORDER BY d.start_date LIMIT 1), \
                    (SELECT d.phase_id FROM {SHADOW}.days d WHERE d.project_id = t.project_id \
                        ORDER BY d.start_date, d.end_date, d.phase_id LIMIT 1))"
                )
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

/// The days of the phases that come back.
async fn build_days(connection: &mut PgConnection, prepared: &Prepared) -> Result<(), MigratorError> {
    sqlx::raw_sql(&format!(
        "CREATE UNLOGGED TABLE {SHADOW}.days (phase_id uuid NOT NULL, project_id uuid NOT NULL,
            start_date date NOT NULL, end_date date NOT NULL)"
    ))
    .execute(&mut *connection)
    .await?;
    let mut sink =
        Sink::open(connection, &format!("{SHADOW}.days (phase_id, project_id, start_date, end_date)"))
            .await?;
    for (project, folded) in &prepared.log.timelines {
        let phases = folded.timeline.phases().iter();
        for phase in phases.filter(|phase| prepared.comes_back.contains(&phase.id)) {
            sink.row(4, |fields| {
                fields.uuid(phase.id.uuid());
                fields.uuid(project.uuid());
                fields.date(phase.range.start());
                fields.date(phase.range.end());
            })
            .await?;
        }
    }
    sink.finish().await?;
    sqlx::raw_sql(&format!("CREATE INDEX ON {SHADOW}.days (project_id); ANALYZE {SHADOW}.days"))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn build_assignments(
    connection: &mut PgConnection,
    prepared: &Prepared,
    progress: &dyn Progress,
) -> Result<u64, MigratorError> {
    let [_, assignments] = &prepared.old;
    build_days(connection, prepared).await?;
    sqlx::raw_sql(&format!(
        "CREATE UNLOGGED TABLE {SHADOW}.links (assignment_id uuid NOT NULL, phase_id uuid NOT NULL)"
    ))
    .execute(&mut *connection)
    .await?;
    let mut sink = Sink::open(connection, &format!("{SHADOW}.links (assignment_id, phase_id)")).await?;
    let stands = |(_, phase): &(&AssignmentId, &PhaseId)| prepared.comes_back.contains(*phase);
    for (done, (assignment, phase)) in prepared.links.phase_of.iter().filter(stands).enumerate() {
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
    journal: &Journal,
) -> Result<Option<String>, MigratorError> {
    // The run's own beginning is all that may have come into the log since it was read.
    let known = prepared.log.position;
    if schema::tip(connection).await?.position != journal.position.max(known)
        || (known != journal.after && known < journal.position)
    {
        return Ok(Some("the log".to_owned()));
    }
    if projects_changed(connection, prepared).await? {
        return Ok(Some("projects".to_owned()));
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

/// Whether a project went that has rows, one came back that was gone, or one that is adopted changed its dates.
async fn projects_changed(connection: &mut PgConnection, prepared: &Prepared) -> Result<bool, MigratorError> {
    let closed: Vec<uuid::Uuid> = prepared
        .pending
        .iter()
        .filter(|pending| matches!(pending.events.as_slice(), [TimelineEvent::TimelineClosed(_), ..]))
        .map(|pending| pending.project.uuid())
        .collect();
    let moved: bool = sqlx::query_scalar(&format!(
        "SELECT EXISTS (SELECT FROM {SHADOW}.project_phases s
                         WHERE NOT EXISTS (SELECT FROM public.projects p WHERE p.id = s.project_id))
             OR EXISTS (SELECT FROM public.projects p WHERE p.id = ANY ($1))"
    ))
    .bind(closed)
    .fetch_one(&mut *connection)
    .await?;
    if moved {
        return Ok(true);
    }
    let adopted: Vec<ProjectId> =
        prepared.pending.iter().filter(|pending| pending.adopted).map(|pending| pending.project).collect();
    if adopted.is_empty() {
        return Ok(false);
    }
    let now = adopt::find(connection, Some(&adopted), |_| false).await?;
    Ok(now.iter().any(|project| {
        let then = prepared.pending.iter().find(|pending| pending.project == project.project_id);
        !then.is_some_and(|then| project.events().is_ok_and(|events| then.events.starts_with(&events)))
    }))
}

/// Brings in what users did to assignments since they were copied: rows that are gone go, rows that are newer are taken
/// again. Returns how many rows there are now; none if one of them has no phase to point at.
pub(super) async fn catch_up(
    connection: &mut PgConnection,
    prepared: &Prepared,
) -> Result<Option<u64>, MigratorError> {
    let newer = prepared.watch.newer();
    let homeless: bool = sqlx::query_scalar(&format!(
        "SELECT EXISTS (SELECT FROM public.resource_assignments t WHERE {newer}
                           AND NOT EXISTS (SELECT FROM {SHADOW}.links l WHERE l.assignment_id = t.id)
                           AND NOT EXISTS (SELECT FROM {SHADOW}.days d WHERE d.project_id = t.project_id))"
    ))
    .fetch_one(&mut *connection)
    .await?;
    if homeless {
        return Ok(None);
    }
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
    Ok(Some(rows.unsigned_abs()))
}

/// Where the links of so many assignments come from: the log, their date, or their project's first phase.
pub(super) async fn count(
    connection: &mut PgConnection,
    plan: &RollbackPlan,
    assignments: u64,
) -> Result<RollbackCompleted, MigratorError> {
    let (unlinked, by_date): (i64, i64) = sqlx::query_as(&format!(
        "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM {SHADOW}.days d
                WHERE d.project_id = t.project_id AND t.assignment_date BETWEEN d.start_date AND d.end_date))
           FROM public.resource_assignments t
          WHERE NOT EXISTS (SELECT FROM {SHADOW}.links l WHERE l.assignment_id = t.id)"
    ))
    .fetch_one(connection)
    .await?;
    Ok(RollbackCompleted {
        phases: plan.phases,
        assignments,
        links_recorded: unlinked.unsigned_abs(),
        accepted_loss: plan.loss.digest.clone(),
        links_restored: assignments.saturating_sub(unlinked.unsigned_abs()),
        links_by_date: by_date.unsigned_abs(),
        links_first_phase: (unlinked - by_date).unsigned_abs(),
    })
}

/// The links that the log does not have: by date, or to a project's first phase. By project, in the order of the rows.
pub(super) async fn given_links(
    connection: &mut PgConnection,
) -> Result<Vec<(ProjectId, Vec<(PhaseId, AssignmentId)>)>, MigratorError> {
    let mut projects: Vec<(ProjectId, Vec<(PhaseId, AssignmentId)>)> = Vec::new();
    copy::read(
        connection,
        &format!(
            "SELECT s.project_id, s.project_phase_id, s.id FROM {SHADOW}.resource_assignments s
              WHERE NOT EXISTS (SELECT FROM {SHADOW}.links l WHERE l.assignment_id = s.id)
              ORDER BY s.project_id, s.ctid"
        ),
        |row| {
            let (project, link) = (ProjectId::from(row.uuid(0)?), (row.uuid(1)?.into(), row.uuid(2)?.into()));
            match projects.last_mut() {
                Some((last, links)) if *last == project => links.push(link),
                _ => projects.push((project, vec![link])),
            }
            Ok::<_, MigratorError>(())
        },
    )
    .await?;
    Ok(projects)
}

/// Fails unless every row that comes back was built. Under the lock, so that the figures cannot move; the count of
/// `resource_assignments` itself was made by the watch a moment ago.
pub(super) async fn check_built(
    connection: &mut PgConnection,
    completed: &RollbackCompleted,
) -> Result<(), MigratorError> {
    let (phases, assignments): (i64, i64) = sqlx::query_as(&format!(
        "SELECT (SELECT count(*) FROM {SHADOW}.project_phases),
                (SELECT count(*) FROM {SHADOW}.resource_assignments)"
    ))
    .fetch_one(connection)
    .await?;
    if phases.unsigned_abs() == completed.phases && assignments.unsigned_abs() == completed.assignments {
        return Ok(());
    }
    Err(MigratorError::SelfCheck(format!(
        "{phases} of {} phases and {assignments} of {} assignments were built",
        completed.phases, completed.assignments
    )))
}
