//! Whether the tables are the planner's, and what hangs on them.

use super::{Plan, SHADOW};
use crate::anomaly::{Code, Findings};
use crate::definition::{self, NeededName, RebuiltTable, TableDefinition};
use crate::error::MigratorError;
use crate::shape::{self, Found, LEGACY_REVISION, Shape};
use sqlx::PgConnection;

const PHASE_COLUMNS: [&str; 8] = [
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

/// Whether all columns that the plan reads are there with types that it can read.
pub(super) async fn readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let problems = column_problems(connection).await?;
    Ok(!problems.iter().any(|(_, _, detail)| detail.contains("is missing") || detail.contains("is of type")))
}

/// Columns that are not as the planner has them: table, column, what is wrong.
async fn column_problems(
    connection: &mut PgConnection,
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
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

pub(super) async fn check_structure(
    connection: &mut PgConnection,
    found: &Found,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for table in &found.missing {
        let code = if found.missing.len() == shape::TABLES.len() {
            Code::NoPlannerTables
        } else {
            Code::NotThePlanners
        };
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
    let labels = phase_type_labels(connection).await?;
    if labels != phaseline_domain::legacy::LegacyPhaseType::LABELS {
        let detail =
            format!("has the labels ({}), the planner's are (PLANNING, EXECUTION)", labels.join(", "));
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

pub(super) async fn hanging_things(
    connection: &mut PgConnection,
    findings: &mut Findings,
    plan: &mut Plan,
) -> Result<(), MigratorError> {
    for obstacle in definition::obstacles(connection, &REBUILT).await? {
        let place =
            if obstacle.table.is_empty() { String::new() } else { format!("on {}: ", obstacle.table) };
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
    own_schema(connection, findings).await?;
    revision_guards(connection, findings).await?;
    let notes = definition::notes(connection, &REBUILT).await?;
    plan.notes =
        notes.into_iter().map(|note| format!("{}: {} ({})", note.table, note.object, note.text)).collect();
    Ok(())
}

/// Things in schema `phaseline` that the log may not live with.
pub(crate) async fn own_schema(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for intruder in phaseline_store::schema::intruders(connection).await? {
        let detail = format!("{intruder}; drop or rename it, or give it to the database's owner");
        findings.note(Code::Obstacle, "object", "schema phaseline", detail);
    }
    Ok(())
}

/// Triggers and rules on `alembic_version` that may swallow the change of the revision, and row triggers on
/// `project_phases`, which will run on every command from then on.
async fn revision_guards(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let guards: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.format('trigger %I on table public.alembic_version', t.tgname) FROM pg_catalog.pg_trigger t
          WHERE t.tgrelid = 'public.alembic_version'::regclass AND NOT t.tgisinternal AND t.tgenabled <> 'D'
         UNION ALL
         SELECT pg_catalog.format('rule %I on table public.alembic_version', r.rulename) FROM pg_catalog.pg_rewrite r
          WHERE r.ev_class = 'public.alembic_version'::regclass
         UNION ALL
         SELECT 'row security on table public.alembic_version' FROM pg_catalog.pg_class c
          WHERE c.oid = 'public.alembic_version'::regclass AND c.relforcerowsecurity
         ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    for guard in guards {
        let detail = "the planner's revision is changed there, and this may keep it from changing; drop it, and create it \
                      again afterwards";
        findings.note(Code::Obstacle, "object", guard, detail);
    }
    Ok(())
}

/// What hangs on the tables and will behave differently once Phaseline writes the rows.
pub(super) async fn trigger_notes(
    connection: &mut PgConnection,
    plan: &mut Plan,
) -> Result<(), MigratorError> {
    let triggers: Vec<String> = sqlx::query_scalar(
        "SELECT t.tgname::text FROM pg_catalog.pg_trigger t
          WHERE t.tgrelid = 'public.project_phases'::regclass AND NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    plan.notes.extend(triggers.into_iter().map(|name| {
        format!(
            "public.project_phases: trigger {name} (it will run when Phaseline writes rows: if it changes them, they drift \
             from the log; names in its function must be written with their schema)"
        )
    }));
    Ok(())
}

/// Notes who owns the tables and the log, and what is dangerous about it. What would give a superuser's rights to another role is
/// missing, so that the plan is not ready.
pub(crate) async fn owner_notes(connection: &mut PgConnection, plan: &mut Plan) -> Result<(), MigratorError> {
    let ownership = phaseline_projections::ownership(connection).await?;
    plan.notes.push(format!("Owners: {ownership}"));
    plan.notes.extend(ownership.dangers.iter().map(|danger| format!("Dangerous: {danger}")));
    plan.missing_privileges.extend(ownership.refused);
    Ok(())
}

/// What the role lacks beyond what the tables' definitions ask for: to lock all that hangs together up front (a lock
/// that is taken later would make readers wait), to keep the log's schema, to write projects' dates.
pub(crate) async fn missing_beyond(
    connection: &mut PgConnection,
    role: Option<&str>,
    tables: &[&TableDefinition],
) -> Result<Vec<String>, MigratorError> {
    let mut missing = Vec::new();
    let mut names: Vec<String> =
        tables.iter().flat_map(|table| table.tied_tables()).map(|table| table.to_sql()).collect();
    names.extend(["public.projects".to_owned(), "public.alembic_version".to_owned()]);
    names = names.into_iter().map(|name| name.replace('"', "")).collect();
    names.sort();
    names.dedup();
    for name in names {
        let may: bool = sqlx::query_scalar(
            "SELECT coalesce(pg_catalog.has_table_privilege(coalesce($1, current_user), c.oid, 'UPDATE'), true)
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname || '.' || c.relname = $2",
        )
        .bind(role)
        .bind(&name)
        .fetch_optional(&mut *connection)
        .await?
        .unwrap_or(true);
        if !may {
            missing
                .push(format!("UPDATE on {name}, to lock it with the tables (GRANT UPDATE ON {name} TO ..)"));
        }
    }
    // The functions that read and write a table run with its owner's rights.
    missing.extend(
        sqlx::query_scalar::<_, String>(
            "SELECT pg_catalog.format('%I, the owner of table public.%I, does not see all its rows, since row security is \
                    forced on it: ALTER ROLE %1$I BYPASSRLS', r.rolname, c.relname)
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
              WHERE n.nspname = 'public' AND c.relname IN ('projects', 'project_phases', 'resource_assignments')
                AND c.relrowsecurity AND c.relforcerowsecurity AND NOT (r.rolsuper OR r.rolbypassrls)
              ORDER BY 1",
        )
        .fetch_all(&mut *connection)
        .await?,
    );
    let owner: Option<String> = sqlx::query_scalar(
        "SELECT pg_catalog.pg_get_userbyid(c.relowner)::text
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'phaseline' AND c.relname = 'events'
            AND NOT pg_catalog.pg_has_role(coalesce($1, current_user), c.relowner, 'USAGE')",
    )
    .bind(role)
    .fetch_optional(connection)
    .await?;
    if let Some(owner) = owner {
        missing.push(format!("membership in {owner}, which owns the log (GRANT {owner} TO ..)"));
    }
    Ok(missing)
}

/// The foreign keys whose orphans the translation finds by itself.
const TRANSLATED_KEYS: [(&str, &str); 3] = [
    ("project_phases", "project_id"),
    ("resource_assignments", "project_id"),
    ("resource_assignments", "project_phase_id"),
];

/// Rows that break a foreign key which has to be made again, and would then fail: a key is checked when it is made,
/// unless it is NOT VALID.
pub(super) async fn orphans_of_foreign_keys(
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
            let detail =
                format!("points at {} {target}, which does not exist ({})", key.references.name, key.name);
            findings.note(Code::ForeignKeyOrphan, &key.table.name, id, detail);
        }
    }
    Ok(())
}

/// An assignment, and of each of its times whether it is bad and what it says.
type BadTimes = (uuid::Uuid, bool, Option<String>, bool, Option<String>);

/// Time stamps of assignments stay in their table and are not translated, but the planner cannot read these.
pub(super) async fn assignment_timestamps(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    let bad_in =
        |column: &str| format!("({column} >= '0001-01-01' AND {column} < '10000-01-01') IS NOT TRUE");
    let bad: Vec<BadTimes> = sqlx::query_as(&format!(
        "SELECT id, {created}, created_at::text, {updated}, updated_at::text FROM public.resource_assignments
          WHERE {created} OR {updated} ORDER BY ctid",
        created = bad_in("created_at"),
        updated = bad_in("updated_at"),
    ))
    .fetch_all(&mut *connection)
    .await?;
    for (id, bad_created, created_at, bad_updated, updated_at) in bad {
        let both = [("created_at", bad_created, created_at), ("updated_at", bad_updated, updated_at)];
        for (column, _, value) in both.into_iter().filter(|(_, bad, _)| *bad) {
            let code = if value.is_none() { Code::AssignmentNull } else { Code::AssignmentTimestamp };
            let detail = format!("{column} is {}", value.as_deref().unwrap_or("NULL"));
            findings.note(code, "resource_assignments", id, detail);
        }
    }
    Ok(())
}
