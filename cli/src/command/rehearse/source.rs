//! The database to rehearse. Only this module and `pg_dump` read it.

use super::admin::Admin;
use super::roles;
use crate::command::rollback;
use crate::context::Context;
use crate::failure::Failure;
use crate::target::Target;
use phaseline_migrator::MigratorError;
use phaseline_migrator::log::events::Direction;
use phaseline_migrator::plan::{Plan, PlanOptions};
use phaseline_migrator::rollback::plan_watched as rollback_plan;
use serde_json::Value;
use sqlx::{Connection, FromRow, PgConnection};

/// Properties of the database for its copy.
#[derive(Debug)]
pub(super) struct RehearsalSource {
    pub(super) name: String,
    /// The server's major version.
    pub(super) server_version: u32,
    pub(super) bytes: u64,
    pub(super) first: Direction,
    /// The migration's plan; none if the database is migrated.
    pub(super) plan: Option<Plan>,
    /// Server processes of this program.
    pub(super) own: Vec<i32>,
    /// The log's roles that exist on the server.
    pub(super) roles: Vec<String>,
    pub(super) properties: DatabaseProperties,
}

/// Options for `CREATE DATABASE`.
#[derive(Debug, FromRow)]
pub(super) struct DatabaseProperties {
    /// Its row of `pg_database`; some column names depend on the server's version.
    row: Value,
    pub(super) owner: String,
    /// Whether this role can create and drop databases of this owner.
    pub(super) owner_fits: bool,
    encoding: String,
    tablespace: String,
    tablespace_fits: bool,
    bytes: i64,
    may_create: bool,
    me: String,
}

impl RehearsalSource {
    /// The space that the migration needs beyond the database's size.
    pub(super) fn migration_space(&self) -> Option<u64> {
        self.plan.as_ref().map(|plan| plan.estimate.space_bytes)
    }
}

impl DatabaseProperties {
    /// A text column of `pg_database`.
    fn text(&self, column: &str) -> Option<&str> {
        self.row.get(column).and_then(Value::as_str)
    }

    /// Its connection limit; none if unlimited.
    pub(super) fn connection_limit(&self) -> Option<i64> {
        self.row.get("datconnlimit").and_then(Value::as_i64).filter(|limit| *limit >= 0)
    }

    /// The tablespace, unless it is the default.
    pub(super) fn tablespace(&self) -> Option<(&str, bool)> {
        (self.tablespace != "pg_default").then_some((self.tablespace.as_str(), self.tablespace_fits))
    }

    /// Encoding and locale, as options of `CREATE DATABASE`.
    pub(super) fn locale(&self) -> String {
        use super::sql::literal;
        let mut options = format!(" ENCODING {}", literal(&self.encoding));
        let locale = self.text("datlocale").or_else(|| self.text("daticulocale"));
        let provider = match self.text("datlocprovider") {
            Some("i") => Some(("icu", "ICU_LOCALE")),
            Some("b") => Some(("builtin", "BUILTIN_LOCALE")),
            _ => None,
        };
        for (name, value) in [("LC_COLLATE", self.text("datcollate")), ("LC_CTYPE", self.text("datctype"))] {
            if let Some(value) = value {
                options.push_str(&format!(" {name} {}", literal(value)));
            }
        }
        match (provider, locale) {
            (Some((provider, name)), Some(locale)) => {
                options.push_str(&format!(" LOCALE_PROVIDER {provider} {name} {}", literal(locale)));
            }
            _ => options.push_str(" LOCALE_PROVIDER libc"),
        }
        if let Some(rules) = self.text("daticurules") {
            options.push_str(&format!(" ICU_RULES {}", literal(rules)));
        }
        options
    }
}

/// Inspects it, on connections that are closed afterwards.
///
/// # Errors
/// Fails as the real run would, before copying; also if the role may not create databases.
pub(super) async fn inspect(
    context: &Context,
    target: &Target,
    admin: &Admin,
    options: &PlanOptions,
) -> Result<RehearsalSource, Failure> {
    let mut connection = target.connect("rehearse").await?;
    let (name, version, process): (String, i32, i32) = sqlx::query_as(
        "SELECT current_database()::text, current_setting('server_version_num')::int4, pg_catalog.pg_backend_pid()",
    )
    .fetch_one(&mut connection)
    .await?;
    let mut other = admin.connect().await?;
    let properties = properties(&mut other, &name).await?;
    if !properties.may_create {
        return Err(Failure::refused(
            "missing_privilege",
            format!("role {} may not create databases, so there is nothing to rehearse on", properties.me),
        )
        .remedy(format!(
            "Grant it (ALTER ROLE {} CREATEDB), or rehearse as another role, or restore a backup on another server and \
             migrate there.",
            super::sql::identifier(&properties.me)
        )));
    }
    let roles = roles::present(&mut other).await?;
    let watcher = context.watcher();
    let plan = phaseline_migrator::plan::plan_watched(&mut connection, options, &watcher).await?;
    let (first, plan) = if plan.already_migrated() {
        let back = rollback_plan(&mut connection, &watcher).await?;
        if !back.ready {
            return Err(rollback::refused(back, None).into());
        }
        (Direction::Rollback, None)
    } else {
        (Direction::Migrate, Some(plan))
    };
    watcher.finish();
    // A template must have no connections.
    connection.close().await?;
    match plan {
        Some(plan) if !plan.ready => Err(MigratorError::Refused(Box::new(plan)).into()),
        plan => Ok(RehearsalSource {
            name,
            server_version: version.unsigned_abs() / 10_000,
            bytes: properties.bytes.unsigned_abs(),
            first,
            plan,
            own: vec![process],
            roles,
            properties,
        }),
    }
}

async fn properties(connection: &mut PgConnection, name: &str) -> Result<DatabaseProperties, Failure> {
    // Creating for another owner needs SET ROLE to it; dropping needs the owner's rights.
    Ok(sqlx::query_as(
        "SELECT to_jsonb(d) AS row, o.rolname::text AS owner,
                pg_has_role(d.datdba, 'USAGE') AND pg_has_role(d.datdba,
                    CASE WHEN current_setting('server_version_num')::int4 >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                    AS owner_fits,
                pg_encoding_to_char(d.encoding)::text AS encoding, t.spcname::text AS tablespace,
                has_tablespace_privilege(t.oid, 'CREATE') AS tablespace_fits, pg_database_size(d.oid) AS bytes,
                me.rolcreatedb OR me.rolsuper AS may_create, me.rolname::text AS me
           FROM pg_catalog.pg_database d
           JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
           JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
           JOIN pg_catalog.pg_roles me ON me.rolname = current_user
          WHERE d.datname = $1",
    )
    .bind(name)
    .fetch_one(connection)
    .await?)
}
