//! Runs a task in a separate process: to measure its peak memory, or its processor time.

use crate::error::{BenchError, Result};
use crate::log::{migrate_options, operator};
use crate::report::print;
use crate::server::handle;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_migrator::verify::verify;
use phaseline_projections::rebuild::{RebuildOptions, Rebuilt, rebuild};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
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
    /// Serve until the standard input ends.
    Serve,
}

impl ChildTask {
    const fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Rollback => "rollback",
            Self::Rebuild => "rebuild",
            Self::Verify => "verify",
            Self::Serve => "serve",
        }
    }
}

/// Runs the task in this process, and prints its peak memory in KiB; a service prints where it listens.
pub(crate) async fn work(work: ChildTask, serve: impl AsyncFnOnce(&str) -> Result<()>) -> Result<()> {
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
        ChildTask::Serve => return serve(&url).await,
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
    let output =
        beside(move || command.output()).await?.map_err(BenchError::io("cannot start this program again"))?;
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

/// Completes when the parent lets go of this process's input.
pub(crate) async fn input_ended() -> Result<()> {
    let reading = beside(|| std::io::stdin().read_to_end(&mut Vec::new()));
    reading.await?.map(|_| ()).map_err(BenchError::io("the input"))
}

/// Runs work that waits for another process.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BenchError::Failed(format!("the child's thread ended: {error}")))
}

/// Where a service listens, and a token for it.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// A service in a process of its own, which ends with its standard input.
pub(crate) struct ChildService(Child);

impl ChildService {
    /// Starts this program again for it.
    pub(crate) async fn start(url: &str) -> Result<(Self, Listening)> {
        let program = std::env::current_exe().map_err(BenchError::io("cannot find this program's file"))?;
        let mut command = Command::new(program);
        command.args(["--child", ChildTask::Serve.name()]).env(URL, url);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(BenchError::io("cannot start this program again"))?;
        let output = child.stdout.take();
        let line = beside(move || {
            let mut line = String::new();
            output.map_or(Ok(0), |output| BufReader::new(output).read_line(&mut line)).map(|_| line)
        });
        let line = line.await?.map_err(BenchError::io("the child's output"))?;
        let listening = line.trim().split_once(' ').and_then(|(address, token)| {
            Some(Listening { address: address.parse().ok()?, token: token.to_owned() })
        });
        let listening = listening
            .ok_or_else(|| BenchError::Failed(format!("a child printed {line:?} instead of its address")))?;
        Ok((Self(child), listening))
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self(mut child) = self;
        drop(child.stdin.take());
        let status = beside(move || child.wait()).await?.map_err(BenchError::io("the child"))?;
        match status.success() {
            true => Ok(()),
            false => Err(BenchError::Failed(format!("the service in a child ended with {status}"))),
        }
    }
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
    let mut readers = Vec::new();
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        readers.push(database.connect("bench reader").await?);
    }
    Ok(rebuild(&mut connection, readers, &RebuildOptions::default(), progress).await?)
}

/// Verifies; fails unless every check passes.
pub(crate) async fn verified(url: &str, progress: &dyn Progress) -> Result<()> {
    let mut connection = handle(url)?.connect("bench").await?;
    let found = verify(&mut connection, progress).await?;
    if found.passed {
        return Ok(());
    }
    let failed: Vec<_> =
        found.checks.iter().filter(|check| !check.passed).map(|check| &check.title).collect();
    Err(BenchError::Failed(format!("the verification failed: {failed:?}")))
}
