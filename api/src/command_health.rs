//! The outcome of the last command: a condition that checks of the database cannot find.

use phaseline_store::{SqlState, StoreError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure counts. A proxy that follows `/readyz` sends no command that could clear it, so after this time the service is
/// ready again and the next command decides.
const COUNTS: Duration = Duration::from_secs(30);

/// The last failure that every other command would meet, too.
#[derive(Debug, Default)]
pub(crate) struct CommandHealth {
    last: Mutex<Option<(CommandFailure, Instant)>>,
}

/// Why every command fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandFailure {
    /// A stable name for programs.
    pub(crate) code: &'static str,
    /// The error and the remedy.
    pub(crate) message: &'static str,
}

impl CommandHealth {
    /// A command was committed.
    pub(crate) fn succeeded(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A command failed. Locks and lost connections are not kept: the readiness check finds them.
    pub(crate) fn failed(&self, error: &StoreError) {
        let Some(sqlstate) = error.sqlstate() else { return };
        let (code, message) = match sqlstate {
            SqlState::DiskFull => (
                "disk_full",
                "the last command failed: the disk of the database server is full; free disk space there",
            ),
            state if state.is_out_of_resources() || state == SqlState::SystemError => (
                "out_of_resources",
                "the last command failed: the database server is out of memory, or cannot access its files; the service's log has the cause",
            ),
            SqlState::ReadOnly => (
                "read_only",
                "the last command failed: the database takes no writes; connect to the primary, or reset \
                 default_transaction_read_only",
            ),
            SqlState::ForeignCode => (
                "foreign_code",
                "the last command failed: code of another role on the planner's tables would run with their owner's rights; the \
                 service's log names it with the remedy",
            ),
            state if state.is_schema_mismatch() => (
                "commands_fail",
                "the last command failed: a function, a table or a privilege of schema phaseline is missing; run: phaseline doctor",
            ),
            _ => return,
        };
        let failure = CommandFailure { code, message };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((failure, Instant::now()));
    }

    /// Why commands fail, if the last one did.
    pub(crate) fn failure(&self) -> Option<CommandFailure> {
        self.failure_at(Instant::now())
    }

    fn failure_at(&self, now: Instant) -> Option<CommandFailure> {
        let (failure, at) = (*self.last.lock().unwrap_or_else(PoisonError::into_inner))?;
        (now.saturating_duration_since(at) < COUNTS).then_some(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_until_a_command_succeeds_or_half_a_minute() {
        let health = CommandHealth::default();
        health.failed(&StoreError::Busy("a lock".to_owned()));
        assert!(health.failure().is_none(), "the readiness check finds locks");
        let begun = Instant::now();
        *health.last.lock().unwrap() = Some((CommandFailure { code: "disk_full", message: "full" }, begun));
        assert_eq!(health.failure_at(begun + COUNTS / 2).unwrap().code, "disk_full");
        assert!(health.failure_at(begun + COUNTS).is_none());
        health.succeeded();
        assert!(health.failure_at(begun).is_none());
    }
}
