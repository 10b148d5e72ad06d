//! Inspects a database before its rollback: the log, later changes, obstacles.

use super::log_read::LogRead;
use super::loss::{dangling_links, loss};
use super::pending::{PendingEvents, Predicted, predict};
use super::restored;
use crate::anomaly::{Anomaly, Code, Findings};
use crate::change_detector::TableFingerprints;
use crate::definition::{self, NeededName, QualifiedName, RebuiltTable, TableDefinition};
use crate::error::MigratorError;
use crate::log::events::LegacySchemaRecorded;
use crate::log::history::{self, Run};
use crate::log::link_events::FoldedLinks;
use crate::plan::{missing_run_privileges, note_intruders, note_obstacles, note_phase_type};
use crate::progress::Progress;
use crate::report::RollbackPlan;
use crate::run::cut_over::{SHADOW, capture_table};
use crate::shape::{self, FoundShape, LEGACY_REVISION, Shape, TIMELINE_REVISION};
use phaseline_domain::PhaseId;
use phaseline_projections::drift::DatesToFollow;
use phaseline_projections::drift::DriftKind;
use phaseline_projections::{
    Access, FoldedLog, drift, foreign_code, legacy_phases, project_phases, refuse_foreign_code,
};
use phaseline_store::schema;
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashSet};

/// The columns that only the timeline shape has.
pub(super) const NEW_COLUMNS: [&str; 4] = ["name", "start_date", "end_date", "description"];
pub(super) const REBUILT: [RebuiltTable<'static>; 2] = [
    RebuiltTable {
        schema: "public",
        table: "project_phases",
        going_columns: &NEW_COLUMNS,
        expected_columns: Some(&project_phases::COLUMNS),
        rebuilt: true,
    },
    RebuiltTable {
        schema: "public",
        table: "resource_assignments",
        going_columns: &[],
        expected_columns: None,
        rebuilt: true,
    },
];

/// The plan of a rollback with everything that its execution needs.
pub(super) struct PreparedRollback {
    pub plan: RollbackPlan,
    /// The log as it was read.
    pub log_read: LogRead,
    /// The timelines as they will be, `pending` included.
    pub log: FoldedLog,
    /// Events that belong to the rollback: adoptions, closings, rows for phases that had none.
    pub pending: Vec<PendingEvents>,
    /// The phases with a row in the legacy table.
    pub comes_back: HashSet<PhaseId>,
    pub current: [TableDefinition; 2],
    pub old: [TableDefinition; 2],
    pub fingerprints: TableFingerprints,
    /// The obstacles in the definitions.
    judged: Vec<Anomaly>,
}

/// The result of an inspection.
pub(super) enum RollbackInspection {
    /// The database cannot or need not be rolled back.
    Report(Box<RollbackPlan>),
    /// It can be rolled back, or could if nothing were refused.
    Prepared(Box<PreparedRollback>),
}

/// The migration that led to the current shape.
pub(super) fn last_migration(runs: Vec<Run>) -> Result<(Run, LegacySchemaRecorded), MigratorError> {
    let last = runs
        .into_iter()
        .rfind(|run| run.migrated.is_some() || run.rolled_back.is_some())
        .ok_or_else(|| MigratorError::LogIncomplete("it holds no migration".to_owned()))?;
    if last.rolled_back.is_some() {
        return Err(MigratorError::WrongShape(
            "the log's last run is a rollback, but the tables are in the timeline shape: another program migrated them. \
             `phaseline migrate --adopt-migrated` takes them over, and then a rollback is possible"
                .to_owned(),
        ));
    }
    let schema = last.legacy_schema.clone().ok_or_else(|| {
        MigratorError::LogIncomplete("its last migration recorded no legacy schema".to_owned())
    })?;
    Ok((last, schema))
}

