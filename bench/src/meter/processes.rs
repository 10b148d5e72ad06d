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

/// The process and its descendants, each with the time of its ended children.
fn descend(process: u32, found: &mut BTreeMap<u32, Duration>) {
    let Some(ended) = time_of_ended_children(&process.to_string()) else { return };
    found.insert(process, ended);
    let children = read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        descend(child, found);
    }
}

/// The time of the children for which a process has waited, and of theirs: the 16th and the 17th field, `cutime` and `cstime`. The
/// second one, a name, may contain spaces.
pub(super) fn time_of_ended_children(process: &str) -> Option<Duration> {
    let text = read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(13);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()? + next()?;
    Some(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
}
