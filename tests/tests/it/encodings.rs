//! Databases of other encodings than UTF-8.

use crate::fixture::{assert_verified, migrated, store};
use phaseline_domain::TimelineCommand;
use phaseline_embedded::testing::TestCluster;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_store::Metadata;
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn a_database_in_latin1_is_migrated_and_takes_commands() {
    let beside = TestCluster::shared().database();
    let name = format!("{}_latin1", beside.name());
    beside.psql(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    ));
    let url = beside.url().replace(&format!("/{}", beside.name()), &format!("/{name}"));
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sample::create(&mut connection, &SampleOptions { projects: 4, assignments: 40, seed: 5 }).await.unwrap();
    migrated(&url).await;
    let (project, phase): (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as("SELECT project_id, id FROM public.project_phases ORDER BY id LIMIT 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    let rename = |name: &str| TimelineCommand::RenamePhase { phase_id: phase.into(), name: name.to_owned() };
    let timelines = store(&url).await;
    let metadata = Metadata { actor: Some("Zoë".to_owned()), ..Metadata::default() };
    timelines.execute(project.into(), &rename("Général"), metadata).await.unwrap();
    // The server refuses characters that the encoding lacks, and nothing is written.
    timelines.execute(project.into(), &rename("计划"), Metadata::default()).await.unwrap_err();
    let name: String = sqlx::query_scalar("SELECT name FROM public.project_phases WHERE id = $1")
        .bind(phase)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(name, "Général");
    assert_verified(&url).await;
    timelines.execute(project.into(), &rename("General"), Metadata::default()).await.unwrap();
    drop(timelines);
    connection.close().await.unwrap();
}

/// The installed objects are possible in databases of any encoding.
#[test]
fn scripts_have_no_letters_beyond_ascii() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders =
        vec!["store", "projections", "migrator"].into_iter().map(|name| root.join(name)).collect::<Vec<_>>();
    let mut scripts = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                scripts += 1;
                assert!(std::fs::read(&path).unwrap().is_ascii(), "{}", path.display());
            }
        }
    }
    assert!(scripts > 10, "{scripts}");
}
