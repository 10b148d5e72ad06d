//! `/readyz` reports when and why commands cannot be executed, as does the response to a command.

use crate::fixture::ServiceFixture;
use crate::health::{becomes_ready, reason};
use phaseline_tests::http::HttpResponse;
use serde_json::json;
use sqlx::{Connection, PgConnection};

/// Raises an error when an event is written, as the server would.
fn failing_with(sqlstate: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION public.fails() RETURNS trigger LANGUAGE plpgsql AS
           $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{sqlstate}'; END$$;
         CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON phaseline.events FOR EACH ROW EXECUTE FUNCTION public.fails()"
    )
}

const WORKS_AGAIN: &str = "DROP TRIGGER fails ON phaseline.events";

async fn rename(fixture: &ServiceFixture, name: &str) -> HttpResponse {
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    fixture.patch(&path, &json!({ "name": name })).send().await
}

#[tokio::test]
async fn a_lock_that_blocks_every_command_is_reported_while_it_is_held() {
    let fixture = ServiceFixture::start().await;
    for (lock, what) in [
        ("SELECT 1 FROM phaseline.head FOR UPDATE", "phaseline.head"),
        ("LOCK TABLE phaseline.head IN ACCESS EXCLUSIVE MODE", "phaseline.head"),
        ("LOCK TABLE phaseline.events IN ACCESS EXCLUSIVE MODE", "phaseline.events"),
        ("LOCK TABLE phaseline.events IN SHARE MODE", "phaseline.events"),
        ("LOCK TABLE public.project_phases IN ACCESS EXCLUSIVE MODE", "public.project_phases"),
        ("LOCK TABLE public.projects IN ACCESS EXCLUSIVE MODE", "public.projects"),
    ] {
        let mut holder = PgConnection::connect(fixture.database.url()).await.unwrap();
        let mut transaction = holder.begin().await.unwrap();
        sqlx::raw_sql(lock).execute(&mut *transaction).await.unwrap();
        let response = fixture.service.client.get("/readyz").send().await.is(503).json();
        let found = &response["reasons"][0];
        assert_eq!(found["code"], "busy", "{lock}: {response}");
        assert!(found["message"].as_str().unwrap().contains(what), "{lock}: {response}");
        transaction.rollback().await.unwrap();
        fixture.service.client.get("/readyz").send().await.is(200);
    }
}

#[tokio::test]
async fn the_readiness_check_writes_nothing() {
    let fixture = ServiceFixture::start().await;
    fixture.service.client.get("/readyz").send().await.is(200);
    // A locked row keeps the id of the ended transaction.
    let locked = "SELECT count(*) FROM phaseline.head WHERE pg_xact_status(xmax::text::xid8) = 'committed'";
    assert_eq!(fixture.number(locked).await, 0);
    rename(&fixture, "Written").await.is(200);
    assert_eq!(fixture.number(locked).await, 1);
}

#[tokio::test]
async fn a_locked_row_of_one_project_leaves_the_service_ready() {
    let fixture = ServiceFixture::start().await;
    let mut holder = PgConnection::connect(fixture.database.url()).await.unwrap();
    let mut transaction = holder.begin().await.unwrap();
    let project = fixture.project().await;
    let lock = format!("SELECT 1 FROM project_phases WHERE project_id = '{project}' FOR UPDATE");
    sqlx::raw_sql(&lock).execute(&mut *transaction).await.unwrap();
    assert_eq!(rename(&fixture, "Held").await.is(503).json()["code"], "busy");
    fixture.service.client.get("/readyz").send().await.is(200);
}

/// Server errors reach the client and the health check under their own codes, until a command is
/// written.
#[tokio::test]
async fn missing_server_resources_are_reported_until_a_command_succeeds() {
    let fixture = ServiceFixture::start().await;
    fixture.service.client.get("/readyz").send().await.is(200);
    for (sqlstate, code, remedy) in [
        ("53100", "disk_full", "Free disk space"),
        ("53200", "out_of_resources", "nothing was written"),
        ("53400", "out_of_resources", "nothing was written"),
        ("58030", "out_of_resources", "nothing was written"),
        ("25006", "read_only", "primary"),
    ] {
        let events = fixture.events().await;
        fixture.sql(&failing_with(sqlstate)).await;
        let response = rename(&fixture, &format!("Lost {sqlstate}")).await.is(503);
        let problem = response.json();
        assert_eq!(problem["code"], code, "{sqlstate}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(remedy) && !detail.contains("extend file"), "{detail}");
        assert!(response.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert_eq!(reason(&fixture.service.client).await, code);
        assert_eq!(fixture.events().await, events);

        // Each command of a batch gets the same response.
        let project = fixture.project().await;
        let phases = fixture.phases(&project).await;
        let requests = phases.iter().map(|phase| {
            let path = format!("/phases/{}", phase["id"].as_str().unwrap());
            fixture.patch(&path, &json!({ "description": sqlstate })).send()
        });
        for response in futures_util::future::join_all(requests.collect::<Vec<_>>()).await {
            assert_eq!(response.is(503).json()["code"], code);
        }
        fixture.sql(WORKS_AGAIN).await;
        rename(&fixture, &format!("Made {sqlstate}")).await.is(200);
        becomes_ready(&fixture.service.client).await;
    }
}

#[tokio::test]
async fn a_function_that_is_missing_is_a_reason() {
    let fixture = ServiceFixture::start().await;
    fixture.sql("ALTER FUNCTION phaseline.append_event RENAME TO not_append_event").await;
    rename(&fixture, "Lost").await.is(500);
    assert_eq!(reason(&fixture.service.client).await, "commands_fail");
    fixture.sql("ALTER FUNCTION phaseline.not_append_event RENAME TO append_event").await;
    rename(&fixture, "Made").await.is(200);
    becomes_ready(&fixture.service.client).await;
    fixture.sql("DROP FUNCTION phaseline.command_obstacle").await;
    assert_eq!(reason(&fixture.service.client).await, "commands_fail");
    fixture.sql("TRUNCATE phaseline.head").await;
    assert_eq!(reason(&fixture.service.client).await, "log_damaged");
}
