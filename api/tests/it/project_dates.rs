//! The planner's own form changes a project's dates: all routes go by them.

use crate::fixture::{ServiceFixture, day, entry};
use serde_json::{Value, json};

/// A project with three phases, its dates, and its last phase.
async fn moved_project(fixture: &ServiceFixture, by: i64) -> (String, Value, String) {
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let end = day(&phases.last().unwrap()["end_date"], by);
    fixture.sql(&format!("UPDATE projects SET end_date = '{end}' WHERE id = '{project}'")).await;
    (project, phases.last().unwrap().clone(), end)
}

#[tokio::test]
async fn a_list_over_the_forms_dates_is_valid_in_every_route_and_saved() {
    for moves_row in [false, true] {
        let fixture = ServiceFixture::start().await;
        let (project, last, end) = moved_project(&fixture, 61).await;
        if moves_row {
            let id = last["id"].as_str().unwrap();
            fixture.sql(&format!("UPDATE project_phases SET end_date = '{end}' WHERE id = '{id}'")).await;
        }
        let timeline = format!("/projects/{project}/timeline");
        assert_eq!(fixture.get(&timeline).send().await.is(200).json()["end_date"], json!(end));
        let mut list = fixture.entries(&project).await;
        list.last_mut().unwrap()["end_date"] = json!(end);
        let validate = format!("/projects/{project}/phases/validate");
        let valid = fixture.post(&validate, &json!(list)).send().await.is(200).json();
        assert_eq!(valid["is_valid"], true, "{valid}");
        let preview = json!({ "replace": { "phases": list } });
        let previewed = fixture.post(&format!("{timeline}/preview"), &preview).send().await.is(200).json();
        assert_eq!(previewed["errors"], json!([]), "{previewed}");
        assert_eq!(
            previewed["before"].as_array().unwrap().last().unwrap()["end_date"],
            json!(end),
            "{previewed}"
        );
        let saved = fixture.batch(&project, &list).await.is(200).json();
        assert_eq!(saved.as_array().unwrap().last().unwrap()["end_date"], json!(end));
        let after = fixture.get(&timeline).send().await.is(200).json();
        assert_eq!((&after["end_date"], &after["phases"]), (&json!(end), &saved));
        let history =
            fixture.get(&format!("/projects/{project}/history?order=desc")).send().await.is(200).json();
        let sources: Vec<&str> = history["entries"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| entry["source"].as_str())
            .collect();
        assert!(sources.contains(&"planner"), "{history}");
        // Saved again, nothing is left to follow.
        let events = fixture.events().await;
        fixture.batch(&project, &list).await.is(200);
        assert_eq!(fixture.events().await, events);
    }
}

#[tokio::test]
async fn other_commands_follow_first_and_dates_out_of_reach_are_refused() {
    let fixture = ServiceFixture::start().await;
    let (project, last, end) = moved_project(&fixture, 10).await;
    let path = format!("/phases/{}", last["id"].as_str().unwrap());
    let renamed = fixture.patch(&path, &json!({ "name": "Delivery" })).send().await.is(200).json();
    assert_eq!((&renamed["phase"]["end_date"], &renamed["phase"]["name"]), (&json!(end), &json!("Delivery")));
    // The project ends before its last phase starts.
    let before = day(&last["start_date"], -1);
    fixture.sql(&format!("UPDATE projects SET end_date = '{before}' WHERE id = '{project}'")).await;
    let refused = fixture.patch(&path, &json!({ "name": "Build" })).send().await.is(422).json();
    let explained = |text: &Value| text.to_string().matches("save a complete list of phases").count();
    assert_eq!((explained(&refused["detail"]), explained(&refused["errors"])), (1, 1), "{refused}");
    let mut list: Vec<Value> = fixture.phases(&project).await.iter().map(entry).collect();
    list.pop();
    list.last_mut().unwrap()["end_date"] = json!(before);
    fixture.batch(&project, &list).await.is(200);
}

/// A client that has not seen the planner's dates must not overwrite them.
#[tokio::test]
async fn a_required_version_protects_dates_of_the_form() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/timeline");
    let seen = fixture.get(&path).send().await.is(200);
    let (tag, before) = (seen.header("etag").to_owned(), seen.json());
    let end = day(&before["end_date"], 30);
    fixture.sql(&format!("UPDATE projects SET end_date = '{end}' WHERE id = '{project}'")).await;
    let body = json!({ "start_date": before["start_date"], "end_date": day(&before["end_date"], 5) });
    let refused = fixture.put(&path, &body).header("If-Match", &tag).send().await.is(412);
    assert_eq!(
        refused.json()["current"]["phases"].as_array().unwrap().last().unwrap()["end_date"],
        json!(end)
    );
    let now = fixture.get(&path).send().await.is(200);
    assert_eq!(now.json()["end_date"], json!(end));
    assert_ne!(now.header("etag"), tag);
    // With the version that shows the planner's dates it is a decision.
    let tag = now.header("etag").to_owned();
    let after = fixture.put(&path, &body).header("If-Match", &tag).send().await.is(200).json();
    assert_eq!(after["end_date"], body["end_date"]);
}
