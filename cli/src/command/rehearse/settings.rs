//! Copies what `CREATE DATABASE` leaves out: grants on the database, and settings by `ALTER DATABASE … SET`.

use super::sql::{identifier, literal};
use crate::failure::Failure;
use sqlx::{Connection, PgConnection};

/// Copies the grants on the database, but not CONNECT: other roles cannot connect. Returns the grants that failed.
pub(super) async fn grants(
    connection: &mut PgConnection,
    source: &str,
    copy: &str,
) -> Result<Vec<String>, Failure> {
    let grants: Vec<String> = sqlx::query_scalar(
        "SELECT g.statement FROM (
             SELECT 1 AS turn, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $2::text) AS statement
               FROM pg_catalog.pg_database d WHERE d.datname = $1 AND d.datacl IS NOT NULL
             UNION ALL
             SELECT 2, format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, $2::text,
                       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)::text) END,
                       CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
               FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a
              WHERE d.datname = $1 AND a.privilege_type <> 'CONNECT' AND a.grantee <> d.datdba) g
          ORDER BY g.turn, g.statement",
    )
    .bind(source)
    .bind(copy)
    .fetch_all(&mut *connection)
    .await?;
    let mut notes = Vec::new();
    for grant in grants {
        if let Err(error) = sqlx::raw_sql(&grant).execute(&mut *connection).await {
            notes.push(format!("not on the copy: {grant} ({})", Failure::from(error).message()));
        }
    }
    Ok(notes)
}

/// Copies the database's settings, for all roles and for single ones. Returns the settings that failed.
pub(super) async fn copy(
    connection: &mut PgConnection,
    source: &str,
    copy: &str,
) -> Result<Vec<String>, Failure> {
    let settings: Vec<(Option<String>, String)> = sqlx::query_as(
        "SELECT r.rolname::text, unnest(s.setconfig)
           FROM pg_catalog.pg_db_role_setting s
           JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
           LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
          WHERE d.datname = $1 AND (s.setrole = 0 OR r.oid IS NOT NULL)",
    )
    .bind(source)
    .fetch_all(&mut *connection)
    .await?;
    let mut notes = Vec::new();
    for (role, setting) in settings {
        let Some((name, value)) = setting.split_once('=') else { continue };
        let copy = identifier(copy);
        let whose = match &role {
            Some(role) => format!("ALTER ROLE {} IN DATABASE {copy}", identifier(role)),
            None => format!("ALTER DATABASE {copy}"),
        };
        if let Err(error) = set(connection, &whose, name, value).await {
            let of = role.map_or_else(String::new, |role| format!(" of role {role:?}"));
            notes.push(format!(
                "the database's setting {setting:?}{of} is not on the copy: {}",
                Failure::from(error).message()
            ));
        }
    }
    Ok(notes)
}

/// Some values are lists with quoted parts; `FROM CURRENT` copies the value as the server parsed it.
async fn set(connection: &mut PgConnection, whose: &str, name: &str, value: &str) -> Result<(), sqlx::Error> {
    let parts: Vec<String> = name.split('.').map(identifier).collect();
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(&format!("SELECT set_config({}, {}, true)", literal(name), literal(value)))
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(&format!("{whose} SET {} FROM CURRENT", parts.join(".")))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
