//! One phase at a time: create, change, remove, and the order.

use crate::fixture::{ServiceFixture, day};
use serde_json::{Value, json};
use uuid::Uuid;

fn id(phase: &Value) -> &str {
    phase["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_new_phase_takes_its_days_from_its_neighbours() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let before = fixture.phases(&project).await;
    let start = day(&before[1]["start_date"], -2);
    let body = json!({ "name": "Review", "start_date": start, "end_date": day(&json!(start), 4),
        "capital_budget": "10.50", "expense_budget": "1" });
    let response = fixture.post(&format!("/projects/{project}/phases"), &body).send().await.is(201);
    let changed = response.json();
    assert_eq!(response.header("location"), format!("/api/v1/phases/{}", id(&changed["phase"])));
    assert_eq!(changed["phase"]["total_budget"], "11.50");
    assert_eq!(response.header("etag"), format!("\"{}\"", changed["phase"]["version"]));
    assert_eq!(fixture.phases(&project).await, *changed["phases"].as_array().unwrap());
    let found =
        fixture.service.client.get(response.header("location")).bearer(&fixture.token).send().await.is(200);
    assert_eq!(found.json(), changed["phase"]);
    assert_eq!(changed["phases"][0]["end_date"], day(&json!(start), -1));

    let stay = json!({ "name": "X", "start_date": start, "end_date": start, "neighbours": "refuse" });
    let refused = fixture.post(&format!("/projects/{project}/phases"), &stay).send().await.is(422);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let refused = refused.json();
    assert_eq!((&refused["code"], &refused["errors"][0]["rule"]), (&json!("rule"), &json!("V5")));
    assert_eq!(refused["errors"][0]["phase_id"], Value::Null);
}

#[tokio::test]
async fn a_refused_overlap_has_what_to_do_first() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = &fixture.phases(&project).await[0];
    let (start, end) = (day(&phase["start_date"], 1), day(&phase["end_date"], -1));
    let body = json!({ "name": "Middle", "start_date": start, "end_date": end });
    let problem = fixture.post(&format!("/projects/{project}/phases"), &body).send().await.is(422).json();
    let detail = problem["detail"].as_str().unwrap();
    let shorter = format!("first shorten it to {} to {end}", phase["start_date"].as_str().unwrap());
    assert!(detail.contains("cannot be split; ") && detail.ends_with(&shorter), "{problem}");
    assert_eq!(problem["errors"][0]["message"], problem["detail"]);
}

#[tokio::test]
async fn money_is_text_on_our_own_routes() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = &fixture.phases(&project).await[0];
    let new = json!({ "name": "X", "start_date": phase["end_date"], "end_date": phase["end_date"], "expense_budget": 0.3 });
    let routes = [
        fixture.post(&format!("/projects/{project}/phases"), &new),
        fixture.patch(&format!("/phases/{}", id(phase)), &json!({ "expense_budget": 0.3 })),
    ];
    for route in routes {
        let refused = route.send().await.is(422).json();
        assert_eq!(refused["errors"][0]["field"], "expense_budget");
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains("\"50000.00\""), "{refused}");
    }
}

/// A chosen id may belong, or have belonged, to another project: the log would then have one phase in two timelines.
#[tokio::test]
async fn a_client_cannot_choose_the_id_of_a_phase() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let own = fixture.phases(&projects[0]).await;
    let foreign = fixture.phases(&projects[1]).await;
    let (table, events) = (fixture.table().await, fixture.events().await);
    let start = day(&own[0]["start_date"], 1);
    for chosen in [id(&own[0]), id(&foreign[0])] {
        let body = json!({ "id": chosen, "name": "Copy", "start_date": start, "end_date": start });
        let refused =
            fixture.post(&format!("/projects/{}/phases", projects[0]), &body).send().await.is(422).json();
        assert_eq!(refused["errors"][0]["field"], "id", "{refused}");
    }
    assert_eq!((fixture.table().await, fixture.events().await), (table, events));
}

