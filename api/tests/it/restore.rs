//! The route that restores an earlier timeline.

use crate::fixture::{ServiceFixture, day};
use serde_json::{Value, json};
use uuid::Uuid;

const TIP: &str = "SELECT max(position) FROM phaseline.events";

/// The members of phases that a restore brings back.
fn values(phases: &[Value]) -> Vec<Value> {
    let members = ["id", "name", "start_date", "end_date", "description", "capital_budget", "expense_budget"];
    phases.iter().map(|phase| members.iter().map(|name| phase[name].clone()).collect()).collect()
}

/// A project whose first phase was renamed and then removed since the position; its phases then, and the version now.
async fn changed(fixture: &ServiceFixture) -> (String, i64, Vec<Value>, String) {
    let project = fixture.project().await;
    let (phases, at) = (fixture.phases(&project).await, fixture.number(TIP).await);
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    fixture.patch(&path, &json!({ "name": "Preparation" })).send().await.is(200);
    let version = fixture.delete(&path).send().await.is(200).header("etag").to_owned();
    (project, at, phases, version)
}

#[tokio::test]
async fn a_removed_phase_comes_back_under_its_id_by_one_command() {
    let fixture = ServiceFixture::start().await;
    let (project, at, phases, version) = changed(&fixture).await;
    let path = format!("/projects/{project}/timeline/restore");
    let body = json!({ "to": at });
    let events = fixture.events().await;
    let preview = format!("/projects/{project}/timeline/preview");
    let preview = fixture.post(&preview, &json!({ "restore": body })).send().await.is(200).json();
    assert_eq!(preview["valid"], true, "{preview}");
    assert_eq!(values(preview["after"].as_array().unwrap()), values(&phases));
    assert_eq!(fixture.events().await, events, "a preview writes nothing");

    fixture.post(&path, &body).header("If-Match", "\"1\"").send().await.is(412);
    let request = || {
        let request = fixture.post(&path, &body).header("If-Match", &version);
        request.header("Idempotency-Key", "back").header("Phaseline-Reason", "wrong phase")
    };
    let restored = request().send().await.is(200);
    let found = restored.json();
    assert_eq!((&found["restored_from"], &found["changed"]), (&json!(at), &json!(true)));
    assert_eq!(values(found["phases"].as_array().unwrap()), values(&phases));
    assert_eq!(values(&fixture.phases(&project).await), values(&phases));
    let history = fixture.get(&format!("/projects/{project}/history?order=desc&limit=2")).send().await;
    let history = history.is(200).json();
    for entry in history["entries"].as_array().unwrap() {
        let recorded = (&entry["restored_from"], &entry["reason"], &entry["command_id"]);
        let command = &history["entries"][0]["command_id"];
        assert_eq!(recorded, (&json!(at.to_string()), &json!("wrong phase"), command), "{entry}");
    }

    let events = fixture.events().await;
    let again = request().send().await.is(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), found);
    let unchanged = fixture.post(&path, &body).send().await.is(200);
    assert_eq!(unchanged.json()["changed"], false);
    assert_eq!(unchanged.header("etag"), restored.header("etag"));
    assert_eq!(fixture.events().await, events, "nothing is written twice");
}

#[tokio::test]
async fn dates_of_the_project_change_by_choice_only() {
    let fixture = ServiceFixture::start().await;
    let (project, at, phases, _) = changed(&fixture).await;
    let timeline = format!("/projects/{project}/timeline");
    let before = fixture.get(&timeline).send().await.is(200).json();
    let (start, end, later) = (&before["start_date"], &before["end_date"], day(&before["end_date"], 9));
    fixture.put(&timeline, &json!({ "start_date": start, "end_date": later })).send().await.is(200);
    let path = format!("{timeline}/restore");
    let events = fixture.events().await;
    let refused = fixture.post(&path, &json!({ "to": at })).send().await.is(422).json();
    let (error, message) = (&refused["errors"][0], refused["errors"][0]["message"].as_str().unwrap());
    assert_eq!(
        (&error["rule"], refused["errors"].as_array().unwrap().len()),
        (&json!("V27"), 1),
        "{refused}"
    );
    for part in [start.as_str().unwrap(), end.as_str().unwrap(), &later, "with_project_days: true"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(fixture.events().await, events);
    let body = json!({ "to": at, "with_project_days": true });
    let restored = fixture.post(&path, &body).send().await.is(200).json();
    assert_eq!((&restored["start_date"], &restored["end_date"]), (start, end));
    assert_eq!(values(&fixture.phases(&project).await), values(&phases));
}

/// The client has not seen the dates, so a restore of others needs another look.
#[tokio::test]
async fn dates_that_the_planner_gave_meanwhile_make_a_version_stale() {
    let fixture = ServiceFixture::start().await;
    let (project, at, _, version) = changed(&fixture).await;
    fixture.sql(&format!("UPDATE projects SET end_date = end_date + 5 WHERE id = '{project}'")).await;
    let path = format!("/projects/{project}/timeline/restore");
    let body = json!({ "to": at, "with_project_days": true });
    fixture.post(&path, &body).header("If-Match", &version).send().await.is(412);
    fixture.post(&path, &body).send().await.is(200);
}

#[tokio::test]
async fn a_position_without_an_open_timeline_is_refused() {
    let fixture = ServiceFixture::start().await;
    let (project, at, _, _) = changed(&fixture).await;
    let path = format!("/projects/{project}/timeline/restore");
    let events = fixture.events().await;
    for (to, code) in [(1, "no_earlier_timeline"), (fixture.number(TIP).await + 1, "no_such_position")] {
        let refused = fixture.post(&path, &json!({ "to": to })).send().await.is(422).json();
        assert_eq!(refused["code"], code, "{refused}");
    }
    for body in [
        json!({}),
        json!({ "to": 0 }),
        json!({ "to": "4711" }),
        json!({ "to": at, "with_project_days": "yes" }),
        json!({ "to": at, "reason": "in the header" }),
    ] {
        let refused = fixture.post(&path, &body).send().await.is(422).json();
        assert_eq!(refused["errors"].as_array().unwrap().len(), 1, "{refused}");
    }
    let missing = format!("/projects/{}/timeline/restore", Uuid::new_v4());
    fixture.post(&missing, &json!({ "to": at })).send().await.is(404);
    assert_eq!(fixture.events().await, events);
}
