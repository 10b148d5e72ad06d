//! The planner's own routes as its front end speaks them: responses, order, texts, headers.

use crate::fixture::{ServiceFixture, day, entry, new_entry};
use crate::service::legacy;
use serde_json::{Value, json};

#[tokio::test]
async fn the_list_has_each_phase_in_full_by_start_date() {
    let fixture = ServiceFixture::start().await;
    for project in fixture.projects(1).await {
        let rows = fixture
            .text(&format!(
                "SELECT json_agg(json_build_array(id, project_id, name, start_date, end_date, description,
                            capital_budget::text, expense_budget::text, total_budget::text,
                            to_char(created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS'), to_char(updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS'))
                        ORDER BY start_date)::text FROM project_phases WHERE project_id = '{project}'"
            ))
            .await;
        let rows: Value = serde_json::from_str(&rows).unwrap();
        let response = fixture.get(&format!("/projects/{project}/phases")).send().await.is(200);
        let version = fixture
            .number(&format!("SELECT max(version) FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{project}'"))
            .await;
        let position = fixture
            .number(&format!("SELECT max(position) FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{project}'"))
            .await;
        assert_eq!(response.header("etag"), format!("\"{version}\""));
        assert_eq!(response.header("phaseline-position"), position.to_string());
        let phases = response.json();
        assert_eq!(phases.as_array().unwrap().len(), rows.as_array().unwrap().len());
        for (phase, row) in phases.as_array().unwrap().iter().zip(rows.as_array().unwrap()) {
            assert_eq!(phase.as_object().unwrap().len(), 13);
            assert_eq!(phase["version"], version);
            let names =
                ["id", "project_id", "name", "start_date", "end_date", "description", "capital_budget"];
            let names = names.into_iter().chain(["expense_budget", "total_budget"]);
            for (name, value) in names.zip(row.as_array().unwrap()) {
                assert_eq!(&phase[name], value, "{name}");
            }
            for (name, at) in [("created_at", 9), ("updated_at", 10)] {
                let text = phase[name].as_str().unwrap();
                assert!(text.starts_with(row[at].as_str().unwrap()), "{text}");
                assert!(text.len() == 19 || text.len() == 26, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_batch_response_keeps_its_order_and_the_list_is_by_date() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let entries = fixture.entries(&project).await;
    let (start, end) = (&entries[0]["start_date"], &entries.last().unwrap()["end_date"]);
    let mut kept = entries[1].clone();
    kept["start_date"] = json!(day(start, 10));
    kept["end_date"] = json!(day(start, 19));
    kept["description"] = json!("What is left of it\nafter all, with ünïcode");
    kept["capital_budget"] = json!(1000.5);
    kept["expense_budget"] = json!("0.25");
    kept["total_budget"] = json!("1000.75");
    kept["nobody_knows"] = json!([1]);
    let sent = [
        new_entry("Last", &day(start, 20), end.as_str().unwrap()),
        kept,
        new_entry("First", start.as_str().unwrap(), &day(start, 9)),
    ];
    let response = fixture.batch(&project, &sent).await.is(200).json();
    let names: Vec<&str> =
        response.as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Last", sent[1]["name"].as_str().unwrap(), "First"]);
    assert_eq!(response[1]["id"], entries[1]["id"]);
    assert_eq!(response[1]["description"], sent[1]["description"]);
    assert_eq!(response[1]["capital_budget"], "1000.50");
    assert_eq!(response[1]["total_budget"], "1000.75");
    assert_eq!(response[0]["total_budget"], "0.00");
    let listed = fixture.phases(&project).await;
    let order: Vec<usize> = vec![2, 1, 0];
    for (phase, at) in listed.iter().zip(order) {
        assert_eq!(phase, &response[at], "the response is what the table has");
    }
}

#[tokio::test]
async fn a_batch_that_changes_nothing_writes_nothing() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let (before, events, phases) =
        (fixture.table().await, fixture.events().await, fixture.phases(&project).await);
    let response = fixture.batch(&project, &fixture.entries(&project).await).await.is(200).json();
    assert_eq!(response, json!(phases));
    assert_eq!((fixture.table().await, fixture.events().await), (before, events));
}

#[tokio::test]
async fn refusals_name_the_kind_of_rule() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let response = fixture.batch(&project, &[]).await.is(422);
    assert_eq!(response.header("x-error-code"), "NO_PHASES");
    assert_eq!(response.json()["detail"], "Project must have at least one phase");
    assert_eq!(
        response.json()["errors"][0],
        json!({ "field": "phases", "message": "Project must have at least one phase", "phase_id": null, "rule": "V1" })
    );
    let mut entries = fixture.entries(&project).await;
    // The rule also refuses amounts beyond every numeric type.
    entries[0]["capital_budget"] = json!("1e400");
    let response = fixture.batch(&project, &entries).await.is(422);
    assert_eq!(response.header("x-error-code"), "INVALID_BUDGET");
    assert_eq!(response.json()["detail"], "Total budget must equal capital budget + expense budget");
    assert_eq!(response.json()["errors"][1]["rule"], "V12");
    // A new phase has no id that the caller could know.
    let mut entries = fixture.entries(&project).await;
    entries[0]["id"] = Value::Null;
    entries[0]["name"] = json!("nul\0");
    let response = fixture.batch(&project, &entries).await.is(422);
    assert_eq!(response.header("x-error-code"), "VALIDATION_FAILED");
    assert_eq!(response.json()["detail"], "Phase validation failed");
    assert_eq!(response.json()["errors"][0]["phase_id"], Value::Null);
}

