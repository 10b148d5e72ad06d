//! Reads the planner's users for a service: by functions of schema `phaseline`, since its role has no rights on the table.

use crate::planner_view::may_call;
use phaseline_store::{Parameter, Sessions, Statement};
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use uuid::Uuid;

/// A row of `public.users`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PlannerUser {
    /// The user's name.
    pub name: String,
    /// Whether the user may use the planner.
    pub is_active: bool,
}

/// Why users cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct UsersObstacle {
    /// The reason, with the remedy.
    text: String,
    /// Whether the table is the reason, and not the function that reads it.
    pub is_in_table: bool,
}

impl fmt::Display for UsersObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The user of this id, if there is one.
///
/// # Errors
/// The database's own; if there is an [`obstacle`], SQLSTATE `42P01`, `42703`, `42883` or `42501`.
pub async fn find(sessions: &Sessions, id: Uuid) -> Result<Option<PlannerUser>, sqlx::Error> {
    let statement = Statement::new("SELECT phaseline.planner_user($1)", [Parameter::Uuid(id)]);
    let rows = sessions.execute(&statement).await?;
    let user: Option<Json<PlannerUser>> = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
    Ok(user.map(|user| user.0))
}

/// The present names of actors who are users.
#[derive(Clone, Debug, Default)]
pub struct UserNames(HashMap<String, String>);

impl UserNames {
    /// Reads the names of those of these actors that are ids of users; nothing for a session that may not read them.
    ///
    /// # Errors
    /// The database's own.
    pub async fn of<'a>(
        connection: &mut PgConnection,
        actors: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, sqlx::Error> {
        let id_of = |actor: &str| Uuid::parse_str(actor).ok().filter(|id| id.to_string() == actor);
        let ids: BTreeSet<Uuid> = actors.into_iter().filter_map(id_of).collect();
        if ids.is_empty() || !may_call(connection, "user_names").await? {
            return Ok(Self::default());
        }
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let found: Vec<(Uuid, String)> =
            sqlx::query_as("SELECT f.id, f.name FROM phaseline.user_names($1) f")
                .bind(ids)
                .fetch_all(connection)
                .await?;
        Ok(Self(found.into_iter().map(|(id, name)| (id.to_string(), name)).collect()))
    }

    /// Sets the name of an actor, unless it has one.
    pub fn complete(&self, actor: Option<&str>, name: &mut Option<String>) {
        if name.is_none() {
            *name = actor.and_then(|actor| self.0.get(actor)).cloned();
        }
    }
}

/// Why users cannot be read; none if they can. Reads the catalogue only.
pub async fn obstacle(connection: &mut PgConnection) -> Result<Option<UsersObstacle>, sqlx::Error> {
    sqlx::query_as(include_str!("../sql/users_obstacle.sql")).fetch_optional(connection).await
}
