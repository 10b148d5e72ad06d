//! Peak memory of rebuilds and of the verification of a long log, each time in a separate process, and its growth with the amount of data.

use super::rebuild::{TableState, prepare};
use crate::child::{ChildTask, peak};
use crate::error::Result;
use crate::log::Log;
use crate::measure::{CaseResult, Rounds};
use crate::server::{Bench, connect};

/// The limit.
const LIMIT_MIB: f64 = 512.0;

pub(super) async fn run(bench: &Bench, log: &Log) -> Result<Vec<CaseResult>> {
    let mut outcomes = Vec::new();
    let fifth = Log::make(bench, bench.sizes.events / 5).await?;
    for (name, work, table) in [
        ("memory-rebuild", ChildTask::Rebuild, TableState::Intact),
        ("memory-rebuild-lost", ChildTask::Rebuild, TableState::Lost),
        ("memory-verify", ChildTask::Verify, TableState::Intact),
    ] {
        let mut peaks = Vec::new();
        for log in [log, &fifth] {
            prepare(&mut connect(log.url()).await?, table).await?;
            peaks.push(peak(work, log.url()).await?);
        }
        if let [whole, fifth] = peaks[..] {
            outcomes.push(outcome(name, &log.size(), whole, fifth)?);
        }
    }
    Ok(outcomes)
}

fn outcome(name: &str, size: &str, whole: f64, fifth: f64) -> Result<CaseResult> {
    let checked = "the work was done in a separate process, which reported its VmHWM";
    let growth = whole / fifth;
    Ok(CaseResult {
        ours: Rounds::figure(whole),
        theirs: Rounds::figure(LIMIT_MIB),
        note: Some(format!(
            "with a fifth of it {fifth:.0} MiB: five times as much takes {growth:.1} times the memory"
        )),
        ..CaseResult::of(name, size, checked)?
    })
}
