//! Clients that request large responses and do not read them.

use crate::fixture::ServiceFixture;
use crate::service::{Service, settings};
use phaseline_api::settings::Settings;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// More than the kernel keeps for a connection, at 350 bytes each.
const ASSIGNMENTS: i64 = 30_000;

/// A service with short timeouts for clients, and a phase with many assignments.
async fn fixture() -> (ServiceFixture, String) {
    let fixture = ServiceFixture::start().await;
    let service =
        Service::over(&fixture.database, Settings { write_timeout: Duration::from_secs(1), ..settings() })
            .await;
    let fixture = ServiceFixture { service, ..fixture };
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    fixture
        .sql(&format!(
            "CREATE TEMP TABLE model AS SELECT * FROM resource_assignments LIMIT 1;
         UPDATE model SET project_id = '{project}',
                assignment_date = (SELECT start_date FROM project_phases WHERE id = '{phase}');
         ALTER TABLE resource_assignments DISABLE TRIGGER USER;
         INSERT INTO resource_assignments SELECT (m).* FROM (
             SELECT jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid())) AS m
               FROM model r, generate_series(1, {ASSIGNMENTS})) AS many"
        ))
        .await;
    (fixture, phase)
}

/// A connection with small kernel buffers.
async fn connect(fixture: &ServiceFixture) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(fixture.service.client.address()).await.unwrap()
}

fn request_text(fixture: &ServiceFixture, phase: &str) -> String {
    format!(
        "GET /api/v1/phases/{phase}/assignments HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\n\r\n",
        fixture.token
    )
}

/// Waits until the service has so many connections, the one of this query included.
async fn connections(fixture: &ServiceFixture, wanted: i64) {
    let mut seen = -1;
    for _ in 0..600 {
        let metrics = fixture.service.client.get("/metrics").send().await.is(200).text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("phaseline_http_connections "));
        seen = line.unwrap().parse().unwrap();
        if seen == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{seen} connections");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_response_loses_its_connection() {
    let (fixture, phase) = fixture().await;
    let mut stalled = Vec::new();
    for _ in 0..5 {
        let mut raw = connect(&fixture).await;
        raw.write_all(request_text(&fixture, &phase).as_bytes()).await.unwrap();
        stalled.push(raw);
    }
    // Many small pipelined responses have the same total size.
    let mut pipelined = connect(&fixture).await;
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400);
    pipelined.write_all(requests.as_bytes()).await.unwrap();
    stalled.push(pipelined);
    connections(&fixture, 1).await;
    for mut raw in stalled {
        let mut rest = Vec::new();
        let _ = raw.read_to_end(&mut rest).await;
        assert!(!rest.ends_with(b"0\r\n\r\n"), "a response that was not read has no end");
    }
}

#[tokio::test]
async fn a_client_that_pauses_while_it_reads_gets_everything() {
    let (fixture, phase) = fixture().await;
    let mut raw = connect(&fixture).await;
    raw.write_all(request_text(&fixture, &phase).as_bytes()).await.unwrap();
    let (mut response, mut part) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        let mut length = 0;
        while length < part.len() {
            match raw.read(&mut part[length..]).await.unwrap() {
                0 => break,
                read => length += read,
            }
        }
        response.extend_from_slice(&part[..length]);
        if length < part.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(response.ends_with(b"0\r\n\r\n"), "{} bytes", response.len());
}

#[tokio::test]
async fn all_assignments_have_the_same_order_in_one_response_and_page_by_page() {
    let (fixture, phase) = fixture().await;
    let path = format!("/phases/{phase}/assignments");
    let whole = fixture.get(&path).send().await.is(200);
    assert_eq!((whole.header("content-type"), whole.header("link")), ("application/json", ""));
    let etag = whole.header("etag").to_owned();
    let whole: Vec<Value> = whole.json().as_array().unwrap().clone();
    let ids: BTreeSet<&str> = whole.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), whole.len());
    let count = fixture
        .number(&format!(
            "SELECT count(*) FROM resource_assignments a JOIN project_phases p ON p.id = '{phase}'
              WHERE a.project_id = p.project_id AND a.assignment_date BETWEEN p.start_date AND p.end_date"
        ))
        .await;
    assert_eq!(i64::try_from(whole.len()).unwrap(), count);
    let order = |one: &Value| (one["assignment_date"].to_string(), one["id"].to_string());
    assert!(whole.is_sorted_by_key(order));

    let mut next = format!("/api/v1{path}?limit=4999");
    let mut walked = Vec::new();
    loop {
        let page = fixture.service.client.get(&next).bearer(&fixture.token).send().await.is(200);
        assert_eq!(page.header("etag"), etag);
        walked.extend(page.json().as_array().unwrap().iter().cloned());
        let link = page.header("link");
        if link.is_empty() {
            break;
        }
        assert!(link.ends_with("; rel=\"next\""), "{link}");
        next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert!(walked == whole, "{} and {}", walked.len(), whole.len());

    let other = fixture.phases(&fixture.project().await).await[1]["id"].as_str().unwrap().to_owned();
    let cursor = next.split("cursor=").nth(1).unwrap();
    for odd in [
        format!("{path}?limit=0"),
        format!("{path}?limit=5001"),
        format!("{path}?cursor=x"),
        format!("/phases/{other}/assignments?cursor={cursor}"),
    ] {
        assert!(fixture.get(&odd).send().await.is(400).json()["detail"].is_string(), "{odd}");
    }
}
