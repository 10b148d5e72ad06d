//! Times of a process and of its descendants, from Linux's `/proc`.

use crate::error::{BenchError, Result};
use rustix::param::clock_ticks_per_second;
use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::path::Path;
use std::time::Duration;

/// The limit of attempts to read the times while processes begin and end.
const ATTEMPTS: u32 = 1_000;

/// The processor time of a process with its descendants, ended ones included. `None` without Linux's `/proc`.
pub(super) fn time_of_all(root: u32) -> Result<Option<Duration>> {
    if !Path::new("/proc/self/schedstat").exists() {
        return Ok(None);
    }
    for _ in 0..ATTEMPTS {
        let mut processes: BTreeMap<u32, Duration> = BTreeMap::new();
        descend(root, &mut processes);
        if !processes.contains_key(&root) {
            return Err(BenchError::Failed(format!("the server's process {root} has ended")));
        }
        let running: Option<Duration> =
            processes.keys().map(|process| running_time(&process.to_string())).sum();
        // The time of a process that ends moves to its parent: both are read in a moment in which none ends.
        let mut still = BTreeMap::new();
        descend(root, &mut still);
        if let Some(running) = running.filter(|_| processes == still) {
            return Ok(Some(running + processes.values().sum::<Duration>()));
        }
    }
    Err(BenchError::Failed("the server starts and ends processes all the time".to_owned()))
}

/// The time of a process, to the nanosecond, without its children: that of its only thread, as processes of PostgreSQL have.
pub(super) fn running_time(process: &str) -> Option<Duration> {
    let text = read_to_string(format!("/proc/{process}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// The processor time of a process with all its threads, and of its descendants, to the system's tick.
pub(super) fn time_with_threads(root: u32) -> Option<Duration> {
    let fields = |process: u32| ticks(&process.to_string(), 11, 4);
    with_descendants(root).into_iter().filter_map(fields).reduce(|sum, time| sum + time)
}

/// The process and its descendants.
pub(super) fn with_descendants(root: u32) -> Vec<u32> {
    let mut found = BTreeMap::new();
    descend(root, &mut found);
    found.into_keys().collect()
}

/// The process and its descendants, each with the time of its ended children.
fn descend(process: u32, found: &mut BTreeMap<u32, Duration>) {
    let Some(ended) = time_of_ended_children(&process.to_string()) else { return };
    found.insert(process, ended);
    let children = read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        descend(child, found);
    }
}

/// The time of the children for which a process has waited, and of theirs: the fields `cutime` and `cstime`.
pub(super) fn time_of_ended_children(process: &str) -> Option<Duration> {
    ticks(process, 13, 2)
}

/// The sum of some of the fields of `stat` behind the process's name: `utime`, `stime`, `cutime`, `cstime` are 11 to 14.
fn ticks(process: &str, first: usize, count: usize) -> Option<Duration> {
    let text = read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may contain spaces, and ends with the last parenthesis.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let times = fields.get(first..first + count)?.iter().map(|field| field.parse::<u64>().ok());
    let ticks = times.sum::<Option<u64>>()?;
    Some(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
}
