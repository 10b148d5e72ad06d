//! Missing privileges beyond those for the tables' definitions.

use crate::definition::TableDefinition;
use crate::error::MigratorError;
use sqlx::PgConnection;

/// The missing privileges beyond those for the tables' definitions: to lock all connected tables at the beginning (a later lock would make
/// readers wait), to install the log's schema, to write projects' dates.
pub(crate) async fn missing_run_privileges(
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
