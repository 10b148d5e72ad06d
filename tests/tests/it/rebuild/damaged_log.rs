//! A damaged log is not folded.

use super::{check, connection, only, row_locations, timeline_shape, try_rebuild};
use crate::projection::projects;
use phaseline_migrator::progress::Silent;
use phaseline_projections::FoldedLog;
use phaseline_projections::rebuild::RebuildOptions;
use phaseline_store::StoreError;

const OPEN: &str = "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_is_refused_by_name_and_the_table_stays() {
    type Named = fn(&StoreError) -> bool;
    let cases: [(&str, Named); 3] = [
        ("DELETE FROM phaseline.events WHERE position = 3", |error| {
            matches!(error, StoreError::PositionGap { expected: 3, found: Some(4) })
        }),
        ("DELETE FROM phaseline.events WHERE position = 1", |error| {
            matches!(error, StoreError::PositionGap { expected: 1, .. })
        }),
        (
            "UPDATE phaseline.events SET version = version + 1 WHERE (stream_id, version) IN
                (SELECT stream_id, max(version) FROM phaseline.events WHERE stream_type = 'Timeline' GROUP BY 1)",
            |error| matches!(error, StoreError::VersionGap { expected, found, .. } if *found == expected + 1),
        ),
    ];
    for (statement, named) in cases {
        let database = timeline_shape(5);
        database.psql(&format!("{OPEN} {statement}; UPDATE public.project_phases SET name = 'by hand'"));
        let (before, log) =
            (row_locations(&database), database.psql("SELECT count(*) FROM phaseline.events"));
        for options in [RebuildOptions::default(), check()] {
            let refused = try_rebuild(&database, &options, &Silent).await;
            assert!(refused.as_ref().is_err_and(named), "{statement}: {refused:?}");
        }
        let folded = FoldedLog::read(&mut connection(&database).await, None).await;
        assert!(folded.as_ref().is_err_and(named), "{statement}: a drift or an adoption would have gone on");
        assert!(before == row_locations(&database), "{statement}: rows were written");
        assert_eq!(log, database.psql("SELECT count(*) FROM phaseline.events"), "{statement}");
    }
}

/// One project's stream that lacks its last event looks complete: only the whole log shows it.
#[tokio::test]
async fn a_projects_stream_that_lacks_an_event_is_refused() {
    type Named = fn(&StoreError) -> bool;
    let cases: [(&str, Named); 3] = [
        ("DELETE FROM phaseline.events WHERE position = LAST", |error| {
            matches!(error, StoreError::PositionGap { expected: 2.., .. })
        }),
        ("DELETE FROM phaseline.events WHERE position = 1", |error| {
            matches!(error, StoreError::PositionGap { expected: 1, .. })
        }),
        ("UPDATE phaseline.events SET version = version + 1 WHERE position = LAST", |error| {
            matches!(error, StoreError::VersionGap { .. })
        }),
    ];
    for (statement, named) in cases {
        let database = timeline_shape(5);
        let project = projects(&database)[0];
        let last = database.psql(&format!(
            "SELECT max(position) FROM phaseline.events WHERE stream_id = '{project}' AND stream_type = 'Timeline'"
        ));
        database.psql(&format!(
            "{OPEN} {}; UPDATE public.project_phases SET name = 'by hand'",
            statement.replace("LAST", last.trim())
        ));
        let before = row_locations(&database);
        for options in [only(project), RebuildOptions { delete_unknown: true, ..only(project) }] {
            let refused = try_rebuild(&database, &options, &Silent).await;
            assert!(refused.as_ref().is_err_and(named), "{statement}: {refused:?}");
        }
        assert!(before == row_locations(&database), "{statement}: rows were written");
    }
}

#[tokio::test]
async fn a_missing_event_behind_the_snapshot_is_detected_under_the_lock() {
    let database = timeline_shape(5);
    database.psql("UPDATE public.project_phases SET name = 'by hand'");
    let before = row_locations(&database);
    let damage = super::concurrent_changes::OnWriteStep::new(|| {
        database.psql(&format!(
            "{OPEN} INSERT INTO phaseline.events SELECT position + 2, stream_type, gen_random_uuid(), 1, gen_random_uuid(),
                    event_type, schema_version, payload, metadata, salt, recorded_at, hash
               FROM phaseline.events ORDER BY position DESC LIMIT 1"
        ));
    });
    let refused = try_rebuild(&database, &RebuildOptions::default(), &damage).await;
    assert!(matches!(refused, Err(StoreError::PositionGap { .. })), "{refused:?}");
    assert!(before == row_locations(&database), "rows were written");
}
