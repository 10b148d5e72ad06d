//! `phaseline doctor`: checks this installation.

mod log;
mod report;
mod server;
mod tables;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::rehearsal_copies;
use crate::target::Target;
use clap::Args;
use phaseline_embedded::{Binaries, OLDEST_MAJOR_VERSION};
use phaseline_migrator::shape::{self, Shape};
use phaseline_projections::{Access, foreign_code};
use phaseline_store::{Pooling, StoreError, schema};
use report::DoctorReport;
use sqlx::{Connection, PgConnection};

/// Check this installation: connection, server, privileges, schema phaseline, `pg_dump`
///
/// Each line begins with ok, warn or fail, with a remedy. The last line is HEALTHY only if nothing is left to do; otherwise it counts
/// problems and warnings. Exits with 1 if a check fails, with 9 without a database; with warnings only it exits with 0.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline doctor
  phaseline doctor --deep                    read every event, as verify does
  phaseline doctor --repair                  rebuild a damaged schema phaseline from its events")]
pub(crate) struct DoctorArgs {
    /// Rebuild everything in schema phaseline but the events, which must exist
    #[arg(long)]
    repair: bool,
    /// Only show what --repair would find: the same as without it
    #[arg(long, requires = "repair")]
    dry_run: bool,
    /// Read all events rather than the last 10000
    #[arg(long)]
    deep: bool,
}

impl DoctorArgs {
    /// Whether it writes.
    pub(crate) const fn writes(&self) -> bool {
        self.repair && !self.dry_run
    }
}

pub(crate) async fn run(context: &Context, args: &DoctorArgs) -> Result<Exit, Failure> {
    let mut report = DoctorReport::new();
    let target = match Target::resolve(context).await {
        Ok(target) => target,
        // A wrong URL is a usage error, not a finding.
        Err(failure) if failure.exit() == Exit::Usage => return Err(failure),
        Err(failure) => return Ok(without_database(context, report, &failure).await),
    };
    let connected = match target.service_pooling().await {
        Ok(pooling) => connect(&target, pooling, args.writes()).await.map(|connection| (connection, pooling)),
        Err(failure) => Err(failure),
    };
    let (mut connection, pooling) = match connected {
        Ok(connected) => connected,
        Err(failure) if failure.exit() == Exit::NotMigratable => return Err(failure),
        Err(failure) => return Ok(without_database(context, report, &failure).await),
    };
    let planted = foreign_code(&mut connection, None, Access::Read).await?;
    if args.writes() && !planted.is_empty() {
        return Err(StoreError::ForeignCode(planted.join("; ")).into());
    }
    if args.writes() {
        repair(&mut connection).await?;
        context.output.remark("schema phaseline was rebuilt from its events");
    }
    let whose = if target.is_embedded() { ", on the private server" } else { "" };
    report.ok("connection", format!("{}{whose}", target.service_url().place()));
    report_pooler(&mut report, &target, pooling);
    if !planted.is_empty() {
        // Ends here, since further queries might run that code.
        report.fail(
            "code of others",
            planted.join("; "),
            "Connect as the named role, or drop the object that calls the function.",
        );
        context.output.result(&report, || report.page());
        return Ok(Exit::Unexpected);
    }
    server::check(&mut report, &mut connection, &target).await;
    tables::check(&mut report, &mut connection).await;
    log::check(&mut report, &mut connection, args.deep).await;
    copies(&mut report, &mut connection, &target).await;
    context.output.result(&report, || report.page());
    Ok(if report.passed() { Exit::Done } else { Exit::Unexpected })
}

/// A session of its own, or else, behind a pooler without the server's own URL, a transaction.
async fn connect(target: &Target, pooling: Pooling, repair: bool) -> Result<Reading, Failure> {
    if pooling == Pooling::Session || target.has_direct_url() || repair {
        return Ok(Reading::Direct(target.connect_to_any("doctor").await?));
    }
    target.read_any("doctor").await
}

fn report_pooler(report: &mut DoctorReport, target: &Target, pooling: Pooling) {
    match pooling {
        Pooling::Session if target.is_embedded() => {}
        Pooling::Session => report.ok("pooler", "none: each connection is a session"),
        Pooling::Transaction if target.has_direct_url() => report.ok(
            "pooler",
            format!("each use of a connection is a transaction; runs connect to {}", target.url().place()),
        ),
        Pooling::Transaction => report.warn(
            "pooler",
            "each use of a connection is a transaction, so that runs such as migrate, rollback and rebuild cannot use it",
            "For runs give the server's own URL: --direct-url, or PHASELINE_DIRECT_URL.",
        ),
    }
}

/// Searches copies of killed rehearsals on the server.
async fn copies(report: &mut DoctorReport, connection: &mut PgConnection, target: &Target) {
    match rehearsal_copies::leftovers(connection, target.program()).await {
        Ok(copies) => {
            for (copy, remedy) in copies {
                report.warn("rehearsals", copy, remedy);
            }
        }
        Err(failure) => report.unchecked("rehearsals", failure),
    }
}

/// The report without a database.
async fn without_database(context: &Context, mut report: DoctorReport, failure: &Failure) -> Exit {
    let remedy = failure.remedy_text().unwrap_or("See above.");
    report.fail("connection", crate::redact::passwords(failure.message()), remedy);
    let found = Binaries::find()
        .or_else(|missing| Binaries::find_clients(OLDEST_MAJOR_VERSION).map_err(|_| missing))
        .map_err(Failure::from);
    server::check_programs(&mut report, None, found).await;
    context.output.result(&report, || report.page());
    Exit::NoDatabase
}

/// Rebuilds everything in schema `phaseline` but the events, in one transaction.
async fn repair(connection: &mut PgConnection) -> Result<(), Failure> {
    if !schema::installed(connection).await? {
        return Err(Failure::refused("no_events", "there are no events (phaseline.events) to rebuild the schema from")
            .remedy("Before the first migration nothing is missing: migrate creates the schema. After it, restore a backup."));
    }
    let mut transaction = connection.begin().await?;
    phaseline_projections::install(&mut transaction).await?;
    let found = shape::find(&mut transaction).await?;
    // Only if phaseline moved the tables: on tables that another program moved, commands would cause drift.
    let (runs, _) = phaseline_migrator::log::history::readable_runs(&mut transaction).await?;
    let migrated = runs.iter().rfind(|run| run.completed()).is_some_and(|run| run.migrated.is_some());
    let accepts = found.shape == Shape::Timelines && migrated;
    schema::set_accepts_commands(&mut transaction, accepts).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}
