//! Defects of the planner's own service that these routes do not have, one test for each.

use crate::fixture::{ServiceFixture, day, entry, new_entry};
use crate::service::{self, in_seconds, token};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn defect_1_a_failed_batch_changes_no_phase() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let (before, events) = (fixture.table().await, fixture.events().await);
    let mut entries = fixture.entries(&project).await;
    entries[0]["name"] = json!("Renamed");

    let mut unknown = entries.clone();
    let id = Uuid::new_v4();
    unknown[1]["id"] = json!(id);
    let response = fixture.batch(&project, &unknown).await.is(404);
    assert_eq!(response.json(), json!({ "detail": format!("Phase with ID {id} not found") }));

    let mut without_total = entries.clone();
    without_total[1] = entry(&without_total[1]);
    without_total[1].as_object_mut().unwrap().remove("total_budget");
    let response = fixture.batch(&project, &without_total).await.is(422).json();
    assert_eq!(
        response["error"]["details"]["field_errors"][0]["field"],
        "body -> phases -> 1 -> total_budget"
    );

    assert_eq!((fixture.table().await, fixture.events().await), (before, events));
}

#[tokio::test]
async fn defect_2_a_required_version_prevents_lost_updates() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/phases/batch");
    let listed = fixture.get(&format!("/projects/{project}/phases")).send().await.is(200);
    let version = listed.json()[0]["version"].as_i64().unwrap();
    assert_eq!(listed.header("etag"), format!("\"{version}\""));
    let mut first = fixture.entries(&project).await;
    let mut second = first.clone();
    first[0]["name"] = json!("By the first");
    second[0]["name"] = json!("By the second");

    let response = fixture.post(&path, &json!({ "phases": first, "version": version })).send().await.is(200);
    assert_eq!(response.json()[0]["version"], version + 1);
    assert_eq!(response.header("etag"), format!("\"{}\"", version + 1));

    // A stale version is refused at the top level, in a phase, and in the header.
    let mut in_a_phase = second.clone();
    in_a_phase[1]["version"] = json!(version);
    for request in [
        fixture.post(&path, &json!({ "phases": second, "version": version })),
        fixture.post(&path, &json!({ "phases": in_a_phase })),
        fixture.post(&path, &json!({ "phases": second })).header("If-Match", &format!("\"{version}\"")),
    ] {
        let late = request.send().await.is(412);
        assert_eq!(late.header("etag"), format!("\"{}\"", version + 1));
        let late = late.json();
        assert_eq!(late["current"][0]["name"], "By the first");
        assert_eq!(late["attempted"][0]["name"], "By the second");
        assert_eq!(late["version"], version + 1);
        assert!(late["detail"].is_string());
    }
    assert_eq!(fixture.phases(&project).await[0]["name"], "By the first");

    // Two different versions are refused.
    let differing = json!({ "phases": in_a_phase, "version": version + 1 });
    let response = fixture.post(&path, &differing).send().await.is(422).json();
    assert_eq!(response["error"]["details"]["field_errors"][0]["field"], "body -> phases -> 1 -> version");
}

#[tokio::test]
async fn defect_3_a_phase_of_another_project_is_not_found_and_nothing_changes() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let foreign = fixture.phases(&projects[1]).await[0]["id"].clone();
    let (before, events) = (fixture.table().await, fixture.events().await);
    let mut entries = fixture.entries(&projects[0]).await;
    entries[1]["id"] = foreign.clone();
    let response = fixture.batch(&projects[0], &entries).await.is(404);
    let text = format!("Phase with ID {} not found", foreign.as_str().unwrap());
    assert_eq!(response.json(), json!({ "detail": text }));
    assert_eq!((fixture.table().await, fixture.events().await), (before, events));
}

