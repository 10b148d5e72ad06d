//! Reads the planner's users for a service: by a function of schema `phaseline`, since its role has no rights on the table.

use phaseline_store::{Parameter, Sessions, Statement};
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row};
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

/// Why users cannot be read; none if they can. Reads the catalogue only.
pub async fn obstacle(connection: &mut PgConnection) -> Result<Option<UsersObstacle>, sqlx::Error> {
    sqlx::query_as(include_str!("../sql/users_obstacle.sql")).fetch_optional(connection).await
}
