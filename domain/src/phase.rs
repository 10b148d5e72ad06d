//! A phase of a timeline.

use crate::legacy_type::LegacyPhaseType;
use crate::{Budget, DateRange, Description, PhaseId, PhaseName};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The values of a phase's legacy row that the timeline shape has no column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyOrigin {
    /// Its `phase_type`.
    pub phase_type: LegacyPhaseType,
    /// `created_at` (UTC).
    pub created_at: NaiveDateTime,
    /// `updated_at` (UTC).
    pub updated_at: NaiveDateTime,
    /// The row's place in the order of all rows of the legacy table.
    pub ordinal: i64,
}

/// One phase of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its id.
    pub id: PhaseId,
    /// Its name; need not be unique.
    pub name: PhaseName,
    /// Its dates.
    pub range: DateRange,
    /// Its description.
    pub description: Option<Description>,
    /// Its budget.
    pub budget: Budget,
    /// The values of its legacy row, if it has one.
    pub legacy: Option<LegacyOrigin>,
    /// Whether a repair made it and no command has changed it since: the legacy shape leaves it out.
    #[serde(default)]
    pub supplied: bool,
}
