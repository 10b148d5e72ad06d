//! The plan of a migration. Its transaction is read-only.

mod catalogue_checks;
mod dependents;
mod estimate;
mod inspection;
mod privileges;
mod row_checks;
mod structure;
mod takeover;
mod timelines;

use crate::added_objects;
use crate::anomaly::{Code, Findings};
use crate::change_detector::TableFingerprints;
use crate::database::{self, Database};
use crate::definition::{DetachedColumn, TableDefinition};
use crate::error::MigratorError;
use crate::legacy::reading::{self, AssignmentQuery, AssignmentReaders, ReadProgress};
use crate::legacy::tables::{LegacyPhases, LegacyTables, Percentages};
use crate::log::history::{self, Run};
use crate::log::link_events::{self, FoldedLinks};
use crate::log::report_event;
use crate::progress::{Progress, Silent};
pub use crate::report::{
    Boundaries, BudgetSums, ByDate, Counts, Estimate, Plan, PlanOptions, ProjectPlan, ProjectRebooked,
    Rebooked, Source,
};
use crate::run::cut_over::capture_table;
use crate::shape::{self, FoundShape, Shape};
use crate::translate::events::Translation;
use crate::translate::project::EarlierRuns;
use crate::translate::translate;
use catalogue_checks::CatalogueChecks;
pub(crate) use dependents::{REBUILT, note_intruders, note_obstacles};
pub(crate) use inspection::{MigrationInspection, PreparedMigration};
use phaseline_domain::PhaseId;
use phaseline_projections::{Access, FoldedLog, foreign_code};
use phaseline_store::{Quarantine, StoreError, chain::Inspector, read};
pub(crate) use privileges::missing_run_privileges;
pub use privileges::{MissingGrants, missing_grants};
use row_checks::note_bad_timestamps;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::collections::HashSet;
pub(crate) use structure::note_phase_type;
use structure::{check_structure, readable};
pub(crate) use takeover::{Takeover, prepare_takeover};

/// The step that reads everything.
pub(crate) const READING: &str = "reading the legacy tables";

/// Plans on the caller's connection, in a read-only snapshot.
///
/// # Errors
/// The database's own, such as a table that the role may not read, or row security that would hide rows from it.
pub async fn plan(connection: &mut PgConnection, options: &PlanOptions) -> Result<Plan, MigratorError> {
    plan_watched(connection, options, &Silent).await
}

/// The same with progress.
///
/// # Errors
/// As [`plan`].
pub async fn plan_watched(
    connection: &mut PgConnection,
    options: &PlanOptions,
    progress: &dyn Progress,
) -> Result<Plan, MigratorError> {
    progress.step(READING, None);
    let mut transaction = read::snapshot(connection).await?;
    let inspection = prepare(&mut transaction, None, options, progress).await?;
    transaction.rollback().await?;
    Ok(match inspection {
        MigrationInspection::Report(plan) => *plan,
        MigrationInspection::Prepared(prepared) => prepared.plan,
        MigrationInspection::Takeover(takeover) => takeover.plan,
    })
}

/// The definition of the new `project_phases`, and the detached parts for the log.
pub(crate) fn new_phases(old: &TableDefinition) -> Result<(TableDefinition, DetachedColumn), MigratorError> {
    let mut new = old.clone();
    let detached = new.detach_column("phase_type")?;
    added_objects::add_to(&mut new);
    Ok((new, detached))
}

