//! The planner's routes against a table of requests and responses. The responses were recorded from the planner's own service, except
//! for those with `differs`: `planner` is the recorded one there, and `docs/api.md` has the difference in its table.
//!
//! In a case, `PROJECT` is a new project from 2024-02-01 to 2024-11-30, `PHASE` its default phase, `NOWHERE` an id that nothing
//! has. In a response, `UUID` and `TIME` are any id and any timestamp; `fields` is the planner's form of a malformed request
//! with these errors: field, message, type.

mod front_end;

use crate::fixture::ServiceFixture;
use http::Method;
use phaseline_tests::http::HttpResponse;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    /// Method and path below `/api/v1`.
    send: String,
    /// A token other than the right one; none if it is empty.
    token: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Option<Value>,
    text: Option<String>,
    response: Expected,
    /// The row of the table in `docs/api.md`.
    differs: Option<String>,
    /// The planner's response, if it differs.
    planner: Option<Expected>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    fields: Option<Vec<[String; 3]>>,
}

/// Headers that are compared.
const HEADERS: [&str; 3] = ["x-error-code", "location", "www-authenticate"];

/// Members that the planner's responses lack, and that may be more here.
const MORE: [&str; 3] = ["version", "errors", "more_errors"];

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("contract/cases.json")).unwrap()
}

/// A project with its default phase, as the planner's backend makes them.
pub(crate) async fn project_of_the_backend(fixture: &ServiceFixture) -> [String; 2] {
    let [project, phase] = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.to_string());
    fixture.make_project(&project, "'2024-02-01', '2024-11-30'").await;
    fixture
        .sql(&format!(
            "INSERT INTO project_phases (id, project_id, name, start_date, end_date, capital_budget, expense_budget,
                    total_budget, created_at, updated_at)
             VALUES ('{phase}', '{project}', 'Default Phase', '2024-02-01', '2024-11-30', 0, 0, 0, now(), now())"
        ))
        .await;
    [project, phase]
}

async fn send(fixture: &ServiceFixture, case: &Case, filled: &dyn Fn(&str) -> String) -> HttpResponse {
    let (method, path) = case.send.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let mut request = fixture.service.client.request(method, &format!("/api/v1{}", filled(path)));
    match case.token.as_deref() {
        None => request = request.bearer(&fixture.token),
        Some("") => {}
        Some(other) => request = request.bearer(other),
    }
    let body = case.text.clone().or_else(|| case.json.as_ref().map(Value::to_string));
    if body.is_some() && !case.headers.contains_key("content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in &case.headers {
        request = request.header(name, value);
    }
    request.body(filled(&body.unwrap_or_default())).send().await
}

/// The response in the form of the table.
fn normalized(response: &HttpResponse, named: &dyn Fn(&str) -> String) -> Expected {
    let headers = HEADERS.iter().filter(|name| !response.header(name).is_empty());
    let headers = headers.map(|name| ((*name).to_owned(), named(response.header(name)))).collect();
    let text = named(&response.text());
    let mut body = (!text.is_empty()).then(|| serde_json::from_str::<Value>(&text).unwrap());
    let faults = body.as_ref().and_then(|body| body.pointer("/error/details/field_errors"));
    let fields = faults.map(|faults| {
        let faults = faults.as_array().unwrap().iter();
        let text = |fault: &Value, name: &str| fault[name].as_str().unwrap().to_owned();
        faults.map(|fault| ["field", "message", "type"].map(|name| text(fault, name))).collect()
    });
    if fields.is_some() {
        let envelope = body.take().unwrap();
        assert_eq!(
            (&envelope["success"], &envelope["error"]["code"], &envelope["error"]["message"]),
            (&json!(false), &json!("VALIDATION_ERROR"), &json!("Request validation failed"))
        );
        assert!(Uuid::parse_str(envelope["request_id"].as_str().unwrap()).is_ok());
        assert_eq!(envelope.as_object().unwrap().len(), 3);
    }
    Expected { status: response.status, headers, body, fields }
}

/// Replaces in `actual` what the table leaves open, and removes the members that may be more.
fn blurred(actual: Value, expected: &Value) -> Value {
    match (actual, expected) {
        (Value::String(text), Value::String(open)) => {
            let is_open = match open.as_str() {
                "UUID" => Uuid::parse_str(&text).is_ok(),
                "TIME" => text.parse::<chrono::NaiveDateTime>().is_ok(),
                _ => false,
            };
            if is_open { expected.clone() } else { text.into() }
        }
        (Value::Array(entries), Value::Array(open)) => {
            let with = |(at, entry)| blurred(entry, open.get(at).unwrap_or(&Value::Null));
            entries.into_iter().enumerate().map(with).collect()
        }
        (Value::Object(members), Value::Object(open)) => {
            let kept = members
                .into_iter()
                .filter(|(name, _)| open.contains_key(name) || !MORE.contains(&name.as_str()));
            let blur = |(name, value)| {
                let value = blurred(value, open.get(&name).unwrap_or(&Value::Null));
                (name, value)
            };
            Value::Object(kept.map(blur).collect::<Map<_, _>>())
        }
        (actual, _) => actual,
    }
}

#[tokio::test]
async fn every_request_of_the_table_has_its_response() {
    let fixture = ServiceFixture::start().await;
    let mut wrong = Vec::new();
    for case in cases() {
        let [project, phase] = project_of_the_backend(&fixture).await;
        let nowhere = Uuid::new_v4().to_string();
        let names = [("PROJECT", &project), ("PHASE", &phase), ("NOWHERE", &nowhere)];
        let filled =
            |text: &str| names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id));
        let named =
            |text: &str| names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(*id, name));
        let response = send(&fixture, &case, &filled).await;
        let mut actual = normalized(&response, &named);
        // The planner's 401 lacks this header.
        let challenge = "www-authenticate";
        actual.headers.retain(|name, _| name != challenge || case.response.headers.contains_key(challenge));
        actual.body =
            actual.body.map(|body| blurred(body, case.response.body.as_ref().unwrap_or(&Value::Null)));
        if actual != case.response {
            wrong.push(format!("{}: {}\n  {actual:?}\n  {:?}", case.case, case.send, case.response));
        }
    }
    assert!(wrong.is_empty(), "{} cases, actual before expected:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_difference_from_the_planner_is_in_the_documentation_once() {
    let page = include_str!("../../../docs/api.md");
    let (_, section) = page.split_once("| request | the planner | here |").unwrap();
    let rows = section.lines().skip(2).take_while(|line| line.starts_with('|'));
    let documented: BTreeSet<&str> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    for case in cases() {
        if let Some(differs) = &case.differs {
            assert!(documented.contains(differs.as_str()), "{differs}");
            assert!(case.planner.is_none_or(|planner| planner != case.response), "{}", case.case);
        }
    }
}
