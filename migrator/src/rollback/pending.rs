//! Events that a rollback itself adds to timelines before it computes the legacy tables: adopts rows of other programs, closes the
//! timelines of deleted projects, and gives phases without a legacy row one.

use super::loss::EditHistory;
use crate::anomaly::{Code, Findings};
use crate::database::parallel;
use crate::error::MigratorError;
use crate::log::link_events::FoldedLinks;
use phaseline_domain::event::{LegacyRowRecorded, TimelineClosed};
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{Phase, PhaseId, ProjectId, TimelineEvent};
use phaseline_projections::{FoldedLog, FoldedTimeline, PhaseTimestamps, adopt};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The events that one project's history gains.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PendingEvents {
    pub project: ProjectId,
    /// The stream's version before.
    pub version: i64,
    pub events: Vec<TimelineEvent>,
}

/// The timelines after the pending events, and these events.
pub(super) struct Predicted {
    pub log: FoldedLog,
    pub edit_history: EditHistory,
    pub events: Vec<PendingEvents>,
    index: HashMap<ProjectId, usize>,
}

/// Computes the timelines for the legacy tables, and notes obstacles.
pub(super) async fn predict(
    connection: &mut PgConnection,
    log: FoldedLog,
    edit_history: EditHistory,
    links: &FoldedLinks,
    findings: &mut Findings,
) -> Result<Predicted, MigratorError> {
    let mut predicted = Predicted { log, edit_history, events: Vec::new(), index: HashMap::new() };
    predicted.close_gone(connection).await?;
    predicted.adopt_unknown(connection, findings).await?;
    predicted.give_rows(connection, links, findings).await?;
    Ok(predicted)
}

fn is_open(folded: &FoldedTimeline) -> bool {
    folded.timeline.project().is_some()
}

impl Predicted {
    /// Whether the project's timeline will end, or ended earlier.
    pub(super) fn closed(&self, project: ProjectId) -> bool {
        self.log.timelines.get(&project).is_some_and(|folded| !is_open(folded))
    }

    fn add(&mut self, project: ProjectId, event: TimelineEvent) {
        self.edit_history.apply_unrecorded(project, &event, &self.log);
        let folded = self.log.timelines.entry(project).or_default();
        let version = folded.version;
        // None of these events has a timestamp from the log: a changed phase keeps its own.
        let known = event.phase_id().and_then(|phase| folded.timestamps.get(&phase));
        let at = known.map(|timestamps| timestamps.updated_at).unwrap_or_default();
        folded.apply(&event, at);
        let at = *self.index.entry(project).or_insert_with(|| {
            self.events.push(PendingEvents { project, version, events: Vec::new() });
            self.events.len() - 1
        });
        if let Some(pending) = self.events.get_mut(at) {
            pending.events.push(event);
        }
    }

    /// Closes the timelines of deleted projects.
    async fn close_gone(&mut self, connection: &mut PgConnection) -> Result<(), MigratorError> {
        let there: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM public.projects").fetch_all(connection).await?;
        let there: HashSet<ProjectId> = there.into_iter().map(ProjectId::from).collect();
        let open = |(project, folded): (&ProjectId, &FoldedTimeline)| {
            (is_open(folded) && !there.contains(project)).then_some(*project)
        };
        let mut gone: Vec<ProjectId> = self.log.timelines.iter().filter_map(open).collect();
        gone.sort();
        for project_id in gone {
            self.add(project_id, TimelineClosed { project_id }.into());
        }
        Ok(())
    }

    /// Adopts the rows of projects that the log does not have.
    async fn adopt_unknown(
        &mut self,
        connection: &mut PgConnection,
        findings: &mut Findings,
    ) -> Result<(), MigratorError> {
        let plan = adopt::AdoptionPlan::make(connection, &self.log, None, false).await?;
        for (project, events) in plan.events() {
            for event in events {
                self.add(*project, event.clone());
            }
        }
        for project in plan.following() {
            let detail = "its dates changed since its rows were written; run: phaseline adopt";
            findings.note(Code::Unadoptable, "projects", project, detail);
        }
        for refused in plan.refused.iter().filter(|refused| !refused.bare) {
            findings.note(Code::Unadoptable, "projects", refused.project_id, refused.reasons.join("; "));
        }
        Ok(())
    }

