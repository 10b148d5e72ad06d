//! Checks dependents of the tables, names that the new tables need, and owners.

use super::structure::PHASE_COLUMNS;
use crate::anomaly::{Code, Findings};
use crate::definition::{self, NeededName, RebuiltTable, TableDefinition};
use crate::error::MigratorError;
use crate::report::Plan;
use crate::run::cut_over::SHADOW;
use sqlx::PgConnection;

/// The tables for the checks of definitions: each is built again in one direction or the other.
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

/// Notes obstacles to building `tables` again, whose definitions are `current`, and names that the run needs and other objects have.
pub(crate) async fn note_obstacles(
    connection: &mut PgConnection,
    tables: &[RebuiltTable<'_>],
    current: [&TableDefinition; 2],
    needed: &[NeededName],
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for obstacle in definition::obstacles(connection, tables, &current).await? {
        let place =
            if obstacle.table.is_empty() { String::new() } else { format!("on {}: ", obstacle.table) };
        let detail = format!("{place}{}; {}", obstacle.reason, obstacle.remedy);
        findings.note(Code::Obstacle, "object", obstacle.object, detail);
    }
    for taken in definition::names_taken(connection, needed).await? {
        findings.note(Code::Obstacle, "name", taken.object, format!("{}; {}", taken.reason, taken.remedy));
    }
    Ok(())
}

/// Notes dependents of the tables, and obstacles to the new ones.
pub(super) async fn note_dependents(
    connection: &mut PgConnection,
    current: [&TableDefinition; 2],
    findings: &mut Findings,
    plan: &mut Plan,
) -> Result<(), MigratorError> {
    let needed = [
        NeededName::Schema(SHADOW.to_owned()),
        NeededName::relation("public", "ix_project_phases_start_date"),
        NeededName::relation("public", "ix_project_phases_end_date"),
        NeededName::constraint("public", "project_phases", "check_phase_dates"),
        NeededName::not_null("public", "project_phases", "name"),
        NeededName::not_null("public", "project_phases", "start_date"),
        NeededName::not_null("public", "project_phases", "end_date"),
    ];
    note_obstacles(connection, &REBUILT, current, &needed, findings).await?;
    note_intruders(connection, findings).await?;
    note_revision_guards(connection, findings).await?;
    let notes = definition::notes(connection, &REBUILT).await?;
    plan.notes =
        notes.into_iter().map(|note| format!("{}: {} ({})", note.table, note.object, note.text)).collect();
    Ok(())
}

/// Notes objects in schema `phaseline` that must not be trusted.
pub(crate) async fn note_intruders(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for intruder in phaseline_store::schema::intruders(connection).await? {
        let detail = format!("{intruder}; drop or rename it, or give it to the database's owner");
        findings.note(Code::Obstacle, "object", "schema phaseline", detail);
    }
    Ok(())
}

/// Notes triggers, rules and row security on `alembic_version`, which may swallow the change of the revision.
async fn note_revision_guards(
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

/// Notes triggers that will behave differently once Phaseline writes the rows.
pub(super) async fn note_triggers(
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

/// Notes the owners of the tables and of the log, and their dangers. A danger that gives a superuser's rights to another role counts as
/// a missing privilege, so that the plan is not ready.
pub(crate) async fn note_owners(connection: &mut PgConnection, plan: &mut Plan) -> Result<(), MigratorError> {
    let ownership = phaseline_projections::ownership(connection).await?;
    plan.notes.push(format!("Owners: {ownership}"));
    plan.notes.extend(ownership.dangers.iter().map(|danger| format!("Dangerous: {danger}")));
    plan.missing_privileges.extend(ownership.refused);
    Ok(())
}
