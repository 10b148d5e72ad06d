//! The inline projection is the fold: after random commands, refused and accepted, by several writers at once, the
//! table is the fold of the log, and every timeline is complete.

use crate::fixture::{assert_verified, migrated, sample, store};
use chrono::{Days, NaiveDate};
use phaseline_domain::command::ReplacementPhase;
use phaseline_domain::{Neighbours, PhaseDraft, PhaseId, ProjectId, Timeline, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::{FoldedLog, ProjectPhases, drift};
use phaseline_store::{ExecuteError, Metadata, StoreError, TimelineStore};
use rust_decimal::Decimal;
use sqlx::error::DatabaseError;

/// A seeded generator (xorshift): the same commands in every run.
struct RandomCommands(u64);

impl RandomCommands {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn neighbours(&mut self) -> Neighbours {
        if self.below(4) == 0 { Neighbours::Refuse } else { Neighbours::Adjust }
    }

    fn day(&mut self, from: NaiveDate, within: i64) -> NaiveDate {
        from + Days::new(self.below(u64::try_from(within).unwrap().max(1)))
    }

    fn draft(&mut self, timeline: &Timeline) -> PhaseDraft {
        let range = timeline.range().unwrap();
        let start_date = self.day(range.start(), range.days());
        let end_date = self.day(start_date, 20);
        let (capital, expense) =
            (Decimal::new(self.below(100_000) as i64, 2), Decimal::new(self.below(100_000) as i64, 2));
        PhaseDraft {
            id: PhaseId::random(),
            name: ["Design", "Build", "", "Hand-over"][self.below(4) as usize].to_owned(),
            start_date,
            end_date,
            description: (self.below(2) == 0).then(|| "text".to_owned()),
            capital_budget: capital,
            expense_budget: expense,
            total_budget: capital + expense,
        }
    }

    /// A command that may well be refused.
    fn command(&mut self, timeline: &Timeline) -> TimelineCommand {
        let phases = timeline.phases();
        let phase = &phases[self.below(phases.len() as u64) as usize];
        let phase_id = phase.id;
        match self.below(8) {
            0 | 1 => {
                TimelineCommand::CreatePhase { phase: self.draft(timeline), neighbours: self.neighbours() }
            }
            2 => {
                let start_date = self.day(phase.range.start(), 9) - Days::new(4);
                let end_date = self.day(phase.range.end(), 9) - Days::new(4);
                TimelineCommand::ResizePhase { phase_id, start_date, end_date, neighbours: self.neighbours() }
            }
            3 => TimelineCommand::RenamePhase { phase_id, name: format!("Name {}", self.below(50)) },
            4 => TimelineCommand::RemovePhase { phase_id, neighbours: self.neighbours() },
            5 => TimelineCommand::BudgetPhase {
                phase_id,
                capital_budget: Decimal::new(self.below(1_000_000) as i64, 2),
                expense_budget: Decimal::ONE,
                total_budget: None,
            },
            6 => {
                let range = timeline.range().unwrap();
                TimelineCommand::Reschedule {
                    start_date: self.day(range.start(), 5) - Days::new(2),
                    end_date: self.day(range.end(), 5) - Days::new(2),
                }
            }
            _ => {
                // The same list with other names, and one more phase if the last one can give up a day.
                let mut list: Vec<PhaseDraft> = phases
                    .iter()
                    .map(|phase| PhaseDraft {
                        id: phase.id,
                        name: format!("{}'", phase.name).chars().take(90).collect(),
                        start_date: phase.range.start(),
                        end_date: phase.range.end(),
                        description: None,
                        capital_budget: phase.budget.capital().amount(),
                        expense_budget: phase.budget.expense().amount(),
                        total_budget: phase.budget.total().amount(),
                    })
                    .collect();
                let mut last = self.draft(timeline);
                let end = list.last().unwrap().end_date;
                (last.start_date, last.end_date) = (end, end);
                list.last_mut().unwrap().end_date = end - Days::new(1);
                let mut phases: Vec<_> = list.into_iter().map(ReplacementPhase::Existing).collect();
                phases.push(ReplacementPhase::New(last));
                TimelineCommand::ReplaceAll { phases }
            }
        }
    }
}

/// The projects of a database.
pub(crate) fn projects(database: &TestDatabase) -> Vec<ProjectId> {
    let ids = database.psql("SELECT id FROM public.projects ORDER BY id");
    ids.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// The results of a writer's commands.
#[derive(Debug, Default)]
pub(crate) struct CommandCounts {
    /// For each accepted command the project and its version.
    pub(crate) accepted: Vec<(ProjectId, i64)>,
    pub(crate) refused: usize,
    /// Commands whose rows others had deleted or changed.
    pub(crate) drifted: usize,
}

/// A writer that sends this many random commands, the same in every run unless others interfere.
pub(crate) async fn write(
    store: TimelineStore<ProjectPhases>,
    projects: Vec<ProjectId>,
    seed: u64,
    commands: usize,
) -> CommandCounts {
    let mut random = RandomCommands(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut counts = CommandCounts::default();
    for _ in 0..commands {
        let project = projects[random.below(projects.len() as u64) as usize];
        let history = store.history(project).await.unwrap();
        let timeline = Timeline::fold(history.iter().filter_map(phaseline_store::RecordedTimeline::event));
        match store.execute(project, &random.command(&timeline), Metadata::default()).await {
            Ok(done) => counts.accepted.push((project, done.version)),
            Err(ExecuteError::Refused(_)) => counts.refused += 1,
            Err(ExecuteError::Store(StoreError::Database(error)))
                if error.as_database_error().and_then(DatabaseError::code).as_deref() == Some("PL003") =>
            {
                counts.drifted += 1;
            }
            Err(ExecuteError::Store(StoreError::RowsDiffer(_))) => counts.drifted += 1,
            Err(other) => panic!("{other}"),
        }
    }
    counts
}

#[tokio::test]
async fn after_random_commands_of_several_writers_the_table_is_the_fold() {
    let database = sample(5, 30, 51);
    migrated(database.url()).await;
    let store = store(database.url()).await;
    let projects = projects(&database);
    let writers: Vec<_> =
        (1..=3).map(|seed| tokio::spawn(write(store.clone(), projects.clone(), seed, 60))).collect();
    for writer in writers {
        let counts = writer.await.unwrap();
        assert!(counts.accepted.len() > 15 && counts.refused > 5 && counts.drifted == 0, "{counts:?}");
    }
    let mut connection = crate::fixture::handle(database.url()).connect("test").await.unwrap();
    let log = FoldedLog::read(&mut connection, None).await.unwrap();
    assert_eq!(drift::compare_rows(&mut connection, &log).await.unwrap(), []);
    assert_verified(database.url()).await;
    for timeline in log.timelines.values().map(|folded| &folded.timeline) {
        let range = timeline.range().unwrap();
        let mut next = range.start();
        for phase in timeline.phases() {
            assert_eq!(phase.range.start(), next);
            next = phase.range.end() + Days::new(1);
        }
        assert_eq!(next, range.end() + Days::new(1));
    }
}

/// Default privileges on functions are not granted on the log's: some of them run with their owner's
/// rights.
#[tokio::test]
async fn default_privileges_open_none_of_the_functions() {
    let database = sample(2, 5, 39);
    database.psql("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO pg_monitor, PUBLIC");
    migrated(database.url()).await;
    let open = database.psql(
        "SELECT p.proname, a.grantee::regrole FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
          WHERE p.pronamespace = 'phaseline'::regnamespace AND a.grantee <> p.proowner
            AND a.grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname LIKE 'phaseline%')",
    );
    assert_eq!(open.trim(), "", "open to others");
    let definers = database
        .psql("SELECT count(*) FROM pg_proc WHERE pronamespace = 'phaseline'::regnamespace AND prosecdef");
    assert!(definers.trim().parse::<u32>().unwrap() >= 3, "{definers}");
}
