//! Commands that wait behind a lock.

use crate::fixture::ServiceFixture;
use crate::service::{Service, settings};
use phaseline_api::settings::Settings;
use phaseline_tests::http::HttpResponse;
use serde_json::json;
use std::time::{Duration, Instant};

/// Renames the first phase of each project; all at once.
async fn rename_all(fixture: &ServiceFixture, phases: &[String]) -> Vec<(HttpResponse, Duration)> {
    let mut requests = Vec::new();
    for (n, phase) in phases.iter().enumerate() {
        let (client, token) = (fixture.service.client.clone(), fixture.token.clone());
        let (path, body) = (format!("/api/v1/phases/{phase}"), json!({ "name": format!("Later {n}") }));
        requests.push(tokio::spawn(async move {
            let began = Instant::now();
            let response = client.patch(&path).bearer(&token).json(&body).send().await;
            (response, began.elapsed())
        }));
    }
    let mut responses = Vec::new();
    for request in requests {
        responses.push(request.await.unwrap());
    }
    responses
}

async fn first_phases(fixture: &ServiceFixture) -> Vec<String> {
    let mut phases = Vec::new();
    for project in fixture.projects(1).await {
        phases.push(fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned());
    }
    phases
}

#[tokio::test]
async fn queued_commands_wait_for_the_head_at_most_twice() {
    let fixture = ServiceFixture::start().await;
    let service =
        Service::over(&fixture.database, Settings { lock_timeout: Duration::from_secs(2), ..settings() })
            .await;
    let fixture = ServiceFixture { service, ..fixture };
    let phases = first_phases(&fixture).await;
    assert!(phases.len() >= 6, "commands for several projects");
    let mut holder = fixture.admin().await;
    sqlx::raw_sql("BEGIN; SELECT FROM phaseline.head FOR UPDATE").execute(&mut holder).await.unwrap();
    let alone = rename_all(&fixture, &phases[..1]).await;
    let (response, alone) = alone.into_iter().next().unwrap();
    assert_eq!(response.is(503).json()["code"], "busy");
    let requests: Vec<String> = phases.iter().cycle().take(24).cloned().collect();
    for (response, took) in rename_all(&fixture, &requests).await {
        assert_eq!(response.is(503).json()["code"], "busy");
        // One after the other they would have waited 24 times.
        assert!(took < alone * 4, "{took:?}, where one alone takes {alone:?}");
    }
}

#[tokio::test]
async fn a_command_timed_out_in_the_queue_is_not_executed_later() {
    let fixture = ServiceFixture::start().await;
    let quick = Settings { request_timeout: Duration::from_secs(1), ..settings() };
    let service = Service::over(&fixture.database, quick).await;
    let fixture = ServiceFixture { service, ..fixture };
    let phases = first_phases(&fixture).await;
    let (table, events) = (fixture.table().await, fixture.events().await);
    let mut holder = fixture.admin().await;
    sqlx::raw_sql("BEGIN; SELECT FROM phaseline.head FOR UPDATE").execute(&mut holder).await.unwrap();
    for (response, _) in rename_all(&fixture, &phases).await {
        response.is(503);
    }
    sqlx::raw_sql("COMMIT").execute(&mut holder).await.unwrap();
    // Commands that are still in the queue are executed before this one.
    let mut done = false;
    for _ in 0..50 {
        let body = json!({ "name": "The only one" });
        done = fixture.patch(&format!("/phases/{}", phases[0]), &body).send().await.status == 200;
        if done {
            break;
        }
    }
    assert!(done);
    assert_eq!(fixture.events().await, events + 1);
    assert!(!fixture.table().await.contains("Later") && fixture.table().await != table);
}

#[tokio::test]
async fn a_row_that_is_held_refuses_its_own_command_only() {
    let fixture = ServiceFixture::start().await;
    let phases = first_phases(&fixture).await;
    let mut holder = fixture.admin().await;
    let hold = format!("BEGIN; SELECT FROM project_phases WHERE id = '{}' FOR UPDATE", phases[0]);
    sqlx::raw_sql(&hold).execute(&mut holder).await.unwrap();
    let responses = rename_all(&fixture, &phases).await;
    let statuses: Vec<u16> = responses.iter().map(|(response, _)| response.status).collect();
    assert_eq!(statuses[0], 503);
    assert!(statuses[1..].iter().all(|status| *status == 200), "{statuses:?}");
}
