//! Progress on a terminal.

use super::step::ProgressStep;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A bar during a step, a line when it is done.
#[derive(Debug)]
pub(super) struct Bar {
    state: Mutex<Option<(ProgressStep, ProgressBar)>>,
}

/// Without colours, so that `NO_COLOR` needs no handling here.
fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{spinner} {msg} [{bar:30}] {percent} % of {human_len}, {rate}, {eta} left",
        None => "{spinner} {msg} … {elapsed}",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
            let _ = write!(text, "{:.0}/s", state.per_sec());
        })
        .progress_chars("=> ")
        .tick_chars("|/-\\ ")
}

impl Bar {
    pub(super) const fn new() -> Self {
        Self { state: Mutex::new(None) }
    }

    pub(super) fn step(&self, name: &str, total: Option<u64>) {
        self.finish();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        bar.set_style(style(total));
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((ProgressStep::new(name, total), bar));
    }

    pub(super) fn advance(&self, done: u64) {
        if let Some((step, bar)) = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            step.done = done;
            bar.set_position(done);
        }
    }

    pub(super) fn note(&self, text: &str) {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((_, bar)) => bar.println(format!("  {text}")),
            None => {
                let _ = std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("  {text}\n"));
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Some((step, bar)) = self.state.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.println(step.done_line());
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
