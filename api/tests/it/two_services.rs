//! Two services on one database: each sees the other's writes at once, despite its cache.

use crate::fixture::ServiceFixture;
use crate::service::{Service, settings};
use serde_json::json;

#[tokio::test]
async fn each_service_reads_and_respects_the_writes_of_the_other() {
    let fixture = ServiceFixture::start().await;
    let other = Service::over(&fixture.database, settings()).await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/phases/{phase}");
    let services = [&fixture.service, &other];
    let mut tag = fixture.get(&format!("/phases/{phase}")).send().await.header("etag").to_owned();
    for round in 0..6 {
        let (writes, reads) = (services[round % 2], services[(round + 1) % 2]);
        let body = json!({ "name": format!("Round {round}") });
        let stale = tag.clone();
        let request = writes.client.patch(&path).bearer(&fixture.token).json(&body);
        tag = request.header("If-Match", &tag).send().await.is(200).header("etag").to_owned();
        let read = reads.client.get(&path).bearer(&fixture.token).send().await.is(200);
        assert_eq!((read.header("etag"), &read.json()["name"]), (tag.as_str(), &body["name"]));
        // The reader's cache is older, and the check of the version does not rely on it.
        let request = reads.client.patch(&path).bearer(&fixture.token).json(&json!({ "name": "Late" }));
        request.header("If-Match", &stale).send().await.is(412);
        let same = reads.client.patch(&path).bearer(&fixture.token).json(&body);
        assert_eq!(same.send().await.is(200).header("etag"), tag, "nothing changes");
    }
    other.client.delete(&path).bearer(&fixture.token).send().await.is(200);
    for service in services {
        service.client.get(&path).bearer(&fixture.token).send().await.is(404);
        service.client.patch(&path).bearer(&fixture.token).json(&json!({ "name": "A" })).send().await.is(404);
    }
}
