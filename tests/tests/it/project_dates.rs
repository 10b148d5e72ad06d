//! The planner changes a project's dates, and commands follow them.

mod interleavings;

use crate::fixture::{
    assert_verified, database_from, handle, migrated, operator, planner_sql, sample, store, verified,
};
use phaseline_domain::{
    DateRange, PhaseDraft, PhaseId, ProjectId, ReplacementPhase, Rule, Timeline, TimelineCommand,
};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{self, RollbackOptions};
use phaseline_projections::adopt::{AdoptionPlan, adopt_all};
use phaseline_projections::repair::repair;
use phaseline_projections::{FoldedLog, ProjectPhases, drift};
use phaseline_store::request::Request;
use phaseline_store::{ExecuteError, InlineProjection, Metadata, RecordedTimeline, stream};
use sqlx::PgConnection;
use std::time::Duration;

/// A project with at least two phases, from the log.
async fn project_with_phases(connection: &mut PgConnection, least: usize) -> (ProjectId, Timeline) {
    let log = FoldedLog::read(&mut *connection, None).await.unwrap();
    let mut known: Vec<_> =
        log.timelines.iter().filter(|(_, folded)| folded.timeline.phases().len() >= least).collect();
    known.sort_by_key(|(project, _)| **project);
    let (project, folded) = known[0];
    (*project, folded.timeline.clone())
}

async fn connection(database: &TestDatabase) -> PgConnection {
    handle(database.url()).connect("test").await.unwrap()
}

/// Changes the dates as the planner's own form does.
fn set_dates(database: &TestDatabase, project: ProjectId, range: DateRange) {
    database.psql(&format!(
        "UPDATE public.projects SET start_date = '{}', end_date = '{}', updated_at = now() WHERE id = '{project}'",
        range.start(),
        range.end()
    ));
}

/// The same, in a session of the planner.
async fn save_form(session: &mut PgConnection, project: ProjectId, range: DateRange) {
    sqlx::query(
        "UPDATE public.projects SET start_date = $2, end_date = $3, updated_at = now() WHERE id = $1",
    )
    .bind(project.uuid())
    .bind(range.start())
    .bind(range.end())
    .execute(session)
    .await
    .unwrap();
}

fn later(range: DateRange, start: i64, end: i64) -> DateRange {
    let by = |day: chrono::NaiveDate, days: i64| day + chrono::TimeDelta::days(days);
    DateRange::new(by(range.start(), start), by(range.end(), end)).unwrap()
}

fn as_list(timeline: &Timeline, ends: DateRange) -> TimelineCommand {
    let last = timeline.phases().len() - 1;
    let phases = timeline.phases().iter().enumerate().map(|(n, phase)| {
        ReplacementPhase::Existing(PhaseDraft {
            id: phase.id,
            name: phase.name.as_str().to_owned(),
            start_date: if n == 0 { ends.start() } else { phase.range.start() },
            end_date: if n == last { ends.end() } else { phase.range.end() },
            description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
            capital_budget: phase.budget.capital().amount(),
            expense_budget: phase.budget.expense().amount(),
            total_budget: phase.budget.total().amount(),
        })
    });
    TimelineCommand::ReplaceAll { phases: phases.collect() }
}

/// A project of the planner's, with the program of another one, from January to November 2024.
fn insert_project(database: &TestDatabase, project: ProjectId, other: ProjectId) {
    database.psql(&format!(
        "INSERT INTO projects SELECT program_id, 'New', 'b', 'm', 't', '2024-01-01', '2024-11-30', 'new', NULL, '{project}', now(), now()
           FROM projects WHERE id = '{other}'"
    ));
}

/// The row that the planner makes for it.
fn insert_default_phase(database: &TestDatabase, project: ProjectId, phase: PhaseId) {
    database.psql(&format!(
        "INSERT INTO project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at, name, start_date, end_date)
         VALUES ('{project}', 0, 0, 0, '{phase}', now(), now(), 'Default Phase', '2024-01-01', '2024-11-30')"
    ));
}

