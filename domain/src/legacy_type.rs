//! The two types that a phase had in the legacy planner.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The enum `phasetype`, in the enum's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LegacyPhaseType {
    /// `PLANNING`
    Planning,
    /// `EXECUTION`
    Execution,
}

impl LegacyPhaseType {
    /// The enum's labels, in order.
    pub const LABELS: [&'static str; 2] = ["PLANNING", "EXECUTION"];

    /// The label as the database writes it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Planning => "PLANNING",
            Self::Execution => "EXECUTION",
        }
    }

    /// The type that the planner's own rollback gives a phase by its name, for phases that were created in the timeline shape.
    /// Case is folded as PostgreSQL's `lower(name) LIKE '%planning%'` does for these letters.
    pub fn by_name(name: &str) -> Self {
        if name.to_lowercase().contains("planning") { Self::Planning } else { Self::Execution }
    }

    /// The name that a phase of this type gets.
    pub const fn phase_name(self) -> &'static str {
        match self {
            Self::Planning => "Planning",
            Self::Execution => "Execution",
        }
    }
}

impl fmt::Display for LegacyPhaseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A label that the enum `phasetype` lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a legacy phase type (PLANNING, EXECUTION)")]
pub struct UnknownPhaseType(pub String);

impl FromStr for LegacyPhaseType {
    type Err = UnknownPhaseType;
    fn from_str(label: &str) -> Result<Self, UnknownPhaseType> {
        match label {
            "PLANNING" => Ok(Self::Planning),
            "EXECUTION" => Ok(Self::Execution),
            _ => Err(UnknownPhaseType(label.to_owned())),
        }
    }
}
