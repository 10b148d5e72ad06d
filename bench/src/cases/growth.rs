//! Migration, verification, rebuild and rollback at growing numbers of assignments: peak memory, each time in a separate process, and
//! the longest wait of a reader.

use super::migrate::legacy;
use super::reader::WaitingReader;
use crate::child::{ChildTask, peak};
use crate::error::Result;
use crate::measure::{CaseResult, Measured, Rounds};
use crate::server::{Bench, connect, settle};
use phaseline_embedded::testing::TestDatabase;
use std::time::Duration;

/// The limit of memory at the smallest number.
const LIMIT_MIB: f64 = 512.0;
/// The tasks of a trip, each with what it does, in their order.
const TASKS: [(&str, ChildTask); 4] = [
    ("migrate", ChildTask::Migrate),
    ("verify", ChildTask::Verify),
    ("rebuild", ChildTask::Rebuild),
    ("rollback", ChildTask::Rollback),
];

/// The rounds of one task.
#[derive(Clone, Default)]
struct TaskRounds {
    /// Peak memory in MiB.
    peaks: Rounds,
    /// The longest waits of a reader, in seconds.
    waits: Rounds,
}

/// The rounds at one number of assignments.
struct Trips {
    assignments: u64,
    template: TestDatabase,
    tasks: [TaskRounds; 4],
}

impl Trips {
    async fn prepare(bench: &Bench, times: u64) -> Result<Self> {
        let (projects, assignments) = bench.sizes.legacy;
        let assignments = assignments * times;
        let template = legacy(bench, (projects, assignments), "SELECT").await?;
        Ok(Self { assignments, template, tasks: Default::default() })
    }

    /// A migration, and back again.
    async fn round(&mut self, bench: &Bench) -> Result<()> {
        let database = bench.copy(&self.template);
        let url = database.url();
        for ((_, task), rounds) in TASKS.into_iter().zip(&mut self.tasks) {
            settle(&mut connect(url).await?).await?;
            let reader = WaitingReader::start(url);
            // The reader is connected before the work begins.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let peak = peak(task, url).await;
            rounds.waits.push(Measured::figure(reader.stop()?.longest.as_secs_f64()));
            rounds.peaks.push(Measured::figure(peak?));
        }
        Ok(())
    }
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let growth = bench.sizes.growth;
    let mut base = Trips::prepare(bench, 1).await?;
    let mut more = Trips::prepare(bench, growth.waits).await?;
    for _ in 0..bench.rounds {
        base.round(bench).await?;
        more.round(bench).await?;
    }
    let mut outcomes = Vec::new();
    for (name, at) in [("unreadable-up-growth", 0), ("unreadable-down-growth", 3)] {
        let (ours, theirs) = (more.tasks[at].waits.clone(), base.tasks[at].waits.clone());
        outcomes.push(grown(bench, name, more.assignments, ours, theirs, "s")?);
    }
    let most = if growth.memory == growth.waits {
        more
    } else {
        drop(more);
        let mut most = Trips::prepare(bench, growth.memory).await?;
        most.round(bench).await?;
        most
    };
    for ((name, _), (few, many)) in TASKS.into_iter().zip(base.tasks.iter().zip(&most.tasks)) {
        if matches!(name, "migrate" | "rollback") {
            let size = format!("{} projects, {} assignments", bench.sizes.legacy.0, base.assignments);
            let checked = "the work was done in a separate process, which reported its VmHWM";
            let case = CaseResult::of(&format!("memory-{name}"), size, checked)?;
            outcomes.push(CaseResult { ours: few.peaks.clone(), theirs: Rounds::figure(LIMIT_MIB), ..case });
        }
        let name = format!("memory-{name}-growth");
        let (ours, theirs) = (many.peaks.clone(), few.peaks.clone());
        outcomes.push(grown(bench, &name, most.assignments, ours, theirs, "MiB")?);
    }
    Ok(outcomes)
}

/// A result at more assignments beside that at fewer.
fn grown(
    bench: &Bench,
    name: &str,
    assignments: u64,
    ours: Rounds,
    theirs: Rounds,
    unit: &str,
) -> Result<CaseResult> {
    let (projects, fewer) = bench.sizes.legacy;
    let [many, few] = [&ours, &theirs].map(|rounds| rounds.figures().median());
    let times = assignments / fewer.max(1);
    let note = format!("{times} times the assignments take {:.2} times as many {unit}", many / few);
    let size = format!("{projects} projects, {assignments} and {fewer} assignments");
    let checked = "the work was done in a separate process, beside a reader of both tables every 2 ms";
    Ok(CaseResult { ours, theirs, note: Some(note), ..CaseResult::of(name, size, checked)? })
}