#[tokio::test]
async fn validation_lists_the_errors_of_a_batch_and_writes_nothing() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let events = fixture.events().await;
    let path = format!("/projects/{project}/phases/validate");
    let mut phases = fixture.entries(&project).await;
    let response = fixture.post(&path, &json!(phases)).send().await.is(200).json();
    assert_eq!(response, json!({ "is_valid": true, "errors": [] }));
    phases[0]["end_date"] = json!(day(&phases[0]["end_date"], 3));
    phases[1]["name"] = json!("x".repeat(101));
    let response = fixture.post(&path, &json!(phases)).send().await.is(200).json();
    let message = format!(
        "Overlap detected between '{}' and '{}'",
        phases[0]["name"].as_str().unwrap(),
        phases[1]["name"].as_str().unwrap()
    );
    assert_eq!(
        response,
        json!({ "is_valid": false, "errors": [
            { "field": "timeline", "message": message, "phase_id": phases[0]["id"] },
            { "field": "name", "message": "Phase name exceeds maximum length of 100 characters",
              "phase_id": phases[1]["id"] },
        ]})
    );
    let response = fixture.post(&path, &json!([])).send().await.is(200).json();
    assert_eq!(response["errors"][0]["message"], "Project must have at least one phase");
    assert_eq!(fixture.events().await, events);
}

#[tokio::test]
async fn assignments_are_those_of_the_phases_days_by_date() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await.swap_remove(0);
    let id = phase["id"].as_str().unwrap();
    let rows = fixture
        .text(&format!(
            "SELECT coalesce(json_agg(json_build_object('id', a.id, 'resource_id', a.resource_id, 'project_id', a.project_id,
                        'assignment_date', a.assignment_date, 'allocation_percentage', a.allocation_percentage::text,
                        'capital_percentage', a.capital_percentage::text, 'expense_percentage', a.expense_percentage::text)
                    ORDER BY a.assignment_date, a.id), '[]')::text
               FROM resource_assignments a JOIN project_phases p ON p.id = '{id}'
              WHERE a.project_id = p.project_id AND a.assignment_date BETWEEN p.start_date AND p.end_date"
        ))
        .await;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let response = fixture.get(&format!("/phases/{id}/assignments")).send().await.is(200).json();
    let mut response = response.as_array().unwrap().clone();
    assert!(!response.is_empty());
    for assignment in &mut response {
        let assignment = assignment.as_object_mut().unwrap();
        assert!(assignment.remove("created_at").unwrap().is_string());
        assert!(assignment.remove("updated_at").unwrap().is_string());
        for name in ["resource_name", "project_name", "program_name", "phase_name"] {
            assert_eq!(assignment.remove(name), Some(Value::Null), "{name}");
        }
    }
    assert_eq!(json!(response), rows);
}

#[tokio::test]
async fn a_project_that_the_backend_made_without_phases_takes_its_first_list() {
    let fixture = ServiceFixture::start().await;
    let id = "7c1c4f5e-5b62-4f0c-8a30-3d0b6f1f9c11";
    fixture.make_project(id, "'2030-01-01', '2030-03-31'").await;
    assert_eq!(fixture.phases(id).await, Vec::<Value>::new());
    let events = fixture.events().await;
    let gap = [new_entry("A", "2030-01-01", "2030-01-31")];
    assert_eq!(fixture.batch(id, &gap).await.is(422).header("x-error-code"), "VALIDATION_FAILED");
    assert_eq!(fixture.events().await, events, "nothing is opened for a list that is refused");
    let whole = [new_entry("A", "2030-01-01", "2030-01-31"), new_entry("B", "2030-02-01", "2030-03-31")];
    let response = fixture.batch(id, &whole).await.is(200).json();
    assert_eq!(fixture.phases(id).await, *response.as_array().unwrap());
}

