//! The schema is made once, made whole again, and stays in its place.

use crate::support::{command, connect, log, stream};
use phaseline_embedded::testing::TestCluster;
use phaseline_store::{append, schema};

#[tokio::test]
async fn installing_again_changes_nothing_and_public_stays_clean() {
    let database = log().await;
    let before = database.dump(&["--schema=phaseline"]);
    let mut connection = connect(&database).await;
    schema::install(&mut connection).await.unwrap();
    assert_eq!(before, database.dump(&["--schema=phaseline"]));
    let public = database.psql("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'");
    assert_eq!(public.trim(), "projects");
    let path: String = sqlx::query_scalar("SHOW search_path").fetch_one(&mut connection).await.unwrap();
    assert_eq!(path, "\"$user\", public", "the session's settings stay as they were");
}

#[tokio::test]
async fn a_lost_head_is_made_again_from_the_events() {
    let database = log().await;
    let mut connection = connect(&database).await;
    {
        use sqlx::Connection;
        let mut transaction = connection.begin().await.unwrap();
        phaseline_store::Import::begin(&mut transaction).await.unwrap().finish().await.unwrap();
        transaction.commit().await.unwrap();
    }
    let log_id = schema::log_id(&mut connection).await.unwrap();
    database.psql("DROP TABLE phaseline.head");
    assert!(append(&mut connection, &[command(stream(1), 0, 1)]).await.is_err());
    schema::install(&mut connection).await.unwrap();
    assert_eq!(schema::log_id(&mut connection).await.unwrap(), log_id);
    assert!(
        !schema::accepts_commands(&mut connection).await.unwrap(),
        "closed until somebody says the shape is right"
    );
}

/// Roles belong to the whole server: databases that are set up at the same time must not get in each other's way.
#[tokio::test]
async fn several_databases_are_installed_at_once() {
    let install = || async {
        let database = TestCluster::shared().database();
        let mut connection = connect(&database).await;
        schema::install(&mut connection).await.unwrap();
    };
    tokio::join!(install(), install(), install(), install());
}
