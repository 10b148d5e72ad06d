//! Folds, checks and sums the log in one pass.

use crate::error::MigratorError;
use crate::log::link_events::{FoldedLinks, Linked};
use crate::log::report_event;
use crate::progress::Progress;
use phaseline_domain::{Budget, Money, PhaseId, ProjectId, TimelineEvent};
use phaseline_projections::FoldedLog;
use phaseline_projections::deleted::find_deleted;
use phaseline_store::chain::{ChainLink, Inspector};
use phaseline_store::parallel;
use phaseline_store::read::{self, ChainedEvent};
use phaseline_store::stream::TIMELINE;
use phaseline_store::timeline_states::StatesAudit;
use phaseline_store::unreadable::EventHeader;
use phaseline_store::{LogHead, Quarantine, StoreError, UnreadableEvent, hash, schema};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

use super::checks::Checks;
use super::readers::SnapshotReaders;
use super::seen::{OtherEvent, SeenContent, SeenEvent};

/// Sums of budgets, event by event: imported ones plus later changes. They do not use the fold, so that each can check the other.
#[derive(Debug, Default)]
pub(super) struct BudgetLedger {
    phases: HashMap<(ProjectId, PhaseId), Budget>,
    pub sums: HashMap<ProjectId, [Decimal; 3]>,
}

fn parts(budget: Budget) -> [Decimal; 3] {
    [budget.capital(), budget.expense(), budget.total()].map(Money::amount)
}

