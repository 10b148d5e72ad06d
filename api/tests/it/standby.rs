//! A service over a standby: timelines as they were are those of the primary, or come later.

use crate::fixture::ServiceFixture;
use crate::service::{self, Service, migrated_on, settings};
use phaseline_api::server;
use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_tests::http::HttpResponse;
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// A service over a primary, and one over its standby.
struct Pair {
    service: Service,
    fixture: ServiceFixture,
    standby: TestCluster,
}

impl Pair {
    async fn start() -> Self {
        let primary = TestCluster::start(TestOptions::default());
        let fixture = ServiceFixture::over(migrated_on(&primary)).await;
        let standby = primary.standby();
        let url = standby.url(fixture.database.name());
        let service = Service::of_routes(&url, settings(), server::all_routes()).await;
        Self { service, fixture, standby }
    }

    /// Runs SQL on the standby.
    fn psql(&self, sql: &str) -> String {
        let url = self.standby.url(self.fixture.database.name());
        self.standby.binaries().psql(&url, sql).unwrap()
    }

    /// Waits until the standby has all events of the primary.
    async fn replicated(&self) {
        let tip = "SELECT max(position) FROM phaseline.events";
        let wanted = self.fixture.number(tip).await.to_string();
        let begun = Instant::now();
        while self.psql(tip).trim() != wanted {
            // The limit allows for slow machines.
            assert!(begun.elapsed() < Duration::from_secs(60), "not replicated within 60 s");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn of_standby(&self, path: &str) -> HttpResponse {
        let token = self.service.token(service::EVERYTHING);
        self.service.client.get(&format!("/api/v1{path}")).bearer(&token).send().await
    }

    /// The standby's response must be the primary's, which this returns.
    async fn same(&self, path: &str) -> String {
        let (ours, theirs) =
            (self.of_standby(path).await.is(200), self.fixture.get(path).send().await.is(200));
        assert_eq!(ours.text(), theirs.text(), "{path}");
        for header in ["etag", "link", "phaseline-at", "phaseline-as-of", "cache-control"] {
            assert_eq!(ours.header(header), theirs.header(header), "{path}: {header}");
        }
        ours.text()
    }

    /// The standby must refuse this for now.
    async fn later(&self, path: &str) {
        let refused = self.of_standby(path).await.is(503);
        assert_eq!(refused.json()["code"], "unsettled", "{path}");
        assert_eq!(refused.header("retry-after"), "1", "{path}");
    }
}

#[tokio::test]
async fn a_standby_returns_what_the_primary_returns_or_asks_to_come_back() {
    let pair = Pair::start().await;
    let project = pair.fixture.project().await;
    let phase = pair.fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/projects/{project}/timeline");
    let rename = async |name: &str| {
        pair.fixture.patch(&format!("/phases/{phase}"), &json!({ "name": name })).send().await.is(200);
        let tip = pair.fixture.get(&path).send().await.is(200).json()["position"].as_i64().unwrap();
        let past = pair.fixture.get(&format!("{path}?at={tip}")).send().await.is(200).json();
        (tip, past["moment"]["recorded_at"].as_str().unwrap().to_owned())
    };
    let mut moments: Vec<(i64, String)> = Vec::new();
    for n in 0..12 {
        moments.push(rename(&format!("Name {n}")).await);
    }
    pair.replicated().await;
    let (last, earlier) = moments.split_last().unwrap();
    for (position, time) in earlier {
        let by_position = pair.same(&format!("{path}?at={position}")).await;
        assert_eq!(pair.same(&format!("{path}?as_of={time}")).await, by_position);
        pair.same(&format!("/projects/{project}/diff?from={position}&to={}", last.0)).await;
    }
    // Position by position all is there, but another event of the same time could follow.
    let (position, time) = last;
    let by_position = pair.same(&format!("{path}?at={position}")).await;
    pair.later(&format!("{path}?as_of={time}")).await;
    let theirs = pair.fixture.get(&format!("{path}?as_of={time}")).send().await.is(200);
    assert_eq!(theirs.text(), by_position);
    // While the standby does not follow, it knows the past only.
    pair.psql("SELECT pg_wal_replay_pause()");
    let (behind, missed) = rename("Missed").await;
    let (_, after) = rename("After").await;
    let theirs = pair.fixture.get(&format!("{path}?as_of={missed}")).send().await.is(200);
    for path in [format!("{path}?as_of={missed}"), format!("{path}?as_of={after}")] {
        pair.later(&path).await;
    }
    pair.later(&format!("/projects/{project}/diff?from=1&to={missed}")).await;
    pair.of_standby(&format!("{path}?at={behind}")).await.is(422);
    pair.same(&format!("{path}?as_of={}", earlier[3].1)).await;
    pair.psql("SELECT pg_wal_replay_resume()");
    pair.replicated().await;
    assert_eq!(pair.same(&format!("{path}?as_of={missed}")).await, theirs.text());
}

/// The least answers of the standby before the writing ends.
const ANSWERS: usize = 20;

/// Readers of the standby ask for a millisecond ago while commands are written, and again at the end.
#[tokio::test]
async fn what_a_standby_has_returned_stays_so_while_commands_are_written() {
    let pair = Pair::start().await;
    let project = pair.fixture.project().await;
    let phase = pair.fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/projects/{project}/timeline");
    let mut seen: Vec<(String, String)> = Vec::new();
    let answers = Cell::new(0);
    let writing = async {
        let mut n = 0;
        while answers.get() < ANSWERS {
            n += 1;
            let body = json!({ "name": format!("Name {n}") });
            pair.fixture.patch(&format!("/phases/{phase}"), &body).send().await.is(200);
        }
    };
    let reading = async {
        loop {
            let ago = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '1 ms', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
            let time = pair.fixture.text(ago).await;
            let found = pair.of_standby(&format!("{path}?as_of={time}")).await;
            if found.status == 200 {
                seen.push((time, found.text()));
            } else {
                assert_eq!((found.status, found.header("retry-after")), (503, "1"));
            }
            answers.set(answers.get() + 1);
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
    // An event behind all of them.
    pair.fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "End" })).send().await.is(200);
    pair.replicated().await;
    // How often a time was final depends on the machine.
    for (time, body) in &seen {
        assert_eq!(&pair.same(&format!("{path}?as_of={time}")).await, body, "{time}");
    }
    let past: Value = serde_json::from_str(&pair.same(&format!("{path}?at=0")).await).unwrap();
    assert_eq!(past["exists"], false);
}
