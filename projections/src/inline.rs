//! The inline projection: the rows that one command changes, written in the transaction that appends its events.

use crate::{FoldedTimeline, adopt};
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{PhaseId, ProjectId, TimelineEvent};
use phaseline_store::timeline::Place;
use phaseline_store::{Adoption, Found, InlineProjection, StoreError};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The database's side of it: function `phaseline.project_inline`.
pub(crate) const SQL: &str = include_str!("../sql/project_inline.sql");

/// `public.project_phases`, kept row by row.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectPhases;

#[derive(Serialize)]
struct Changes<'a> {
    /// What was read of a project that is adopted; the database compares it with what stands there under the lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    adopted: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectDates>,
    removed: Vec<PhaseId>,
    rows: Vec<ChangedRow<'a>>,
}

#[derive(Serialize)]
struct ProjectDates {
    start_date: NaiveDate,
    end_date: NaiveDate,
}

#[derive(Serialize)]
struct ChangedRow<'a> {
    capital_budget: String,
    expense_budget: String,
    total_budget: String,
    id: PhaseId,
    /// Where the row stands, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Arc<str>>,
    /// None for a phase that these very events create: the time is known under the lock only.
    created_at: Option<NaiveDateTime>,
    name: &'a str,
    start_date: NaiveDate,
    end_date: NaiveDate,
    description: Option<&'a str>,
}

impl InlineProjection for ProjectPhases {
    fn changes(
        &self,
        before: &FoldedTimeline,
        adoption: Option<&Adoption>,
        new: &[TimelineEvent],
        place: Place<'_>,
    ) -> Result<String, serde_json::Error> {
        let mut timeline = before.timeline.clone();
        // A phase that is removed and created again under its id is a new row.
        let mut stamps = before.stamps.clone();
        for event in new {
            timeline.evolve(event);
            if let TimelineEvent::PhaseRemoved(removed) = event {
                stamps.remove(&removed.phase_id);
            }
        }
        let touched: BTreeSet<PhaseId> = new.iter().filter_map(TimelineEvent::phase_id).collect();
        let dated = new.iter().any(|event| {
            matches!(event, TimelineEvent::TimelineOpened(_) | TimelineEvent::TimelineRescheduled(_))
        });
        let changes = Changes {
            adopted: adoption.map(|adoption| adoption.witness.as_str()),
            project: timeline
                .range()
                .filter(|_| dated)
                .map(|range| ProjectDates { start_date: range.start(), end_date: range.end() }),
            removed: touched.iter().copied().filter(|id| timeline.phase(*id).is_none()).collect(),
            rows: timeline
                .phases()
                .iter()
                .filter(|phase| touched.contains(&phase.id))
                .map(|phase| ChangedRow {
                    capital_budget: phase.budget.capital().to_string(),
                    expense_budget: phase.budget.expense().to_string(),
                    total_budget: phase.budget.total().to_string(),
                    id: phase.id,
                    place: place(phase.id),
                    created_at: stamps.get(&phase.id).map(|stamps| stamps.created_at),
                    name: phase.name.as_str(),
                    start_date: phase.range.start(),
                    end_date: phase.range.end(),
                    description: phase.description.as_ref().map(|text| text.as_str()),
                })
                .collect(),
        };
        serde_json::to_string(&changes)
    }

    async fn unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<Option<Found>, StoreError> {
        Ok(adopt::of_project(connection, project).await?.map(|(found, witness)| {
            let events = if found.is_bare() { Ok(Vec::new()) } else { found.events() };
            Found { is_in_projects: found.is_in_projects(), events, witness }
        }))
    }
}
