//! The inline projection: the rows that one command changes, written in the transaction that appends its events.

use crate::{FoldedTimeline, adopt};
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{PhaseId, ProjectId, TimelineEvent};
use phaseline_store::timeline::Place;
use phaseline_store::{Adoption, Found, InlineProjection, StoreError};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The database's side of it: function `phaseline.project_inline`.
pub(crate) const SQL: &str = include_str!("../sql/project_inline.sql");

/// `public.project_phases`, kept row by row.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectPhases;

/// One thing that changes; `phaseline.project_inline` says what it makes of them.
#[derive(Serialize)]
struct Change<'a> {
    /// None for a row of the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    project: ProjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<PhaseId>,
    /// Where the row stands; inside that nothing if it is to be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Option<Arc<str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capital_budget: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expense_budget: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_budget: Option<Decimal>,
    /// None for a phase that these very events create: the time is known under the lock only.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<NaiveDateTime>,
    /// A phase's name; or what was read of a project that is adopted, which the database compares with what stands there
    /// under the lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

impl Change<'_> {
    const fn of(project: ProjectId, kind: Option<&'static str>) -> Self {
        Self {
            kind,
            project,
            id: None,
            place: None,
            capital_budget: None,
            expense_budget: None,
            total_budget: None,
            created_at: None,
            name: None,
            start_date: None,
            end_date: None,
            description: None,
        }
    }
}

impl InlineProjection for ProjectPhases {
    fn changes(
        &self,
        foreseen: &FoldedTimeline,
        adoption: Option<&Adoption>,
        new: &[TimelineEvent],
        place: Option<Place<'_>>,
    ) -> Result<String, serde_json::Error> {
        let FoldedTimeline { timeline, stamps, .. } = foreseen;
        let touched: BTreeSet<PhaseId> = new.iter().filter_map(TimelineEvent::phase_id).collect();
        let dated = new.iter().any(|event| {
            matches!(event, TimelineEvent::TimelineOpened(_) | TimelineEvent::TimelineRescheduled(_))
        });
        // The default timeline has no project; nothing can have been decided on it.
        let Some(project) = timeline.project() else { return Ok(String::new()) };
        let mut words = String::new();
        let mut tell = |change: Change<'_>| {
            if !words.is_empty() {
                words.push(',');
            }
            words.push_str(&serde_json::to_string(&change)?);
            Ok::<_, serde_json::Error>(())
        };
        if let Some(adoption) = adoption {
            let name = Some(adoption.witness.as_str());
            tell(Change { name, ..Change::of(project, Some("adopted")) })?;
        }
        if let Some(range) = timeline.range().filter(|_| dated) {
            let (start_date, end_date) = (Some(range.start()), Some(range.end()));
            tell(Change { start_date, end_date, ..Change::of(project, Some("dates")) })?;
        }
        for id in touched {
            let Some(phase) = timeline.phase(id) else {
                tell(Change { id: Some(id), ..Change::of(project, Some("removed")) })?;
                continue;
            };
            tell(Change {
                kind: None,
                project,
                id: Some(id),
                place: place.map(|known| known(id)),
                capital_budget: Some(phase.budget.capital().amount()),
                expense_budget: Some(phase.budget.expense().amount()),
                total_budget: Some(phase.budget.total().amount()),
                created_at: stamps.get(&id).map(|stamps| stamps.created_at),
                name: Some(phase.name.as_str()),
                start_date: Some(phase.range.start()),
                end_date: Some(phase.range.end()),
                description: phase.description.as_ref().map(|text| text.as_str()),
            })?;
        }
        Ok(words)
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
