//! Looks at a database before its rollback: what the log holds, what was changed since, what is in the way.

use super::loss::{Ledger, Loss, dangling_links, loss};
use super::pending::{Pending, PendingEvents};
use super::{Edit, RollbackPlan};
use crate::anomaly::{Code, Findings};
use crate::definition::{self, NeededName, QualifiedName, RebuiltTable, TableDefinition};
use crate::error::MigratorError;
use crate::links::FoldedLinks;
use crate::plan::{SHADOW, missing_beyond, own_schema, phase_type_labels};
use crate::run::{self, LegacySchemaRecorded, Run};
use crate::shape::{self, LEGACY_REVISION, Shape, TIMELINE_REVISION};
use crate::watch::Watch;
use phaseline_domain::PhaseId;
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_projections::drift::DriftKind;
use phaseline_projections::{
    Access, FoldedLog, drift, foreign_code, legacy_phases, project_phases, refuse_foreign_code,
};
use phaseline_store::{Quarantine, StoreError, chain::Inspector, read, schema};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashSet};

/// The new table's own columns.
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

/// Everything that the way down needs.
pub(super) struct Prepared {
    pub plan: RollbackPlan,
    pub log: FoldedLog,
    pub links: FoldedLinks,
    /// Events that belong to the rollback: adoptions, closings, rows for phases that had none. `log` has them already.
    pub pending: Vec<PendingEvents>,
    /// The phases that have a row in the old table.
    pub comes_back: HashSet<PhaseId>,
    pub current: [TableDefinition; 2],
    pub old: [TableDefinition; 2],
    pub watch: Watch,
}

pub(super) enum Looked {
    Report(Box<RollbackPlan>),
    Prepared(Box<Prepared>),
}

pub(super) fn empty_plan(shape: Shape) -> RollbackPlan {
    RollbackPlan {
        format: "phaseline.rollback/1",
        shape,
        already: false,
        ready: false,
        anomalies: Vec::new(),
        missing_privileges: Vec::new(),
        edits: Vec::new(),
        loss: Loss::default(),
        drift: Vec::new(),
        going: Vec::new(),
        phases: 0,
        links: 0,
    }
}

/// The migration that put the database into the shape it is in.
pub(super) fn last_migration(runs: Vec<Run>) -> Result<(Run, LegacySchemaRecorded), MigratorError> {
    let last = runs
        .into_iter()
        .rfind(|run| run.migrated.is_some() || run.rolled_back.is_some())
        .ok_or_else(|| MigratorError::LogIncomplete("it holds no migration".to_owned()))?;
    if last.rolled_back.is_some() {
        return Err(MigratorError::WrongShape(
            "the log's last run is a rollback, but the tables are in the new shape: something else moved them. \
             `phaseline migrate --adopt-migrated` takes them over, and then there is a way back"
                .to_owned(),
        ));
    }
    let schema = last.legacy_schema.clone().ok_or_else(|| {
        MigratorError::LogIncomplete("its last migration recorded no legacy schema".to_owned())
    })?;
    Ok((last, schema))
}

