//! The operator of a run.

use crate::log::events::{Direction, RunStarted};
use phaseline_store::Metadata;
use sqlx::PgConnection;
use uuid::Uuid;

/// The operator of a run, the machine, and the reason.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// The actor.
    pub actor: String,
    /// The machine.
    pub host: String,
    /// The reason, if given.
    pub reason: Option<String>,
}

impl Operator {
    /// The run's name in `pg_stat_activity`.
    pub(crate) fn purpose(&self, direction: Direction) -> String {
        // The server keeps 63 bytes. The actor may be cut; `is_alive` reads the rest.
        format!(
            "phaseline {direction} pid {} on {} by {}",
            std::process::id(),
            short_host(&self.host),
            self.actor
        )
    }

    /// Whether the process that a purpose names is alive; unknown if it runs on another machine.
    pub(crate) fn is_alive(&self, purpose: &str) -> Option<bool> {
        let rest = purpose.split_once(" pid ")?.1;
        let (pid, rest) = rest.split_once(" on ")?;
        let pid: u32 = pid.parse().ok()?;
        rest.strip_prefix(&short_host(&self.host))?.strip_prefix(" by ")?;
        let proc = std::path::Path::new("/proc");
        if !proc.join("self").exists() {
            return None;
        }
        // The state follows the name, which may have any characters. A zombie counts as dead.
        let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        Some(state.is_some_and(|state| !matches!(state, 'Z' | 'X')))
    }

    /// The metadata of a run's events.
    pub(crate) fn metadata(&self, run: Uuid) -> Metadata {
        Metadata {
            actor: Some(self.actor.clone()),
            reason: self.reason.clone(),
            source: Some("migration".to_owned()),
            correlation_id: Some(run.to_string()),
            ..Metadata::default()
        }
    }

    /// A run's first event.
    pub(crate) async fn started(
        &self,
        connection: &mut PgConnection,
        direction: Direction,
        plan_digest: Option<String>,
        options: serde_json::Value,
    ) -> Result<RunStarted, sqlx::Error> {
        let started_at =
            sqlx::query_scalar("SELECT pg_catalog.clock_timestamp()").fetch_one(connection).await?;
        Ok(RunStarted {
            direction,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.host.clone(),
            pid: std::process::id(),
            started_at,
            plan_digest,
            options,
        })
    }
}

fn short_host(host: &str) -> String {
    host.chars().take(20).collect()
}
