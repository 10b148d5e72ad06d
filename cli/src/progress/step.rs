//! A step of a run, and the lines about it.

use crate::render::format::{bytes, count, span};
use crate::width::{cut, of_text};
use std::time::{Duration, Instant};

/// The widest bar, without its brackets.
const BAR: usize = 30;
/// The narrowest one.
const NARROWEST_BAR: usize = 8;
/// Time after which a rate is known well enough for an estimate.
const SETTLED: Duration = Duration::from_millis(500);

/// The current step.
#[derive(Clone, Debug)]
pub(super) struct ProgressStep {
    pub(super) name: String,
    pub(super) total: Option<u64>,
    pub(super) done: u64,
    /// How a number of units is written.
    written: fn(u64) -> String,
    begun: Instant,
    /// When its units began to count: at once, or when their number was known.
    counting: Instant,
}

/// The figures of a step with a total.
#[derive(Clone, Debug)]
struct StepFigures {
    percent: u64,
    total: String,
    rate: String,
    /// None until something is done.
    left: Option<String>,
}

impl ProgressStep {
    pub(super) fn new(name: &str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { name: name.to_owned(), total, done: 0, written: count, begun: now, counting: now }
    }

    /// A step whose units are bytes.
    pub(super) fn of_bytes(name: &str, total: u64) -> Self {
        Self { written: bytes, ..Self::new(name, Some(total)) }
    }

    /// Sets the number of units, which was unknown before.
    pub(super) fn set_total(&mut self, total: u64) {
        (self.total, self.counting) = (Some(total), Instant::now());
    }

    /// The same step with these units.
    pub(super) fn at(&self, done: u64, total: Option<u64>) -> Self {
        Self { done, total, ..self.clone() }
    }

    /// The line of a completed step.
    pub(super) fn done_line(&self) -> String {
        let took = span(self.begun.elapsed());
        match self.total {
            Some(total) => format!("{} … {} done in {took}", self.name, (self.written)(total)),
            None => format!("{} … done in {took}", self.name),
        }
    }

    /// The line of a step in progress.
    pub(super) fn under_way_line(&self) -> String {
        let elapsed = self.begun.elapsed();
        match self.figures(self.counting.elapsed()) {
            Some(StepFigures { percent, total, rate, left: Some(left) }) => {
                format!("{} … {percent} % of {total}, {rate}, about {left} left", self.name)
            }
            _ => format!("{} … {} so far", self.name, span(elapsed)),
        }
    }

    /// The line of a step in progress on a terminal of this width, after this time. If it is narrow, the bar gets shorter; then bar, rate
    /// and total are left out, in this order; at last the name is cut.
    pub(super) fn bar_line(&self, elapsed: Duration, columns: usize) -> String {
        let Some(StepFigures { percent, total, rate, left }) = self.figures(elapsed) else {
            let time = span(Duration::from_secs(elapsed.as_secs()));
            let whole = format!("{} … {time}", self.name);
            let name = cut(&self.name, columns.saturating_sub(of_text(&time) + 1));
            return if of_text(&whole) <= columns { whole } else { format!("{name} {time}") };
        };
        let left = left.map_or_else(String::new, |left| format!(", {left} left"));
        let all = format!("{percent} % of {total}, {rate}{left}");
        let name = of_text(&self.name);
        let bar = columns.saturating_sub(name + of_text(&all) + 4).min(BAR);
        if bar >= NARROWEST_BAR {
            let full = usize::try_from(percent).unwrap_or_default().min(100) * bar / 100;
            let head = if full < bar { ">" } else { "" };
            let bar = format!("{:<bar$}", format!("{}{head}", "=".repeat(full)));
            return format!("{} [{bar}] {all}", self.name);
        }
        let shorter = [all, format!("{percent} % of {total}{left}"), format!("{percent} %{left}")];
        let fits = |figures: &&String| name + 1 + of_text(figures) <= columns;
        let figures = shorter.iter().find(fits).unwrap_or(&shorter[2]);
        format!("{} {figures}", cut(&self.name, columns.saturating_sub(of_text(figures) + 1)))
    }

    /// The figures, if the total is known.
    #[expect(clippy::cast_precision_loss, reason = "figures to look at")]
    fn figures(&self, elapsed: Duration) -> Option<StepFigures> {
        let total = self.total.filter(|total| *total > 0)?;
        let done = self.done.min(total);
        let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
        let is_known = done > 0 && (elapsed >= SETTLED || done == total);
        let left = is_known
            .then(|| Duration::try_from_secs_f64((total - done) as f64 / rate).ok())
            .flatten()
            .map(remaining);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate")]
        let rate = format!("{}/s", (self.written)(rate.round() as u64));
        Some(StepFigures { percent: done * 100 / total, total: (self.written)(total), rate, left })
    }
}

/// An estimate, in whole seconds.
fn remaining(time: Duration) -> String {
    match time.as_secs_f64().ceil() {
        seconds if seconds < 60.0 => format!("{seconds} s"),
        _ => span(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> ProgressStep {
        let mut step = ProgressStep::new("reading the log", Some(120_000));
        step.done = 54_000;
        step
    }

    #[test]
    fn a_line_gives_up_bar_rate_and_total_before_its_name_is_cut() {
        let at = |columns: usize| {
            let line = step().bar_line(Duration::from_secs(9), columns);
            assert!(of_text(&line) <= columns, "{columns}: {line}");
            line
        };
        assert_eq!(
            at(100),
            "reading the log [=============>                ] 45 % of 120,000, 6,000/s, 11 s left"
        );
        assert_eq!(at(70), "reading the log [=======>        ] 45 % of 120,000, 6,000/s, 11 s left");
        assert_eq!(at(60), "reading the log 45 % of 120,000, 6,000/s, 11 s left");
        assert_eq!(at(44), "reading the log 45 % of 120,000, 11 s left");
        assert_eq!(at(36), "reading the log 45 %, 11 s left");
        assert_eq!(at(28), "reading the… 45 %, 11 s left");
    }

    #[test]
    fn a_step_without_total_or_without_a_rate_shows_what_is_known() {
        let unknown = ProgressStep::new("indexing the legacy resource_assignments", None);
        let line = unknown.bar_line(Duration::from_millis(75_900), 44);
        assert_eq!(line, "indexing the legacy resource_ass… 1 min 15 s");
        let mut dump = ProgressStep::of_bytes("dumping", 3_000_000);
        dump.done = 1_500_000;
        assert_eq!(dump.bar_line(Duration::from_secs(1), 44), "dumping 50 % of 3.0 MB, 1.5 MB/s, 1 s left");
        let mut begun = step();
        begun.done = 0;
        assert_eq!(begun.bar_line(Duration::from_secs(1), 44), "reading the log 0 % of 120,000, 0/s");
        assert!(begun.under_way_line().ends_with(" so far"));
    }
}
