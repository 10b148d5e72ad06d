//! Options of a migration.

use crate::definition::NEWEST_MAJOR_VERSION;
use phaseline_domain::legacy::Boundary;
use serde::Serialize;

/// Options of a migration. Part of the plan's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanOptions {
    /// The role whose privileges are checked; the connected one if none. Not part of the digest.
    #[serde(skip)]
    pub role: Option<String>,
    /// The newest major version of PostgreSQL that is accepted. Not part of the digest.
    #[serde(skip)]
    pub newest_server: u32,
    /// Give projects without phases a default one instead of refusing them.
    pub repair: bool,
    /// Take over a database that the planner's own migration moved to the timeline shape.
    pub adopt_migrated: bool,
    /// The boundary between the phases of a project. Ignored by a takeover: its phases have dates already.
    pub boundary: Boundary,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            role: None,
            newest_server: NEWEST_MAJOR_VERSION,
            repair: false,
            adopt_migrated: false,
            boundary: Boundary::default(),
        }
    }
}

impl PlanOptions {
    /// The options in the form for the digest: without the midpoint, so that its plans keep the digest from before other boundaries
    /// existed.
    pub(crate) fn to_digest(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Digested {
            repair: bool,
            adopt_migrated: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            boundary: Option<Boundary>,
        }
        serde_json::to_string(&Digested {
            repair: self.repair,
            adopt_migrated: self.adopt_migrated,
            boundary: Some(self.boundary).filter(|boundary| *boundary != Boundary::Midpoint),
        })
    }
}
