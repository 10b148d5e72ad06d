//! A timeline with an event that was altered behind the log's back accepts no commands; its history marks the event.

use crate::fixture::ServiceFixture;
use serde_json::json;

#[tokio::test]
async fn an_altered_event_is_marked_and_commands_are_refused() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let (victim, other) = (&projects[0], &projects[1]);
    let phase = fixture.phases(victim).await[0]["id"].as_str().unwrap().to_owned();
    let foreign = fixture.phases(other).await[0]["id"].as_str().unwrap().to_owned();
    let position = fixture
        .number(&format!(
            "SELECT min(position) FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{victim}'"
        ))
        .await;
    fixture
        .sql(&format!(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET metadata = '{{\"actor\":\"mallory\"}}' WHERE position = {position};
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
        ))
        .await;
    let events = fixture.events().await;
    let change = json!({ "change": { "phase_id": phase, "name": "after" } });
    for request in [
        fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "after" })),
        fixture.delete(&format!("/phases/{phase}")),
        fixture.post(&format!("/projects/{victim}/timeline/preview"), &change),
    ] {
        let problem = request.send().await.is(500).json();
        assert_eq!(
            (&problem["code"], &problem["type"]),
            (&json!("log_damaged"), &json!("/problems/log-damaged"))
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("position {position} of project {victim}")), "{detail}");
        assert!(detail.contains("phaseline verify"), "{detail}");
    }
    assert_eq!(fixture.events().await, events);
    let history = fixture.get(&format!("/projects/{victim}/history")).send().await.is(200).json();
    let marked: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry.get("altered").is_some())
        .map(|entry| (entry["position"].clone(), entry["altered"].clone()))
        .collect();
    assert_eq!(marked, [(json!(position), json!(true))]);
    // Other projects are not affected.
    fixture.patch(&format!("/phases/{foreign}"), &json!({ "name": "served" })).send().await.is(200);
}
