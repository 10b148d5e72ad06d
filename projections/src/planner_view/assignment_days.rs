//! Assignment counts per day.

use chrono::NaiveDate;
use phaseline_domain::ProjectId;
use phaseline_store::{Parameter, Sessions, Statement};
use sqlx::FromRow;
use std::collections::HashMap;
use uuid::Uuid;

/// The number of a project's assignments on each day.
#[derive(Clone, Debug, Default)]
pub struct AssignmentDays {
    /// Days with assignments, each with the number of assignments up to that day, included.
    days: Vec<(NaiveDate, i64)>,
    /// The number of assignments on values that are not dates of the calendar, such as `infinity`.
    odd: i64,
}

impl AssignmentDays {
    fn of(counts: impl IntoIterator<Item = (Option<NaiveDate>, i64)>) -> Self {
        let mut found = Self::default();
        let mut sum = 0;
        for (day, count) in counts {
            match day {
                Some(day) => {
                    sum += count;
                    found.days.push((day, sum));
                }
                None => found.odd += count,
            }
        }
        found
    }

    /// The number on these dates, both ends included.
    pub fn within(&self, first: NaiveDate, last: NaiveDate) -> i64 {
        let up_to =
            |end: usize| end.checked_sub(1).and_then(|at| self.days.get(at)).map_or(0, |(_, sum)| *sum);
        let before = self.days.partition_point(|(day, _)| *day < first);
        let until = self.days.partition_point(|(day, _)| *day <= last);
        if until <= before { 0 } else { up_to(until) - up_to(before) }
    }

    /// The number of all assignments.
    pub fn total(&self) -> i64 {
        self.days.last().map_or(0, |(_, sum)| *sum) + self.odd
    }

    /// The number on values that are not dates of the calendar.
    pub const fn odd(&self) -> i64 {
        self.odd
    }

    /// Each day with its number.
    pub fn each(&self) -> impl Iterator<Item = (NaiveDate, i64)> + '_ {
        let mut before = 0;
        self.days.iter().map(move |(day, sum)| {
            let count = sum - before;
            before = *sum;
            (*day, count)
        })
    }
}

/// Assignment counts per day of these projects; those without assignments are left out.
pub async fn assignment_days(
    sessions: &Sessions,
    projects: &[ProjectId],
) -> Result<HashMap<ProjectId, AssignmentDays>, sqlx::Error> {
    let query = "SELECT d.project, pg_catalog.to_json(d.day) OPERATOR(pg_catalog.#>>) '{}', d.assignments
                   FROM phaseline.assignment_days($1) d";
    let ids = projects.iter().map(|project| project.uuid()).collect();
    let rows = sessions.execute(&Statement::new(query, [Parameter::Uuids(ids)])).await?;
    let mut counted: HashMap<ProjectId, Vec<(Option<NaiveDate>, i64)>> = HashMap::new();
    for row in &rows {
        let (project, day, count): (Uuid, Option<String>, i64) = FromRow::from_row(row)?;
        let day = day.and_then(|day| day.parse().ok());
        counted.entry(project.into()).or_default().push((day, count));
    }
    Ok(counted.into_iter().map(|(project, counts)| (project, AssignmentDays::of(counts))).collect())
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
