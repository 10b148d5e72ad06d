//! Checks that the log, its schema and the tables' definitions fit the current shape.

use super::checks::Checks;
use super::log::LogReading;
use crate::added_objects;
use crate::definition::{self, DetachedColumn, TableDefinition};
use crate::error::MigratorError;
use crate::log::history::{self, Run};
use crate::shape::{FoundShape, LEGACY_REVISION, Shape, TIMELINE_REVISION};
use phaseline_projections::planner_schema::find_changes;
use phaseline_store::schema::{self, version::VERSION};
use sqlx::PgConnection;

/// The completed runs whose events can be read, oldest first. Another check names the unreadable ones.
pub(super) async fn completed_runs(connection: &mut PgConnection) -> Result<Vec<Run>, MigratorError> {
    let (runs, _) = history::readable_runs(connection).await?;
    Ok(runs.into_iter().filter(|run| run.migrated.is_some() || run.rolled_back.is_some()).collect())
}

/// Checks that the log's last run led to this shape, its end is not missing, its schema is complete, and the planner's revision fits.
pub(super) async fn check_fit(
    connection: &mut PgConnection,
    shape: Shape,
    found: &FoundShape,
    runs: &[Run],
    reading: &LogReading,
    checks: &mut Checks,
) -> Result<(), MigratorError> {
    let mut wrong = Vec::new();
    let migrated = runs.last().map(|run| run.migrated.is_some());
    let revision = match shape {
        Shape::Legacy => LEGACY_REVISION,
        Shape::Timelines | Shape::Unknown => TIMELINE_REVISION,
    };
    let newer = found.newer_revision();
    if shape == Shape::Timelines {
        let changes = find_changes(connection).await?;
        checks.notes.extend(found.note_on_newer().filter(|_| changes.is_empty()));
        wrong.extend(changes.iter().map(ToString::to_string));
    }
    if newer.is_none() && found.revision() != Some(revision) {
        wrong.push(format!(
            "alembic_version holds {}, this shape's is {revision}",
            found.revisions.join(", ")
        ));
    }
    match migrated {
        Some(true) if shape == Shape::Legacy => {
            wrong.push(
                "the log's last run is a migration, but the tables are in the legacy shape; run: phaseline doctor".to_owned(),
            );
        }
        Some(false) if shape == Shape::Timelines => {
            wrong.push(
                "the log's last run is a rollback, but the tables are in the timeline shape".to_owned(),
            );
        }
        None => wrong.push(
            "the log holds no completed run: its end is missing, or it is another database's".to_owned(),
        ),
        Some(_) => {}
    }
    let up = runs.iter().filter_map(|run| run.migrated.as_ref()).map(|done| done.counts.links);
    let down = runs.iter().filter_map(|run| run.rolled_back.as_ref()).map(|done| done.links_recorded);
    let links: u64 = up.chain(down).sum();
    if links != reading.links.entries {
        wrong.push(format!(
            "the runs recorded {links} links of assignments, the log holds {}",
            reading.links.entries
        ));
    }
    let visible: bool = sqlx::query_scalar(
        "SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT') FROM pg_catalog.pg_class c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'phaseline' AND c.relname = 'head'",
    )
    .fetch_optional(&mut *connection)
    .await?
    .unwrap_or(false);
    let different = different_schema(connection).await?;
    if different.is_empty() && !(visible && schema::whole(connection).await?) {
        wrong.push(
            "schema phaseline is not as this program makes it; run: phaseline doctor --repair".to_owned(),
        );
    }
    wrong.extend(different);
    if visible {
        let accepts = schema::accepts_commands(connection).await.ok();
        if accepts != Some(shape == Shape::Timelines) {
            let state = if accepts == Some(true) { "takes commands" } else { "takes no commands" };
            wrong.push(format!(
                "the log {state}, which does not fit the shape; run: phaseline doctor --repair"
            ));
        }
        let log_id = schema::log_id(connection).await.ok();
        if log_id != reading.log_id {
            wrong.push("phaseline.head has another log's id than the log's first event".to_owned());
        }
    }
    checks.beyond(
        "Checking that the log's last run, its schema and the planner's revision fit the shape...",
        format!(
            "They fit ({} runs, revision {}, {links} links recorded)",
            runs.len(),
            newer.unwrap_or(revision)
        ),
        wrong,
    );
    Ok(())
}

/// The objects of schema `phaseline` that differ from those of this program.
pub(super) async fn different_schema(connection: &mut PgConnection) -> Result<Vec<String>, MigratorError> {
    if let Some(version) = schema::version(connection).await?.filter(|version| *version < VERSION) {
        let old = format!(
            "schema phaseline is version {version}, this program's is {VERSION}; run: phaseline upgrade"
        );
        return Ok(vec![old]);
    }
    let differences = phaseline_projections::schema_differences(connection).await?;
    let texts = differences.into_iter().map(|difference| {
        let remedy =
            if difference.repairable { "run: phaseline doctor --repair" } else { "run: phaseline doctor" };
        format!("{difference}; {remedy}")
    });
    Ok(texts.collect())
}

/// Checks that the objects which the migration added to `project_phases` exist.
pub(super) async fn check_new_definition(
    connection: &mut PgConnection,
    checks: &mut Checks,
) -> Result<(), MigratorError> {
    let phases = definition::capture(connection, "public", "project_phases").await?;
    let Some(phases) = phases else { return Ok(()) };
    checks.beyond(
        "Checking that project_phases has all objects of the timeline shape...",
        "Columns, keys, date check and date indexes exist".to_owned(),
        added_objects::missing_in(&phases),
    );
    Ok(())
}

/// Checks that the objects of the legacy columns are restored, as the log recorded them.
pub(super) async fn check_old_definition(
    connection: &mut PgConnection,
    runs: &[Run],
    checks: &mut Checks,
) -> Result<(), MigratorError> {
    let recorded = runs.iter().rev().find_map(|run| run.legacy_schema.as_ref());
    let Some(recorded) = recorded else { return Ok(()) };
    let mut wrong = Vec::new();
    let mut things = 0;
    for (table, detached) in
        [("project_phases", &recorded.phase_type), ("resource_assignments", &recorded.project_phase_id)]
    {
        if let Some(current) = definition::capture(connection, "public", table).await? {
            things += 1 + detached.indexes.len() + detached.checks.len() + detached.foreign_keys.len();
            missing(current, detached, &mut wrong);
        }
    }
    checks.beyond(
        "Checking the old columns have all that they had, as the log recorded it...",
        format!("Columns, indexes and constraints are as recorded ({things} of them)"),
        wrong,
    );
    Ok(())
}

fn missing(mut current: TableDefinition, recorded: &DetachedColumn, wrong: &mut Vec<String>) {
    let found = match current.detach_column(&recorded.column.name) {
        Ok(found) => found,
        Err(error) => return wrong.push(error.to_string()),
    };
    if found.column != recorded.column {
        wrong.push(format!("column {} is not defined as it was", recorded.column.name));
    }
    for (_, index) in &recorded.indexes {
        if !found.indexes.iter().any(|(_, there)| there == index) {
            wrong.push(format!("index {} is missing, or defined otherwise", index.name));
        }
    }
    for check in &recorded.checks {
        if !found.checks.contains(check) {
            wrong.push(format!("constraint {} is missing, or defined otherwise", check.name));
        }
    }
    for key in &recorded.foreign_keys {
        if !found.foreign_keys.contains(key) {
            wrong.push(format!("foreign key {} is missing, or defined otherwise", key.name));
        }
    }
}
