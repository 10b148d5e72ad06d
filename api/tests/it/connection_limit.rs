//! More connections than the service takes.

use crate::fixture::ServiceFixture;
use crate::service::{Service, settings};
use phaseline_api::settings::Settings;
use phaseline_tests::http::Client;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn idle(fixture: &ServiceFixture, count: usize) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(TcpStream::connect(fixture.service.client.address()).await.unwrap());
    }
    all
}

#[tokio::test]
async fn idle_connections_beyond_the_limit_leave_room_for_health_checks() {
    let fixture = ServiceFixture::start().await;
    let service = Service::over(&fixture.database, Settings { max_clients: 20, ..settings() }).await;
    let fixture = ServiceFixture { service, ..fixture };
    let project = fixture.project().await;
    // The limit for idle connections (75 s) does not close any while this runs.
    let connections = idle(&fixture, 300).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        // Each request has its own connection.
        let response = Client::new(fixture.service.client.address()).get(path).send().await.is(200);
        assert_eq!(response.header("connection"), "close");
    }
    let path = format!("/api/v1/projects/{project}/phases");
    let response =
        Client::new(fixture.service.client.address()).get(&path).bearer(&fixture.token).send().await.is(503);
    assert_eq!(response.json()["code"], "too_many_connections");
    assert!(response.header("retry-after").parse::<u32>().unwrap() >= 1);
    drop(connections);
    let mut status = 0;
    for _ in 0..300 {
        status = Client::new(fixture.service.client.address())
            .get(&path)
            .bearer(&fixture.token)
            .send()
            .await
            .status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, 200, "there is room again");
}

#[tokio::test]
async fn existing_connections_are_served_beyond_the_limit() {
    let fixture = ServiceFixture::start().await;
    let service = Service::over(&fixture.database, Settings { max_clients: 2, ..settings() }).await;
    let fixture = ServiceFixture { service, ..fixture };
    let project = fixture.project().await;
    let path = format!("/projects/{project}/phases");
    fixture.get(&path).send().await.is(200);
    let _connections = idle(&fixture, 50).await;
    for _ in 0..3 {
        fixture.get(&path).send().await.is(200);
    }
}

#[tokio::test]
async fn a_request_head_may_hold_a_long_token_but_not_more_than_the_limit() {
    let fixture = ServiceFixture::start().await;
    let long = "x".repeat(50_000);
    fixture.service.client.get("/livez").header("x-long", &long).send().await.is(200);
    let mut raw = TcpStream::connect(fixture.service.client.address()).await.unwrap();
    let head = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nx-long: {}", "x".repeat(390_000));
    // The service closes the connection before it has read the whole request.
    let _ = raw.write_all(head.as_bytes()).await;
    let mut response = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), raw.read_to_end(&mut response))
        .await
        .expect("it is closed");
    let response = String::from_utf8_lossy(&response);
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 431 "), "{response}");
}
