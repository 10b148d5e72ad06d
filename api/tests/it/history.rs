//! The history, page by page, of projects and phases, including removed ones.

use crate::fixture::ServiceFixture;
use crate::service::{self, in_seconds, token};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// All entries, by following the links of the responses.
async fn walk(fixture: &ServiceFixture, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = format!("/api/v1{path}");
    for _ in 0..100 {
        let response = fixture.service.client.get(&next).bearer(&fixture.token).send().await.is(200);
        let page = response.json();
        let entries = page["entries"].as_array().unwrap();
        all.extend(entries.iter().cloned());
        let link = response.header("link");
        match page["next_cursor"].as_str() {
            None => {
                assert_eq!(link, "");
                return all;
            }
            Some(cursor) => {
                assert!(link.ends_with("; rel=\"next\"") && link.contains(cursor));
                next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
            }
        }
    }
    panic!("there is no end");
}

/// Renames the first phase so many times.
async fn rename(fixture: &ServiceFixture, project: &str, times: usize) -> String {
    let phase = fixture.phases(project).await[0]["id"].as_str().unwrap().to_owned();
    for time in 0..times {
        let body = json!({ "name": format!("Name {time}") });
        let request = fixture.patch(&format!("/phases/{phase}"), &body);
        request.header("Phaseline-Reason", "because").send().await.is(200);
    }
    phase
}

