//! The operator of a run.

use crate::log::events::{Direction, RunStarted};
use phaseline_store::Metadata;
use sqlx::PgConnection;
use std::fmt;
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
        let process = RunProcess { pid: std::process::id(), host: &short_host(&self.host) };
        // The server keeps 63 bytes. The actor may be cut.
        format!("phaseline {direction}{process}{BEFORE_ACTOR}{}", self.actor)
    }

    /// Whether the process that a purpose names is alive; unknown if it runs on another machine.
    pub(crate) fn is_alive(&self, purpose: &str) -> Option<bool> {
        let process = RunProcess::of_purpose(purpose)?;
        (process.host == short_host(&self.host)).then_some(())?;
        let proc = std::path::Path::new("/proc");
        if !proc.join("self").exists() {
            return None;
        }
        // The state follows the name, which may have any characters. A zombie counts as dead.
        let stat =
            std::fs::read_to_string(proc.join(process.pid.to_string()).join("stat")).unwrap_or_default();
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

const BEFORE_PID: &str = " pid ";
const BEFORE_HOST: &str = " on ";
const BEFORE_ACTOR: &str = " by ";

/// The process of a run, as [`Operator::purpose`] names it.
#[derive(Debug, PartialEq, Eq)]
struct RunProcess<'a> {
    pid: u32,
    host: &'a str,
}

impl<'a> RunProcess<'a> {
    fn of_purpose(purpose: &'a str) -> Option<Self> {
        let (_, rest) = purpose.split_once(BEFORE_PID)?;
        let (pid, rest) = rest.split_once(BEFORE_HOST)?;
        let (host, _) = rest.split_once(BEFORE_ACTOR)?;
        Some(Self { pid: pid.parse().ok()?, host })
    }
}

impl fmt::Display for RunProcess<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEFORE_PID}{}{BEFORE_HOST}{}", self.pid, self.host)
    }
}

/// The first characters of the host's name, so that the process fits into the name of the session.
fn short_host(host: &str) -> String {
    host.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_names_its_process_even_if_the_server_cuts_it() {
        let operator = Operator {
            actor: "an actor with a very long name on a machine by the sea".to_owned(),
            host: "a-host-with-a-long-name.example".to_owned(),
            reason: None,
        };
        for direction in [Direction::Migrate, Direction::Rollback] {
            let purpose = operator.purpose(direction);
            let process = RunProcess { pid: std::process::id(), host: "a-host-with-a-long-n" };
            assert_eq!(RunProcess::of_purpose(&purpose[..63]), Some(process), "{purpose}");
            assert_eq!(operator.is_alive(&purpose[..63]), Some(true));
        }
        let elsewhere = Operator { host: "another".to_owned(), ..Operator::default() };
        assert_eq!(elsewhere.is_alive(&operator.purpose(Direction::Migrate)), None);
        assert_eq!(operator.is_alive("psql"), None);
    }
}
