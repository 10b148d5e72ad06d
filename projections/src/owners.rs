//! The owners in schema `phaseline`: roles with no more privileges than its functions need. See `docs/security.md`.

use crate::excess_rights::refuse_excess_rights;
use crate::foreign_code::foreign_code_of_owner;
use crate::powerful::is_powerful;
use phaseline_store::StoreError;
use sqlx::{FromRow, PgConnection};
use std::fmt;

/// Something in schema `phaseline` that does not belong to whom it should.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Misowned {
    /// `FUNCTION`, `TABLE`, `VIEW` or `SCHEMA`.
    pub kind: String,
    /// What it is, as SQL.
    pub object: String,
    /// Whom it belongs to.
    pub owner: String,
    /// Whom it should belong to.
    pub wanted: String,
    /// Whether the current role may give it to that one.
    pub may_give: bool,
}

impl fmt::Display for Misowned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, object, owner, wanted, .. } = self;
        write!(f, "{} {object} belongs to {owner}, not to {wanted}", kind.to_lowercase())
    }
}

/// All of them. Asks the catalogue only.
pub async fn misowned(connection: &mut PgConnection) -> Result<Vec<Misowned>, StoreError> {
    Ok(sqlx::query_as(include_str!("../sql/owned.sql")).fetch_all(connection).await?)
}

/// One of the planner's tables, or schema `phaseline`, and whom it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Owner {
    /// What it is, as SQL; the schema as `schema phaseline`, also before it is there.
    pub object: String,
    /// Whom it belongs to, or will.
    pub owner: String,
    /// Whether that is a superuser.
    pub is_superuser: bool,
    /// Whether it will own it, when it is made.
    pub will_own: bool,
}

/// Who owns what, and what of that is dangerous.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Each of the planner's tables that is there, and the log.
    pub owners: Vec<Owner>,
    /// What gives a role the rights of another when commands write, one sentence each with the remedy.
    pub dangers: Vec<String>,
    /// What would give the rights of a superuser to another role as soon as there is a log: not to be migrated like that.
    pub refused: Vec<String>,
}

impl fmt::Display for Ownership {
    /// The owners in one line: `planner owns public.project_phases, public.projects; planner will own schema phaseline`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<((&str, bool), Vec<&str>)> = Vec::new();
        for Owner { object, owner, will_own, .. } in &self.owners {
            match lines.iter_mut().find(|(line, _)| *line == (owner.as_str(), *will_own)) {
                Some((_, objects)) => objects.push(object),
                None => lines.push(((owner, *will_own), vec![object])),
            }
        }
        for (index, ((role, will_own), objects)) in lines.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let is_superuser = self.owners.iter().any(|owner| owner.owner == *role && owner.is_superuser);
            let superuser = if is_superuser { " (a superuser)" } else { "" };
            let verb = if *will_own { "will own" } else { "owns" };
            write!(f, "{separator}{role}{superuser} {verb} {}", objects.join(", "))?;
        }
        Ok(())
    }
}

/// Who owns the planner's tables and the log, and what is dangerous about it. Asks the catalogue only.
pub async fn ownership(connection: &mut PgConnection) -> Result<Ownership, StoreError> {
    let owners: Vec<Owner> =
        sqlx::query_as(include_str!("../sql/owners.sql")).fetch_all(&mut *connection).await?;
    let dangers =
        include_str!("../sql/owners_dangers.sql").replace("{is_powerful}", &is_powerful("t.owner_oid"));
    let found: Vec<(String, bool)> = sqlx::query_as(&dangers).fetch_all(&mut *connection).await?;
    let mut refused: Vec<String> =
        found.iter().filter(|(_, refused)| *refused).map(|(danger, _)| danger.clone()).collect();
    let mut dangers: Vec<String> = found.into_iter().map(|(danger, _)| danger).collect();
    let mut seen: Vec<&str> = Vec::new();
    for Owner { owner, is_superuser, .. } in owners.iter().filter(|owner| owner.object != LOG) {
        if !seen.contains(&owner.as_str()) {
            seen.push(owner);
            let found = foreign_code_of_owner(connection, owner).await?;
            if *is_superuser {
                refused.extend(found.clone());
            }
            dangers.extend(found);
        }
    }
    match refuse_excess_rights(connection).await {
        Err(StoreError::ExcessRights(found)) => dangers.push(found.to_string()),
        other => other?,
    }
    Ok(Ownership { owners, dangers, refused })
}

/// How `owners.sql` calls the log.
const LOG: &str = "schema phaseline";

/// Gives everything to whom it should belong, as far as the current role may, and lets the owners of functions call what these call.
/// What is right already is not touched, nor locked.
pub(crate) async fn set(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql(include_str!("../sql/callers.sql")).execute(&mut *connection).await?;
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut changed = false;
    for Misowned { kind, object, wanted, .. } in
        misowned(connection).await?.into_iter().filter(|thing| thing.may_give)
    {
        changed = true;
        let wanted = quoted(&wanted);
        // A new owner must be able to create there when it gets something.
        if kind != "SCHEMA" {
            let grant = format!("GRANT CREATE ON SCHEMA phaseline TO {wanted}");
            sqlx::raw_sql(&grant).execute(&mut *connection).await?;
        }
        sqlx::raw_sql(&format!("ALTER {kind} {object} OWNER TO {wanted}")).execute(&mut *connection).await?;
    }
    if changed {
        // What a role could use as an owner it needs as a privilege now.
        sqlx::raw_sql(include_str!("../sql/callers.sql")).execute(&mut *connection).await?;
    }
    let creators: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.pg_get_userbyid(a.grantee)::text
           FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
          WHERE n.nspname = 'phaseline' AND a.privilege_type = 'CREATE' AND a.grantee NOT IN (0, n.nspowner)",
    )
    .fetch_all(&mut *connection)
    .await?;
    for role in creators {
        let revoke = format!("REVOKE CREATE ON SCHEMA phaseline FROM {}", quoted(&role));
        sqlx::raw_sql(&revoke).execute(&mut *connection).await?;
    }
    Ok(())
}
