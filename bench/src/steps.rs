//! The time of each step of a run of Phaseline.

use phaseline_migrator::progress::Progress;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Records when each step began.
#[derive(Debug, Default)]
pub(crate) struct StepTimes(Mutex<Vec<(String, Instant)>>);

impl StepTimes {
    /// "folding the log 1.20 s, comparing 0.31 s"; call it as soon as the run has ended.
    pub(crate) fn summary(&self) -> String {
        let ended = Instant::now();
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = steps.iter().skip(1).map(|(_, begun)| *begun).chain([ended]);
        let texts: Vec<String> = steps
            .iter()
            .zip(ends)
            .map(|((name, begun), end)| format!("{name} {:.2} s", end.duration_since(*begun).as_secs_f64()))
            .collect();
        texts.join(", ")
    }
}

impl Progress for StepTimes {
    fn step(&self, name: &str, _total: Option<u64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), Instant::now()));
    }
    fn advance(&self, _done: u64) {}
    fn note(&self, _text: &str) {}
}
