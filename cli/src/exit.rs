//! Exit codes. Scripts and operators rely on these numbers, so their meanings never change.

use std::process::ExitCode;

/// An exit code. With any other than [`Exit::Done`] nothing was written, unless the message states otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or the database was in the wanted shape already.
    Done = 0,
    /// Unexpected: a bug, a full disk, a self-check that failed and rolled everything back.
    Unexpected = 1,
    /// The command line is wrong, or `--yes` is missing without a terminal.
    Usage = 2,
    /// Not migratable: the data, the tables or the role's privileges do not allow it. Also a refused rollback, a command
    /// that a rule refuses, a missing object, and a log schema of an unsuitable version: the request is well formed, and
    /// the state of the database does not allow it.
    NotMigratable = 3,
    /// The plan is stale: data or options are not those of `--plan`.
    StalePlan = 4,
    /// Another run holds the lock; the message names it.
    Locked = 5,
    /// Verification failed, the log is damaged, an event cannot be read, or there is drift. All other timelines were
    /// processed.
    VerificationFailed = 6,
    /// The rollback would lose values that the legacy shape cannot hold.
    WouldLose = 7,
    /// Interrupted, and can be run again: a signal, a lost connection, a question without a yes, or tables that could not be locked in time (users
    /// hold them, not a run, so waiting and running again is the remedy).
    Interrupted = 8,
    /// No database: it cannot be reached, PostgreSQL is not installed, or the server is a standby and the command writes.
    NoDatabase = 9,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn help_has_the_meaning_of_each_code() {
        let all = [
            Exit::Done,
            Exit::Unexpected,
            Exit::Usage,
            Exit::NotMigratable,
            Exit::StalePlan,
            Exit::Locked,
            Exit::VerificationFailed,
            Exit::WouldLose,
            Exit::Interrupted,
            Exit::NoDatabase,
        ];
        for (number, exit) in all.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), number);
            assert!(crate::args::GUIDE.contains(&format!("\n  {number}  ")), "{exit:?}");
        }
    }
}