#[tokio::test]
async fn defect_4_concurrent_batches_all_succeed_and_leave_a_timeline() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let entries = fixture.entries(&project).await;
    let (first, last) = (entries[0]["start_date"].clone(), entries.last().unwrap()["end_date"].clone());
    for round in 0..20 {
        let batches = (0..4).map(|client: i64| {
            let cut = 3 + (round * 4 + client) % 20;
            let phases = [
                new_entry(&format!("A {client}"), first.as_str().unwrap(), &day(&first, cut)),
                new_entry(&format!("B {client}"), &day(&first, cut + 1), last.as_str().unwrap()),
            ];
            let fixture = &fixture;
            let project = &project;
            async move { fixture.batch(project, &phases).await.status }
        });
        let statuses = futures_util::future::join_all(batches).await;
        assert_eq!(statuses, [200, 200, 200, 200], "round {round}");
        let left = fixture.phases(&project).await;
        let names: Vec<&str> = left.iter().map(|phase| &phase["name"].as_str().unwrap()[2..]).collect();
        assert_eq!(left.len(), 2);
        assert_eq!(names[0], names[1], "two clients' phases are mixed");
        assert_eq!(day(&left[0]["end_date"], 1), left[1]["start_date"]);
        assert_eq!((&left[0]["start_date"], &left[1]["end_date"]), (&first, &last));
    }
}

#[tokio::test]
async fn defect_5_callers_without_permission_change_nothing() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let project = &projects[0];
    let entries = fixture.entries(project).await;
    let (before, events) = (fixture.table().await, fixture.events().await);
    let path = format!("/api/v1/projects/{project}/phases/batch");
    let body = json!({ "phases": entries });

    let without_token = fixture.service.client.post(&path).json(&body).send().await.is(401);
    assert!(without_token.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(without_token.json()["error"]["code"], "AUTH_FAILED");
    let expired = token(&json!({ "sub": "eve", "exp": 1, "scope": service::EVERYTHING }));
    let expired = fixture.service.client.post(&path).bearer(&expired).json(&body).send().await.is(401);
    assert!(expired.header("www-authenticate").contains("expired"));
    assert_eq!(
        expired.json()["error"],
        without_token.json()["error"],
        "the planner does not distinguish them"
    );
    let reader = fixture.service.token("phases:read");
    let refused = fixture.service.client.post(&path).bearer(&reader).json(&body).send().await.is(403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("phases:write"));
    let elsewhere = token(&json!({ "sub": "eve", "exp": in_seconds(600), "scope": service::EVERYTHING,
        "projects": [projects[1]] }));
    let refused = fixture.service.client.post(&path).bearer(&elsewhere).json(&body).send().await.is(403);
    assert!(refused.json()["detail"].as_str().unwrap().contains(project.as_str()));
    // A phase that the caller may not read is reported as missing.
    let hidden = entries[0]["id"].as_str().unwrap();
    for (path, text) in [
        (format!("/api/v1/phases/{hidden}"), format!("Phase {hidden} not found")),
        (format!("/api/v1/phases/{hidden}/assignments"), format!("Phase with ID {hidden} not found")),
    ] {
        let response = fixture.service.client.get(&path).bearer(&elsewhere).send().await.is(404);
        assert_eq!(response.json(), json!({ "detail": text }));
    }
    assert_eq!((fixture.table().await, fixture.events().await), (before, events));
}

#[tokio::test]
async fn defect_6_assignments_are_counted() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let counted = async |phase: &Value| {
        let id = phase["id"].as_str().unwrap();
        fixture
            .number(&format!(
                "SELECT count(*) FROM resource_assignments a JOIN project_phases p ON p.id = '{id}'
              WHERE a.project_id = p.project_id AND a.assignment_date BETWEEN p.start_date AND p.end_date"
            ))
            .await
    };
    let mut sum = 0;
    for phase in fixture.phases(&project).await {
        let count = counted(&phase).await;
        sum += count;
        assert_eq!(phase["assignment_count"], count);
        let path = format!("/phases/{}", phase["id"].as_str().unwrap());
        assert_eq!(fixture.get(&path).send().await.is(200).json(), phase);
        let assignments = fixture.get(&format!("{path}/assignments")).send().await.is(200).json();
        assert_eq!(assignments.as_array().unwrap().len(), usize::try_from(count).unwrap());
    }
    assert!(sum > 0, "the sample has assignments");
    let mut entries = fixture.entries(&project).await;
    let cut = day(&entries[0]["end_date"], -4);
    entries[1]["start_date"] = json!(day(&json!(cut), 1));
    entries[0]["end_date"] = json!(cut);
    for phase in fixture.batch(&project, &entries).await.is(200).json().as_array().unwrap() {
        assert_eq!(phase["assignment_count"], counted(phase).await);
    }
}

