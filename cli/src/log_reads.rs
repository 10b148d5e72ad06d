//! Reads of the log that several commands need.

use crate::as_of::AsOfArgs;
use crate::failure::Failure;
use phaseline_domain::ProjectId;
use phaseline_projections::planner_view::{ProjectPresence, presence_of};
use phaseline_store::{RecordedTimeline, StoreError, schema, stream};
use sqlx::{Connection, PgConnection};

/// Fails if there is no log yet.
pub(crate) async fn need_log(connection: &mut PgConnection) -> Result<(), Failure> {
    if schema::installed(connection).await? { Ok(()) } else { Err(StoreError::NotInstalled.into()) }
}

/// The position up to which an existing log is read.
pub(crate) async fn moment(connection: &mut PgConnection, moment: &AsOfArgs) -> Result<Option<i64>, Failure> {
    need_log(connection).await?;
    moment.position(connection).await
}

/// A project's history up to a moment, with its unreadable events; fails without history.
pub(crate) async fn recorded(
    connection: &mut PgConnection,
    project: ProjectId,
    moment: &AsOfArgs,
) -> Result<(Option<i64>, Vec<RecordedTimeline>), Failure> {
    let position = self::moment(connection, moment).await?;
    let recorded = stream::whole_history(connection, project, position).await?;
    if !recorded.is_empty() {
        return Ok((position, recorded));
    }
    Err(absent(connection, project, position, moment).await?)
}

/// The failure for a missing history.
pub(crate) async fn absent(
    connection: &mut PgConnection,
    project: ProjectId,
    position: Option<i64>,
    moment: &AsOfArgs,
) -> Result<Failure, Failure> {
    if position.is_some() && !stream::whole_history(connection, project, None).await?.is_empty() {
        let message = format!("the log has no event of project {project}{}", moment.words());
        return Ok(Failure::refused("not_found", message));
    }
    unknown(connection, project).await
}

/// The failure for a project without timeline: with rows of others, without, or unknown.
async fn unknown(connection: &mut PgConnection, project: ProjectId) -> Result<Failure, Failure> {
    // Behind a pooler, its error must not end the transaction.
    let mut attempt = connection.begin().await?;
    let presence = presence_of(&mut attempt, project).await;
    attempt.rollback().await?;
    let presence = match presence {
        Ok(presence) => presence,
        // The role may lack SELECT on the tables; the hint is optional.
        Err(sqlx::Error::Database(_)) => ProjectPresence::default(),
        Err(error) => return Err(error.into()),
    };
    let no_timeline =
        || Failure::refused("no_timeline", format!("project {project} has no timeline in the log"));
    Ok(match (presence.is_in_projects, presence.has_phases) {
        (_, true) => no_timeline().remedy(format!(
            "Another program wrote its phases. To record them, run: phaseline adopt {project}"
        )),
        (true, false) => no_timeline().remedy(format!("Run: phaseline timeline open {project}")),
        (false, false) => Failure::refused("not_found", format!("Project with ID {project} not found")),
    })
}
