//! Damage of the log, and unreadable events of other streams than timelines.

use super::{connect, metadata_of, projects, skip_all};
use crate::fixture::{
    assert_verified, migrated, migrated_sample, rolled_back, sample, try_rollback, verified_by_several,
};
use phaseline_migrator::MigratorError;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::quarantine::{EventSelection, list, skip};
use phaseline_projections::FoldedLog;
use phaseline_store::{NewEvent, StoreError};
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use sqlx::Connection;

#[tokio::test]
async fn a_damaged_chain_is_named_as_damage_beside_unreadable_events() {
    let database = sample(40, 60, 61);
    migrated(database.url()).await;
    let victim = projects(&database)[2];
    insert_unreadable(database.url(), victim.uuid(), UnreadableKind::Type).await;
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET metadata = '{}' WHERE stream_type = 'Timeline';
         UPDATE phaseline.events SET payload = '{}' WHERE position = 9;
         DELETE FROM phaseline.events WHERE position = 6;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    let found = verified_by_several(database.url()).await;
    let text = |title: &str| {
        let check = found.checks.iter().find(|check| check.title.contains(title)).unwrap();
        assert!(!check.passed, "{title}");
        check.details.join("\n")
    };
    assert!(text("position of the log").contains("position 6 is missing"));
    let chain = text("hash chain");
    let altered: i64 = database
        .psql("SELECT count(*) FROM phaseline.events WHERE stream_type = 'Timeline'")
        .parse()
        .unwrap();
    assert!(altered > 100, "the sample is large enough");
    assert!(chain.lines().count() <= 101 && chain.contains("more breaks"), "{chain}");
    let unreadable = text("can be read");
    assert!(unreadable.contains("PhaseExploded") && unreadable.contains("position 9 "), "{unreadable}");
    match try_rollback(database.url()).await {
        Err(MigratorError::RollbackRefused(plan)) => {
            assert!(plan.anomalies.iter().any(|found| found.code.name() == "log_damaged"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_version_out_of_turn_is_damage_and_no_mark_helps() {
    let database = migrated_sample(6, 60, 61);
    let victim = projects(&database)[2];
    insert_unreadable(database.url(), victim.uuid(), UnreadableKind::Type).await;
    database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET version = version + 5
          WHERE position = (SELECT max(position) FROM phaseline.events WHERE stream_id = '{victim}');
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
    ));
    // Verification continues; nothing is folded into rows.
    let found = verified_by_several(database.url()).await;
    let failed: Vec<_> =
        found.checks.iter().filter(|check| !check.passed).map(|check| &check.title).collect();
    assert_eq!(failed.len(), 3, "{failed:?}");
    let is_gap = |error: &StoreError| matches!(error, StoreError::VersionGap { .. });
    let mut connection = connect(&database).await;
    assert!(FoldedLog::read(&mut connection, None).await.as_ref().is_err_and(is_gap));
    let skipped =
        skip(&mut connect(&database).await, victim.uuid(), &EventSelection::All, &metadata_of("admin", "x"))
            .await;
    assert!(matches!(&skipped, Err(MigratorError::Store(error)) if is_gap(error)), "{skipped:?}");
}

#[tokio::test]
async fn unreadable_events_of_other_streams_are_named_and_skippable() {
    let database = migrated_sample(6, 60, 61);
    let run =
        database.psql("SELECT stream_id FROM phaseline.events WHERE stream_type = 'MigrationRun' LIMIT 1");
    let links =
        database.psql("SELECT stream_id FROM phaseline.events WHERE stream_type = 'LegacyLinks' LIMIT 1");
    let mut connection = connect(&database).await;
    let mut transaction = connection.begin().await.unwrap();
    let ends: Vec<i64> = sqlx::query_scalar(
        "SELECT max(version) FROM phaseline.events WHERE stream_type IN ('MigrationRun', 'LegacyLinks')
            AND stream_id::text IN ($1, $2) GROUP BY stream_type ORDER BY stream_type DESC",
    )
    .bind(&run)
    .bind(&links)
    .fetch_all(&mut *transaction)
    .await
    .unwrap();
    let mut import = phaseline_store::Import::begin(&mut transaction).await.unwrap();
    for ((stream_type, id), version) in
        [("MigrationRun", &run), ("LegacyLinks", &links)].into_iter().zip(ends)
    {
        let stream = phaseline_store::StreamId { stream_type, id: id.parse().unwrap() };
        import.push(stream, version + 1, &NewEvent::new("Exploded", 1, "{}".to_owned()), "{}").await.unwrap();
    }
    import.finish().await.unwrap();
    transaction.commit().await.unwrap();
    let found = list(&mut connection, &Silent).await.unwrap();
    let named: Vec<_> = found.unreadable.iter().map(|event| event.stream_type.as_str()).collect();
    assert_eq!(named, ["MigrationRun", "LegacyLinks"]);
    assert!(!verified_by_several(database.url()).await.passed);
    assert!(try_rollback(database.url()).await.is_err());
    assert_eq!(phaseline_migrator::status::status(&mut connection).await.unwrap().runs.len(), 1);
    for id in [run, links] {
        skip_all(&database, id.parse().unwrap()).await;
    }
    assert_verified(database.url()).await;
    rolled_back(database.url()).await;
    assert_verified(database.url()).await;
}
