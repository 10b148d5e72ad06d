//! The plan: what a migration would find and do. Reads only; the database itself enforces that.

use crate::anomaly::{Anomaly, Code, Findings};
use crate::definition::{self, ColumnDefinition, Luggage, NeededName, RebuiltTable, TableDefinition};
use crate::error::MigratorError;
use crate::legacy::LegacyTables;
use crate::links::FoldedLinks;
use crate::shape::{self, Found, LEGACY_REVISION, Shape};
use crate::translate::{BudgetSums, ByDate, Translation, translate};
use crate::watch::Watch;
use crate::{legacy, links, session};
use phaseline_projections::FoldedLog;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// What a migration can be asked to do differently. Part of the plan's digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanOptions {
    /// The role whose privileges are checked; the connected one if none. Not part of the digest.
    #[serde(skip)]
    pub role: Option<String>,
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
    /// What it will cost.
    pub estimate: Estimate,
}

impl Plan {
    /// Whether the database is in the wanted shape already.
    pub fn already_migrated(&self) -> bool {
        self.shape == Shape::Timelines
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
    pub watch: Watch,
}

/// What comes out of looking at a database.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing can or need be done.
    Report(Box<Plan>),
    /// It can be migrated, or could if nothing were refused.
    Prepared(Box<Prepared>),
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

const PHASE_COLUMNS: [&str; 8] =
    ["project_id", "phase_type", "capital_budget", "expense_budget", "total_budget", "id", "created_at", "updated_at"];

/// Looks at the database inside the caller's transaction and snapshot.
pub(crate) async fn prepare(connection: &mut PgConnection, options: &PlanOptions) -> Result<Outcome, MigratorError> {
    let found = shape::find(connection).await?;
    let mut findings = Findings::default();
    let mut plan = Plan {
        format: "phaseline.plan/1",
        shape: found.shape,
        revision: found.revision().map(str::to_owned),
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
        estimate: Estimate::default(),
    };
    if found.shape == Shape::Timelines && found.revision() == Some(shape::TIMELINE_REVISION) {
        plan.ready = true;
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
    orphans_of_foreign_keys(connection, [&phases, &assignments], &mut findings, &mut plan).await?;
    assignment_timestamps(connection, &mut findings).await?;
    let tables = legacy::read(connection).await?;
    let (log, links) = earlier_log(connection, &mut findings).await?;
    let watch = watch.with_counts(&tables);
    let mut translation = translate(&tables, &log, &links);
    plan.missing_privileges.extend(
        definition::missing_privileges(connection, options.role.as_deref(), SHADOW, &[&phases, &assignments]).await?,
    );

    plan.digest = Some(digest(&tables, [&phases, &assignments], &found, options)?);
    plan.counts = counts(&tables, &translation);
    plan.budgets_before = translation.before;
    plan.budgets_after = translation.after;
    plan.assignments_by_date = translation.by_date;
    plan.estimate = estimate(&plan.counts);
    findings.extend(std::mem::take(&mut translation.findings));
    let refused = findings.refused();
    plan.anomalies = findings.into_anomalies();
    plan.ready = !refused && plan.missing_privileges.is_empty();
    if !refused && plan.budgets_before != plan.budgets_after {
        return Err(MigratorError::SelfCheck("budgets before and after differ".to_owned()));
    }
    Ok(Outcome::Prepared(Box::new(Prepared { plan, translation, phases, assignments, log, watch })))
}

async fn captured(connection: &mut PgConnection, table: &str) -> Result<TableDefinition, MigratorError> {
    definition::capture(connection, "public", table)
        .await?
        .ok_or_else(|| MigratorError::WrongShape(format!("table public.{table} vanished meanwhile")))
}

/// Whether all columns that the plan reads are there with types that it can read.
async fn readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let problems = column_problems(connection).await?;
    Ok(!problems.iter().any(|(_, _, detail)| detail.contains("is missing") || detail.contains("is of type")))
}

/// Columns that are not as the planner has them: table, column, what is wrong.
async fn column_problems(connection: &mut PgConnection) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    let expected: [(&str, &[(&str, &str)]); 4] = [
        ("projects", &[("id", "uuid"), ("start_date", "date"), ("end_date", "date")]),
        (
            "project_phases",
            &[
                ("project_id", "uuid"),
                ("phase_type", "public.phasetype"),
                ("capital_budget", "numeric(15,2)"),
                ("expense_budget", "numeric(15,2)"),
                ("total_budget", "numeric(15,2)"),
                ("id", "uuid"),
                ("created_at", "timestamp without time zone"),
                ("updated_at", "timestamp without time zone"),
            ],
        ),
        (
            "resource_assignments",
            &[
                ("resource_id", "uuid"),
                ("project_id", "uuid"),
                ("project_phase_id", "uuid"),
                ("assignment_date", "date"),
                ("id", "uuid"),
                ("created_at", "timestamp without time zone"),
                ("updated_at", "timestamp without time zone"),
            ],
        ),
        ("alembic_version", &[("version_num", "character varying(32)")]),
    ];
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
                EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                           AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
            AND c.relname = ANY ($1)",
    )
    .bind(shape::TABLES.map(String::from).to_vec())
    .fetch_all(connection)
    .await?;
    let mut problems = Vec::new();
    for (table, wanted) in expected {
        for (column, data_type) in wanted {
            let found = columns.iter().find(|(t, c, ..)| t == table && c == column);
            match found {
                None => problems.push((table.to_owned(), (*column).to_owned(), "is missing".to_owned())),
                Some((.., found_type, _)) if found_type != data_type => problems.push((
                    table.to_owned(),
                    (*column).to_owned(),
                    format!("is of type {found_type}, the planner's is {data_type}"),
                )),
                Some((.., unique)) if *column == "id" && !unique => {
                    problems.push((table.to_owned(), (*column).to_owned(), "has no primary key".to_owned()));
                }
                Some(_) => {}
            }
        }
    }
    for (table, column, ..) in &columns {
        if table == "project_phases" && !PHASE_COLUMNS.contains(&column.as_str()) {
            problems.push((table.clone(), column.clone(), "is not the planner's".to_owned()));
        }
    }
    Ok(problems)
}

