//! A project's page: now, as it was, beside another moment, and what restoring a moment would do.

use crate::deleted_projects::delete;
use crate::fixture::ServiceFixture;
use crate::page::Page;
use crate::pages_portfolio::roll_back;
use crate::service::{EVERYTHING, Service, in_seconds, legacy, settings, token};
use chrono::NaiveDate;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use serde_json::{Value, json};

fn number(day: &Value) -> i64 {
    (day.as_str().unwrap().parse::<NaiveDate>().unwrap() - NaiveDate::default()).num_days()
}

/// Days of the bars, in their order.
fn bars(page: &Page) -> Vec<[i64; 2]> {
    // The chart itself has the first of these attributes, too.
    let days = |name: &str| -> Vec<i64> {
        let bars = page.text.split("<g class=\"bar ").skip(1);
        let value = |bar: &str| bar.split(name).nth(1)?.split('"').next()?.parse().ok();
        bars.map(|bar| value(bar).unwrap()).collect()
    };
    days(" data-first=\"").into_iter().zip(days(" data-last=\"")).map(|(first, last)| [first, last]).collect()
}

fn path(project: &str) -> String {
    format!("/projects/{project}")
}

/// Renames a phase; returns the position of the event.
async fn rename(fixture: &ServiceFixture, phase: &Value, name: &str) -> i64 {
    let path = format!("/phases/{}", phase["id"].as_str().unwrap());
    let response = fixture.patch(&path, &json!({ "name": name })).send().await.is(200);
    response.header("phaseline-position").parse().unwrap()
}

#[tokio::test]
async fn bars_and_rows_have_the_days_and_amounts_of_the_phases() {
    let fixture = ServiceFixture::start().await;
    for project in fixture.projects(1).await {
        let phases = fixture.phases(&project).await;
        let page = Page::get(&fixture, &path(&project)).await;
        let expected: Vec<[i64; 2]> =
            phases.iter().map(|phase| [number(&phase["start_date"]), number(&phase["end_date"])]).collect();
        assert_eq!(bars(&page), expected);
        for phase in &phases {
            let row = page.part(&format!("<tr id=\"row-{}\"", phase["id"].as_str().unwrap()), "</tr>");
            for field in ["name", "start_date", "end_date"] {
                assert!(row.contains(phase[field].as_str().unwrap()), "{field}: {row}");
            }
            for field in ["capital_budget", "expense_budget", "total_budget"] {
                let amount = phase[field].as_str().unwrap();
                assert!(
                    row.replace(',', "").contains(&format!("<td class=\"number\">{amount}</td>")),
                    "{row}"
                );
            }
            assert!(row.contains(
                &format!("<td class=\"number\">{}</td></tr>", phase["assignment_count"]).replace("</tr>", "")
            ));
        }
        page.has_all(&["id=\"edit\"", "id=\"moment\"", "id=\"history-title\"", "data-mode=\"now\""]);
    }
}

#[tokio::test]
async fn a_moment_is_shown_beside_another_one_and_changes_nothing() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let before = fixture.number("SELECT max(position) FROM phaseline.events").await;
    let phases = fixture.phases(&project).await;
    let position = rename(&fixture, &phases[0], "Prelude <b>").await;
    let last = phases.last().unwrap();
    let resized = json!({ "name": last["name"], "capital_budget": "1.00", "expense_budget": "2.00" });
    let phase = format!("/phases/{}", last["id"].as_str().unwrap());
    fixture.patch(&phase, &resized).send().await.is(200);
    let events = fixture.events().await;

    let past = Page::get(&fixture, &format!("{}?at={before}", path(&project))).await;
    past.has_all(&["You are looking at the past", "id=\"restore-this\"", "data-mode=\"past\""]);
    assert!(!past.has("id=\"edit\""), "the past cannot be edited");
    let compared = Page::get(&fixture, &format!("{}?compare={before}", path(&project))).await;
    compared.has_all(&["Prelude &#60;b&#62;", "class=\"changed\"", "id=\"edit\""]);
    let name = phases[0]["name"].as_str().unwrap();
    assert!(
        compared.part("<tr id=\"row-", "</tr>").contains(&format!("<bdi>{name}</bdi>, ")),
        "the earlier name"
    );
    let between = Page::get(&fixture, &format!("{}?at={position}&compare={before}", path(&project))).await;
    assert!(between.has("Prelude &#60;b&#62;") && !between.has(">3.00</td>"));

    let restore = Page::get(&fixture, &format!("{}?at={before}&restore=1", path(&project))).await;
    restore.has_all(&["id=\"confirm-restore\"", "is called", "instead of 3.00"]);
    // A time means the same as its position.
    let time = fixture.text(&format!("SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM phaseline.events WHERE position = {position}")).await;
    let at = Page::get(&fixture, &format!("{}?at={time}", path(&project))).await;
    at.has_all(&[&format!("data-at=\"{position}\"")]);
    assert_eq!(fixture.events().await, events, "nothing was written");

    for (query, status, text) in [
        ("?at=1e9", 400, "at must be"),
        ("?at=999999999", 422, "999999999"),
        ("?compare=2999-01-01T00:00:00Z", 422, "future"),
        ("?at=2026-01-31", 400, "time with its offset"),
    ] {
        let page = Page::with(&fixture, &fixture.token, &format!("{}{query}", path(&project)), status).await;
        assert!(page.part("id=\"failure\"", "</section>").contains(text), "{query}: {}", page.text);
    }
}

