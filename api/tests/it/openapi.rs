//! The description of the service: stored in `docs/openapi.json`, and complete for every route.

use crate::service::Service;
use serde_json::Value;

async fn description() -> Value {
    Service::start().await.client.get("/openapi.json").send().await.is(200).json()
}

#[tokio::test]
async fn the_stored_description_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let now = serde_json::to_string_pretty(&description().await).unwrap() + "\n";
    if std::env::var_os("PHASELINE_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(now == kept, "docs/openapi.json differs from the service; write it with PHASELINE_BLESS=1");
}

#[tokio::test]
async fn every_route_describes_its_scope_and_its_errors() {
    let description = description().await;
    let mut seen = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        if !path.starts_with("/api/") {
            continue;
        }
        for (method, route) in methods.as_object().unwrap() {
            seen += 1;
            let at = format!("{method} {path}");
            assert!(route["security"][0]["bearer"].is_array(), "{at}");
            assert!(route["operationId"].is_string(), "{at}");
            let writes = route["security"][0]["bearer"][0] == "phases:write";
            let mut statuses = vec!["400", "401", "403", "500", "503"];
            statuses.extend(path.contains('{').then_some("404"));
            statuses.extend(if writes { vec!["409", "412", "413", "415", "422"] } else { vec![] });
            for status in statuses {
                let content = route["responses"][status]["content"].as_object();
                assert!(
                    content.is_some_and(|content| !content.is_empty()),
                    "{at} does not describe {status}"
                );
            }
            if writes {
                let parameters = route["parameters"].as_array().unwrap();
                for name in ["If-Match", "Idempotency-Key", "Phaseline-Reason"] {
                    assert!(
                        parameters.iter().any(|parameter| parameter["name"] == name),
                        "{at} lacks {name}"
                    );
                }
            }
        }
    }
    assert_eq!(seen, 19);
}

#[tokio::test]
async fn every_reference_resolves() {
    let description = description().await;
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
}

/// Calls a function for every object of the description, with its place.
fn each(value: &Value, place: &str, call: &mut impl FnMut(&serde_json::Map<String, Value>, &str)) {
    match value {
        Value::Object(members) => {
            call(members, place);
            members.iter().for_each(|(name, value)| each(value, &format!("{place}/{name}"), call));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| each(entry, place, call)),
        _ => {}
    }
}

#[tokio::test]
async fn every_response_has_a_description_and_an_example_of_its_status() {
    let description = description().await;
    let mut examples = 0;
    for methods in description["paths"].as_object().unwrap().values() {
        for route in methods.as_object().unwrap().values() {
            for (status, response) in route["responses"].as_object().unwrap() {
                let at = format!("{} {status}", route["operationId"]);
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{at}");
                let Some(problem) = response["content"].get("application/problem+json") else { continue };
                examples += 1;
                assert_eq!(problem["example"]["status"].to_string(), *status, "{at}");
                let code = problem["example"]["code"].as_str().unwrap().replace('_', "-");
                assert_eq!(problem["example"]["type"], format!("/problems/{code}"), "{at}");
            }
        }
    }
    assert!(examples > 100, "{examples}");
}

/// All errors outside the planner's routes have one form, so a client needs one type.
#[tokio::test]
async fn our_own_routes_have_one_form_of_errors() {
    let description = description().await;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            for (status, response) in route["responses"].as_object().unwrap() {
                let at = format!("{method} {path} {status}");
                let is_error = status.as_str() >= "400" && path.starts_with("/api/");
                if !is_error {
                    continue;
                }
                let content = response["content"].as_object().unwrap();
                let is_problem = |(kind, content): (&String, &Value)| {
                    kind == "application/problem+json"
                        && content["schema"]["$ref"] == "#/components/schemas/Problem"
                };
                let only = content.len() == 1 && content.iter().all(is_problem);
                assert!(only || route["tags"][0] == "planner", "{at}: {content:?}");
            }
        }
    }
}

/// Constructs that generators of clients do not support.
#[tokio::test]
async fn parameters_are_never_null_and_alternatives_have_names() {
    let description = description().await;
    let nullable = |schema: &Value| {
        schema.to_string().contains("\"null\"") || schema["oneOf"].is_array() || schema["example"].is_string()
    };
    each(&description, "", &mut |object, place| {
        if object.get("in").is_some_and(Value::is_string) {
            assert!(!nullable(&object["schema"]), "{place}: {object:?}");
            assert!(object.get("example").is_none(), "{place}: the page would send it by itself");
        }
        for alternatives in ["oneOf", "anyOf"] {
            let Some(Value::Array(all)) = object.get(alternatives) else { continue };
            let named = |one: &Value| one["$ref"].is_string() || one["type"] == "null";
            assert!(all.iter().all(named), "{place}: {all:?}");
        }
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if name.ends_with("_budget") {
                assert!(property.to_string().contains("Money"), "{place}: {name}");
            }
            // Generators treat a member with a default as required.
            assert!(property.get("default").is_none(), "{place}: {name}");
        }
    });
    let problem = &description["components"]["schemas"]["Problem"]["properties"];
    assert_eq!(problem["current"]["$ref"], "#/components/schemas/CurrentPhases");
    assert_eq!(problem["attempted"]["$ref"], "#/components/schemas/Attempted");
    let order = &description["components"]["schemas"]["HistoryOrder"]["enum"];
    assert_eq!(*order, serde_json::json!(["asc", "desc"]));
}
