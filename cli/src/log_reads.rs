//! Reads of the log that several commands need.

use crate::as_of::AsOfArgs;
use crate::failure::Failure;
use crate::project::ProjectArg;
use phaseline_domain::{PhaseId, ProjectId, Rule};
use phaseline_projections::planner_view::{ProjectPresence, past_project_of, presence_of};
use phaseline_store::{RecordedTimeline, ResolvedMoment, StoreError, schema, stream};
use sqlx::{Connection, PgConnection};

/// Fails if there is no log yet.
pub(crate) async fn need_log(connection: &mut PgConnection) -> Result<(), Failure> {
    if schema::installed(connection).await? { Ok(()) } else { Err(StoreError::NotInstalled.into()) }
}

/// The moment up to which an existing log is read; none for now.
pub(crate) async fn moment(
    connection: &mut PgConnection,
    moment: &AsOfArgs,
) -> Result<Option<ResolvedMoment>, Failure> {
    need_log(connection).await?;
    moment.resolved(connection).await
}

/// A project's history up to a moment, with its unreadable events; fails without history.
pub(crate) async fn recorded(
    connection: &mut PgConnection,
    project: ProjectId,
    moment: &AsOfArgs,
) -> Result<(Option<ResolvedMoment>, Vec<RecordedTimeline>), Failure> {
    let resolved = self::moment(connection, moment).await?;
    let position = resolved.map(|moment| moment.position);
    let recorded = stream::whole_history(connection, project, position).await?;
    if !recorded.is_empty() {
        return Ok((resolved, recorded));
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
    without_timeline(connection, project).await
}

/// The failure with a way on, if it is the rule that a project must have a timeline; `given` is the project as the user gave it.
pub(crate) fn needs_timeline(failure: Failure, given: &ProjectArg) -> Failure {
    let rule = Rule::TimelineOpen.to_string();
    if failure.code() == "rule" && failure.message().contains(&format!("rule {rule}:")) {
        failure.remedy(format!("Run: phaseline timeline open {}", given.word()))
    } else {
        failure
    }
}

/// Whether the planner's tables have the project, or the log; a role without rights on the tables finds only the latter.
pub(crate) async fn is_project(connection: &mut PgConnection, project: ProjectId) -> Result<bool, Failure> {
    if presence(connection, project).await?.is_in_projects {
        return Ok(true);
    }
    Ok(!stream::projects_between(connection, [project.uuid(); 2]).await?.is_empty())
}

/// What the planner's tables have of a project; nothing for a role without rights on them.
async fn presence(connection: &mut PgConnection, project: ProjectId) -> Result<ProjectPresence, Failure> {
    // Behind a pooler, its error must not end the transaction.
    let mut attempt = connection.begin().await?;
    let presence = presence_of(&mut attempt, project).await;
    attempt.rollback().await?;
    match presence {
        Ok(presence) => Ok(presence),
        // The role may lack SELECT on the tables; the hint is optional.
        Err(sqlx::Error::Database(_)) => Ok(ProjectPresence::default()),
        Err(error) => Err(error.into()),
    }
}

/// The project of the phase with this id, if there is one; none in the legacy shape.
async fn project_of_phase(
    connection: &mut PgConnection,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Failure> {
    let mut attempt = connection.begin().await?;
    let found = past_project_of(&mut attempt, phase, |_| true).await;
    attempt.rollback().await?;
    Ok(found.ok().flatten())
}

/// The failure for a project without timeline: with rows of others, without, or unknown.
pub(crate) async fn without_timeline(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Failure, Failure> {
    let presence = presence(connection, project).await?;
    let no_timeline =
        || Failure::refused("no_timeline", format!("project {project} has no timeline in the log"));
    Ok(match (presence.is_in_projects, presence.has_phases) {
        (_, true) => no_timeline().remedy(format!(
            "Another program wrote its phases. To record them, run: phaseline adopt {project}"
        )),
        (true, false) => no_timeline().remedy(format!("Run: phaseline timeline open {project}")),
        (false, false) => match project_of_phase(connection, project.uuid().into()).await? {
            Some(holder) => {
                let message =
                    format!("{project} is the id of a phase of project {holder}, and no project has it");
                Failure::refused("not_found", message)
                    .remedy(format!("Run the same command with the project: {holder}"))
            }
            None => Failure::refused("not_found", format!("Project with ID {project} not found")),
        },
    })
}
