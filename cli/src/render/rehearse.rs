//! The result of a rehearsal.

use super::format::{bytes, millis};
use super::{Page, clean, verify};
use crate::report::rehearse::{DumpDifference, FailedCheck, Method, Rehearsal, RehearsalPreview};
use crate::style::{BAD, BOLD, GOOD};
use phaseline_migrator::log::events::Direction;

/// The result of a dry run.
pub(crate) fn preview(preview: &RehearsalPreview) -> Page {
    let mut page = Page::default();
    page.entry("database", format_args!("{}, {}", clean(&preview.database), bytes(preview.database_bytes)));
    if let Some(more) = preview.migration_bytes {
        page.entry("needed by the migration", format_args!("about {} more", bytes(more)));
    }
    page.entry(
        "first step on the copy",
        match preview.first {
            Direction::Migrate => "migrate",
            Direction::Rollback => "roll back",
        },
    );
    for note in &preview.notes {
        page.line(format_args!("  {}", clean(note)));
    }
    page.gap().line(format_args!("{GOOD}DRY RUN{GOOD:#}. The rehearsal can begin; nothing was copied."));
    page
}

/// The report as text, the verdict first and last. `place` is the database, `program` begins the next command, and `flags` are its options.
pub(crate) fn page(report: &Rehearsal, place: &str, program: &str, flags: &str) -> Page {
    let mut page = Page::default();
    page.line(verdict(report)).gap();
    page.entry("rehearsal of", format_args!("{}, {}", clean(place), bytes(report.database_bytes)));
    let by = match report.method {
        Method::Template => "as a template",
        Method::Dump => "by dump and restore",
    };
    let now = match (report.dropped, report.kept) {
        (true, _) => "dropped".to_owned(),
        (_, true) => format!("{BOLD}kept{BOLD:#}"),
        _ => format!("{BAD}NOT DROPPED{BAD:#}"),
    };
    page.entry("copy", format_args!("{}, {by}, {now}", clean(&report.copy)));

    page.heading("Sizes");
    for (name, size) in [
        ("copy", report.copy_bytes),
        ("after the migration", report.migrated_bytes),
        ("log at the end", report.log_bytes),
        ("dump compared", report.dump_bytes),
    ] {
        if let Some(size) = size {
            page.entry(name, bytes(size));
        }
    }

    page.heading("Steps");
    for step in &report.steps {
        match step.locked_ms {
            Some(locked) => page.entry(
                step.name.text(),
                format_args!("{}, tables locked {}", millis(step.took_ms), millis(locked)),
            ),
            None => page.entry(step.name.text(), millis(step.took_ms)),
        };
    }
    page.entry("total", millis(report.took_ms));

    if let Some(verification) = &report.verification {
        page.heading("Failed verification").append(verify::page(verification)).gap();
    }
    if let Some(difference) = &report.difference {
        self::difference(&mut page, difference);
    }
    if !report.notes.is_empty() {
        page.heading("Notes");
        for note in &report.notes {
            page.line(format_args!("  {}", clean(note)));
        }
    }
    if let (true, Some(digest)) = (report.passed, &report.digest) {
        page.gap().entry("digest", digest);
        page.entry("next", format_args!("{BOLD}{program} migrate --plan {digest}{flags}{BOLD:#}"));
    }
    page.gap().line(verdict(report));
    page
}

fn verdict(report: &Rehearsal) -> String {
    let way = match report.first {
        Direction::Migrate => "migrated and rolled back",
        Direction::Rollback => "rolled back and migrated",
    };
    match report.failed {
        None => format!("{GOOD}REHEARSED{GOOD:#}: {way} on a copy, byte for byte as before"),
        Some(FailedCheck::Verification) => {
            format!("{BAD}REHEARSAL FAILED{BAD:#}: a verification failed on the copy")
        }
        Some(FailedCheck::Dumps) => {
            format!("{BAD}REHEARSAL FAILED{BAD:#}: {way}, and the copy differs from before")
        }
    }
}

fn difference(page: &mut Page, difference: &DumpDifference) {
    page.heading(format_args!("The dumps differ from line {} on", difference.line));
    if let Some(within) = &difference.within {
        page.line(format_args!("  in {}", clean(within)));
    }
    for (word, lines) in [("was", &difference.before), ("is ", &difference.after)] {
        if lines.is_empty() {
            page.line(format_args!("  {word}  (the end)"));
        }
        for line in lines {
            page.line(format_args!("  {word}  {}", clean(line)));
        }
    }
}
