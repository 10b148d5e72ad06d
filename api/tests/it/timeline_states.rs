//! Services make timeline states behind their writers.

use crate::fixture::ServiceFixture;
use crate::service::{Service, settings};
use phaseline_api::settings::Settings;
use std::time::{Duration, Instant};

#[tokio::test]
async fn two_services_make_the_states_that_are_due_unless_it_is_off() {
    let fixture = ServiceFixture::start().await;
    // Its own service has the task off.
    let project = &fixture.projects(1).await[0];
    let phase = fixture
        .text(&format!("SELECT id::text FROM project_phases WHERE project_id = '{project}' LIMIT 1"))
        .await;
    for n in 0..20 {
        let body = serde_json::json!({ "name": format!("Name {n}") });
        fixture.patch(&format!("/phases/{phase}"), &body).send().await.is(200);
    }
    let states = "SELECT count(*) FROM phaseline.timeline_states";
    assert_eq!(fixture.number(states).await, 0);
    let often = Settings { states_interval: Some(Duration::from_millis(5)), ..settings() };
    let _one = Service::over(&fixture.database, often.clone()).await;
    let _other = Service::over(&fixture.database, often).await;
    let due = "SELECT count(*) FROM phaseline.events WHERE stream_type = 'Timeline' AND version % 8 = 0";
    let due = fixture.number(due).await;
    assert!(due >= 2);
    // The limit allows for slow machines.
    let patience = Instant::now() + Duration::from_secs(60);
    while fixture.number(states).await < due {
        assert!(Instant::now() < patience, "not made within 60 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
