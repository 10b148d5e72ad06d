//! Ctrl-C and SIGTERM. A run that writes stops at its next safe point; at a second signal, and always in a command
//! that only reads, its connection is closed, and PostgreSQL undoes what was not committed.

use crate::output::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// How far a signal reaches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    signals: AtomicU32,
    /// The command looks at [`Interrupt::requested`] itself: the first signal only asks.
    graceful: AtomicBool,
    /// The command cleans up behind itself and cannot be cut short: it takes seconds at most.
    tidy: AtomicBool,
    /// The command says itself that it stops.
    silent: AtomicBool,
    signalled: Notify,
    cancel: Notify,
}

impl Interrupt {
    /// From here on the first signal only sets [`Interrupt::requested`].
    pub(crate) fn stop_gracefully(&self) {
        self.state.graceful.store(true, Ordering::Relaxed);
    }

    /// The same, and the command says itself what it does then.
    pub(crate) fn stop_in_its_own_words(&self) {
        self.state.silent.store(true, Ordering::Relaxed);
        self.stop_gracefully();
    }

    /// From here on no signal ends the command; it watches [`Interrupt::signalled`] and cleans up.
    pub(crate) fn tidy_up_first(&self) {
        self.state.tidy.store(true, Ordering::Relaxed);
    }

    /// Whether a signal came.
    pub(crate) fn requested(&self) -> bool {
        self.state.signals.load(Ordering::Relaxed) > 0
    }

    /// Returns when a signal has come.
    pub(crate) async fn signalled(&self) {
        while !self.requested() {
            self.state.signalled.notified().await;
        }
    }

    /// Returns when the command is to be dropped at once.
    pub(crate) async fn cancelled(&self) {
        self.state.cancel.notified().await;
    }

    /// Listens for signals from now on. Must be called inside the runtime.
    pub(crate) fn listen(&self, output: Arc<Output>) -> std::io::Result<()> {
        let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        for kind in signals {
            tokio::spawn(hear(signal(kind)?, Arc::clone(&self.state), Arc::clone(&output)));
        }
        Ok(())
    }
}

/// How many signals it takes to end the program without waiting for anything: should all else hang.
const AT_ONCE: u32 = 3;

async fn hear(mut signal: Signal, state: Arc<State>, output: Arc<Output>) {
    while signal.recv().await.is_some() {
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
                    "stopping after this step; once more to stop at once. Either way nothing is half done.",
                );
            }
        } else {
            state.cancel.notify_one();
        }
    }
}
