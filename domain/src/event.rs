//! The events of a timeline. Each names its phase and carries everything needed to fold it.
//!
//! An event is stored as its type's name, its schema version and its payload (the inner object, without serde's
//! tag). [`TimelineEvent::from_stored`] reads it, and would upcast older schema versions.

mod flat;

use crate::legacy_type::LegacyPhaseType;
use crate::{Budget, DateRange, Description, PhaseId, PhaseName, ProjectId};
use chrono::NaiveDateTime;
use cqrs_es::DomainEvent;
use flat::{FlatField, FlatPayload};
use serde::{Deserialize, Serialize};

/// A stored event that this program cannot read.
#[derive(Debug, thiserror::Error)]
pub enum StoredEventError {
    /// The type is not one of this program.
    #[error("unknown event type {0:?}")]
    UnknownType(String),
    /// Written by a newer program.
    #[error(
        "{event_type} has schema version {found}, this program knows up to {known}: use a newer phaseline"
    )]
    UnknownVersion {
        /// The event's type.
        event_type: String,
        /// The version found in the log.
        found: i32,
        /// The newest version known here.
        known: i32,
    },
    /// The payload does not fit the type.
    #[error("payload of {event_type} cannot be read: {source}")]
    Payload {
        /// The event's type.
        event_type: String,
        /// The error of serde.
        #[source]
        source: serde_json::Error,
    },
    /// It is not possible at its place in the stream.
    #[error("{event_type} is not possible there: {why}")]
    Misplaced {
        /// The event's type.
        event_type: String,
        /// Why not.
        why: String,
    },
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident, $version:literal { $($(#[$field_doc:meta])* $(@$flat:ident)? $field:ident : $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub struct $name { $($(#[$field_doc])* $(#[serde($flat)])? pub $field: $type),* }

            impl $name {
                /// What its `Deserialize` reads, or none where that is unsure.
                fn from_flat(payload: &str) -> Option<Self> {
                    // A list would be taken field by field.
                    payload.starts_with('{').then_some(())?;
                    let mut flat: FlatPayload = serde_json::from_str(payload).ok()?;
                    Some(Self { $($field: FlatField::take(&mut flat, stringify!($field))?),* })
                }
            }
        )*

        /// One fact about a timeline, in the past tense.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum TimelineEvent { $($(#[$doc])* $name($name)),* }

        $(impl From<$name> for TimelineEvent {
            fn from(event: $name) -> Self { Self::$name(event) }
        })*

        impl TimelineEvent {
            /// The names of all types, with the schema version that this program writes and reads.
            pub const TYPES: &[(&str, i32)] = &[$((stringify!($name), $version)),*];

            /// The type's name, as the log keeps it.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name)),* }
            }

            /// The schema version that [`TimelineEvent::payload`] writes.
            pub fn schema_version(&self) -> i32 {
                match self { $(Self::$name(_) => $version),* }
            }

            /// The payload as the log keeps it: the event's own object, without a tag.
            pub fn payload(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$name(event) => serde_json::to_string(event)),* }
            }

            /// Reads an event back. Older schema versions would be upcast here, newer ones are refused.
            pub fn from_stored(event_type: &str, schema_version: i32, payload: &str) -> Result<Self, StoredEventError> {
                match event_type {
                    $(stringify!($name) => {
                        if schema_version != $version {
                            return Err(StoredEventError::UnknownVersion {
                                event_type: event_type.to_owned(), found: schema_version, known: $version,
                            });
                        }
                        if let Some(event) = $name::from_flat(payload) {
                            return Ok(Self::$name(event));
                        }
                        serde_json::from_str::<$name>(payload).map(Self::$name).map_err(|source| {
                            StoredEventError::Payload { event_type: event_type.to_owned(), source }
                        })
                    })*
                    _ => Err(StoredEventError::UnknownType(event_type.to_owned())),
                }
            }
        }
    };
}

