//! The plainest fold of a log: every event in order of position, by no code that knows of stored states or reads past positions.

use phaseline_domain::{ProjectId, TimelineEvent};
use phaseline_projections::effects::BudgetSums;
use phaseline_projections::planner_view::ProjectName;
use phaseline_projections::portfolio::{ChangeTotals, PortfolioFilter, PortfolioProject, ProjectChange};
use phaseline_projections::{FoldedTimeline, TimelineDiff, project_phases};
use serde_json::Value;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

#[derive(FromRow)]
struct NaiveEvent {
    position: i64,
    stream_type: String,
    stream_id: Uuid,
    version: i64,
    event_type: String,
    schema_version: i32,
    payload: String,
    recorded_at: DateTime<Utc>,
    event_id: Uuid,
    hash: String,
}

/// The timelines of a log at each of its positions, and the planner's projects.
pub(super) struct NaiveHistory {
    /// By position.
    timelines: Vec<BTreeMap<ProjectId, FoldedTimeline>>,
    /// The id and the hash of each event.
    events: HashMap<i64, (Uuid, String)>,
    /// The projects by name.
    names: Vec<(ProjectId, ProjectName)>,
    /// The types of all events.
    pub(super) types: HashSet<String>,
}

impl NaiveHistory {
    pub(super) async fn read(connection: &mut PgConnection) -> Self {
        let events: Vec<NaiveEvent> = sqlx::query_as(
            "SELECT position, stream_type, stream_id, version, event_type, schema_version, payload::text AS payload, recorded_at,
                    event_id, encode(hash, 'hex') AS hash
               FROM phaseline.events ORDER BY position",
        )
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let names: Vec<(Uuid, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT id, name::text, cost_center_code::text FROM public.projects ORDER BY coalesce(lower(name::text), ''), id",
        )
        .fetch_all(connection)
        .await
        .unwrap();
        let name = |(id, name, cost_center)| (ProjectId::from(id), ProjectName { name, cost_center });
        let marks = events.iter().filter(|event| event.stream_type == "SkippedEvents");
        let marked: HashSet<i64> = marks
            .map(|mark| serde_json::from_str::<Value>(&mark.payload).unwrap()["position"].as_i64().unwrap())
            .collect();
        let mut timelines = vec![BTreeMap::new()];
        for (event, position) in events.iter().zip(1..) {
            assert_eq!(event.position, position);
            let mut next: BTreeMap<ProjectId, FoldedTimeline> = timelines.last().unwrap().clone();
            if event.stream_type == "Timeline" {
                let folded = next.entry(event.stream_id.into()).or_default();
                (folded.version, folded.position) = (event.version, position);
                if !marked.contains(&position) {
                    let stored =
                        TimelineEvent::from_stored(&event.event_type, event.schema_version, &event.payload);
                    folded.apply(&stored.unwrap(), event.recorded_at.naive_utc());
                }
            }
            timelines.push(next);
        }
        Self {
            timelines,
            types: events.iter().map(|event| event.event_type.clone()).collect(),
            events: events.into_iter().map(|event| (event.position, (event.event_id, event.hash))).collect(),
            names: names.into_iter().map(name).collect(),
        }
    }

    /// The last position.
    pub(super) fn tip(&self) -> i64 {
        i64::try_from(self.timelines.len()).unwrap() - 1
    }

    pub(super) fn at(&self, position: i64) -> &BTreeMap<ProjectId, FoldedTimeline> {
        &self.timelines[usize::try_from(position).unwrap()]
    }

    /// These projects by name, then those without, by id, as far as the filter lets them.
    fn in_order(
        &self,
        timelines: &BTreeMap<ProjectId, FoldedTimeline>,
        filter: &PortfolioFilter,
    ) -> Vec<(ProjectId, ProjectName)> {
        let named: HashSet<ProjectId> = self.names.iter().map(|(project, _)| *project).collect();
        let unnamed = timelines.keys().filter(|project| !named.contains(project));
        let mut all = self.names.clone();
        all.extend(unnamed.map(|project| (*project, ProjectName::default())));
        let has = |text: &Option<String>, wanted: &str| {
            text.as_ref().is_some_and(|text| text.to_lowercase().contains(wanted))
        };
        all.retain(|(project, name)| {
            let search = filter.search.as_ref().map(|search| search.to_lowercase());
            timelines.contains_key(project)
                && filter.only.as_ref().is_none_or(|only| only.contains(project))
                && search.is_none_or(|wanted| {
                    has(&name.name, &wanted)
                        || has(&name.cost_center, &wanted)
                        || project.to_string().starts_with(&wanted)
                })
        });
        all
    }

    /// The list of projects at a position.
    pub(super) fn list(&self, position: i64, filter: &PortfolioFilter) -> Vec<PortfolioProject> {
        let timelines = self.at(position);
        let project = |(project_id, name)| {
            let folded = &timelines[&project_id];
            let range = folded.timeline.project().and(folded.timeline.range());
            let is_listed = folded.timeline.project().is_some()
                && filter.on.is_none_or(|day| range.is_some_and(|range| range.contains(day)));
            let mut phases = project_phases::rows(folded);
            phases
                .retain(|phase| filter.on.is_none_or(|day| phase.start_date <= day && day <= phase.end_date));
            let mut budget = BudgetSums::default();
            for phase in &phases {
                budget.capital += phase.capital_budget;
                budget.expense += phase.expense_budget;
                budget.total += phase.total_budget;
            }
            let (event_id, hash) = self.events[&folded.position].clone();
            is_listed.then(|| PortfolioProject {
                project_id,
                name,
                start_date: range.map(|range| range.start()),
                end_date: range.map(|range| range.end()),
                phases,
                budget,
                version: folded.version,
                position: folded.position,
                event_id,
                hash,
                unreadable: Vec::new(),
                altered: Vec::new(),
                is_found: true,
            })
        };
        self.in_order(timelines, filter).into_iter().filter_map(project).collect()
    }

    /// The changed projects between two positions, without events.
    pub(super) fn changes(&self, [earlier, later]: [i64; 2], filter: &PortfolioFilter) -> Vec<ProjectChange> {
        let nothing = FoldedTimeline::default();
        let change = |(project, name)| {
            let before = self.at(earlier).get(&project).unwrap_or(&nothing);
            let diff = TimelineDiff::between(project, before, &self.at(later)[&project]);
            let (event_id, hash) = self.events[&diff.after.position].clone();
            (!diff.is_empty()).then(|| ProjectChange {
                name,
                diff,
                event_id,
                hash,
                unreadable: Vec::new(),
                altered: Vec::new(),
            })
        };
        self.in_order(self.at(later), filter).into_iter().filter_map(change).collect()
    }

    /// The totals of all changes between two positions.
    pub(super) fn totals(&self, positions: [i64; 2]) -> ChangeTotals {
        let mut totals = ChangeTotals::default();
        for change in self.changes(positions, &PortfolioFilter::default()) {
            totals.add(&change);
        }
        totals
    }
}
