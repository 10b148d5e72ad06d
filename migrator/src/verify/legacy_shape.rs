//! The legacy shape: the runbook's four checks, and the comparison of every row with the log.

use super::checks::{CheckGroup, CheckLine, Checks, has_column};
use super::fitness::{check_fit, check_old_definition, completed_runs};
use super::log::{LogReading, check_log, read_log};
use super::readers::SnapshotReaders;
use crate::error::MigratorError;
use crate::legacy::tables::{LegacyTables, RawPhase, RawTimestamp};
use crate::log::history::Run;
use crate::progress::Progress;
use crate::shape::{FoundShape, Shape};
use crate::spill::SpillError;
use phaseline_domain::PhaseId;
use phaseline_projections::{LegacyPhaseRow, legacy_phases};
use sqlx::PgConnection;
use std::collections::HashMap;

pub(super) async fn verify(
    connection: &mut PgConnection,
    readers: Option<SnapshotReaders>,
    found: &FoundShape,
    checks: &mut Checks,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    runbook(connection, checks).await?;
    let Some(reading) = read_log(connection, readers, progress).await? else {
        checks.notes.push("This database was never migrated: there is no log to compare with.".to_owned());
        return Ok(());
    };
    let runs = completed_runs(connection).await?;
    if runs.is_empty() && reading.folded.timelines.is_empty() {
        checks.notes.push(
            "This database was never migrated: a run began and did not finish. There is nothing in the \
             log to compare with."
                .to_owned(),
        );
        check_log(&reading, checks);
        return Ok(());
    }
    // Other programs add and delete rows, so that this is not quite their number.
    let total = reading.folded.timelines.len() as u64 + reading.phases() + reading.linked();
    progress.step("comparing with the log", None);
    let tables = LegacyTables::read(connection, progress, total).await?;
    phases(&tables, &reading, checks);
    links(&tables, &reading, &runs, checks)?;
    check_old_definition(connection, &runs, checks).await?;
    check_fit(connection, Shape::Legacy, found, &runs, &reading, checks).await?;
    check_log(&reading, checks);
    Ok(())
}

async fn runbook(connection: &mut PgConnection, checks: &mut Checks) -> Result<(), MigratorError> {
    let phase_type: Option<String> = sqlx::query_scalar(
        "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = 'public.project_phases'::regclass AND a.attname = 'phase_type' AND NOT a.attisdropped",
    )
    .fetch_optional(&mut *connection)
    .await?;
    let phase_type = phase_type.unwrap_or_default();
    checks.runbook(
        "Checking phase_type column restored...",
        phase_type == "public.phasetype",
        "phase_type column restored (the enum phasetype)",
        &format!("phase_type is of type {phase_type:?}, not the enum phasetype"),
        Vec::new(),
    );
    let restored = has_column(connection, "resource_assignments", "project_phase_id").await?;
    checks.runbook(
        "Checking project_phase_id restored in resource_assignments...",
        restored,
        "project_phase_id column restored",
        "project_phase_id column is missing",
        Vec::new(),
    );
    let mut lines = Vec::new();
    for column in ["name", "start_date"] {
        let passed = !has_column(connection, "project_phases", column).await?;
        let state = if passed { "removed" } else { "is still there" };
        lines.push(CheckLine { passed, text: format!("{column} column {state}") });
    }
    checks.add(CheckGroup::Runbook, "Checking new columns removed...", lines, Vec::new());
    let counts: Vec<(Option<String>, i64)> = sqlx::query_as(
        "SELECT phase_type::text, count(*) FROM public.project_phases GROUP BY phase_type ORDER BY phase_type",
    )
    .fetch_all(connection)
    .await?;
    let missing: i64 = counts.iter().filter(|(label, _)| label.is_none()).map(|(_, count)| count).sum();
    let figures: Vec<String> = counts
        .iter()
        .filter_map(|(label, count)| label.as_ref().map(|label| format!("{count} {label}")))
        .collect();
    checks.runbook(
        "Checking phase_type values...",
        missing == 0,
        &format!("phase_type values restored ({})", figures.join(", ")),
        &format!("{missing} phases have no type"),
        Vec::new(),
    );
    Ok(())
}