events! {
    /// The project got a timeline.
    TimelineOpened, 1 {
        /// The project.
        project_id: ProjectId,
        /// The project's dates.
        @flatten range: DateRange,
    }
    /// The project's own dates moved.
    TimelineRescheduled, 1 {
        /// The project's new dates.
        @flatten range: DateRange,
    }
    /// A phase was created.
    PhaseCreated, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// Its name.
        name: PhaseName,
        /// Its dates.
        @flatten range: DateRange,
        /// Its description.
        description: Option<Description>,
        /// Its budget.
        @flatten budget: Budget,
    }
    /// A phase's dates changed.
    PhaseResized, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// Its new dates.
        @flatten range: DateRange,
    }
    /// A phase's name changed.
    PhaseRenamed, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// Its new name.
        name: PhaseName,
    }
    /// A phase's description changed, or was removed.
    PhaseDescribed, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// Its new description.
        description: Option<Description>,
    }
    /// A phase's budget changed.
    PhaseBudgeted, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// Its new budget.
        @flatten budget: Budget,
    }
    /// A phase was removed.
    PhaseRemoved, 1 {
        /// The phase.
        phase_id: PhaseId,
    }
    /// A phase of the legacy planner, with all values of its legacy row. Adopting a phase again replaces it.
    LegacyPhaseAdopted, 1 {
        /// The phase; the legacy row's id.
        phase_id: PhaseId,
        /// The name that its type gives it ("Planning", "Execution").
        name: PhaseName,
        /// The dates that the split gives it.
        @flatten range: DateRange,
        /// The legacy row's budget.
        @flatten budget: Budget,
        /// The legacy row's `phase_type`.
        phase_type: LegacyPhaseType,
        /// The legacy row's `created_at` (UTC, microseconds).
        created_at: NaiveDateTime,
        /// The legacy row's `updated_at` (UTC, microseconds).
        updated_at: NaiveDateTime,
        /// The row's place in the order of all rows of the legacy table.
        ordinal: i64,
    }
    /// The current values of a phase's legacy row. Recorded when a rollback gives a row to a phase that had none, and when a
    /// migration finds that the row was changed. Name, dates and description are not in the legacy table, and stay.
    LegacyRowRecorded, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// The row's budget.
        @flatten budget: Budget,
        /// The row's `phase_type`.
        phase_type: LegacyPhaseType,
        /// The row's `created_at` (UTC, microseconds).
        created_at: NaiveDateTime,
        /// The row's `updated_at` (UTC, microseconds).
        updated_at: NaiveDateTime,
        /// The row's place in the order of all rows of the legacy table.
        ordinal: i64,
    }
    /// A phase whose row another program wrote into the table of the timeline shape. If the timeline has the phase, this
    /// replaces everything but its legacy row.
    PhaseAdopted, 1 {
        /// The phase; the row's id.
        phase_id: PhaseId,
        /// Its name.
        name: PhaseName,
        /// Its dates.
        @flatten range: DateRange,
        /// Its description.
        description: Option<Description>,
        /// Its budget.
        @flatten budget: Budget,
        /// The row's `created_at` (UTC, microseconds).
        created_at: NaiveDateTime,
        /// The row's `updated_at` (UTC, microseconds).
        updated_at: NaiveDateTime,
    }
    /// The legacy table had no phase for the project, and a repair created this one, without a budget, so that the project's
    /// dates are covered. Until a command changes it, the legacy shape leaves it out.
    DefaultPhaseSupplied, 1 {
        /// The phase.
        phase_id: PhaseId,
        /// Its name.
        name: PhaseName,
        /// Its dates.
        @flatten range: DateRange,
    }
    /// The project was deleted, and its timeline with it.
    TimelineClosed, 1 {
        /// The project.
        project_id: ProjectId,
    }
}

impl TimelineEvent {
    /// The phase that the event is about; none for the events about the project's own dates.
    pub fn phase_id(&self) -> Option<PhaseId> {
        match self {
            Self::TimelineOpened(_) | Self::TimelineRescheduled(_) | Self::TimelineClosed(_) => None,
            Self::PhaseCreated(e) => Some(e.phase_id),
            Self::PhaseResized(e) => Some(e.phase_id),
            Self::PhaseRenamed(e) => Some(e.phase_id),
            Self::PhaseDescribed(e) => Some(e.phase_id),
            Self::PhaseBudgeted(e) => Some(e.phase_id),
            Self::PhaseRemoved(e) => Some(e.phase_id),
            Self::LegacyPhaseAdopted(e) => Some(e.phase_id),
            Self::LegacyRowRecorded(e) => Some(e.phase_id),
            Self::PhaseAdopted(e) => Some(e.phase_id),
            Self::DefaultPhaseSupplied(e) => Some(e.phase_id),
        }
    }
}

