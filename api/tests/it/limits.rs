//! Expensive requests: bodies of 1 MiB full of errors, very long lists, work for projects that the caller has no right
//! to.

use crate::fixture::{ServiceFixture, day, new_entry};
use crate::service::{self, Service, in_seconds, settings, token};
use phaseline_api::settings::Settings;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// A list that repeats one entry, as text: as a value it would need much memory.
fn list(entry: &str, times: usize) -> String {
    format!("[{}]", vec![entry; times].join(","))
}

/// The errors of the planner's response to a body that cannot be read, and how many more there are.
fn faults(response: &Value) -> (usize, &Value) {
    let details = &response["error"]["details"];
    (details["field_errors"].as_array().unwrap().len(), &details["more_errors"])
}

#[tokio::test]
async fn the_first_hundred_errors_are_listed_and_the_others_counted() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let check = format!("/projects/{project}/phases/validate");
    let batch = format!("/projects/{project}/phases/batch");
    let empty = vec![json!({}); 1000];
    let response = fixture.post(&check, &json!(empty)).send().await.is(422).json();
    assert_eq!(faults(&response), (100, &json!(3 * 1000 - 100)));
    let response = fixture.post(&batch, &json!({ "phases": empty })).send().await.is(422).json();
    assert_eq!(faults(&response), (100, &json!(3 * 1000 - 100)));
    let known = vec![json!({ "id": Uuid::nil() }); 1000];
    let response = fixture.post(&batch, &json!({ "phases": known })).send().await.is(422).json();
    assert_eq!(faults(&response), (100, &json!(6 * 1000 - 100)));
    // Without more errors the planner's responses have no additional member.
    let response = fixture.post(&check, &json!([{}])).send().await.is(422).json();
    assert_eq!(faults(&response), (3, &Value::Null));

    let wide: serde_json::Map<String, Value> = (0..500).map(|n| (format!("m{n}"), json!(n))).collect();
    let response =
        fixture.post(&format!("/projects/{project}/phases"), &json!(wide)).send().await.is(422).json();
    assert_eq!(response["errors"].as_array().unwrap().len(), 100);
    assert_eq!(response["more_errors"], 500 + 3 - 100);
    let response =
        fixture.post(&format!("/projects/{project}/phases"), &json!({})).send().await.is(422).json();
    assert_eq!((response["errors"].as_array().unwrap().len(), &response["more_errors"]), (3, &Value::Null));
}

#[tokio::test]
async fn the_first_hundred_violations_are_listed_and_the_others_counted() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = vec![new_entry("\0", "2030-01-01", "2030-01-02"); 300];
    let refused = fixture.batch(&project, &phases).await.is(422).json();
    let checked = fixture.post(&format!("/projects/{project}/phases/validate"), &json!(phases)).send().await;
    let checked = checked.is(200).json();
    let body = json!({ "replace": { "phases": phases } });
    let foreseen = fixture.post(&format!("/projects/{project}/timeline/preview"), &body).send().await;
    let foreseen = foreseen.is(200).json();
    for response in [&refused, &checked, &foreseen] {
        assert_eq!(response["errors"].as_array().unwrap().len(), 100);
        assert!(response["more_errors"].as_u64().unwrap() > 500, "{response}");
    }
}

#[tokio::test]
async fn a_list_over_the_limit_is_refused_by_name_at_any_depth() {
    let fixture = ServiceFixture::start().await;
    let service = Service::over(&fixture.database, Settings { max_phases: 3, ..settings() }).await;
    let fixture = ServiceFixture { service, ..fixture };
    let project = fixture.project().await;
    let ids = |count: usize| vec![Uuid::nil(); count];
    let phases = |count: usize| vec![new_entry("A", "2030-01-01", "2030-01-02"); count];
    let routes = |count: usize| {
        [
            ("phases/validate", json!(phases(count)), "body"),
            ("phases/batch", json!({ "phases": phases(count) }), "body -> phases"),
            ("phases/reorder", json!({ "phases": ids(count) }), "phases"),
            ("timeline/preview", json!({ "replace": { "phases": phases(count) } }), "replace.phases"),
            ("timeline/preview", json!({ "reorder": { "phases": ids(count) } }), "reorder.phases"),
        ]
    };
    let message = "List should have at most 3 items (max_phases)";
    for (path, body, place) in routes(4) {
        let response =
            fixture.post(&format!("/projects/{project}/{path}"), &body).send().await.is(422).json();
        let fault = if response["success"] == false {
            &response["error"]["details"]["field_errors"][0]
        } else {
            &response["errors"][0]
        };
        assert_eq!((&fault["field"], &fault["message"]), (&json!(place), &json!(message)), "{path}");
    }
    for (path, body, _) in routes(3) {
        let response = fixture.post(&format!("/projects/{project}/{path}"), &body).send().await;
        assert!(!response.text().contains("max_phases"), "{path}: {}", response.text());
    }
}

