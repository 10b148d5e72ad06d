//! Responses of the planner's routes to invalid bodies and ids.

use crate::fixture::ServiceFixture;
use serde_json::{Value, json};

/// The errors of a response: place, message and type.
fn faults(response: &Value) -> Vec<(String, String, String)> {
    assert_eq!(response["success"], false);
    assert_eq!(response["error"]["code"], "VALIDATION_ERROR");
    assert_eq!(response["error"]["message"], "Request validation failed");
    assert!(response["request_id"].is_string());
    let errors = response["error"]["details"]["field_errors"].as_array().unwrap();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    errors.iter().map(|error| (text(error, "field"), text(error, "message"), text(error, "type"))).collect()
}

#[tokio::test]
async fn all_errors_of_a_body_are_listed_at_once() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let body = json!({ "phases": [
        {},
        { "id": "x", "name": 7, "start_date": "soon", "end_date": 20240101, "description": [],
          "capital_budget": true, "expense_budget": "much", "total_budget": null, "version": "1" },
        "phase",
        { "id": 5, "name": "B", "start_date": "2024-02-30", "end_date": "2024-03-01", "capital_budget": 0,
          "expense_budget": 0, "total_budget": 0 },
    ]});
    let response =
        fixture.post(&format!("/projects/{project}/phases/batch"), &body).send().await.is(422).json();
    let found = faults(&response);
    let kinds: Vec<(&str, &str)> =
        found.iter().map(|(field, _, kind)| (field.as_str(), kind.as_str())).collect();
    assert_eq!(
        kinds,
        [
            ("body -> phases -> 0 -> name", "missing"),
            ("body -> phases -> 0 -> start_date", "missing"),
            ("body -> phases -> 0 -> end_date", "missing"),
            ("body -> phases -> 1 -> id", "uuid_parsing"),
            ("body -> phases -> 1 -> name", "string_type"),
            ("body -> phases -> 1 -> start_date", "date_from_datetime_parsing"),
            ("body -> phases -> 1 -> end_date", "date_from_datetime_inexact"),
            ("body -> phases -> 1 -> description", "string_type"),
            ("body -> phases -> 1 -> capital_budget", "decimal_type"),
            ("body -> phases -> 1 -> expense_budget", "decimal_parsing"),
            ("body -> phases -> 1 -> total_budget", "decimal_type"),
            ("body -> phases -> 1 -> version", "int_type"),
            ("body -> phases -> 2", "model_attributes_type"),
            ("body -> phases -> 3 -> id", "uuid_type"),
            ("body -> phases -> 3 -> start_date", "date_from_datetime_parsing"),
        ]
    );
    let message = |at: usize| found[at].1.as_str();
    assert_eq!(message(0), "Field required");
    assert!(message(3).starts_with("Input should be a valid UUID, "), "{}", message(3));
    assert_eq!(message(4), "Input should be a valid string");
    assert_eq!(message(5), "Input should be a valid date or datetime, input is too short");
    assert_eq!(message(6), "Datetimes provided to dates should have zero time - e.g. be exact dates");
    assert_eq!(message(8), "Decimal input should be an integer, float, string or Decimal object");
    assert_eq!(message(9), "Input should be a valid decimal");
    assert_eq!(message(12), "Input should be a valid dictionary or object to extract fields from");
    assert_eq!(message(13), "UUID input should be a string, bytes or UUID object");
}

#[tokio::test]
async fn bodies_of_wrong_types_have_distinct_errors() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let batch = format!("/projects/{project}/phases/batch");
    let check = format!("/projects/{project}/phases/validate");
    for (path, body, field, kind) in [
        (&batch, json!([]), "body", "model_attributes_type"),
        (&batch, json!({}), "body -> phases", "missing"),
        (&batch, json!({ "phases": null }), "body -> phases", "list_type"),
        (&check, json!({}), "body", "list_type"),
        (&check, json!([1]), "body -> 0", "model_attributes_type"),
    ] {
        let found = faults(&fixture.post(path, &body).send().await.is(422).json());
        assert_eq!((found[0].0.as_str(), found[0].2.as_str()), (field, kind), "{body}");
    }
    let no_json = fixture.post(&batch, &json!({})).body("{\"phases\": [}").send().await.is(422).json();
    assert_eq!(faults(&no_json), [("body -> 12".into(), "JSON decode error".into(), "json_invalid".into())]);
    let empty = fixture.post(&batch, &json!({})).body("").send().await.is(422).json();
    assert_eq!(faults(&empty), [("body".into(), "Field required".into(), "missing".into())]);
    let request =
        fixture.service.client.post(&format!("/api/v1{batch}")).bearer(&fixture.token).body("phases=1");
    let form =
        request.header("content-type", "application/x-www-form-urlencoded").send().await.is(415).json();
    assert!(form["detail"].is_string());
}

#[tokio::test]
async fn an_invalid_id_in_the_path_is_reported_like_a_member() {
    let fixture = ServiceFixture::start().await;
    for (path, field) in [
        ("/projects/x/phases", "path -> project_id"),
        ("/phases/x", "path -> phase_id"),
        ("/phases/x/assignments", "path -> phase_id"),
    ] {
        let found = faults(&fixture.get(path).send().await.is(422).json());
        assert_eq!((found[0].0.as_str(), found[0].2.as_str()), (field, "uuid_parsing"), "{path}");
    }
    let found = faults(&fixture.post("/projects/x/phases/batch", &json!({})).send().await.is(422).json());
    let fields: Vec<&str> = found.iter().map(|(field, ..)| field.as_str()).collect();
    assert_eq!(fields, ["path -> project_id", "body -> phases"]);
}
