//! The plan: what a migration would find and do. Reads only; the database itself enforces that.

mod options;
mod structure;

use crate::anomaly::{Anomaly, Code, Findings};
use crate::boundary::Boundaries;
use crate::definition::{self, ColumnDefinition, Luggage, TableDefinition};
use crate::error::MigratorError;
use crate::legacy::{LegacyTables, Percentages};
use crate::links::FoldedLinks;
use crate::run::{self, Run};
use crate::shape::{self, Found, Shape};
use crate::takeover::{self, Takeover};
use crate::translate::{BudgetSums, ByDate, Translation, translate};
use crate::translate_project::Earlier;
pub use crate::translate_project::Source;
use crate::watch::Watch;
use crate::{legacy, links, session};
pub use options::PlanOptions;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::{Access, FoldedLog, foreign_code};
use phaseline_store::{Quarantine, StoreError, chain::Inspector};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
pub(crate) use structure::{REBUILT, missing_beyond, own_schema, owner_notes, phase_type_labels};
use structure::{
    assignment_timestamps, check_structure, hanging_things, orphans_of_foreign_keys, readable, trigger_notes,
};

/// What becomes of a project that the log knows, or that needs more than its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectPlan {
    /// The project.
    pub project_id: ProjectId,
    /// Where its timeline comes from.
    pub source: Source,
    /// What of the log's the old tables change, in words.
    pub changes: Vec<String>,
}

/// How much of something there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of `projects`.
    pub projects: u64,
    /// Rows of `project_phases`.
    pub phases: u64,
    /// Rows of `resource_assignments`.
    pub assignments: u64,
    /// Timelines that are opened.
    pub timelines_opened: u64,
    /// Timelines that go on from an earlier migration with nothing new to record.
    pub timelines_continued: u64,
    /// Timelines that go on with what was changed in the old tables.
    #[serde(default)]
    pub timelines_changed: u64,
    /// Timelines that end because their project is gone.
    #[serde(default)]
    pub timelines_closed: u64,
    /// Phases that a repair supplies, or supplied earlier: the new table has a row for each, the old one none.
    #[serde(default)]
    pub phases_supplied: u64,
    /// Events on timelines.
    pub timeline_events: u64,
    /// Events that keep assignments' links.
    pub link_events: u64,
    /// Links in them.
    pub links: u64,
}

/// What a run will cost, reckoned from measured rates; a guide, not a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Bytes that the log and the new table add.
    pub space_bytes: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Seconds in which the tables cannot be read.
    pub lock_seconds: f64,
}

/// The plan as it is reported. Its JSON form is versioned by `format`.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// `phaseline.plan/1`
    pub format: &'static str,
    /// The shape found.
    pub shape: Shape,
    /// The planner's revision found, if there is exactly one.
    pub revision: Option<String>,
    /// Whether it is about a database that the planner's own migration moved, to be taken over as it is.
    pub takeover: bool,
    /// Whether `migrate` would go ahead.
    pub ready: bool,
    /// SHA-256 over the data that the migration reads, the tables' definitions and the options.
    pub digest: Option<String>,
    /// The options.
    pub options: PlanOptions,
    /// What is odd, refused kinds first.
    pub anomalies: Vec<Anomaly>,
    /// What the role may not do.
    pub missing_privileges: Vec<String>,
    /// Things worth knowing about the tables that change nothing.
    pub notes: Vec<String>,
    /// Rows and events.
    pub counts: Counts,
    /// Budgets as the legacy rows have them.
    pub budgets_before: BudgetSums,
    /// Budgets as the new rows will have them.
    pub budgets_after: BudgetSums,
    /// What becomes of assignments' phases.
    pub assignments_by_date: ByDate,
    /// What each boundary between phases re-books; none where there is nothing to migrate, or phases have days already.
    pub boundary: Option<Boundaries>,
    /// Every project whose timeline does not come from its rows alone.
    pub projects: Vec<ProjectPlan>,
    /// What it will cost.
    pub estimate: Estimate,
}

impl Plan {
    /// Whether the database is in the wanted shape already.
    pub fn already_migrated(&self) -> bool {
        self.shape == Shape::Timelines && !self.takeover
    }

    /// A plan that says nothing yet.
    pub(crate) fn empty(found: &Found, options: &PlanOptions) -> Self {
        Self {
            format: "phaseline.plan/1",
            shape: found.shape,
            revision: found.revision().map(str::to_owned),
            takeover: false,
            ready: false,
            digest: None,
            options: options.clone(),
            anomalies: Vec::new(),
            missing_privileges: Vec::new(),
            notes: Vec::new(),
            counts: Counts::default(),
            budgets_before: BudgetSums::default(),
            budgets_after: BudgetSums::default(),
            assignments_by_date: ByDate::default(),
            boundary: None,
            projects: Vec::new(),
            estimate: Estimate::default(),
        }
    }
}

