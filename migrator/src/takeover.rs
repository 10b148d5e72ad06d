//! Takes over a database that the planner's own migration moved to the new shape: its phases go into the log as they
//! are. The old phase types and the assignments' links are lost with that migration; nothing here can bring them back.

use crate::anomaly::{Code, Findings};
use crate::definition;
use crate::error::MigratorError;
use crate::journal::{self, Begin, Journal};
use crate::lock::{Head, lock_tables};
use crate::migrate::{MigrateOptions, Migrated, go_ahead, millis, stop_if_asked, with_own_tables};
use crate::plan::{Plan, PlanOptions, ProjectPlan, Source, log_readable, phase_type_labels};
use crate::progress::Progress;
use crate::run::{Direction, LegacySchemaRecorded, MigrationCompleted, Run, RunEvent, runs};
use crate::session::{self, Database};
use crate::shape::Found;
use crate::translate::BudgetSums;
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_projections::{FoldedLog, adopt, project_phases};
use phaseline_store::{Import, schema};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use std::time::Instant;

/// What the planner's tables had that its own migration dropped, as its revision 976e6adbac6f defines it.
const PLANNERS_OWN: &str = include_str!("takeover/legacy_schema.json");

/// The plan of a takeover, with what it needs to be carried out.
#[derive(Debug)]
pub(crate) struct Takeover {
    pub plan: Plan,
    adoption: adopt::Plan,
    log: FoldedLog,
}

/// Whether something else than phaseline brought the database into the new shape, in words. None if phaseline did, or if
/// this role may not look.
pub(crate) async fn foreign(connection: &mut PgConnection) -> Result<Option<String>, MigratorError> {
    if !schema::installed(connection).await? {
        return Ok(Some("there is no log".to_owned()));
    }
    if !log_readable(connection).await? {
        return Ok(None);
    }
    let last = runs(connection).await?.into_iter().rfind(Run::completed);
    Ok(match last {
        None => Some("the log holds no migration".to_owned()),
        Some(run) if run.rolled_back.is_some() => {
            Some(format!("the log's last run ({}) is a rollback", run.id))
        }
        Some(_) => None,
    })
}

/// Looks at a database in the new shape inside the caller's transaction. `plan` says what is known already.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    options: &PlanOptions,
    mut plan: Plan,
    found: &Found,
) -> Result<Takeover, MigratorError> {
    let mut findings = Findings::default();
    plan.takeover = true;
    let mut log = FoldedLog::default();
    if schema::installed(connection).await? {
        log = FoldedLog::read(connection, None).await?;
    }
    if log.timelines.values().any(|folded| folded.timeline.project().is_some()) {
        let detail = "the log has this database's timelines from before: take the planner's migration back first \
                      (alembic downgrade -1), then migrate";
        findings.note(Code::MigratedByTheOriginal, "log", "phaseline.events", detail);
    }
    let table = definition::capture(connection, "public", "project_phases").await?;
    let columns: Vec<&str> =
        table.iter().flat_map(|table| &table.columns).map(|column| column.name.as_str()).collect();
    for missing in project_phases::COLUMNS.iter().filter(|column| !columns.contains(column)) {
        findings.note(Code::NotThePlanners, "project_phases", missing, "the column is missing");
    }
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(Takeover { plan, adoption: adopt::Plan::default(), log });
    }
    let adoption = adopt::Plan::make(connection, &FoldedLog::default(), None, options.repair).await?;
    for refused in &adoption.refused {
        let code = if refused.bare { Code::ProjectWithoutPhases } else { Code::Unadoptable };
        findings.note(code, "projects", refused.project_id, refused.reasons.join("; "));
    }
    for adopted in &adoption.adopted {
        let (source, changes) = if adopted.supplied {
            findings.note(
                Code::ProjectRepaired,
                "projects",
                adopted.project_id,
                "gets a default phase without money",
            );
            (Source::Repair, Vec::new())
        } else {
            (Source::AsFound, Vec::new())
        };
        plan.projects.push(ProjectPlan { project_id: adopted.project_id, source, changes });
    }
    plan.notes.push(
        "The planner's own migration was here: phase types and the assignments' links to phases are lost. A rollback \
         gives types by name and links by date."
            .to_owned(),
    );
    if phase_type_labels(connection).await? != LegacyPhaseType::LABELS {
        plan.notes.push(
            "The type public.phasetype is not the planner's: a rollback will be refused until it is."
                .to_owned(),
        );
    }
    let (projects, phases, assignments): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM public.projects), (SELECT count(*) FROM public.project_phases),
                (SELECT count(*) FROM public.resource_assignments)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let sums: (Decimal, Decimal, Decimal) = sqlx::query_as(
        "SELECT coalesce(sum(capital_budget), 0), coalesce(sum(expense_budget), 0), coalesce(sum(total_budget), 0)
           FROM public.project_phases",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap_or_default();
    plan.budgets_before = BudgetSums { capital: sums.0, expense: sums.1, total: sums.2 };
    plan.budgets_after = plan.budgets_before;
    plan.counts.projects = projects.unsigned_abs();
    plan.counts.phases = phases.unsigned_abs();
    plan.counts.assignments = assignments.unsigned_abs();
    plan.counts.timelines_opened = adoption.adopted.len() as u64;
    plan.counts.timeline_events = adoption.events().iter().map(|(_, events)| events.len() as u64).sum();
    plan.counts.phases_supplied = adoption.adopted.iter().filter(|adopted| adopted.supplied).count() as u64;
    plan.digest = Some(digest(&adoption, found, options)?);
    if !schema::installed(connection).await? {
        let may: bool = sqlx::query_scalar(
            "SELECT pg_catalog.has_database_privilege(coalesce($1, current_user::text), current_database(), 'CREATE')",
        )
        .bind(options.role.as_deref())
        .fetch_one(&mut *connection)
        .await?;
        if !may {
            plan.missing_privileges.push("CREATE on the database, for schema phaseline".to_owned());
        }
    }
    plan.ready = !findings.refused() && plan.missing_privileges.is_empty();
    plan.anomalies = findings.into_anomalies();
    Ok(Takeover { plan, adoption, log })
}

