//! The owners in schema `phaseline`: roles with no more privileges than its functions need. See `docs/security.md`.

use crate::excess_rights::refuse_excess_rights;
use crate::foreign_code::foreign_code_of_owner;
use crate::powerful::is_powerful;
use phaseline_store::StoreError;
use sqlx::{FromRow, PgConnection};
use std::collections::BTreeSet;
use std::fmt;

/// An object in schema `phaseline` with another owner than it should have.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct WrongOwner {
    /// `FUNCTION`, `TABLE`, `VIEW` or `SCHEMA`.
    pub kind: String,
    /// The object, as SQL.
    pub object: String,
    /// Its owner.
    pub owner: String,
    /// The owner that it should have.
    pub wanted: String,
    /// Whether the current role may change the owner.
    pub may_give: bool,
}

impl fmt::Display for WrongOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, object, owner, wanted, .. } = self;
        write!(f, "{} {object} belongs to {owner}, not to {wanted}", kind.to_lowercase())
    }
}

/// All such objects. Reads the catalogue only.
pub async fn wrong_owners(connection: &mut PgConnection) -> Result<Vec<WrongOwner>, StoreError> {
    Ok(sqlx::query_as(include_str!("../sql/owned.sql")).fetch_all(connection).await?)
}

/// One of the planner's tables, or schema `phaseline`, and its owner.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Owner {
    /// The object, as SQL; the schema as `schema phaseline`, even before it exists.
    pub object: String,
    /// Its current or future owner.
    pub owner: String,
    /// Whether the owner is a superuser.
    pub is_superuser: bool,
    /// Whether the object does not exist yet, and will have this owner.
    pub will_own: bool,
}

/// The owners, and the dangers of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Each existing table of the planner, and the log.
    pub owners: Vec<Owner>,
    /// Dangers when commands write: a role gets the rights of another one. One sentence each, with the remedy.
    pub dangers: Vec<String>,
    /// Dangers that prevent a migration: with a log another role would get the rights of a superuser.
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

/// The owners of the planner's tables and of the log, and the dangers of these. Reads the catalogue only.
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

/// The name of the log in the result of `owners.sql`.
const LOG: &str = "schema phaseline";

/// Changes wrong owners, as far as the current role may, and grants the owners of functions the calls that these need. Objects with the
/// right owner are neither changed nor locked.
pub(crate) async fn set(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql(include_str!("../sql/callers.sql")).execute(&mut *connection).await?;
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    // A new owner of an object needs CREATE on the schema. All in one message: a new log has two dozen objects.
    let (mut grants, mut changes) = (BTreeSet::new(), Vec::new());
    for WrongOwner { kind, object, wanted, .. } in
        wrong_owners(connection).await?.into_iter().filter(|thing| thing.may_give)
    {
        let wanted = quoted(&wanted);
        if kind != "SCHEMA" {
            grants.insert(format!("GRANT CREATE ON SCHEMA phaseline TO {wanted}"));
        }
        changes.push(format!("ALTER {kind} {object} OWNER TO {wanted}"));
    }
    if !changes.is_empty() {
        let statements: Vec<String> = grants.into_iter().chain(changes).collect();
        sqlx::raw_sql(&statements.join("; ")).execute(&mut *connection).await?;
        // A former owner needs its implicit rights as privileges now.
        sqlx::raw_sql(include_str!("../sql/callers.sql")).execute(&mut *connection).await?;
    }
    let creators: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.pg_get_userbyid(a.grantee)::text
           FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
          WHERE n.nspname = 'phaseline' AND a.privilege_type = 'CREATE' AND a.grantee NOT IN (0, n.nspowner)",
    )
    .fetch_all(&mut *connection)
    .await?;
    if !creators.is_empty() {
        let roles: Vec<String> = creators.iter().map(|role| quoted(role)).collect();
        let revoke = format!("REVOKE CREATE ON SCHEMA phaseline FROM {}", roles.join(", "));
        sqlx::raw_sql(&revoke).execute(&mut *connection).await?;
    }
    Ok(())
}
