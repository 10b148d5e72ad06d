//! The report of `doctor`.

use crate::failure::Failure;
use crate::render::format::plural;
use crate::render::{Page, clean};
use crate::style::{BAD, GOOD, NOTE};
use serde::Serialize;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CheckResult {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct DoctorCheck {
    check: &'static str,
    verdict: CheckResult,
    text: String,
    remedy: Option<String>,
}

/// `phaseline.doctor/1`
#[derive(Debug, Serialize)]
pub(super) struct DoctorReport {
    format: &'static str,
    passed: bool,
    /// Whether nothing is left to do.
    healthy: bool,
    checks: Vec<DoctorCheck>,
}

impl DoctorReport {
    pub(super) const fn new() -> Self {
        Self { format: "phaseline.doctor/1", passed: true, healthy: true, checks: Vec::new() }
    }

    pub(super) const fn passed(&self) -> bool {
        self.passed
    }

    pub(super) fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.checks.push(DoctorCheck { check, verdict: CheckResult::Ok, text: text.into(), remedy: None });
    }

    /// Adds a finding that prevents no check from passing.
    pub(super) fn warn(&mut self, check: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        self.healthy = false;
        self.checks.push(DoctorCheck {
            check,
            verdict: CheckResult::Warn,
            text: text.into(),
            remedy: Some(remedy.into()),
        });
    }

    pub(super) fn fail(&mut self, check: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        (self.passed, self.healthy) = (false, false);
        self.checks.push(DoctorCheck {
            check,
            verdict: CheckResult::Fail,
            text: text.into(),
            remedy: Some(remedy.into()),
        });
    }

    /// Adds a check that could not be made.
    pub(super) fn unchecked(&mut self, check: &'static str, error: impl Into<Failure>) {
        let failure: Failure = error.into();
        let text = format!("could not be checked: {}", failure.message());
        self.fail(check, text, "Connect as a role that may read it.");
    }

    pub(super) fn page(&self) -> Page {
        let mut page = Page::default();
        for line in &self.checks {
            let word = match line.verdict {
                CheckResult::Ok => format!("{GOOD}ok{GOOD:#}  "),
                CheckResult::Warn => format!("{NOTE}warn{NOTE:#}"),
                CheckResult::Fail => format!("{BAD}fail{BAD:#}"),
            };
            page.line(format_args!("{word}  {:<18}{}", line.check, clean(&line.text)));
            if let Some(remedy) = &line.remedy {
                page.line(format_args!("{:24}→ {}", "", clean(remedy)));
            }
        }
        let number = |of: CheckResult| self.checks.iter().filter(|line| line.verdict == of).count() as u64;
        let (failed, warned) = (number(CheckResult::Fail), number(CheckResult::Warn));
        let warnings = plural(warned, "WARNING").to_uppercase();
        let verdict = match (failed, warned) {
            (0, 0) => format!("{GOOD}HEALTHY{GOOD:#}"),
            (0, _) => format!("{NOTE}{warnings}{NOTE:#}"),
            (_, 0) => format!("{BAD}{}{BAD:#}", plural(failed, "PROBLEM").to_uppercase()),
            _ => format!("{BAD}{}{BAD:#}, {warnings}", plural(failed, "PROBLEM").to_uppercase()),
        };
        page.gap().line(verdict);
        page
    }
}
