//! A repeated request is not executed again.

use crate::fixture::{ServiceFixture, day};
use crate::service::{self, Service, in_seconds, settings, token};
use serde_json::{Value, json};

#[tokio::test]
async fn a_repeated_request_gets_the_first_response_despite_later_changes() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let start = day(&phases[1]["start_date"], -2);
    let list: Vec<Value> = {
        let mut entries = fixture.entries(&project).await;
        entries[0]["id"] = Value::Null;
        entries[0]["name"] = json!("Created");
        entries
    };
    let create = json!({ "name": "Made", "start_date": start, "end_date": day(&json!(start), 4) });
    let batch = json!({ "phases": list });
    let requests = [
        (format!("/projects/{project}/phases/batch"), batch, 200),
        (format!("/projects/{project}/phases"), create, 201),
    ];
    for (at, (path, body, status)) in requests.iter().enumerate() {
        let request = || fixture.post(path, body).header("Idempotency-Key", &format!("key-{at}"));
        let first = request().send().await.is(*status);
        assert_eq!(first.header("idempotent-replayed"), "");
        // Another client's change, and another service with an empty cache.
        let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
        let rename = json!({ "name": format!("Since {at}") });
        fixture.patch(&format!("/phases/{phase}"), &rename).send().await.is(200);
        let events = fixture.events().await;
        let other = Service::over(&fixture.database, settings()).await;
        let again = [
            request().send().await,
            other
                .client
                .post(&format!("/api/v1{path}"))
                .bearer(&fixture.token)
                .header("Idempotency-Key", &format!("key-{at}"))
                .json(body)
                .send()
                .await,
        ];
        for again in again {
            let again = again.is(*status);
            assert_eq!(again.header("idempotent-replayed"), "true");
            assert_eq!(again.json(), first.json());
            assert_eq!(again.header("etag"), first.header("etag"));
            assert_eq!(again.header("location"), first.header("location"));
        }
        assert_eq!(fixture.events().await, events, "nothing is written twice");
    }
}

#[tokio::test]
async fn a_removal_and_an_opening_can_be_sent_again() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[1]["id"].as_str().unwrap().to_owned();
    let path = format!("/phases/{phase}");
    let first = fixture.delete(&path).header("Idempotency-Key", "gone").send().await.is(200);
    let other = Service::over(&fixture.database, settings()).await;
    let request = other.client.delete(&format!("/api/v1{path}")).bearer(&fixture.token);
    let again = request.header("Idempotency-Key", "gone").send().await.is(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", first.json()));

    let made = "7c1c4f5e-5b62-4f0c-8a30-3d0b6f1f9c31";
    fixture.make_project(made, "'2030-01-01', '2030-03-31'").await;
    let path = format!("/projects/{made}/timeline");
    let days = json!({ "start_date": "2030-01-01", "end_date": "2030-06-30" });
    let first = fixture.put(&path, &days).header("Idempotency-Key", "open").send().await.is(201);
    let later = json!({ "start_date": "2030-01-01", "end_date": "2030-07-30" });
    fixture.put(&path, &later).send().await.is(200);
    let again = fixture.put(&path, &days).header("Idempotency-Key", "open").send().await.is(201);
    assert_eq!(again.json(), first.json());
}

#[tokio::test]
async fn a_key_is_one_request_of_one_caller() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    let request =
        |name: &str| fixture.patch(&path, &json!({ "name": name })).header("Idempotency-Key", "one");
    request("First").send().await.is(200);
    let reused = request("Second").send().await.is(422).json();
    assert_eq!(reused["code"], "key_reused");
    request("First").header("If-Match", "*").send().await.is(422);
    // The same request, its members in another order and with spaces.
    let spaced =
        fixture.patch(&path, &json!({})).body(" { \"name\" :\"First\" } ").header("Idempotency-Key", "one");
    assert_eq!(spaced.send().await.is(200).header("idempotent-replayed"), "true");
    let bob = token(&json!({ "sub": "bob", "exp": in_seconds(600), "scope": service::EVERYTHING }));
    let request = fixture
        .service
        .client
        .patch(&format!("/api/v1{path}"))
        .bearer(&bob)
        .json(&json!({ "name": "Bob's" }));
    let response = request.header("Idempotency-Key", "one").send().await.is(200);
    assert_eq!(response.header("idempotent-replayed"), "");
    assert_eq!(fixture.phases(&project).await[0]["name"], "Bob's");
}

