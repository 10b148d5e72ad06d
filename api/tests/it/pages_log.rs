//! The log as a page.

use crate::fixture::ServiceFixture;
use crate::log::Eventful;
use crate::page::Page;
use crate::service::{in_seconds, token};
use phaseline_projections::log_entries::{LogSelection, log_page};
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The positions on all pages, by their links, as they are shown.
async fn walk(fixture: &ServiceFixture, token: &str, path: &str) -> Vec<i64> {
    let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
    let mut pages = 0;
    while let Some(path) = next {
        let page = Page::with(fixture, token, &path, 200).await;
        found.extend(page.positions());
        next = page.link("next");
        pages += 1;
        assert!(pages < 400, "there is no end");
    }
    found
}

/// All events as the route of the log has them.
async fn entries(fixture: &ServiceFixture, query: &str) -> Vec<Value> {
    let page = fixture.get(&format!("/log?limit=500&{query}")).send().await.is(200).json();
    assert_eq!(page["next_cursor"], Value::Null);
    page["entries"].as_array().unwrap().clone()
}

fn sorted(mut positions: Vec<i64>) -> Vec<i64> {
    positions.sort_unstable();
    positions
}

#[tokio::test]
async fn pages_of_any_size_have_every_event_once_in_both_orders() {
    let Eventful { fixture, .. } = Eventful::start().await;
    let all: Vec<i64> = (1..=fixture.events().await).collect();
    for limit in [7, 60, 500] {
        for order in ["", "&order=oldest"] {
            let found = walk(&fixture, &fixture.token, &format!("/log?limit={limit}{order}")).await;
            assert_eq!(sorted(found), all, "{limit} {order}");
        }
    }
    let one = walk(&fixture, &fixture.token, "/log?limit=1").await;
    assert_eq!(one, all.iter().rev().copied().collect::<Vec<_>>());
    // The page before a position does not change with later events.
    let page = Page::get(&fixture, "/log?limit=5").await;
    let older = page.link("next").unwrap();
    assert!(older.contains("limit=5") && older.contains("before="), "{older}");
    let first = Page::get(&fixture, &older).await;
    let phase = fixture.phases(&fixture.project().await).await.swap_remove(0);
    fixture
        .patch(&format!("/phases/{}", phase["id"].as_str().unwrap()), &json!({ "name": "Later" }))
        .send()
        .await
        .is(200);
    assert_eq!(Page::get(&fixture, &older).await.positions(), first.positions());
    assert_eq!(first.link("first").unwrap(), "/log?limit=5");
}

#[tokio::test]
async fn filters_select_the_same_events_as_the_route() {
    let Eventful { fixture, projects, command: [begin, end] } = Eventful::start().await;
    let [first, _, third] = &projects;
    let time = entries(&fixture, "").await[begin as usize - 1]["recorded_at"].as_str().unwrap().to_owned();
    for query in [
        "actor=bob".to_owned(),
        "type=PhaseRenamed".to_owned(),
        "type=PhaseRenamed&actor=ada".to_owned(),
        "type=RunStarted".to_owned(),
        format!("project={first}"),
        format!("project={third}"),
        format!("from={begin}&to={begin}"),
        format!("to={end}"),
        format!("since={time}"),
        format!("until={time}"),
    ] {
        let wanted: Vec<i64> =
            entries(&fixture, &query).await.iter().map(|entry| entry["position"].as_i64().unwrap()).collect();
        assert!(!wanted.is_empty(), "{query}");
        for limit in [1, 3, 500] {
            let found = walk(&fixture, &fixture.token, &format!("/log?{query}&limit={limit}")).await;
            assert_eq!(sorted(found), wanted, "{query}");
        }
    }
    // Days are those of UTC; a day that is not over has all so far. Empty fields of the form are none.
    let today = &time[..10];
    let all = walk(&fixture, &fixture.token, "/log?limit=500").await;
    let of_day = walk(
        &fixture,
        &fixture.token,
        &format!("/log?since=2001-01-01&until={today}&limit=500&type=&actor="),
    )
    .await;
    assert_eq!(of_day, all);
    Page::get(&fixture, "/log?until=2001-01-01").await.has_all(&["No event fits this selection"]);
    let page = Page::get(&fixture, "/log?type=PhaseRenamed").await;
    page.has_all(&["<option selected>PhaseRenamed</option>"]);
}

