//! Progress of a run: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`. All on stderr.

mod bar;
mod lines;
mod step;

use crate::interrupt::Interrupt;
use crate::output::Output;
use bar::Bar;
use lines::Lines;
use phaseline_migrator::progress::Progress;
use std::io::IsTerminal;
use std::sync::Arc;
use step::ProgressStep;

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

    /// A step whose units are bytes.
    pub(crate) fn step_of_bytes(&self, name: &str, total: u64) {
        match &self.view {
            ProgressView::Bar(bar) => bar.begin(ProgressStep::of_bytes(name, total)),
            ProgressView::Lines(lines) => lines.begin(ProgressStep::of_bytes(name, total)),
            ProgressView::Silent => {}
        }
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
            ProgressView::Bar(bar) => bar.begin(ProgressStep::new(name, total)),
            ProgressView::Lines(lines) => lines.begin(ProgressStep::new(name, total)),
            ProgressView::Silent => {}
        }
    }

    fn total(&self, total: u64) {
        match &self.view {
            ProgressView::Bar(bar) => bar.total(total),
            ProgressView::Lines(lines) => lines.total(total),
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
