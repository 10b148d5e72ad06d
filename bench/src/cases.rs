//! Runs the cases.

mod commands;
mod growth;
mod http;
mod import;
mod load;
mod memory;
mod migrate;
mod original;
mod peers;
mod pgbench;
mod pooler;
mod portfolio;
mod reader;
mod rebuild;
mod replay;
mod verify;

use crate::case::Group;
use crate::error::Result;
use crate::log::Log;
use crate::measure::CaseResult;
use crate::report;
use crate::server::Bench;

/// Runs the wanted cases, and prints each outcome at once.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let mut outcomes = Vec::new();
    // The log that most cases read, created for the first of them.
    let mut log = None;
    for group in Group::ALL {
        if !bench.wanted.iter().any(|case| case.group == group) {
            continue;
        }
        if group.reads_log() && log.is_none() {
            log = Some(Log::make(bench, bench.sizes.events).await?);
        }
        let found = match (group, &log) {
            (Group::RebuildSql, Some(log)) => rebuild::beside_sql(bench, log).await?,
            (Group::RebuildCopy, Some(log)) => rebuild::beside_copy(bench, log).await?,
            (Group::RebuildReplay, Some(log)) => replay::run(bench, log).await?,
            (Group::Verify, Some(log)) => verify::run(bench, log).await?,
            (Group::Portfolio, _) => portfolio::run(bench).await?,
            (Group::Memory, Some(log)) => memory::run(bench, log).await?,
            (Group::Growth, _) => growth::run(bench).await?,
            (Group::Peers, _) => peers::run(bench).await?,
            (Group::Commands, _) => commands::run(bench).await?,
            (Group::Http, _) => http::run(bench).await?,
            (Group::HttpBooked, _) => http::booked(bench).await?,
            (Group::Pooler, _) => pooler::run(bench).await?,
            (Group::Hot, _) => commands::hot(bench).await?,
            (Group::Import, _) => import::run(bench).await?,
            (Group::RebuildScaling, Some(log)) => rebuild::scaling(bench, log).await?,
            (Group::Migrate, _) => migrate::run(bench).await?,
            (Group::Original, _) => original::run(bench).await?,
            _ => Vec::new(),
        };
        for mut outcome in found {
            if bench.wants(outcome.case.name) {
                let profiles = bench.profiles_of(outcome.case.name);
                outcome.note =
                    outcome.note.into_iter().chain(profiles).reduce(|note, more| format!("{note}; {more}"));
                report::outcome(&outcome);
                outcomes.push(outcome);
            }
        }
    }
    Ok(outcomes)
}

impl Group {
    const fn reads_log(self) -> bool {
        matches!(
            self,
            Self::RebuildSql
                | Self::RebuildCopy
                | Self::RebuildReplay
                | Self::Verify
                | Self::RebuildScaling
                | Self::Memory
        )
    }
}
