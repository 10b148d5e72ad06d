//! How the program ends. Scripts and operators act on these numbers, so they never change their meaning.

use std::process::ExitCode;

/// An exit code. Whatever is not [`Exit::Done`] wrote nothing, unless its text says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or the database was in the wanted shape already.
    Done = 0,
    /// Unexpected: a bug, a full disk, a self-check that failed and undid everything.
    Unexpected = 1,
    /// The command line is wrong, or `--yes` is missing where nobody can be asked.
    Usage = 2,
    /// Not migratable: the data, the tables or the role's privileges do not allow it. Also a rollback that is refused,
    /// a command that a rule refuses, something asked for that does not exist, and a log's schema of another version
    /// than is needed: the request is well formed, and the database as it stands says no.
    NotMigratable = 3,
    /// The plan is stale: data or options are not those of `--plan`.
    StalePlan = 4,
    /// Another run holds the lock; the text says who.
    Locked = 5,
    /// Verification failed, the log is damaged, an event of it cannot be read, or the tables are not what the log says. What
    /// could be done for all other timelines was done.
    VerificationFailed = 6,
    /// The rollback would lose what the old schema cannot hold.
    WouldLose = 7,
    /// Interrupted, and can be run again: a signal, a lost connection, or tables that could not be locked in time (it
    /// is users who hold them and not a run, so that waiting and running again is the remedy).
    Interrupted = 8,
    /// No database: it cannot be reached, or there is no PostgreSQL to start.
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
    fn help_says_what_each_code_means() {
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
