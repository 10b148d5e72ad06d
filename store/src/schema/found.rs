//! The objects of schema `phaseline` in the catalogue.

use super::expected::{Function, Trigger};
use sqlx::FromRow;
use std::collections::BTreeSet;

#[derive(FromRow)]
pub(super) struct FunctionRow {
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) source: String,
    pub(super) language: String,
    pub(super) kind: String,
    pub(super) security_definer: bool,
    pub(super) volatility: String,
    pub(super) parallel: String,
    pub(super) strict_or_leakproof: bool,
    pub(super) settings: Vec<String>,
}

impl FunctionRow {
    /// The properties that differ from the script.
    pub(super) fn differences(&self, expected: &Function) -> Vec<&'static str> {
        let settings: BTreeSet<String> = self.settings.iter().map(|setting| setting.to_lowercase()).collect();
        let plain = self.kind == "f" && !self.strict_or_leakproof;
        [
            (self.source == expected.source, "body"),
            (self.language == expected.language, "language"),
            (self.security_definer == expected.security_definer, "SECURITY"),
            (self.volatility == expected.volatility.to_string() && plain, "volatility"),
            (self.parallel == expected.parallel.to_string(), "PARALLEL"),
            (settings == expected.settings, "settings (SET)"),
        ]
        .into_iter()
        .filter_map(|(same, what)| (!same).then_some(what))
        .collect()
    }
}

#[derive(FromRow)]
pub(super) struct RelationRow {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) logged: bool,
    pub(super) secured: bool,
}

#[derive(FromRow)]
pub(super) struct TriggerRow {
    pub(super) name: String,
    pub(super) on_table: String,
    pub(super) kind: i16,
    pub(super) state: String,
    pub(super) function_schema: String,
    pub(super) function: String,
    /// Has a condition, arguments or columns.
    pub(super) limited: bool,
}

impl TriggerRow {
    pub(super) fn is(&self, expected: &Trigger) -> bool {
        self.kind == expected.kind
            && self.function_schema == "phaseline"
            && self.function == expected.function
            && !self.limited
    }
}
