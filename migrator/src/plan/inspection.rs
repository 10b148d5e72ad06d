//! The result of an inspection, which a migration continues from.

use super::takeover::Takeover;
use crate::change_detector::TableFingerprints;
use crate::definition::TableDefinition;
use crate::legacy::tables::LegacyTables;
use crate::report::Plan;
use crate::translate::events::Translation;
use phaseline_domain::ProjectId;
use phaseline_projections::FoldedLog;
use std::collections::HashMap;

/// The plan with everything that a migration needs to execute it.
#[derive(Debug)]
pub(crate) struct PreparedMigration {
    pub plan: Plan,
    pub translation: Translation,
    /// The rows that the links to record are taken from.
    pub tables: LegacyTables,
    pub phases: TableDefinition,
    pub assignments: TableDefinition,
    pub log: FoldedLog,
    /// Each project's last version in the stream of its links.
    pub link_versions: HashMap<ProjectId, i64>,
    pub fingerprints: TableFingerprints,
}

/// The result of an inspection.
#[derive(Debug)]
pub(crate) enum MigrationInspection {
    /// The database cannot or need not be migrated.
    Report(Box<Plan>),
    /// It can be migrated, or could if nothing were refused.
    Prepared(Box<PreparedMigration>),
    /// The planner's own migration moved it, and it can be taken over.
    Takeover(Box<Takeover>),
}
