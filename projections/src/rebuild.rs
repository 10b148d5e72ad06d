//! Rebuild: folds the whole log, and makes `project_phases` agree with the result.
//!
//! The fold is in memory, so there is no second table: the live rows are compared with it while they are read, and only differing rows
//! are written, in place. So the table keeps the views, grants and foreign keys of the users, and a rebuild without differences writes
//! nothing (`docs/decisions/rebuild.md`).

use crate::FoldedLog;
use crate::altered::refuse_altered_findings;
pub use crate::bulk_insert::READERS_WAIT;
use crate::bulk_insert::makes_readers_wait;
use crate::drift::{
    Drift, DriftKind, Finding, ProjectDrift, ProjectDriftKind, find_drift, find_drift_watched,
};
use crate::repair::{Repaired, repair_where};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::progress::Progress;
use phaseline_store::{Metadata, Quarantine, StoreError, parallel, read, schema, skip, stream};
use serde::{Serialize, Serializer};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The options of a rebuild.
#[derive(Clone, Debug, Default)]
pub struct RebuildOptions {
    /// Compare only, and write nothing.
    pub check: bool,
    /// One project only; all if none.
    pub project: Option<ProjectId>,
    /// Also delete rows that the log does not have, of projects that it has. Otherwise they stay: another program wrote them.
    pub delete_unknown: bool,
    /// Actor and reason.
    pub metadata: Metadata,
}

/// The result of a rebuild.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The position up to which the log was folded; every position up to it was read once.
    pub position: i64,
    /// Events read; for one project, those of its stream.
    pub events: u64,
    /// The number of projects in the log.
    pub projects: u64,
    /// The number of their phases, which is the required number of rows.
    pub phases: u64,
    /// The differences of the table: of repaired projects as found under the lock, of all others as on the snapshot.
    pub differences: Vec<Drift>,
    /// The repair; none if there was nothing to write.
    pub repaired: Option<Repaired>,
    /// What still differs: unknown rows that the options keep; without a repair, all differences.
    pub left: Vec<Drift>,
    /// Projects with a timeline and rows, but without a row in `public.projects`. A repair of drift deletes their rows, and
    /// closes the timelines.
    pub gone: Vec<ProjectId>,
    /// The events for which timelines are in quarantine: their rows were neither compared nor written.
    pub quarantine: Quarantine,
    /// Rows of projects that the log does not have. They are not differences: the log can adopt them.
    pub unadopted: u64,
    /// Whether readers will wait while the rows are written ([`READERS_WAIT`]), according to this check.
    pub readers_wait: bool,
}

impl Serialize for Rebuilt {
    /// One object; the repair's numbers are 0 without a repair.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Members<'a> {
            position: i64,
            events: u64,
            projects: u64,
            phases: u64,
            differences: &'a [Drift],
            caught_up: u64,
            repair_id: Option<Uuid>,
            inserted: u64,
            updated: u64,
            deleted: u64,
            left: &'a [Drift],
            gone: &'a [ProjectId],
            quarantine: &'a Quarantine,
            unadopted: u64,
            readers_wait: bool,
        }
        Members {
            position: self.position,
            events: self.events,
            projects: self.projects,
            phases: self.phases,
            differences: &self.differences,
            caught_up: self.caught_up(),
            repair_id: self.repair_id(),
            inserted: self.inserted(),
            updated: self.updated(),
            deleted: self.deleted(),
            left: &self.left,
            gone: &self.gone,
            quarantine: &self.quarantine,
            unadopted: self.unadopted,
            readers_wait: self.readers_wait,
        }
        .serialize(serializer)
    }
}

