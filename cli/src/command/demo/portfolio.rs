//! The sample projects: those that tests and people look for, and many ordinary ones.

mod words;

use super::random::DemoRandom;
use chrono::{NaiveDate, TimeDelta};
use phaseline_domain::{DateRange, InvalidValue, ProjectId};
use phaseline_migrator::sample::portfolio::SampleProject;
use serde::Serialize;
use uuid::Uuid;
use words::{ACTIONS, LEADS, MANAGERS, SPONSORS, SUBJECTS};

/// The seed of all choices.
pub(super) const SEED: u64 = 20;

/// The limits of the number of projects.
const SMALLEST: u32 = 20;
const LARGEST: u32 = 5_000;

/// The share of projects that are not touched after the migration, in percent.
const UNTOUCHED: usize = 12;

/// Which history a project gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProjectRole {
    /// Some edits.
    Ordinary,
    /// Some edits, then an earlier position is restored.
    Restored,
    /// None.
    Untouched,
    /// One phase.
    OnePhase,
    /// Three phases.
    ThreePhases,
    /// Sixty phases.
    SixtyPhases,
    /// About five hundred events.
    FiveHundredEvents,
    /// Some edits, then the planner deletes it.
    Closed,
    /// Some edits, then the planner changes its dates.
    DatesChanged,
    /// Phases whose names would harm a careless page.
    HostileNames,
}

/// A project, with its role.
pub(super) struct DemoProject {
    /// Its row.
    pub(super) row: SampleProject,
    /// Its role.
    pub(super) role: ProjectRole,
}

/// All projects.
pub(super) struct DemoPortfolio {
    /// Those of the sample, in order.
    pub(super) projects: Vec<DemoProject>,
    /// The one that the planner adds after the migration, with its id.
    pub(super) added: (ProjectId, SampleProject),
}

/// A project that can be found by its name.
#[derive(Serialize)]
pub(super) struct SpecialProject {
    project_id: ProjectId,
    name: String,
}

/// Projects that can be found by name: name, role, the first day before today, and the length.
const NAMED: [(&str, ProjectRole, i64, i64); 7] = [
    ("One phase", ProjectRole::OnePhase, 100, 240),
    ("Three phases", ProjectRole::ThreePhases, 150, 330),
    ("Sixty phases", ProjectRole::SixtyPhases, 400, 780),
    ("Five hundred events", ProjectRole::FiveHundredEvents, 260, 540),
    ("Closed project", ProjectRole::Closed, 300, 400),
    ("Dates changed by the planner", ProjectRole::DatesChanged, 120, 300),
    ("Hostile names", ProjectRole::HostileNames, 200, 420),
];

/// Names of projects that would harm a careless page or terminal.
const HOSTILE: [&str; 3] = [
    "<script>alert(1)</script> & \"quoted\" <b>renewal</b>",
    "\u{202e}\u{5ea}\u{5db}\u{5e0}\u{5d5}\u{5df} \u{5d4}\u{5e0}\u{5de}\u{5dc}\u{202c} (harbour)",
    "Terminal\u{1b}[31m renewal\nsecond line",
];

/// The project without a timeline.
const ADDED: &str = "Without timeline";
const ADDED_ID: Uuid = Uuid::from_u128(0x0b5d_7a1e_6f0c_4c7e_9a43_5d2f_1c8e_7b60);

impl DemoPortfolio {
    /// So many projects, with dates around today. Apart from these it is always the same.
    pub(super) fn new(size: usize, today: NaiveDate) -> Result<Self, InvalidValue> {
        let mut random = DemoRandom::new(SEED);
        let mut projects = Vec::with_capacity(size);
        for (name, role, before, days) in NAMED {
            let range = range(today, -before, days)?;
            projects.push(DemoProject { row: row(&mut random, name.to_owned(), range), role });
        }
        let wide = "\u{6e2f}".repeat(100);
        for name in HOSTILE.into_iter().chain([wide.as_str()]) {
            let range = ordinary_range(&mut random, projects.len(), today)?;
            projects.push(DemoProject {
                row: row(&mut random, name.to_owned(), range),
                role: ProjectRole::Ordinary,
            });
        }
        for number in 0..size.saturating_sub(projects.len()) {
            let range = ordinary_range(&mut random, number, today)?;
            let role = match number % 25 {
                7 => ProjectRole::Restored,
                _ if random.hits(UNTOUCHED) => ProjectRole::Untouched,
                _ => ProjectRole::Ordinary,
            };
            projects.push(DemoProject { row: row(&mut random, ordinary_name(number), range), role });
        }
        let added = row(&mut random, ADDED.to_owned(), range(today, 30, 200)?);
        Ok(Self { projects, added: (ADDED_ID.into(), added) })
    }

    /// The projects that can be found by name; `ids` are those of the sample, in order.
    pub(super) fn named(&self, ids: &[ProjectId]) -> Vec<SpecialProject> {
        let sample =
            ids.iter().zip(&self.projects).take(NAMED.len()).map(|(id, project)| (*id, &project.row));
        let all = sample.chain([(self.added.0, &self.added.1)]);
        all.map(|(project_id, row)| SpecialProject { project_id, name: row.name.clone() }).collect()
    }
}

/// Parses the number of projects.
pub(super) fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| (SMALLEST..=LARGEST).contains(size));
    size.ok_or_else(|| format!("expected a number from {SMALLEST} to {LARGEST}, such as 200"))
}

/// Dates of so many days, from a day relative to today on.
fn range(today: NaiveDate, from: i64, days: i64) -> Result<DateRange, InvalidValue> {
    let start = today + TimeDelta::days(from);
    DateRange::new(start, start + TimeDelta::days(days - 1))
}

/// Of ten projects two are finished, six run and two are in the future.
fn ordinary_range(
    random: &mut DemoRandom,
    number: usize,
    today: NaiveDate,
) -> Result<DateRange, InvalidValue> {
    let days = random.within(60, 600);
    let from = match number % 10 {
        0 | 5 => -days - random.within(5, 400),
        3 | 8 => random.within(7, 240),
        _ => -days * random.within(10, 90) / 100,
    };
    range(today, from, days)
}

/// A name that no other number has.
fn ordinary_name(number: usize) -> String {
    let (subject, turn) = (number % SUBJECTS.len(), number / SUBJECTS.len());
    let name = format!("{} {}", SUBJECTS[subject], ACTIONS[(turn + subject) % ACTIONS.len()]);
    match turn / ACTIONS.len() {
        0 => name,
        round => format!("{name} {}", round + 1),
    }
}

fn row(random: &mut DemoRandom, name: String, range: DateRange) -> SampleProject {
    SampleProject {
        name,
        business_sponsor: random.pick(SPONSORS).to_owned(),
        project_manager: random.pick(MANAGERS).to_owned(),
        technical_lead: random.pick(LEADS).to_owned(),
        description: None,
        range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_dates_lie_around_today() {
        let today: NaiveDate = "2024-02-29".parse().unwrap();
        let portfolio = DemoPortfolio::new(1_000, today).unwrap();
        let rows = || portfolio.projects.iter().map(|project| &project.row);
        assert_eq!(rows().map(|row| &row.name).collect::<BTreeSet<_>>().len(), 1_000);
        let running = rows().filter(|row| row.range.contains(today)).count();
        let finished = rows().filter(|row| row.range.end() < today).count();
        assert!((550..650).contains(&running) && (150..250).contains(&finished), "{running} {finished}");
        assert!(rows().all(|row| row.name.chars().count() <= 100));
    }
}
