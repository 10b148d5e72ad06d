//! The compared state: the rows of the three tables as lines of text.

use super::{Assignment, Budget, Days, Model, NewRow, OldRow, Shape};
use std::fmt::Write as _;

/// The three tables, one line per row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The rows of `projects` by id.
    pub projects: Vec<String>,
    /// The rows of `project_phases`: in the legacy shape in heap order, in the timeline shape by id.
    pub phases: Vec<String>,
    /// The rows of `resource_assignments` in heap order.
    pub assignments: Vec<String>,
}

impl Snapshot {
    /// Draws rows.
    pub fn of<'a>(
        projects: impl IntoIterator<Item = (&'a uuid::Uuid, &'a Days)>,
        old_rows: &[OldRow],
        new_rows: impl IntoIterator<Item = &'a NewRow>,
        assignments: &[Assignment],
    ) -> Self {
        let mut phases: Vec<String> = old_rows.iter().map(old_line).collect();
        phases.extend(new_rows.into_iter().map(new_line));
        Self {
            projects: projects.into_iter().map(|(id, days)| format!("{id} {days:?}")).collect(),
            phases,
            assignments: assignments
                .iter()
                .map(|row| {
                    let phase = row.phase.map(|phase| phase.to_string());
                    let phase = phase.as_deref().unwrap_or("-");
                    format!("{} {} {} {phase} {}", row.id, row.project, row.date, row.rest)
                })
                .collect(),
        }
    }

    /// The lines that only one of the two has, or the first ones in another order; `None` if they are the same.
    pub fn difference(&self, found: &Self) -> Option<String> {
        let mut text = String::new();
        let tables = [
            ("projects", &self.projects, &found.projects),
            ("project_phases", &self.phases, &found.phases),
            ("resource_assignments", &self.assignments, &found.assignments),
        ];
        for (table, expected, found) in tables.into_iter().filter(|(_, expected, found)| expected != found) {
            let _ = writeln!(text, "{table}: {} rows expected, {} found", expected.len(), found.len());
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|line| !those.contains(line)).cloned().collect()
            };
            let (missing, surplus) = (only(expected, found), only(found, expected));
            for (sign, lines) in [("-", &missing), ("+", &surplus)] {
                for line in lines {
                    let _ = writeln!(text, "  {sign} {line}");
                }
            }
            if missing.is_empty() && surplus.is_empty() {
                let place = expected.iter().zip(found.iter()).position(|(a, b)| a != b).unwrap_or_default();
                let _ = writeln!(text, "  in another order from row {place} on; expected:");
                for (expected, found) in expected.iter().zip(found.iter()).skip(place).take(8) {
                    let id = |line: &String| line.chars().take(160).collect::<String>();
                    let _ = writeln!(text, "  - {}\n  + {}", id(expected), id(found));
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

impl Model {
    /// The expected rows of the tables.
    pub fn snapshot(&self) -> Snapshot {
        let (old, new) = match self.shape {
            Shape::Old => (&self.old_rows[..], None),
            Shape::New => (&[][..], Some(self.new_rows.values())),
        };
        Snapshot::of(&self.projects, old, new.into_iter().flatten(), &self.assignments)
    }
}

fn old_line(row: &OldRow) -> String {
    format!(
        "{} {} {} {} {} {}",
        row.project,
        row.id,
        row.kind.label(),
        budget(row.budget),
        row.created_at,
        row.updated_at
    )
}

fn new_line(row: &NewRow) -> String {
    format!(
        "{} {} {:?} {:?} {:?} {} {} {}",
        row.project,
        row.id,
        row.name,
        row.days,
        row.description,
        budget(row.budget),
        row.created_at,
        row.updated_at
    )
}

fn budget(budget: Budget) -> String {
    format!("{}+{}", budget.capital, budget.expense)
}
