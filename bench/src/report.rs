//! Prints and writes the report.

use crate::case::CASES;
use crate::environment::Environment;
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Figures};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Prints a line; ignores a closed stdout.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line on the error output.
pub(crate) fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Lists the cases.
pub(crate) fn list() {
    for case in &CASES {
        print(&format!(
            "{:20} {} / {}; {}, at least {}, aim {}",
            case.name, case.ours, case.theirs, case.unit, case.at_least, case.aim
        ));
    }
}

/// A figure with the significant digits.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    // Groups of three digits, separated by spaces.
    let grouped =
        whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

fn spread(figures: &Figures) -> String {
    let median = figure(figures.median());
    if figures.0.len() < 2 {
        return median;
    }
    format!("{median} ({}–{})", figure(figures.min()), figure(figures.max()))
}

/// Prints an outcome.
pub(crate) fn outcome(outcome: &CaseResult) {
    let case = outcome.case;
    let ratio = outcome.ratio();
    let verdict = match ratio {
        r if r >= case.aim => "reaches its aim",
        r if r >= case.at_least => "enough",
        _ => "TOO LITTLE",
    };
    print(&format!(
        "{:20} ratio {:>7}  (at least {}, aim {}: {verdict})\n  ours    {:<34} {} {}\n  theirs  {:<34} {} {}\n  size {}; checked: {}{}",
        case.name,
        figure(ratio),
        case.at_least,
        case.aim,
        spread(&outcome.ours),
        case.unit,
        case.ours,
        spread(&outcome.theirs),
        case.unit,
        case.theirs,
        outcome.size,
        outcome.checked,
        outcome.note.as_ref().map(|note| format!("\n  {note}")).unwrap_or_default(),
    ));
}

/// The report of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Environment,
    pub(crate) outcomes: Vec<CaseResult>,
}

impl Report {
    /// The report as JSON text.
    pub(crate) fn json(&self) -> Result<String> {
        let cases: Vec<_> = self
            .outcomes
            .iter()
            .map(|outcome| {
                serde_json::json!({
                    "name": outcome.case.name,
                    "what": { "ours": outcome.case.ours, "theirs": outcome.case.theirs },
                    "size": outcome.size,
                    "unit": outcome.case.unit,
                    "ours": outcome.ours.median(),
                    "ours_min": outcome.ours.min(),
                    "ours_max": outcome.ours.max(),
                    "theirs": outcome.theirs.median(),
                    "theirs_min": outcome.theirs.min(),
                    "theirs_max": outcome.theirs.max(),
                    "rounds": outcome.ours.0.len(),
                    "ratio": outcome.ratio(),
                    "at_least": outcome.case.at_least,
                    "aim": outcome.case.aim,
                    "checked": outcome.checked,
                    "note": outcome.note,
                })
            })
            .collect();
        let mut text =
            serde_json::to_string_pretty(&serde_json::json!({ "machine": self.machine, "cases": cases }))?;
        text.push('\n');
        Ok(text)
    }

    /// The report as Markdown: the machine as text, the figures as a table.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("```text\n{}\n```\n\n", self.machine);
        text.push_str("| case | ours | theirs | unit | ratio | at least | aim |\n");
        text.push_str("|---|---|---|---|---|---|---|\n");
        for outcome in &self.outcomes {
            let case = outcome.case;
            let _ = writeln!(
                text,
                "| **{}** ({}): {} / {} | {} | {} | {} | **{}** | {} | {} |",
                case.name,
                outcome.size,
                case.ours,
                case.theirs,
                spread(&outcome.ours),
                spread(&outcome.theirs),
                case.unit,
                figure(outcome.ratio()),
                case.at_least,
                case.aim
            );
        }
        let notes =
            self.outcomes.iter().filter_map(|outcome| Some((outcome.case.name, outcome.note.as_ref()?)));
        for (at, (name, note)) in notes.enumerate() {
            let _ = writeln!(text, "{}- {name}: {note}", if at == 0 { "\n" } else { "" });
        }
        text
    }

    /// Writes one of these forms into a file.
    pub(crate) fn write(&self, file: &Path, text: &str) -> Result<()> {
        std::fs::write(file, text).map_err(BenchError::io(format!("cannot write {}", file.display())))
    }

    /// The cases whose ratio is less than this share of the required one; a NaN ratio counts as less.
    pub(crate) fn below(&self, factor: f64, small: bool) -> Vec<String> {
        let slow = self.outcomes.iter().filter(|outcome| {
            let ratio = outcome.ratio();
            ratio.is_nan() || ratio < factor * outcome.case.wanted(small)
        });
        slow.map(|outcome| {
            format!(
                "{}: the ratio is {}, less than {} ({} × {})",
                outcome.case.name,
                figure(outcome.ratio()),
                figure(factor * outcome.case.wanted(small)),
                factor,
                outcome.case.wanted(small)
            )
        })
        .collect()
    }
}
