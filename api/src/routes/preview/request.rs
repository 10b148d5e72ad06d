//! The request of a preview: one command, under the name of its kind.

use crate::routes::opening::OpenWith;
use crate::routes::requests::{
    self, BatchPhase, NeighboursBody, NewDates, NewOrder, NewPhase, PhaseChange, RestoreTo,
};
use crate::routes::validate::{FieldErrors, FromJson, JsonPath};
use phaseline_domain::{PhaseId, TimelineCommand};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// One command, in the form of the route that executes it.
#[derive(ToSchema)]
#[schema(example = json!({ "reschedule": { "start_date": "2024-01-01", "end_date": "2024-12-31" } }))]
#[serde(untagged)]
#[expect(dead_code, reason = "for the description")]
pub(super) enum PreviewRequest {
    Reschedule(PreviewReschedule),
    Replace(PreviewReplace),
    Create(PreviewCreate),
    Change(PreviewChange),
    Delete(PreviewDelete),
    Reorder(PreviewReorder),
    Restore(PreviewRestore),
}

macro_rules! alternatives {
    ($($(#[$doc:meta])* $name:ident { $member:ident: $body:ty })*) => {
        $(
            $(#[$doc])*
            #[derive(ToSchema)]
            #[expect(dead_code, reason = "for the description")]
            pub(super) struct $name {
                $(#[$doc])*
                $member: $body,
            }
        )*
    };
}

alternatives! {
    /// Give the project other dates.
    PreviewReschedule { reschedule: NewDates }
    /// Replace all phases.
    PreviewReplace { replace: Replacement }
    /// Create a phase.
    PreviewCreate { create: NewPhase }
    /// Change a phase.
    PreviewChange { change: ChangeOf }
    /// Remove a phase.
    PreviewDelete { delete: Removal }
    /// Put phases into another order.
    PreviewReorder { reorder: NewOrder }
    /// Restore an earlier timeline. The token needs `history:read`, too.
    PreviewRestore { restore: RestoreTo }
}

/// The complete list of a project's phases.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct Replacement {
    /// The phases.
    phases: Vec<BatchPhase>,
}

/// A change with the id of its phase.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct ChangeOf {
    /// The phase.
    phase_id: Uuid,
    #[serde(flatten)]
    change: PhaseChange,
}

/// A removal with the id of its phase.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct Removal {
    /// The phase.
    phase_id: Uuid,
    /// Whether the neighbours take its dates.
    neighbours: Option<NeighboursBody>,
}

const KINDS: [&str; 7] = ["reschedule", "replace", "create", "change", "delete", "reorder", "restore"];

/// A command to preview.
pub(super) enum PreviewCommand {
    /// The request has all of it. Where that is possible, it opens a timeline over these dates first.
    Whole(TimelineCommand, Option<OpenWith>),
    /// It follows from the history.
    Restore(RestoreTo),
}

impl FromJson for PreviewCommand {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        faults.only(members, path, &KINDS);
        let mut found = KINDS.into_iter().filter_map(|kind| Some((kind, members.get(kind)?)));
        let (Some((kind, value)), None) = (found.next(), found.next()) else {
            faults.note(
                path,
                "union_tag_invalid",
                format!("Input should be exactly one of {}", KINDS.join(", ")),
            );
            return None;
        };
        let path = &path.member(kind);
        Some(match kind {
            "reschedule" => {
                let dates = NewDates::read(value, path, faults)?;
                Self::Whole(dates.command(), Some(OpenWith::Dates(dates)))
            }
            "create" => Self::Whole(NewPhase::read(value, path, faults)?.command(PhaseId::random()), None),
            "change" => Self::Whole(requests::change_of(value, path, faults)?, None),
            "delete" => Self::Whole(requests::removal_of(value, path, faults)?, None),
            "reorder" => Self::Whole(NewOrder::read(value, path, faults)?.command(), None),
            "restore" => Self::Restore(RestoreTo::read(value, path, faults)?),
            _ => {
                let members = faults.object(value, path)?;
                let phases: Vec<BatchPhase> = faults.required(members, path, "phases")?;
                let phases = phases.into_iter().map(|phase| phase.replacement(PhaseId::random)).collect();
                Self::Whole(TimelineCommand::ReplaceAll { phases }, Some(OpenWith::ProjectDates))
            }
        })
    }
}
