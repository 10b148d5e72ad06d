//! Timelines as they were, and what changed between two moments.

use crate::deleted_projects::delete;
use crate::fixture::{ServiceFixture, day};
use crate::service::{in_seconds, token};
use serde_json::{Value, json};
use uuid::Uuid;

/// The fields of phases that events have.
fn recorded(phases: &Value) -> Vec<Value> {
    let fields = ["id", "name", "start_date", "end_date", "description", "capital_budget", "total_budget"];
    let of = |phase: &Value| fields.iter().map(|field| phase[field].clone()).collect();
    phases.as_array().unwrap().iter().map(of).collect()
}

/// Changes a project by several commands, one of them with many events. Returns the timeline after each.
async fn edit(fixture: &ServiceFixture, project: &str) -> Vec<Value> {
    let path = format!("/projects/{project}/timeline");
    let mut states = Vec::new();
    let phases = fixture.phases(project).await;
    let first = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    let cut = json!({ "end_date": day(&phases[0]["end_date"], -5), "capital_budget": "1.00", "expense_budget": "2.50" });
    for body in [json!({ "name": "First" }), cut, json!({ "description": "why" })] {
        fixture.patch(&first, &body).header("Phaseline-Reason", "plan B").send().await.is(200);
        states.push(fixture.get(&path).send().await.is(200).json());
    }
    let last = format!("/phases/{}", phases.last().unwrap()["id"].as_str().unwrap());
    fixture.delete(&last).send().await.is(200);
    states.push(fixture.get(&path).send().await.is(200).json());
    states
}

#[tokio::test]
async fn a_timeline_is_returned_as_it_was_after_each_command() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/timeline");
    let before = fixture.get(&path).send().await.is(200).json();
    let states = edit(&fixture, &project).await;
    for state in [&before].into_iter().chain(&states) {
        let position = state["position"].as_i64().unwrap();
        let response = fixture.get(&format!("{path}?at={position}")).send().await.is(200);
        let past = response.json();
        assert_eq!(recorded(&past["phases"]), recorded(&state["phases"]));
        for field in ["version", "position", "start_date", "end_date", "project_id"] {
            assert_eq!(past[field], state[field], "{field}");
        }
        assert_eq!((&past["exists"], past["phases"][0].get("assignment_count")), (&json!(true), None));
        assert_eq!(response.header("etag"), format!("\"{}\"", state["version"]));
        assert_eq!(response.header("cache-control"), "private, max-age=31536000, immutable");
        let at = response.header("phaseline-at").to_owned();
        assert_eq!(response.header("link"), format!("</api/v1{path}?at={at}>; rel=\"canonical\""));
        // Its time leads to the same commands, and to the same link.
        let as_of = past["moment"]["recorded_at"].as_str().unwrap().to_owned();
        let by_time = fixture.get(&format!("{path}?as_of={as_of}")).send().await.is(200);
        assert_eq!(by_time.json(), past);
        assert_eq!(by_time.header("link"), response.header("link"));
        assert_eq!(by_time.header("cache-control"), "private, no-cache");
    }
    // A position inside a command means its end.
    let cut = &states[1];
    let position = cut["position"].as_i64().unwrap();
    let inside = fixture.get(&format!("{path}?at={}", position - 1)).send().await.is(200);
    assert_eq!(inside.header("phaseline-at"), position.to_string());
    assert_eq!(inside.json()["phases"][0]["end_date"], cut["phases"][0]["end_date"]);
}

/// The begin of a run is committed, and read, before its work: it must stay the end of what was recorded until then.
#[tokio::test]
async fn the_begin_of_a_run_is_a_moment_of_its_own() {
    let fixture = ServiceFixture::start().await;
    let of = |event_type: &str| {
        format!("SELECT min(position) FROM phaseline.events WHERE event_type = '{event_type}'")
    };
    let begun = fixture.number(&of("RunStarted")).await;
    let ended = fixture.number(&of("MigrationCompleted")).await;
    assert!(begun + 1 < ended);
    for (asked, found) in [(begun, begun), (begun + 1, ended), (ended, ended)] {
        let list = fixture.get(&format!("/timelines?at={asked}")).send().await.is(200);
        assert_eq!(list.header("phaseline-at"), found.to_string(), "{asked}");
    }
}

#[tokio::test]
async fn moments_outside_of_the_log_are_explained() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/timeline");
    let ask = async |query: &str| fixture.get(&format!("{path}?{query}")).send().await;
    let empty = ask("as_of=2001-01-01T00:00:00Z").await.is(200).json();
    assert_eq!(
        (&empty["exists"], &empty["phases"], &empty["version"]),
        (&json!(false), &json!([]), &json!(0))
    );
    assert_eq!(empty["moment"], json!({ "position": 0, "recorded_at": null }));
    assert_eq!(ask("at=0").await.is(200).json(), empty);
    assert_eq!(ask("as_of=2999-01-01T00:00:00Z").await.is(422).json()["code"], "in_the_future");
    assert_eq!(ask("at=999999999").await.is(422).json()["code"], "no_such_position");
    for (query, named) in [
        ("as_of=2026-01-31", "2026-01-31T23:59:59Z"),
        ("as_of=2026-01-31T12:00:00", "each time zone"),
        ("at=-1", "whole number"),
        ("at=x", "whole number"),
        ("at=1&as_of=2026-01-31T12:00:00Z", "one of them"),
        ("asof=1", "\"as_of\""),
    ] {
        let refused = ask(query).await.is(400).json();
        assert!(refused["detail"].as_str().unwrap().contains(named), "{query}: {refused}");
    }
    let unknown = Uuid::new_v4();
    fixture.get(&format!("/projects/{unknown}/timeline?at=1")).send().await.is(404);
    fixture.get(&format!("/projects/{unknown}/diff")).send().await.is(404);
}

