//! Checks whether the tables are the planner's.

use crate::anomaly::{Code, Findings};
use crate::error::MigratorError;
use crate::shape::{self, FoundShape, LEGACY_REVISION, Shape};
use phaseline_domain::legacy::LegacyPhaseType;
use sqlx::PgConnection;

pub(super) const PHASE_COLUMNS: [&str; 8] = [
    "project_id",
    "phase_type",
    "capital_budget",
    "expense_budget",
    "total_budget",
    "id",
    "created_at",
    "updated_at",
];

/// The labels of the enum `phasetype`, in order; none if there is no such type.
pub(crate) async fn phase_type_labels(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT e.enumlabel::text FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
          WHERE t.typnamespace = 'public'::regnamespace AND t.typname = 'phasetype' ORDER BY e.enumsortorder",
    )
    .fetch_all(connection)
    .await
}

/// Whether all columns that the plan reads exist, with types that it can read.
pub(super) async fn readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let problems = column_problems(connection).await?;
    Ok(!problems
        .iter()
        .any(|found| matches!(found.problem, ColumnFault::Missing | ColumnFault::OtherType { .. })))
}

/// A column that differs from the planner's.
struct ColumnProblem {
    table: String,
    column: String,
    problem: ColumnFault,
}

enum ColumnFault {
    Missing,
    OtherType { found: String, expected: &'static str, is_text: bool },
    NoPrimaryKey,
    Unknown,
}

impl ColumnFault {
    /// Whether the column holds text instead.
    const fn is_text(&self) -> bool {
        matches!(self, Self::OtherType { is_text: true, .. })
    }
}

impl std::fmt::Display for ColumnFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::OtherType { found, expected, .. } => {
                write!(f, "is of type {found}, the planner's is {expected}")
            }
            Self::NoPrimaryKey => f.write_str("has no primary key"),
            Self::Unknown => f.write_str("is not the planner's"),
        }
    }
}

/// A column of the planner's tables in the catalogue.
#[derive(sqlx::FromRow)]
struct ColumnFound {
    table: String,
    column: String,
    data_type: String,
    is_text: bool,
    /// Whether a unique index has it alone.
    is_unique: bool,
}

async fn column_problems(connection: &mut PgConnection) -> Result<Vec<ColumnProblem>, sqlx::Error> {
    let expected: [(&str, &[(&str, &'static str)]); 4] = [
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
    let columns: Vec<ColumnFound> = sqlx::query_as(
        "SELECT c.relname::text AS table, a.attname::text AS column,
                pg_catalog.format_type(a.atttypid, a.atttypmod) AS data_type,
                a.atttypid IN ('pg_catalog.text'::regtype, 'pg_catalog.varchar'::regtype) AS is_text,
                EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                           AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
            AND c.relname = ANY ($1)",
    )
    .bind(shape::TABLES.map(String::from).to_vec())
    .fetch_all(connection)
    .await?;
    let mut problems = Vec::new();
    let mut add = |table: &str, column: &str, problem| {
        problems.push(ColumnProblem { table: table.to_owned(), column: column.to_owned(), problem });
    };
    for (table, wanted) in expected {
        for (column, data_type) in wanted {
            let found = columns.iter().find(|found| found.table == table && found.column == *column);
            match found {
                None => add(table, column, ColumnFault::Missing),
                Some(ColumnFound { data_type: found, is_text, .. }) if found != data_type => {
                    let (found, is_text) = (found.clone(), *is_text);
                    add(table, column, ColumnFault::OtherType { found, expected: data_type, is_text });
                }
                Some(found) if *column == "id" && !found.is_unique => {
                    add(table, column, ColumnFault::NoPrimaryKey)
                }
                Some(_) => {}
            }
        }
    }
    for ColumnFound { table, column, .. } in &columns {
        if table == "project_phases" && !PHASE_COLUMNS.contains(&column.as_str()) {
            add(table, column, ColumnFault::Unknown);
        }
    }
    Ok(problems)
}

pub(super) async fn check_structure(
    connection: &mut PgConnection,
    found: &FoundShape,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let elsewhere = tables_elsewhere(connection, &found.missing).await?;
    for table in &found.missing {
        let code = if found.missing.len() == shape::TABLES.len() {
            Code::NoPlannerTables
        } else {
            Code::NotThePlanners
        };
        let mut detail = "does not exist, or is not an ordinary table".to_owned();
        let schemas: Vec<&str> =
            elsewhere.iter().filter(|(name, _)| name == table).map(|(_, schema)| schema.as_str()).collect();
        if !schemas.is_empty() {
            detail += &format!(
                "; there is one in schema {}, but the planner's tables must be in schema public (ALTER TABLE .. SET SCHEMA public)",
                schemas.join(", ")
            );
        }
        findings.note(code, "table", format!("public.{table}"), detail);
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
    for ColumnProblem { table, column, problem } in column_problems(connection).await? {
        if column == "phase_type" && problem.is_text() {
            note_text_type(connection, &problem, findings).await?;
        } else if !found.missing.contains(&table) {
            let column = format!("public.{table}.{column}");
            findings.note(Code::NotThePlanners, "column", column, problem.to_string());
        }
    }
    note_phase_type(connection, findings).await
}

/// Tables of these names in other schemas of users, with the schema, quoted.
async fn tables_elsewhere(
    connection: &mut PgConnection,
    missing: &[String],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT c.relname::text, pg_catalog.quote_ident(n.nspname)
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'r' AND c.relname = ANY ($1) AND c.relpersistence <> 't'
            AND n.nspname NOT IN ('public', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
          ORDER BY 1, 2",
    )
    .bind(missing)
    .fetch_all(connection)
    .await
}

/// Notes that `phase_type` is text, with the number of rows whose text is not a label of the enum: these must be corrected first.
async fn note_text_type(
    connection: &mut PgConnection,
    problem: &ColumnFault,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let wrong: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM public.project_phases WHERE phase_type::pg_catalog.text <> ALL ($1)",
    )
    .bind(LegacyPhaseType::LABELS.map(String::from).to_vec())
    .fetch_one(connection)
    .await?;
    let mut detail = problem.to_string();
    if wrong > 0 {
        detail.push_str(&format!("; first correct {wrong} rows, which have neither PLANNING nor EXECUTION"));
    }
    findings.note(Code::PhaseTypeIsText, "column", "public.project_phases.phase_type", detail);
    Ok(())
}

/// Notes an enum `phasetype` that is not the planner's.
pub(crate) async fn note_phase_type(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let labels = phase_type_labels(connection).await?;
    if labels != LegacyPhaseType::LABELS {
        let detail =
            format!("has the labels ({}), the planner's are (PLANNING, EXECUTION)", labels.join(", "));
        findings.note(Code::NotThePlanners, "type", "public.phasetype", detail);
    }
    Ok(())
}