#[tokio::test]
async fn scopes_decide_what_is_shown() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let position = rename(&fixture, &fixture.phases(&project).await[0], "Prelude").await;
    let token = |scope: &str| fixture.service.token(scope);
    let look = Page::with(&fixture, &token("phases:read"), &path(&project), 200).await;
    assert!(!look.has("id=\"edit\"") && !look.has("id=\"moment\"") && !look.has("id=\"history\""));
    look.has_all(&["may read only", "Prelude"]);
    let back = Page::with(
        &fixture,
        &token("phases:read history:read"),
        &format!("{}?at={position}", path(&project)),
        200,
    )
    .await;
    assert!(!back.has("id=\"restore-this\"") && back.has("id=\"moment\""));
    for (scope, query) in [
        ("phases:read phases:write", format!("?at={position}")),
        ("phases:read phases:write", format!("?compare={position}")),
        ("phases:read history:read", format!("?at={position}&restore=1")),
        ("history:read", String::new()),
    ] {
        Page::with(&fixture, &token(scope), &format!("{}{query}", path(&project)), 403)
            .await
            .has_all(&["Not permitted"]);
    }
    for part in ["commands", "draft"] {
        let request = if part == "draft" {
            fixture
                .service
                .client
                .post(&format!("{}/draft", path(&project)))
                .json(&json!({ "state": null, "edit": { "kind": "none" } }))
        } else {
            fixture.service.client.get(&format!("{}/commands", path(&project)))
        };
        request.bearer(&token("phases:read")).send().await.is(403);
    }
}

#[tokio::test]
async fn projects_that_are_gone_new_or_unreadable_say_so() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(1).await;
    // One without a timeline.
    let new = "00000000-0000-4000-8000-00000000f001";
    fixture.make_project(new, "'2026-01-01', '2026-03-31'").await;
    let page = Page::get(&fixture, &path(new)).await;
    page.has_all(&[
        "This project has no phases yet.",
        "id=\"open\"",
        "data-start=\"2026-01-01\"",
        "data-end=\"2026-03-31\"",
    ]);
    let unknown =
        Page::with(&fixture, &fixture.token, &path("00000000-0000-4000-8000-0000000000ff"), 404).await;
    unknown.has_all(&["not found"]);
    Page::with(&fixture, &fixture.token, &path("no-id"), 400).await;

    // The planner's own dates, which the phases do not follow yet.
    fixture.sql(&format!("UPDATE projects SET end_date = end_date + 30 WHERE id = '{}'", projects[0])).await;
    let changed = Page::get(&fixture, &path(&projects[0])).await;
    changed.has_all(&["do not follow them yet"]);
    assert_eq!(changed.attributes(" data-days=\"").len(), 1);

    // Closed.
    let gone = &projects[1];
    let name = fixture.phases(gone).await[0]["name"].as_str().unwrap().to_owned();
    delete(&fixture, gone).await;
    let page = Page::get(&fixture, &path(gone)).await;
    page.has_all(&["The planner has deleted this project", &name]);
    assert!(!page.has("id=\"edit\"") && !page.has("id=\"restore-this\""));

    // In quarantine.
    let broken = &projects[2];
    insert_unreadable(fixture.database.url(), broken.parse().unwrap(), UnreadableKind::Type).await;
    fixture.get(&format!("/projects/{broken}/history")).send().await.is(200);
    let draft = json!({ "state": null, "edit": { "kind": "none" } });
    let refused =
        fixture.service.client.post(&format!("{}/draft", path(broken))).bearer(&fixture.token).json(&draft);
    let refused = Page::of(&refused.send().await.is(409));
    refused.has_all(&["id=\"failure\""]);
    let page = Page::get(&fixture, &path(broken)).await;
    page.has_all(&["cannot be read"]);
    assert!(!page.has("id=\"edit\""));
}

#[tokio::test]
async fn in_the_legacy_shape_the_page_has_what_the_log_has() {
    let before = ServiceFixture::over(legacy()).await;
    let project = before.text("SELECT id::text FROM projects LIMIT 1").await;
    Page::with(&before, &before.token, &path(&project), 503).await.has_all(&["phaseline migrate"]);

    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    roll_back(&fixture).await;
    for query in ["", "?compare=1"] {
        let page = Page::get(&fixture, &format!("{}{query}", path(&project))).await;
        page.has_all(&["legacy tables now", "data-mode=\"past\"", phases[0]["name"].as_str().unwrap()]);
        assert!(!page.has("id=\"edit\"") && !page.has("id=\"restore-this\""));
    }
    let reads = fixture.service.token("phases:read");
    Page::with(&fixture, &reads, &path(&project), 503).await.has_all(&["legacy shape"]);
}

