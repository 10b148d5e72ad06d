//! Explains a failure in the legacy shape by the last run: after a rollback this shape is the intended one.

use crate::context::Context;
use crate::failure::Failure;
use crate::render::format::{login_beside, moment};
use crate::target::Target;
use phaseline_migrator::log::history::{Run, readable_runs};
use phaseline_migrator::shape::{self, Shape};

/// The failure with the rollback that led to this shape, if one did; the given one if this cannot be found out.
pub(super) async fn explained(context: &Context, failure: Failure) -> Failure {
    let looking = async {
        let target = Target::resolve(&context.without_progress()).await?;
        let mut connection = target.read("check of the last run").await?;
        let found = shape::find(&mut connection).await?;
        let (runs, _) = readable_runs(&mut connection).await?;
        Ok::<_, Failure>((found.shape, runs))
    };
    match looking.await {
        Ok((Shape::Legacy, runs)) => match runs.iter().rfind(|run| run.completed()) {
            Some(last) if last.rolled_back.is_some() => rolled_back(last),
            Some(_) => failure.remedy(
                "The last run was a migration, so the tables are older than the log: phaseline doctor",
            ),
            None => failure
                .remedy("No migration has been completed yet. `phaseline plan` shows what one would do."),
        },
        Ok(_) => failure.remedy("Find the cause: phaseline doctor"),
        Err(_) => failure,
    }
}

fn rolled_back(last: &Run) -> Failure {
    let actor = last.metadata.actor.as_deref();
    let by = actor
        .map_or_else(String::new, |name| format!(" by {name}{}", login_beside(actor, last.login.as_deref())));
    Failure::legacy_shape(format!(
        "the database is in the legacy shape since the rollback of {}{by}: there are no timeline tables to compare with the log or to change; \
         nothing was written",
        moment(last.ended_at)
    ))
    .remedy("Nothing is to be done. The log keeps every edit; `phaseline verify` checks the tables in this shape.")
}
