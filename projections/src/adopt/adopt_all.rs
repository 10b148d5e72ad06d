//! Adopts projects that the log does not have, all or the requested ones, in one transaction.

use super::{AdoptionEvents, Unadopted, find_unadopted};
use crate::{
    Access, FoldedLog, FoldedTimeline, drift, project_phases, refuse_foreign_code, repair, row_writer,
};
use phaseline_domain::{PhaseId, ProjectId, TimelineEvent};
use phaseline_store::{Import, Metadata, StoreError, schema};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use std::collections::{BTreeSet, HashMap};

/// An adopted project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// The project.
    pub project_id: ProjectId,
    /// The number of its timeline's phases.
    pub phases: u64,
    /// Whether it had no phase, and got a default phase.
    pub supplied: bool,
}

/// A project that cannot be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedProject {
    /// The project.
    pub project_id: ProjectId,
    /// Whether it has no row: a repair would give it one.
    pub bare: bool,
    /// All reasons.
    pub reasons: Vec<String>,
}

/// The projects to adopt.
#[derive(Debug, Default)]
pub struct AdoptionPlan {
    /// Each project's events.
    events: Vec<(ProjectId, Vec<TimelineEvent>)>,
    /// Projects whose dates the planner has changed since it wrote their rows: the rows follow.
    following: BTreeSet<ProjectId>,
    /// Projects that would be adopted, by id.
    pub adopted: Vec<Adopted>,
    /// Projects that cannot be adopted, by id. If there are any, no project is adopted.
    pub refused: Vec<RefusedProject>,
}

impl AdoptionPlan {
    /// Finds projects that the log does not have, all or the requested ones. With `repair` a project without rows gets a default
    /// phase; without, it is refused.
    pub async fn make(
        connection: &mut PgConnection,
        log: &FoldedLog,
        only: Option<&[ProjectId]>,
        repair: bool,
    ) -> Result<Self, StoreError> {
        let found = find_unadopted(connection, only, |project| log.knows(project)).await?;
        let holders = if found.is_empty() { HashMap::new() } else { holders(log) };
        let mut plan = Self::default();
        for project in found {
            let project_id = project.project_id;
            let (bare, supplied) = (project.is_bare(), repair && project.is_bare());
            let events = if supplied {
                let adopted = project.with_default_phase(PhaseId::random());
                adopted.map(|adopted| AdoptionEvents { adopted, following: Vec::new() })
            } else {
                project.adoption()
            };
            let mut reasons = held_elsewhere(&project, &holders);
            match events {
                Ok(AdoptionEvents { adopted, following }) if reasons.is_empty() => {
                    plan.adopted.push(Adopted { project_id, phases: adopted.len() as u64 - 1, supplied });
                    if !following.is_empty() {
                        plan.following.insert(project_id);
                    }
                    plan.events.push((project_id, [adopted, following].concat()));
                    continue;
                }
                Ok(_) => {}
                Err(wrong) => reasons.extend(wrong),
            }
            plan.refused.push(RefusedProject { project_id, bare, reasons });
        }
        Ok(plan)
    }

    /// Each project's events, by project.
    pub fn events(&self) -> &[(ProjectId, Vec<TimelineEvent>)] {
        &self.events
    }

    /// Projects whose dates the planner has changed since it wrote their rows: the rows follow, and so change.
    pub fn following(&self) -> impl Iterator<Item = ProjectId> {
        self.following.iter().copied()
    }

    /// Appends the events, and applies them to `log`. The reason of a supplied phase names the repair.
    pub async fn write(
        &self,
        import: &mut Import<'_>,
        log: &mut FoldedLog,
        metadata: &Metadata,
    ) -> Result<(), StoreError> {
        let (own, of_repair) = (metadata.to_json()?, metadata.of_repair().to_json()?);
        for ((project, events), adopted) in self.events.iter().zip(&self.adopted) {
            let metadata = if adopted.supplied { &of_repair } else { &own };
            for event in events {
                repair::push(import, log, *project, event, metadata).await?;
            }
        }
        Ok(())
    }

