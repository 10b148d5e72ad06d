//! Random interleavings of the planner's writes with commands of every kind, two services and lost connections.

use super::{as_list, assert_clean, connection, save_form, set_dates};
use crate::fixture::{assert_verified, handle, migrated, operator, sample, store};
use chrono::TimeDelta;
use phaseline_domain::{
    DateRange, Draft, Neighbours, PhaseChanges, PhaseDraft, PhaseId, ProjectId, Timeline, TimelineCommand,
    validate,
};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{self, RollbackOptions};
use phaseline_projections::drift::{Finding, find_drift};
use phaseline_projections::repair::repair;
use phaseline_projections::{FoldedLog, ProjectPhases};
use phaseline_store::request::{Committed, Request};
use phaseline_store::{
    ExecuteError, IdempotencyKey, InlineProjection, Metadata, RecordedTimeline, SqlState, StoreError,
    TimelineStore, stream,
};
use phaseline_tests::random::SeededRandom;
use sqlx::error::DatabaseError;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;
use std::time::Duration;

const STEPS: usize = 120;

/// One database with two services and the planner's sessions.
struct Interleaving {
    database: TestDatabase,
    stores: [TimelineStore<ProjectPhases>; 2],
    reader: PgConnection,
    random: SeededRandom,
    projects: Vec<ProjectId>,
    /// Phases whose rows a form wrote.
    moved_rows: BTreeSet<PhaseId>,
    seed: u64,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: usize,
    refused: usize,
    killed: usize,
    repeated: usize,
    /// Commands that a row of the planner's stopped.
    in_the_way: usize,
    /// Rows that the planner wrote by what it had read before a command.
    stale: usize,
}

/// What the planner's form does in a step: other dates, and by its own rule the rows of the first and the last phase, in commits of
/// their own.
#[derive(Clone, Debug)]
struct Form {
    range: DateRange,
    /// Statements on rows, before or after the one on the project.
    rows: Vec<String>,
    rows_first: bool,
    /// How long the planner computes between its commits.
    pause: Duration,
    phases: BTreeSet<PhaseId>,
}

impl Interleaving {
    async fn new(seed: u64) -> Self {
        let database = sample(6, 10, 600 + seed);
        migrated(database.url()).await;
        let stores = [store(database.url()).await, store(database.url()).await];
        let mut reader = connection(&database).await;
        let log = FoldedLog::read(&mut reader, None).await.unwrap();
        let mut projects: Vec<_> = log.timelines.keys().copied().collect();
        projects.sort();
        let random = SeededRandom::new(seed);
        let moved_rows = BTreeSet::new();
        Self { database, stores, reader, random, projects, moved_rows, seed, counts: Counts::default() }
    }

    async fn timeline(&mut self, project: ProjectId) -> (Timeline, usize) {
        let history = stream::history(&mut self.reader, project, None).await.unwrap();
        (Timeline::fold(history.iter().filter_map(RecordedTimeline::event)), history.len())
    }

    async fn findings(&mut self) -> Vec<Finding> {
        let log = FoldedLog::read(&mut self.reader, None).await.unwrap();
        find_drift(&mut self.reader, &log, None).await.unwrap()
    }

    /// A form over a timeline as the planner read it.
    fn form(&mut self, timeline: &Timeline, near: DateRange) -> Option<Form> {
        let random = &mut self.random;
        let (start, end) = (random.within(-20, 20), random.within(-40, 60));
        let range =
            DateRange::new(near.start() + TimeDelta::days(start), near.end() + TimeDelta::days(end)).ok()?;
        if range.start() >= range.end() {
            return None;
        }
        let (first, last) = (timeline.phases().first()?, timeline.phases().last()?);
        // The planner refuses dates to which the phases cannot follow, or saves them with another program.
        let follows =
            first.id == last.id || first.range.end() >= range.start() && last.range.start() <= range.end();
        let moves_rows = follows && random.hits(70);
        let row = |phase: PhaseId, column: &str, day: chrono::NaiveDate| {
            format!(
                "UPDATE public.project_phases SET {column} = '{day}', updated_at = now() WHERE id = '{phase}'"
            )
        };
        let rows = vec![row(first.id, "start_date", range.start()), row(last.id, "end_date", range.end())];
        let phases = BTreeSet::from([first.id, last.id]);
        let rows_first = random.hits(30);
        let pause = Duration::from_millis(random.below(12));
        let (rows, phases) = if moves_rows { (rows, phases) } else { Default::default() };
        Some(Form { range, rows, rows_first, pause, phases })
    }

