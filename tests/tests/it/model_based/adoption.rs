//! Steps that adopt unknown projects and repair drift.

use super::read_tables;
use super::system_under_test::{Difference, Outcome, SystemUnderTest};
use phaseline_projections::adopt::{AdoptionPlan, adopt_all};
use phaseline_projections::drift::{DriftKind, Finding, ProjectDriftKind, find_drift};
use phaseline_projections::{FoldedLog, repair};
use phaseline_store::Metadata;
use std::collections::BTreeSet;
use uuid::Uuid;

async fn folded(system: &mut SystemUnderTest) -> Result<FoldedLog, Difference> {
    FoldedLog::read(&mut system.connection, None).await.map_err(|error| error.to_string())
}

/// Adopts all projects that the log does not have, or none.
pub(super) async fn adopt(system: &mut SystemUnderTest, with_repair: bool) -> Result<Outcome, Difference> {
    let expected = system.model.clone().adopt_all(with_repair, &<_>::default());
    let there_is_nothing = system.model.unadopted().is_empty() && system.model.without_phases().is_empty();
    let before = read_tables::last_position(&mut system.connection).await;
    let mut log = folded(system).await?;
    let connection = &mut system.connection;
    let text = |error: phaseline_store::StoreError| error.to_string();
    let plan = AdoptionPlan::make(connection, &log, None, with_repair).await.map_err(text)?;
    let metadata = Metadata::default();
    if plan.refused.is_empty() {
        adopt_all(connection, &mut log, &plan, with_repair, &metadata).await.map_err(text)?;
    }
    if plan.refused.is_empty() != expected {
        return Err(format!("adoption refused {:#?}, expected {expected}", plan.refused));
    }
    if !expected {
        return Ok("refused");
    }
    let times = read_tables::migration_times(connection, before).await?;
    system.model.adopt_all(with_repair, &times);
    Ok(if there_is_nothing { "without effect" } else { "done" })
}

/// Sets a project's rows to the log's.
pub(super) async fn repair_drift(system: &mut SystemUnderTest, project: Uuid) -> Result<Outcome, Difference> {
    let mut log = folded(system).await?;
    let projects = [project.into()];
    let done = repair::repair(&mut system.connection, &mut log, &projects, &Metadata::default()).await;
    let done = done.map_err(|error| error.to_string())?;
    let is_closed = !system.model.projects.contains_key(&project);
    if (done.closed == 1) != is_closed {
        return Err(format!("{} timelines closed", done.closed));
    }
    system.model.repair_drift(project);
    Ok(if is_closed { "closed" } else { "done" })
}

/// Every finding of the drift report, and no other.
pub(super) async fn compare(system: &mut SystemUnderTest) -> Result<(), Difference> {
    let log = folded(system).await?;
    let found = find_drift(&mut system.connection, &log, None).await.map_err(|error| error.to_string())?;
    let found: BTreeSet<(Uuid, Option<Uuid>, String)> = found
        .iter()
        .map(|finding| match finding {
            Finding::Row(drift) => {
                let what = match &drift.kind {
                    DriftKind::Missing => "missing",
                    DriftKind::Unknown => "unknown",
                    DriftKind::UnknownProject => "stranger",
                    DriftKind::Duplicate => "duplicate",
                    DriftKind::SavedLater { .. } => "saved",
                    DriftKind::Field { column, .. } => column,
                };
                (drift.project_id.uuid(), Some(drift.phase_id.uuid()), what.to_owned())
            }
            Finding::Project(drift) => {
                let what = match &drift.kind {
                    ProjectDriftKind::ProjectGone { .. } => "gone",
                    ProjectDriftKind::ProjectDates { can_follow: true, .. } => "following",
                    ProjectDriftKind::ProjectDates { can_follow: false, .. } => "moved",
                    ProjectDriftKind::ProjectWithoutPhases => "bare",
                };
                (drift.project_id.uuid(), None, what.to_owned())
            }
        })
        .collect();
    let model = &system.model;
    let mut expected: BTreeSet<(Uuid, Option<Uuid>, String)> = model
        .reported_drift()
        .into_iter()
        .map(|(project, phase, what)| (project, Some(phase), what))
        .collect();
    let unadopted = model.unadopted();
    let rows = model.new_rows.values().filter(|row| unadopted.contains(&row.project));
    expected.extend(rows.map(|row| (row.project, Some(row.id), "stranger".to_owned())));
    let following: Vec<Uuid> = model.following().into_keys().collect();
    let moved = model.moved().into_iter().filter(|project| !following.contains(project)).collect();
    let projects = [
        ("gone", model.deleted()),
        ("moved", moved),
        ("following", following),
        ("bare", model.without_phases()),
    ];
    for (what, projects) in projects {
        expected.extend(projects.into_iter().map(|project| (project, None, what.to_owned())));
    }
    if found == expected {
        return Ok(());
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    Err(format!("drift lacks {missing:#?}\nand should not have {surplus:#?}"))
}
