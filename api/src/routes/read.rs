//! What the database says of projects, phases and assignments. The service has no rights on the planner's tables: it asks
//! the functions that say what it may know.

use super::phase::PhaseBody;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Problem, unavailable};
use crate::work::{LARGE, aside_if};
use chrono::NaiveDate;
use phaseline_domain::{DateRange, PhaseId, ProjectId};
use phaseline_store::StoreError;
use phaseline_store::stream::holders;
use serde::Deserialize;
use sqlx::PgPool;
use std::collections::HashMap;
use uuid::Uuid;

/// A project as it stands at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// The project.
    pub(crate) project: ProjectId,
    /// Its stream's version; 0 if the log does not know it.
    pub(crate) version: i64,
    /// The position of its last event; 0 if there is none.
    pub(crate) position: i64,
    /// Its days as they stand in the planner's table, first and last.
    pub(crate) dates: [Option<String>; 2],
    /// Its phases by start date.
    pub(crate) phases: Vec<PhaseBody>,
}

impl Standing {
    /// The phase of that id.
    pub(crate) fn phase(&self, id: PhaseId) -> Option<&PhaseBody> {
        self.phases.iter().find(|phase| phase.id == id)
    }

    /// The project's days, if they are days.
    pub(crate) fn range(&self) -> Option<DateRange> {
        let [start, end] = &self.dates;
        let parse = |text: &Option<String>| text.as_deref()?.parse::<NaiveDate>().ok();
        DateRange::new(parse(start)?, parse(end)?).ok()
    }
}

/// A project with its phases, in one round trip; none if there is no such project.
pub(crate) async fn standing(app: &App, project: ProjectId) -> Result<Option<Standing>, Box<Problem>> {
    #[derive(Deserialize)]
    struct Said {
        version: i64,
        position: i64,
        dates: Option<[Option<String>; 2]>,
        rows: Vec<super::phase::Row>,
    }
    let said: Option<String> = sqlx::query_scalar("SELECT phaseline.phases_of($1)::text")
        .bind(project.uuid())
        .fetch_one(&app.pool)
        .await
        .map_err(problem)?;
    let Some(said) = said else { return Err(Box::new(Problem::of_store(&StoreError::NotAccepting))) };
    let read = aside_if(said.len() > LARGE, move || {
        let said: Said = serde_json::from_str(&said)?;
        let (version, position) = (said.version, said.position);
        Ok::<_, serde_json::Error>(said.dates.map(|dates| Standing {
            project,
            version,
            position,
            dates,
            phases: said.rows.into_iter().map(|row| PhaseBody::of_row(row, version)).collect(),
        }))
    });
    read.await?.map_err(|error| {
        tracing::error!(%error, %project, "what phaseline.phases_of said");
        Box::new(crate::problem::internal())
    })
}

/// The project of a phase that stands in the table, if the caller may see it. A phase that is not there and one that is hidden
/// take the same way, so that the time tells no more than the answer.
pub(crate) async fn project_of(
    app: &App,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    let may_see = |project: &ProjectId| caller.may_see(*project);
    if let Some(remembered) = app.store.remembered_project_of(phase).filter(may_see) {
        return Ok(Some(remembered));
    }
    Ok(recorded_project_of(app, phase).await?.filter(may_see))
}

/// The project of a phase that stands in the table.
async fn recorded_project_of(app: &App, phase: PhaseId) -> Result<Option<ProjectId>, Box<Problem>> {
    let project: Option<Uuid> = sqlx::query_scalar("SELECT phaseline.project_of($1)")
        .bind(phase.uuid())
        .fetch_one(&app.pool)
        .await
        .map_err(problem)?;
    Ok(project.map(ProjectId::from))
}

/// The project of a phase that is there, or was, if the caller may see it; as [`project_of`].
pub(crate) async fn past_project_of(
    app: &App,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    if let Some(project) = project_of(app, caller, phase).await? {
        return Ok(Some(project));
    }
    let mut connection = app.pool.acquire().await.map_err(problem)?;
    let holders = holders(&mut connection, &[phase]).await.map_err(|error| Problem::of_store(&error))?;
    Ok(holders.into_iter().find(|project| caller.may_see(*project)))
}

