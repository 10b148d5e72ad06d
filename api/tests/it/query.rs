//! Query parameters that a route does not have are refused, on every route, before anything is written.

use crate::fixture::{ServiceFixture, new_entry};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bodies with which the writing routes would change something.
fn bodies(entries: &[Value]) -> BTreeMap<&'static str, Value> {
    let ids: Vec<&Value> = entries.iter().rev().map(|entry| &entry["id"]).collect();
    let days = json!({ "start_date": entries[0]["start_date"], "end_date": "2099-01-31" });
    let whole = new_entry("A", entries[0]["start_date"].as_str().unwrap(), "2099-01-31");
    let (day, last) = (&entries[0]["start_date"], &entries[0]["end_date"]);
    BTreeMap::from([
        ("replace_phases", json!({ "phases": [whole] })),
        ("validate_phases", json!([whole])),
        ("create_phase", json!({ "name": "A", "start_date": last, "end_date": last })),
        ("change_phase", json!({ "name": "Other", "start_date": day })),
        ("reorder_phases", json!({ "phases": ids })),
        ("restore_timeline", json!({ "to": 1 })),
        ("put_timeline", days.clone()),
        ("preview", json!({ "reschedule": days })),
    ])
}

fn parameters(route: &Value) -> Vec<&str> {
    let all = route["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect()
}

#[tokio::test]
async fn every_route_refuses_unknown_query_parameters_before_it_does_anything() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let entries = fixture.entries(&project).await;
    let phase = entries[0]["id"].as_str().unwrap().to_owned();
    let bodies = bodies(&entries);
    let before = (fixture.table().await, fixture.events().await);
    let description: Value = fixture.service.client.get("/openapi.json").send().await.is(200).json();
    let mut seen = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            seen += 1;
            let at = path.replace("{project_id}", &project).replace("{phase_id}", &phase);
            let method: Method = method.to_uppercase().parse().unwrap();
            let known = parameters(route);
            let unknown = known.first().map_or("as_of".to_owned(), |name| format!("{}s", &name[1..]));
            let body = bodies.get(route["operationId"].as_str().unwrap()).unwrap_or(&Value::Null);
            let target = format!("{at}?{unknown}=1");
            let response = fixture
                .service
                .client
                .request(method, &target)
                .bearer(&fixture.token)
                .json(body)
                .send()
                .await;
            let response = response.is(400);
            let problem = response.json();
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("{unknown:?}")), "{target}: {detail}");
            match known.first() {
                Some(known) => assert!(detail.contains(*known), "{target}: {detail}"),
                None => assert!(detail.contains("has none"), "{target}: {detail}"),
            }
            let is_planners = route["tags"][0] == "planner";
            let kind = if is_planners { "application/json" } else { "application/problem+json" };
            assert_eq!(response.header("content-type"), kind, "{target}");
            if is_planners {
                assert_eq!(problem, json!({ "detail": detail }), "{target}");
            } else {
                assert_eq!(
                    (&problem["code"], &problem["errors"][0]["field"]),
                    (&json!("bad_request"), &json!(unknown))
                );
            }
        }
    }
    assert_eq!(seen, 22);
    assert_eq!((fixture.table().await, fixture.events().await), before);
}

#[tokio::test]
async fn known_query_parameters_are_taken_once() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let at = format!("/projects/{project}/history");
    fixture.get(&format!("{at}?limit=1&order=desc")).send().await.is(200);
    fixture.get(&format!("{at}?")).send().await.is(200);
    let twice = fixture.get(&format!("{at}?limit=1&limit=2")).send().await.is(400).json();
    assert_eq!(twice["errors"][0]["field"], "limit");
    let both = fixture.get(&format!("{at}?limits=1&since=2&order=asc")).send().await.is(400).json();
    assert_eq!(both["errors"].as_array().unwrap().len(), 2);
    // A name that is not text, and a very long one.
    fixture.get(&format!("{at}?%FF=1")).send().await.is(400);
    let long = fixture.get(&format!("{at}?{}=1", "x".repeat(5000))).send().await.is(400);
    assert!(long.json().to_string().len() < 1000);
    // The same for HEAD, which the routes of GET serve.
    let head =
        fixture.service.client.request(Method::HEAD, &format!("/api/v1{at}?limits=1")).bearer(&fixture.token);
    head.send().await.is(400);
}

/// `neighbors` for `neighbours` once removed a phase that the client wanted to keep.
#[tokio::test]
async fn a_misspelt_parameter_removes_no_phase() {
    let fixture = ServiceFixture::start().await;
    let phase = fixture.phases(&fixture.project().await).await[0]["id"].as_str().unwrap().to_owned();
    let refused = fixture.delete(&format!("/phases/{phase}?neighbors=refuse")).send().await.is(400).json();
    assert!(
        refused["detail"].as_str().unwrap().contains("nearest of this route is \"neighbours\""),
        "{refused}"
    );
    fixture.get(&format!("/phases/{phase}")).send().await.is(200);
}
