//! Runs the cases.

mod commands;
mod http;
mod import;
mod memory;
mod migrate;
mod original;
mod pooler;
mod portfolio;
mod reader;
mod rebuild;
mod replay;
mod verify;

pub(crate) use http::serve;

use crate::case::{Case, Group};
use crate::error::Result;
use crate::log::Log;
use crate::measure::CaseResult;
use crate::report;
use crate::server::Bench;

/// Runs these cases, and prints each outcome at once.
pub(crate) async fn run(bench: &Bench, wanted: &[&'static Case]) -> Result<Vec<CaseResult>> {
    let mut outcomes = Vec::new();
    // The log that most cases read, created for the first of them.
    let mut log = None;
    for group in Group::ALL {
        if !wanted.iter().any(|case| case.group == group) {
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
        for outcome in found {
            if wanted.iter().any(|case| case.name == outcome.case.name) {
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