impl TimelineEvent {
    /// Whether the timeline is open after the event, given whether it was before.
    pub const fn leaves_open(&self, open: bool) -> bool {
        match self {
            Self::TimelineOpened(_) => true,
            Self::TimelineClosed(_) => false,
            _ => open,
        }
    }

    /// Fails if the event cannot have happened to the timeline of `project`, which is `open` or not.
    ///
    /// # Errors
    /// [`StoredEventError::Misplaced`]: it names another project, or the timeline is not open.
    pub fn belongs_to(&self, project: ProjectId, open: bool) -> Result<(), StoredEventError> {
        let why = match self {
            Self::TimelineOpened(TimelineOpened { project_id, .. })
            | Self::TimelineClosed(TimelineClosed { project_id })
                if *project_id != project =>
            {
                format!("it names project {project_id}")
            }
            Self::TimelineOpened(_) => return Ok(()),
            _ if open => return Ok(()),
            _ => "the timeline is not open".to_owned(),
        };
        Err(StoredEventError::Misplaced { event_type: self.type_name().to_owned(), why })
    }
}

impl DomainEvent for TimelineEvent {
    fn event_type(&self) -> String {
        self.type_name().to_owned()
    }

    fn event_version(&self) -> String {
        self.schema_version().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One payload of each type, with and without what may be missing.
    fn payloads() -> Vec<(&'static str, String)> {
        let all = r#""project_id":"6f9619ff-8b86-d011-b42d-00c04fc964ff","phase_id":"6f9619ff-8b86-d011-b42d-00c04fc964fe",
            "name":"Größe \"A\"","start_date":"2025-01-01","end_date":"2025-02-01","capital_budget":"1.50","expense_budget":"2.00",
            "phase_type":"PLANNING","created_at":"2024-01-01T10:00:00.000001","updated_at":"2024-01-02T10:00:00","ordinal":7"#;
        let types = TimelineEvent::TYPES.iter().map(|(name, _)| *name);
        types
            .flat_map(|name| {
                let with = format!(r#"{{{all},"description":"x","later":{{"a":[1]}}}}"#);
                [
                    (name, format!("{{{all}}}")),
                    (name, with),
                    (name, format!(r#"{{{all},"description":null}}"#)),
                ]
            })
            .collect()
    }

    fn slowly(event_type: &str, payload: &str) -> Result<TimelineEvent, String> {
        let tagged = format!(r#"{{"{event_type}":{payload}}}"#);
        serde_json::from_str(&tagged).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flat_payload_is_read_as_its_type_reads_it() {
        for (event_type, payload) in payloads() {
            let read = TimelineEvent::from_stored(event_type, 1, &payload).unwrap();
            assert_eq!(Ok(&read), slowly(event_type, &payload).as_ref(), "{event_type} {payload}");
        }
    }

    #[test]
    fn a_wrong_payload_has_the_error_of_its_type() {
        let wrong = [
            r#"{"phase_id":"6f9619ff-8b86-d011-b42d-00c04fc964fe"}"#,
            r#"{"phase_id":"6f9619ff-8b86-d011-b42d-00c04fc964fe","name":""}"#,
            r#"{"phase_id":"x","start_date":"2025-02-01","end_date":"2025-01-01"}"#,
            r#"{"phase_id":"6f9619ff-8b86-d011-b42d-00c04fc964fe","start_date":"2025-02-01","end_date":"2025-01-01"}"#,
            r#"{"phase_id":"6f9619ff-8b86-d011-b42d-00c04fc964fe","capital_budget":"-1","expense_budget":"2"}"#,
            "[]",
            "",
        ];
        let mut refused = 0;
        for (event_type, _) in TimelineEvent::TYPES {
            for payload in wrong {
                match TimelineEvent::from_stored(event_type, 1, payload) {
                    Ok(read) => assert_eq!(Ok(read), slowly(event_type, payload)),
                    Err(_) => {
                        refused += 1;
                        assert!(slowly(event_type, payload).is_err(), "{event_type} {payload}");
                    }
                }
            }
        }
        assert!(refused > 40, "{refused}");
    }
}
