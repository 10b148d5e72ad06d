//! The machine and server of the measurements.

use crate::error::Result;
use crate::server::{Bench, connect};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::read_to_string;

/// The settings of the server that affect the figures.
const SETTINGS: [&str; 11] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "max_wal_size",
    "max_parallel_workers_per_gather",
    "autovacuum",
    "jit",
];

/// The machine and server of the measurements.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Environment {
    cpu: String,
    cores: usize,
    memory_mib: u64,
    os: String,
    postgres: String,
    settings: BTreeMap<String, String>,
    profile: &'static str,
    date: String,
    command: String,
}

impl Environment {
    /// Queries the system and the server.
    pub(crate) async fn detect(bench: &Bench) -> Result<Self> {
        let database = bench.empty();
        let mut connection = connect(database.url()).await?;
        let postgres: String = sqlx::query_scalar("SELECT version()").fetch_one(&mut connection).await?;
        let settings: Vec<(String, String)> =
            sqlx::query_as("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY ($1)")
                .bind(SETTINGS)
                .fetch_all(&mut connection)
                .await?;
        let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let system =
            field("/etc/os-release", "PRETTY_NAME", '=').unwrap_or_else(|| std::env::consts::OS.to_owned());
        let memory = field("/proc/meminfo", "MemTotal", ':');
        let memory = memory.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name", ':')
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory.unwrap_or_default() / 1024,
            os: format!("{system}, {}", kernel.trim()),
            postgres: postgres.split(',').next().unwrap_or_default().to_owned(),
            settings: settings.into_iter().collect(),
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
            date: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            command: std::iter::once("phaseline-bench".to_owned())
                .chain(std::env::args().skip(1))
                .collect::<Vec<_>>()
                .join(" "),
        })
    }
}

/// The value of a name in a system file.
fn field(file: &str, name: &str, separator: char) -> Option<String> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(separator)?.1.trim().trim_matches('"').to_owned())
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} cores, {} MiB; {}", self.cpu, self.cores, self.memory_mib, self.os)?;
        let settings: Vec<String> =
            self.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(f, "{}; {}", self.postgres, settings.join(", "))?;
        write!(f, "{}; {}; profile {}", self.command, self.date, self.profile)
    }
}