async fn check_structure(
    connection: &mut PgConnection,
    found: &Found,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for table in &found.missing {
        let code = if found.missing.len() == shape::TABLES.len() { Code::NoPlannerTables } else { Code::NotThePlanners };
        findings.note(code, "table", format!("public.{table}"), "does not exist, or is no ordinary table");
    }
    if found.missing.len() == shape::TABLES.len() {
        return Ok(());
    }
    if found.revision() != Some(LEGACY_REVISION) {
        let holds = match found.revisions.as_slice() {
            [] => "no revision".to_owned(),
            revisions => revisions.join(", "),
        };
        let detail = format!("holds {holds}; it must be {LEGACY_REVISION}");
        findings.note(Code::WrongRevision, "alembic_version", "version_num", detail);
    }
    if found.shape == Shape::Timelines {
        return Ok(());
    }
    for (table, column, detail) in column_problems(connection).await? {
        if !found.missing.contains(&table) {
            findings.note(Code::NotThePlanners, "column", format!("public.{table}.{column}"), detail);
        }
    }
    let labels: Vec<String> = sqlx::query_scalar(
        "SELECT e.enumlabel::text FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
          WHERE t.typnamespace = 'public'::regnamespace AND t.typname = 'phasetype' ORDER BY e.enumsortorder",
    )
    .fetch_all(connection)
    .await?;
    if labels != phaseline_domain::legacy::LegacyPhaseType::LABELS {
        let detail = format!("has the labels ({}), the planner's are (PLANNING, EXECUTION)", labels.join(", "));
        findings.note(Code::NotThePlanners, "type", "public.phasetype", detail);
    }
    Ok(())
}

