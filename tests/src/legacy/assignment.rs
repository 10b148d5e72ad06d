//! Assignments, and the actuals booked on some of them.

use super::dates::{self, LAST_DAY, day, timestamps};
use super::{LegacyDatabase, LegacyProject, RESOURCES};
use chrono::{Datelike as _, NaiveDate, NaiveDateTime};
use proptest::prelude::*;
use uuid::Uuid;

/// The date of an assignment, relative to its project.
#[derive(Clone, Copy, Debug)]
pub enum Day {
    /// Within the project: this many days after its start, wrapped at its end.
    Within(u32),
    /// On the project's first day.
    First,
    /// On the project's last day.
    Last,
    /// This many days before the project, if the calendar has them.
    Before(u32),
    /// This many days after the project, if the calendar has them.
    After(u32),
}

/// A row of `resource_assignments`. The numbers choose among the database's rows.
#[derive(Clone, Debug)]
pub struct LegacyAssignment {
    /// Chooses the project.
    pub project: usize,
    /// Chooses the phase: among all phases if `is_astray`, or else among those of the project.
    pub phase: usize,
    /// Whether the phase may belong to another project.
    pub is_astray: bool,
    /// Chooses the resource.
    pub resource: usize,
    /// The date.
    pub day: Day,
    /// Whether it has the resource, project and date of the previous assignment.
    pub is_repeat: bool,
    /// `allocation_percentage` and `capital_percentage` in hundredths, up to 10 000.
    pub percentages: (u32, u32),
    /// `created_at`
    pub created_at: NaiveDateTime,
    /// `updated_at`
    pub updated_at: NaiveDateTime,
    /// Whether an actual refers to it.
    pub has_actual: bool,
}

/// The rows that an assignment refers to.
pub(super) struct AssignmentRefs {
    pub(super) project: usize,
    pub(super) phase: Uuid,
    pub(super) resource: usize,
    pub(super) date: NaiveDate,
}

pub(super) fn assignments() -> impl Strategy<Value = LegacyAssignment> {
    let days = prop_oneof![
        6 => any::<u32>().prop_map(Day::Within),
        1 => Just(Day::First),
        1 => Just(Day::Last),
        1 => (1..400_u32).prop_map(Day::Before),
        1 => (1..400_u32).prop_map(Day::After),
        1 => Just(Day::Before(LAST_DAY)),
        1 => Just(Day::After(LAST_DAY)),
    ];
    let percentage = || prop_oneof![3 => (0..=20_u32).prop_map(|part| part * 500), 1 => 0..=10_000_u32];
    let choices = (0..64_usize, 0..64_usize, prop::bool::weighted(0.15), 0..RESOURCES);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.25));
    (choices, days, flags, (percentage(), percentage()), timestamps(), timestamps()).prop_map(
        |((project, phase, is_astray, resource), day, flags, percentages, created_at, updated_at)| {
            let (is_repeat, has_actual) = flags;
            LegacyAssignment {
                project,
                phase,
                is_astray,
                resource,
                day,
                is_repeat,
                percentages,
                created_at,
                updated_at,
                has_actual,
            }
        },
    )
}

impl LegacyDatabase {
    /// Resolves the choices of an assignment.
    pub(super) fn place(&self, at: usize) -> AssignmentRefs {
        let assignment = &self.assignments[at];
        let phases: Vec<_> = self.phases().map(|(project, id, _)| (project, id)).collect();
        let (project, resource, date) = if assignment.is_repeat && at > 0 {
            let first = self.place(at - 1);
            (first.project, first.resource, first.date)
        } else {
            let project = assignment.project % self.projects.len();
            (project, assignment.resource, assignment.day.of(&self.projects[project]))
        };
        let own: Vec<_> = phases.iter().filter(|(of, _)| *of == project).copied().collect();
        let choices = if assignment.is_astray || own.is_empty() { phases } else { own };
        let (_, phase) = choices[assignment.phase % choices.len()];
        AssignmentRefs { project, phase, resource, date }
    }

    /// The `INSERT` of an assignment's row.
    pub(super) fn insert_assignment(&self, at: usize) -> String {
        let LegacyAssignment { percentages: (allocation, capital), created_at, updated_at, .. } =
            self.assignments[at];
        let place = self.place(at);
        format!(
            "INSERT INTO public.resource_assignments VALUES ('{}', '{}', '{}', '{}', {}, {}, {}, '{}', {}, {})",
            self.resource_id(place.resource),
            self.project_id(place.project),
            place.phase,
            place.date,
            hundredths(allocation),
            hundredths(capital),
            hundredths(10_000 - capital),
            self.assignment_id(at),
            dates::sql(created_at),
            dates::sql(updated_at),
        )
    }
}

impl Day {
    fn of(self, project: &LegacyProject) -> NaiveDate {
        let number = |date: NaiveDate| u32::try_from(date.num_days_from_ce() - 1).expect("a day of our era");
        let (start, end) = (number(project.start_date), number(project.end_date));
        match self {
            Self::Within(days) => day(start + days % project.days()),
            Self::First => project.start_date,
            Self::Last => project.end_date,
            Self::Before(days) => day(start.saturating_sub(days)),
            Self::After(days) => day(end + days),
        }
    }
}

/// Assignments and actuals.
pub(super) fn inserts(database: &LegacyDatabase) -> Vec<String> {
    let mut order: Vec<usize> = (0..database.assignments.len()).collect();
    if database.is_scattered {
        order.sort_by_key(|&at| database.assignment_id(at));
    }
    let mut statements: Vec<String> = order.iter().map(|&at| database.insert_assignment(at)).collect();
    statements.extend(order.into_iter().filter(|&at| database.assignments[at].has_actual).map(|at| {
        let place = database.place(at);
        format!(
            "INSERT INTO public.actuals VALUES ('{}', '{}', 'EMP{at}', 'Worker {at}', '{}', 50, 100.01, 60.01, 40,
                '{}', '2024-02-01 09:17:21.076183', '2024-02-01 09:17:21.076184')",
            database.project_id(place.project),
            database.assignment_id(at),
            place.date,
            database.id("actual", at, 0),
        )
    }));
    statements
}

fn hundredths(number: u32) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}