/// Inspects database and log inside the caller's transaction, with progress of the current step.
pub(super) async fn inspect(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<RollbackInspection, MigratorError> {
    let found = shape::find(connection).await?;
    let mut plan = RollbackPlan::empty(found.shape);
    if found.shape == Shape::Legacy && found.revision() == Some(LEGACY_REVISION) {
        plan.already = true;
        plan.ready = true;
        return Ok(RollbackInspection::Report(Box::new(plan)));
    }
    let mut findings = Findings::default();
    note_shape(&found, &mut findings);
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(RollbackInspection::Report(Box::new(plan)));
    }
    let inputs = read_inputs(connection, progress).await?;
    let mut log_read = inputs.log_read;
    let predicted = predict_tables(connection, &mut log_read, &mut plan, &mut findings).await?;
    let refused = findings.refused();
    let definitions = judge(connection, &inputs.legacy_schema, &mut plan, refused).await?;
    let mut prepared = PreparedRollback {
        plan,
        log_read,
        log: predicted.after.log,
        pending: predicted.after.events,
        comes_back: predicted.comes_back,
        current: definitions.current,
        old: definitions.old,
        fingerprints: inputs.fingerprints,
        judged: definitions.judged,
    };
    prepared.conclude(findings);
    Ok(RollbackInspection::Prepared(Box::new(prepared)))
}

impl PreparedRollback {
    /// Reads what the log gained since, and predicts the legacy tables again, in a snapshot or while writers are locked out. The
    /// definitions must be the same as before. False if the log must be read from its beginning.
    pub(super) async fn catch_up(&mut self, connection: &mut PgConnection) -> Result<bool, MigratorError> {
        self.log_read.edits = std::mem::take(&mut self.plan.edits);
        let going = std::mem::take(&mut self.plan.going);
        let missing_privileges = std::mem::take(&mut self.plan.missing_privileges);
        let mut plan = RollbackPlan { going, missing_privileges, ..RollbackPlan::empty(self.plan.shape) };
        if !self.log_read.read_on(connection).await? {
            return Ok(false);
        }
        let mut findings = Findings::default();
        let predicted = predict_tables(connection, &mut self.log_read, &mut plan, &mut findings).await?;
        self.plan = plan;
        self.log = predicted.after.log;
        self.pending = predicted.after.events;
        self.comes_back = predicted.comes_back;
        self.conclude(findings);
        Ok(true)
    }

    /// The anomalies of rows and definitions together, and whether the rollback can run.
    fn conclude(&mut self, rows: Findings) {
        let plan = &mut self.plan;
        plan.anomalies = rows.into_anomalies();
        for anomaly in &self.judged {
            match plan.anomalies.iter_mut().find(|found| found.code == anomaly.code) {
                Some(found) => found.rows.extend(&anomaly.rows),
                None => plan.anomalies.push(anomaly.clone()),
            }
        }
        plan.anomalies.sort_by_key(|anomaly| anomaly.code);
        plan.ready = !plan.anomalies.iter().any(|anomaly| anomaly.refused)
            && plan.missing_privileges.is_empty()
            && plan.loss.items.is_empty();
    }
}

/// The inputs of the prediction.
struct RollbackInputs {
    fingerprints: TableFingerprints,
    legacy_schema: LegacySchemaRecorded,
    log_read: LogRead,
}