    fn draft(&mut self, days: DateRange) -> PhaseDraft {
        PhaseDraft {
            id: PhaseId::random(),
            name: format!("New {}", self.random.below(100)),
            start_date: days.start(),
            end_date: days.end(),
            description: None,
            capital_budget: self.random.below(9_000).into(),
            expense_budget: 0.into(),
            total_budget: 0.into(),
        }
    }

    fn command(&mut self, timeline: &Timeline, table: DateRange, step: usize) -> TimelineCommand {
        let phase = self.random.one_of(timeline.phases()).unwrap();
        let phase_id = phase.id;
        let neighbours = if self.random.hits(80) { Neighbours::Adjust } else { Neighbours::Refuse };
        match self.random.below(10) {
            0 => TimelineCommand::RenamePhase { phase_id, name: format!("Name {step}") },
            1 => as_list(timeline, table),
            2 => TimelineCommand::RemovePhase { phase_id, neighbours },
            3 => TimelineCommand::Reschedule {
                start_date: table.start(),
                end_date: table.end() + TimeDelta::days(self.random.within(0, 9)),
            },
            4 => TimelineCommand::BudgetPhase {
                phase_id,
                capital_budget: step.into(),
                expense_budget: 0.into(),
                total_budget: None,
            },
            5 => TimelineCommand::Reorder {
                phases: timeline.phases().iter().rev().map(|phase| phase.id).collect(),
            },
            6 | 7 => {
                let start = table.start() + TimeDelta::days(self.random.within(0, 200));
                let days = DateRange::new(start, start + TimeDelta::days(self.random.within(0, 40))).unwrap();
                let mut phase = self.draft(days);
                phase.total_budget = phase.capital_budget;
                TimelineCommand::CreatePhase { phase, neighbours }
            }
            8 => TimelineCommand::ResizePhase {
                phase_id,
                start_date: phase.range.start(),
                end_date: phase.range.end() + TimeDelta::days(self.random.within(-5, 5)),
                neighbours,
            },
            _ => TimelineCommand::ChangePhase {
                phase_id,
                changes: PhaseChanges {
                    name: Some(format!("Changed {step}")),
                    end_date: Some(phase.range.end() + TimeDelta::days(self.random.within(0, 3))),
                    ..PhaseChanges::default()
                },
                neighbours,
            },
        }
    }

