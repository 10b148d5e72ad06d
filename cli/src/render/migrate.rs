//! The result of a migration.

use super::Page;
use super::format::{count, millis};
use super::plan::{self, PlanContext};
use crate::style::{BOLD, GOOD};
use phaseline_migrator::migrate::Migrated;

/// The migration as text; the plan, if the database is migrated already.
pub(crate) fn page(migrated: &Migrated) -> Page {
    if migrated.already {
        return plan::page(&migrated.plan, &PlanContext::default());
    }
    let counts = &migrated.plan.counts;
    let mut page = Page::default();
    page.entry("projects", count(counts.projects));
    page.entry("phases", count(counts.phases));
    page.entry("assignments", count(counts.assignments));
    page.entry("log's position", count(migrated.position.unsigned_abs()));
    if let Some(run) = migrated.run {
        page.entry("run", run);
    }
    page.entry(
        "took",
        format_args!("{}, tables locked {}", millis(migrated.took_ms), millis(migrated.locked_ms)),
    );
    page.gap().line(format_args!("{GOOD}MIGRATED{GOOD:#}. Next: {BOLD}phaseline verify{BOLD:#}"));
    page
}
