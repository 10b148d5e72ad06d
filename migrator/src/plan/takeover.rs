//! Plans to take over a database that the planner's own migration moved to the timeline shape: its phases are adopted
//! unchanged. That migration lost the old phase types and the assignments' links, which cannot be restored.

use super::dependents::note_owners;
use super::estimate;
use super::privileges::missing_service_privileges;
use super::structure::phase_type_labels;
use crate::added_objects;
use crate::anomaly::{Code, Findings};
use crate::definition;
use crate::error::MigratorError;
use crate::log;
use crate::log::history::{Run, runs};
use crate::report::{BudgetSums, ByDate, Plan, PlanOptions, ProjectPlan, Source};
use crate::shape::FoundShape;

use phaseline_domain::event::{PhaseRemoved, TimelineClosed, TimelineRescheduled};
use phaseline_domain::legacy::{self, LegacyPhaseType};
use phaseline_domain::{Description, PhaseId, ProjectId, TimelineEvent};
use phaseline_projections::{Access, FoldedLog, FoldedTimeline, adopt, foreign_code, project_phases};
use phaseline_store::schema;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::collections::HashSet;

/// The plan of a takeover, with everything that its execution needs.
#[derive(Debug)]
pub(crate) struct Takeover {
    pub plan: Plan,
    pub adoption: adopt::AdoptionPlan,
    /// Projects with a timeline in the log.
    pub known: Vec<KnownProject>,
    pub log: FoldedLog,
}

/// A project with an earlier timeline in the log, and its current rows.
#[derive(Debug)]
pub(crate) struct KnownProject {
    pub id: ProjectId,
    pub source: Source,
    pub events: Vec<TimelineEvent>,
}

/// Compares the rows with the timelines that the log has. The rows take precedence, since users see them. The legacy rows and the links of
/// assignments in the log stay.
async fn known_projects(
    connection: &mut PgConnection,
    log: &FoldedLog,
    repair: bool,
    findings: &mut Findings,
) -> Result<Vec<KnownProject>, MigratorError> {
    let mut known = Vec::new();
    let mut seen = HashSet::new();
    for project in adopt::find_unadopted(connection, None, |project| !log.knows(project)).await? {
        let id = project.project_id;
        let Some(folded) = log.timelines.get(&id).filter(|_| project.is_in_projects()) else { continue };
        seen.insert(id);
        let events = match (project.is_bare(), project.range()) {
            (true, Ok(range)) if repair => {
                findings.note(Code::ProjectRepaired, "projects", id, "gets a default phase without a budget");
                known.push(KnownProject {
                    id,
                    source: Source::Repair,
                    events: legacy::supply(&folded.timeline, id, range, PhaseId::random()),
                });
                continue;
            }
            _ => project.events(),
        };
        match events {
            Ok(events) => {
                let events = differences(folded, events);
                let source = if events.is_empty() { Source::Log } else { Source::LogAndTables };
                known.push(KnownProject { id, source, events });
            }
            Err(reasons) => {
                let code = if project.is_bare() { Code::ProjectWithoutPhases } else { Code::Unadoptable };
                findings.note(code, "projects", id, reasons.join("; "));
            }
        }
    }
    let mut gone: Vec<ProjectId> = log
        .timelines
        .keys()
        .filter(|project| log.knows(**project) && !seen.contains(project))
        .copied()
        .collect();
    gone.retain(|project| !findings.names(&project.to_string()));
    gone.sort();
    for id in gone {
        findings.note(Code::ProjectGone, "projects", id, "its timeline is in the log");
        known.push(KnownProject {
            id,
            source: Source::Gone,
            events: vec![TimelineClosed { project_id: id }.into()],
        });
    }
    Ok(known)
}