    /// Ends all sessions of the services.
    async fn kill_sessions(database: &TestDatabase) {
        let mut killer = connection(database).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = ''",
        )
        .execute(&mut killer)
        .await
        .unwrap();
    }

    /// A command to each service while the planner saves its form, and perhaps all sessions of the services end.
    async fn step(&mut self, step: usize) {
        let place = format!("seed {}, step {step}", self.seed);
        let project = self.random.one_of(&self.projects).unwrap();
        let (timeline, before) = self.timeline(project).await;
        let table = ProjectPhases.project_dates(&mut self.reader, project).await.unwrap().unwrap();
        let saves = self.random.hits(45);
        let form = if saves { self.form(&timeline, table) } else { None };
        let alone = self.random.hits(40);
        if let Some(form) = form.as_ref().filter(|_| alone) {
            save(&mut connection(&self.database).await, project, form).await;
            self.repair_stale_rows(project, form, &place).await;
            return;
        }
        let command = self.command(&timeline, table, step);
        let request = Request {
            key: Some(IdempotencyKey {
                scope: "ada".to_owned(),
                key: format!("{}-{step}", self.seed),
                fingerprint: [u8::try_from(step % 250).unwrap(); 32],
            }),
            ..Request::new(project, command.clone(), Metadata::default())
        };
        let phase_id = self.random.one_of(timeline.phases()).unwrap().id;
        let describe = TimelineCommand::DescribePhase { phase_id, description: Some(format!("Text {step}")) };
        let kills = self.random.hits(12);
        let mut planner = connection(&self.database).await;
        let (one, two, (), ()) = tokio::join!(
            self.stores[0].submit(request.clone()),
            self.stores[1].execute(project, &describe, Metadata::default()),
            async {
                if let Some(form) = &form {
                    save(&mut planner, project, form).await;
                }
            },
            async {
                if kills {
                    Self::kill_sessions(&self.database).await;
                }
            }
        );
        planner.close().await.unwrap();
        self.counts.killed += usize::from(kills);
        let wrote_rows = form.as_ref().is_some_and(|form| !form.rows.is_empty());
        for result in [&one, &two] {
            self.count(result, kills, wrote_rows, &place);
        }
        self.send_again(request, &one, &place).await;
        let (now, events) = self.timeline(project).await;
        let dates = ProjectPhases.project_dates(&mut self.reader, project).await.unwrap();
        if events > before {
            let drafts: Vec<Draft<'_>> = now.phases().iter().map(Draft::from).collect();
            let broken = validate(now.range().unwrap(), &drafts);
            assert!(broken.is_empty(), "{place}: {command:?}: {broken:?}");
        }
        match &form {
            Some(form) => {
                let moves = matches!(command, TimelineCommand::Reschedule { .. });
                assert!(moves || dates == Some(form.range), "{place}: {dates:?} instead of {form:?}");
                self.repair_stale_rows(project, form, &place).await;
            }
            None => {
                if events > before {
                    assert_eq!(now.range(), dates, "{place}: {command:?}");
                }
                self.assert_explained(&place).await;
            }
        }
    }

    fn count(
        &mut self,
        result: &Result<Committed, ExecuteError>,
        kills: bool,
        wrote_rows: bool,
        place: &str,
    ) {
        match result {
            Ok(_) => self.counts.accepted += 1,
            Err(ExecuteError::Refused(_)) => self.counts.refused += 1,
            // The session ended.
            Err(ExecuteError::Store(_)) if kills => {}
            // A row that the planner wrote meanwhile is in the way.
            Err(ExecuteError::Store(error))
                if wrote_rows
                    && (matches!(error.cause(), StoreError::RowsDiffer(_))
                        || error.sqlstate() == Some(SqlState::DriftedRows)) =>
            {
                self.counts.in_the_way += 1;
            }
            Err(other) => panic!("{place}: {other:?}"),
        }
    }

    /// The client sends its request again, as after a lost connection: it is executed once.
    async fn send_again(&mut self, request: Request, first: &Result<Committed, ExecuteError>, place: &str) {
        let project = request.project;
        let (_, before) = self.timeline(project).await;
        let again = self.stores[1].submit(request).await;
        let (_, after) = self.timeline(project).await;
        match (first, &again) {
            (Ok(first), Ok(again)) if !first.events.is_empty() => {
                assert!(again.repeated, "{place}");
                assert_eq!((again.version, before), (first.version, after), "{place}");
                self.counts.repeated += 1;
            }
            // Executed now, or before the connection was lost.
            (_, Ok(again)) => {
                assert_eq!(after - before, if again.repeated { 0 } else { again.events.len() }, "{place}");
            }
            (_, Err(ExecuteError::Refused(_) | ExecuteError::Store(_))) => {
                assert_eq!(before, after, "{place}")
            }
            (_, Err(other)) => panic!("{place}: {other:?}"),
        }
    }

    /// Commands leave no drift: what is found are notes, rows that a form wrote, and dates to which the phases cannot follow. Returns the
    /// number of such rows' differences.
    async fn assert_explained(&mut self, place: &str) -> usize {
        let mut stale = 0;
        let drift: Vec<Finding> = self.findings().await;
        for finding in drift.iter().filter(|finding| !finding.is_note()) {
            if let Finding::Row(row) = finding {
                assert!(self.moved_rows.contains(&row.phase_id), "{place}: {drift:#?}");
                stale += 1;
            }
        }
        stale
    }

    /// Rows that the planner wrote by what it had read before a command may contradict the log: that is drift, on these rows only, and a
    /// repair mends it.
    async fn repair_stale_rows(&mut self, project: ProjectId, form: &Form, place: &str) {
        self.moved_rows.extend(&form.phases);
        self.counts.stale += self.assert_explained(place).await;
        let mut log = FoldedLog::read(&mut self.reader, None).await.unwrap();
        repair(&mut self.reader, &mut log, &[project], &Metadata::default()).await.unwrap();
        let left = self.findings().await;
        assert!(
            left.iter().all(|finding| finding.is_note() || matches!(finding, Finding::Project(_))),
            "{place}: {left:?}"
        );
    }
}

