//! Ctrl-C and SIGTERM. A run that writes stops at its next safe point; at a second signal, and always in a command
//! that only reads, its connection is closed, and PostgreSQL rolls back what was not committed.

use crate::output::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Signals so far, and how the command handles them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    state: Arc<InterruptState>,
}

#[derive(Debug, Default)]
struct InterruptState {
    signals: AtomicU32,
    /// The command polls [`Interrupt::requested`]: the first signal is a request.
    graceful: AtomicBool,
    /// The command cleans up and cannot be cancelled: that takes seconds at most.
    tidy: AtomicBool,
    /// The command reports by itself that it stops.
    silent: AtomicBool,
    /// The command handles SIGHUP itself; it is not a request to stop.
    reloading: AtomicBool,
    hung_up: Notify,
    signalled: Notify,
    cancel: Notify,
}

impl Interrupt {
    /// From here on the first signal only sets [`Interrupt::requested`].
    pub(crate) fn stop_gracefully(&self) {
        self.state.graceful.store(true, Ordering::Relaxed);
    }

    /// The same, without the remark: the command reports by itself that it stops.
    pub(crate) fn stop_silently(&self) {
        self.state.silent.store(true, Ordering::Relaxed);
        self.stop_gracefully();
    }

    /// From here on no signal ends the command; it awaits [`Interrupt::signalled`] and cleans up.
    pub(crate) fn tidy_up_first(&self) {
        self.state.tidy.store(true, Ordering::Relaxed);
    }

    /// From here on SIGHUP does not end the command; it awaits [`Interrupt::hung_up`].
    pub(crate) fn reload_at_hangups(&self) {
        self.state.reloading.store(true, Ordering::Relaxed);
    }

    /// Returns at the next SIGHUP.
    pub(crate) async fn hung_up(&self) {
        self.state.hung_up.notified().await;
    }

    /// Whether a signal arrived.
    pub(crate) fn requested(&self) -> bool {
        self.state.signals.load(Ordering::Relaxed) > 0
    }

    /// Returns when a signal has arrived.
    pub(crate) async fn signalled(&self) {
        while !self.requested() {
            self.state.signalled.notified().await;
        }
    }

    /// Returns when the command must be cancelled at once.
    pub(crate) async fn cancelled(&self) {
        self.state.cancel.notified().await;
    }

    /// Installs the signal handlers. Must be called inside the runtime.
    pub(crate) fn listen(&self, output: Arc<Output>) -> std::io::Result<()> {
        let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        for kind in signals {
            tokio::spawn(handle(kind, signal(kind)?, Arc::clone(&self.state), Arc::clone(&output)));
        }
        Ok(())
    }
}

/// Number of signals that end the program at once, should it hang.
const AT_ONCE: u32 = 3;

async fn handle(kind: SignalKind, mut signal: Signal, state: Arc<InterruptState>, output: Arc<Output>) {
    while signal.recv().await.is_some() {
        if kind == SignalKind::hangup() && state.reloading.load(Ordering::Relaxed) {
            state.hung_up.notify_one();
            continue;
        }
        let count = state.signals.fetch_add(1, Ordering::Relaxed) + 1;
        state.signalled.notify_one();
        if state.tidy.load(Ordering::Relaxed) {
            output.remark("stopping; cleaning up first");
            continue;
        }
        if count >= AT_ONCE {
            std::process::exit(i32::from(crate::exit::Exit::Interrupted.code()));
        }
        if count == 1 && state.graceful.load(Ordering::Relaxed) {
            if !state.silent.load(Ordering::Relaxed) {
                output.remark(
                    "stopping after this step; signal again to stop at once. Either way the transaction is rolled back or committed as a whole.",
                );
            }
        } else {
            state.cancel.notify_one();
        }
    }
}
