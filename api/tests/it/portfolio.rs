//! All timelines as they were, and what changed of all between two moments.

use crate::deleted_projects::delete;
use crate::fixture::ServiceFixture;
use crate::service::{in_seconds, token};
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Changes every project once, and returns the positions after each change.
async fn edit(fixture: &ServiceFixture) -> Vec<i64> {
    let mut positions = Vec::new();
    for (at, project) in fixture.projects(1).await.iter().enumerate() {
        let phase = fixture.phases(project).await.swap_remove(0);
        let path = format!("/phases/{}", phase["id"].as_str().unwrap());
        let body = json!({ "description": format!("change {at}"), "capital_budget": format!("{at}.25") });
        fixture.patch(&path, &body).header("Phaseline-Reason", "plan B").send().await.is(200);
        positions.push(tip(fixture).await);
    }
    positions
}

async fn tip(fixture: &ServiceFixture) -> i64 {
    fixture.number("SELECT max(position) FROM phaseline.events").await
}

/// All pages from a path on, by the links of the responses.
async fn pages(fixture: &ServiceFixture, path: &str) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let response = fixture.get(&path).send().await.is(200);
        let link = response.header("link").to_owned();
        let found = link.split(", <").find(|link| link.ends_with("rel=\"next\""));
        next = found.map(|link| {
            link.trim_start_matches('<').split('>').next().unwrap().trim_start_matches("/api/v1").to_owned()
        });
        pages.push(response.json());
        assert_eq!(next.is_some(), pages.last().unwrap()["next_cursor"].is_string());
    }
    pages
}

fn rows(pages: &[Value]) -> Vec<Value> {
    pages.iter().flat_map(|page| page["projects"].as_array().unwrap().clone()).collect()
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["project_id"].as_str().unwrap().to_owned()).collect()
}

