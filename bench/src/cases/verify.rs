//! Verification of a database with a long log, beside reading the log only.

use super::rebuild::read_log;
use crate::child::verified;
use crate::error::Result;
use crate::log::Log;
use crate::measure::{CaseResult, Measured, alternate};
use crate::server::{Bench, connect, settle};
use crate::steps::StepTimes;

pub(super) async fn run(bench: &Bench, log: &Log) -> Result<Vec<CaseResult>> {
    let [our_meter, their_meter] = bench.meters("verify");
    let mut note = None;
    let (ours, theirs) = alternate(
        bench.rounds,
        async || {
            settle(&mut connect(log.url()).await?).await?;
            let steps = StepTimes::default();
            let ((), spent) = our_meter.timed(verified(log.url(), &steps)).await?;
            note = Some(steps.summary());
            Ok(Measured::rate(log.events, spent))
        },
        async || read_log(their_meter, log).await,
    )
    .await?;
    let checked = "every check passed; the whole log was sent";
    Ok(vec![CaseResult { ours, theirs, note, ..CaseResult::of("verify", log.size(), checked)? }])
}