/// The events that change the log's timeline into that of the rows, given `found`, which opens it and adopts each row.
fn differences(folded: &FoldedTimeline, found: Vec<TimelineEvent>) -> Vec<TimelineEvent> {
    let rows = project_phases::rows(folded);
    let mut events = Vec::new();
    let stays: HashSet<PhaseId> = found.iter().filter_map(TimelineEvent::phase_id).collect();
    for event in &found {
        if let TimelineEvent::TimelineOpened(opened) = event
            && folded.timeline.range() != Some(opened.range)
        {
            events.push(TimelineRescheduled { range: opened.range }.into());
        }
    }
    for phase in folded.timeline.phases().iter().filter(|phase| !stays.contains(&phase.id)) {
        events.push(PhaseRemoved { phase_id: phase.id }.into());
    }
    events.extend(found.into_iter().filter(|event| match event {
        TimelineEvent::PhaseAdopted(e) => !rows.iter().any(|row| {
            row.id == e.phase_id
                && row.name == e.name.as_str()
                && (row.start_date, row.end_date) == (e.range.start(), e.range.end())
                && row.description.as_deref() == e.description.as_ref().map(Description::as_str)
                && (row.capital_budget, row.expense_budget)
                    == (e.budget.capital().amount(), e.budget.expense().amount())
                && (row.created_at, row.updated_at) == (e.created_at, e.updated_at)
        }),
        _ => false,
    }));
    events
}

/// The number of assignments inside a phase by date. Their former phases are not known.
async fn by_date(connection: &mut PgConnection) -> Result<ByDate, sqlx::Error> {
    let (kept, outside): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE held), count(*) FILTER (WHERE NOT held)
           FROM (SELECT EXISTS (SELECT FROM public.project_phases ph WHERE ph.project_id = ra.project_id
                            AND ra.assignment_date BETWEEN ph.start_date AND ph.end_date) AS held
                   FROM public.resource_assignments ra) found",
    )
    .fetch_one(connection)
    .await?;
    Ok(ByDate { kept: kept.unsigned_abs(), changed: 0, outside: outside.unsigned_abs() })
}

/// Whether another program than phaseline moved the database to the timeline shape, in words. None if phaseline did, or if this role may
/// not read the log.
pub(crate) async fn foreign(connection: &mut PgConnection) -> Result<Option<String>, MigratorError> {
    if !schema::installed(connection).await? {
        return Ok(Some("there is no log".to_owned()));
    }
    if !log::is_readable(connection).await? {
        return Ok(None);
    }
    let last = runs(connection).await?.into_iter().rfind(Run::completed);
    Ok(match last {
        None => Some("the log holds no migration".to_owned()),
        Some(run) if run.rolled_back.is_some() => {
            Some(format!("the log's last run ({}) is a rollback", run.id))
        }
        Some(_) => None,
    })
}

