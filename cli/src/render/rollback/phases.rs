//! Which phases go, come and stay in a rollback, and the budgets before and after.

use crate::render::format::{by_whom, count, money, plural};
use crate::render::{Page, clean};
use crate::style::{BAD, DIM, NOTE};
use phaseline_migrator::rollback::{PhaseFate, RestoredPhase, RollbackPlan};

/// Projects whose phases are listed.
const PROJECTS_SHOWN: usize = 10;
/// Phases that a question names.
const NAMES_SHOWN: usize = 5;

/// Numbers of phases by fate.
struct Fates {
    go: u64,
    come: u64,
    stay: u64,
}

impl Fates {
    fn of<'a>(phases: impl IntoIterator<Item = &'a RestoredPhase>) -> Self {
        let mut fates = Self { go: 0, come: 0, stay: 0 };
        for phase in phases {
            match phase.fate {
                PhaseFate::Goes => fates.go += 1,
                PhaseFate::Comes => fates.come += 1,
                PhaseFate::Stays => fates.stay += 1,
            }
        }
        fates
    }
}

/// The phases of the projects in which some go or come, and the budgets.
pub(super) fn section(page: &mut Page, plan: &RollbackPlan) {
    let fates = Fates::of(&plan.legacy_phases);
    page.heading("Phases of the legacy tables, before the migration and after the rollback");
    page.entry("go", format_args!("{} (removed since the migration)", count(fates.go)));
    page.entry("come", format_args!("{} (created since the migration)", count(fates.come)));
    page.entry("stay", count(fates.stay));
    let of_projects = || plan.legacy_phases.chunk_by(|a, b| a.project_id == b.project_id);
    let is_changed = |phases: &&[RestoredPhase]| phases.iter().any(|phase| phase.fate != PhaseFate::Stays);
    for phases in of_projects().filter(is_changed).take(PROJECTS_SHOWN) {
        project(page, phases);
    }
    let shown = of_projects().filter(is_changed).take(PROJECTS_SHOWN).map(<[_]>::len).sum::<usize>();
    let left = (plan.legacy_phases.len() - shown) as u64;
    let hidden = of_projects().filter(is_changed).count().saturating_sub(PROJECTS_SHOWN) as u64;
    if left > 0 {
        let more = match hidden {
            0 => String::new(),
            _ => format!(" (of {} more in which some go or come)", plural(hidden, "project")),
        };
        let other = if shown == 0 { "" } else { " other" };
        page.line(format_args!(
            "  {DIM}… the names of all{other} {}{more}: --json, or --output jsonl{DIM:#}",
            plural(left, "phase")
        ));
    }
    page.heading("Budgets, before the migration and after the rollback");
    let pairs = budgets(plan);
    let width = pairs.iter().flat_map(|(_, b, a)| [b.len(), a.len()]).fold(0, usize::max);
    for (name, before, after) in pairs {
        let sign = if before == after { "=".to_owned() } else { format!("{BAD}≠{BAD:#}") };
        page.entry(name, format_args!("before {before:>width$}  {sign}  after {after:>width$}"));
    }
}

fn project(page: &mut Page, phases: &[RestoredPhase]) {
    if let Some(first) = phases.first() {
        page.line(format_args!("  project {}", first.project_id));
    }
    for phase in phases {
        let (word, verb) = match phase.fate {
            PhaseFate::Goes => (format!("{BAD}goes{BAD:#} "), "removed"),
            PhaseFate::Comes => (format!("{NOTE}comes{NOTE:#}"), "created"),
            PhaseFate::Stays => ("stays".to_owned(), ""),
        };
        let by = by_whom(phase.actor.as_deref(), phase.login.as_deref(), phase.recorded_at, phase.position)
            .map_or_else(String::new, |by| format!("; {verb} {by}"));
        page.line(format_args!("    {word} {}, {}{by}", clean(&phase.name), money(phase.budget.total)));
    }
}

fn budgets(plan: &RollbackPlan) -> [(&'static str, String, String); 3] {
    let (before, after) = (&plan.budgets_before, &plan.budgets_after);
    [
        ("capital", money(before.capital), money(after.capital)),
        ("expense", money(before.expense), money(after.expense)),
        ("total", money(before.total), money(after.total)),
    ]
}

/// The same in a few lines, for a question.
pub(super) fn summary(plan: &RollbackPlan) -> Page {
    let fates = Fates::of(&plan.legacy_phases);
    let mut page = Page::default();
    page.line(format_args!(
        "Phases: {} go, {} come, {} stay.",
        count(fates.go),
        count(fates.come),
        count(fates.stay)
    ));
    for (word, fate, number) in [("go", PhaseFate::Goes, fates.go), ("come", PhaseFate::Comes, fates.come)] {
        let named = plan.legacy_phases.iter().filter(|phase| phase.fate == fate);
        let mut names: Vec<String> =
            named.take(NAMES_SHOWN).map(|phase| format!("'{}'", clean(&phase.name))).collect();
        if names.is_empty() {
            continue;
        }
        let more = number.saturating_sub(NAMES_SHOWN as u64);
        if more > 0 {
            names.push(format!("… and {} more", count(more)));
        }
        page.line(format_args!("  {word}: {}", names.join(", ")));
    }
    let of_budgets = budgets(plan).map(|(name, before, after)| match before == after {
        true => format!("{name} {before} as before"),
        false => format!("{name} {before} → {after}"),
    });
    page.line(format_args!("Budgets: {}.", of_budgets.join(", ")));
    page
}
