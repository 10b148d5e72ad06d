//! Detects the shape of the database from the catalogue and the planner's own revision.

use serde::Serialize;
use sqlx::PgConnection;

/// The planner's revision in the legacy shape.
pub const LEGACY_REVISION: &str = "976e6adbac6f";
/// The planner's revision after its phases became timelines.
pub const TIMELINE_REVISION: &str = "92023c163a26";

/// The shape of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Phases have a type, assignments refer to their phase.
    Legacy,
    /// Phases have names and dates.
    Timelines,
    /// Neither: the planner's tables are missing, or have parts of both.
    Unknown,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy (phases have a type)",
            Self::Timelines => "timelines (phases have names and dates)",
            Self::Unknown => "unknown (not the planner's tables)",
        })
    }
}

/// The shape and the facts that it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundShape {
    /// The shape.
    pub shape: Shape,
    /// All revisions in `alembic_version`; the planner has one.
    pub revisions: Vec<String>,
    /// The planner's tables that are missing or not ordinary tables.
    pub missing: Vec<String>,
}

impl FoundShape {
    /// The revision, if there is exactly one.
    pub fn revision(&self) -> Option<&str> {
        match self.revisions.as_slice() {
            [revision] => Some(revision),
            _ => None,
        }
    }

    /// The revision, if the planner was upgraded past the last supported one: phases have dates, and earlier revisions
    /// with dates do not exist.
    pub fn newer_revision(&self) -> Option<&str> {
        let revision = self.revision().filter(|_| self.shape == Shape::Timelines)?;
        (![LEGACY_REVISION, TIMELINE_REVISION].contains(&revision)).then_some(revision)
    }

    /// The note on such a revision if the needed tables have not changed.
    pub(crate) fn note_on_newer(&self) -> Option<String> {
        let revision = self.newer_revision()?;
        Some(format!(
            "The planner's revision {revision} is newer than this program knows. The tables that it uses are still as at \
             {TIMELINE_REVISION}, so everything works but a rollback, which needs the planner at {TIMELINE_REVISION}."
        ))
    }
}

/// The planner's tables that the migration reads.
pub const TABLES: [&str; 4] = ["projects", "project_phases", "resource_assignments", "alembic_version"];

/// Inspects the tables. Needs SELECT on `alembic_version` only.
pub async fn find(connection: &mut PgConnection) -> Result<FoundShape, sqlx::Error> {
    let present: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_catalog.pg_class c
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname = ANY ($1)",
    )
    .bind(TABLES.map(String::from).to_vec())
    .fetch_all(&mut *connection)
    .await?;
    let missing: Vec<String> = TABLES
        .iter()
        .filter(|table| !present.iter().any(|found| found == *table))
        .map(ToString::to_string)
        .collect();
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
            AND (c.relname, a.attname) IN (('project_phases', 'phase_type'), ('project_phases', 'start_date'),
                ('resource_assignments', 'project_phase_id'), ('alembic_version', 'version_num'))",
    )
    .fetch_all(&mut *connection)
    .await?;
    let has = |table: &str, column: &str| columns.iter().any(|(t, c)| t == table && c == column);
    let revisions = if has("alembic_version", "version_num") {
        sqlx::query_scalar("SELECT version_num::text FROM public.alembic_version ORDER BY 1")
            .fetch_all(connection)
            .await?
    } else {
        Vec::new()
    };
    let old = (has("project_phases", "phase_type"), has("resource_assignments", "project_phase_id"));
    let shape = match (old, has("project_phases", "start_date")) {
        _ if missing.iter().any(|table| table != "alembic_version") => Shape::Unknown,
        ((true, true), false) => Shape::Legacy,
        ((false, false), true) => Shape::Timelines,
        _ => Shape::Unknown,
    };
    Ok(FoundShape { shape, revisions, missing })
}