/// Inspects a database in the timeline shape inside the caller's transaction. `plan` has the results so far.
pub(crate) async fn prepare_takeover(
    connection: &mut PgConnection,
    options: &PlanOptions,
    mut plan: Plan,
    found: &FoundShape,
) -> Result<Takeover, MigratorError> {
    let mut findings = Findings::default();
    plan.takeover = true;
    let mut log = FoldedLog::default();
    if schema::installed(connection).await? {
        log = FoldedLog::read(connection, None).await?;
    }
    let table = definition::capture(connection, "public", "project_phases").await?;
    for wrong in table.iter().flat_map(added_objects::missing_in) {
        findings.note(Code::NotThePlanners, "table", "project_phases", wrong);
    }
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(Takeover { plan, adoption: adopt::AdoptionPlan::default(), known: Vec::new(), log });
    }
    let adoption = adopt::AdoptionPlan::make(connection, &log, None, options.repair).await?;
    let known = known_projects(connection, &log, options.repair, &mut findings).await?;
    for refused in &adoption.refused {
        let code = if refused.bare { Code::ProjectWithoutPhases } else { Code::Unadoptable };
        findings.note(code, "projects", refused.project_id, refused.reasons.join("; "));
    }
    // A takeover changes no row.
    for project in adoption.following() {
        let detail = "its phases do not begin and end with the project's dates in public.projects";
        findings.note(Code::Unadoptable, "projects", project, detail);
    }
    for adopted in &adoption.adopted {
        let (source, changes) = if adopted.supplied {
            findings.note(
                Code::ProjectRepaired,
                "projects",
                adopted.project_id,
                "gets a default phase without a budget",
            );
            (Source::Repair, Vec::new())
        } else {
            (Source::AsFound, Vec::new())
        };
        plan.projects.push(ProjectPlan { project_id: adopted.project_id, source, changes });
    }
    for project in &known {
        plan.projects.push(ProjectPlan {
            project_id: project.id,
            source: project.source,
            changes: project.events.iter().map(|event| event.type_name().to_owned()).collect(),
        });
    }
    plan.notes.push(
        "The planner's own migration was here. Phase types and the assignments' links to phases that the log does not know \
         from before are lost: a rollback gives types by name and links by date."
            .to_owned(),
    );
    if phase_type_labels(connection).await? != LegacyPhaseType::LABELS {
        plan.notes.push(
            "The type public.phasetype is not the planner's: a rollback will be refused until it is."
                .to_owned(),
        );
    }
    let (projects, phases, assignments): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM public.projects), (SELECT count(*) FROM public.project_phases),
                (SELECT count(*) FROM public.resource_assignments)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let sums: (Decimal, Decimal, Decimal) = sqlx::query_as(
        "SELECT coalesce(sum(capital_budget), 0), coalesce(sum(expense_budget), 0), coalesce(sum(total_budget), 0)
           FROM public.project_phases",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap_or_default();
    plan.budgets_before = BudgetSums { capital: sums.0, expense: sums.1, total: sums.2 };
    plan.budgets_after = plan.budgets_before;
    plan.counts.projects = projects.unsigned_abs();
    plan.counts.phases = phases.unsigned_abs();
    plan.counts.assignments = assignments.unsigned_abs();
    plan.counts.timelines_opened = adoption.adopted.len() as u64;
    plan.counts.timeline_events =
        adoption.events().iter().map(|(_, events)| events.len() as u64).sum::<u64>()
            + known.iter().map(|project| project.events.len() as u64).sum::<u64>();
    plan.counts.timelines_changed =
        known.iter().filter(|project| project.source == Source::LogAndTables).count() as u64;
    plan.counts.timelines_continued =
        known.iter().filter(|project| project.source == Source::Log).count() as u64;
    plan.counts.timelines_closed =
        known.iter().filter(|project| project.source == Source::Gone).count() as u64;
    plan.assignments_by_date = by_date(connection).await?;
    plan.estimate = estimate::of_takeover(&plan.counts);
    plan.counts.phases_supplied = adoption.adopted.iter().filter(|adopted| adopted.supplied).count() as u64
        + known.iter().filter(|project| project.source == Source::Repair).count() as u64;
    plan.digest = Some(digest(&adoption, &known, found, options)?);
    if !schema::installed(connection).await? {
        let missing = sqlx::query_as(
            "SELECT pg_catalog.format('%I may not create schema phaseline', r.rolname) AS reason,
                    pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I', current_database(), r.rolname) AS statement
               FROM pg_catalog.pg_roles r
              WHERE r.rolname = coalesce($1, current_user)
                AND NOT pg_catalog.has_database_privilege(r.oid, current_database(), 'CREATE')",
        )
        .bind(options.role.as_deref())
        .fetch_all(&mut *connection)
        .await?;
        plan.lacks(missing);
    }
    plan.lacks_later(missing_service_privileges(connection, options.role.as_deref()).await?);
    plan.missing_privileges.extend(foreign_code(connection, options.role.as_deref(), Access::Write).await?);
    note_owners(connection, &mut plan).await?;
    plan.ready = !findings.refused() && plan.missing_privileges.is_empty();
    plan.anomalies = findings.into_anomalies();
    Ok(Takeover { plan, adoption, known, log })
}

/// Digest of the plan: every adopted row, the revision and the options. A supplied phase's id is random, and omitted.
fn digest(
    adoption: &adopt::AdoptionPlan,
    known: &[KnownProject],
    found: &FoundShape,
    options: &PlanOptions,
) -> Result<String, MigratorError> {
    let mut hasher = Sha256::new();
    hasher.update(b"phaseline/takeover/v1");
    for ((project, events), adopted) in adoption.events().iter().zip(&adoption.adopted) {
        hasher.update(project.uuid().as_bytes());
        for event in events.iter().take(if adopted.supplied { 1 } else { usize::MAX }) {
            hasher.update(Sha256::digest(event.payload()?.as_bytes()));
        }
    }
    for project in known {
        hasher.update(project.id.uuid().as_bytes());
        for event in project.events.iter().filter(|_| project.source != Source::Repair) {
            hasher.update(Sha256::digest(event.payload()?.as_bytes()));
        }
    }
    for text in [serde_json::to_string(&found.revisions)?, options.to_digest()?] {
        hasher.update(Sha256::digest(text.as_bytes()));
    }
    Ok(format!("sha256:{}", phaseline_store::hash::hex(&hasher.finalize())))
}
