//! A step of a run, and the lines about it.

use crate::render::format::{count, span};
use std::time::Instant;

/// The current step.
#[derive(Clone, Debug)]
pub(super) struct ProgressStep {
    pub(super) name: String,
    pub(super) total: Option<u64>,
    pub(super) done: u64,
    pub(super) begun: Instant,
}

impl ProgressStep {
    pub(super) fn new(name: &str, total: Option<u64>) -> Self {
        Self { name: name.to_owned(), total, done: 0, begun: Instant::now() }
    }

    /// Units per second so far.
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    fn rate(&self) -> f64 {
        self.done as f64 / self.begun.elapsed().as_secs_f64().max(0.001)
    }

    /// The line of a completed step.
    pub(super) fn done_line(&self) -> String {
        let took = span(self.begun.elapsed());
        match self.total {
            Some(total) => format!("{} … {} done in {took}", self.name, count(total)),
            None => format!("{} … done in {took}", self.name),
        }
    }

    /// The line of a step in progress.
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    pub(super) fn under_way_line(&self) -> String {
        let elapsed = span(self.begun.elapsed());
        let Some(total) = self.total.filter(|total| *total > 0 && self.done > 0) else {
            return format!("{} … {elapsed} so far", self.name);
        };
        let rate = self.rate();
        let left = std::time::Duration::from_secs_f64(
            (total.saturating_sub(self.done) as f64 / rate.max(0.001)).min(1e7),
        );
        let percent = self.done.min(total) * 100 / total;
        format!("{} … {percent} % of {}, {rate:.0}/s, about {} left", self.name, count(total), span(left))
    }
}
