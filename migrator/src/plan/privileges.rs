//! Missing privileges beyond those for the tables' definitions.

use crate::definition::{self, MissingPrivilege, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::run::cut_over::SHADOW;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;

/// The missing privileges beyond those for the tables' definitions: to lock all connected tables at the beginning (a later lock would make
/// readers wait), to install the log's schema, to write projects' dates.
pub(crate) async fn missing_run_privileges(
    connection: &mut PgConnection,
    role: Option<&str>,
    tables: &[&TableDefinition],
) -> Result<Vec<MissingPrivilege>, MigratorError> {
    let own = ["projects", "alembic_version"]
        .map(|name| QualifiedName { schema: "public".to_owned(), name: name.to_owned() });
    let tied: BTreeSet<QualifiedName> =
        tables.iter().flat_map(|table| table.tied_tables()).chain(own).collect();
    let (schemas, names): (Vec<_>, Vec<_>) = tied.into_iter().map(|table| (table.schema, table.name)).unzip();
    let mut missing: Vec<MissingPrivilege> = sqlx::query_as(
        "SELECT pg_catalog.format('%I may not lock %I.%I with the tables', r.rolname, n.nspname, c.relname) AS reason,
                pg_catalog.format('GRANT UPDATE ON %I.%I TO %I', n.nspname, c.relname, r.rolname) AS statement
           FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])) t(schema, name)
           JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
           JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
           JOIN pg_catalog.pg_roles r ON r.rolname = coalesce($1, current_user)
          WHERE NOT pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE')
          ORDER BY 1",
    )
    .bind(role)
    .bind(schemas)
    .bind(names)
    .fetch_all(&mut *connection)
    .await?;
    // The functions that read and write a table run with its owner's rights.
    missing.extend(
        sqlx::query_as::<_, MissingPrivilege>(
            "SELECT pg_catalog.format('%I, the owner of table public.%I, does not see all its rows, since row security is \
                    forced on it', r.rolname, c.relname) AS reason,
                    pg_catalog.format('ALTER ROLE %I BYPASSRLS', r.rolname) AS statement
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
    missing.extend(
        sqlx::query_as::<_, MissingPrivilege>(
            "SELECT pg_catalog.format('%I does not have the rights of %I, which owns the log', r.rolname, o.rolname) AS reason,
                    pg_catalog.format('GRANT %I TO %I%s', o.rolname, r.rolname,
                        CASE WHEN current_setting('server_version_num')::int4 >= 160000 THEN ' WITH INHERIT TRUE' END) AS statement
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
               JOIN pg_catalog.pg_roles r ON r.rolname = coalesce($1, current_user)
              WHERE n.nspname = 'phaseline' AND c.relname = 'events' AND NOT pg_catalog.pg_has_role(r.oid, o.oid, 'USAGE')",
        )
        .bind(role)
        .fetch_all(connection)
        .await?,
    );
    Ok(missing)
}

/// What the role lacks for the steps after a migration. A migration runs without it.
pub(crate) async fn missing_service_privileges(
    connection: &mut PgConnection,
    role: Option<&str>,
) -> Result<Vec<MissingPrivilege>, MigratorError> {
    Ok(sqlx::query_as(include_str!("service_privileges.sql")).bind(role).fetch_all(connection).await?)
}

/// The privileges that the current role lacks.
#[derive(Debug, Default)]
pub struct MissingGrants {
    /// To migrate and to roll back.
    pub for_runs: Vec<MissingPrivilege>,
    /// For the steps beside these runs: to rehearse, to serve.
    pub for_other_steps: Vec<MissingPrivilege>,
}

/// Finds them in a transaction that is rolled back, for a database in either shape.
pub async fn missing_grants(connection: &mut PgConnection) -> Result<MissingGrants, MigratorError> {
    let mut transaction = connection.begin().await?;
    let mut tables = Vec::new();
    for table in ["project_phases", "resource_assignments"] {
        tables.extend(definition::capture(&mut transaction, "public", table).await?);
    }
    let tables: Vec<_> = tables.iter().collect();
    let mut for_runs = definition::missing_privileges(&mut transaction, None, SHADOW, &tables).await?;
    for_runs.extend(missing_run_privileges(&mut transaction, None, &tables).await?);
    let for_other_steps = missing_service_privileges(&mut transaction, None).await?;
    transaction.rollback().await?;
    Ok(MissingGrants { for_runs, for_other_steps })
}
