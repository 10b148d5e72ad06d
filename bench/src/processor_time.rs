//! The processor time of processes, from `/proc`. Without it, as on other systems than Linux, there is none.

use crate::error::Result;
use sqlx::PgConnection;
use std::time::Duration;

/// The unit of `/proc/PID/stat` (`USER_HZ`), the same on all of Linux's usual architectures.
const TICK: Duration = Duration::from_millis(10);

/// A process as `/proc/PID/stat` has it.
struct Stat {
    parent: u32,
    /// User and system time.
    own: Duration,
    /// The same of its children that have ended.
    ended_children: Duration,
}

/// User and system time of a process.
pub(crate) fn of_process(id: u32) -> Option<Duration> {
    Some(stat(id)?.own)
}

/// User and system time of all processes of the database server so far.
pub(crate) async fn of_server(connection: &mut PgConnection) -> Result<Option<Duration>> {
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await?;
    let Some(server) = u32::try_from(own).ok().and_then(stat).map(|own| own.parent) else { return Ok(None) };
    let Ok(all) = std::fs::read_dir("/proc") else { return Ok(None) };
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let of_one = |id| match stat(id) {
        Some(stat) if id == server => stat.own + stat.ended_children,
        Some(stat) if stat.parent == server => stat.own,
        _ => Duration::ZERO,
    };
    Ok(Some(ids.map(of_one).sum()))
}

fn stat(id: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may have any characters.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok().map(|ticks| TICK * ticks);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended_children: ticks(13)? + ticks(14)?,
    })
}
