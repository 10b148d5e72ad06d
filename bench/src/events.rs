//! Generates a log's events: commands from a fixed seed, decided by the domain, so that every event is possible. 25 events per project
//! lead to five phases, so there are five events per row of `project_phases`.

use crate::error::Result;
use chrono::{Days, NaiveDate};
use phaseline_domain::{
    DateRange, Neighbours, Phase, PhaseDraft, PhaseId, ProjectId, Timeline, TimelineCommand, decide,
};
use phaseline_migrator::sample::SplitMix64;
use phaseline_store::{Metadata, NewEvent, StreamId, stream::stream_of};
use rust_decimal::Decimal;
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// The steps of each project, in this order.
const LIFECYCLE: [ScriptStep; 17] = [
    ScriptStep::Open,
    ScriptStep::Create,
    ScriptStep::Budget,
    ScriptStep::Create,
    ScriptStep::Rename,
    ScriptStep::Budget,
    ScriptStep::Create,
    ScriptStep::Describe,
    ScriptStep::Create,
    ScriptStep::Resize,
    ScriptStep::Budget,
    ScriptStep::Create,
    ScriptStep::Remove,
    ScriptStep::Budget,
    ScriptStep::Rename,
    ScriptStep::Describe,
    ScriptStep::Budget,
];

/// Projects whose commands are interleaved in the first half of a log; the second half has one project after the other.
const CONCURRENT_PROJECTS: usize = 64;

#[derive(Clone, Copy)]
enum ScriptStep {
    Open,
    Create,
    Budget,
    Rename,
    Describe,
    Resize,
    Remove,
}

/// Values from a seed.
#[derive(Debug)]
pub(crate) struct EventValues(SplitMix64);

impl EventValues {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// A number below `choices`, which must not be 0.
    fn below(&mut self, choices: u64) -> u64 {
        self.0.number() % choices
    }

    fn uuid(&mut self) -> Uuid {
        let bits = (u128::from(self.0.number()) << 64) | u128::from(self.0.number());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    fn amount(&mut self) -> Decimal {
        Decimal::new(i64::try_from(self.below(50_000_000)).unwrap_or_default(), 2)
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap_or_default()
    }
}

/// One generated event.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedEvent {
    pub(crate) stream: StreamId,
    pub(crate) version: i64,
    pub(crate) event: NewEvent,
    /// JSON text, the same for all events of one command.
    pub(crate) metadata: Arc<str>,
}

/// A project, for its row in `projects`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Project {
    pub(crate) id: ProjectId,
    pub(crate) range: DateRange,
}

struct ActiveProject {
    project: Project,
    timeline: Timeline,
    version: i64,
    step: usize,
}

/// The source of a log's events.
pub(crate) struct Events {
    random: EventValues,
    wanted: u64,
    /// The commands to each project.
    steps: usize,
    made: u64,
    active: Vec<ActiveProject>,
    ready: VecDeque<GeneratedEvent>,
    /// The projects so far.
    pub(crate) projects: Vec<Project>,
}

impl Events {
    /// The first `wanted` events of `seed`; the last command may add one more.
    pub(crate) fn new(seed: u64, wanted: u64) -> Self {
        Self {
            random: EventValues::new(seed),
            wanted,
            steps: LIFECYCLE.len(),
            made: 0,
            active: Vec::new(),
            ready: VecDeque::new(),
            projects: Vec::new(),
        }
    }

    /// The same with so many commands to each project: those after its script change budgets.
    pub(crate) fn lasting(self, steps: usize) -> Self {
        Self { steps, ..self }
    }

    /// The next event; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<GeneratedEvent>> {
        while self.ready.is_empty() {
            if self.made >= self.wanted {
                return Ok(None);
            }
            self.command()?;
        }
        Ok(self.ready.pop_front())
    }

    /// All remaining events.
    pub(crate) fn all(&mut self) -> Result<Vec<GeneratedEvent>> {
        let mut all = Vec::with_capacity(usize::try_from(self.wanted).unwrap_or_default() + 1);
        while let Some(made) = self.next()? {
            all.push(made);
        }
        Ok(all)
    }

    fn command(&mut self) -> Result<()> {
        let at_once = if self.made < self.wanted / 2 { CONCURRENT_PROJECTS } else { 1 };
        while self.active.len() < at_once {
            let project = self.project()?;
            self.projects.push(project);
            self.active.push(ActiveProject { project, timeline: Timeline::default(), version: 0, step: 0 });
        }
        let place = if at_once == 1 { 0 } else { self.random.place(self.active.len()) };
        let Some(under) = self.active.get_mut(place) else { return Ok(()) };
        let step = LIFECYCLE.get(under.step).copied().unwrap_or(ScriptStep::Budget);
        let command = command_of(&mut self.random, step, under);
        let metadata = Metadata {
            actor: Some(format!("planner{}", self.random.below(40))),
            source: Some("api".to_owned()),
            command_id: Some(self.random.uuid().to_string()),
            ..Metadata::default()
        };
        let metadata: Arc<str> = metadata.to_json()?.into();
        for event in decide(&under.timeline, &command)? {
            under.timeline.evolve(&event);
            under.version += 1;
            self.made += 1;
            self.ready.push_back(GeneratedEvent {
                stream: stream_of(under.project.id),
                version: under.version,
                event: NewEvent::timeline(&event)?,
                metadata: Arc::clone(&metadata),
            });
        }
        under.step += 1;
        if under.step >= self.steps {
            self.active.swap_remove(place);
        }
        Ok(())
    }

    fn project(&mut self) -> Result<Project> {
        let epoch = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default();
        let start = epoch + Days::new(self.random.below(700));
        let end = start + Days::new(250 + self.random.below(500));
        let range = DateRange::new(start, end)
            .map_err(|error| crate::error::BenchError::Failed(format!("generated project: {error}")))?;
        Ok(Project { id: self.random.uuid().into(), range })
    }
}