fn amount(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

/// The sum of a budget of all rows.
fn sum(rows: &[Value], part: &str) -> Decimal {
    rows.iter().map(|row| amount(&row["budget"][part])).sum()
}

#[tokio::test]
async fn each_timeline_of_the_list_is_that_of_its_own_route() {
    let fixture = ServiceFixture::start().await;
    let mut positions = edit(&fixture).await;
    let gone = fixture.project().await;
    delete(&fixture, &gone).await;
    positions.push(tip(&fixture).await);
    let names: Vec<String> = sqlx::query_scalar("SELECT id::text FROM projects ORDER BY lower(name), id")
        .fetch_all(&mut fixture.admin().await)
        .await
        .unwrap();
    for position in positions {
        let list = rows(&pages(&fixture, &format!("/timelines?at={position}&limit=3")).await);
        // Those that the planner does not have any more come last.
        let expected: Vec<String> = names.iter().chain([&gone]).cloned().collect();
        assert_eq!(ids(&list), expected);
        for row in &list {
            let id = row["project_id"].as_str().unwrap();
            let path = format!("/projects/{id}/timeline?at={position}");
            let one = fixture.get(&path).send().await.is(200).json();
            for field in ["start_date", "end_date", "phases", "budget", "version", "position"] {
                assert_eq!(row[field], one[field], "{id} at {position}: {field}");
            }
            let event: (String, String) = sqlx::query_as(
                "SELECT event_id::text, encode(hash, 'hex') FROM phaseline.events WHERE position = $1",
            )
            .bind(row["position"].as_i64())
            .fetch_one(&mut fixture.admin().await)
            .await
            .unwrap();
            assert_eq!((&row["event_id"], &row["hash"]), (&json!(event.0), &json!(event.1)));
            assert_eq!(row["name"].is_null(), id == gone);
        }
    }
    // A command to the deleted project closes its timeline.
    let path = format!("/projects/{gone}/timeline");
    fixture.put(&path, &json!({ "start_date": "2030-01-01", "end_date": "2030-02-01" })).send().await.is(404);
    assert_eq!(ids(&rows(&pages(&fixture, "/timelines").await)), names);
    let empty = fixture.get("/timelines?at=0&totals=true").send().await.is(200).json();
    let zero = json!({ "capital": "0.00", "expense": "0.00", "total": "0.00" });
    assert_eq!((&empty["projects"], &empty["next_cursor"]), (&json!([]), &Value::Null));
    assert_eq!(empty["totals"], json!({ "projects": 0, "phases": 0, "budget": zero, "unsound": 0 }));
}

#[tokio::test]
async fn a_list_is_searched_limited_to_a_day_and_summed() {
    let fixture = ServiceFixture::start().await;
    edit(&fixture).await;
    let all = pages(&fixture, "/timelines?totals=true").await;
    let list = rows(&all);
    let totals = &all[0]["totals"];
    assert_eq!((&totals["projects"], totals["phases"].as_u64()), (&json!(list.len()), Some(phases(&list))));
    for part in ["capital", "expense", "total"] {
        assert_eq!(amount(&totals["budget"][part]), sum(&list, part), "{part}");
    }
    // The sums are those of all pages, on each page.
    let first = fixture.get("/timelines?totals=true&limit=1").send().await.is(200).json();
    assert_eq!((&first["totals"], rows(std::slice::from_ref(&first)).len()), (totals, 1));
    let wanted = &list[2];
    let (id, name) = (wanted["project_id"].as_str().unwrap(), wanted["name"].as_str().unwrap());
    for text in [name.to_uppercase(), id[..8].to_owned(), wanted["cost_center"].as_str().unwrap().to_owned()]
    {
        let path = format!("/timelines?q={}", text.replace(' ', "%20"));
        let found = ids(&rows(&pages(&fixture, &path).await));
        assert!(found.contains(&id.to_owned()), "{text}: {found:?}");
        assert!(found.len() < list.len(), "{text}: {found:?}");
    }
    let day = wanted["phases"][0]["end_date"].as_str().unwrap();
    let on = pages(&fixture, &format!("/timelines?on={day}&totals=true&limit=2")).await;
    let running =
        |row: &&Value| row["start_date"].as_str() <= Some(day) && row["end_date"].as_str() >= Some(day);
    let expected: Vec<Value> = list.iter().filter(running).cloned().collect();
    let found = rows(&on);
    assert_eq!(ids(&found), ids(&expected));
    assert!(found.len() < list.len());
    for (found, whole) in found.iter().zip(&expected) {
        let mut phases = whole["phases"].as_array().unwrap().clone();
        phases.retain(|phase| {
            phase["start_date"].as_str() <= Some(day) && phase["end_date"].as_str() >= Some(day)
        });
        assert_eq!(found["phases"], json!(phases));
    }
    assert_eq!(amount(&on[0]["totals"]["budget"]["total"]), sum(&found, "total"));
}

fn phases(list: &[Value]) -> u64 {
    list.iter().map(|row| row["phases"].as_array().unwrap().len() as u64).sum()
}

#[tokio::test]
async fn a_list_keeps_its_moment_over_pages() {
    let fixture = ServiceFixture::start().await;
    let before = rows(&pages(&fixture, "/timelines").await);
    let first = fixture.get("/timelines?limit=2").send().await.is(200).json();
    edit(&fixture).await;
    let mut rest = rows(std::slice::from_ref(&first));
    let mut cursor = first["next_cursor"].as_str().map(str::to_owned);
    while let Some(text) = cursor {
        let page = fixture.get(&format!("/timelines?limit=2&cursor={text}")).send().await.is(200).json();
        assert_eq!(page["moment"], first["moment"]);
        rest.extend(rows(std::slice::from_ref(&page)));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(rest, before);
    // A cursor is of its log, its moment and its list.
    let cursor = first["next_cursor"].as_str().unwrap();
    for query in [
        format!("cursor={cursor}&at=1"),
        format!("cursor={cursor}&q=a"),
        format!("cursor={cursor}&names=false"),
        "cursor=AAAA".to_owned(),
        format!("cursor={}", &cursor[1..]),
    ] {
        let refused = fixture.get(&format!("/timelines?{query}")).send().await.is(400).json();
        assert_eq!(refused["code"], "bad_cursor", "{query}");
    }
    let refused = fixture.get(&format!("/timelines/diff?cursor={cursor}")).send().await.is(400).json();
    assert_eq!(refused["code"], "bad_cursor");
    for (query, named) in [
        ("on=2026-1-1", "2026-01-31"),
        ("on=tomorrow", "2026-01-31"),
        ("limit=0", "from 1 to 500"),
        ("names=no", "true or false"),
        ("totals=1", "true or false"),
        ("q=a&names=false", "leave out"),
        ("q=%00", "U+0000"),
        ("as_of=2026-01-31", "each time zone"),
        ("At=1", "\"at\""),
    ] {
        let refused = fixture.get(&format!("/timelines?{query}")).send().await.is(400).json();
        assert!(refused["detail"].as_str().unwrap().contains(named), "{query}: {refused}");
    }
    let refused = fixture.get("/timelines?as_of=2999-01-01T00:00:00Z").send().await.is(422).json();
    assert_eq!(refused["code"], "in_the_future");
}

#[tokio::test]
async fn only_a_list_that_never_changes_is_immutable() {
    let fixture = ServiceFixture::start().await;
    edit(&fixture).await;
    let at = tip(&fixture).await;
    let fixed = fixture.get(&format!("/timelines?at={at}&names=false")).send().await.is(200);
    assert_eq!(fixed.header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(fixed.header("vary"), "authorization");
    let list = rows(&[fixed.json()]);
    assert!(list.iter().all(|row| row["name"].is_null() && row["cost_center"].is_null()));
    let by_id: BTreeSet<String> = ids(&list).into_iter().collect();
    assert_eq!(ids(&list), by_id.into_iter().collect::<Vec<_>>());
    // Names change, so lists with them are asked for again.
    let path = format!("/timelines?at={at}");
    let named = fixture.get(&path).send().await.is(200);
    assert_eq!(named.header("cache-control"), "private, no-cache");
    assert_eq!(named.header("phaseline-at"), at.to_string());
    assert_eq!(named.header("link"), format!("</api/v1{path}&limit=100>; rel=\"canonical\""));
    let tag = named.header("etag").to_owned();
    let again = fixture.get(&path).header("If-None-Match", &tag).send().await.is(304);
    assert_eq!((again.header("etag"), again.text()), (tag.as_str(), String::new()));
    fixture.sql("UPDATE projects SET name = name || ' (renamed)'").await;
    let renamed = fixture.get(&path).header("If-None-Match", &tag).send().await.is(200);
    assert!(renamed.json()["projects"][0]["name"].as_str().unwrap().ends_with("(renamed)"));
    assert_ne!(renamed.header("etag"), tag);
    let unnamed = fixture.get(&format!("/timelines?at={at}&names=false")).send().await.is(200);
    assert_eq!(unnamed.text(), fixed.text());
    // A time, and the end of the log, lead to a position.
    let as_of = named.header("phaseline-as-of").to_owned();
    let by_time = fixture.get(&format!("/timelines?as_of={as_of}&names=false")).send().await.is(200);
    assert_eq!((by_time.text(), by_time.header("cache-control")), (fixed.text(), "private, no-cache"));
    assert_eq!(by_time.header("link"), fixed.header("link"));
}

/// A partial result must not look complete, nor stay in a cache.
#[tokio::test]
async fn events_that_are_not_the_recorded_ones_are_named() {
    let fixture = ServiceFixture::start().await;
    let positions = edit(&fixture).await;
    let project = fixture.project().await;
    let unreadable =
        insert_unreadable(fixture.database.url(), project.parse().unwrap(), UnreadableKind::Type).await;
    let after = *positions.last().unwrap();
    let diff = fixture.get(&format!("/timelines/diff?from={after}&totals=true")).send().await.is(200).json();
    assert_eq!(diff["projects"][0]["unreadable"], json!([unreadable]));
    assert_eq!(
        (&diff["projects"][0]["status"], &diff["totals"]["unsound"]),
        (&json!("unchanged"), &json!(1))
    );
    let none = fixture.get(&format!("/timelines/diff?from={unreadable}")).send().await.is(200).json();
    assert_eq!(none["projects"], json!([]), "nothing was recorded since");
    let other = fixture.projects(1).await.iter().rposition(|other| *other != project).unwrap();
    let altered = positions[other];
    fixture
        .sql(&format!(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET metadata = '{{\"actor\":\"mallory\"}}' WHERE position = {altered};
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
        ))
        .await;
    let list =
        fixture.get(&format!("/timelines?at={unreadable}&names=false&totals=true")).send().await.is(200);
    assert_eq!(list.header("cache-control"), "private, no-cache");
    let list = list.json();
    let found: Vec<&Value> =
        list["projects"].as_array().unwrap().iter().filter_map(|row| row.get("altered")).collect();
    assert_eq!((found, &list["totals"]["unsound"]), (vec![&json!([altered])], &json!(2)));
    // The one that is read alone is refused, as its history is.
    let id = list["projects"].as_array().unwrap().iter().find(|row| row["altered"].is_array()).unwrap();
    let path = format!("/projects/{}/timeline?at={unreadable}", id["project_id"].as_str().unwrap());
    assert_eq!(fixture.get(&path).send().await.is(500).json()["code"], "log_damaged");
    let path = format!("/projects/{project}/timeline?at={unreadable}");
    assert_eq!(fixture.get(&path).send().await.is(409).json()["code"], "timeline_quarantined");
    // What the events were could make a project run on any day.
    let on = fixture
        .get(&format!("/timelines?at={unreadable}&names=false&totals=true&on=1990-01-01"))
        .send()
        .await;
    assert_eq!(on.header("cache-control"), "private, no-cache");
    let on = on.json();
    assert_eq!((&on["totals"]["projects"], &on["totals"]["unsound"]), (&json!(0), &json!(2)));
    assert_eq!(rows(&[on]).len(), 2);
    // A position before both is fixed.
    let sound = fixture.get(&format!("/timelines?at={}&names=false", positions[0])).send().await.is(200);
    assert!(sound.header("cache-control").ends_with("immutable"));
}

#[tokio::test]
async fn a_search_for_names_that_cannot_be_read_is_refused() {
    let fixture = ServiceFixture::start().await;
    fixture.sql("ALTER FUNCTION phaseline.named_projects RENAME TO named_otherwise").await;
    let refused = fixture.get("/timelines?q=a").send().await.is(503).json();
    assert_eq!(refused["code"], "names_unreadable");
    let list = fixture.get("/timelines").send().await.is(200).json();
    assert!(rows(&[list]).iter().all(|row| row["name"].is_null()));
}

#[tokio::test]
async fn differences_of_all_projects_are_those_of_each() {
    let fixture = ServiceFixture::start().await;
    let from = tip(&fixture).await;
    let positions = edit(&fixture).await;
    let gone = fixture.projects(1).await.pop().unwrap();
    delete(&fixture, &gone).await;
    let path = format!("/projects/{gone}/timeline");
    fixture.put(&path, &json!({ "start_date": "2030-01-01", "end_date": "2030-02-01" })).send().await.is(404);
    let to = tip(&fixture).await;
    for (from, to, count) in
        [(from, to, positions.len()), (positions[1], positions[3], 2), (to, to, 0), (0, to, 7)]
    {
        let path = format!("/timelines/diff?from={from}&to={to}&totals=true&limit=3");
        let all = pages(&fixture, &path).await;
        let changed = rows(&all);
        assert_eq!(changed.len(), count, "{from} to {to}: {changed:?}");
        let totals = &all[0]["totals"];
        let of = |status: &str| changed.iter().filter(|row| row["status"] == status).count();
        for status in ["added", "removed", "changed"] {
            assert_eq!(totals["projects"][status], json!(of(status)), "{status}");
        }
        assert_eq!(amount(&totals["budget"]["total"]), sum(&changed, "total"));
        for row in &changed {
            let id = row["project_id"].as_str().unwrap();
            let path = format!("/projects/{id}/diff?from={from}&to={to}");
            let one = fixture.get(&path).send().await.is(200).json();
            for field in
                one.as_object().unwrap().keys().filter(|name| !["from", "to"].contains(&name.as_str()))
            {
                assert_eq!(row[field], one[field], "{id} from {from} to {to}: {field}");
            }
        }
    }
    let found = rows(&pages(&fixture, &format!("/timelines/diff?from={from}&to={to}")).await);
    let last = found.last().unwrap();
    assert_eq!(
        (&last["status"], &last["name"], &last["project_id"]),
        (&json!("removed"), &Value::Null, &json!(gone))
    );
    assert_eq!(found[0]["phases"][0]["events"][0]["reason"], "plan B");
    let refused = fixture.get(&format!("/timelines/diff?from={to}&to={from}")).send().await.is(400).json();
    assert!(refused["detail"].as_str().unwrap().contains("exchange them"), "{refused}");
}

#[tokio::test]
async fn a_limited_token_lists_and_counts_its_projects_only() {
    let fixture = ServiceFixture::start().await;
    edit(&fixture).await;
    let projects = fixture.projects(1).await;
    let mine: BTreeSet<String> = projects.iter().take(2).cloned().collect();
    let limited = |scope: &str| {
        token(&json!({ "sub": "ada", "exp": in_seconds(600), "scope": scope, "projects": mine }))
    };
    let whole = rows(&pages(&fixture, "/timelines").await);
    let expected: Vec<Value> =
        whole.iter().filter(|row| mine.contains(row["project_id"].as_str().unwrap())).cloned().collect();
    let client = &fixture.service.client;
    let bearer = limited("history:read");
    for path in ["/timelines?totals=true", "/timelines/diff?totals=true"] {
        let list = client.get(&format!("/api/v1{path}")).bearer(&bearer).send().await.is(200).json();
        assert_eq!(ids(&rows(std::slice::from_ref(&list))), ids(&expected), "{path}");
        assert_eq!(amount(&list["totals"]["budget"]["total"]), sum(&expected, "total"), "{path}");
        assert_eq!(list["next_cursor"], Value::Null, "{path}");
        let other = &whole.iter().find(|row| !mine.contains(row["project_id"].as_str().unwrap())).unwrap()["project_id"];
        let search = format!("/api/v1{path}&q={}", other.as_str().unwrap());
        let none = client.get(&search).bearer(&bearer).send().await.is(200).json();
        assert_eq!(none["projects"], json!([]), "{path}");
        let reads = limited("phases:read");
        client.get(&format!("/api/v1{path}")).bearer(&reads).send().await.is(403);
    }
    // A cursor of an unlimited list gives nothing more.
    let page = fixture.get("/timelines?limit=1").send().await.is(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/timelines?cursor={cursor}");
    let rest = client.get(&path).bearer(&bearer).send().await.is(200).json();
    assert!(ids(&rows(&[rest])).iter().all(|id| mine.contains(id)));
}
