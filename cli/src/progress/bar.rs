//! Progress on a terminal.

use super::step::ProgressStep;
use crate::render::Page;
use crate::width::{self, StandardStream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The width if the terminal does not tell it.
const USUAL: usize = 80;
/// The columns of the spinner and of the gap behind it, and one that stays free: some terminals wrap behind the last column.
const AROUND: usize = 3;

/// A bar during a step, a line when it is done.
#[derive(Debug)]
pub(super) struct Bar {
    state: Mutex<Option<(ProgressStep, ProgressBar)>>,
}

/// One line that fits the terminal. Without colours, so that `NO_COLOR` needs no handling here.
fn style(step: ProgressStep) -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {line}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("line", move |state: &ProgressState, text: &mut dyn Write| {
            let columns = width::of_terminal(StandardStream::Error).unwrap_or(USUAL);
            let now = step.at(state.pos(), state.len());
            let _ = text.write_str(&now.bar_line(state.elapsed(), columns.saturating_sub(AROUND)));
        })
        .tick_chars("|/-\\ ")
}

/// The text, wrapped for the terminal.
fn wrapped(text: &str) -> String {
    let columns = width::of_terminal(StandardStream::Error);
    // A line up to the edge would need no line break on some terminals, and one on others.
    Page::from(text).fitted(columns.map(|columns| columns.saturating_sub(1)))
}

impl Bar {
    pub(super) const fn new() -> Self {
        Self { state: Mutex::new(None) }
    }

    pub(super) fn begin(&self, step: ProgressStep) {
        self.finish();
        let bar = ProgressBar::with_draw_target(step.total, ProgressDrawTarget::stderr());
        bar.set_style(style(step.clone()));
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some((step, bar));
    }

    pub(super) fn total(&self, total: u64) {
        if let Some((step, bar)) = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            step.set_total(total);
            bar.set_length(total);
            bar.reset_elapsed();
        }
    }

    pub(super) fn advance(&self, done: u64) {
        if let Some((step, bar)) = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            step.done = done;
            bar.set_position(done);
        }
    }

    pub(super) fn note(&self, text: &str) {
        let text = wrapped(&format!("  {text}"));
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((_, bar)) => bar.println(text),
            None => {
                let _ = std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("{text}\n"));
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Some((step, bar)) = self.state.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.println(wrapped(&step.done_line()));
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    /// Clears the bar of a failed step.
    fn drop(&mut self) {
        if let Some((_, bar)) = self.state.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