impl BudgetLedger {
    fn see(&mut self, project: ProjectId, event: &TimelineEvent) {
        let (id, new) = match event {
            TimelineEvent::PhaseCreated(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::LegacyPhaseAdopted(e) => (e.phase_id, Some(e.budget)),
            // As in the fold, only for existing phases.
            TimelineEvent::PhaseBudgeted(e) if self.phases.contains_key(&(project, e.phase_id)) => {
                (e.phase_id, Some(e.budget))
            }
            TimelineEvent::LegacyRowRecorded(e) if self.phases.contains_key(&(project, e.phase_id)) => {
                (e.phase_id, Some(e.budget))
            }
            TimelineEvent::PhaseBudgeted(_) | TimelineEvent::LegacyRowRecorded(_) => return,
            TimelineEvent::PhaseAdopted(e) => (e.phase_id, Some(e.budget)),
            TimelineEvent::DefaultPhaseSupplied(e) => (e.phase_id, Some(Budget::ZERO)),
            TimelineEvent::PhaseRemoved(e) => (e.phase_id, None),
            TimelineEvent::TimelineClosed(_) => return self.close(project),
            // Without a budget.
            TimelineEvent::TimelineOpened(_)
            | TimelineEvent::TimelineRescheduled(_)
            | TimelineEvent::PhaseRenamed(_)
            | TimelineEvent::PhaseResized(_)
            | TimelineEvent::PhaseDescribed(_) => return,
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

/// The results of reading the log.
#[derive(Debug)]
pub(super) struct LogReading {
    pub folded: FoldedLog,
    pub links: FoldedLinks,
    pub ledger: BudgetLedger,
    pub inspector: Inspector,
    pub events: u64,
    /// Events that cannot be read, of timelines and other streams.
    pub unreadable: Quarantine,
    /// The id in the log's first event.
    pub log_id: Option<Uuid>,
    /// The stored timeline states, compared with the fold.
    pub states: StatesAudit,
}

impl LogReading {
    /// The rows of `project_phases` that the log expects.
    pub(super) fn phases(&self) -> u64 {
        self.folded.timelines.values().map(|folded| folded.timeline.phases().len() as u64).sum()
    }

    /// The assignments whose former phase the log has.
    pub(super) fn linked(&self) -> u64 {
        self.links.phase_of.len() as u64
    }
}

/// Reads the log once. None if there is none.
pub(super) async fn read_log(
    connection: &mut PgConnection,
    readers: Option<SnapshotReaders>,
    progress: &dyn Progress,
) -> Result<Option<LogReading>, MigratorError> {
    if !schema::installed(connection).await? {
        return Ok(None);
    }
    let tip = schema::tip(connection).await?.position;
    let total = tip.unsigned_abs();
    progress.step("reading the log", Some(total));
    let mut reading = LogReading {
        folded: FoldedLog::begin(connection).await?,
        links: FoldedLinks::default(),
        ledger: BudgetLedger::default(),
        inspector: Inspector::default(),
        events: 0,
        unreadable: Quarantine::default(),
        log_id: None,
        states: StatesAudit::begin(connection).await?,
    };
    match readers {
        Some(readers) => {
            let SnapshotReaders { readers, snapshot } = readers.bounded_for_links(connection).await?;
            let decode = |chained: &ChainedEvent<'_>| Ok(SeenEvent::of(&chained.event, chained.fits()));
            parallel::read_chained(readers, &snapshot, tip, decode, |events| {
                let last = events.last().map(|event| event.position);
                events.into_iter().try_for_each(|event| reading.see(event))?;
                if let Some(position) = last {
                    progress.advance(position.unsigned_abs().min(total));
                }
                Ok(())
            })
            .await?;
        }
        None => {
            let mut previous = hash::GENESIS;
            read::scan(connection, None, |event| {
                let fits = hash::fits(&previous, event);
                previous = event.hash;
                reading.see(SeenEvent::of(event, fits))?;
                report_event(progress, event.position, total);
                Ok::<_, StoreError>(())
            })
            .await?;
        }
    }
    reading.links.phase_of.settle()?;
    progress.advance(total);
    reading.unreadable.extend(&reading.folded.unreadable());
    reading.unreadable.events.sort_by_key(|event| event.position);
    for project in reading.folded.quarantined.keys() {
        // The sum of its other events cannot be compared.
        reading.ledger.close(*project);
    }
    Ok(Some(reading))
}

impl LogReading {
    /// Takes the next event in order of position.
    fn see(&mut self, event: SeenEvent) -> Result<(), StoreError> {
        let SeenEvent { position, recorded_at, stream_id, version, hash, fits, content } = event;
        self.events += 1;
        if position == 1 {
            self.log_id = Some(stream_id);
        }
        let stream_type = match &content {
            SeenContent::Timeline(_) => TIMELINE,
            SeenContent::Other(other) => &other.stream_type,
        };
        let link = ChainLink { position, recorded_at, stream_type, stream_id, version, hash };
        self.inspector.see_compared(&link, fits);
        match content {
            SeenContent::Timeline(event) => {
                if let Some(happened) = self.folded.apply_at(position, Some(event)) {
                    self.ledger.see(stream_id.into(), &happened);
                }
                self.states.see(position, self.folded.timelines.get(&stream_id.into()))?;
            }
            SeenContent::Other(other) => {
                let OtherEvent { stream_type, event_type, schema_version, links, unreadable } = *other;
                self.folded.apply_at(position, None);
                let skipped = self.folded.skips(position);
                let header = EventHeader {
                    position,
                    stream_type: &stream_type,
                    stream_id,
                    version,
                    event_type: &event_type,
                    schema_version,
                };
                let links = || links.unwrap_or_else(|| Ok(Linked::default()));
                if let Err(found) = self.links.see_decoded(header, links, skipped) {
                    self.unreadable.add(*found);
                }
                if let Some(found) = unreadable.filter(|_| !skipped) {
                    self.unreadable.add(*found);
                }
            }
        }
        Ok(())
    }
}

/// Checks that every position exists and the chain is intact.
pub(super) fn check_log(reading: &LogReading, checks: &mut Checks) {
    use phaseline_store::chain::Break;
    let (position, hash) = reading.inspector.tip();
    let (missing, altered): (Vec<&Break>, Vec<&Break>) = reading
        .inspector
        .breaks()
        .iter()
        .partition(|found| matches!(found, Break::Position { .. } | Break::Version { .. }));
    let kept = reading.inspector.breaks().len() as u64;
    let more = reading.inspector.broken() - kept;
    let text = |found: Vec<&Break>| -> Vec<String> { found.iter().map(ToString::to_string).collect() };
    let mut altered = text(altered);
    if more > 0 {
        altered.push(format!("and {more} more breaks of the chain, of its order or of its positions"));
    }
    checks.beyond(
        "Checking every position of the log is present...",
        format!("Every position is present ({} events, last position {position})", reading.events),
        text(missing),
    );
    checks.beyond(
        "Checking the log's hash chain...",
        format!("Hash chain is whole (head {})", LogHead { position, hash }),
        altered,
    );
    let mut unreadable: Vec<String> = reading.unreadable.events.iter().map(named).collect();
    if reading.unreadable.more() > 0 {
        unreadable.push(format!("and {} more", reading.unreadable.more()));
    }
    checks.beyond(
        "Checking every event of the log can be read...",
        "Every event can be read, or is left out by a mark".to_owned(),
        unreadable,
    );
    check_states(&reading.states, checks);
    match reading.folded.quarantined.len() {
        0 => {}
        timelines => checks.notes.push(format!(
            "{timelines} {} in quarantine: what the log says of their rows and budgets could not be compared",
            if timelines == 1 { "timeline is" } else { "timelines are" }
        )),
    }
}

/// Checks that stored states are what the log says, if there are any.
fn check_states(states: &StatesAudit, checks: &mut Checks) {
    let wrong = states.wrong();
    if wrong.is_empty() && states.equal() == 0 {
        return;
    }
    let mut details: Vec<String> =
        wrong.iter().take(Inspector::MAX_LISTED).map(ToString::to_string).collect();
    if let Some(more) = wrong.len().checked_sub(Inspector::MAX_LISTED).filter(|more| *more > 0) {
        details.push(format!("and {more} more"));
    }
    if !details.is_empty() {
        details.push(REMAKE.to_owned());
    }
    checks.beyond(
        "Checking stored timeline states...",
        format!("{} stored timeline states are the fold of the log", states.equal()),
        details,
    );
}

/// The remedy of wrong states.
const REMAKE: &str =
    "reads of the past show them; to make all again from the log: phaseline rebuild --timeline-states";

/// The event and the remedy.
fn named(event: &UnreadableEvent) -> String {
    if event.damage {
        return format!("{event}; restore the database from a backup");
    }
    format!(
        "{event}; to leave it out for good: phaseline quarantine skip {} --position {} --reason TEXT",
        event.stream_id, event.position
    )
}

/// Notes the projects that the planner deleted since, and leaves their timelines out of later checks: the service closes them.
pub(super) async fn without_deleted(
    connection: &mut PgConnection,
    checks: &mut Checks,
    mut reading: LogReading,
) -> Result<LogReading, MigratorError> {
    let deleted = find_deleted(connection, &reading.folded, None).await?;
    if !deleted.is_empty() {
        let ids: Vec<String> = deleted.iter().map(ToString::to_string).collect();
        checks.notes.push(format!(
            "The planner deleted {} projects whose timelines are still open; the service, the next command or `phaseline adopt` \
             closes them: {}",
            ids.len(),
            ids.join(", ")
        ));
    }
    for project in deleted {
        reading.folded.timelines.remove(&project);
        reading.ledger.sums.remove(&project);
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use phaseline_domain::Money;
    use phaseline_domain::event::{PhaseBudgeted, PhaseRemoved};

    #[test]
    fn a_budget_of_a_removed_phase_is_ignored_as_in_the_fold() {
        let (project, phase_id) = (ProjectId::random(), PhaseId::random());
        let budget = Budget::new(Money::new(Decimal::from(7)).unwrap(), Money::ZERO).unwrap();
        let mut ledger = BudgetLedger::default();
        ledger.see(project, &PhaseRemoved { phase_id }.into());
        ledger.see(project, &PhaseBudgeted { phase_id, budget }.into());
        assert_eq!(ledger.sums.get(&project), Some(&[Decimal::ZERO; 3]));
        assert!(ledger.phases.is_empty());
    }
}
