//! Progress without a terminal: one line per step, and one from time to time during a long step, for readers of a log
//! file.

use super::step::ProgressStep;
use crate::output::Output;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Interval of lines during a long step.
const EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Lines {
    shared: Arc<SharedLines>,
}

#[derive(Debug)]
struct SharedLines {
    state: Mutex<LinesState>,
    changed: Condvar,
    output: Arc<Output>,
}

#[derive(Debug, Default)]
struct LinesState {
    step: Option<ProgressStep>,
    /// Counts steps, so that the reporter detects a new one.
    number: u64,
    ended: bool,
}

impl Lines {
    pub(super) fn new(output: Arc<Output>) -> Self {
        let shared = Arc::new(SharedLines {
            state: Mutex::new(LinesState::default()),
            changed: Condvar::new(),
            output,
        });
        let reporter = Arc::clone(&shared);
        std::thread::spawn(move || reporter.report());
        Self { shared }
    }

    pub(super) fn begin(&self, step: ProgressStep) {
        self.finish();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.step = Some(step);
        state.number += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    pub(super) fn total(&self, total: u64) {
        if let Some(step) = &mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).step {
            step.set_total(total);
        }
    }

    pub(super) fn advance(&self, done: u64) {
        if let Some(step) = &mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).step {
            step.done = done;
        }
    }

    pub(super) fn note(&self, text: &str) {
        self.shared.output.remark(&format!("  {text}"));
    }

    pub(super) fn finish(&self) {
        let step = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).step.take();
        if let Some(step) = step {
            self.shared.output.remark(&step.done_line());
        }
    }
}

impl SharedLines {
    fn report(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.ended {
            let number = state.number;
            let (next, waited) =
                self.changed.wait_timeout(state, EVERY).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out()
                && state.number == number
                && let Some(step) = &state.step
            {
                self.output.remark(&step.under_way_line());
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.changed.notify_all();
    }
}