#[tokio::test]
async fn pages_of_any_size_walk_everything_once_either_way() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = rename(&fixture, &project, 7).await;
    let last =
        fixture.number(&format!(
            "SELECT max(version) FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{project}'"
        ))
        .await;
    let whole = fixture.get(&format!("/projects/{project}/history")).send().await.is(200);
    assert_eq!(whole.header("etag"), format!("\"{last}\""));
    let whole = whole.json()["entries"].as_array().unwrap().clone();
    let versions: Vec<i64> = whole.iter().map(|entry| entry["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, (1..=last).collect::<Vec<_>>());
    // The actor comes from the token, the login from the database.
    let login = fixture.database.psql("SELECT session_user");
    assert!(whole.iter().all(|entry| entry["login"] == login.trim()), "{whole:?}");
    let mut backwards = whole.clone();
    backwards.reverse();
    for limit in [1, 3, last, 500] {
        assert_eq!(walk(&fixture, &format!("/projects/{project}/history?limit={limit}")).await, whole);
        let path = format!("/projects/{project}/history?order=desc&limit={limit}");
        assert_eq!(walk(&fixture, &path).await, backwards);
    }
    let of_phase: Vec<Value> =
        whole.iter().filter(|entry| entry["phase_id"] == phase.as_str()).cloned().collect();
    assert_eq!(walk(&fixture, &format!("/phases/{phase}/history?limit=2")).await, of_phase);
    let newest = of_phase.last().unwrap();
    assert_eq!(newest["changes"], json!([{ "field": "name", "before": "Name 5", "after": "Name 6" }]));
    assert_eq!(
        (&newest["actor"], &newest["reason"], &newest["source"]),
        (&json!("ada"), &json!("because"), &json!("api"))
    );
}

#[tokio::test]
async fn pages_are_not_disturbed_by_concurrent_changes() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    rename(&fixture, &project, 3).await;
    let first =
        fixture.get(&format!("/projects/{project}/history?order=desc&limit=2")).send().await.is(200).json();
    rename(&fixture, &project, 2).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = fixture
        .get(&format!("/projects/{project}/history?limit=100&cursor={cursor}"))
        .send()
        .await
        .is(200)
        .json();
    let oldest = first["entries"][1]["version"].as_i64().unwrap();
    let versions: Vec<i64> = second["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["version"].as_i64().unwrap())
        .collect();
    assert_eq!(versions, (1..oldest).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn foreign_cursors_and_invalid_queries_are_refused() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let other = fixture.projects(2).await.swap_remove(1);
    let path = format!("/projects/{project}/history");
    let page = fixture.get(&format!("{path}?limit=1")).send().await.is(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    for odd in [
        format!("{path}?cursor=garbage"),
        format!("{path}?cursor={cursor}x"),
        format!("{path}?order=desc&cursor={cursor}"),
        format!("/projects/{other}/history?cursor={cursor}"),
    ] {
        assert_eq!(fixture.get(&odd).send().await.is(400).json()["code"], "bad_cursor", "{odd}");
    }
    for odd in ["limit=0", "limit=501", "limit=x", "order=up"] {
        fixture.get(&format!("{path}?{odd}")).send().await.is(400);
    }
}

#[tokio::test]
async fn hidden_histories_stay_hidden_and_deleted_ones_stay_readable() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[1]["id"].as_str().unwrap().to_owned();
    fixture.delete(&format!("/phases/{phase}")).send().await.is(200);
    // Another service has nothing in its cache.
    let fixture = ServiceFixture {
        service: service::Service::over(&fixture.database, service::settings()).await,
        ..fixture
    };
    let path = format!("/phases/{phase}/history");
    let response = fixture.get(&path).send().await.is(200).json();
    assert_eq!(response["entries"].as_array().unwrap().last().unwrap()["event_type"], "PhaseRemoved");
    let reader = fixture.service.token("phases:read phases:write");
    fixture.service.client.get(&format!("/api/v1{path}")).bearer(&reader).send().await.is(403);
    let elsewhere = token(&json!({ "sub": "eve", "exp": in_seconds(600), "scope": "history:read",
        "projects": [Uuid::new_v4()] }));
    let client = &fixture.service.client;
    client.get(&format!("/api/v1{path}")).bearer(&elsewhere).send().await.is(404);
    client.get(&format!("/api/v1/projects/{project}/history")).bearer(&elsewhere).send().await.is(403);
    fixture.get(&format!("/projects/{}/history", Uuid::new_v4())).send().await.is(404);
    fixture.get(&format!("/phases/{}/history", Uuid::new_v4())).send().await.is(404);
}

#[tokio::test]
async fn hidden_and_missing_phases_get_the_same_response_in_the_same_time() {
    let fixture = ServiceFixture::start().await;
    let (project, other) = (fixture.project().await, fixture.projects(2).await.swap_remove(1));
    let hidden = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let removed = fixture.phases(&project).await[1]["id"].as_str().unwrap().to_owned();
    fixture.delete(&format!("/phases/{removed}")).send().await.is(200);
    // A log so long that a search from its beginning would be noticed. Nothing verifies it, so its hashes are not valid.
    fixture.sql(
        "INSERT INTO phaseline.events SELECT tip.position + n, 'Timeline', gen_random_uuid(), 1, gen_random_uuid(), 'PhaseCreated',
                1, json_build_object('phase_id', gen_random_uuid()), '{}', '', tip.recorded_at, tip.hash
           FROM (SELECT * FROM phaseline.events ORDER BY position DESC LIMIT 1) tip, generate_series(1, 100000) n;
         ANALYZE phaseline.events",
    )
    .await;
    let eve = token(
        &json!({ "sub": "eve", "exp": in_seconds(600), "scope": service::EVERYTHING, "projects": [other] }),
    );
    let request = async |phase: &str| {
        let began = std::time::Instant::now();
        let path = format!("/api/v1/phases/{phase}/history");
        let response = fixture.service.client.get(&path).bearer(&eve).send().await.is(404);
        let mut names: Vec<String> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (
            began.elapsed(),
            response.text().replace(phase, "ID").split("\"request_id\"").next().unwrap().to_owned(),
            names,
        )
    };
    let median = |mut times: Vec<std::time::Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (mut times, mut response, mut current) =
        ([Vec::new(), Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for _ in 0..25 {
        let unknown = Uuid::new_v4().to_string();
        for (times, phase) in times.iter_mut().zip([&hidden, &removed, &unknown]) {
            let (took, text, names) = request(phase).await;
            times.push(took);
            response.push((text, names));
        }
        // This route reads the current rows and never the log.
        let began = std::time::Instant::now();
        let path = format!("/api/v1/phases/{unknown}");
        fixture.service.client.get(&path).bearer(&eve).send().await.is(404);
        current.push(began.elapsed());
    }
    response.dedup();
    assert_eq!(response.len(), 1, "{response:?}");
    let [hidden, removed, unknown] = times.map(median);
    let current = median(current);
    // A search of the log would be many times slower.
    for took in [hidden, removed] {
        assert!(unknown < took * 4 && took < unknown * 4, "{hidden:?} {removed:?} {unknown:?}");
    }
    assert!(unknown < current * 10, "{unknown:?}, where {current:?} are enough without the log");
}

#[tokio::test]
async fn readers_of_a_long_history_do_not_delay_other_reads() {
    let fixture = ServiceFixture::start().await;
    let (project, other) = (fixture.project().await, fixture.projects(2).await.swap_remove(1));
    // A history of 2 000 renames. Nothing verifies it, so its hashes are not valid.
    fixture.sql(&format!(
        "INSERT INTO phaseline.events
         SELECT tip.position + n, 'Timeline', '{project}', last.version + n, gen_random_uuid(), 'PhaseRenamed', 1,
                json_build_object('phase_id', phase.id, 'name', 'Name ' || n), '{{}}', '', tip.recorded_at, tip.hash
           FROM (SELECT position, recorded_at, hash FROM phaseline.events ORDER BY position DESC LIMIT 1) tip,
                (SELECT max(version) AS version FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{project}') last,
                (SELECT id FROM public.project_phases WHERE project_id = '{project}' ORDER BY start_date LIMIT 1) phase,
                generate_series(1, 2000) n;
         ANALYZE phaseline.events"
    ))
    .await;
    let fixture = std::sync::Arc::new(fixture);
    let began = Instant::now();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (fixture, path) = (fixture.clone(), format!("/projects/{project}/history?limit=100"));
        readers.spawn(async move { walk(&fixture, &path).await.len() });
    }
    let mut longest = Duration::ZERO;
    let mut reads = 0;
    while !readers.is_empty() {
        let began = Instant::now();
        fixture.get(&format!("/projects/{other}/timeline")).send().await.is(200);
        longest = longest.max(began.elapsed());
        reads += 1;
        while let Some(read) = readers.try_join_next() {
            assert!(read.unwrap() > 2_000, "a reader reaches the end of the history");
        }
    }
    let took = began.elapsed();
    // Each reader fetches 20 pages. A service that handled a history as one piece would let the other read wait for all of them.
    assert!(longest < took / 4, "the longest of {reads} reads took {longest:?}, all histories {took:?}");
}
