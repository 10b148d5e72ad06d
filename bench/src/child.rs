//! Runs a task in a separate process, to measure its peak memory.

use crate::error::{BenchError, Result};
use crate::log::{migrate_options, operator};
use crate::report::print;
use crate::server::handle;
use phaseline_migrator::Database;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_migrator::verify::verify_expecting;
use phaseline_projections::rebuild::{RebuildOptions, Rebuilt, rebuild};
use sqlx::PgConnection;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The variable with the child's database. Not an argument, since the URL has a password.
const URL: &str = "PHASELINE_BENCH_URL";

/// The tasks of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ChildTask {
    Migrate,
    Rollback,
    Rebuild,
    Verify,
}

impl ChildTask {
    const fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Rollback => "rollback",
            Self::Rebuild => "rebuild",
            Self::Verify => "verify",
        }
    }
}

/// Runs the task in this process, and prints its peak memory in KiB.
pub(crate) async fn work(work: ChildTask) -> Result<()> {
    let url = std::env::var(URL).map_err(|_| BenchError::Failed(format!("{URL} is not set")))?;
    match work {
        ChildTask::Migrate => {
            migrate(&handle(&url)?, &migrate_options(), &Silent).await?;
        }
        ChildTask::Rollback => rolled_back(&url, &Silent).await?,
        ChildTask::Rebuild => {
            rebuilt(&url, &Silent).await?;
        }
        ChildTask::Verify => verified(&url, &Silent).await?,
    }
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(BenchError::io("cannot read /proc/self/status, which tells the peak memory"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    print(peak.trim().trim_end_matches("kB").trim());
    Ok(())
}

/// Starts this program again for a task; returns its peak memory in MiB.
pub(crate) async fn peak(work: ChildTask, url: &str) -> Result<f64> {
    let program = std::env::current_exe().map_err(BenchError::io("cannot find this program's file"))?;
    let mut command = Command::new(program);
    command.args(["--child", work.name()]).env(URL, url).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .map_err(|error| BenchError::Failed(format!("the child's thread ended: {error}")))?
        .map_err(BenchError::io("cannot start this program again"))?;
    if !output.status.success() {
        return Err(BenchError::Failed(format!("{} in a child ended with {}", work.name(), output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let kib: f64 = text
        .trim()
        .parse()
        .map_err(|_| BenchError::Failed(format!("a child printed {text:?} instead of its memory")))?;
    Ok(kib / 1024.0)
}

/// Rolls back.
pub(crate) async fn rolled_back(url: &str, progress: &dyn Progress) -> Result<()> {
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss: None };
    rollback(&handle(url)?, &options, progress).await?;
    Ok(())
}

/// Rebuilds with one reader per core, as the program does.
pub(crate) async fn rebuilt(url: &str, progress: &dyn Progress) -> Result<Rebuilt> {
    let database = handle(url)?;
    let mut connection = database.connect("bench").await?;
    let readers = readers(&database).await?;
    Ok(rebuild(&mut connection, readers, &RebuildOptions::default(), progress).await?)
}

async fn readers(database: &Database) -> Result<Vec<PgConnection>> {
    let mut readers = Vec::new();
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        readers.push(database.connect("bench reader").await?);
    }
    Ok(readers)
}

/// Verifies with one reader per core, as the program does; fails unless every check passes.
pub(crate) async fn verified(url: &str, progress: &dyn Progress) -> Result<()> {
    let database = handle(url)?;
    let mut connection = database.connect("bench").await?;
    let found = verify_expecting(&mut connection, readers(&database).await?, &[], progress).await?;
    if found.passed {
        return Ok(());
    }
    let failed: Vec<_> =
        found.checks.iter().filter(|check| !check.passed).map(|check| &check.title).collect();
    Err(BenchError::Failed(format!("the verification failed: {failed:?}")))
}