#[tokio::test]
async fn a_body_full_of_errors_costs_about_as_much_as_a_list_over_the_limit() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let check = format!("/projects/{project}/phases/validate");
    let batch = format!("/projects/{project}/phases/batch");
    let send = async |path: &str, body: String| {
        assert!(body.len() < 1024 * 1024);
        let began = Instant::now();
        let response = fixture.post(path, &Value::Null).body(body).send().await.is(422);
        assert!(response.body.len() < 1000, "{}", response.text());
        assert!(response.text().contains("max_phases"), "{}", response.text());
        began.elapsed()
    };
    send(&check, list("{}", 5001)).await;
    let small = send(&check, list("{}", 5001)).await;
    let most = small * 20 + Duration::from_millis(500);
    let phases = |list: String| format!("{{\"phases\":{list}}}");
    for (path, body) in [
        (&check, list("{}", 100_000)),
        (&check, list("0", 520_000)),
        (&check, list("{}", 340_000)),
        (&batch, phases(list("{}", 340_000))),
        (&batch, phases(list("{\"a\":0}", 130_000))),
        (&batch, phases(list(&list("0", 4000), 120))),
        (
            &batch,
            format!("{{{}\"phases\":[]}}", (0..100_000).map(|n| format!("\"{n}\":0,")).collect::<String>()),
        ),
    ] {
        // Without the limit it would be far longer, each time; with it, other work on the machine may delay a request.
        let mut took = Vec::new();
        while took.len() < 5 && took.last().is_none_or(|took| *took > most) {
            took.push(send(path, body.clone()).await);
        }
        assert!(
            took.last().is_some_and(|took| *took <= most),
            "{took:?}, where {small:?} were enough for 5 001"
        );
    }
}

/// Sends the head of a request whose body never comes, and reads the status of the response.
async fn status_without_body(fixture: &ServiceFixture, method: &str, path: &str, token: &str) -> String {
    let mut raw = TcpStream::connect(fixture.service.client.address()).await.unwrap();
    let head = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 1000000\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\n\r\n"
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    let mut response = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), raw.read_exact(&mut response)).await;
    read.unwrap_or_else(|_| panic!("{method} {path} waits for the body")).unwrap();
    String::from_utf8_lossy(&response[9..]).into_owned()
}

#[tokio::test]
async fn callers_without_permission_are_refused_before_the_body() {
    let fixture = ServiceFixture::start().await;
    let (project, other) = (fixture.project().await, fixture.projects(2).await.swap_remove(1));
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let of_other = token(
        &json!({ "sub": "eve", "exp": in_seconds(600), "scope": service::EVERYTHING, "projects": [other] }),
    );
    let reader = fixture.service.token("history:read");
    for (method, path, status) in [
        ("POST", format!("/projects/{project}/phases"), "403"),
        ("POST", format!("/projects/{project}/phases/batch"), "403"),
        ("POST", format!("/projects/{project}/phases/validate"), "403"),
        ("POST", format!("/projects/{project}/phases/reorder"), "403"),
        ("PUT", format!("/projects/{project}/timeline"), "403"),
        ("POST", format!("/projects/{project}/timeline/preview"), "403"),
        ("PATCH", format!("/phases/{phase}"), "404"),
        ("DELETE", format!("/phases/{phase}"), "404"),
    ] {
        assert_eq!(status_without_body(&fixture, method, &path, "none").await, "401", "{method} {path}");
        assert_eq!(status_without_body(&fixture, method, &path, &reader).await, "403", "{method} {path}");
        assert_eq!(status_without_body(&fixture, method, &path, &of_other).await, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_client_still_sending_reads_the_refusal_and_keeps_the_connection() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let body = list("{}", 300_000);
    let mut raw = TcpStream::connect(fixture.service.client.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/projects/{project}/phases/validate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    raw.write_all(body.as_bytes()).await.unwrap();
    raw.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut responses = String::new();
    raw.read_to_string(&mut responses).await.unwrap();
    assert!(responses.starts_with("HTTP/1.1 401 ") && responses.contains("HTTP/1.1 200 "), "{responses}");
}

/// The CPU time of this thread.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// One thread serves everything here: a long computation would block all other requests.
#[tokio::test(flavor = "current_thread")]
async fn a_large_request_does_not_block_a_worker_thread() {
    let fixture = ServiceFixture::start().await;
    let project = Uuid::new_v4().to_string();
    fixture.make_project(&project, "'2010-01-01', '2023-09-09'").await;
    let days = (0..5000).map(|n| day(&json!("2010-01-01"), n));
    let phases: Vec<Value> = days.map(|day| new_entry("A phase of one day", &day, &day)).collect();
    let body = json!({ "phases": phases }).to_string();
    let began = processor_time();
    let read: Value = serde_json::from_str(&body).unwrap();
    let reading = processor_time() - began;
    assert_eq!(read["phases"].as_array().unwrap().len(), 5000);

    let mut longest = Duration::ZERO;
    let mut sending = Box::pin(fixture.batch_of_text(&project, body).send());
    let response = loop {
        let began = processor_time();
        tokio::select! {
            biased;
            response = &mut sending => break response,
            () = tokio::task::yield_now() => {}
        }
        longest = longest.max(processor_time() - began);
    };
    assert_eq!(response.is(200).json().as_array().unwrap().len(), 5000);
    // Deciding about them, or writing the response, takes far longer than reading them.
    assert!(
        longest < reading * 3,
        "{longest:?} in one piece, where reading the body alone takes {reading:?}"
    );
}