/// If a constraint, trigger or misplaced row of another program refuses a change, the response is a conflict, not an internal error.
#[tokio::test]
async fn a_refusal_of_the_database_is_a_conflict_and_changes_nothing() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let phases = fixture.phases(&projects[0]).await;
    let path = format!("/phases/{}", id(&phases[0]));
    fixture.get(&path).send().await.is(200);
    fixture.patch(&path, &json!({ "name": "Seen" })).send().await.is(200);
    fixture.sql("CREATE UNIQUE INDEX own_rule ON project_phases (project_id, name)").await;
    let same = json!({ "name": phases[1]["name"] });
    let refused = fixture.patch(&path, &same).send().await.is(409).json();
    assert_eq!(refused["code"], "refused_by_database", "{refused}");
    fixture.sql("DROP INDEX own_rule").await;
    fixture.sql(&format!("CREATE TABLE own_notes (phase_id uuid REFERENCES project_phases (id)); INSERT INTO own_notes VALUES ('{}')", id(&phases[0]))).await;
    assert_eq!(fixture.delete(&path).send().await.is(409).json()["code"], "refused_by_database");
    fixture.sql("DROP TABLE own_notes").await;
    fixture
        .sql(&format!(
            "UPDATE project_phases SET project_id = '{}' WHERE id = '{}'",
            projects[1],
            id(&phases[0])
        ))
        .await;
    let events = fixture.events().await;
    assert_eq!(fixture.patch(&path, &json!({ "name": "x" })).send().await.is(409).json()["code"], "drifted");
    assert_eq!(fixture.events().await, events);
}

#[tokio::test]
async fn a_change_writes_all_of_its_fields_or_none() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let before = fixture.phases(&project).await;
    let path = format!("/phases/{}", id(&before[0]));
    let end = day(&before[0]["end_date"], -3);
    let body = json!({ "description": "What it is for", "end_date": end, "capital_budget": "7" });
    let changed = fixture.patch(&path, &body).send().await.is(200).json();
    assert_eq!(changed["phase"]["name"], before[0]["name"]);
    assert_eq!(changed["phase"]["description"], "What it is for");
    assert_eq!(changed["phase"]["capital_budget"], "7.00");
    assert_eq!(changed["phase"]["expense_budget"], before[0]["expense_budget"]);
    assert_eq!(changed["phases"][1]["start_date"], day(&json!(end), 1));
    assert_eq!(fixture.phases(&project).await, *changed["phases"].as_array().unwrap());
    let changed = fixture.patch(&path, &json!({ "description": null })).send().await.is(200).json();
    assert_eq!(changed["phase"]["description"], Value::Null);

    let events = fixture.events().await;
    let wrong =
        json!({ "name": "", "start_date": day(&before[0]["start_date"], 1), "total_budget": "0.001" });
    let refused = fixture.patch(&path, &wrong).send().await.is(422).json();
    let rules: Vec<&str> =
        refused["errors"].as_array().unwrap().iter().map(|error| error["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["V2", "V6", "V11", "V12"]);
    let misspelt = fixture.patch(&path, &json!({ "nmae": "A", "name": null })).send().await.is(422).json();
    let fields: Vec<&str> =
        misspelt["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["nmae", "name"]);
    assert_eq!(fixture.events().await, events);
}

#[tokio::test]
async fn a_removed_phase_leaves_its_dates_to_a_neighbour() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let before = fixture.phases(&project).await;
    let path = format!("/phases/{}", id(&before[1]));
    let refused = fixture.delete(&format!("{path}?neighbours=refuse")).send().await.is(422).json();
    assert_eq!(refused["errors"][0]["rule"], "V15");
    fixture.delete(&format!("{path}?neighbours=maybe")).send().await.is(400);
    let left = fixture.delete(&path).send().await.is(200).json();
    assert_eq!(left["phases"][0]["end_date"], before[1]["end_date"]);
    assert_eq!(fixture.phases(&project).await, *left["phases"].as_array().unwrap());
    for response in [
        fixture.get(&path).send().await,
        fixture.delete(&path).send().await,
        fixture.patch(&path, &json!({ "name": "A" })).send().await,
    ] {
        response.is(404);
    }
}

#[tokio::test]
async fn phases_change_places_and_keep_their_lengths() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let before = fixture.phases(&project).await;
    let order: Vec<&Value> = before.iter().rev().map(|phase| &phase["id"]).collect();
    let path = format!("/projects/{project}/phases/reorder");
    let changed = fixture.post(&path, &json!({ "phases": order })).send().await.is(200).json();
    let ids: Vec<&Value> = changed["phases"].as_array().unwrap().iter().map(|phase| &phase["id"]).collect();
    assert_eq!(ids, order);
    assert_eq!(fixture.phases(&project).await, *changed["phases"].as_array().unwrap());
    let refused = fixture.post(&path, &json!({ "phases": [order[0]] })).send().await.is(422).json();
    assert_eq!(refused["errors"][0]["rule"], "V25");
    let refused =
        fixture.post(&path, &json!({ "phases": [order[0], order[1], Uuid::new_v4()] })).send().await.is(422);
    assert_eq!(refused.json()["errors"][0]["rule"], "V18");
}