/// Looks at database and log inside the caller's transaction.
pub(super) async fn look(connection: &mut PgConnection) -> Result<Looked, MigratorError> {
    let found = shape::find(connection).await?;
    let mut plan = empty_plan(found.shape);
    if found.shape == Shape::Legacy && found.revision() == Some(LEGACY_REVISION) {
        plan.already = true;
        plan.ready = true;
        return Ok(Looked::Report(Box::new(plan)));
    }
    let mut findings = Findings::default();
    if found.shape != Shape::Timelines {
        findings.note(Code::NotThePlanners, "database", "public", format!("the shape is {}", found.shape));
    } else if found.revision() != Some(TIMELINE_REVISION) {
        let detail =
            format!("holds {}, a rollback starts from {TIMELINE_REVISION}", found.revisions.join(", "));
        findings.note(Code::WrongRevision, "alembic_version", "version_num", detail);
    }
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(Looked::Report(Box::new(plan)));
    }
    if !schema::installed(connection).await? {
        return Err(MigratorError::WrongShape(
            "there is no log: this database was migrated by something else. `phaseline migrate --adopt-migrated` takes \
             it over, and then there is a way back"
                .to_owned(),
        ));
    }
    refuse_foreign_code(connection, Access::Read).await?;
    let watch = Watch::start(connection).await?;
    let (migration, legacy_schema) = last_migration(run::runs(connection).await?)?;
    let (mut log, mut links, mut ledger) =
        (FoldedLog::begin(connection).await?, FoldedLinks::default(), Ledger::default());
    let (mut inspector, mut unreadable) = (Inspector::default(), Quarantine::default());
    let edits = &mut plan.edits;
    read::scan(connection, None, |event| {
        inspector.see(event);
        if let Err(found) = links.see(event, log.skips(event.position)) {
            unreadable.add(*found);
        }
        let happened = log.apply_with(event, |timeline, happened| ledger.see(event, happened, timeline));
        if let Some(happened) = happened
            && event.position > migration.position
        {
            edits.push(Edit {
                project_id: event.stream_id.into(),
                phase_id: happened.phase_id(),
                event_type: event.event_type.to_owned(),
                position: event.position,
                recorded_at: event.recorded_at,
                actor: event.metadata().actor,
            });
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    unreadable.extend(&log.unreadable());
    findings.note_log(&inspector, &unreadable);
    plan.drift = drift::compare_rows(connection, &log).await?;
    let mut pending = Pending::new(log, ledger);
    pending.close_gone(connection).await?;
    pending.adopt_unknown(connection, &mut findings).await?;
    // What was only unknown is adopted, what belongs to a gone project ends with it.
    plan.drift.retain(|drift| {
        drift.kind != DriftKind::UnknownProject
            && pending.log.timelines.contains_key(&drift.project_id)
            && !pending.closed(drift.project_id)
    });
    pending.give_rows(connection, &links, &mut findings).await?;
    let dangling = dangling(connection, &links, &pending).await?;
    let Pending { log, ledger, events, .. } = pending;
    let comes_back: HashSet<PhaseId> =
        log.timelines.values().flat_map(legacy_phases::rows).map(|row| row.id).collect();
    plan.loss = loss(&ledger, &log, |phase| comes_back.contains(&phase), &dangling, &plan.drift)?;

    let current =
        [captured(connection, "project_phases").await?, captured(connection, "resource_assignments").await?];
    refusals(connection, &legacy_schema, &current, &mut findings).await?;
    own_schema(connection, &mut findings).await?;
    let old = if findings.refused() {
        current.clone()
    } else {
        let (old, going) = old_definitions(&current, &legacy_schema)?;
        plan.going = going;
        old
    };
    plan.missing_privileges =
        definition::missing_privileges(connection, None, SHADOW, &[&old[0], &old[1]]).await?;
    plan.missing_privileges.extend(missing_beyond(connection, None, &[&old[0], &old[1]]).await?);
    plan.missing_privileges.extend(foreign_code(connection, None, Access::Build).await?);
    plan.anomalies = findings.into_anomalies();
    plan.phases = comes_back.len() as u64;
    plan.links = links.phase_of.values().filter(|phase| comes_back.contains(phase)).count() as u64;
    plan.ready = !plan.anomalies.iter().any(|anomaly| anomaly.refused)
        && plan.missing_privileges.is_empty()
        && plan.loss.items.is_empty();
    Ok(Looked::Prepared(Box::new(Prepared {
        plan,
        log,
        links,
        pending: events,
        comes_back,
        current,
        old,
        watch,
    })))
}

/// How many of the assignments that stand lose their phase, by phase.
async fn dangling(
    connection: &mut PgConnection,
    links: &FoldedLinks,
    pending: &Pending,
) -> Result<BTreeMap<PhaseId, u64>, MigratorError> {
    let standing: HashSet<PhaseId> =
        pending.log.timelines.values().flat_map(legacy_phases::rows).map(|row| row.id).collect();
    let lost = dangling_links(links, |phase| standing.contains(&phase));
    let mut counts = BTreeMap::new();
    if lost.is_empty() {
        return Ok(counts);
    }
    let ids: Vec<uuid::Uuid> = lost.keys().copied().collect();
    let there: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT id FROM public.resource_assignments WHERE id = ANY ($1)")
            .bind(ids)
            .fetch_all(connection)
            .await?;
    for id in there {
        if let Some(phase) = lost.get(&id) {
            *counts.entry(*phase).or_default() += 1;
        }
    }
    Ok(counts)
}

async fn captured(connection: &mut PgConnection, table: &str) -> Result<TableDefinition, MigratorError> {
    definition::capture(connection, "public", table)
        .await?
        .ok_or_else(|| MigratorError::WrongShape(format!("table public.{table} is missing")))
}

pub(super) async fn refusals(
    connection: &mut PgConnection,
    legacy_schema: &LegacySchemaRecorded,
    current: &[TableDefinition; 2],
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for obstacle in definition::obstacles(connection, &REBUILT).await? {
        let place =
            if obstacle.table.is_empty() { String::new() } else { format!("on {}: ", obstacle.table) };
        findings.note(
            Code::Obstacle,
            "object",
            obstacle.object,
            format!("{place}{}; {}", obstacle.reason, obstacle.remedy),
        );
    }
    let labels = phase_type_labels(connection).await?;
    if labels != LegacyPhaseType::LABELS {
        let detail =
            format!("has the labels ({}), the planner's are (PLANNING, EXECUTION)", labels.join(", "));
        findings.note(Code::NotThePlanners, "type", "public.phasetype", detail);
    }
    let mut needed = legacy_schema.phase_type.needed_names();
    needed.extend(legacy_schema.project_phase_id.needed_names());
    // Names that the rebuilt tables bear themselves are freed by the run.
    let own = |name: &QualifiedName| {
        current.iter().any(|table| table.indexes.iter().any(|index| index.name == name.name))
    };
    needed.retain(|name| !matches!(name, NeededName::Relation(name) if own(name)));
    needed.push(NeededName::Schema(SHADOW.to_owned()));
    for taken in definition::names_taken(connection, &needed).await? {
        findings.note(Code::Obstacle, "name", taken.object, format!("{}; {}", taken.reason, taken.remedy));
    }
    Ok(())
}

/// Today's definitions without the new columns and with what the log kept: so that what a DBA did since survives.
/// Also what hangs on the new columns beyond our own indexes and goes with them.
pub(super) fn old_definitions(
    current: &[TableDefinition; 2],
    legacy_schema: &LegacySchemaRecorded,
) -> Result<([TableDefinition; 2], Vec<String>), MigratorError> {
    let [mut phases, mut assignments] = current.clone();
    let mut going = Vec::new();
    for column in NEW_COLUMNS.iter().rev() {
        let luggage = phases.take_column(column)?;
        let ours = ["ix_project_phases_start_date", "ix_project_phases_end_date", "check_phase_dates"];
        let names = luggage
            .indexes
            .iter()
            .map(|(_, index)| format!("index {}", index.name))
            .chain(luggage.checks.iter().map(|check| format!("check {}", check.name)))
            .chain(luggage.foreign_keys.iter().map(|key| format!("foreign key {}", key.name)))
            .chain(
                luggage.statistics.iter().map(|statistics| format!("statistics {}", statistics.name.name)),
            );
        going.extend(names.filter(|name| !ours.iter().any(|ours| name.ends_with(ours))));
    }
    phases.options.retain(|option| !legacy_schema.given_options.contains(option));
    phases.put_back(legacy_schema.phase_type.clone())?;
    assignments.put_back(legacy_schema.project_phase_id.clone())?;
    // The key between the two was in the luggage of one and comes in at the other.
    phases.meet(&assignments);
    Ok(([phases, assignments], going))
}