#[tokio::test]
async fn the_past_needs_its_scope_and_the_project() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let with = |scope: &str, project: &str| {
        token(&json!({ "sub": "ada", "exp": in_seconds(600), "scope": scope, "projects": [project] }))
    };
    let (reads, knows) = (with("phases:read", &projects[0]), with("history:read", &projects[0]));
    for (token, path, status) in [
        (&reads, format!("/projects/{}/timeline", projects[0]), 200),
        (&reads, format!("/projects/{}/timeline?at=1", projects[0]), 403),
        (&reads, format!("/projects/{}/diff", projects[0]), 403),
        (&knows, format!("/projects/{}/timeline", projects[0]), 403),
        (&knows, format!("/projects/{}/timeline?at=1", projects[0]), 200),
        (&knows, format!("/projects/{}/diff", projects[0]), 200),
        (&knows, format!("/projects/{}/timeline?at=1", projects[1]), 403),
        (&knows, format!("/projects/{}/timeline?at=x", projects[1]), 403),
        (&knows, format!("/projects/{}/diff", projects[1]), 403),
    ] {
        let request = fixture.service.client.get(&format!("/api/v1{path}")).bearer(token);
        request.send().await.is(status);
    }
}

#[tokio::test]
async fn a_difference_names_phases_days_money_and_who_did_it() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let first = fixture.phases(&project).await.swap_remove(0);
    let extra =
        json!({ "name": "Extra", "start_date": day(&first["end_date"], -20), "end_date": first["end_date"] });
    fixture.post(&format!("/projects/{project}/phases"), &extra).send().await.is(201);
    let before = fixture.get(&format!("/projects/{project}/timeline")).send().await.is(200).json();
    let states = edit(&fixture, &project).await;
    let after = states.last().unwrap();
    let (from, to) = (before["position"].as_i64().unwrap(), after["position"].as_i64().unwrap());
    let path = format!("/projects/{project}/diff");
    let diff = fixture.get(&format!("{path}?from={from}&to={to}")).send().await.is(200).json();
    assert_eq!((&diff["status"], &diff["to"]["position"]), (&json!("changed"), &json!(to)));
    assert_eq!(
        (&diff["before"]["version"], &diff["after"]["version"]),
        (&before["version"], &after["version"])
    );
    let phases = diff["phases"].as_array().unwrap();
    let first = &phases[0];
    assert_eq!(
        (&first["status"], &first["moved_days"]),
        (&json!("changed"), &json!({ "start": 0, "end": -5 }))
    );
    let changed: Vec<&str> =
        first["changes"].as_array().unwrap().iter().map(|change| change["field"].as_str().unwrap()).collect();
    assert_eq!(
        changed,
        ["name", "end_date", "description", "capital_budget", "expense_budget", "total_budget"]
    );
    assert_eq!(first["changes"][3]["after"], "1.00");
    assert!(first["events"].as_array().unwrap().len() >= 4, "{first}");
    assert!(
        first["events"]
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["actor"] == "ada" && event["reason"] == "plan B")
    );
    let removed = phases.iter().find(|phase| phase["status"] == "removed").unwrap();
    assert_eq!(removed["phase_id"], before["phases"].as_array().unwrap().last().unwrap()["id"]);
    assert_eq!(removed["events"].as_array().unwrap().len(), 1);
    // The ends of the log are the defaults, and nothing changes between a moment and itself.
    let whole = fixture.get(&path).send().await.is(200).json();
    assert_eq!((&whole["from"]["position"], &whole["status"]), (&json!(0), &json!("added")));
    assert_eq!(whole["to"]["position"], diff["to"]["position"]);
    let same = fixture.get(&format!("{path}?from={to}&to={to}")).send().await.is(200).json();
    assert_eq!(same["status"], "unchanged");
    assert!(same["phases"].as_array().unwrap().iter().all(|phase| phase["changes"] == json!([])));
    let refused = fixture.get(&format!("{path}?from={to}&to={from}")).send().await.is(400).json();
    assert!(refused["detail"].as_str().unwrap().contains("exchange them"), "{refused}");
}

#[tokio::test]
async fn a_deleted_project_is_there_at_the_earlier_moment() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/timeline");
    let before = fixture.get(&path).send().await.is(200).json();
    let position = before["position"].as_i64().unwrap();
    delete(&fixture, &project).await;
    // A command to it closes its timeline.
    fixture.put(&path, &json!({ "start_date": "2030-01-01", "end_date": "2030-02-01" })).send().await.is(404);
    let past = fixture.get(&format!("{path}?at={position}")).send().await.is(200).json();
    assert_eq!(recorded(&past["phases"]), recorded(&before["phases"]));
    let diff = fixture.get(&format!("/projects/{project}/diff?from={position}")).send().await.is(200).json();
    assert_eq!((&diff["status"], &diff["after"]["exists"]), (&json!("removed"), &json!(false)));
    assert!(diff["phases"].as_array().unwrap().iter().all(|phase| phase["status"] == "removed"));
}
