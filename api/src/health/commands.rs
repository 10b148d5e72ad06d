//! How the last command ended: what the database itself cannot say before the next one is tried.

use super::Reason;
use phaseline_store::StoreError;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a failure counts. A proxy that believes `/readyz` sends no command that could end it, so after this time the
/// service takes the next one and learns from that.
const COUNTS: Duration = Duration::from_secs(30);

/// The last failure of a command that every other command would meet, too.
#[derive(Debug, Default)]
pub(crate) struct CommandHealth {
    failed: Mutex<Option<Failed>>,
}

#[derive(Clone, Debug)]
struct Failed {
    code: &'static str,
    message: &'static str,
    at: Instant,
}

impl CommandHealth {
    /// A command was written.
    pub(crate) fn succeeded(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A command was not written. Locks and lost connections are not remembered: they can be looked for.
    pub(crate) fn failed(&self, error: &StoreError) {
        let sqlstate = error.sqlstate();
        let (code, message) = match sqlstate.as_deref().unwrap_or_default() {
            "53100" => (
                "disk_full",
                "the last command failed: the database server has no room left on its disk; make room there",
            ),
            class if class.starts_with("53") || class.starts_with("58") => (
                "out_of_resources",
                "the last command failed: the database server lacks memory, or cannot use its files; the service's log says which",
            ),
            "25006" => (
                "read_only",
                "the last command failed: the database takes no writes; connect to the primary, or reset \
                 default_transaction_read_only",
            ),
            class if class.starts_with("42") => (
                "commands_fail",
                "the last command failed: a function, a table or a right of schema phaseline is missing; run: phaseline doctor",
            ),
            _ => return,
        };
        let failed = Failed { code, message, at: Instant::now() };
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    }

    /// Why commands are not carried out, if the last one says so.
    pub(super) fn reason(&self) -> Option<Reason> {
        self.reason_at(Instant::now())
    }

    fn reason_at(&self, now: Instant) -> Option<Reason> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (now.saturating_duration_since(failed.at) < COUNTS).then(|| Reason::new(failed.code, failed.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_until_a_command_succeeds_and_no_longer_than_half_a_minute() {
        let health = CommandHealth::default();
        health.failed(&StoreError::Busy("a lock".to_owned()));
        assert!(health.reason().is_none(), "locks are looked for");
        let begun = Instant::now();
        *health.failed.lock().unwrap() = Some(Failed { code: "disk_full", message: "full", at: begun });
        assert_eq!(health.reason_at(begun + COUNTS / 2).unwrap().code, "disk_full");
        assert!(health.reason_at(begun + COUNTS).is_none());
        health.succeeded();
        assert!(health.reason_at(begun).is_none());
    }
}