#[tokio::test]
async fn defect_7_all_violations_are_listed() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let mut entries = fixture.entries(&project).await;
    let end = day(&entries[0]["end_date"], -2);
    entries[0]["end_date"] = json!(end);
    entries[0]["name"] = json!("nul\0");
    for (name, amount) in [("capital_budget", "1.005"), ("expense_budget", "0"), ("total_budget", "1.005")] {
        entries[1][name] = json!(amount);
    }
    let response = fixture.batch(&project, &entries).await.is(422);
    assert_eq!(response.header("x-error-code"), "VALIDATION_FAILED");
    let response = response.json();
    let errors = response["errors"].as_array().unwrap();
    let rules: Vec<&str> = errors.iter().map(|error| error["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["V4", "V23", "V12", "V12"]);
    assert_eq!(response["detail"], "Phase validation failed");
    assert_eq!(errors[1]["message"], "Phase name cannot contain a NUL character");
    assert_eq!(errors[1]["phase_id"], entries[0]["id"]);
    // Errors of single fields come before the rules, as in the planner; all of them at once.
    entries[0]["name"] = json!(" ");
    entries[1]["total_budget"] = json!("1.00");
    let response = fixture.batch(&project, &entries).await.is(422).json();
    let errors = response["error"]["details"]["field_errors"].as_array().unwrap();
    let fields: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| (error["field"].as_str().unwrap(), error["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        fields,
        [
            ("body -> phases -> 0 -> name", "string_too_short"),
            ("body -> phases -> 1 -> total_budget", "value_error"),
        ]
    );
}

#[tokio::test]
async fn defect_8_a_missing_project_is_not_found() {
    let fixture = ServiceFixture::start().await;
    let id = Uuid::new_v4();
    let text = json!({ "detail": format!("Project with ID {id} not found") });
    let path = format!("/projects/{id}/phases");
    assert_eq!(fixture.get(&path).send().await.is(404).json(), text);
    let phases = [new_entry("A", "2024-01-01", "2024-02-01")];
    assert_eq!(fixture.batch(&id.to_string(), &phases).await.is(404).json(), text);
    let checked = json!([{ "name": "A", "start_date": "2024-01-01", "end_date": "2024-02-01" }]);
    let response = fixture.post(&format!("{path}/validate"), &checked).send().await.is(404);
    assert_eq!(response.json(), json!({ "detail": format!("Project {id} not found") }));
    let response = fixture.get(&format!("/phases/{id}")).send().await.is(404);
    assert_eq!(response.json(), json!({ "detail": format!("Phase {id} not found") }));
    let response = fixture.get(&format!("/phases/{id}/assignments")).send().await.is(404);
    assert_eq!(response.json(), json!({ "detail": format!("Phase with ID {id} not found") }));
}

#[tokio::test]
async fn defect_9_every_write_is_logged_as_one_command_of_its_author() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let mut entries = fixture.entries(&project).await;
    entries[0]["name"] = json!("Preparation");
    entries[1]["name"] = json!("Works");
    let before = fixture.events().await;
    let response = fixture
        .post(&format!("/projects/{project}/phases/batch"), &json!({ "phases": entries }))
        .header("Phaseline-Reason", "the board wants other names")
        .header("X-Correlation-Id", "ticket-7")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("X-Request-Id", "request-1")
        .send()
        .await
        .is(200);
    let query = format!(
        "SELECT json_agg(json_build_object('type', event_type, 'by', metadata) ORDER BY position)::text
           FROM phaseline.events WHERE position > {before}"
    );
    let events: Value = serde_json::from_str(&fixture.text(&query).await).unwrap();
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(response.header("phaseline-position"), (before + 2).to_string());
    for event in events {
        assert_eq!(event["type"], "PhaseRenamed");
        let command = event["by"]["command_id"].clone();
        assert_eq!(command, events[0]["by"]["command_id"]);
        let expected = json!({ "actor": "ada", "reason": "the board wants other names", "source": "api",
            "command_id": command, "correlation_id": "ticket-7", "request_id": "request-1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736" });
        assert_eq!(event["by"], expected);
    }
}
