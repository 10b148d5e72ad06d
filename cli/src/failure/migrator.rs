//! Maps the migrator's errors to failures.

use super::Failure;
use crate::exit::Exit;
use crate::render;
use crate::render::plan::PlanContext;
use phaseline_migrator::MigratorError;
use phaseline_migrator::definition::DefinitionError;
use phaseline_migrator::sample::SampleError;

impl From<MigratorError> for Failure {
    fn from(error: MigratorError) -> Self {
        let text = error.to_string();
        match error {
            MigratorError::Database(error) | MigratorError::Definition(DefinitionError::Database(error)) => error.into(),
            MigratorError::Store(error) => error.into(),
            MigratorError::Ddl { statement, source } => {
                Self::from(source).detail([format!("everything was rolled back; the statement was: {statement}")])
            }
            MigratorError::EventTrigger { triggers, source } => {
                let cause = Self::from(*source);
                let message = format!("{}; refused by event trigger: {}", cause.message(), triggers.join(", "));
                let details = cause.details().to_vec();
                Self::unexpected(message).detail(details).remedy(format!(
                    "Everything was undone. Change the trigger's function, or disable {} for the time of the run (ALTER EVENT TRIGGER NAME \
                     DISABLE). `phaseline rehearse` tries it.",
                    triggers.join(", ")
                ))
            }
            MigratorError::Refused(plan) => Self::refused("not_migratable", text)
                .remedy("Apply each anomaly's remedy in the plan, then run: phaseline plan")
                .plan(&plan, render::plan::page(&plan, &PlanContext::default())),
            MigratorError::RollbackRefused(plan) => Self::refused("rollback_refused", text)
                .remedy("Apply the remedies in the plan, then run: phaseline rollback --dry-run")
                .plan(&plan, render::rollback::page(&plan, None)),
            MigratorError::WouldLose { plan, .. } => Self::new(Exit::WouldLose, "would_lose", text)
                .remedy(match &plan.loss.digest {
                    Some(digest) => format!(
                        "Keep the timeline shape, or accept the loss: phaseline rollback --accept-loss {digest}"
                    ),
                    None => "Nothing would be lost now; run: phaseline rollback".to_owned(),
                })
                .plan(&plan, render::rollback::page(&plan, None)),
            MigratorError::WrongShape(_) => Self::refused("wrong_shape", text)
                .remedy("`phaseline status` shows which tables and which revision were found."),
            MigratorError::LogIncomplete(_) => Self::refused("log_incomplete", text)
                .remedy("Restore schema phaseline from a backup; a rollback needs its events."),
            MigratorError::StalePlan { expected, found } => Self::new(
                Exit::StalePlan,
                "stale_plan",
                format!("the plan is stale: it was made for {expected}, data and options are now {found}; the tables are unchanged"),
            )
            .remedy("Rows, definitions or options changed since that plan. Read the new one: phaseline plan"),
            MigratorError::Locked { .. } => {
                Self::new(Exit::Locked, "locked", text).remedy("Wait until that run ends; `phaseline status` shows it.")
            }
            MigratorError::LockTimeout { .. } => Self::new(Exit::Interrupted, "lock_timeout", text).remedy(
                "Wait until those transactions end, or end them (SELECT pg_terminate_backend(PID)), or wait longer with \
                 --lock-timeout SECONDS; then run the same command again.",
            ),
            MigratorError::Interrupted => {
                Self::new(Exit::Interrupted, "interrupted", text).remedy("Run the same command again.")
            }
            MigratorError::TemporaryFile(error) => {
                let code = if error.is_full() { "out_of_space" } else { "unexpected" };
                Self::new(Exit::Unexpected, code, text)
                    .remedy("Set TMPDIR to a folder on a disk with space, then run the same command again.")
            }
            MigratorError::Copy(_)
            | MigratorError::Definition(_)
            | MigratorError::HeapOrder
            | MigratorError::SelfCheck(_)
            | MigratorError::Json(_) => Self::unexpected(text).remedy(
                "The tables are unchanged. `phaseline plan` shows their current state; if it happens again, report this message.",
            ),
        }
    }
}

impl From<SampleError> for Failure {
    fn from(error: SampleError) -> Self {
        let text = error.to_string();
        match error {
            SampleError::NotEmpty { .. } => {
                Self::refused("not_empty", text).remedy("Create a database for the sample: createdb NAME")
            }
            SampleError::NoProjects { .. } | SampleError::TooMany { .. } => Self::usage(text),
            SampleError::Database(error) => error.into(),
        }
    }
}
