//! A verification in the layout of the users' runbook.

use super::format::plural;
use super::{Page, clean};
use crate::style::{BAD, BOLD, GOOD};
use phaseline_migrator::shape::Shape;
use phaseline_migrator::verify::{Check, CheckGroup, Verification};

const RULE: &str = "================================================================================";

/// The verification as text.
pub(crate) fn page(verification: &Verification) -> Page {
    let word = if verification.shape == Shape::Legacy { "ROLLBACK " } else { "" };
    let mut page = Page::default();
    page.line(RULE).line(format_args!("{BOLD}PHASE MIGRATION {word}VERIFICATION{BOLD:#}")).line(RULE).gap();
    for check in of(verification, CheckGroup::Runbook) {
        self::check(&mut page, check);
    }
    if of(verification, CheckGroup::Beyond).next().is_some() {
        page.line(RULE).line(format_args!("{BOLD}BEYOND THE RUNBOOK{BOLD:#}")).line(RULE).gap();
    }
    for check in of(verification, CheckGroup::Beyond) {
        self::check(&mut page, check);
    }
    for note in &verification.notes {
        page.line(format_args!("Note: {}", clean(note)));
    }
    if !verification.notes.is_empty() {
        page.gap();
    }
    page.line(RULE);
    if verification.passed {
        page.line(format_args!("{GOOD}{word}VERIFICATION COMPLETE - ALL CHECKS PASSED{GOOD:#}"));
    } else {
        let failed = verification.checks.iter().filter(|check| !check.passed).count() as u64;
        page.line(format_args!(
            "{BAD}{word}VERIFICATION FAILED - {} FAILED{BAD:#}",
            plural(failed, "CHECK").to_uppercase()
        ));
    }
    page.line(RULE);
    page
}

fn of(verification: &Verification, group: CheckGroup) -> impl Iterator<Item = &Check> {
    verification.checks.iter().filter(move |check| check.group == group)
}

fn check(page: &mut Page, check: &Check) {
    page.line(format_args!("{}. {}", check.number, check.title));
    for line in &check.lines {
        if line.passed {
            page.line(format_args!("   {GOOD}✓ PASS{GOOD:#}: {}", clean(&line.text)));
        } else {
            page.line(format_args!("   {BAD}✗ FAIL{BAD:#}: {}", clean(&line.text)));
        }
    }
    for detail in &check.details {
        page.line(format_args!("     - {}", clean(detail)));
    }
    page.gap();
}