async fn assert_clean(database: &TestDatabase, after: &str) {
    let mut connection = connection(database).await;
    let log = FoldedLog::read(&mut connection, None).await.unwrap();
    let findings = drift::find_drift(&mut connection, &log, None).await.unwrap();
    assert!(findings.is_empty(), "{after}: {findings:?}");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_list_over_the_planners_new_dates_is_saved() {
    let database = sample(4, 10, 501);
    migrated(database.url()).await;
    let (project, timeline) = project_with_phases(&mut connection(&database).await, 2).await;
    let store = store(database.url()).await;
    // The service has the timeline with its old dates in its cache.
    let rename =
        TimelineCommand::RenamePhase { phase_id: timeline.phases()[0].id, name: "Before".to_owned() };
    let before = store.execute(project, &rename, Metadata::default()).await.unwrap();
    let range = later(timeline.range().unwrap(), 0, 61);
    set_dates(&database, project, range);
    let metadata = Metadata {
        actor: Some("7f1e51d2".to_owned()),
        actor_name: Some("ada".to_owned()),
        source: Some("api".to_owned()),
        ..Metadata::default()
    };
    let list = as_list(&before.after.timeline, range);
    let saved = store.execute(project, &list, metadata).await.unwrap();
    assert_eq!(saved.after.timeline.range(), Some(range));
    assert_eq!(saved.events.len(), 2, "{:?}", saved.events);
    // It is not known who changed the dates; it was not the command's actor.
    let mut connection = connection(&database).await;
    let history = stream::history(&mut connection, project, None).await.unwrap();
    let taken_in: Vec<&RecordedTimeline> = history.iter().rev().take(2).collect();
    for event in taken_in {
        assert_eq!(event.recorded.metadata.source.as_deref(), Some("planner"));
        assert_eq!((&event.recorded.metadata.actor, &event.recorded.metadata.actor_name), (&None, &None));
    }
    assert_clean(&database, "a list").await;
    // The same list once more changes nothing.
    assert!(store.execute(project, &list, Metadata::default()).await.unwrap().events.is_empty());
    // The rollback restores the legacy table, with the project's new dates.
    let plan = rollback::plan(&mut connection).await.unwrap();
    let options = RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
        accept_loss: plan.loss.digest,
    };
    rollback::rollback(&handle(database.url()), &options, &Silent).await.unwrap();
    migrated(database.url()).await;
    assert_clean(&database, "rollback and migration").await;
}

#[tokio::test]
async fn a_default_phase_that_the_planner_moved_itself_is_followed() {
    let database = sample(4, 10, 502);
    migrated(database.url()).await;
    let store = store(database.url()).await;
    let id = PhaseId::random();
    let (other, _) = project_with_phases(&mut connection(&database).await, 1).await;
    let project = ProjectId::random();
    insert_project(&database, project, other);
    let open = TimelineCommand::Open {
        project_id: project,
        range: DateRange::new("2024-01-01".parse().unwrap(), "2024-11-30".parse().unwrap()).unwrap(),
        default_phase_id: id,
    };
    store.execute(project, &open, Metadata::default()).await.unwrap();
    // The form applies its own rule in separate transactions.
    let moved = DateRange::new("2024-01-01".parse().unwrap(), "2024-12-15".parse().unwrap()).unwrap();
    database.psql(&format!(
        "UPDATE project_phases SET end_date = '2024-12-15', updated_at = now() WHERE id = '{id}'"
    ));
    set_dates(&database, project, moved);
    let rename = TimelineCommand::RenamePhase { phase_id: id, name: "Design".to_owned() };
    let renamed = store.execute(project, &rename, Metadata::default()).await.unwrap();
    assert_eq!(renamed.after.timeline.phases()[0].range, moved);
    assert_clean(&database, "a moved default phase").await;
}

