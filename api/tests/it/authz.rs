//! The rights that each route needs: a request without a token, without the scope, and for another project.

use crate::fixture::{ServiceFixture, new_entry};
use crate::service::{self, in_seconds, token};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn every_route_needs_its_scope_and_its_project() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let (table, events) = (fixture.table().await, fixture.events().await);
    let days = json!({ "start_date": "2030-01-01", "end_date": "2030-01-02" });
    let batch = json!({ "phases": [new_entry("A", "2030-01-01", "2030-01-02")] });
    let name = json!({ "name": "A" });
    let (read, write, history) = ("phases:read", "phases:write", "history:read");
    let (of_project, of_phase) = (format!("/api/v1/projects/{project}"), format!("/api/v1/phases/{phase}"));
    let to = json!({ "to": 4711 });
    let routes: [(Method, String, &Value, &str); 17] = [
        (Method::GET, format!("{of_project}/phases"), &Value::Null, read),
        (Method::POST, format!("{of_project}/phases"), &name, write),
        (Method::POST, format!("{of_project}/phases/batch"), &batch, write),
        (Method::POST, format!("{of_project}/phases/validate"), &json!([]), read),
        (Method::POST, format!("{of_project}/phases/reorder"), &json!({ "phases": [] }), write),
        (Method::GET, format!("{of_project}/timeline"), &Value::Null, read),
        (Method::PUT, format!("{of_project}/timeline"), &days, write),
        (Method::POST, format!("{of_project}/timeline/preview"), &json!({ "reschedule": days }), read),
        (Method::POST, format!("{of_project}/timeline/preview"), &json!({ "restore": to }), history),
        (Method::POST, format!("{of_project}/timeline/restore"), &to, write),
        (Method::POST, format!("{of_project}/timeline/restore"), &to, history),
        (Method::GET, format!("{of_project}/history"), &Value::Null, history),
        (Method::GET, of_phase.clone(), &Value::Null, read),
        (Method::PATCH, of_phase.clone(), &name, write),
        (Method::DELETE, of_phase.clone(), &Value::Null, write),
        (Method::GET, format!("{of_phase}/assignments"), &Value::Null, read),
        (Method::GET, format!("{of_phase}/history"), &Value::Null, history),
    ];
    let elsewhere = json!({ "sub": "eve", "exp": in_seconds(600), "scope": service::EVERYTHING,
        "projects": [Uuid::new_v4()] });
    for (method, path, body, scope) in routes {
        let request = || fixture.service.client.request(method.clone(), &path).json(body);
        request().send().await.is(401);
        let others: Vec<&str> = service::EVERYTHING.split(' ').filter(|other| *other != scope).collect();
        let lacking = request().bearer(&fixture.service.token(&others.join(" "))).send().await.is(403);
        assert!(lacking.header("www-authenticate").contains(scope), "{method} {path}");
        // A phase of another project is reported as missing, another project as forbidden.
        let hidden = if path.starts_with(&of_phase) { 404 } else { 403 };
        request().bearer(&token(&elsewhere)).send().await.is(hidden);
    }
    assert_eq!((fixture.table().await, fixture.events().await), (table, events));
}