/// Inspects the database inside the caller's transaction and snapshot, in the step [`READING`]. Further sessions of the database `beside`
/// help to read large tables; none if the caller's own holds the tables' locks.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    beside: Option<&Database>,
    options: &PlanOptions,
    progress: &dyn Progress,
) -> Result<MigrationInspection, MigratorError> {
    let found = shape::find(connection).await?;
    let mut findings = Findings::default();
    let mut plan = Plan::empty(&found, options);
    if found.shape == Shape::Timelines
        && (found.revision() == Some(shape::TIMELINE_REVISION) || found.newer_revision().is_some())
    {
        return timelines::inspect(connection, options, plan, &found).await;
    }
    for foreign in foreign_code(connection, None, Access::Read).await? {
        findings.note(Code::Obstacle, "object", "code of others", foreign);
    }
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(MigrationInspection::Report(Box::new(plan)));
    }
    let server = database::major_version(connection).await?;
    note_newer_server(server, options, &mut findings);
    check_structure(connection, &found, &mut findings).await?;
    if findings.refused() && (found.shape != Shape::Legacy || !readable(connection).await?) {
        plan.anomalies = findings.into_anomalies();
        return Ok(MigrationInspection::Report(Box::new(plan)));
    }

    let mut fingerprints = TableFingerprints::begin(connection).await?;
    let phases = capture_table(connection, "project_phases").await?;
    let assignments = capture_table(connection, "resource_assignments").await?;
    let percentages = Percentages::find(connection).await?;
    let total = reading::estimated_rows(connection).await?;
    progress.total(total);
    let legacy = LegacyPhases::read(connection).await?;
    let query = AssignmentQuery::new(&legacy, percentages, Some(fingerprints.since()));
    let before = legacy.projects.len() + legacy.phases.len();
    let reading = ReadProgress { progress, before, total };
    let readers = match beside {
        Some(database) => AssignmentReaders::open(database, connection).await?,
        None => None,
    };
    let mut checks = CatalogueChecks { definitions: [&phases, &assignments], options, orphans: Vec::new() };
    let (read, checked) = match readers {
        Some(readers) => {
            let checking = checks.run(connection, 0, &mut findings, &mut plan);
            tokio::join!(legacy.with_assignments_beside(readers, &query, reading), checking)
        }
        None => {
            let read = legacy.with_assignments(connection, &query, reading).await;
            // These checks search for missing rows, and sort their results.
            (read, checks.run(connection, 2, &mut findings, &mut plan).await)
        }
    };
    let (tables, facts) = read?;
    checked?;
    if percentages == Percentages::LeftOut {
        plan.notes.push(NO_PERCENTAGES.to_owned());
    }
    fingerprints.assignments_read(connection, tables.assignments.len() as u64, facts.newer).await?;
    checks.note_orphans(connection, &tables, &mut findings).await?;
    if facts.bad_times {
        note_bad_timestamps(connection, &mut findings).await?;
    }
    let (log, links, earlier) = earlier_log(connection, &mut findings, progress).await?;
    let mut translation = translate(&tables, &log, &links, &earlier, options)?;

    let definitions = [&phases, &assignments].map(|definition| definition.independent_of_server(server));
    plan.digest = Some(digest(&tables, &definitions, &found, options, &translation)?);
    plan.counts = counts(&tables, &translation);
    plan.budgets_before = translation.before;
    plan.budgets_after = translation.after;
    plan.assignments_by_date = translation.by_date;
    plan.boundary = Some(std::mem::take(&mut translation.boundaries));
    plan.projects = translation
        .projects
        .iter()
        .filter(|project| project.source != Source::Tables)
        .map(|project| ProjectPlan {
            project_id: project.project,
            source: project.source,
            changes: project.changes.clone(),
        })
        .collect();
    plan.estimate = estimate::of_migration(&plan.counts);
    findings.extend(std::mem::take(&mut translation.findings));
    let refused = findings.refused();
    plan.anomalies = findings.into_anomalies();
    plan.ready = !refused && plan.missing_privileges.is_empty();
    if !refused && plan.budgets_before != plan.budgets_after {
        return Err(MigratorError::SelfCheck("budgets before and after differ".to_owned()));
    }
    Ok(MigrationInspection::Prepared(Box::new(PreparedMigration {
        plan,
        translation,
        tables,
        phases,
        assignments,
        log,
        link_versions: links.versions,
        fingerprints,
    })))
}

/// Notes a server that is newer than the newest that is accepted.
fn note_newer_server(server: u32, options: &PlanOptions, findings: &mut Findings) {
    if server > options.newest_server {
        let detail = format!("newer than {}", options.newest_server);
        findings.note(Code::NewerServer, "server", format!("PostgreSQL {server}"), detail);
    }
}