/// The tables as the definitions' checks look at them: each is built anew in one direction or the other.
pub(crate) const REBUILT: [RebuiltTable<'static>; 2] = [
    RebuiltTable {
        schema: "public",
        table: "project_phases",
        going_columns: &["phase_type"],
        expected_columns: Some(&PHASE_COLUMNS),
        rebuilt: true,
    },
    RebuiltTable {
        schema: "public",
        table: "resource_assignments",
        going_columns: &["project_phase_id"],
        expected_columns: None,
        rebuilt: true,
    },
];

async fn hanging_things(
    connection: &mut PgConnection,
    findings: &mut Findings,
    plan: &mut Plan,
) -> Result<(), MigratorError> {
    for obstacle in definition::obstacles(connection, &REBUILT).await? {
        let place = if obstacle.table.is_empty() { String::new() } else { format!("on {}: ", obstacle.table) };
        let detail = format!("{place}{}; {}", obstacle.reason, obstacle.remedy);
        findings.note(Code::Obstacle, "object", obstacle.object, detail);
    }
    let needed = [
        NeededName::Schema(SHADOW.to_owned()),
        NeededName::relation("public", "ix_project_phases_start_date"),
        NeededName::relation("public", "ix_project_phases_end_date"),
        NeededName::constraint("public", "project_phases", "check_phase_dates"),
    ];
    for taken in definition::names_taken(connection, &needed).await? {
        findings.note(Code::Obstacle, "name", taken.object, format!("{}; {}", taken.reason, taken.remedy));
    }
    let notes = definition::notes(connection, &REBUILT).await?;
    plan.notes = notes.into_iter().map(|note| format!("{}: {} ({})", note.table, note.object, note.text)).collect();
    Ok(())
}

/// The foreign keys whose orphans the translation finds by itself.
const TRANSLATED_KEYS: [(&str, &str); 3] = [
    ("project_phases", "project_id"),
    ("resource_assignments", "project_id"),
    ("resource_assignments", "project_phase_id"),
];

/// Rows that break a foreign key which has to be made again, and would then fail: a key is checked when it is made,
/// unless it is NOT VALID.
async fn orphans_of_foreign_keys(
    connection: &mut PgConnection,
    tables: [&TableDefinition; 2],
    findings: &mut Findings,
    plan: &mut Plan,
) -> Result<(), MigratorError> {
    let mut seen = Vec::new();
    for key in tables.iter().flat_map(|table| table.foreign_keys.iter().chain(&table.incoming_foreign_keys)) {
        let translated = key.table.schema == "public"
            && key.columns.len() == 1
            && TRANSLATED_KEYS.contains(&(key.table.name.as_str(), key.columns[0].as_str()));
        if translated || key.definition.ends_with(" NOT VALID") || seen.contains(&(&key.table, &key.name)) {
            continue;
        }
        seen.push((&key.table, &key.name));
        let readable: bool = sqlx::query_scalar(
            "SELECT pg_catalog.has_table_privilege($1, 'SELECT') AND pg_catalog.has_table_privilege($2, 'SELECT')",
        )
        .bind(key.table.to_sql())
        .bind(key.references.to_sql())
        .fetch_one(&mut *connection)
        .await?;
        if !readable {
            plan.missing_privileges.push(format!(
                "SELECT on {} and {}: foreign key {} cannot be checked for orphans",
                key.table.to_sql(),
                key.references.to_sql(),
                key.name
            ));
            continue;
        }
        let quoted: Vec<String> = key.columns.iter().map(|column| definition::quote_ident(column)).collect();
        let equal: Vec<String> = quoted
            .iter()
            .zip(&key.referenced_columns)
            .map(|(column, referenced)| format!("r.{} = t.{column}", definition::quote_ident(referenced)))
            .collect();
        let present: Vec<String> = quoted.iter().map(|column| format!("t.{column} IS NOT NULL")).collect();
        let values: Vec<String> = quoted.iter().map(|column| format!("t.{column}::text")).collect();
        let orphans: Vec<(String, String)> = sqlx::query_as(&format!(
            "SELECT coalesce(pg_catalog.to_jsonb(t) ->> 'id', t.ctid::text), pg_catalog.concat_ws(', ', {})
               FROM {} t WHERE {} AND NOT EXISTS (SELECT FROM {} r WHERE {}) ORDER BY t.ctid",
            values.join(", "),
            key.table.to_sql(),
            present.join(" AND "),
            key.references.to_sql(),
            equal.join(" AND "),
        ))
        .fetch_all(&mut *connection)
        .await?;
        for (id, target) in orphans {
            let detail = format!("points at {} {target}, which does not exist ({})", key.references.name, key.name);
            findings.note(Code::ForeignKeyOrphan, &key.table.name, id, detail);
        }
    }
    Ok(())
}

