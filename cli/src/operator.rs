//! The operator: the actor recorded in the log with every change.

use crate::options::GlobalArgs;
use phaseline_migrator::run::Operator;
use phaseline_store::Metadata;
use uuid::Uuid;

/// The machine's name.
fn host() -> String {
    whoami::fallible::hostname().unwrap_or_else(|_| "unknown-host".to_owned())
}

/// `--actor`, or else user@host.
fn actor(global: &GlobalArgs) -> String {
    match &global.actor {
        Some(actor) if !actor.trim().is_empty() => actor.clone(),
        _ => {
            let user = whoami::fallible::username().unwrap_or_else(|_| "unknown-user".to_owned());
            format!("{user}@{}", host())
        }
    }
}

/// The operator of a run.
pub(crate) fn operator(global: &GlobalArgs, reason: Option<&str>) -> Operator {
    Operator { actor: actor(global), host: host(), reason: reason.map(str::to_owned) }
}

/// The metadata of a command on a timeline.
pub(crate) fn metadata(global: &GlobalArgs, reason: Option<&str>) -> Metadata {
    Metadata {
        actor: Some(actor(global)),
        reason: reason.map(str::to_owned),
        source: Some("cli".to_owned()),
        command_id: Some(Uuid::now_v7().to_string()),
        ..Metadata::default()
    }
}