#[tokio::test]
async fn a_request_with_another_version_changes_nothing() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let before = fixture.get(&format!("/projects/{project}/phases")).send().await;
    let tag = before.header("etag").to_owned();
    let phase = before.json()[0].clone();
    let path = format!("/phases/{}", id(&phase));
    let change = |name: &str| json!({ "name": name });
    fixture.patch(&path, &change("First")).header("If-Match", &tag).send().await.is(200);
    let late = fixture.patch(&path, &change("Second")).header("If-Match", &tag).send().await.is(412);
    assert_ne!(late.header("etag"), tag);
    let late_tag = late.header("etag").to_owned();
    let late = late.json();
    assert_eq!(late["code"], "version_conflict");
    assert_eq!(late["current"]["phases"][0]["name"], "First");
    assert_eq!(late["attempted"], change("Second"));
    let removal = fixture.delete(&path).header("If-Match", &tag).send().await.is(412).json();
    assert!(removal["current"]["version"].is_i64() && removal.get("attempted").is_none(), "{removal}");
    let weak = format!("W/{}", late_tag);
    for (tag, status) in
        [(weak.as_str(), 412), ("*", 200), ("\"abc\"", 412), ("3", 400), ("\"3\", \"4\"", 400)]
    {
        fixture.patch(&path, &change(tag)).header("If-Match", tag).send().await.is(status);
    }
}

#[tokio::test]
async fn headers_that_cannot_be_kept_are_refused() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/phases/{}", id(&fixture.phases(&project).await[0]));
    let request = || fixture.patch(&path, &json!({ "name": "Named" }));
    let events = fixture.events().await;
    request().header("Phaseline-Reason", &"x".repeat(501)).send().await.is(400);
    request().header("Idempotency-Key", "").send().await.is(400);
    request().header("Idempotency-Key", &"k".repeat(256)).send().await.is(400);
    request().header("Idempotency-Key", "a b").send().await.is(400);
    request().header("Idempotency-Key", "a").header("Idempotency-Key", "b").send().await.is(400);
    assert_eq!(fixture.events().await, events);
    request().header("Phaseline-Reason", &"ü".repeat(500)).send().await.is(200);
}

#[tokio::test]
async fn a_phase_moved_to_another_project_is_found_there() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let phase = fixture.phases(&projects[0]).await.swap_remove(1);
    let path = format!("/phases/{}", id(&phase));
    fixture
        .sql(&format!("CREATE TABLE kept AS SELECT * FROM project_phases WHERE id = '{}'", id(&phase)))
        .await;
    fixture.delete(&path).send().await.is(200);
    fixture.get(&path).send().await.is(404);
    fixture
        .sql(&format!(
            "UPDATE kept SET project_id = '{}'; INSERT INTO project_phases SELECT * FROM kept",
            projects[1]
        ))
        .await;
    assert_eq!(fixture.get(&path).send().await.is(200).json()["project_id"], projects[1].as_str());
}
