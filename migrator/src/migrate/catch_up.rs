//! Adds changes of assignments that users made while the log was written, under the lock. Only their links matter: the table itself stays,
//! and loses a column. Every other change, and every invalid link, needs a second attempt, whose plan names it.

use super::options::MigrateOptions;
use crate::definition;
use crate::error::MigratorError;
use crate::fast_hash::FastHash;
use crate::log::link_events;
use crate::plan::{PreparedMigration, REBUILT};
use crate::run::Journal;
use crate::shape::{self, LEGACY_REVISION};
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use phaseline_store::{Import, copy};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap};

/// The newer assignments.
#[derive(Debug, Default)]
pub(super) struct NewerAssignments {
    /// The links.
    pub links: Links,
    /// The number of assignments now; none if nothing changed.
    pub assignments: Option<u64>,
}

/// Links by project, in the order of the rows.
pub(super) type Links = BTreeMap<ProjectId, Vec<(PhaseId, AssignmentId)>>;

/// The changes between the snapshot and the lock.
pub(super) enum ChangesSinceSnapshot {
    Nothing,
    /// Only assignments.
    Assignments(NewerAssignments),
    /// Changes that need a second attempt.
    More(String),
}

/// The digest of an expected plan covers every row, so nothing may have changed.
pub(super) async fn changed(
    connection: &mut PgConnection,
    prepared: &PreparedMigration,
    options: &MigrateOptions,
) -> Result<ChangesSinceSnapshot, MigratorError> {
    let mut newer = None;
    let tables = prepared.fingerprints.changed(connection).await?;
    if let [("resource_assignments", now)] = tables.as_slice()
        && options.expected_digest.is_none()
        && let Some(links) = self::newer(connection, prepared).await?
    {
        newer = Some(NewerAssignments { links, assignments: Some(now.rows) });
    }
    if !tables.is_empty() && newer.is_none() {
        let names: Vec<&str> = tables.iter().map(|(table, _)| *table).collect();
        return Ok(ChangesSinceSnapshot::More(names.join(", ")));
    }
    for (table, before) in
        [("project_phases", &prepared.phases), ("resource_assignments", &prepared.assignments)]
    {
        let now = definition::capture(connection, "public", table).await?;
        if now.as_ref() != Some(before) {
            return Ok(ChangesSinceSnapshot::More(format!("the definition of {table}")));
        }
    }
    if shape::find(connection).await?.revision() != Some(LEGACY_REVISION) {
        return Ok(ChangesSinceSnapshot::More("alembic_version".to_owned()));
    }
    if !definition::obstacles(connection, &REBUILT, &[&prepared.phases, &prepared.assignments])
        .await?
        .is_empty()
    {
        return Ok(ChangesSinceSnapshot::More("dependent objects".to_owned()));
    }
    Ok(newer.map_or(ChangesSinceSnapshot::Nothing, ChangesSinceSnapshot::Assignments))
}

/// The links of assignments that are newer than those that were read. None if one of them is invalid.
async fn newer(
    connection: &mut PgConnection,
    prepared: &PreparedMigration,
) -> Result<Option<Links>, MigratorError> {
    let projects = &prepared.translation.projects;
    let project_of: HashMap<PhaseId, ProjectId, FastHash> = projects
        .iter()
        .flat_map(|project| project.phases.iter().map(|(phase, _)| (*phase, project.project)))
        .collect();
    let ids = prepared.fingerprints.newer_assignments(connection).await?;
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let query = format!(
        "SELECT t.id, t.resource_id, t.project_id, t.project_phase_id, t.assignment_date
           FROM public.resource_assignments t WHERE t.id = ANY ('{{{}}}'::pg_catalog.uuid[]) ORDER BY t.ctid",
        ids.join(",")
    );
    let mut newer = Links::new();
    let mut sound = true;
    copy::read(connection, &query, |row| {
        let phase = row.nullable_uuid(3)?.map(PhaseId::from);
        let project = phase.and_then(|phase| project_of.get(&phase).copied());
        let stands_under = row.nullable_uuid(2)?.map(ProjectId::from);
        let whole = row.nullable_uuid(1)?.is_some() && row.date(4).is_ok();
        match (phase, project) {
            (Some(phase), Some(project)) if whole && stands_under == Some(project) => {
                newer.entry(project).or_default().push((phase, row.uuid(0)?.into()));
            }
            _ => sound = false,
        }
        Ok::<_, MigratorError>(())
    })
    .await?;
    Ok(sound.then_some(newer))
}

/// Writes the newer links; a later link replaces an earlier one.
pub(super) async fn write(
    import: &mut Import<'_>,
    prepared: &PreparedMigration,
    newer: Links,
    journal: &Journal,
) -> Result<(), MigratorError> {
    let mut versions = prepared.link_versions.clone();
    for written in &prepared.translation.links {
        let events = i64::try_from(link_events::event_count(written.range.len())).unwrap_or(i64::MAX);
        versions.insert(written.project, written.version + events);
    }
    for (project, found) in newer {
        let version = versions.get(&project).copied().unwrap_or_default();
        for (event, version) in link_events::events(found)?.iter().zip(version + 1..) {
            import.push(link_events::stream_of(project), version, event, &journal.metadata).await?;
        }
    }
    Ok(())
}