/// The plan with everything that a migration needs to carry it out.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub plan: Plan,
    pub translation: Translation,
    pub phases: TableDefinition,
    pub assignments: TableDefinition,
    pub log: FoldedLog,
    /// Each project's last version in the stream of its links.
    pub link_versions: HashMap<ProjectId, i64>,
    pub watch: Watch,
}

/// What comes out of looking at a database.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing can or need be done.
    Report(Box<Plan>),
    /// It can be migrated, or could if nothing were refused.
    Prepared(Box<Prepared>),
    /// Something else has migrated it, and it can be taken over.
    Takeover(Box<Takeover>),
}

/// Plans on a connection of the caller's, in a read-only snapshot of its own.
///
/// # Errors
/// The database's own, such as a table that the role may not read, or row security that would hide rows from it.
pub async fn plan(connection: &mut PgConnection, options: &PlanOptions) -> Result<Plan, MigratorError> {
    let mut transaction = session::read_only(connection).await?;
    let outcome = prepare(&mut transaction, options).await?;
    transaction.rollback().await?;
    Ok(match outcome {
        Outcome::Report(plan) => *plan,
        Outcome::Prepared(prepared) => prepared.plan,
        Outcome::Takeover(takeover) => takeover.plan,
    })
}

/// The schema in which tables are built before they take their place.
pub(crate) const SHADOW: &str = "phaseline_shadow";

/// The definition of the new `project_phases`, and what it leaves to the log.
pub(crate) fn new_phases(old: &TableDefinition) -> Result<(TableDefinition, Luggage), MigratorError> {
    let mut new = old.clone();
    let luggage = new.take_column("phase_type")?;
    new.add_column(ColumnDefinition::new("name", "character varying(100)", true));
    new.add_column(ColumnDefinition::new("start_date", "date", true));
    new.add_column(ColumnDefinition::new("end_date", "date", true));
    new.add_column(ColumnDefinition::new("description", "character varying(500)", false));
    new.add_index("ix_project_phases_start_date", &["start_date"]);
    new.add_index("ix_project_phases_end_date", &["end_date"]);
    new.add_check("check_phase_dates", "start_date <= end_date", &["start_date", "end_date"]);
    Ok((new, luggage))
}

/// Looks at the database inside the caller's transaction and snapshot.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    options: &PlanOptions,
) -> Result<Outcome, MigratorError> {
    let found = shape::find(connection).await?;
    let mut findings = Findings::default();
    let mut plan = Plan::empty(&found, options);
    if found.shape == Shape::Timelines && found.revision() == Some(shape::TIMELINE_REVISION) {
        let Some(foreign) = takeover::foreign(connection).await? else {
            plan.ready = true;
            return Ok(Outcome::Report(Box::new(plan)));
        };
        if options.adopt_migrated {
            return Ok(Outcome::Takeover(Box::new(
                takeover::prepare(connection, options, plan, &found).await?,
            )));
        }
        plan.takeover = true;
        findings.note(Code::MigratedByTheOriginal, "database", "public", foreign);
        plan.anomalies = findings.into_anomalies();
        return Ok(Outcome::Report(Box::new(plan)));
    }
    for foreign in foreign_code(connection, None, Access::Read).await? {
        findings.note(Code::Obstacle, "object", "code of others", foreign);
    }
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(Outcome::Report(Box::new(plan)));
    }
    check_structure(connection, &found, &mut findings).await?;
    if findings.refused() && (found.shape != Shape::Legacy || !readable(connection).await?) {
        plan.anomalies = findings.into_anomalies();
        return Ok(Outcome::Report(Box::new(plan)));
    }

    let watch = Watch::start(connection).await?;
    let phases = captured(connection, "project_phases").await?;
    let assignments = captured(connection, "resource_assignments").await?;
    hanging_things(connection, &mut findings, &mut plan).await?;
    trigger_notes(connection, &mut plan).await?;
    owner_notes(connection, &mut plan).await?;
    // These look for rows that are not there, and sort what they find.
    session::parallel(connection, 2).await?;
    orphans_of_foreign_keys(connection, [&phases, &assignments], &mut findings, &mut plan).await?;
    assignment_timestamps(connection, &mut findings).await?;
    session::parallel(connection, 0).await?;
    let percentages = Percentages::find(connection).await?;
    if percentages == Percentages::LeftOut {
        plan.notes.push(NO_PERCENTAGES.to_owned());
    }
    let tables = legacy::read(connection, percentages).await?;
    let (log, links, earlier) = earlier_log(connection, &mut findings).await?;
    let mut translation = translate(&tables, &log, &links, &earlier, options);
    let role = options.role.as_deref();
    plan.missing_privileges.extend(missing_beyond(connection, role, &[&phases, &assignments]).await?);
    plan.missing_privileges.extend(foreign_code(connection, role, Access::Build).await?);
    plan.missing_privileges.extend(
        definition::missing_privileges(connection, options.role.as_deref(), SHADOW, &[&phases, &assignments])
            .await?,
    );

    plan.digest = Some(digest(&tables, [&phases, &assignments], &found, options, &translation)?);
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
    plan.estimate = estimate(&plan.counts);
    findings.extend(std::mem::take(&mut translation.findings));
    let refused = findings.refused();
    plan.anomalies = findings.into_anomalies();
    plan.ready = !refused && plan.missing_privileges.is_empty();
    if !refused && plan.budgets_before != plan.budgets_after {
        return Err(MigratorError::SelfCheck("budgets before and after differ".to_owned()));
    }
    Ok(Outcome::Prepared(Box::new(Prepared {
        plan,
        translation,
        phases,
        assignments,
        log,
        link_versions: links.versions,
        watch,
    })))
}