#[tokio::test]
async fn names_of_others_are_text() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let hostile = "</svg><script>x</script>\u{1b}[31m\u{202e}\"'&";
    rename(&fixture, &phases[0], hostile).await;
    fixture
        .sql(&format!(
            "UPDATE projects SET name = E'<img src=x onerror=alert(1)>\\n\u{202e}evil' WHERE id = '{project}'"
        ))
        .await;
    let page = Page::get(&fixture, &path(&project)).await;
    page.has_all(&[
        "&#60;/svg&#62;&#60;script&#62;",
        "\u{2039}ESC\u{203a}[31m\u{2039}U+202E\u{203a}",
        "&#60;img src=x",
        "\u{2039}LF\u{203a}",
    ]);
    for char in ['\u{1b}', '\u{202e}'] {
        assert!(!page.text.contains(char), "{char:?}");
    }
}

#[tokio::test]
async fn a_browser_that_asks_again_hears_of_changes_only() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let live = format!("{}/live", path(&project));
    let get = |tag: Option<String>| {
        let request = fixture.service.client.get(&live).bearer(&fixture.token);
        match tag {
            Some(tag) => request.header("if-none-match", &tag),
            None => request,
        }
    };
    let first = get(None).send().await.is(200);
    let tag = first.header("etag").to_owned();
    let page = Page::get(&fixture, &path(&project)).await;
    assert_eq!(page.attributes(" data-digest=\""), [first.json()["digest"].as_str().unwrap()]);
    get(Some(tag.clone())).send().await.is(304);
    rename(&fixture, &fixture.phases(&project).await[0], "Prelude").await;
    let second = get(Some(tag.clone())).send().await.is(200);
    assert_eq!(second.json()["version"].as_i64().unwrap(), first.json()["version"].as_i64().unwrap() + 1);
    // What only the planner changed counts, too.
    let tag = second.header("etag").to_owned();
    fixture.sql(&format!("UPDATE projects SET end_date = end_date + 1 WHERE id = '{project}'")).await;
    get(Some(tag)).send().await.is(200);
}

#[tokio::test]
async fn the_end_of_the_log_is_told_to_those_who_see_all() {
    let fixture = ServiceFixture::start().await;
    let tip = fixture.number("SELECT max(position) FROM phaseline.events").await;
    let live = |token: &str| {
        fixture.service.client.get("/live").bearer(token).header("accept", "application/json").send()
    };
    let found = live(&fixture.service.token("phases:read")).await.is(200);
    assert_eq!(found.json()["position"], tip);
    let limited = json!({ "sub": "ada", "exp": in_seconds(600), "scope": EVERYTHING, "projects": [fixture.project().await] });
    let refused = live(&token(&limited)).await.is(403);
    assert_eq!(refused.json()["code"], "project_denied");
    let page = Page::with(&fixture, &token(&limited), "/", 200).await;
    assert!(!page.has("list.js") && !page.has("href=\"/runs\""));
    Page::get(&fixture, "/").await.has_all(&["list.js", "href=\"/runs\""]);
}

#[tokio::test]
async fn the_commands_of_the_slider_are_those_of_the_history() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    rename(&fixture, &phases[0], "One").await;
    let two = json!({ "name": "Two", "description": "of two events" });
    let phase = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    fixture.patch(&phase, &two).header("phaseline-reason", "because").send().await.is(200);
    let commands = fixture.service.client.get(&format!("{}/commands", path(&project))).bearer(&fixture.token);
    let list = commands.send().await.is(200).json();
    let commands = list["commands"].as_array().unwrap();
    let history = fixture.get(&format!("/projects/{project}/history?order=desc&limit=1")).send().await.json();
    assert_eq!(list["earlier"], 0);
    assert_eq!(commands.len(), 3, "the migration, and two commands: {list}");
    assert_eq!(commands[2]["position"], history["entries"][0]["position"]);
    assert_eq!((&commands[2]["reason"], &commands[2]["actor"]), (&json!("because"), &json!("ada")));
    assert!(commands[2]["words"].as_str().unwrap().ends_with("and 1 more"), "{list}");
    let page = Page::get(&fixture, &path(&project)).await;
    for command in commands {
        page.has_all(&[&format!("id=\"command-{}\"", command["position"])]);
    }
}

#[tokio::test]
async fn without_a_database_the_page_says_so() {
    let service = Service::of_routes(
        "postgres://nobody@127.0.0.1:1/none",
        settings(),
        phaseline_api::server::all_routes(),
    )
    .await;
    let token = service.token("phases:read");
    let response =
        service.client.get(&path("00000000-0000-4000-8000-0000000000ff")).bearer(&token).send().await.is(503);
    assert!(!response.header("retry-after").is_empty());
    Page::of(&response).has_all(&["id=\"failure\""]);
}