/// What the plan stands for: every row taken in, the revision and the options. A supplied phase's id is random, and left
/// out.
fn digest(adoption: &adopt::Plan, found: &Found, options: &PlanOptions) -> Result<String, MigratorError> {
    let mut hasher = Sha256::new();
    hasher.update(b"phaseline/takeover/v1");
    for ((project, events), adopted) in adoption.events().iter().zip(&adoption.adopted) {
        hasher.update(project.uuid().as_bytes());
        for event in events.iter().take(if adopted.supplied { 1 } else { usize::MAX }) {
            hasher.update(Sha256::digest(event.payload()?.as_bytes()));
        }
    }
    for text in [serde_json::to_string(&found.revisions)?, serde_json::to_string(options)?] {
        hasher.update(Sha256::digest(text.as_bytes()));
    }
    Ok(format!("sha256:{}", phaseline_store::hash::hex(&hasher.finalize())))
}

/// Takes the database over: the phases are written into the log under the tables' lock, and nothing else is touched.
pub(crate) async fn take_over(
    database: &Database,
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    early: Takeover,
    options: &MigrateOptions,
    progress: &dyn Progress,
    begun: Instant,
) -> Result<Migrated, MigratorError> {
    go_ahead(&early.plan, options)?;
    stop_if_asked(progress)?;
    progress.step("recording that the run begins", None);
    let begin = Begin {
        operator: &options.operator,
        direction: Direction::Migrate,
        plan_digest: early.plan.digest.clone(),
        options: serde_json::to_value(&early.plan.options)?,
        limit: options.lock_timeout,
    };
    let mut journal = begin.run(watcher, connection).await?;
    let done = carry_out(connection, watcher, &early, &mut journal, options, progress, begun).await;
    if let Err(error) = &done {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), connection.ping()).await;
        journal::failed(database, &journal, error).await;
    }
    done
}

async fn carry_out(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    early: &Takeover,
    journal: &mut Journal,
    options: &MigrateOptions,
    progress: &dyn Progress,
    begun: Instant,
) -> Result<Migrated, MigratorError> {
    let mut transaction = session::read_write(connection).await?;
    let connection = &mut *transaction;
    progress.step("locking the tables", None);
    let tables = with_own_tables(Vec::new());
    let locked_at =
        lock_tables(connection, watcher, &tables, Head::Too, options.lock_timeout, progress).await?;
    let found = crate::shape::find(connection).await?;
    let blank = Plan::empty(&found, &options.plan);
    let now = prepare(connection, &options.plan, blank, &found).await?;
    if now.plan.digest != early.plan.digest {
        return Err(MigratorError::StalePlan {
            expected: early.plan.digest.clone().unwrap_or_default(),
            found: now.plan.digest.unwrap_or_default(),
        });
    }
    progress.step("writing the log", Some(now.plan.counts.timeline_events));
    let recorded: LegacySchemaRecorded = serde_json::from_str(PLANNERS_OWN)?;
    let metadata = journal.metadata.clone();
    let mut log = now.log;
    let mut import = Import::begin(connection).await?;
    journal.push(&mut import, &RunEvent::LegacySchema(recorded)).await?;
    now.adoption.write(&mut import, &mut log, &metadata).await?;
    let completed = MigrationCompleted { counts: now.plan.counts, budgets: now.plan.budgets_before };
    journal.push(&mut import, &RunEvent::Migrated(completed)).await?;
    let imported = import.finish().await?;
    now.adoption.insert_supplied(connection, &log).await?;
    schema::set_accepts_commands(connection, true).await?;
    stop_if_asked(progress)?;
    transaction.commit().await?;
    Ok(Migrated {
        format: "phaseline.migrate/1",
        already: false,
        run: Some(journal.run),
        plan: now.plan,
        position: imported.position,
        took_ms: millis(begun.elapsed()),
        locked_ms: millis(locked_at.elapsed()),
    })
}
