//! Prints and writes the report.

use crate::case::{RatioKind, WantedRatio};
use crate::case_list::CASES;
use crate::environment::Environment;
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, Figures, Rounds};
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
    for case in CASES {
        print(&format!(
            "{:20} {} / {}; {}{}{}",
            case.name,
            case.ours,
            case.theirs,
            case.unit.name,
            wanted(", ", case.clock),
            wanted(", processor time ", case.processor)
        ));
    }
}

fn wanted(before: &str, target: Option<WantedRatio>) -> String {
    let target = target.map(|target| format!("{before}at least {}, aim {}", target.at_least, target.aim));
    target.unwrap_or_default()
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

/// "123 µs (23 program + 100 server)"
fn work(rounds: &Rounds) -> Option<String> {
    let (cost, all) = (rounds.work()?, rounds.processor()?);
    let [all, program, server] = [all.median(), cost.program, cost.server].map(figure);
    Some(format!("{all} µs ({program} program + {server} server)"))
}

/// "(at least 2, aim 3: enough)"
fn verdict(ratio: f64, target: Option<WantedRatio>) -> String {
    let Some(WantedRatio { at_least, aim }) = target else { return "(no target)".to_owned() };
    let verdict = match ratio {
        r if r >= aim => "reaches its aim",
        r if r >= at_least => "enough",
        _ => "TOO LITTLE",
    };
    format!("(at least {at_least}, aim {aim}: {verdict})")
}

/// Prints an outcome.
pub(crate) fn outcome(outcome: &CaseResult) {
    let case = outcome.case;
    if let Some(reason) = &outcome.left_out {
        print(&format!("{:20} LEFT OUT: {reason}", case.name));
        return;
    }
    let ratio = outcome.ratio();
    let mut text = format!("{:20} ratio {:>7}  {}", case.name, figure(ratio), verdict(ratio, case.clock));
    if let Some(ratio) = outcome.processor_ratio() {
        let verdict = verdict(ratio, case.processor);
        let _ = write!(text, "\n  processor time     {:>7}  {verdict}", figure(ratio));
    }
    for (name, rounds, what) in [("ours", &outcome.ours, case.ours), ("theirs", &outcome.theirs, case.theirs)]
    {
        let _ = write!(text, "\n  {name:<7} {:<34} {} {what}", spread(&rounds.figures()), case.unit.name);
        if let Some(work) = work(rounds) {
            let _ = write!(text, "\n          {work} of processor time per {}", case.unit.work);
        }
    }
    let note = outcome.note.as_ref().map(|note| format!("\n  {note}")).unwrap_or_default();
    print(&format!("{text}\n  size {}; checked: {}{note}", outcome.size, outcome.checked));
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
                let (case, clock) = (outcome.case, outcome.case.clock);
                let (ours, theirs) = (outcome.ours.figures(), outcome.theirs.figures());
                serde_json::json!({
                    "name": case.name,
                    "what": { "ours": case.ours, "theirs": case.theirs },
                    "size": outcome.size,
                    "unit": case.unit.name,
                    "ours": ours.median(),
                    "ours_min": ours.min(),
                    "ours_max": ours.max(),
                    "theirs": theirs.median(),
                    "theirs_min": theirs.min(),
                    "theirs_max": theirs.max(),
                    "rounds": ours.0.len(),
                    "ratio": outcome.ratio(),
                    "at_least": clock.map(|target| target.at_least),
                    "aim": clock.map(|target| target.aim),
                    "processor": {
                        "unit": format!("µs per {}", case.unit.work),
                        "ours": processor_json(&outcome.ours),
                        "theirs": processor_json(&outcome.theirs),
                        "ratio": outcome.processor_ratio(),
                        "at_least": case.processor.map(|target| target.at_least),
                        "aim": case.processor.map(|target| target.aim),
                    },
                    "checked": outcome.checked,
                    "note": outcome.note,
                    "left_out": outcome.left_out,
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
        text.push_str(
            "| case | ours | theirs | unit | ratio | at least | aim | ours, processor time | theirs, processor time \
             | per | ratio | at least | aim |\n",
        );
        text.push_str("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
        for outcome in self.outcomes.iter().filter(|outcome| outcome.left_out.is_none()) {
            let case = outcome.case;
            let cells = [
                format!("**{}** ({}): {} / {}", case.name, outcome.size, case.ours, case.theirs),
                spread(&outcome.ours.figures()),
                spread(&outcome.theirs.figures()),
                case.unit.name.to_owned(),
                format!("**{}**", figure(outcome.ratio())),
                optional(case.clock.map(|target| target.at_least)),
                optional(case.clock.map(|target| target.aim)),
                work(&outcome.ours).unwrap_or_default(),
                work(&outcome.theirs).unwrap_or_default(),
                outcome.ours.work().map(|_| case.unit.work.to_owned()).unwrap_or_default(),
                outcome.processor_ratio().map(|ratio| format!("**{}**", figure(ratio))).unwrap_or_default(),
                optional(case.processor.map(|target| target.at_least)),
                optional(case.processor.map(|target| target.aim)),
            ];
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        let notes = self.outcomes.iter().filter_map(|outcome| {
            let left_out = outcome.left_out.as_ref().map(|reason| format!("left out: {reason}"));
            Some((outcome.case.name, left_out.or_else(|| outcome.note.clone())?))
        });
        for (at, (name, note)) in notes.enumerate() {
            let _ = writeln!(text, "{}- {name}: {note}", if at == 0 { "\n" } else { "" });
        }
        text
    }

    /// Writes one of these forms into a file.
    pub(crate) fn write(&self, file: &Path, text: &str) -> Result<()> {
        std::fs::write(file, text).map_err(BenchError::io(format!("cannot write {}", file.display())))
    }

    /// The cases whose ratio is less than its limit; one that was not measured counts as less.
    pub(crate) fn below(&self, factor: f64, small: bool) -> Vec<String> {
        self.outcomes.iter().flat_map(|outcome| outcome.below(factor, small)).collect()
    }
}

impl CaseResult {
    /// The ratios that are less than their limits.
    fn below(&self, factor: f64, small: bool) -> Vec<String> {
        if self.left_out.is_some() {
            return Vec::new();
        }
        let limits = self.case.limits(factor, small).into_iter();
        limits
            .filter_map(|limit| {
                let (ratio, of) = match limit.of {
                    RatioKind::Clock => (self.ratio(), "the ratio"),
                    RatioKind::Processor => {
                        (self.processor_ratio().unwrap_or(f64::NAN), "the ratio of processor time")
                    }
                };
                let enough = limit.factor * limit.required;
                (ratio.is_nan() || ratio < enough).then(|| {
                    let (name, text) = (self.case.name, figure(ratio));
                    let (enough, factor, required) = (figure(enough), limit.factor, limit.required);
                    format!("{name}: {of} is {text}, less than {enough} ({factor} × {required})")
                })
            })
            .collect()
    }
}

fn processor_json(rounds: &Rounds) -> Option<serde_json::Value> {
    let (cost, all) = (rounds.work()?, rounds.processor()?);
    Some(serde_json::json!({
        "all": all.median(),
        "min": all.min(),
        "max": all.max(),
        "program": cost.program,
        "server": cost.server,
    }))
}

fn optional(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Measured, UnitCost};

    /// A result of the case with this ratio by the clock, and of processor time.
    fn result(name: &str, clock: f64, processor: Option<f64>) -> CaseResult {
        let side = |figure, micros: Option<f64>| {
            let work = micros.map(|micros| UnitCost { program: micros / 4.0, server: micros * 3.0 / 4.0 });
            Rounds(vec![Measured { figure, work }])
        };
        let mut result = CaseResult::of(name, "3 events", "nothing").unwrap();
        (result.ours, result.theirs) =
            (side(clock, Some(10.0)), side(1.0, processor.map(|ratio| ratio * 10.0)));
        result
    }

    /// Some case with a target of processor time, at small sizes too.
    fn required() -> (&'static str, f64, f64) {
        let case = CASES.iter().find(|case| case.name == "command-64").unwrap();
        let small = case.limits(1.0, true);
        let small = small.iter().find(|limit| limit.of == RatioKind::Processor).unwrap().required;
        (case.name, case.processor.unwrap().at_least, small)
    }

    #[test]
    fn too_small_a_ratio_of_processor_time_is_refused() {
        let (name, at_least, small) = required();
        let below = |ratio, is_small| result(name, 1e6, ratio).below(0.5, is_small);
        assert_eq!(below(Some(at_least * 0.51), false), Vec::<String>::new());
        let found = below(Some(at_least * 0.49), false);
        let text = found.first().unwrap();
        assert!(text.starts_with(&format!("{name}: the ratio of processor time is ")), "{text}");
        // The factor is that of the clock; processor time is steadier.
        assert_eq!(below(Some(small * 0.81), true), Vec::<String>::new());
        assert_eq!(below(Some(small * 0.79), true).len(), 1);
        assert_eq!(below(None, true).len(), 1, "not measured");
    }

    #[test]
    fn a_ratio_by_the_clock_is_refused_beside_that_of_processor_time() {
        let (name, _, _) = required();
        let found = result(name, 0.0, Some(1e6)).below(0.5, false);
        let text = found.first().unwrap();
        assert!(text.starts_with(&format!("{name}: the ratio is 0.000, less than ")), "{text}");
    }

    #[test]
    fn a_case_that_is_left_out_is_named_and_not_refused() {
        let reason = "this machine has no server".to_owned();
        let left_out = CaseResult::left_out("command-64-disintegrate", "", reason).unwrap();
        assert_eq!(left_out.below(1.0, false), Vec::<String>::new());
        let measured = CaseResult { left_out: None, ..left_out.clone() };
        assert_eq!(measured.below(1.0, false).len(), 1, "without figures");
    }

    #[test]
    fn figures_have_digits_by_their_size() {
        let figures = [0.1234, 1.234, 12.34, 123.4, 1_234_567.0].map(figure);
        assert_eq!(figures, ["0.123", "1.23", "12.3", "123", "1 234 567"]);
    }

    #[test]
    fn the_table_has_processor_times_and_their_ratio() {
        let measured = result("command-64", 3.0, Some(4.0));
        assert_eq!(work(&measured.ours).unwrap(), "10.0 µs (2.50 program + 7.50 server)");
        assert_eq!(processor_json(&measured.ours).unwrap()["server"], 7.5);
        assert_eq!(work(&Rounds::figure(1.0)), None);
    }
}