/// Compares every row of `project_phases` with the fold, field by field, and the rows' order.
fn phases(tables: &LegacyTables, reading: &LogReading, checks: &mut Checks) {
    let mut expected: HashMap<PhaseId, LegacyPhaseRow> =
        reading.folded.timelines.values().flat_map(legacy_phases::rows).map(|row| (row.id, row)).collect();
    let count = expected.len();
    let mut wrong = Vec::new();
    let mut last = i64::MIN;
    let quarantined =
        |raw: &RawPhase| raw.project.is_some_and(|project| reading.folded.quarantined.contains_key(&project));
    for raw in tables.phases.iter().filter(|raw| !quarantined(raw)) {
        let Some(row) = expected.remove(&raw.id) else {
            wrong.push(format!("phase {}: the log does not know it", raw.id));
            continue;
        };
        wrong.extend(differing_fields(raw, &row).into_iter().map(|what| format!("phase {}: {what}", raw.id)));
        if row.ordinal < last {
            wrong.push(format!("phase {}: has another position in the table", raw.id));
        }
        last = last.max(row.ordinal);
    }
    let mut missing: Vec<String> =
        expected.keys().map(|id| format!("phase {id}: in the log, not in the table")).collect();
    missing.sort();
    wrong.extend(missing);
    checks.beyond(
        "Checking every row of project_phases equals the log...",
        format!("Every row equals the log, in the order it had ({count} phases)"),
        wrong,
    );
}

fn differing_fields(raw: &RawPhase, row: &LegacyPhaseRow) -> Vec<String> {
    let amount = |index: usize| raw.budgets[index].clone();
    let time = |value: RawTimestamp| value.get().ok().map(|time| time.to_string());
    let pairs = [
        ("project_id", raw.project.map(|id| id.to_string()), row.project_id.to_string()),
        ("phase_type", raw.phase_type.clone(), row.phase_type.to_string()),
        ("capital_budget", amount(0), row.capital_budget.to_string()),
        ("expense_budget", amount(1), row.expense_budget.to_string()),
        ("total_budget", amount(2), row.total_budget.to_string()),
        ("created_at", time(raw.created_at), row.created_at.to_string()),
        ("updated_at", time(raw.updated_at), row.updated_at.to_string()),
    ];
    pairs
        .into_iter()
        .filter(|(_, found, expected)| found.as_ref() != Some(expected))
        .map(|(column, found, expected)| {
            format!("{column} is {}, the log says {expected}", found.as_deref().unwrap_or("NULL"))
        })
        .collect()
}

/// Compares every assignment's link with the log.
fn links(
    tables: &LegacyTables,
    reading: &LogReading,
    runs: &[Run],
    checks: &mut Checks,
) -> Result<(), SpillError> {
    let mut wrong = Vec::new();
    let (mut kept, mut unknown) = (0_u64, 0_u64);
    for row in tables.assignments.iter() {
        let (id, found) = tables.link(row?);
        match reading.links.phase_of.get(id)? {
            Some(phase) if found == Some(phase) => kept += 1,
            Some(phase) => wrong.push(format!(
                "assignment {id}: points at phase {}, the log says {phase}",
                found.map_or_else(|| "NULL".to_owned(), |found| found.to_string())
            )),
            None => unknown += 1,
        }
    }
    let restored = runs.last().and_then(|run| run.rolled_back.as_ref()).map(|done| done.assignments);
    if let Some(restored) = restored.filter(|restored| *restored != tables.assignments.len() as u64) {
        wrong.push(format!("{} assignments, the rollback left {restored}", tables.assignments.len()));
    }
    checks.beyond(
        "Checking every assignment points at the phase that the log says...",
        format!("Every link equals the log ({kept} assignments, {unknown} made since the migration)"),
        wrong,
    );
    Ok(())
}