/// Time stamps of assignments stay in their table and are not translated, but the planner cannot read these.
async fn assignment_timestamps(connection: &mut PgConnection, findings: &mut Findings) -> Result<(), MigratorError> {
    for column in ["created_at", "updated_at"] {
        let bad: Vec<(uuid::Uuid, Option<String>)> = sqlx::query_as(&format!(
            "SELECT id, {column}::text FROM public.resource_assignments
              WHERE ({column} >= '0001-01-01' AND {column} < '10000-01-01') IS NOT TRUE ORDER BY ctid"
        ))
        .fetch_all(&mut *connection)
        .await?;
        for (id, value) in bad {
            let code = if value.is_none() { Code::AssignmentNull } else { Code::AssignmentTimestamp };
            let detail = format!("{column} is {}", value.as_deref().unwrap_or("NULL"));
            findings.note(code, "resource_assignments", id, detail);
        }
    }
    Ok(())
}

/// What earlier migrations left in the log; nothing in a database that was never migrated.
async fn earlier_log(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(FoldedLog, FoldedLinks), MigratorError> {
    let (mut log, mut links) = (FoldedLog::default(), FoldedLinks::default());
    if !phaseline_store::schema::installed(connection).await? {
        return Ok((log, links));
    }
    let readable: bool = sqlx::query_scalar(
        "SELECT pg_catalog.has_schema_privilege('phaseline', 'USAGE')
            AND pg_catalog.has_table_privilege('phaseline.events'::regclass, 'SELECT')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !readable {
        findings.note(Code::LogUnreadable, "table", "phaseline.events", "SELECT is missing");
        return Ok((log, links));
    }
    phaseline_store::read::scan(connection, None, |event| {
        log.see(event)?;
        links.see(event)
    })
    .await?;
    Ok((log, links))
}

/// What the plan stands for: the data that the migration reads, the tables' definitions, the revision, the options.
fn digest(
    tables: &LegacyTables,
    definitions: [&TableDefinition; 2],
    found: &Found,
    options: &PlanOptions,
) -> Result<String, serde_json::Error> {
    let mut hasher = Sha256::new();
    hasher.update(b"phaseline/plan/v1");
    hasher.update(tables.digest);
    for text in [
        serde_json::to_string(&definitions)?,
        serde_json::to_string(&found.revisions)?,
        serde_json::to_string(options)?,
    ] {
        hasher.update(Sha256::digest(text.as_bytes()));
    }
    Ok(format!("sha256:{}", phaseline_store::hash::hex(&hasher.finalize())))
}

fn counts(tables: &LegacyTables, translation: &Translation) -> Counts {
    Counts {
        projects: tables.projects.len() as u64,
        phases: tables.phases.len() as u64,
        assignments: tables.assignments.len() as u64,
        timelines_opened: translation.projects.iter().filter(|project| project.version == 0).count() as u64,
        timelines_continued: translation.continued,
        timeline_events: translation.projects.iter().map(|project| project.events.len() as u64).sum(),
        link_events: translation.links.iter().map(|(.., links)| links::event_count(links.len())).sum(),
        links: translation.links.iter().map(|(.., links)| links.len() as u64).sum(),
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
