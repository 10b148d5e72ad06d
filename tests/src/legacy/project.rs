//! Projects and their phases, and their rows.

use super::dates::{self, LAST_DAY, day, timestamps};
use super::{LegacyDatabase, RESOURCES};
use chrono::{NaiveDate, NaiveDateTime};
use proptest::prelude::*;
use std::fmt;

/// The largest budget that `numeric(15,2)` holds, in cents.
const LARGEST_BUDGET: i64 = 999_999_999_999_999;
/// The greatest number of phases per project: the planner's application has two at most, its database any number.
const MOST_PHASES: u32 = 5;

/// A label of the enum `phasetype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseType {
    /// `PLANNING`
    Planning,
    /// `EXECUTION`
    Execution,
}

impl fmt::Display for PhaseType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Planning => "PLANNING",
            Self::Execution => "EXECUTION",
        })
    }
}

/// A row of `project_phases`.
#[derive(Clone, Debug)]
pub struct GeneratedPhase {
    /// `phase_type`
    pub phase_type: PhaseType,
    /// `capital_budget` in cents
    pub capital: i64,
    /// `expense_budget` in cents; the sum of both is within the column's range.
    pub expense: i64,
    /// `created_at`
    pub created_at: NaiveDateTime,
    /// `updated_at`
    pub updated_at: NaiveDateTime,
}

/// A row of `projects` and its phases, in the order in which they were inserted.
#[derive(Clone, Debug)]
pub struct LegacyProject {
    /// `start_date`
    pub start_date: NaiveDate,
    /// `end_date`, after the start
    pub end_date: NaiveDate,
    /// The phases, never more than the project has days.
    pub phases: Vec<GeneratedPhase>,
}

impl LegacyProject {
    /// The number of its days, both ends included.
    pub fn days(&self) -> u32 {
        u32::try_from((self.end_date - self.start_date).num_days()).expect("a project ends after its start")
            + 1
    }
}

/// Projects of two days, of the planner's usual length, and of the whole calendar.
pub(super) fn projects(fewest_phases: u32) -> impl Strategy<Value = LegacyProject> {
    let days = prop_oneof![
        3 => Just(2_u32),
        2 => 3..10_u32,
        6 => 10..800_u32,
        1 => Just(LAST_DAY + 1),
    ];
    let start = prop_oneof![
        8 => 738_000..740_000_u32,
        1 => Just(0),
        1 => Just(LAST_DAY),
        1 => 0..LAST_DAY,
    ];
    (days, start, Just(fewest_phases)).prop_flat_map(|(days, start, fewest_phases)| {
        let start = start.min(LAST_DAY + 1 - days);
        phases(fewest_phases, days.min(MOST_PHASES)).prop_map(move |phases| LegacyProject {
            start_date: day(start),
            end_date: day(start + days - 1),
            phases,
        })
    })
}

fn phases(fewest: u32, most: u32) -> BoxedStrategy<Vec<GeneratedPhase>> {
    use PhaseType::{Execution, Planning};
    let usual = prop::sample::select(vec![
        vec![Planning, Execution],
        vec![Execution, Planning],
        vec![Planning],
        vec![Execution],
        vec![Execution, Execution],
    ]);
    let unusual =
        prop::collection::vec(prop_oneof![Just(Planning), Just(Execution)], fewest as usize..=most as usize);
    let types = prop_oneof![3 => usual, 2 => unusual];
    // Phases of one transaction have the same created_at.
    let shared = prop::option::weighted(0.3, timestamps());
    (types, shared)
        .prop_flat_map(|(types, shared)| {
            types.into_iter().map(|phase_type| phase(phase_type, shared)).collect::<Vec<_>>()
        })
        .boxed()
}

fn phase(phase_type: PhaseType, created_at: Option<NaiveDateTime>) -> impl Strategy<Value = GeneratedPhase> {
    let created_at = created_at.map_or_else(|| timestamps().boxed(), |moment| Just(moment).boxed());
    (budgets(), created_at, timestamps()).prop_map(move |((capital, expense), created_at, updated_at)| {
        GeneratedPhase { phase_type, capital, expense, created_at, updated_at }
    })
}

fn budgets() -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![
        8 => (0..100_000_000_i64, 0..100_000_000_i64),
        2 => Just((0, 0)),
        1 => Just((LARGEST_BUDGET, 0)),
        1 => Just((0, LARGEST_BUDGET)),
        1 => Just((1, LARGEST_BUDGET - 1)),
        1 => (0..=LARGEST_BUDGET).prop_map(|capital| (capital, LARGEST_BUDGET - capital)),
    ]
}

/// Programs, resources, projects and phases.
pub(super) fn inserts(database: &LegacyDatabase) -> Vec<String> {
    let mut statements = Vec::new();
    if !database.projects.is_empty() {
        statements.push(format!(
            "INSERT INTO public.programs VALUES ('Programme', 'Sponsor', 'Manager', 'Lead', '0001-01-01',
                '9999-12-31', NULL, '{}', '2024-01-01', '2024-01-01')",
            database.id("program", 0, 0)
        ));
    }
    if !database.assignments.is_empty() {
        statements.extend((0..RESOURCES).map(|at| {
            format!(
                "INSERT INTO public.resources VALUES ('Resource {at}', 'LABOR', NULL, '{}', '2024-01-01',
                    '2024-01-01')",
                database.resource_id(at)
            )
        }));
    }
    statements.extend(database.projects.iter().enumerate().map(|(at, project)| {
        format!(
            "INSERT INTO public.projects VALUES ('{}', 'Project {at}', 'Sponsor', 'Manager', 'Lead', '{}', '{}',
                'CC-{at}', NULL, '{}', '2024-01-01 08:58:33.110418', '2024-01-01 08:58:33.110423')",
            database.id("program", 0, 0),
            project.start_date,
            project.end_date,
            database.project_id(at),
        )
    }));
    let mut phases: Vec<_> = database.phases().collect();
    if database.is_scattered {
        phases.sort_by_key(|&(_, id, _)| id);
    }
    statements.extend(phases.into_iter().map(|(project, id, phase)| {
        format!(
            "INSERT INTO public.project_phases VALUES ('{}', '{}', {}, {}, {}, '{id}', {}, {})",
            database.project_id(project),
            phase.phase_type,
            money(phase.capital),
            money(phase.expense),
            money(phase.capital + phase.expense),
            dates::sql(phase.created_at),
            dates::sql(phase.updated_at),
        )
    }));
    statements
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