const NO_PERCENTAGES: &str = "public.resource_assignments: allocation_percentage is missing, is no numeric, or may not be \
     read; person-days are not counted";

async fn captured(connection: &mut PgConnection, table: &str) -> Result<TableDefinition, MigratorError> {
    definition::capture(connection, "public", table)
        .await?
        .ok_or_else(|| MigratorError::WrongShape(format!("table public.{table} vanished meanwhile")))
}

/// What earlier migrations left in the log; nothing in a database that was never migrated.
async fn earlier_log(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(FoldedLog, FoldedLinks, Earlier), MigratorError> {
    let (mut log, mut links) = (FoldedLog::default(), FoldedLinks::default());
    if !phaseline_store::schema::installed(connection).await? {
        return Ok((log, links, Earlier::default()));
    }
    if !log_readable(connection).await? {
        findings.note(Code::LogUnreadable, "table", "phaseline.events", "SELECT is missing");
        return Ok((log, links, Earlier::default()));
    }
    log = FoldedLog::begin(connection).await?;
    let (mut inspector, mut unreadable) = (Inspector::default(), Quarantine::default());
    phaseline_store::read::scan(connection, None, |event| {
        inspector.see(event);
        log.apply(event);
        if let Err(found) = links.see(event, log.skips(event.position)) {
            unreadable.add(*found);
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    let (runs, unreadable_runs) = run::readable_runs(connection).await?;
    unreadable.extend(&log.unreadable());
    unreadable.extend(&unreadable_runs);
    findings.note_log(&inspector, &unreadable);
    let last = runs.into_iter().rfind(Run::completed);
    let earlier = last.map_or_else(Earlier::default, |run| Earlier { written: run.written });
    Ok((log, links, earlier))
}

/// Whether this role may read the log.
pub(crate) async fn log_readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT pg_catalog.has_schema_privilege('phaseline', 'USAGE')
            AND pg_catalog.has_table_privilege('phaseline.events'::regclass, 'SELECT')",
    )
    .fetch_one(connection)
    .await
}

/// What the plan stands for: the data that the migration reads, the tables' definitions, the revision, the options, and
/// the timelines that follow: those of the log may have been edited.
fn digest(
    tables: &LegacyTables,
    definitions: [&TableDefinition; 2],
    found: &Found,
    options: &PlanOptions,
    translation: &Translation,
) -> Result<String, serde_json::Error> {
    // A restored database has its indexes in another order, and is the same.
    let definitions = definitions.map(|definition| {
        let mut definition = definition.clone();
        definition.indexes.sort_by(|one, other| one.name.cmp(&other.name));
        definition
    });
    let mut hasher = Sha256::new();
    hasher.update(b"phaseline/plan/v1");
    hasher.update(tables.digest);
    for text in
        [serde_json::to_string(&definitions)?, serde_json::to_string(&found.revisions)?, options.to_digest()?]
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
        link_events: translation.links.iter().map(|project| links::event_count(project.links.len())).sum(),
        links: translation.links.iter().map(|project| project.links.len() as u64).sum(),
    }
}

/// Reckoned from runs over 10 000 projects and 1 000 000 assignments on two cores (`docs/performance.md`): 45 bytes a
/// link, 600 an event and 250 a row with indexes; a million rows are read, checked and written in about four seconds.
fn estimate(counts: &Counts) -> Estimate {
    let events = counts.timeline_events + counts.link_events;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let millions = (counts.assignments + counts.phases + events) as f64 / 1e6;
    Estimate {
        space_bytes: counts.links * 45 + events * 600 + counts.phases * 250,
        seconds: 0.3 + millions * 4.0,
        lock_seconds: 0.1 + millions * 0.3,
    }
}