    /// Inserts the rows of the phases that a repair supplied, and updates those that follow their projects' dates; `log` has folded the
    /// events.
    pub async fn write_rows(&self, connection: &mut PgConnection, log: &FoldedLog) -> Result<(), StoreError> {
        let supplied = self.adopted.iter().filter(|adopted| adopted.supplied);
        let rows: Vec<_> = supplied
            .filter_map(|adopted| log.timelines.get(&adopted.project_id))
            .flat_map(|folded: &FoldedTimeline| project_phases::rows(folded))
            .collect();
        project_phases::insert(connection, &rows).await?;
        let following = self.following.iter().filter_map(|project| log.timelines.get(project));
        let rows: Vec<_> = following.flat_map(project_phases::rows).collect();
        row_writer::update(connection, &rows).await?;
        Ok(())
    }

    /// The projects that would be adopted.
    fn projects(&self) -> Vec<ProjectId> {
        self.adopted.iter().map(|adopted| adopted.project_id).collect()
    }
}

/// Each phase's project in the log.
fn holders(log: &FoldedLog) -> HashMap<PhaseId, ProjectId> {
    let quarantined = log.quarantined.iter().map(|(project, found)| (project, &found.folded));
    log.timelines
        .iter()
        .chain(quarantined)
        .flat_map(|(project, folded)| folded.timeline.phases().iter().map(|phase| (phase.id, *project)))
        .collect()
}

/// The rows whose phases the log has under another project: after an adoption they would be in two timelines.
fn held_elsewhere(project: &Unadopted, holders: &HashMap<PhaseId, ProjectId>) -> Vec<String> {
    let held = project.rows().iter().filter_map(|row| Some((row.id, holders.get(&row.id)?)));
    held.map(|(id, holder)| format!("phase {id}: belongs to project {holder} in the log")).collect()
}

/// The result of an adoption.
#[derive(Debug)]
pub struct AdoptionResult {
    /// The plan under the locks; if it refuses a project, nothing was written.
    pub plan: AdoptionPlan,
    /// The log's last position.
    pub position: i64,
}

/// Adopts the projects of `plan`, all or none: the rows are read again under the locks, and may be refused then. `log` is an earlier
/// fold, which is brought up to date. Rows change only where the planner has changed their project's dates since.
///
/// # Errors
/// [`StoreError::NotAccepting`] in the legacy shape; the database's own.
pub async fn adopt_all(
    connection: &mut PgConnection,
    log: &mut FoldedLog,
    plan: &AdoptionPlan,
    repair: bool,
    metadata: &Metadata,
) -> Result<AdoptionResult, StoreError> {
    let projects = plan.projects();
    let mut transaction =
        connection.begin_with("BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE").await?;
    let connection = &mut *transaction;
    refuse_foreign_code(connection, Access::Write).await?;
    row_writer::lock(connection, &projects, &[]).await?;
    log.catch_up(connection).await?;
    let plan = AdoptionPlan::make(connection, log, Some(&projects), repair).await?;
    let position = log.position;
    if !plan.refused.is_empty() || plan.events.is_empty() {
        transaction.rollback().await?;
        return Ok(AdoptionResult { plan, position });
    }
    let mut import = Import::begin(connection).await?;
    plan.write(&mut import, log, metadata).await?;
    log.position = import.finish().await?.position;
    plan.write_rows(connection, log).await?;
    let projects = plan.projects();
    let different = drift::find_drift(connection, log, Some(&projects)).await?;
    if let Some(first) = different.first() {
        return Err(StoreError::SelfCheck(format!(
            "after the adoption {} still differ from the log, so it was undone; the first: {first}",
            different.len()
        )));
    }
    transaction.commit().await?;
    Ok(AdoptionResult { plan, position: log.position })
}

/// Fails unless this database has a log that takes commands.
pub async fn need_commands(connection: &mut PgConnection) -> Result<(), StoreError> {
    if !schema::installed(connection).await? {
        return Err(StoreError::NotInstalled);
    }
    if schema::accepts_commands(connection).await? { Ok(()) } else { Err(StoreError::NotAccepting) }
}
