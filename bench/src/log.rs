//! Databases in the timeline shape with a long log, and a `project_phases` that agrees with it.

use crate::error::{BenchError, Result};
use crate::events::{Events, GeneratedEvent, Project};
use crate::server::{Bench, connect, handle, number, run};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::run::Operator;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_projections::{FoldedLog, project_phases};
use phaseline_store::{Import, schema};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;

/// Events per import; each import has its own timestamp.
const BATCH: usize = 20_000;

/// A database with a log.
#[derive(Debug)]
pub(crate) struct Log {
    database: TestDatabase,
    /// The number of its events.
    pub(crate) events: i64,
    /// The number of rows of `project_phases`.
    pub(crate) rows: i64,
}

impl Log {
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    /// "1000016 events, 200008 rows"
    pub(crate) fn size(&self) -> String {
        format!("{} events, {} rows", self.events, self.rows)
    }

    /// Creates one with this number of events.
    pub(crate) async fn make(bench: &Bench, events: u64) -> Result<Self> {
        Self::of(bench, Events::new(1, events)).await
    }

    /// Creates one with these events.
    pub(crate) async fn of(bench: &Bench, mut source: Events) -> Result<Self> {
        let database = bench.empty();
        let url = database.url();
        let mut connection = connect(url).await?;
        sample::create(&mut connection, &SampleOptions { projects: 4, assignments: 60, seed: 1 }).await?;
        migrate(&handle(url)?, &migrate_options(), &Silent).await?;

        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let next = source.next()?;
            let ended = next.is_none();
            batch.extend(next);
            if batch.len() >= BATCH || ended {
                import(&mut connection, &batch).await?;
                batch.clear();
            }
            if ended {
                break;
            }
        }
        add_projects(&mut connection, &source.projects).await?;
        run(&mut connection, "DELETE FROM public.project_phases").await?;
        let folded = FoldedLog::read(&mut connection, None).await?;
        let rows: Vec<_> = folded.timelines.values().flat_map(project_phases::rows).collect();
        project_phases::insert(&mut connection, &rows).await?;
        // Otherwise autovacuum would run during measurements.
        run(&mut connection, "VACUUM (FREEZE, ANALYZE)").await?;
        run(&mut connection, "CHECKPOINT").await?;
        let events = schema::tip(&mut connection).await?.position;
        let rows = number(&mut connection, "SELECT count(*) FROM public.project_phases").await?;
        Ok(Self { database, events, rows })
    }
}

/// Imports events in one transaction.
pub(crate) async fn import(connection: &mut PgConnection, events: &[GeneratedEvent]) -> Result<u64> {
    let mut transaction = connection.begin().await?;
    let mut import = Import::begin(&mut transaction).await?;
    for made in events {
        import.push(made.stream, made.version, &made.event, &made.metadata).await?;
    }
    let imported = import.finish().await?;
    transaction.commit().await?;
    Ok(imported.count)
}

async fn add_projects(connection: &mut PgConnection, projects: &[Project]) -> Result<()> {
    let ids: Vec<Uuid> = projects.iter().map(|project| project.id.uuid()).collect();
    let starts: Vec<_> = projects.iter().map(|project| project.range.start()).collect();
    let ends: Vec<_> = projects.iter().map(|project| project.range.end()).collect();
    let added = sqlx::query(
        "INSERT INTO public.projects (program_id, name, business_sponsor, project_manager, technical_lead,
             start_date, end_date, cost_center_code, description, id, created_at, updated_at)
         SELECT (SELECT id FROM public.programs LIMIT 1), 'Project ' || n, 'Business sponsor', 'Project manager',
                'Technical lead', start_date, end_date, 'B-' || n, NULL, id, timestamp '2024-01-01',
                timestamp '2024-01-01'
           FROM unnest($1::uuid[], $2::date[], $3::date[]) WITH ORDINALITY AS p (id, start_date, end_date, n)",
    )
    .bind(ids)
    .bind(starts)
    .bind(ends)
    .execute(connection)
    .await?;
    if added.rows_affected() != projects.len() as u64 {
        return Err(BenchError::Failed("not all projects were added".to_owned()));
    }
    Ok(())
}

/// The operator of the benchmark's migrations.
pub(crate) fn operator() -> Operator {
    Operator { actor: "bench".to_owned(), host: "bench".to_owned(), reason: None }
}

/// Options of a migration without an expected digest.
pub(crate) fn migrate_options() -> MigrateOptions {
    MigrateOptions {
        plan: PlanOptions::default(),
        expected_digest: None,
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
    }
}