#[tokio::test]
async fn rows_of_other_programs_are_listed_and_adopted_by_the_first_batch() {
    let fixture = ServiceFixture::start().await;
    let id = "7c1c4f5e-5b62-4f0c-8a30-3d0b6f1f9c12";
    fixture.copy_project(&fixture.project().await, id).await;
    let listed = fixture.get(&format!("/projects/{id}/phases")).send().await.is(200);
    assert_eq!((listed.header("etag"), listed.header("phaseline-position")), ("\"0\"", "0"));
    let listed = listed.json();
    assert_eq!(listed[0]["created_at"], "2024-05-06T07:08:09.100000");
    let mut entries: Vec<Value> = listed.as_array().unwrap().iter().map(entry).collect();
    entries[0]["name"] = json!("Renamed");
    let path = format!("/projects/{id}/phases/batch");
    let response =
        fixture.post(&path, &json!({ "phases": entries, "version": 0 })).send().await.is(200).json();
    assert_eq!(response[0]["name"], "Renamed");
    assert_eq!(response[0]["created_at"], "2024-05-06T07:08:09.100000");
    assert_eq!(response[1]["updated_at"], listed[1]["updated_at"]);
    assert_eq!(fixture.phases(id).await, *response.as_array().unwrap());
    fixture.post(&path, &json!({ "phases": entries, "version": 0 })).send().await.is(412);
}

#[tokio::test]
async fn every_route_requires_the_migration() {
    let fixture = ServiceFixture::over(legacy()).await;
    let id = "7c1c4f5e-5b62-4f0c-8a30-3d0b6f1f9c12";
    let responses = [
        fixture.get(&format!("/projects/{id}/phases")).send().await,
        fixture.get(&format!("/phases/{id}")).send().await,
        fixture.batch(id, &[]).await,
    ];
    for response in responses {
        let response = response.is(503);
        assert_ne!(response.header("retry-after"), "");
        assert!(response.json()["detail"].as_str().unwrap().contains("phaseline migrate"), "{response:?}");
    }
}

#[tokio::test]
async fn invalid_rows_are_listed_unchanged() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let id = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    fixture.sql(&format!(
        "ALTER TABLE project_phases ALTER name DROP NOT NULL, ALTER capital_budget DROP NOT NULL, ALTER created_at DROP NOT NULL;
         UPDATE project_phases SET name = NULL, capital_budget = NULL, created_at = NULL, updated_at = 'infinity',
                start_date = '-infinity', end_date = 'infinity' WHERE id = '{id}';
         UPDATE resource_assignments SET assignment_date = 'infinity' WHERE project_id = '{project}'"
    ))
    .await;
    let phase = fixture.get(&format!("/phases/{id}")).send().await.is(200).json();
    assert_eq!((&phase["name"], &phase["end_date"]), (&Value::Null, &json!("infinity")));
    assert_eq!((&phase["created_at"], &phase["updated_at"]), (&Value::Null, &json!("infinity")));
    let phases = fixture.phases(&project).await;
    assert!(phases.contains(&phase));
    let assignments = fixture.get(&format!("/phases/{id}/assignments")).send().await.is(200).json();
    assert_eq!(assignments[0]["assignment_date"], "infinity");
    // A command is decided on the log, and counts the readable assignments.
    let response =
        fixture.patch(&format!("/phases/{id}"), &json!({ "name": "Named" })).send().await.is(200).json();
    assert_eq!(response["phase"]["assignment_count"], 0);
    let change = json!({ "change": { "phase_id": id, "name": "A" } });
    let preview =
        fixture.post(&format!("/projects/{project}/timeline/preview"), &change).send().await.is(200).json();
    assert_eq!(preview["assignments"]["outside_before"], preview["assignments"]["total"]);
    fixture.sql("UPDATE projects SET end_date = 'infinity'").await;
    fixture.get(&format!("/projects/{project}/timeline")).send().await.is(200);
    let check =
        fixture.post(&format!("/projects/{project}/phases/validate"), &json!([])).send().await.is(409);
    assert!(check.json()["detail"].as_str().unwrap().contains(&project));
}