/// The project of a phase with all that stands there; none if there is no such phase, or the caller may not see its project.
/// What is remembered of phases that were removed is found out here.
pub(crate) async fn standing_of_phase(
    app: &App,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<Standing>, Box<Problem>> {
    let remembered = app.store.remembered_project_of(phase);
    if let Some(project) = remembered.filter(|project| caller.may_see(*project)) {
        let found = standing(app, project).await?.filter(|found| found.phase(phase).is_some());
        if found.is_some() {
            return Ok(found);
        }
    }
    match recorded_project_of(app, phase).await? {
        Some(project) if caller.may_see(project) => {
            Ok(standing(app, project).await?.filter(|found| found.phase(phase).is_some()))
        }
        _ => Ok(None),
    }
}

/// How many assignments a project has on each day.
#[derive(Clone, Debug, Default)]
pub(crate) struct AssignmentDays {
    /// Days that have any, by day, with how many there are up to and on that day.
    days: Vec<(NaiveDate, i64)>,
    /// How many there are on days that are no days of the calendar, such as `infinity`.
    odd: i64,
}

impl AssignmentDays {
    fn of(counts: impl IntoIterator<Item = (Option<NaiveDate>, i64)>) -> Self {
        let mut told = Self::default();
        let mut sum = 0;
        for (day, count) in counts {
            match day {
                Some(day) => {
                    sum += count;
                    told.days.push((day, sum));
                }
                None => told.odd += count,
            }
        }
        told
    }

    /// How many there are on these days, both ends included.
    pub(crate) fn within(&self, first: NaiveDate, last: NaiveDate) -> i64 {
        let up_to =
            |end: usize| end.checked_sub(1).and_then(|at| self.days.get(at)).map_or(0, |(_, sum)| *sum);
        let before = self.days.partition_point(|(day, _)| *day < first);
        let until = self.days.partition_point(|(day, _)| *day <= last);
        if until <= before { 0 } else { up_to(until) - up_to(before) }
    }

    /// How many there are at all.
    pub(crate) fn total(&self) -> i64 {
        self.days.last().map_or(0, |(_, sum)| *sum) + self.odd
    }

    /// How many there are on no day of the calendar.
    pub(crate) const fn odd(&self) -> i64 {
        self.odd
    }

    /// Each day with how many there are on it.
    pub(crate) fn each(&self) -> impl Iterator<Item = (NaiveDate, i64)> + '_ {
        let mut before = 0;
        self.days.iter().map(move |(day, sum)| {
            let count = sum - before;
            before = *sum;
            (*day, count)
        })
    }
}

/// How many assignments a project has on each day. Requests that come together are answered by one query.
pub(crate) async fn assignment_days(app: &App, project: ProjectId) -> Result<AssignmentDays, Box<Problem>> {
    app.counting.of(&app.pool, project).await
}

/// The same of several projects; those that have none are left out.
pub(super) async fn assignment_days_of(
    pool: &PgPool,
    projects: &[ProjectId],
) -> Result<HashMap<ProjectId, AssignmentDays>, Box<Problem>> {
    let ids: Vec<Uuid> = projects.iter().map(|project| project.uuid()).collect();
    let days: Vec<(Uuid, Option<String>, i64)> = sqlx::query_as(
        "SELECT d.project, to_json(d.day) #>> '{}', d.assignments FROM phaseline.assignment_days($1) d",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(problem)?;
    let mut counted: HashMap<ProjectId, Vec<(Option<NaiveDate>, i64)>> = HashMap::new();
    for (project, day, count) in days {
        let day = day.and_then(|day| day.parse().ok());
        counted.entry(project.into()).or_default().push((day, count));
    }
    Ok(counted.into_iter().map(|(project, counts)| (project, AssignmentDays::of(counts))).collect())
}

/// The problem that an error of these functions is: one that is not there is of a newer schema than the database has.
pub(crate) fn problem(error: sqlx::Error) -> Box<Problem> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    Box::new(match code.as_deref() {
        Some("42883") => unavailable(
            "older_schema",
            "Older schema",
            "the database's schema phaseline is older than this service; after `phaseline upgrade` it answers",
        ),
        _ => Problem::of_sqlx(&error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_counted_by_day_with_both_ends() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = AssignmentDays::of([
            (Some(day("2024-01-01")), 2),
            (Some(day("2024-01-03")), 5),
            (Some(day("2024-01-09")), 1),
            (None, 4),
        ]);
        for (first, last, count) in [
            ("2024-01-01", "2024-01-03", 7),
            ("2024-01-02", "2024-01-02", 0),
            ("2024-01-03", "2024-01-09", 6),
            ("2024-01-10", "2024-02-01", 0),
            ("2024-01-09", "2024-01-01", 0),
        ] {
            assert_eq!(days.within(day(first), day(last)), count, "{first} to {last}");
        }
        assert_eq!((days.total(), days.odd()), (12, 4));
        assert_eq!(days.each().map(|(_, count)| count).collect::<Vec<_>>(), [2, 5, 1]);
    }
}
