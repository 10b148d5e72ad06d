//! Why the phases beside a requested one cannot make room for it.

use crate::PhaseId;
use chrono::NaiveDate;
use std::fmt;

/// Why a phase cannot make room, and what to do first. Its text continues the message of V5, which is the planner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// The phase would lose dates in its middle.
    Split {
        /// The phase.
        phase_id: PhaseId,
        /// Its name.
        name: String,
        /// The first and the last date with which it can make room; none for the only phase of a project.
        shortened: Option<(NaiveDate, NaiveDate)>,
    },
    /// The phase would lose all its dates.
    Swallowed {
        /// The phase.
        phase_id: PhaseId,
        /// Its name.
        name: String,
    },
    /// The phase is not beside the requested one, or on its other side.
    NotBeside {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split { name, shortened: Some((start, end)), .. } => {
                write!(f, "'{name}' cannot be split; first shorten it to {start} to {end}")
            }
            Self::Split { name, shortened: None, .. } => {
                write!(f, "'{name}' cannot be split; first create a phase for its last dates")
            }
            Self::Swallowed { name, .. } => {
                write!(f, "'{name}' would keep no dates; leave it some, or first remove it")
            }
            Self::NotBeside { name } => {
                write!(
                    f,
                    "only the phases beside make room, and phases keep their order: '{name}' is another one"
                )
            }
        }
    }
}
