//! Assignment counts on given dates.

use super::assignment_days::assignment_days;
use phaseline_domain::{DateRange, ProjectId};
use phaseline_store::{Parameter, Sessions, SqlState, Statement};
use std::collections::BTreeSet;

/// Dates of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatesOfProject {
    /// The project.
    pub project: ProjectId,
    /// The dates.
    pub dates: DateRange,
}

/// The number of a project's assignments on its dates, for each element.
pub async fn assignment_counts(
    sessions: &Sessions,
    wanted: &[DatesOfProject],
) -> Result<Vec<i64>, sqlx::Error> {
    match counted(sessions, wanted).await {
        // The program that installed the log does not have the function, and the log was not upgraded since.
        Err(error) if SqlState::of(&error) == Some(SqlState::UndefinedFunction) => {
            counted_by_day(sessions, wanted).await
        }
        counted => counted,
    }
}

async fn counted(sessions: &Sessions, wanted: &[DatesOfProject]) -> Result<Vec<i64>, sqlx::Error> {
    let projects = wanted.iter().map(|one| one.project.uuid()).collect();
    let first = wanted.iter().map(|one| Some(one.dates.start())).collect();
    let last = wanted.iter().map(|one| Some(one.dates.end())).collect();
    let parameters =
        [Parameter::Uuids(projects), Parameter::Dates(Some(first)), Parameter::Dates(Some(last))];
    let statement = Statement::new("SELECT phaseline.assignment_counts($1, $2, $3)", parameters);
    let rows = sessions.execute(&statement).await?;
    let counts: Vec<i64> = rows.first().map_or(Ok(Vec::new()), |row| sqlx::Row::try_get(row, 0))?;
    if counts.len() == wanted.len() {
        return Ok(counts);
    }
    let wrong = format!("phaseline.assignment_counts returned {} counts for {}", counts.len(), wanted.len());
    Err(sqlx::Error::Decode(wrong.into()))
}

async fn counted_by_day(sessions: &Sessions, wanted: &[DatesOfProject]) -> Result<Vec<i64>, sqlx::Error> {
    let projects: BTreeSet<ProjectId> = wanted.iter().map(|one| one.project).collect();
    let projects: Vec<ProjectId> = projects.into_iter().collect();
    let days = assignment_days(sessions, &projects).await?;
    let count = |one: &DatesOfProject| {
        days.get(&one.project).map_or(0, |days| days.within(one.dates.start(), one.dates.end()))
    };
    Ok(wanted.iter().map(count).collect())
}
