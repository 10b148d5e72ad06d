//! A project that the planner deletes: its timeline is closed by the sweep of a service, or by the next command to it.

use crate::fixture::ServiceFixture;
use crate::service::{Service, settings};
use phaseline_api::settings::Settings;
use serde_json::json;
use std::time::{Duration, Instant};

/// Deletes a project with all rows that refer to it, as the planner does.
pub(crate) async fn delete(fixture: &ServiceFixture, project: &str) {
    fixture
        .sql(&format!(
            "BEGIN;
             DELETE FROM actuals WHERE resource_assignment_id IN
                (SELECT id FROM resource_assignments WHERE project_id = '{project}');
             DELETE FROM resource_assignments WHERE project_id = '{project}';
             DELETE FROM project_phases WHERE project_id = '{project}';
             DELETE FROM projects WHERE id = '{project}';
             COMMIT"
        ))
        .await;
}

/// The events that close a timeline, with their metadata.
async fn closings(fixture: &ServiceFixture, project: &str) -> Vec<String> {
    let closings = fixture
        .text(&format!(
            "SELECT coalesce(string_agg(metadata::text, '|'), '') FROM phaseline.events
              WHERE stream_id = '{project}' AND event_type = 'TimelineClosed'"
        ))
        .await;
    closings.split('|').filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// Waits until the timeline is closed; the limit allows for slow machines.
async fn closed(fixture: &ServiceFixture, project: &str) -> Vec<String> {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let found = closings(fixture, project).await;
        if !found.is_empty() {
            return found;
        }
        assert!(Instant::now() < patience, "not closed within 60 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn two_sweeping_services_close_a_deleted_projects_timeline_once() {
    let fixture = ServiceFixture::start().await;
    let sweeping = Settings { sweep_interval: Duration::from_millis(5), ..settings() };
    let _one = Service::over(&fixture.database, sweeping.clone()).await;
    let _other = Service::over(&fixture.database, sweeping).await;
    let projects = fixture.projects(1).await;
    for project in projects.iter().take(3) {
        // Each service has the timeline in its cache.
        fixture.phases(project).await;
        delete(&fixture, project).await;
        let metadata = closed(&fixture, project).await;
        assert_eq!(
            metadata,
            [r#"{"reason":"the planner deleted the project","source":"planner"}"#],
            "once, without an actor"
        );
        fixture.get(&format!("/projects/{project}/phases")).send().await.is(404);
    }
    // The others stay open. So does the one whose project is gone but has rows: that is drift.
    let stays = &projects[3];
    fixture
        .sql(&format!("SET session_replication_role = replica; DELETE FROM projects WHERE id = '{stays}'"))
        .await;
    let last = &projects[0];
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(closings(&fixture, stays).await, Vec::<String>::new());
    assert_eq!(closings(&fixture, last).await.len(), 1);
    let all = "SELECT count(*) FROM phaseline.events WHERE event_type = 'TimelineClosed'";
    assert_eq!(fixture.number(all).await, 3);
}

#[tokio::test]
async fn a_command_to_a_deleted_project_closes_its_timeline() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let (first, second) = (&projects[0], &projects[1]);
    let user = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let entries = fixture.entries(first).await;
    let range = fixture.get(&format!("/projects/{second}/timeline")).send().await.is(200).json();
    let new = json!({
        "name": "New", "start_date": range["start_date"], "end_date": range["start_date"],
        "capital_budget": "0", "expense_budget": "0", "total_budget": "0",
    });
    fixture
        .sql(&format!(
            "CREATE TABLE audit_logs (user_id uuid NOT NULL, entity_type varchar(100) NOT NULL, entity_id uuid NOT NULL,
                operation varchar(50) NOT NULL, before_values jsonb, after_values jsonb, id uuid NOT NULL,
                created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
             INSERT INTO audit_logs (user_id, entity_type, entity_id, operation, id, created_at, updated_at)
             VALUES ('{user}', 'Project', '{first}', 'DELETE', gen_random_uuid(), '2026-03-04 05:06:07', now())"
        ))
        .await;
    delete(&fixture, first).await;
    delete(&fixture, second).await;
    let response = fixture.batch(first, &entries).await.is(404);
    assert_eq!(response.json()["detail"], format!("Project with ID {first} not found"));
    assert_eq!(
        closings(&fixture, first).await,
        [format!(
            r#"{{"actor":"{user}","reason":"the planner deleted the project at 2026-03-04T05:06:07Z","source":"planner"}}"#
        )]
    );
    fixture.post(&format!("/projects/{second}/phases"), &new).send().await.is(404);
    assert_eq!(closings(&fixture, second).await.len(), 1);
    // Later ones find it closed.
    fixture.post(&format!("/projects/{second}/phases"), &new).send().await.is(404);
    fixture.batch(first, &entries).await.is(404);
    assert_eq!(closings(&fixture, first).await.len() + closings(&fixture, second).await.len(), 2);
}

#[tokio::test]
async fn a_project_that_is_created_again_is_adopted_again() {
    let fixture = ServiceFixture::start().await;
    let (project, other) = {
        let mut projects = fixture.projects(2).await;
        (projects.swap_remove(0), projects.swap_remove(0))
    };
    let entries = fixture.entries(&project).await;
    delete(&fixture, &project).await;
    fixture.batch(&project, &entries).await.is(404);
    fixture.copy_project(&other, &project).await;
    let mut entries = fixture.entries(&project).await;
    entries[0]["name"] = "Back".into();
    fixture.batch(&project, &entries).await.is(200);
    let types = fixture
        .text(&format!(
            "SELECT string_agg(event_type, ' ' ORDER BY version) FROM phaseline.events WHERE stream_id = '{project}'"
        ))
        .await;
    assert!(types.contains("TimelineClosed TimelineOpened PhaseAdopted"), "{types}");
}
