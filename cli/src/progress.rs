//! Progress of a run: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`. All on stderr.

mod bar;
mod lines;

use crate::interrupt::Interrupt;
use crate::output::Output;
use bar::Bar;
use lines::Lines;
use phaseline_migrator::progress::Progress;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Instant;

/// Reports one run's progress and receives its signals.
#[derive(Debug)]
pub(crate) struct Watcher {
    view: ProgressView,
    interrupt: Interrupt,
}

#[derive(Debug)]
enum ProgressView {
    Bar(Bar),
    Lines(Lines),
    Silent,
}

impl Watcher {
    /// A watcher for stderr. Log lines would break a bar, so `-v` disables it.
    pub(crate) fn new(output: &Arc<Output>, interrupt: &Interrupt, verbose: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let view = if output.quiet() {
            ProgressView::Silent
        } else if std::io::stderr().is_terminal() && !dumb && !verbose {
            ProgressView::Bar(Bar::new())
        } else {
            ProgressView::Lines(Lines::new(Arc::clone(output)))
        };
        Self { view, interrupt: interrupt.clone() }
    }

    /// Ends the last step. A failed run does not call this, so that its step is not reported as done.
    pub(crate) fn finish(&self) {
        match &self.view {
            ProgressView::Bar(bar) => bar.finish(),
            ProgressView::Lines(lines) => lines.finish(),
            ProgressView::Silent => {}
        }
    }
}

impl Progress for Watcher {
    fn step(&self, name: &str, total: Option<u64>) {
        tracing::debug!(step = name, total, "step");
        match &self.view {
            ProgressView::Bar(bar) => bar.step(name, total),
            ProgressView::Lines(lines) => lines.step(name, total),
            ProgressView::Silent => {}
        }
    }

    fn advance(&self, done: u64) {
        match &self.view {
            ProgressView::Bar(bar) => bar.advance(done),
            ProgressView::Lines(lines) => lines.advance(done),
            ProgressView::Silent => {}
        }
    }

    fn note(&self, text: &str) {
        match &self.view {
            ProgressView::Bar(bar) => bar.note(text),
            ProgressView::Lines(lines) => lines.note(text),
            ProgressView::Silent => {}
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.requested()
    }
}

/// The current step.
#[derive(Clone, Debug)]
struct ProgressStep {
    name: String,
    total: Option<u64>,
    done: u64,
    begun: Instant,
}

impl ProgressStep {
    fn new(name: &str, total: Option<u64>) -> Self {
        Self { name: name.to_owned(), total, done: 0, begun: Instant::now() }
    }

    /// Units per second so far.
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    fn rate(&self) -> f64 {
        self.done as f64 / self.begun.elapsed().as_secs_f64().max(0.001)
    }

    /// The line of a completed step.
    fn done_line(&self) -> String {
        use crate::render::format::{count, span};
        let took = span(self.begun.elapsed());
        match self.total {
            Some(total) => format!("{} … {} done in {took}", self.name, count(total)),
            None => format!("{} … done in {took}", self.name),
        }
    }

    /// The line of a step in progress.
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    fn under_way_line(&self) -> String {
        use crate::render::format::{count, span};
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
