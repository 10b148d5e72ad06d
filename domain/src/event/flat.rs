//! Reads payloads without serde's `flatten`, which copies each payload into a map first: a rebuild decodes a million of them.

use crate::legacy_type::LegacyPhaseType;
use crate::value::Money;
use crate::{Budget, DateRange, Description, PhaseId, PhaseName, ProjectId};
use chrono::{NaiveDate, NaiveDateTime};
use serde::Deserialize;

/// The fields of all payloads side by side.
#[derive(Debug, Deserialize)]
pub(super) struct FlatPayload {
    project_id: Option<ProjectId>,
    phase_id: Option<PhaseId>,
    name: Option<PhaseName>,
    start_date: Option<NaiveDate>,
    end_date: Option<NaiveDate>,
    description: Option<Description>,
    capital_budget: Option<Money>,
    expense_budget: Option<Money>,
    phase_type: Option<LegacyPhaseType>,
    created_at: Option<NaiveDateTime>,
    updated_at: Option<NaiveDateTime>,
    ordinal: Option<i64>,
}

/// The type of an event's field.
pub(super) trait FlatField: Sized {
    /// Takes the field of that name. None if the payload does not have it, or not a valid one: then the event's own `Deserialize` says
    /// why.
    fn take(payload: &mut FlatPayload, name: &str) -> Option<Self>;
}

impl FlatField for ProjectId {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        payload.project_id
    }
}

impl FlatField for PhaseId {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        payload.phase_id
    }
}

impl FlatField for PhaseName {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        payload.name.take()
    }
}

impl FlatField for DateRange {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        Self::new(payload.start_date?, payload.end_date?).ok()
    }
}

impl FlatField for Option<Description> {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        Some(payload.description.take())
    }
}

impl FlatField for Budget {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        Self::new(payload.capital_budget?, payload.expense_budget?).ok()
    }
}

impl FlatField for LegacyPhaseType {
    fn take(payload: &mut FlatPayload, _name: &str) -> Option<Self> {
        payload.phase_type
    }
}

impl FlatField for NaiveDateTime {
    fn take(payload: &mut FlatPayload, name: &str) -> Option<Self> {
        match name {
            "created_at" => payload.created_at,
            "updated_at" => payload.updated_at,
            _ => None,
        }
    }
}

impl FlatField for i64 {
    fn take(payload: &mut FlatPayload, name: &str) -> Option<Self> {
        if name == "ordinal" { payload.ordinal } else { None }
    }
}