const NAMES: [&str; 8] =
    ["Discovery", "Design", "Build", "Pilot", "Rollout", "Acceptance", "Hand-over", "Warranty"];

fn name(random: &mut EventValues) -> String {
    let word = NAMES.get(random.place(NAMES.len())).copied().unwrap_or("Build");
    format!("{word} {}", random.below(1_000_000))
}

fn text(random: &mut EventValues) -> String {
    format!("Agreed in meeting {}, to be reviewed by team {}", random.below(1_000_000), random.below(100))
}

fn command_of(random: &mut EventValues, step: ScriptStep, under: &ActiveProject) -> TimelineCommand {
    let phases = under.timeline.phases();
    let Some(some) = phases.get(random.place(phases.len())).filter(|_| !matches!(step, ScriptStep::Open))
    else {
        let Project { id, range } = under.project;
        return TimelineCommand::Open { project_id: id, range, default_phase_id: random.uuid().into() };
    };
    match step {
        ScriptStep::Create => create(random, longest(phases, some)),
        ScriptStep::Rename => TimelineCommand::RenamePhase { phase_id: some.id, name: name(random) },
        ScriptStep::Describe => {
            let taken_away = some.description.is_some() && random.below(4) == 0;
            let description = (!taken_away).then(|| text(random));
            TimelineCommand::DescribePhase { phase_id: some.id, description }
        }
        // Moves the last days of the first phase to the second; no phase is shorter than a month.
        ScriptStep::Resize => {
            let first = phases.first().unwrap_or(some);
            let (phase_id, range) = (first.id, first.range);
            TimelineCommand::ResizePhase {
                phase_id,
                start_date: range.start(),
                end_date: range.end() - Days::new(1 + random.below(5)),
                neighbours: Neighbours::Adjust,
            }
        }
        ScriptStep::Remove => {
            TimelineCommand::RemovePhase { phase_id: some.id, neighbours: Neighbours::Adjust }
        }
        ScriptStep::Open | ScriptStep::Budget => TimelineCommand::BudgetPhase {
            phase_id: some.id,
            capital_budget: random.amount(),
            expense_budget: random.amount(),
            total_budget: None,
        },
    }
}

fn longest<'a>(phases: &'a [Phase], some: &'a Phase) -> &'a Phase {
    phases.iter().max_by_key(|phase| phase.range.days()).unwrap_or(some)
}

/// A phase over the last third of another one.
fn create(random: &mut EventValues, of: &Phase) -> TimelineCommand {
    let third = u64::try_from(of.range.days() / 3).unwrap_or_default();
    let (capital_budget, expense_budget) = (random.amount(), random.amount());
    TimelineCommand::CreatePhase {
        phase: PhaseDraft {
            id: PhaseId::from(random.uuid()),
            name: name(random),
            start_date: of.range.end() - Days::new(third),
            end_date: of.range.end(),
            description: (random.below(2) == 0).then(|| text(random)),
            capital_budget,
            expense_budget,
            total_budget: capital_budget + expense_budget,
        },
        neighbours: Neighbours::Adjust,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phaseline_domain::TimelineEvent;
    use std::collections::HashMap;

    #[test]
    fn events_are_many_streams_in_order_of_version_and_leave_one_row_for_five() {
        let mut events = Events::new(1, 5_000);
        let all = events.all().unwrap();
        assert!((5_000..=5_001).contains(&all.len()), "{}", all.len());
        let mut folded: HashMap<Uuid, (i64, Timeline)> = HashMap::new();
        let mut switches = 0;
        for (at, made) in all.iter().enumerate() {
            let (version, timeline) = folded.entry(made.stream.id).or_default();
            *version += 1;
            assert_eq!(made.version, *version);
            let event = &made.event;
            timeline.evolve(
                &TimelineEvent::from_stored(event.event_type, event.schema_version, &event.payload).unwrap(),
            );
            switches += usize::from(at > 0 && all[at - 1].stream != made.stream);
        }
        assert_eq!(folded.len(), events.projects.len());
        assert!(switches > 1_000, "the first half is interleaved: {switches}");
        let rows: usize = folded.values().map(|(_, timeline)| timeline.phases().len()).sum();
        assert!((950..=1_050).contains(&rows), "{rows}");
    }

    #[test]
    fn the_same_seed_makes_the_same_payloads() {
        let payloads = |seed| -> Vec<String> {
            Events::new(seed, 500).all().unwrap().into_iter().map(|made| made.event.payload).collect()
        };
        assert_eq!(payloads(3), payloads(3));
        assert_ne!(payloads(3), payloads(4));
    }
}