/// Reads the tables' fingerprints and the log. Refuses a database without a log, and foreign code that the reading would run.
async fn read_inputs(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<RollbackInputs, MigratorError> {
    ensure_log(connection).await?;
    refuse_foreign_code(connection, Access::Read).await?;
    let fingerprints = TableFingerprints::take(connection).await?;
    let (migration, legacy_schema) = last_migration(history::runs(connection).await?)?;
    let log_read = LogRead::of(connection, migration.position, progress).await?;
    Ok(RollbackInputs { fingerprints, legacy_schema, log_read })
}

/// The content of the legacy tables after the rollback.
struct PredictedTables {
    after: Predicted,
    /// The phases with a row in the legacy table.
    comes_back: HashSet<PhaseId>,
}

/// Predicts the legacy tables. The plan gets their numbers, the edits, the drift and the loss.
async fn predict_tables(
    connection: &mut PgConnection,
    log_read: &mut LogRead,
    plan: &mut RollbackPlan,
    findings: &mut Findings,
) -> Result<PredictedTables, MigratorError> {
    plan.edits = std::mem::take(&mut log_read.edits);
    log_read.note(findings);
    // The prediction changes copies: the log may have to be read on.
    let LogRead { log, links, edit_history, .. } = &*log_read;
    let (log, edit_history) = (log.clone(), edit_history.clone());
    // Dates that the planner's own rule gave a row remain the project's; a later `updated_at` alone is not a change.
    let to_follow = DatesToFollow::find(connection, &log).await?;
    plan.notes.extend(to_follow.out_of_reach().iter().map(|(project, dates)| {
        format!(
            "project {project}: its phases cannot follow its dates, {dates}; the next migration will refuse it, unless the dates or the \
             phases are changed before"
        )
    }));
    plan.drift = to_follow.explain(drift::compare_rows(connection, &log).await?);
    let after = predict(connection, log, edit_history, links, findings).await?;
    // Unknown rows are adopted, and timelines of deleted projects closed.
    plan.drift.retain(|drift| {
        !matches!(drift.kind, DriftKind::UnknownProject | DriftKind::SavedLater { .. })
            && after.log.timelines.contains_key(&drift.project_id)
            && !after.closed(drift.project_id)
    });
    let comes_back: HashSet<PhaseId> =
        after.log.timelines.values().flat_map(legacy_phases::rows).map(|row| row.id).collect();
    let dangling = count_dangling(connection, links, &comes_back).await?;
    let is_back = |phase| comes_back.contains(&phase);
    plan.loss = loss(&after.edit_history, &after.log, is_back, &dangling, &plan.drift)?;
    let compared = restored::compare(log_read.before(), &after.log, &comes_back, &after.edit_history);
    plan.legacy_phases = compared.phases;
    (plan.budgets_before, plan.budgets_after) = (compared.budgets_before, compared.budgets_after);
    plan.phases = comes_back.len() as u64;
    links.phase_of.for_each(|_, phase| plan.links += u64::from(comes_back.contains(&phase)))?;
    Ok(PredictedTables { after, comes_back })
}

/// The definitions of the two rebuilt tables.
struct RebuiltDefinitions {
    current: [TableDefinition; 2],
    old: [TableDefinition; 2],
    /// The obstacles.
    judged: Vec<Anomaly>,
}

/// Judges whether the rollback can run: the obstacles and the missing privileges. Returns the current definitions, and the
/// legacy ones if nothing is refused, here or by the rows.
async fn judge(
    connection: &mut PgConnection,
    legacy_schema: &LegacySchemaRecorded,
    plan: &mut RollbackPlan,
    rows_refused: bool,
) -> Result<RebuiltDefinitions, MigratorError> {
    let current = [
        capture_table(connection, "project_phases").await?,
        capture_table(connection, "resource_assignments").await?,
    ];
    let mut findings = Findings::default();
    note_refusals(connection, legacy_schema, &current, &mut findings).await?;
    let old = if rows_refused || findings.refused() {
        current.clone()
    } else {
        let (old, going) = old_definitions(&current, legacy_schema)?;
        plan.going = going;
        old
    };
    plan.missing_privileges = missing_privileges(connection, &old).await?;
    Ok(RebuiltDefinitions { current, old, judged: findings.into_anomalies() })
}

/// Notes a shape or a revision from which no rollback is possible.
fn note_shape(found: &FoundShape, findings: &mut Findings) {
    if found.shape != Shape::Timelines {
        findings.note(Code::NotThePlanners, "database", "public", format!("the shape is {}", found.shape));
    } else if let Some(revision) = found.newer_revision() {
        let detail = format!("holds {revision}, a rollback starts from {TIMELINE_REVISION}");
        findings.note(Code::NewerRevision, "alembic_version", "version_num", detail);
    } else if found.revision() != Some(TIMELINE_REVISION) {
        let detail =
            format!("holds {}, a rollback starts from {TIMELINE_REVISION}", found.revisions.join(", "));
        findings.note(Code::WrongRevision, "alembic_version", "version_num", detail);
    }
}

async fn ensure_log(connection: &mut PgConnection) -> Result<(), MigratorError> {
    if schema::installed(connection).await? {
        return Ok(());
    }
    Err(MigratorError::WrongShape(
        "there is no log: this database was migrated by another program. `phaseline migrate --adopt-migrated` takes \
         it over, and then a rollback is possible"
            .to_owned(),
    ))
}

async fn missing_privileges(
    connection: &mut PgConnection,
    old: &[TableDefinition; 2],
) -> Result<Vec<String>, MigratorError> {
    let tables = [&old[0], &old[1]];
    let mut lacking = definition::missing_privileges(connection, None, SHADOW, &tables).await?;
    lacking.extend(missing_run_privileges(connection, None, &tables).await?);
    let mut missing: Vec<String> = lacking.iter().map(ToString::to_string).collect();
    missing.extend(foreign_code(connection, None, Access::Build).await?);
    Ok(missing)
}

/// The number of current assignments that lose their phase, by phase.
async fn count_dangling(
    connection: &mut PgConnection,
    links: &FoldedLinks,
    comes_back: &HashSet<PhaseId>,
) -> Result<BTreeMap<PhaseId, u64>, MigratorError> {
    let lost = dangling_links(links, |phase| comes_back.contains(&phase))?;
    let mut counts = BTreeMap::new();
    if lost.is_empty() {
        return Ok(counts);
    }
    let ids: Vec<uuid::Uuid> = lost.keys().copied().collect();
    // A generic plan would look up millions of ids one by one.
    sqlx::raw_sql("SET LOCAL plan_cache_mode = force_custom_plan").execute(&mut *connection).await?;
    let there: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT id FROM public.resource_assignments WHERE id = ANY ($1)")
            .bind(ids)
            .fetch_all(&mut *connection)
            .await?;
    sqlx::raw_sql("SET LOCAL plan_cache_mode = force_generic_plan").execute(connection).await?;
    for id in there {
        if let Some(phase) = lost.get(&id) {
            *counts.entry(*phase).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Notes obstacles to building the old tables.
async fn note_refusals(
    connection: &mut PgConnection,
    legacy_schema: &LegacySchemaRecorded,
    current: &[TableDefinition; 2],
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let mut needed = legacy_schema.phase_type.needed_names();
    needed.extend(legacy_schema.project_phase_id.needed_names());
    // The run itself frees the names of the tables that it rebuilds.
    let own = |name: &QualifiedName| {
        current.iter().any(|table| table.indexes.iter().any(|index| index.name == name.name))
    };
    needed.retain(|name| !matches!(name, NeededName::Relation(name) if own(name)));
    needed.push(NeededName::Schema(SHADOW.to_owned()));
    note_obstacles(connection, &REBUILT, current.each_ref(), &needed, findings).await?;
    note_phase_type(connection, findings).await?;
    note_intruders(connection, findings).await
}

/// The current definitions without the new columns, and with the detached parts in the log, so that changes by administrators stay. Also
/// the objects beyond the program's own indexes that are dropped with the new columns.
pub(super) fn old_definitions(
    current: &[TableDefinition; 2],
    legacy_schema: &LegacySchemaRecorded,
) -> Result<([TableDefinition; 2], Vec<String>), MigratorError> {
    let [mut phases, mut assignments] = current.clone();
    let mut going = Vec::new();
    for column in NEW_COLUMNS.iter().rev() {
        let detached = phases.detach_column(column)?;
        let ours = ["ix_project_phases_start_date", "ix_project_phases_end_date", "check_phase_dates"];
        let names = detached
            .indexes
            .iter()
            .map(|(_, index)| format!("index {}", index.name))
            .chain(detached.checks.iter().map(|check| format!("check {}", check.name)))
            .chain(detached.foreign_keys.iter().map(|key| format!("foreign key {}", key.name)))
            .chain(
                detached.statistics.iter().map(|statistics| format!("statistics {}", statistics.name.name)),
            );
        going.extend(names.filter(|name| !ours.iter().any(|ours| name.ends_with(ours))));
    }
    phases.options.retain(|option| !legacy_schema.added_options.contains(option));
    phases.reattach(legacy_schema.phase_type.clone())?;
    assignments.reattach(legacy_schema.project_phase_id.clone())?;
    // The foreign key between the two was detached with a column of one table, and refers to the other.
    phases.add_keys_from(&assignments);
    Ok(([phases, assignments], going))
}
