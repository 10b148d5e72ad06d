use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Binaries;

/// Linux's file system in memory.
const MEMORY: &str = "/dev/shm";

/// The required free space. A container often has only 64 MB, less than one cluster.
const ENOUGH_KIB: u64 = 4 << 20;

/// The settings of a test cluster. The default never waits for a disk (it survives a crash of the server, but no power cut), has no
/// background work that moves rows, and accepts 200 connections.
#[derive(Debug, Clone)]
pub struct TestOptions {
    settings: Vec<(String, String)>,
    on_disk: bool,
    pub(super) binaries: Option<Binaries>,
}

impl TestOptions {
    /// Settings of a production server: on disk, durable, with autovacuum. For benchmarks and crash tests.
    pub fn durable() -> Self {
        Self { settings: Vec::new(), on_disk: true, binaries: None }.setting("max_connections", "200")
    }

    /// The same with another server setting, such as `("work_mem", "1MB")`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with the programs of this folder instead of those that [`Binaries::find`] finds.
    #[must_use]
    pub fn binaries(mut self, binaries: &Binaries) -> Self {
        self.binaries = Some(binaries.clone());
        self
    }

    /// The place of the cluster's folder: memory if that is allowed and has enough space, since copying a template is much
    /// slower on disk. `TMPDIR` overrides it.
    pub(super) fn folder(&self) -> PathBuf {
        if self.on_disk || env::var_os("TMPDIR").is_some() || free_kib(MEMORY) < ENOUGH_KIB {
            return env::temp_dir();
        }
        PathBuf::from(MEMORY)
    }

    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Default for TestOptions {
    fn default() -> Self {
        [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            // `off` would save a write into the kernel's cache per commit, and lose commits when a test crashes
            // the server.
            ("synchronous_commit", "on"),
            // Autovacuum would move rows and change plans during a test; some tests enable it.
            ("autovacuum", "off"),
            ("max_connections", "200"),
            ("shared_buffers", "128MB"),
            ("max_prepared_transactions", "10"),
            // With a lower level, creating a publication warns.
            ("wal_level", "logical"),
            ("checkpoint_timeout", "1h"),
            ("jit", "off"),
            ("timezone", "UTC"),
        ]
        .iter()
        .fold(Self { settings: Vec::new(), on_disk: false, binaries: None }, |options, (name, value)| {
            options.setting(name, value)
        })
    }
}

/// Free space according to `df`, or 0.
fn free_kib(folder: &str) -> u64 {
    if !Path::new(folder).is_dir() {
        return 0;
    }
    let output = Command::new("df").args(["-Pk", folder]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // The second line: device, blocks, used, available, ...
    let available = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    available.unwrap_or(0)
}