#[tokio::test]
async fn a_command_is_one_group_with_its_links() {
    let Eventful { fixture, projects, command: [begin, end] } = Eventful::start().await;
    let project = &projects[0];
    let page = Page::get(&fixture, "/log?limit=500").await;
    let groups: Vec<&str> = page.text.split("<tbody>").skip(1).collect();
    let group = groups.iter().find(|group| group.contains(&format!("id=\"p{begin}\""))).unwrap();
    for position in begin..=end {
        for part in [
            format!("id=\"p{position}\""),
            format!("href=\"/log?from={position}&#38;to={position}#p{position}\""),
            format!("href=\"/projects/{project}?at={position}\""),
            format!("href=\"/projects/{project}?at={position}&#38;compare={}\"", begin - 1),
        ] {
            assert!(group.contains(&part), "{part} is not in {group}");
        }
    }
    assert_eq!(group.matches("<tr class=\"entry").count() as i64, end - begin + 1);
    for entry in entries(&fixture, &format!("from={begin}&to={end}")).await {
        let text = |field: &str| entry[field].as_str().unwrap().replace('\'', "&#39;");
        for part in [text("words"), text("event_id"), text("hash"), text("command_id"), text("request_id")] {
            assert!(group.contains(&part), "{part} is not in {group}");
        }
    }
    assert!(group.contains("<del><bdi>") && group.contains("<ins><bdi>2.50"), "{group}");
    let renamed = groups.iter().find(|group| group.contains("plan B")).unwrap();
    assert!(
        renamed.contains("Reason: <bdi>plan B</bdi>") && renamed.contains("<time datetime=\""),
        "{renamed}"
    );
    assert!(renamed.contains("href=\"/log?actor=bob\"><bdi>bob</bdi>"), "{renamed}");
    // A part of the command leads to the same difference.
    let part = Page::get(&fixture, &format!("/log?before={}&limit=1", end)).await;
    assert_eq!(part.positions(), [end - 1]);
    part.has_all(&[&format!("at={}&#38;compare={}\"", end - 1, begin - 1)]);
    // The work of a run is one command, and its beginning another one.
    let migration = groups.iter().find(|group| group.contains("migration completed")).unwrap();
    assert!(
        !migration.contains("run began") && migration.contains("definitions of the legacy shape recorded"),
        "{migration}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_events_is_marked() {
    let Eventful { fixture, projects, command: [begin, _] } = Eventful::start().await;
    let [first, second, _] = &projects;
    let unreadable =
        insert_unreadable(fixture.database.url(), second.parse().unwrap(), UnreadableKind::Payload).await;
    fixture
        .sql(&format!(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET metadata = '{{\"actor\":\"<mallory>\"}}' WHERE position = {begin};
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
        ))
        .await;
    let page = Page::get(&fixture, "/log?limit=500").await;
    let row = |position: i64| page.part(&format!("id=\"p{position}\""), "</tr>");
    assert!(row(unreadable).contains("Cannot be read"), "{}", row(unreadable));
    assert!(row(begin).contains("Altered after it was recorded"), "{}", row(begin));
    page.has_all(&["Left out by the mark at position", "&#60;mallory&#62;"]);
    assert!(!page.has("<mallory>"));
    // Names are text only.
    let phase = fixture.phases(first).await;
    assert!(!phase.is_empty());
    fixture.sql(&format!("UPDATE projects SET name = '<img src=x>\u{202e}' WHERE id = '{first}'")).await;
    let page = Page::get(&fixture, &format!("/log?project={first}")).await;
    page.has_all(&["<bdi>&#60;img src=x&#62;\u{2039}U+202E\u{203a}</bdi>"]);
    assert!(!page.has("<img"));
}

#[tokio::test]
async fn bad_parameters_are_named_at_their_fields() {
    let fixture = ServiceFixture::start().await;
    for (query, field, text) in [
        ("type=PhaseExploded", "type", "type must be a type of event"),
        ("project=x", "project", "project must be the id of a project"),
        ("since=noon", "since", "since must be a time"),
        ("until=noon", "until", "until must be a time"),
        ("from=x", "from", "from must be a position"),
        ("to=99999", "to", "the log has no position 99999 yet"),
        ("from=99999", "from", "the log has no position 99999 yet"),
        ("since=2999-01-01", "since", "in the future"),
        ("from=3&since=2020-01-01", "form", "are the same end of the range"),
        ("from=9&to=3", "form", "exchange them"),
        ("since=2020-01-01&until=2019-01-01", "form", "exchange them"),
        ("order=random", "order", "order must be newest or oldest"),
        ("limit=501", "limit", "limit must be a number"),
        ("before=-4", "before", "before must be a position"),
        ("after=x", "after", "after must be a position"),
    ] {
        let page = Page::with(&fixture, &fixture.token, &format!("/log?{query}"), 400).await;
        let fault = page.part(&format!("id=\"x-{field}\""), "</p>");
        assert!(fault.contains(text), "{query}: {fault}");
        assert!(page.positions().is_empty() && page.has("<form class=\"filter\""), "{query}");
    }
}

#[tokio::test]
async fn tokens_limit_which_events_are_shown() {
    let Eventful { fixture, projects, .. } = Eventful::start().await;
    let [first, second, _] = &projects;
    let of = |scope: &str, projects: &[&String]| {
        token(&json!({ "sub": "eve", "exp": in_seconds(600), "scope": scope, "projects": projects }))
    };
    let all = entries(&fixture, "").await;
    let many: Vec<String> = (0..40).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    for others in [&[][..], &many] {
        let visible: Vec<&String> = [second].into_iter().chain(others).collect();
        let bearer = of("history:read", &visible);
        let expected: Vec<i64> = all
            .iter()
            .filter(|entry| entry["project_id"] == json!(second))
            .map(|entry| entry["position"].as_i64().unwrap())
            .collect();
        for limit in [3, 500] {
            let found = walk(&fixture, &bearer, &format!("/log?limit={limit}")).await;
            assert_eq!(sorted(found), expected);
        }
        let page = Page::with(&fixture, &bearer, &format!("/log?project={first}"), 403).await;
        assert!(!page.has("plan B"));
    }
    Page::with(&fixture, &of("phases:read phases:write", &[first]), "/log", 403)
        .await
        .has_all(&["history:read"]);
    Page::with(&fixture, &of("history:read", &[]), "/log", 200)
        .await
        .has_all(&["No event fits this selection"]);
    fixture.service.client.get("/log").send().await.is(303);
}

/// Where wanted events are rare, pages are empty in between, and all are found.
#[tokio::test]
async fn a_page_looks_back_through_a_bounded_part_of_the_log() {
    let Eventful { fixture, .. } = Eventful::start().await;
    let mut admin = fixture.admin().await;
    let wanted: Vec<i64> = entries(&fixture, "type=PhaseRenamed")
        .await
        .iter()
        .map(|entry| entry["position"].as_i64().unwrap())
        .collect();
    let tip = fixture.events().await;
    let (mut found, mut last, mut empty) = (BTreeSet::new(), tip, 0);
    loop {
        let selection = LogSelection {
            positions: 1..=last,
            project: None,
            visible: None,
            actor: None,
            event_type: Some("PhaseRenamed".to_owned()),
            limit: Some(1),
            newest_first: true,
        };
        let page = log_page(&mut admin, &selection, 7).await.unwrap();
        found.extend(page.events.iter().map(|event| event.entry.position));
        empty += usize::from(page.events.is_empty());
        let Some(first) = page.last else { break };
        assert!((last - 6..=last).contains(&first), "{first}: {last}");
        last = first - 1;
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), wanted);
    assert!(empty > 3, "{empty}");
}