/// Rebuilds `project_phases`. `readers` read the log at the same time, on the snapshot of `connection`; at least one,
/// unless it is for one project, which needs none. Commands continue meanwhile, and their events are included.
///
/// Differing rows are written in one transaction, under the log's lock, after their projects were compared again; if the future is
/// dropped or the process killed, the table is either unchanged or rebuilt. At the end all rows of projects that differed on the
/// snapshot equal the log, and all other rows equalled it on the snapshot. A row that another program damages after the snapshot, in a
/// project without a difference, is found by the next rebuild.
///
/// # Errors
/// [`StoreError::NotAccepting`] if the legacy shape is live; [`StoreError::PositionGap`] if the log is damaged,
/// [`StoreError::Altered`] if an event of a project with differences was altered;
/// [`StoreError::SelfCheck`] if the written rows differ from the intended ones, such as by a trigger; the database's own. Then nothing
/// was written.
pub async fn rebuild(
    connection: &mut PgConnection,
    readers: Vec<PgConnection>,
    options: &RebuildOptions,
    progress: &dyn Progress,
) -> Result<Rebuilt, StoreError> {
    let mut snapshot = read::snapshot(connection).await?;
    if !schema::accepts_commands(&mut snapshot).await? {
        return Err(StoreError::NotAccepting);
    }
    let mut log = match options.project {
        Some(project) => one(&mut snapshot, project, progress).await?,
        None => whole(&mut snapshot, readers, progress).await?,
    };
    progress.step("comparing project_phases with it", None);
    let only = options.project.map(|project| [project]);
    let only = only.as_ref().map(<[_; 1]>::as_slice);
    let mut found = find_drift_watched(&mut snapshot, &log, only, progress).await?;
    if only.is_some() && add_holders(&mut snapshot, &mut log, &found).await? {
        found = find_drift(&mut snapshot, &log, only).await?;
    }
    refuse_altered_findings(&mut snapshot, &log, &found, progress).await?;
    snapshot.rollback().await?;

    let gone = gone(&found);
    let (unadopted, differences): (Vec<Drift>, Vec<Drift>) =
        found.into_iter().filter_map(row).partition(|drift| drift.kind == DriftKind::UnknownProject);
    let requested = |project: &ProjectId| options.project.is_none_or(|only| only == *project);
    let folded = || log.timelines.iter().filter(|(project, _)| requested(project)).map(|(_, folded)| folded);
    let mut rebuilt = Rebuilt {
        position: log.position,
        events: match options.project {
            Some(project) => log.version(project).unsigned_abs(),
            None => log.position.unsigned_abs(),
        },
        projects: folded().filter(|folded| folded.timeline.project().is_some()).count() as u64,
        phases: folded().map(|folded| folded.timeline.phases().len() as u64).sum(),
        left: differences.clone(),
        differences,
        repaired: None,
        gone,
        quarantine: quarantine(&log, options.project),
        unadopted: unadopted.len() as u64,
        readers_wait: false,
    };
    let projects: BTreeSet<ProjectId> = rebuilt
        .differences
        .iter()
        .filter(|drift| is_ours(drift, options.delete_unknown))
        .map(|drift| drift.project_id)
        .collect();
    if !options.check && !projects.is_empty() {
        progress.step("writing what differs", None);
        let projects: Vec<ProjectId> = projects.into_iter().collect();
        let found: BTreeSet<PhaseId> = rebuilt.differences.iter().map(|drift| drift.phase_id).collect();
        // Of another project only the row that is under the requested one.
        let concerns = |drift: &Drift| requested(&drift.project_id) || found.contains(&drift.phase_id);
        let ours = |finding: &Finding| matches!(finding, Finding::Row(drift) if concerns(drift) && is_ours(drift, options.delete_unknown));
        let repaired =
            repair_where(connection, &mut log, &projects, &options.metadata, ours, progress).await?;
        rebuilt.add(repaired, concerns);
        rebuilt.quarantine = quarantine(&log, options.project);
    } else if options.check {
        let missing = rebuilt.left.iter().filter(|drift| drift.kind == DriftKind::Missing).count();
        rebuilt.readers_wait = makes_readers_wait(connection, missing).await?;
    }
    Ok(rebuilt)
}

impl Rebuilt {
    /// Adds a repair: for the projects that it compared under the lock its findings replace those of the snapshot.
    fn add(&mut self, repaired: Repaired, concerns: impl Fn(&Drift) -> bool) {
        let elsewhere = |drift: &Drift| !repaired.compared.contains(&drift.project_id);
        self.left.retain(elsewhere);
        self.differences.retain(elsewhere);
        self.gone.retain(|project| !repaired.compared.contains(project));
        self.gone.extend(gone(&repaired.left));
        self.gone.sort();
        let here = |drift: &Drift| drift.kind != DriftKind::UnknownProject && concerns(drift);
        let left: Vec<Drift> = repaired.left.iter().cloned().filter_map(row).filter(here).collect();
        self.differences
            .extend(repaired.findings.iter().cloned().filter_map(row).chain(left.iter().cloned()));
        self.left.extend(left);
        for drift in [&mut self.left, &mut self.differences] {
            drift.sort_by_key(|drift| (drift.project_id, drift.phase_id));
        }
        self.repaired = Some(repaired);
    }

    /// Events that others appended between reading and writing; they are included.
    pub fn caught_up(&self) -> u64 {
        self.repaired.as_ref().map_or(0, |repaired| repaired.caught_up)
    }

    /// The event stream that records the overwritten values; none if nothing was written.
    pub fn repair_id(&self) -> Option<Uuid> {
        self.repaired.as_ref()?.repair_id
    }

    /// Rows that were missing.
    pub fn inserted(&self) -> u64 {
        self.repaired.as_ref().map_or(0, |repaired| repaired.inserted)
    }

