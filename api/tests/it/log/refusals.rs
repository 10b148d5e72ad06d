//! Requests for the log that are refused, and why.

use super::all;
use crate::fixture::ServiceFixture;

#[tokio::test]
async fn each_bad_parameter_is_named_with_what_would_do() {
    let fixture = ServiceFixture::start().await;
    for (query, named) in [
        ("from=x", "from must be a position of the log"),
        ("to=-1", "to must be a position of the log"),
        ("since=2026-01-31", "since must be a time with its offset"),
        ("until=2026-01-31T12:00:00", "each time zone"),
        ("from=1&since=2026-01-31T12:00:00Z", "from and since are the same end of the range"),
        ("to=1&until=2026-01-31T12:00:00Z", "to and until are the same end of the range"),
        ("from=2&to=1", "before its beginning"),
        ("since=2026-01-31T12:00:00Z&until=2026-01-30T12:00:00Z", "before its beginning"),
        ("from=3&until=2001-01-01T00:00:00Z", "before its beginning"),
        ("type=PhaseRenames", "PhaseRenamed"),
        ("type=", "RunStarted"),
        ("project=Alpha", "project must be the id of a project"),
        ("limit=0", "limit must be a number from 1 to 500"),
        ("limit=501", "limit must be a number from 1 to 500"),
        ("projects=1", "the nearest of this route is \"project\""),
    ] {
        let refused = fixture.get(&format!("/log?{query}")).send().await.is(400).json();
        assert_eq!(refused["code"], "bad_request", "{query}");
        assert!(refused["detail"].as_str().unwrap().contains(named), "{query}: {refused}");
    }
    for (query, code) in [
        ("to=99999999", "no_such_position"),
        ("from=99999999", "no_such_position"),
        ("until=2999-01-01T00:00:00Z", "in_the_future"),
        ("since=2999-01-01T00:00:00Z", "in_the_future"),
    ] {
        let refused = fixture.get(&format!("/log?{query}")).send().await.is(422).json();
        assert_eq!(refused["code"], code, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_log_or_another_selection_is_refused() {
    let fixture = ServiceFixture::start().await;
    let page = fixture.get("/log?type=PhaseCreated&limit=1").send().await.is(200).json();
    assert!(page["next_cursor"].is_null(), "the sample has no such event");
    let page = fixture.get("/log?type=LegacyPhaseAdopted&limit=1").send().await.is(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    // The size of a page may change.
    all(&fixture, &format!("type=LegacyPhaseAdopted&limit=3&cursor={cursor}")).await;
    for odd in [
        format!("cursor={cursor}"),
        format!("type=RunStarted&cursor={cursor}"),
        format!("type=LegacyPhaseAdopted&actor=ada&cursor={cursor}"),
        format!("type=LegacyPhaseAdopted&to=3&cursor={cursor}"),
        format!("type=LegacyPhaseAdopted&cursor={cursor}x"),
        "cursor=garbage".to_owned(),
    ] {
        let refused = fixture.get(&format!("/log?{odd}")).send().await.is(400).json();
        assert_eq!(refused["code"], "bad_cursor", "{odd}");
    }
    fixture.sql("ALTER TABLE phaseline.head DISABLE TRIGGER ALL; UPDATE phaseline.head SET log_id = gen_random_uuid()").await;
    let other = fixture.get(&format!("/log?type=LegacyPhaseAdopted&cursor={cursor}")).send().await.is(400);
    assert_eq!(other.json()["code"], "bad_cursor");
}
