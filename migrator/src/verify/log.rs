//! One pass over the log: folded, inspected and added up.

use crate::error::MigratorError;
use crate::links::FoldedLinks;
use crate::progress::Progress;
use phaseline_domain::{Budget, Money, PhaseId, ProjectId, TimelineEvent};
use phaseline_projections::FoldedLog;
use phaseline_store::{StoreError, chain::Inspector, read, schema, timeline::TIMELINE};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

use super::Checks;

/// Budgets added up event by event: what was imported plus what later events changed. Kept apart from the fold, so
/// that one can check the other.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    phases: HashMap<(ProjectId, PhaseId), Budget>,
    pub sums: HashMap<ProjectId, [Decimal; 3]>,
}

fn parts(budget: Budget) -> [Decimal; 3] {
    [budget.capital(), budget.expense(), budget.total()].map(Money::amount)
}

impl Ledger {
    fn see(&mut self, project: ProjectId, event: &TimelineEvent) {
        let (id, new) = match event {
            TimelineEvent::PhaseCreated(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::LegacyPhaseAdopted(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::PhaseBudgeted(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::LegacyRowRecorded(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::PhaseAdopted(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::DefaultPhaseSupplied(e) => (e.phase_id, Some(Budget::ZERO)),
            TimelineEvent::PhaseRemoved(e) => (e.phase_id, None),
            TimelineEvent::TimelineClosed(_) => return self.close(project),
            _ => return,
        };
        let old = match new {
            Some(budget) => self.phases.insert((project, id), budget),
            None => self.phases.remove(&(project, id)),
        };
        let sums = self.sums.entry(project).or_default();
        let before = old.map_or([Decimal::ZERO; 3], parts);
        let after = new.map_or([Decimal::ZERO; 3], parts);
        for ((sum, before), after) in sums.iter_mut().zip(before).zip(after) {
            *sum += after - before;
        }
    }

    fn close(&mut self, project: ProjectId) {
        self.phases.retain(|(of, _), _| *of != project);
        self.sums.remove(&project);
    }
}

/// What the log says.
#[derive(Debug)]
pub(super) struct LogReading {
    pub folded: FoldedLog,
    pub links: FoldedLinks,
    pub ledger: Ledger,
    pub inspector: Inspector,
    pub events: u64,
    /// The id in the log's first event.
    pub log_id: Option<Uuid>,
}

/// Reads the log once. None if there is none.
pub(super) async fn read_log(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<Option<LogReading>, MigratorError> {
    if !schema::installed(connection).await? {
        return Ok(None);
    }
    let total = schema::tip(connection).await?.position.unsigned_abs();
    progress.step("reading the log", Some(total));
    let mut reading = LogReading {
        folded: FoldedLog::default(),
        links: FoldedLinks::default(),
        ledger: Ledger::default(),
        inspector: Inspector::default(),
        events: 0,
        log_id: None,
    };
    let LogReading { folded, links, ledger, inspector, log_id, .. } = &mut reading;
    let mut damaged = None;
    let events = read::scan(connection, None, |event| {
        inspector.see(event);
        if event.position == 1 {
            *log_id = Some(event.stream_id);
        }
        if damaged.is_none() {
            // A log with a version missing cannot be folded; the inspector names what is wrong with it.
            damaged = folded.see(event).and_then(|()| links.see(event)).err();
        }
        if event.stream_type == TIMELINE && damaged.is_none() {
            ledger.see(event.stream_id.into(), &event.timeline_event()?);
        }
        if event.position % 4096 == 0 {
            progress.advance(event.position.unsigned_abs());
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    reading.events = events;
    match damaged {
        Some(error) if reading.inspector.broken() == 0 => Err(error.into()),
        _ => Ok(Some(reading)),
    }
}

/// Whether every position is there and the chain is whole.
pub(super) fn check_log(reading: &LogReading, checks: &mut Checks) {
    use phaseline_store::chain::Break;
    let (position, hash) = reading.inspector.tip();
    let (missing, altered): (Vec<&Break>, Vec<&Break>) = reading
        .inspector
        .breaks()
        .iter()
        .partition(|found| matches!(found, Break::Position { .. } | Break::Version { .. }));
    let text = |found: Vec<&Break>| -> Vec<String> { found.iter().map(ToString::to_string).collect() };
    checks.beyond(
        "Checking every position of the log is present...",
        format!("Every position is present ({} events, last position {position})", reading.events),
        text(missing),
    );
    checks.beyond(
        "Checking the log's hash chain...",
        format!("Hash chain is whole (head {})", phaseline_store::hash::hex(&hash)),
        text(altered),
    );
}