    /// Rows with other values.
    pub fn updated(&self) -> u64 {
        self.repaired.as_ref().map_or(0, |repaired| repaired.updated)
    }

    /// Deleted rows: the log does not have them, or has only one of several.
    pub fn deleted(&self) -> u64 {
        self.repaired.as_ref().map_or(0, |repaired| repaired.deleted)
    }

    /// The differences that were repaired.
    pub fn repaired_rows(&self) -> impl Iterator<Item = &Drift> {
        let findings = self.repaired.iter().flat_map(|repaired| &repaired.findings);
        findings.filter_map(|finding| match finding {
            Finding::Row(drift) => Some(drift),
            Finding::Project(_) => None,
        })
    }

    /// Whether the table agrees with the log.
    pub fn is_right(&self) -> bool {
        self.left.is_empty() && self.gone.is_empty() && self.quarantine.is_empty()
    }

    /// Whether a rebuild would write rows, or delete them, according to this check.
    pub fn would_write(&self, delete_unknown: bool) -> bool {
        self.left.iter().any(|drift| is_ours(drift, delete_unknown))
    }
}

/// The events for which timelines are in quarantine; of one project only, if requested.
fn quarantine(log: &FoldedLog, only: Option<ProjectId>) -> Quarantine {
    match only {
        Some(project) => {
            log.quarantined.get(&project).map(|found| found.quarantine.clone()).unwrap_or_default()
        }
        None => log.unreadable(),
    }
}

fn row(finding: Finding) -> Option<Drift> {
    match finding {
        // A note: the row has what the log has.
        Finding::Row(Drift { kind: DriftKind::SavedLater { .. }, .. }) => None,
        Finding::Row(drift) => Some(drift),
        Finding::Project(_) => None,
    }
}

/// The deleted projects among the findings that still have rows. A project that was deleted with its phases is not an error.
fn gone(findings: &[Finding]) -> Vec<ProjectId> {
    let is_gone = |finding: &&Finding| {
        matches!(finding, Finding::Project(ProjectDrift { kind: ProjectDriftKind::ProjectGone { .. }, .. }))
            && !finding.is_note()
    };
    findings.iter().filter(is_gone).map(Finding::project_id).collect()
}

/// Whether the rebuild repairs it.
fn is_ours(drift: &Drift, delete_unknown: bool) -> bool {
    match drift.kind {
        DriftKind::Missing | DriftKind::Field { .. } | DriftKind::Duplicate => true,
        // Rows without an id cannot be distinguished.
        DriftKind::Unknown => delete_unknown && !drift.phase_id.uuid().is_nil(),
        DriftKind::UnknownProject | DriftKind::SavedLater { .. } => false,
    }
}

async fn whole(
    snapshot: &mut PgConnection,
    readers: Vec<PgConnection>,
    progress: &dyn Progress,
) -> Result<FoldedLog, StoreError> {
    let tip = schema::tip(snapshot).await?.position;
    let exported = parallel::export_snapshot(snapshot).await?;
    let skipped = skip::positions(snapshot).await?;
    progress.step("folding the log", Some(tip.unsigned_abs()));
    FoldedLog::read_parallel(readers, &exported, skipped, tip, progress).await
}

/// The fold of one stream alone. Its versions show that no event in between is missing, the log's positions that none is missing at its
/// end.
async fn one(
    snapshot: &mut PgConnection,
    project: ProjectId,
    progress: &dyn Progress,
) -> Result<FoldedLog, StoreError> {
    progress.step("folding the project's events", None);
    let mut log = FoldedLog::default();
    log.position = schema::tip(snapshot).await?.position;
    if let Some(expected) = read::first_missing(snapshot, log.position).await? {
        return Err(StoreError::PositionGap { expected, found: None });
    }
    let history = stream::whole_history(snapshot, project, None).await?;
    stream::refuse_altered(project, &history)?;
    log.replace(project, &history);
    Ok(log)
}

/// Adds the timelines that own rows under another project; returns whether there are any.
async fn add_holders(
    snapshot: &mut PgConnection,
    log: &mut FoldedLog,
    found: &[Finding],
) -> Result<bool, StoreError> {
    let unknown = |finding: &Finding| match finding {
        Finding::Row(drift) if drift.kind == DriftKind::Unknown => Some(drift.phase_id),
        _ => None,
    };
    let strays: Vec<PhaseId> = found.iter().filter_map(unknown).collect();
    if strays.is_empty() {
        return Ok(false);
    }
    let mut added = false;
    for holder in stream::holders(snapshot, &strays).await? {
        if !log.timelines.contains_key(&holder) && !log.quarantined.contains_key(&holder) {
            let history = stream::whole_history(snapshot, holder, None).await?;
            log.replace(holder, &history);
            added = true;
        }
    }
    Ok(added)
}