/// Between the planner's form and the next command, whether or not the planner moved rows by its own rule.
#[tokio::test]
async fn dates_that_phases_can_follow_are_noted_until_the_next_command() {
    for moves_rows in [false, true] {
        let database = sample(4, 10, 509);
        migrated(database.url()).await;
        let (project, timeline) = project_with_phases(&mut connection(&database).await, 2).await;
        let store = store(database.url()).await;
        let (first, last) = (&timeline.phases()[0], timeline.phases().last().unwrap());
        let range = later(timeline.range().unwrap(), -3, 9);
        set_dates(&database, project, range);
        if moves_rows {
            database.psql(&format!(
                "UPDATE project_phases SET start_date = '{}', updated_at = now() WHERE id = '{}';
                 UPDATE project_phases SET end_date = '{}', updated_at = now() WHERE id = '{}'",
                range.start(),
                first.id,
                range.end(),
                last.id
            ));
        }
        let mut connection = connection(&database).await;
        let findings = async |connection: &mut PgConnection| {
            let log = FoldedLog::read(connection, None).await.unwrap();
            drift::find_drift(connection, &log, None).await.unwrap()
        };
        let found = findings(&mut connection).await;
        assert!(matches!(found.as_slice(), [only] if only.is_note()), "{found:?}");
        let verified = phaseline_migrator::verify::verify(&mut connection, &Silent).await.unwrap();
        assert!(
            verified.passed,
            "{:#?}",
            verified.checks.iter().filter(|check| !check.passed).collect::<Vec<_>>()
        );
        let noted = verified.notes.iter().filter(|note| note.contains(&project.to_string())).count();
        assert_eq!(noted, 1, "{:?}", verified.notes);
        // A repair has nothing to write: it would undo what the planner did.
        let mut log = FoldedLog::read(&mut connection, None).await.unwrap();
        let repaired = repair(&mut connection, &mut log, &[project], &Metadata::default()).await.unwrap();
        assert_eq!((repaired.updated, repaired.left.len()), (0, 1));
        // A row that differs in anything else is drift all the same.
        database.psql(&format!("UPDATE project_phases SET name = name || '!' WHERE id = '{}'", last.id));
        let found = findings(&mut connection).await;
        assert!(found.iter().any(|finding| !finding.is_note()), "{found:?}");
        assert!(!phaseline_migrator::verify::verify(&mut connection, &Silent).await.unwrap().passed);
        let rename = TimelineCommand::RenamePhase { phase_id: last.id, name: "Build".to_owned() };
        store.execute(project, &rename, Metadata::default()).await.unwrap();
        assert_clean(&database, "the next command").await;
        // Dates to which the phases cannot follow are drift.
        set_dates(&database, project, DateRange::new(range.start(), first.range.start()).unwrap());
        let found = findings(&mut connection).await;
        assert!(found.iter().all(|finding| !finding.is_note()) && !found.is_empty(), "{found:?}");
        let plan = rollback::plan(&mut connection).await.unwrap();
        assert!(plan.notes[0].contains("its phases cannot follow its dates"), "{:?}", plan.notes);
    }
}

#[tokio::test]
async fn dates_that_phases_cannot_follow_are_refused_until_a_list_fits_them() {
    let database = sample(4, 10, 503);
    migrated(database.url()).await;
    let (project, timeline) = project_with_phases(&mut connection(&database).await, 2).await;
    let store = store(database.url()).await;
    let (first, last) = (&timeline.phases()[0], timeline.phases().last().unwrap());
    // The project ends before its last phase starts.
    let range = DateRange::new(timeline.range().unwrap().start(), first.range.end()).unwrap();
    set_dates(&database, project, range);
    let rename = TimelineCommand::RenamePhase { phase_id: first.id, name: "Design".to_owned() };
    let refused = store.execute(project, &rename, Metadata::default()).await.unwrap_err();
    let ExecuteError::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert!(refusal.breaks(Rule::DatesInOrder), "{refusal:?}");
    assert!(refusal.to_string().contains("another program changed the project's dates to"), "{refusal}");
    assert!(refusal.to_string().contains("save a complete list"), "{refusal}");
    let mut connection = connection(&database).await;
    let log = FoldedLog::read(&mut connection, None).await.unwrap();
    assert_eq!(drift::find_drift(&mut connection, &log, None).await.unwrap().len(), 1);
    let mut only_first = timeline.clone();
    timeline.phases().iter().skip(1).for_each(|phase| {
        only_first.evolve(&phaseline_domain::event::PhaseRemoved { phase_id: phase.id }.into());
    });
    store.execute(project, &as_list(&only_first, range), Metadata::default()).await.unwrap();
    assert_ne!(first.id, last.id);
    assert_clean(&database, "a list that fits").await;
}