#[tokio::test]
async fn a_request_that_changed_nothing_changes_nothing_later_either() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    let same = json!({ "name": phases[0]["name"] });
    let request = || fixture.patch(&path, &same).header("Idempotency-Key", "nothing");
    let events = fixture.events().await;
    let first = request().send().await.is(200).json();
    assert_eq!(fixture.events().await, events);
    fixture.patch(&path, &json!({ "name": "Changed since" })).send().await.is(200);
    let again = request().send().await.is(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", first));
    assert_eq!(fixture.phases(&project).await[0]["name"], "Changed since");
}

#[tokio::test]
async fn twenty_at_once_are_one() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let start = &phases[1]["start_date"];
    let body = json!({ "name": "Once", "start_date": start, "end_date": day(start, 1) });
    let events = fixture.events().await;
    let path = format!("/projects/{project}/phases");
    let requests = (0..20).map(|_| fixture.post(&path, &body).header("Idempotency-Key", "once").send());
    let responses = futures_util::future::join_all(requests).await;
    let first = responses[0].json();
    for response in responses {
        assert_eq!(response.is(201).json(), first);
    }
    // One event for the neighbour that made room, one for the phase.
    assert_eq!(fixture.events().await, events + 2);
}

/// The log has nothing from which the response could be repeated.
#[tokio::test]
async fn a_repeated_no_op_on_an_unadopted_project_gets_the_same_response() {
    let fixture = ServiceFixture::start().await;
    let project = "6f9619ff-8b86-d011-b42d-00c04fc964f1";
    fixture.copy_project(&fixture.project().await, project).await;
    let phases = fixture.phases(project).await;
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    let same =
        || fixture.patch(&path, &json!({ "name": phases[0]["name"] })).header("idempotency-key", "noop");
    let first = same().send().await.is(200).json();
    assert_eq!(first["phases"].as_array().unwrap().len(), phases.len());
    assert_eq!(same().send().await.is(200).json(), first);
}

/// A list for a project without phases is one change: one of the concurrent requests opens its timeline.
#[tokio::test]
async fn lists_for_a_project_without_phases_that_come_together_are_all_taken() {
    let fixture = ServiceFixture::start().await;
    let project = "6f9619ff-8b86-d011-b42d-00c04fc964f2";
    fixture.make_project(project, "'2030-01-01', '2030-03-31'").await;
    let list =
        |name: &str| json!({ "phases": [crate::fixture::new_entry(name, "2030-01-01", "2030-03-31")] });
    let batch = format!("/projects/{project}/phases/batch");
    fixture.post(&batch, &list("x")).header("if-match", "*").send().await.is(412);
    let replacement = json!({ "replace": list("One") });
    let preview = fixture
        .post(&format!("/projects/{project}/timeline/preview"), &replacement)
        .send()
        .await
        .is(200)
        .json();
    assert_eq!((&preview["valid"], &preview["after"][0]["name"]), (&json!(true), &json!("One")), "{preview}");
    let requests: Vec<_> = (0..6).map(|n| (n, list(&format!("List {n}")))).collect();
    let responses =
        futures_util::future::join_all(requests.iter().map(|(_, list)| fixture.post(&batch, list).send()))
            .await;
    for response in responses {
        response.is(200);
    }
    assert_eq!(fixture.phases(project).await.len(), 1);
    let transactions = format!(
        "SELECT count(DISTINCT metadata ->> 'command_id') FROM phaseline.events WHERE stream_id = '{project}'
            AND event_type IN ('TimelineOpened', 'PhaseRemoved') AND version <= 3"
    );
    assert_eq!(fixture.number(&transactions).await, 1, "opened by one command and filled by another");
}
