//! Compares states with a fold of the log.

use super::state::{self, FORM};
use super::table;
use crate::stream::TIMELINE;
use crate::{FoldedTimeline, StoreError, skip};
use phaseline_domain::ProjectId;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::collections::HashMap;
use std::fmt;
use uuid::Uuid;

/// A state that is not the fold of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongState {
    /// Its project.
    pub project: ProjectId,
    /// Its position.
    pub position: i64,
}

impl fmt::Display for WrongState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, position } = self;
        write!(f, "the stored state of project {project} at position {position} is not the fold of the log")
    }
}

/// The states that reads use, while a fold of the log is compared with them. Memory: some 100 bytes per state.
#[derive(Debug, Default)]
pub struct StatesAudit {
    /// The digests of their texts, by position.
    left: HashMap<i64, (Uuid, Vec<u8>)>,
    equal: u64,
    wrong: Vec<WrongState>,
}

impl StatesAudit {
    /// Reads the digests of all states that a read of timelines would use.
    pub async fn begin(connection: &mut PgConnection) -> Result<Self, StoreError> {
        if !table::are_readable(connection).await? {
            return Ok(Self::default());
        }
        let marked: Vec<Uuid> = skip::marks(connection).await?.streams.into_iter().collect();
        let rows: Vec<(i64, Uuid, Vec<u8>)> = sqlx::query_as(
            "SELECT s.position, s.project_id, pg_catalog.sha256(pg_catalog.convert_to(s.state::text, 'UTF8'))
               FROM phaseline.timeline_states s
               JOIN phaseline.events e ON e.position = s.position AND e.hash = s.hash AND e.stream_id = s.project_id
              WHERE e.stream_type = $1 AND s.form = $2 AND s.project_id <> ALL ($3)",
        )
        .bind(TIMELINE)
        .bind(FORM)
        .bind(marked)
        .fetch_all(connection)
        .await?;
        let left = rows.into_iter().map(|(position, project, digest)| (position, (project, digest)));
        Ok(Self { left: left.collect(), ..Self::default() })
    }

    /// Compares the state at a position, if there is one, with the timeline after the event at that position; none is a timeline in
    /// quarantine, which must not have a state.
    pub fn see(&mut self, position: i64, folded: Option<&FoldedTimeline>) -> Result<(), StoreError> {
        let Some((project, digest)) = self.left.remove(&position) else { return Ok(()) };
        let expected = match folded {
            Some(folded) => Some(Sha256::digest(state::text(folded)?)),
            None => None,
        };
        if expected.is_some_and(|expected| expected[..] == digest[..]) {
            self.equal += 1;
        } else {
            self.wrong.push(WrongState { project: project.into(), position });
        }
        Ok(())
    }

    /// The number of states that are equal to the fold.
    pub const fn equal(&self) -> u64 {
        self.equal
    }

    /// The others, in order of position.
    pub fn wrong(&self) -> &[WrongState] {
        &self.wrong
    }
}