#[tokio::test]
async fn the_append_compares_the_dates_under_its_lock() {
    let database = sample(4, 10, 504);
    migrated(database.url()).await;
    let (project, timeline) = project_with_phases(&mut connection(&database).await, 1).await;
    let mut connection = connection(&database).await;
    assert_eq!(ProjectPhases.project_dates(&mut connection, project).await.unwrap(), timeline.range());
    let gone = ProjectPhases.project_dates(&mut connection, ProjectId::random()).await;
    assert!(gone.unwrap_err().to_string().contains("not found"));
    let verdict = |first: &str, last: &str| {
        let phase = timeline.phases()[0].id;
        database.psql(&format!(
            "SELECT verdict FROM phaseline.append('{{Timeline}}', '{{{project}}}',
                 ARRAY[(SELECT max(version) FROM phaseline.events WHERE stream_id = '{project}')], '{{1}}', ARRAY['{{}}'], NULL,
                 ARRAY[gen_random_uuid()], '{{PhaseRenamed}}', '{{1}}', ARRAY['{{\"phase_id\":\"{phase}\",\"name\":\"x\"}}'],
                 ARRAY[uuid_send(gen_random_uuid())], command_first_day => ARRAY['{first}'::date], command_last_day => ARRAY['{last}'::date])"
        ))
    };
    let range = timeline.range().unwrap();
    assert_eq!(verdict("2001-01-01", &range.end().to_string()), "dates_changed");
    assert_eq!(verdict(&range.start().to_string(), "2001-01-01"), "dates_changed");
    assert_eq!(verdict(&range.start().to_string(), &range.end().to_string()), "appended");
}

#[tokio::test]
async fn the_real_planners_projects_follow_their_dates() {
    let Some(path) = planner_sql() else { return };
    let database = database_from(&std::fs::read_to_string(path).unwrap());
    migrated(database.url()).await;
    let store = store(database.url()).await;
    let mut reader = connection(&database).await;
    let log = FoldedLog::read(&mut reader, None).await.unwrap();
    for (project, folded) in &log.timelines {
        let range = later(folded.timeline.range().unwrap(), -7, 30);
        set_dates(&database, *project, range);
        store.execute(*project, &as_list(&folded.timeline, range), Metadata::default()).await.unwrap();
    }
    assert_clean(&database, "the planner's projects").await;
}

/// A form that is saved while a command follows the earlier dates.
#[tokio::test]
async fn dates_that_are_committed_during_a_command_are_kept() {
    let database = sample(4, 10, 505);
    migrated(database.url()).await;
    let (project, timeline) = project_with_phases(&mut connection(&database).await, 2).await;
    let store = store(database.url()).await;
    let range = timeline.range().unwrap();
    let mut kept = 0;
    for round in 0..5 {
        set_dates(&database, project, later(range, 0, 10 + round));
        let last = later(range, 0, 40 + round);
        // The command has compared the dates, and waits for the table of the phases, when the form is saved.
        let mut holder = connection(&database).await;
        let mut form = connection(&database).await;
        sqlx::raw_sql("BEGIN; LOCK TABLE public.project_phases IN SHARE MODE")
            .execute(&mut holder)
            .await
            .unwrap();
        let rename =
            TimelineCommand::RenamePhase { phase_id: timeline.phases()[0].id, name: format!("Name {round}") };
        let (renamed, (), ()) = tokio::join!(
            store.execute(project, &rename, Metadata::default()),
            async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                save_form(&mut form, project, last).await;
            },
            async {
                tokio::time::sleep(Duration::from_millis(250)).await;
                sqlx::raw_sql("COMMIT").execute(&mut holder).await.unwrap();
            }
        );
        // On a slow machine the command times out.
        kept += usize::from(renamed.is_ok());
        let dates = ProjectPhases.project_dates(&mut connection(&database).await, project).await.unwrap();
        assert_eq!(dates, Some(last), "round {round}");
    }
    assert!(kept > 0, "no command was executed");
    let end = TimelineCommand::RenamePhase { phase_id: timeline.phases()[0].id, name: "End".to_owned() };
    store.execute(project, &end, Metadata::default()).await.unwrap();
    assert_clean(&database, "forms saved during commands").await;
}

/// Commands behind a reschedule in one batch are decided on its result.
#[tokio::test(flavor = "multi_thread")]
async fn many_reschedules_of_one_project_all_succeed() {
    let database = sample(4, 10, 506);
    migrated(database.url()).await;
    let (project, timeline) = project_with_phases(&mut connection(&database).await, 2).await;
    let store = store(database.url()).await;
    let range = timeline.range().unwrap();
    let mut commands = tokio::task::JoinSet::new();
    for n in 0..64 {
        let store = store.clone();
        let command =
            TimelineCommand::Reschedule { start_date: range.start(), end_date: later(range, 0, 1 + n).end() };
        commands.spawn(async move { store.execute(project, &command, Metadata::default()).await });
    }
    while let Some(done) = commands.join_next().await {
        done.unwrap().unwrap();
    }
    assert_clean(&database, "64 reschedules").await;
}