const NO_PERCENTAGES: &str = "public.resource_assignments: allocation_percentage is missing, is not numeric, or may not be \
     read; person-days are not counted";

/// The state that earlier migrations left in the log; empty in a database that was never migrated.
async fn earlier_log(
    connection: &mut PgConnection,
    findings: &mut Findings,
    progress: &dyn Progress,
) -> Result<(FoldedLog, FoldedLinks, EarlierRuns), MigratorError> {
    let (mut log, mut links) = (FoldedLog::default(), FoldedLinks::default());
    if !phaseline_store::schema::installed(connection).await? {
        return Ok((log, links, EarlierRuns::default()));
    }
    if !crate::log::is_readable(connection).await? {
        findings.note(Code::LogUnreadable, "table", "phaseline.events", "SELECT is missing");
        return Ok((log, links, EarlierRuns::default()));
    }
    let tip = phaseline_store::schema::tip(connection).await?.position.unsigned_abs();
    progress.step("reading the log", Some(tip));
    log = FoldedLog::begin(connection).await?;
    let (mut inspector, mut unreadable) = (Inspector::default(), Quarantine::default());
    phaseline_store::read::scan(connection, None, |event| {
        inspector.see(event);
        log.apply(event);
        if let Err(found) = links.see(event, log.skips(event.position)) {
            unreadable.add(*found);
        }
        report_event(progress, event.position, tip);
        Ok::<_, StoreError>(())
    })
    .await?;
    links.phase_of.settle()?;
    progress.advance(tip);
    let (runs, unreadable_runs) = history::readable_runs(connection).await?;
    unreadable.extend(&log.unreadable());
    unreadable.extend(&unreadable_runs);
    findings.note_log(&inspector, &unreadable);
    let last = runs.into_iter().rfind(Run::completed);
    let earlier = last.map_or_else(EarlierRuns::default, |run| EarlierRuns { written: run.written });
    Ok((log, links, earlier))
}

/// Digest of the plan: the data that the migration reads, the tables' definitions, the revision, the options, and
/// the resulting timelines, since those of the log may have been edited.
fn digest(
    tables: &LegacyTables,
    definitions: &[TableDefinition; 2],
    found: &FoundShape,
    options: &PlanOptions,
    translation: &Translation,
) -> Result<String, serde_json::Error> {
    let mut hasher = Sha256::new();
    hasher.update(b"phaseline/plan/v1");
    hasher.update(tables.digest);
    for text in
        [serde_json::to_string(definitions)?, serde_json::to_string(&found.revisions)?, options.to_digest()?]
    {
        hasher.update(Sha256::digest(text.as_bytes()));
    }
    for project in &translation.projects {
        hasher.update(project.project.uuid().as_bytes());
        hasher.update(project.outcome);
    }
    Ok(format!("sha256:{}", phaseline_store::hash::hex(&hasher.finalize())))
}

fn counts(tables: &LegacyTables, translation: &Translation) -> Counts {
    let of = |source: Source| {
        translation.projects.iter().filter(|project| project.source == source).count() as u64
    };
    let rows: HashSet<PhaseId> = tables.phases.iter().map(|phase| phase.id).collect();
    let supplied = translation.projects.iter().flat_map(|project| &project.phases);
    Counts {
        projects: tables.projects.len() as u64,
        phases: tables.phases.len() as u64,
        assignments: tables.assignments.len() as u64,
        timelines_opened: translation.projects.iter().filter(|project| project.version == 0).count() as u64,
        timelines_continued: of(Source::Log),
        timelines_changed: of(Source::LogAndTables),
        timelines_closed: of(Source::Gone),
        phases_supplied: supplied.filter(|(id, _)| !rows.contains(id)).count() as u64,
        timeline_events: translation.projects.iter().map(|project| project.events.len() as u64).sum(),
        link_events: translation
            .links
            .iter()
            .map(|project| link_events::event_count(project.range.len()))
            .sum(),
        links: translation.linked.len() as u64,
    }
}
