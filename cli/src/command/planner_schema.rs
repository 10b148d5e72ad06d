//! Explains a failure on a table or column of the planner: it was upgraded past the last supported revision.

use crate::context::Context;
use crate::failure::Failure;
use crate::target::Target;
use phaseline_migrator::anomaly::Code;
use phaseline_migrator::shape::{self, FoundShape, Shape};
use phaseline_projections::planner_schema::{SchemaChange, find_changes};
use phaseline_store::schema;

/// The failure that names the missing tables and columns of the planner; the given one if there are none, or if this cannot be checked.
pub(super) async fn explained(context: &Context, failure: Failure) -> Failure {
    let looking = async {
        let target = Target::resolve(&context.without_progress()).await?;
        let mut connection = target.read("check of the planner's tables").await?;
        let found = shape::find(&mut connection).await?;
        let changes = find_changes(&mut connection).await?;
        // Old tables under an open log: a backup was restored over them.
        let is_older = found.shape == Shape::Legacy
            && schema::installed(&mut connection).await?
            && schema::accepts_commands(&mut connection).await?;
        Ok::<_, Failure>((found, changes, is_older))
    };
    match looking.await {
        Ok((.., true)) => {
            Failure::legacy_shape("the database is in the legacy shape, while the log accepts commands")
        }
        Ok((found, ..)) if !found.missing.is_empty() => without_tables(context, &found),
        Ok((found, changes, _)) if found.shape != Shape::Legacy && !changes.is_empty() => {
            changed(&found, &changes)
        }
        _ => failure,
    }
}

/// Tables are missing: rather another database than another revision.
fn without_tables(context: &Context, found: &FoundShape) -> Failure {
    let has_none = found.missing.len() == shape::TABLES.len();
    let (code, what) = match has_none {
        true => (Code::NoPlannerTables, "has no tables of the planner in schema public"),
        false => (Code::NotThePlanners, "lacks tables of the planner in schema public"),
    };
    let place = context.place();
    Failure::refused(code.name(), format!("{place} {what}; nothing was written"))
        .detail(found.missing.iter().map(|table| format!("public.{table}: is missing")))
        .remedy("Check the database: this may be another one than the planner's. `phaseline doctor` names what it connects to.")
}

fn changed(found: &FoundShape, changes: &[SchemaChange]) -> Failure {
    let code =
        if found.newer_revision().is_some() { Code::NewerRevision } else { Code::PlannerSchemaChanged };
    let holds = match found.revisions.as_slice() {
        [] => "no revision".to_owned(),
        revisions => revisions.join(", "),
    };
    Failure::refused(
        Code::PlannerSchemaChanged.name(),
        format!("{} It holds {holds}; nothing was written", code.meaning()),
    )
    .detail(changes.iter().map(ToString::to_string))
    .remedy(code.remedy())
}