#[tokio::test]
async fn a_list_that_changes_nothing_is_refused_where_rows_differ() {
    let database = sample(4, 10, 507);
    migrated(database.url()).await;
    let (project, timeline) = project_with_phases(&mut connection(&database).await, 2).await;
    let store = store(database.url()).await;
    let list = as_list(&timeline, timeline.range().unwrap());
    assert!(store.execute(project, &list, Metadata::default()).await.unwrap().events.is_empty());
    let phase = timeline.phases()[0].id;
    database.psql(&format!("UPDATE project_phases SET start_date = start_date - 1 WHERE id = '{phase}'"));
    let refused = store.execute(project, &list, Metadata::default()).await.unwrap_err();
    assert!(refused.to_string().contains("phaseline drift"), "{refused}");
}

/// A list for a project without phases is checked against the dates that the client saw.
#[tokio::test]
async fn a_list_opens_a_timeline_over_the_dates_it_was_made_for_only() {
    let database = sample(4, 10, 508);
    migrated(database.url()).await;
    let store = store(database.url()).await;
    let (other, _) = project_with_phases(&mut connection(&database).await, 1).await;
    let project = ProjectId::random();
    insert_project(&database, project, other);
    let seen = DateRange::new("2024-01-01".parse().unwrap(), "2024-10-31".parse().unwrap()).unwrap();
    let draft = PhaseDraft {
        id: PhaseId::random(),
        name: "Only".to_owned(),
        start_date: seen.start(),
        end_date: seen.end(),
        description: None,
        capital_budget: 0.into(),
        expense_budget: 0.into(),
        total_budget: 0.into(),
    };
    let command = TimelineCommand::ReplaceAll { phases: vec![ReplacementPhase::New(draft)] };
    let opening =
        TimelineCommand::Open { project_id: project, range: seen, default_phase_id: PhaseId::random() };
    let request = Request { opening: Some(opening), ..Request::new(project, command, Metadata::default()) };
    let refused = store.submit(request).await.unwrap_err();
    assert!(refused.to_string().contains("changed while the command was executed"), "{refused}");
    assert_eq!(database.psql(&format!("SELECT end_date FROM projects WHERE id = '{project}'")), "2024-11-30");
}

/// A project that the planner made after the migration, with its default phase, and gave other dates before the first command.
#[tokio::test]
async fn rows_are_adopted_though_the_project_has_other_dates_by_now() {
    for by_command in [true, false] {
        let database = sample(4, 10, 511);
        migrated(database.url()).await;
        let (other, _) = project_with_phases(&mut connection(&database).await, 1).await;
        let (project, phase) = (ProjectId::random(), PhaseId::random());
        insert_project(&database, project, other);
        insert_default_phase(&database, project, phase);
        let range = DateRange::new("2024-02-01".parse().unwrap(), "2025-03-31".parse().unwrap()).unwrap();
        set_dates(&database, project, range);
        let verified = verified(database.url()).await;
        assert!(verified.passed, "{:#?}", verified.checks);
        assert!(
            verified.notes.iter().any(|note| note.contains("dates of 1 project ")),
            "{:?}",
            verified.notes
        );
        let project_row = || database.psql(&format!("SELECT p::text FROM projects p WHERE id = '{project}'"));
        let before = project_row();
        if by_command {
            let rename = TimelineCommand::RenamePhase { phase_id: phase, name: "Design".to_owned() };
            let renamed =
                store(database.url()).await.execute(project, &rename, Metadata::default()).await.unwrap();
            assert_eq!(renamed.after.timeline.phases()[0].range, range);
        } else {
            let mut connection = connection(&database).await;
            let mut log = FoldedLog::read(&mut connection, None).await.unwrap();
            let plan = AdoptionPlan::make(&mut connection, &log, None, false).await.unwrap();
            assert!(plan.refused.is_empty(), "{:?}", plan.refused);
            adopt_all(&mut connection, &mut log, &plan, false, &Metadata::default()).await.unwrap();
        }
        // The planner's row is as it was, and the phase follows.
        assert_eq!(project_row(), before);
        let phase_row = format!("SELECT start_date, end_date FROM project_phases WHERE id = '{phase}'");
        assert_eq!(database.psql(&phase_row), "2024-02-01|2025-03-31");
        assert_clean(&database, "adoption").await;
    }
}