    /// Gives every phase without a legacy row one: its type by its name, its place behind all others. A phase that
    /// a repair supplied and that was not changed gets none, unless an assignment has no other phase to refer to.
    async fn give_rows(
        &mut self,
        connection: &mut PgConnection,
        links: &FoldedLinks,
        findings: &mut Findings,
    ) -> Result<(), MigratorError> {
        let phases = || self.log.timelines.values().flat_map(|folded| folded.timeline.phases());
        let mut last =
            phases().filter_map(|phase| phase.legacy).map(|row| row.ordinal).max().unwrap_or_default();
        let needed = self.without_phase(connection, links, findings).await?;
        let mut born: Vec<(ProjectId, Phase, PhaseTimestamps)> = Vec::new();
        for (project, folded) in &self.log.timelines {
            for phase in folded.timeline.phases().iter().filter(|phase| phase.legacy.is_none()) {
                if let Some(timestamps) = folded.timestamps.get(&phase.id)
                    && (!phase.supplied || needed.contains(project))
                {
                    born.push((*project, phase.clone(), *timestamps));
                }
            }
        }
        born.sort_by_key(|(_, phase, timestamps)| (timestamps.created_at, phase.id));
        for (project, phase, timestamps) in born {
            last += 1;
            let row = LegacyRowRecorded {
                phase_id: phase.id,
                budget: phase.budget,
                phase_type: LegacyPhaseType::by_name(phase.name.as_str()),
                created_at: timestamps.created_at,
                updated_at: timestamps.updated_at,
                ordinal: last,
            };
            self.add(project, row.into());
        }
        Ok(())
    }

    /// Projects with assignments whose only phases are supplied ones. An assignment of a project without any phase, and
    /// without a link that applies, has no phase to refer to: that is noted.
    async fn without_phase(
        &self,
        connection: &mut PgConnection,
        links: &FoldedLinks,
        findings: &mut Findings,
    ) -> Result<HashSet<ProjectId>, MigratorError> {
        let own: HashSet<PhaseId> = self
            .log
            .timelines
            .values()
            .flat_map(|folded| folded.timeline.phases())
            .filter(|phase| !phase.supplied)
            .map(|phase| phase.id)
            .collect();
        let with: Vec<Uuid> = self
            .log
            .timelines
            .iter()
            .filter(|(_, folded)| folded.timeline.phases().iter().any(|phase| !phase.supplied))
            .map(|(project, _)| project.uuid())
            .collect();
        // Reads every assignment; workers may help, since the result is sorted.
        parallel(&mut *connection, 2).await?;
        let candidates: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT ra.id, ra.project_id FROM public.resource_assignments ra
              WHERE ra.project_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM pg_catalog.unnest($1::pg_catalog.uuid[]) k (project) WHERE k.project = ra.project_id)
              ORDER BY ra.id",
        )
        .bind(with)
        .fetch_all(&mut *connection)
        .await?;
        parallel(connection, 0).await?;
        let mut needed = HashSet::new();
        for (id, project) in candidates {
            if links.phase_of.get(id.into())?.is_some_and(|phase| own.contains(&phase)) {
                continue;
            }
            let project = ProjectId::from(project);
            if self.log.timelines.get(&project).is_some_and(|folded| !folded.timeline.phases().is_empty()) {
                needed.insert(project);
            } else {
                let detail = format!("of project {project}, which has no phase for it to point at");
                findings.note(Code::ProjectWithoutPhases, "resource_assignments", id, detail);
            }
        }
        Ok(needed)
    }
}
