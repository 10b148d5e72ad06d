//! The tables of states and of their watermark.

use super::state::{self, FORM};
use crate::hash::{GENESIS, Hash};
use crate::{EventIdentity, FoldedTimeline, StoreError};
use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// Whether this session may do that with the states. They are missing in a log that was not upgraded.
async fn may(connection: &mut PgConnection, privilege: &str) -> Result<bool, StoreError> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'phaseline' AND c.relname IN ('timeline_states', 'timeline_states_watermark') AND c.relkind = 'r'
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
            AND pg_catalog.has_table_privilege(c.oid, $1)",
    )
    .bind(privilege)
    .fetch_one(connection)
    .await?;
    Ok(tables == 2)
}

/// Makes the queries of this transaction look up each project in the indexes. For some hundred projects the planner would read all
/// events instead, and compiling the queries would take longer than running them.
pub(super) async fn plan_by_index(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(
        "SELECT set_config(name, 'off', true)
           FROM unnest(ARRAY['jit', 'enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'enable_bitmapscan']) AS name",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether this session may read states.
pub(super) async fn are_readable(connection: &mut PgConnection) -> Result<bool, StoreError> {
    may(connection, "SELECT").await
}

/// Whether this session may store states.
pub(super) async fn are_writable(connection: &mut PgConnection) -> Result<bool, StoreError> {
    may(connection, "INSERT").await
}

/// How far states have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) position: i64,
    pub(super) hash: Hash,
    pub(super) form: i32,
}

impl Watermark {
    pub(super) const START: Self = Self { position: 0, hash: GENESIS, form: FORM };
}

/// Locks the watermark for the rest of the transaction; none if another session has it.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<Option<Watermark>, StoreError> {
    let found: Option<(i64, Vec<u8>, i32)> = sqlx::query_as(
        "SELECT w.position, w.hash, w.form FROM phaseline.timeline_states_watermark w WHERE w.id = 1
            FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some((position, hash, form)) = found {
        let hash = hash.try_into().unwrap_or(GENESIS);
        return Ok(Some(Watermark { position, hash, form }));
    }
    let is_locked: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM phaseline.timeline_states_watermark w WHERE w.id = 1)",
    )
    .fetch_one(&mut *connection)
    .await?;
    if is_locked {
        return Ok(None);
    }
    // The row was lost.
    let made = sqlx::query(
        "INSERT INTO phaseline.timeline_states_watermark AS w (id, position, hash, form) VALUES (1, $1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(Watermark::START.position)
    .bind(&Watermark::START.hash[..])
    .bind(FORM)
    .execute(connection)
    .await?;
    Ok((made.rows_affected() == 1).then_some(Watermark::START))
}

/// Moves the watermark, which this session has locked.
pub(super) async fn set(connection: &mut PgConnection, to: Watermark) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE phaseline.timeline_states_watermark SET position = $1, hash = $2, form = $3 WHERE id = 1",
    )
    .bind(to.position)
    .bind(&to.hash[..])
    .bind(to.form)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all states, so that they are made again from the log's beginning. Does nothing where there are no tables of them.
pub async fn forget(connection: &mut PgConnection) -> Result<(), StoreError> {
    if !are_writable(connection).await? {
        return Ok(());
    }
    sqlx::query(
        "WITH begun AS (UPDATE phaseline.timeline_states_watermark SET position = 0, hash = $1, form = $2 WHERE id = 1)
         DELETE FROM phaseline.timeline_states",
    )
    .bind(&GENESIS[..])
    .bind(FORM)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the states of these projects.
pub(super) async fn delete(connection: &mut PgConnection, projects: &[Uuid]) -> Result<(), StoreError> {
    if !projects.is_empty() {
        sqlx::query("DELETE FROM phaseline.timeline_states WHERE project_id = ANY ($1)")
            .bind(projects)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// A state to be stored.
#[derive(Debug, Default)]
pub(super) struct NewStates {
    projects: Vec<Uuid>,
    positions: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    texts: Vec<String>,
}

impl NewStates {
    /// Adds the state of a project at the event with that hash.
    pub(super) fn add(
        &mut self,
        project: Uuid,
        hash: Hash,
        folded: &FoldedTimeline,
    ) -> Result<(), StoreError> {
        self.projects.push(project);
        self.positions.push(folded.position);
        self.hashes.push(hash.to_vec());
        self.texts.push(state::text(folded)?);
        Ok(())
    }

    /// Stores them. A state that is there stays.
    pub(super) async fn store(self, connection: &mut PgConnection) -> Result<u64, StoreError> {
        if self.projects.is_empty() {
            return Ok(0);
        }
        let stored = sqlx::query(
            "INSERT INTO phaseline.timeline_states (project_id, position, hash, form, state)
             SELECT made.project_id, made.position, made.hash, $5, made.state::json
               FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::text[]) AS made (project_id, position, hash, state)
             ON CONFLICT DO NOTHING",
        )
        .bind(self.projects)
        .bind(self.positions)
        .bind(self.hashes)
        .bind(self.texts)
        .bind(FORM)
        .execute(connection)
        .await?;
        Ok(stored.rows_affected())
    }
}

/// What the states say about one project at a position.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    /// The last state at or before it, with the identity of its event.
    pub(super) before: Option<(FoldedTimeline, EventIdentity)>,
    /// The version of the first state behind it: the events up to the position have earlier ones.
    pub(super) after: Option<i64>,
}

/// The states around a position, by project. Both queries of a project read a row or two of the primary key.
pub(super) async fn nearest(
    connection: &mut PgConnection,
    projects: &[Uuid],
    position: i64,
) -> Result<HashMap<Uuid, Nearest>, StoreError> {
    type NearestRow = (Uuid, Option<i64>, Option<String>, Option<Uuid>, Option<Vec<u8>>, Option<i64>);
    let mut rows = sqlx::query_as(
        "SELECT wanted.id, low.position, low.state, low.event_id, low.hash, high.version
           FROM unnest($1::uuid[]) AS wanted (id)
           LEFT JOIN LATERAL (
                SELECT s.position, s.state::text AS state, e.event_id, e.hash
                  FROM phaseline.timeline_states s
                  JOIN phaseline.events e ON e.position = s.position AND e.hash = s.hash
                 WHERE s.project_id = wanted.id AND s.position <= $2 AND s.form = $3
                   AND e.stream_type = 'Timeline' AND e.stream_id = wanted.id
                 ORDER BY s.position DESC LIMIT 1) low ON true
           LEFT JOIN LATERAL (
                SELECT e.version
                  FROM phaseline.timeline_states s
                  JOIN phaseline.events e ON e.position = s.position AND e.hash = s.hash
                 WHERE s.project_id = wanted.id AND s.position > $2 AND s.form = $3
                   AND e.stream_type = 'Timeline' AND e.stream_id = wanted.id
                 ORDER BY s.position LIMIT 1) high ON true",
    )
    .bind(projects)
    .bind(position)
    .bind(FORM)
    .fetch(connection);
    let mut found = HashMap::with_capacity(projects.len());
    // States are parsed while the server reads the next ones.
    while let Some(row) = rows.try_next().await? {
        let (project, position, text, event_id, hash, after): NearestRow = row;
        let folded = position.zip(text).and_then(|(position, text)| state::parse(&text, position));
        let hash = hash.and_then(|hash| hash.try_into().ok());
        let identity = event_id.zip(hash).map(|(event_id, hash)| EventIdentity { event_id, hash });
        found.insert(project, Nearest { before: folded.zip(identity), after });
    }
    Ok(found)
}