/// The planner's statements, each in a commit of its own.
async fn save(planner: &mut PgConnection, project: ProjectId, form: &Form) {
    let rows = async |planner: &mut PgConnection| {
        for row in &form.rows {
            // A command may have removed the phase, or put another one into its place: then the check refuses the row.
            if let Err(error) = sqlx::raw_sql(row).execute(&mut *planner).await {
                assert_eq!(
                    error.as_database_error().and_then(DatabaseError::constraint),
                    Some("check_phase_dates")
                );
            }
        }
    };
    if form.rows_first {
        rows(planner).await;
        tokio::time::sleep(form.pause).await;
    }
    save_form(planner, project, form.range).await;
    if !form.rows_first {
        tokio::time::sleep(form.pause).await;
        rows(planner).await;
    }
}

/// Each accepted command leaves phases over the dates that the project has, and nothing is written twice.
#[tokio::test(flavor = "multi_thread")]
async fn any_interleaving_of_planner_and_commands_leaves_valid_timelines() {
    for seed in 0..3 {
        let mut run = Interleaving::new(seed).await;
        for step in 0..STEPS {
            run.step(step).await;
        }
        let counts = &run.counts;
        let enough = counts.accepted > 60 && counts.refused > 0 && counts.killed > 2 && counts.repeated > 10;
        assert!(enough, "{counts:?}");
        // Dates to which the phases cannot follow are changed back. A command to each project takes in the others.
        for project in run.projects.clone() {
            let (timeline, _) = run.timeline(project).await;
            let rename =
                TimelineCommand::RenamePhase { phase_id: timeline.phases()[0].id, name: "End".to_owned() };
            if let Err(ExecuteError::Refused(_)) =
                run.stores[0].execute(project, &rename, Metadata::default()).await
            {
                set_dates(&run.database, project, timeline.range().unwrap());
                run.stores[0].execute(project, &rename, Metadata::default()).await.unwrap();
            }
        }
        let findings = run.findings().await;
        assert!(findings.iter().all(Finding::is_note), "seed {seed}: {findings:?}");
        assert_verified(run.database.url()).await;
        // The loss report names what people changed, and no row that contradicts the log.
        let plan = rollback::plan(&mut run.reader).await.unwrap();
        let odd: Vec<_> = plan
            .loss
            .items
            .iter()
            .filter(|item| {
                !["name", "dates", "description", "links", "updated_at"].contains(&item.field.as_str())
            })
            .collect();
        assert!(odd.is_empty() && !plan.loss.items.is_empty(), "seed {seed}: {odd:?}");
        let options = RollbackOptions {
            lock_timeout: Duration::from_secs(60),
            operator: operator(),
            accept_loss: plan.loss.digest,
        };
        rollback::rollback(&handle(run.database.url()), &options, &Silent).await.unwrap();
        assert_verified(run.database.url()).await;
        migrated(run.database.url()).await;
        assert_clean(&run.database, &format!("seed {seed}, rollback and migration")).await;
    }
}
