//! The repository of postgres-es reads the log: both folds are the same. The framework of cqrs-es writes into the log.

use crate::fixture::{assert_verified, migrated, migrated_sample, sample, store};
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use cqrs_es::{AggregateContext, CqrsFramework, EventStore};
use phaseline_domain::{Neighbours, PhaseDraft, PhaseId, ProjectId, Timeline, TimelineCommand};
use phaseline_store::Metadata;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use postgres_es::PostgresEventRepository;
use sqlx::postgres::PgPoolOptions;
use std::collections::HashMap;

fn draft(timeline: &Timeline, name: &str) -> PhaseDraft {
    let last = timeline.phases().last().unwrap();
    PhaseDraft {
        id: PhaseId::random(),
        name: name.to_owned(),
        start_date: last.range.end(),
        end_date: last.range.end(),
        description: Some("with \"quotes\" and é".to_owned()),
        capital_budget: "1.10".parse().unwrap(),
        expense_budget: "2.20".parse().unwrap(),
        total_budget: "3.30".parse().unwrap(),
    }
}

#[tokio::test]
async fn both_folds_of_the_log_are_the_same() {
    let database = sample(20, 40, 31);
    migrated(database.url()).await;
    let store = store(database.url()).await;
    let ids = database.psql("SELECT id FROM public.projects ORDER BY id");
    let projects: Vec<ProjectId> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
    for project in projects.iter().step_by(2) {
        let history = store.history(*project).await.unwrap();
        let timeline = Timeline::fold(history.iter().filter_map(phaseline_store::RecordedTimeline::event));
        let create = TimelineCommand::CreatePhase {
            phase: draft(&timeline, "Hand-over"),
            neighbours: Neighbours::Adjust,
        };
        let metadata = Metadata {
            actor: Some("ann".to_owned()),
            reason: Some("why not".to_owned()),
            ..Metadata::default()
        };
        store.execute(*project, &create, metadata).await.unwrap();
        let rename =
            TimelineCommand::RenamePhase { phase_id: timeline.phases()[0].id, name: "Discovery".to_owned() };
        store.execute(*project, &rename, Metadata::default()).await.unwrap();
    }
    let pool = PgPoolOptions::new().max_connections(2).connect(database.url()).await.unwrap();
    let repository =
        PostgresEventRepository::new(pool.clone()).with_tables("phaseline.postgres_es_events", "none");
    let theirs = PersistedEventStore::<_, Timeline>::new_event_store(
        PostgresEventRepository::new(pool).with_tables("phaseline.postgres_es_events", "none"),
    );
    for project in &projects {
        let history = store.history(*project).await.unwrap();
        let ours = Timeline::fold(history.iter().filter_map(phaseline_store::RecordedTimeline::event));
        let mut loaded = theirs.load_aggregate(&project.to_string()).await.unwrap();
        assert_eq!(loaded.aggregate(), &ours);
        let events = repository.get_events::<Timeline>(&project.to_string()).await.unwrap();
        assert_eq!(events.len(), history.len());
        for (event, recorded) in events.iter().zip(&history) {
            assert_eq!(event.sequence as i64, recorded.recorded.version);
            assert_eq!(event.event_type, recorded.recorded.event_type);
            assert_eq!(event.event_version, recorded.recorded.schema_version.to_string());
            let metadata: HashMap<String, String> = serde_json::from_value(event.metadata.clone()).unwrap();
            assert_eq!(metadata, recorded.recorded.metadata.clone().into_map());
        }
    }
}

#[tokio::test]
async fn the_framework_of_cqrs_es_writes_log_and_table_together() {
    let database = migrated_sample(4, 10, 32);
    let store = store(database.url()).await;
    let id = database.psql("SELECT id FROM public.projects ORDER BY id LIMIT 1");
    let project: ProjectId = id.trim().parse().unwrap();
    let framework = CqrsFramework::new(store.clone(), Vec::new(), ());
    let mut context = store.load_aggregate(id.trim()).await.unwrap();
    let phase_id = context.aggregate().phases()[0].id;
    let rename = TimelineCommand::RenamePhase { phase_id, name: "By the framework".to_owned() };
    let metadata = HashMap::from([("actor".to_owned(), "ann".to_owned())]);
    framework.execute_with_metadata(id.trim(), rename, metadata).await.unwrap();
    let row = database.psql(&format!("SELECT name FROM public.project_phases WHERE id = '{phase_id}'"));
    assert_eq!(row.trim(), "By the framework");
    let last = store.history(project).await.unwrap().pop().unwrap();
    assert_eq!(last.recorded.metadata.actor.as_deref(), Some("ann"));
    assert_verified(database.url()).await;

    // A commit on a stale timeline is a conflict, and writes nothing.
    let stale = store.load_aggregate(id.trim()).await.unwrap();
    let name = |name: &str| TimelineCommand::RenamePhase { phase_id, name: name.to_owned() };
    framework.execute(id.trim(), name("first")).await.unwrap();
    let events = phaseline_domain::decide(
        &Timeline::fold(
            store.history(project).await.unwrap().iter().filter_map(phaseline_store::RecordedTimeline::event),
        ),
        &name("second"),
    );
    let result = store.commit(events.unwrap(), stale, HashMap::new()).await;
    assert!(matches!(result, Err(cqrs_es::AggregateError::AggregateConflict)), "{result:?}");
    let refused = framework.execute(id.trim(), name(" ")).await;
    assert!(matches!(refused, Err(cqrs_es::AggregateError::UserError(_))), "{refused:?}");
    assert_verified(database.url()).await;
}

/// The service will spawn commands: their futures must be able to move between threads.
#[tokio::test]
async fn commands_can_be_spawned() {
    let database = migrated_sample(4, 10, 32);
    let store = store(database.url()).await;
    let ids =
        database.psql("SELECT project_id, id FROM public.project_phases ORDER BY project_id, start_date");
    let (project, phase) = ids.lines().next().unwrap().split_once('|').unwrap();
    let (project, phase_id): (ProjectId, PhaseId) = (project.parse().unwrap(), phase.parse().unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let rename = TimelineCommand::RenamePhase { phase_id, name: format!("name {n}") };
                store.execute(project, &rename, Metadata::default()).await.unwrap()
            })
        })
        .collect();
    let mut versions = Vec::new();
    for task in tasks {
        versions.push(task.await.unwrap().version);
    }
    versions.sort_unstable();
    let first = versions[0];
    assert_eq!(versions, (first..first + 8).collect::<Vec<_>>(), "each command got a version of its own");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn an_event_that_is_left_out_is_not_in_the_view() {
    let database = migrated_sample(6, 60, 61);
    let victim = crate::quarantine::projects(&database)[2];
    let theirs = || async {
        let pool = PgPoolOptions::new().max_connections(2).connect(database.url()).await.unwrap();
        let repository =
            PostgresEventRepository::new(pool).with_tables("phaseline.postgres_es_events", "none");
        let store = PersistedEventStore::<_, Timeline>::new_event_store(repository);
        store.load_aggregate(&victim.to_string()).await.map(|mut loaded| loaded.aggregate().clone())
    };
    let before = theirs().await.unwrap();
    insert_unreadable(database.url(), victim.uuid(), UnreadableKind::Type).await;
    assert!(theirs().await.is_err(), "postgres-es stops at it, too");
    crate::quarantine::skip_all(&database, victim).await;
    assert_eq!(theirs().await.unwrap(), before);
}
