//! An unreadable event stops its own timeline only, and a later mark excludes it permanently.

mod damage;
mod random_events;

use crate::fixture::{
    assert_verified, handle, migrated, migrated_sample, rolled_back, store, try_migrate, try_rollback,
    verified,
};
use phaseline_domain::{ProjectId, Timeline, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::quarantine::{EventSelection, SkipResult, list, skip};
use phaseline_projections::adopt::{AdoptionPlan, adopt_all};
use phaseline_projections::rebuild::{RebuildOptions, Rebuilt, rebuild};
use phaseline_projections::{FoldedLog, drift, history};
use phaseline_store::{
    Append, ExecuteError, Metadata, NewEvent, StoreError, append, parallel, skip as marks, stream,
};
use phaseline_tests::unreadable_events::{UnreadableKind, insert_event, insert_unreadable};
use sqlx::{Connection, PgConnection};

/// The projects of a database, by id.
pub(crate) fn projects(database: &TestDatabase) -> Vec<ProjectId> {
    let ids = database.psql("SELECT id FROM public.projects ORDER BY id");
    ids.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

pub(crate) async fn connect(database: &TestDatabase) -> PgConnection {
    handle(database.url()).connect("test").await.unwrap()
}

fn metadata_of(actor: &str, reason: &str) -> Metadata {
    Metadata { actor: Some(actor.to_owned()), reason: Some(reason.to_owned()), ..Metadata::default() }
}

/// Leaves out all unreadable events of a project.
pub(crate) async fn skip_all(database: &TestDatabase, project: ProjectId) -> usize {
    let mut connection = connect(database).await;
    match skip(&mut connection, project.uuid(), &EventSelection::All, &metadata_of("admin", "planted"))
        .await
        .unwrap()
    {
        SkipResult::Done(skipped) => skipped.len(),
        SkipResult::Refused(reasons) => panic!("{reasons:?}"),
    }
}

/// The serial fold of a log, which must equal the parallel one in chunks of this many positions.
pub(crate) async fn folded(database: &TestDatabase, chunk: i64) -> FoldedLog {
    let mut connection = connect(database).await;
    let mut snapshot =
        connection.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.unwrap();
    let serial = FoldedLog::read(&mut snapshot, None).await.unwrap();
    let exported = parallel::export_snapshot(&mut snapshot).await.unwrap();
    let skipped = marks::positions(&mut snapshot).await.unwrap();
    let readers =
        parallel::Readers::from(vec![connect(database).await, connect(database).await]).with_chunk(chunk);
    let both = FoldedLog::read_parallel(readers, &exported, skipped, serial.position, &Silent).await.unwrap();
    assert_eq!(both.timelines, serial.timelines);
    let quarantined = |log: &FoldedLog| -> Vec<_> {
        log.quarantined
            .iter()
            .map(|(project, found)| (*project, found.folded.clone(), found.quarantine.clone()))
            .collect()
    };
    assert_eq!(quarantined(&both), quarantined(&serial));
    serial
}

async fn rebuilt(database: &TestDatabase, check: bool) -> Rebuilt {
    let mut connection = connect(database).await;
    let readers = vec![connect(database).await, connect(database).await];
    let options = RebuildOptions { check, ..RebuildOptions::default() };
    rebuild(&mut connection, readers, &options, &Silent).await.unwrap()
}

fn rename(timeline: &Timeline, name: &str) -> TimelineCommand {
    TimelineCommand::RenamePhase { phase_id: timeline.phases()[0].id, name: name.to_owned() }
}

/// Renames a project's first phase.
async fn rename_first(database: &TestDatabase, project: ProjectId, name: &str) -> Result<i64, ExecuteError> {
    let timeline = folded(database, 10_000).await.timelines.get(&project).map(|found| found.timeline.clone());
    let timeline = timeline.filter(|timeline| !timeline.phases().is_empty()).unwrap_or_else(|| {
        let row = database
            .psql(&format!("SELECT id FROM public.project_phases WHERE project_id = '{project}' LIMIT 1"));
        let event = phaseline_domain::event::DefaultPhaseSupplied {
            phase_id: row.parse().unwrap(),
            name: phaseline_domain::PhaseName::of_default_phase(),
            range: phaseline_domain::DateRange::new(
                "2024-01-01".parse().unwrap(),
                "2024-01-02".parse().unwrap(),
            )
            .unwrap(),
        };
        Timeline::fold([&event.into()])
    });
    let store = store(database.url()).await;
    store
        .execute(project, &rename(&timeline, name), Metadata::default())
        .await
        .map(|committed| committed.version)
}

#[tokio::test]
async fn an_unreadable_event_of_any_kind_stops_only_its_own_timeline() {
    for bad in UnreadableKind::ALL {
        let database = migrated_sample(6, 60, 61);
        let all = projects(&database);
        let (victim, drifted) = (all[2], all[4]);
        let position = insert_unreadable(database.url(), victim.uuid(), bad).await;
        let [event_type, fault] = bad.named();
        let names = |text: &str| {
            let position = format!("position {position} ");
            [position.as_str(), event_type, fault, &victim.to_string()].iter().all(|part| text.contains(part))
        };

        // Verification names it, and compares everything else.
        let found = verified(database.url()).await;
        let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
        assert_eq!(failed.len(), 1, "{bad:?}: {failed:#?}");
        assert!(failed[0].title.contains("can be read"), "{bad:?}: {failed:#?}");
        let [detail] = failed[0].details.as_slice() else { panic!("{bad:?}: {failed:#?}") };
        assert!(names(detail), "{bad:?}: {detail}");
        let way_out = format!("phaseline quarantine skip {victim} --position {position} --reason TEXT");
        assert!(detail.contains(&way_out) && !detail.contains("phaseline verify"), "{bad:?}: {detail}");

        // Drift of another project is repaired; the rows of the affected project are not compared.
        database.psql(&format!(
            "UPDATE public.project_phases SET name = 'by hand' WHERE project_id IN ('{victim}', '{drifted}')"
        ));
        let log = folded(&database, 7).await;
        assert_eq!(log.quarantined.keys().copied().collect::<Vec<_>>(), [victim], "{bad:?}");
        assert!(names(&log.unreadable().to_string()), "{bad:?}: {}", log.unreadable());
        let differs = drift::find_drift(&mut connect(&database).await, &log, None).await.unwrap();
        assert!(
            !differs.is_empty() && differs.iter().all(|found| found.project_id() == drifted),
            "{differs:?}"
        );
        let whole = rebuilt(&database, false).await;
        assert!(whole.updated() > 0 && whole.left.is_empty(), "{bad:?}: {whole:?}");
        assert!(!whole.is_right() && whole.quarantine.count == 1, "{bad:?}: a partial result looks complete");
        let names_of = |project| {
            database.psql(&format!(
                "SELECT DISTINCT name FROM public.project_phases WHERE project_id = '{project}'"
            ))
        };
        assert_eq!(names_of(victim), "by hand", "{bad:?}: the victim's rows were touched");
        assert!(!names_of(drifted).contains("by hand"));

        // A project of another program is adopted.
        let made: ProjectId = "6f9619ff-8b86-4011-b42d-00c04fc964ff".parse().unwrap();
        database.psql(&format!(
            "CREATE TEMP TABLE made AS SELECT * FROM projects WHERE id = '{victim}';
             UPDATE made SET id = '{made}', cost_center_code = 'made';
             INSERT INTO projects SELECT * FROM made;
             CREATE TEMP TABLE phases AS SELECT * FROM project_phases WHERE project_id = '{victim}';
             UPDATE phases SET id = gen_random_uuid(), project_id = '{made}';
             INSERT INTO project_phases SELECT * FROM phases"
        ));
        let mut connection = connect(&database).await;
        let mut log = FoldedLog::read(&mut connection, None).await.unwrap();
        let plan = AdoptionPlan::make(&mut connection, &log, None, false).await.unwrap();
        assert_eq!(plan.adopted.iter().map(|adopted| adopted.project_id).collect::<Vec<_>>(), [made]);
        assert!(plan.refused.is_empty(), "{bad:?}: {:?}", plan.refused);
        adopt_all(&mut connection, &mut log, &plan, false, &Metadata::default()).await.unwrap();

        // Commands are accepted on all projects except the affected one.
        for project in all.iter().copied().filter(|project| *project != victim) {
            rename_first(&database, project, "renamed").await.unwrap();
        }
        match rename_first(&database, victim, "renamed").await {
            Err(ExecuteError::Store(error @ StoreError::Quarantined { project, .. })) => {
                assert_eq!(project, victim);
                assert!(names(&error.to_string()), "{error}");
            }
            other => panic!("{bad:?}: {other:?}"),
        }

        // A rollback cannot compute the legacy rows.
        match try_rollback(database.url()).await {
            Err(MigratorError::RollbackRefused(plan)) => {
                let found =
                    plan.anomalies.iter().find(|found| found.code.name() == "event_unreadable").unwrap();
                assert!(names(&found.rows.iter().next().unwrap().detail), "{:?}", found.rows);
                assert!(found.remedy.contains("phaseline quarantine skip"), "{}", found.remedy);
            }
            other => panic!("{bad:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_reader_ignores_a_skipped_event() {
    for bad in UnreadableKind::ALL {
        let database = migrated_sample(6, 60, 61);
        let victim = projects(&database)[2];
        let before = folded(&database, 7).await.timelines[&victim].clone();
        let position = insert_unreadable(database.url(), victim.uuid(), bad).await;
        assert_eq!(skip_all(&database, victim).await, 1, "{bad:?}");

        assert_verified(database.url()).await;
        let after = folded(&database, 7).await;
        assert!(after.quarantined.is_empty(), "{bad:?}");
        let after = after.timelines[&victim].clone();
        assert_eq!((&after.timeline, &after.timestamps), (&before.timeline, &before.timestamps), "{bad:?}");
        assert_eq!((after.version, after.position), (before.version + 1, position), "{bad:?}");
        assert!(rebuilt(&database, true).await.is_right(), "{bad:?}");

        // Commands continue after it; earlier events and a service's cache agree.
        let service = store(database.url()).await;
        let first = rename(&before.timeline, "first");
        let done = service.execute(victim, &first, Metadata::default()).await.unwrap();
        assert_eq!(done.version, before.version + 2, "{bad:?}");
        rename_first(&database, victim, "second").await.unwrap();
        let done =
            service.execute(victim, &rename(&before.timeline, "third"), Metadata::default()).await.unwrap();
        assert_eq!(done.version, before.version + 4, "{bad:?}");
        assert_verified(database.url()).await;
        assert!(rebuilt(&database, true).await.is_right(), "{bad:?}");
        let mut connection = connect(&database).await;
        let recorded = stream::history(&mut connection, victim, None).await.unwrap();
        assert_eq!(
            phaseline_store::FoldedTimeline::of(&recorded),
            folded(&database, 3).await.timelines[&victim]
        );
        // The event is also left out at every earlier position.
        let then = stream::history(&mut connection, victim, Some(position)).await.unwrap();
        assert_eq!(phaseline_store::FoldedTimeline::of(&then).timeline, before.timeline);

        // The mark is an event with actor and reason, and visible in the history.
        let skipped = marks::of_stream(&mut connection, victim.uuid()).await.unwrap();
        let entries = history::entries(&recorded, &skipped, None);
        let entry = entries.iter().find(|entry| entry.position == position).unwrap();
        let mark = entry.skipped.as_ref().unwrap();
        assert_eq!((mark.actor.as_deref(), mark.reason.as_deref()), (Some("admin"), Some("planted")));
        assert!(
            entry.words.contains("left out of the timeline by admin, login postgres (planted)"),
            "{}",
            entry.words
        );
        assert_eq!(entry.event_type, bad.named()[0]);
    }
}

#[tokio::test]
async fn a_mark_survives_a_rollback_and_the_next_migration() {
    let database = migrated_sample(6, 60, 61);
    let victim = projects(&database)[2];
    let position = insert_unreadable(database.url(), victim.uuid(), UnreadableKind::Type).await;
    skip_all(&database, victim).await;
    let fold = folded(&database, 7).await.timelines[&victim].clone();
    rolled_back(database.url()).await;
    assert_verified(database.url()).await;
    assert_eq!(folded(&database, 7).await.timelines[&victim].timeline, fold.timeline);
    migrated(database.url()).await;
    assert_verified(database.url()).await;
    assert_eq!(folded(&database, 7).await.timelines[&victim].timeline, fold.timeline);
    let found = list(&mut connect(&database).await, &Silent).await.unwrap();
    assert_eq!(found.unreadable_count, 0);
    let [mark] = found.skipped.as_slice() else { panic!("{found:?}") };
    assert_eq!((mark.position, mark.stream_id), (position, victim.uuid()));
    assert_eq!((mark.actor.as_deref(), mark.reason.as_deref()), (Some("admin"), Some("planted")));
}

#[tokio::test]
async fn a_migration_refuses_an_unreadable_event_until_it_is_skipped() {
    let database = migrated_sample(6, 60, 61);
    rolled_back(database.url()).await;
    let victim = projects(&database)[2];
    let position = insert_unreadable(database.url(), victim.uuid(), UnreadableKind::Nul).await;
    let found = verified(database.url()).await;
    let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
    assert!(failed.len() == 1 && failed[0].title.contains("can be read"), "{failed:#?}");
    match try_migrate(database.url()).await {
        Err(MigratorError::Refused(plan)) => {
            let found = plan.anomalies.iter().find(|found| found.code.name() == "event_unreadable").unwrap();
            assert_eq!(found.rows.iter().next().unwrap().id, position.to_string());
        }
        other => panic!("{other:?}"),
    }
    skip_all(&database, victim).await;
    migrated(database.url()).await;
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_timeline_whose_opening_cannot_be_read_starts_again_from_its_rows() {
    let database = migrated_sample(6, 60, 61);
    let victim = projects(&database)[2];
    let made: ProjectId = "6f9619ff-8b86-4011-b42d-00c04fc964ff".parse().unwrap();
    database.psql(&format!(
        "CREATE TEMP TABLE made AS SELECT * FROM projects WHERE id = '{victim}';
         UPDATE made SET id = '{made}', cost_center_code = 'made'; INSERT INTO projects SELECT * FROM made;
         CREATE TEMP TABLE phases AS SELECT * FROM project_phases WHERE project_id = '{victim}';
         UPDATE phases SET id = gen_random_uuid(), project_id = '{made}'; INSERT INTO project_phases SELECT * FROM phases"
    ));
    // Events after an unreadable opening have no timeline.
    let opened = NewEvent::new("TimelineOpened", 7, "{}".to_owned());
    insert_event(database.url(), made.uuid(), &opened, "{}").await;
    let removed = format!(r#"{{"phase_id":"{made}"}}"#);
    insert_event(database.url(), made.uuid(), &NewEvent::new("PhaseRemoved", 1, removed), "{}").await;
    let found = folded(&database, 3).await.unreadable();
    assert_eq!(found.count, 2);
    assert!(found.events[1].fault.contains("the timeline is not open"), "{found:?}");
    let rows = database.psql("SELECT ph::text FROM project_phases ph ORDER BY id");
    assert_eq!(skip_all(&database, made).await, 2);
    assert_eq!(database.psql("SELECT ph::text FROM project_phases ph ORDER BY id"), rows);
    // SQL cannot bypass the check that the timeline is open.
    let phase = database.psql(&format!("SELECT id FROM project_phases WHERE project_id = '{made}' LIMIT 1"));
    let renamed = NewEvent::new("PhaseRenamed", 1, format!(r#"{{"phase_id":"{phase}","name":"x"}}"#));
    let call = Append {
        stream: stream::stream_of(made),
        expected: 2,
        events: vec![renamed],
        metadata: Metadata::default(),
        witness: None,
        row_locations: None,
        key: None,
        project_dates: None,
        following: None,
    };
    let refused = append(&mut connect(&database).await, &[call]).await.unwrap_err().to_string();
    assert!(refused.contains("is not open"), "{refused}");
    rename_first(&database, made, "adopted").await.unwrap();
    assert_verified(database.url()).await;
    assert!(rebuilt(&database, true).await.is_right());
}

#[tokio::test]
async fn only_unreadable_events_are_skipped_and_all_or_none() {
    let database = migrated_sample(6, 60, 61);
    let all = projects(&database);
    let (victim, other) = (all[2], all[3]);
    let bad = insert_unreadable(database.url(), victim.uuid(), UnreadableKind::Type).await;
    let good: i64 = database
        .psql(&format!("SELECT min(position) FROM phaseline.events WHERE stream_id = '{victim}'"))
        .parse()
        .unwrap();
    let elsewhere: i64 = database
        .psql(&format!("SELECT min(position) FROM phaseline.events WHERE stream_id = '{other}'"))
        .parse()
        .unwrap();
    let events = || database.psql("SELECT count(*) FROM phaseline.events");
    let before = events();
    let mut connection = connect(&database).await;
    let cases = [(good, "nothing is wrong"), (elsewhere, "belongs to"), (999_999, "no event there")];
    for (position, why) in cases {
        let which = EventSelection::At(vec![bad, position]);
        match skip(&mut connection, victim.uuid(), &which, &metadata_of("admin", "x")).await.unwrap() {
            SkipResult::Refused(reasons) => {
                assert!(reasons.len() == 1 && reasons[0].contains(why), "{reasons:?}")
            }
            SkipResult::Done(done) => panic!("{done:?}"),
        }
    }
    assert_eq!(events(), before);
    match skip(&mut connection, victim.uuid(), &EventSelection::At(vec![bad]), &metadata_of("admin", "x"))
        .await
        .unwrap()
    {
        SkipResult::Done(done) => assert_eq!(done.len(), 1),
        SkipResult::Refused(reasons) => panic!("{reasons:?}"),
    }
    match skip(&mut connection, victim.uuid(), &EventSelection::At(vec![bad]), &metadata_of("admin", "x"))
        .await
        .unwrap()
    {
        SkipResult::Refused(reasons) => assert!(reasons[0].contains("left out already"), "{reasons:?}"),
        SkipResult::Done(done) => panic!("{done:?}"),
    }
}
