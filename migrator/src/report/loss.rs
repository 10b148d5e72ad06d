//! Values that the legacy schema cannot hold.

use chrono::{DateTime, Utc};
use phaseline_domain::{PhaseId, ProjectId};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One value that a rollback does not carry over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LossItem {
    /// The project.
    pub project_id: ProjectId,
    /// The phase.
    pub phase_id: PhaseId,
    /// `name`, `dates` or `description`; `links` for assignments that lose their phase; a column, or `row`, if
    /// `project_phases` differs from the log.
    pub field: String,
    /// The current value.
    pub value: String,
    /// The position of the event that set it; none if no event did.
    pub position: Option<i64>,
    /// When the event was recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// The actor, as the writer claimed.
    pub actor: Option<String>,
    /// The login, as the database recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The value in the legacy tables, and its rule.
    pub instead: String,
}

/// All values that a rollback does not carry over. The log keeps them, and the next migration restores them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// By project and phase.
    pub items: Vec<LossItem>,
    /// `sha256:` and 64 hexadecimal digits over the items, the argument of `--accept-loss`. None if nothing is lost.
    pub digest: Option<String>,
}

impl Loss {
    /// Sorted, with the digest.
    pub(crate) fn of(mut items: Vec<LossItem>) -> Result<Self, serde_json::Error> {
        if items.is_empty() {
            return Ok(Self::default());
        }
        items.sort_by(|a, b| (a.project_id, a.phase_id, &a.field).cmp(&(b.project_id, b.phase_id, &b.field)));
        let mut hasher = Sha256::new();
        hasher.update(b"phaseline/loss/v1");
        hasher.update(serde_json::to_string(&items)?.as_bytes());
        let digest = format!("sha256:{}", phaseline_store::hash::hex(&hasher.finalize()));
        Ok(Self { items, digest: Some(digest) })
    }
}
