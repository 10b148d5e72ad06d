//! The runs and repairs as a page.

use crate::fixture::ServiceFixture;
use crate::log::Eventful;
use crate::page::{Page, unescaped};
use crate::pages_portfolio::roll_back;
use crate::service::{in_seconds, migrate_it, token};
use serde_json::json;

/// The runs' sections, in order.
fn sections(page: &Page) -> Vec<String> {
    page.text
        .split("<section class=\"run")
        .skip(1)
        .map(|rest| rest.split("</section>").next().unwrap().to_owned())
        .collect()
}

fn link_of(section: &str, label: &str) -> String {
    let (before, _) =
        section.split_once(&format!("\">{label}</a>")).unwrap_or_else(|| panic!("{label}: {section}"));
    unescaped(before.rsplit("href=\"").next().unwrap())
}

#[tokio::test]
async fn runs_and_repairs_are_listed_with_their_figures() {
    let Eventful { fixture, .. } = Eventful::start().await;
    roll_back(&fixture).await;
    migrate_it(fixture.database.url()).await;
    let page = Page::get(&fixture, "/runs").await;
    let found = sections(&page);
    let titles: Vec<&str> = found
        .iter()
        .map(|section| section.split(", <time").next().unwrap().rsplit('>').next().unwrap())
        .collect();
    assert_eq!(titles, ["Migration", "Rollback", "Repair", "Repair", "Migration"]);
    let number = async |query: &str| fixture.number(query).await;
    let assignments = number("SELECT count(*) FROM resource_assignments").await;
    let first = &found[4];
    let phases = number("SELECT (payload::json -> 'counts' ->> 'phases')::bigint FROM phaseline.events WHERE event_type = 'MigrationCompleted' ORDER BY position LIMIT 1").await;
    for (name, value) in [("projects", 8), ("phases", phases), ("assignments", assignments)] {
        let part = format!("<dt>{name}</dt><dd>{value}</dd>");
        assert!(first.contains(&part), "{part} is not in {first}");
    }
    assert!(
        first.contains("<dt>By</dt><dd><bdi>tester@test</bdi>") && first.contains(": done</h2>"),
        "{first}"
    );
    assert!(found[1].contains("<dt>Reason</dt><dd><bdi>not yet</bdi>"), "{}", found[1]);
    assert!(
        found[2].contains("<dt>projects</dt><dd>2</dd>")
            && found[2].contains("<dt>differences repaired</dt>"),
        "{}",
        found[2]
    );
    // The links lead to the run's own events, and to the portfolio before and after it.
    let log = Page::get(&fixture, &link_of(first, "Its events")).await;
    log.has_all(&["migration completed", "run began"]);
    let before = Page::get(&fixture, &link_of(first, "The portfolio just before")).await;
    before.has_all(&["No timeline at this moment"]);
    let after = Page::get(&fixture, &link_of(first, "Just after")).await;
    assert_eq!(after.projects().len(), 8);
    after.has_all(&["You look at the past"]);
}

#[tokio::test]
async fn a_run_without_effect_has_its_reason_as_text() {
    let fixture = ServiceFixture::start().await;
    let mut admin = fixture.admin().await;
    let mut import = phaseline_store::Import::begin(&mut admin).await.unwrap();
    let stream = phaseline_store::StreamId { stream_type: "MigrationRun", id: uuid::Uuid::from_u128(7) };
    let begun = json!({ "direction": "rollback", "program": "0.0.0", "host": "<host>", "pid": 1,
        "started_at": "2026-01-01T00:00:00Z", "plan_digest": null, "options": {} });
    let failed = json!({ "outcome": "refused", "error": "<b>no</b>\u{202e}" });
    for (version, (name, payload)) in
        [("RunStarted", begun), ("RunFailed", failed), ("RunPaused", json!({}))].into_iter().enumerate()
    {
        let event = phaseline_store::NewEvent::new(name, 1, payload.to_string());
        import.push(stream, version as i64 + 1, &event, "{\"actor\":\"ops\"}").await.unwrap();
    }
    import.finish().await.unwrap();
    let page = Page::get(&fixture, "/runs").await;
    let section = &sections(&page)[0];
    for part in [
        "Rollback",
        "ended without effect (refused)",
        "&#60;b&#62;no&#60;/b&#62;\u{2039}U+202E\u{203a}",
        "on &#60;host&#62;",
        "RunPaused is not known",
        "failed",
    ] {
        assert!(section.contains(part), "{part} is not in {section}");
    }
    assert!(!section.contains("Just after"), "{section}");
}

#[tokio::test]
async fn the_page_needs_the_right_to_see_all() {
    let fixture = ServiceFixture::start().await;
    let limited = token(
        &json!({ "sub": "eve", "exp": in_seconds(600), "scope": "history:read", "projects": [fixture.project().await] }),
    );
    Page::with(&fixture, &limited, "/runs", 403).await.has_all(&["limited to some"]);
    let reads = fixture.service.token("phases:read");
    Page::with(&fixture, &reads, "/runs", 403).await.has_all(&["history:read"]);
    fixture.service.client.get("/runs").send().await.is(303);
    // A log without runs.
    fixture
        .sql(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             DELETE FROM phaseline.events WHERE stream_type = 'MigrationRun';
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
        )
        .await;
    Page::get(&fixture, "/runs").await.has_all(&["No run yet", "phaseline migrate"]);
}
