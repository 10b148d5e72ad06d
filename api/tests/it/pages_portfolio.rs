//! The portfolio as a page.

use crate::deleted_projects::delete;
use crate::fixture::{ServiceFixture, day};
use crate::page::Page;
use crate::service::{in_seconds, legacy, token};
use chrono::{Duration, Utc};
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_migrator::run::Operator;
use phaseline_migrator::{Database, MigratorError};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A day with its weekday as a hint.
fn hinted(day: &str) -> String {
    let weekday = day.parse::<chrono::NaiveDate>().unwrap().format("%A");
    format!("<time datetime=\"{day}\" title=\"{weekday}, {day}\">{day}</time>")
}

async fn tip(fixture: &ServiceFixture) -> i64 {
    fixture.number("SELECT max(position) FROM phaseline.events").await
}

/// The projects of the planner by name.
async fn by_name(fixture: &ServiceFixture) -> Vec<String> {
    sqlx::query_scalar("SELECT id::text FROM projects ORDER BY lower(name), id")
        .fetch_all(&mut fixture.admin().await)
        .await
        .unwrap()
}

/// The projects on all pages, by the links of the pages.
pub(crate) async fn walk(fixture: &ServiceFixture, path: &str) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let page = Page::get(fixture, &path).await;
        found.extend(page.projects());
        next = page.link("next");
        assert!(found.len() < 100, "there is no end");
    }
    found
}

/// Shortens the project's last phase, and with it the project, by so many days.
async fn shorten(fixture: &ServiceFixture, project: &str, days: i64) {
    let phases = fixture.phases(project).await;
    let (first, last) = (phases.first().unwrap(), phases.last().unwrap());
    let body = json!({ "start_date": first["start_date"], "end_date": day(&last["end_date"], -days) });
    fixture.put(&format!("/projects/{project}/timeline"), &body).send().await.is(200);
}

#[tokio::test]
async fn each_project_has_its_dates_phases_and_budget() {
    let fixture = ServiceFixture::start().await;
    let page = Page::get(&fixture, "/").await;
    assert_eq!(page.projects(), by_name(&fixture).await);
    let list = fixture.get("/timelines?totals=true").send().await.is(200).json();
    for project in list["projects"].as_array().unwrap() {
        let id = project["project_id"].as_str().unwrap();
        let row = page.row(id);
        let phases = project["phases"].as_array().unwrap();
        let text = |field: &str| project[field].as_str().unwrap().to_owned();
        for part in [
            format!("href=\"/projects/{id}\"><bdi>{}</bdi>", text("name")),
            format!("<bdi>{}</bdi>", text("cost_center")),
            hinted(&text("start_date")),
            hinted(&text("end_date")),
            format!("<td class=\"number\">{}</td>", phases.len()),
            format!(
                "<title>{}: {} to ",
                phases[0]["name"].as_str().unwrap(),
                phases[0]["start_date"].as_str().unwrap()
            ),
        ] {
            assert!(row.contains(&part), "{part} is not in {row}");
        }
        assert_eq!(row.matches("<rect ").count(), phases.len());
        let budget: String = project["budget"]["total"].as_str().unwrap().to_owned();
        assert!(row.replace(',', "").contains(&budget), "{budget} is not in {row}");
    }
    // The sums of the page, and on request of all pages.
    let total = list["totals"]["budget"]["total"].as_str().unwrap();
    assert!(page.part("id=\"page-sums\"", "</tr>").replace(',', "").contains(total));
    assert!(!page.has("id=\"totals\""));
    let summed = Page::get(&fixture, "/?limit=2&totals=1").await;
    assert_eq!(summed.projects().len(), 2);
    assert!(summed.part("id=\"totals\"", "</tr>").replace(',', "").contains(total));
    assert!(!summed.part("id=\"page-sums\"", "</tr>").replace(',', "").contains(total));
}

#[tokio::test]
async fn pages_have_every_project_once_and_keep_the_parameters() {
    let fixture = ServiceFixture::start().await;
    let all = by_name(&fixture).await;
    for limit in [1, 3, 8] {
        assert_eq!(walk(&fixture, &format!("/?limit={limit}")).await, all, "{limit}");
    }
    let today = Utc::now().date_naive();
    let page =
        Page::get(&fixture, &format!("/?limit=3&totals=1&since={}&q=", today - Duration::days(400))).await;
    let next = page.link("next").unwrap();
    for part in ["limit=3", "totals=1", "since=", "cursor="] {
        assert!(next.contains(part), "{next}");
    }
    assert!(!next.contains("q="), "{next}");
    let second = Page::get(&fixture, &next).await;
    let first = second.link("first").unwrap();
    assert!(first.contains("limit=3") && !first.contains("cursor"), "{first}");
    // A change between two pages is on neither.
    let page = Page::get(&fixture, "/?limit=4").await;
    let position = tip(&fixture).await;
    shorten(&fixture, &all[7], 1).await;
    let second = Page::get(&fixture, &page.link("next").unwrap()).await;
    assert!(second.has(&format!("position {position} of the log")));
    assert!(!second.has("id=\"past\""));
}

#[tokio::test]
async fn a_search_and_a_day_select_projects() {
    let fixture = ServiceFixture::start().await;
    let list = fixture.get("/timelines").send().await.is(200).json();
    let wanted = &list["projects"][2];
    let (id, name) = (wanted["project_id"].as_str().unwrap(), wanted["name"].as_str().unwrap());
    for text in [name.to_uppercase(), id[..8].to_owned(), wanted["cost_center"].as_str().unwrap().to_owned()]
    {
        let found = Page::get(&fixture, &format!("/?q={}", text.replace(' ', "+"))).await;
        assert!(found.projects().contains(&id.to_owned()), "{text}");
        assert!(found.projects().len() < 8, "{text}");
        assert!(found.has(&format!("value=\"{text}\"")), "{text}");
    }
    let day = wanted["phases"][0]["end_date"].as_str().unwrap();
    let api = fixture.get(&format!("/timelines?on={day}")).send().await.is(200).json();
    let expected: Vec<&str> =
        api["projects"].as_array().unwrap().iter().map(|row| row["project_id"].as_str().unwrap()).collect();
    assert_eq!(Page::get(&fixture, &format!("/?on={day}")).await.projects(), expected);
    let nothing = Page::get(&fixture, "/?q=no+such+project").await;
    nothing.has_all(&["No project found"]);
    assert!(nothing.projects().is_empty());
}

#[tokio::test]
async fn bad_parameters_are_named_at_their_fields() {
    let fixture = ServiceFixture::start().await;
    let tomorrow = Utc::now().date_naive() + Duration::days(1);
    for (query, field, text) in [
        ("on=2026-02-30".to_owned(), "on", "on must be a day"),
        ("since=yesterday".to_owned(), "since", "since must be a day"),
        (format!("since={tomorrow}"), "since", "in the future"),
        ("at=-1".to_owned(), "at", "at must be a position"),
        ("at=99999999".to_owned(), "at", "the log has no position 99999999 yet"),
        ("as_of=noon".to_owned(), "as_of", "as_of must be a time"),
        (format!("as_of={tomorrow}"), "as_of", "in the future"),
        ("at=1&as_of=2026-01-01".to_owned(), "as_of", "are two moments"),
        ("drift=1&at=1".to_owned(), "drift", "leave out the past moment"),
        ("totals=some".to_owned(), "totals", "totals must be 1"),
        ("limit=0".to_owned(), "limit", "limit must be a number"),
        ("cursor=abc".to_owned(), "cursor", "the cursor is not one of this list"),
        (format!("q={}", "x".repeat(201)), "q", "q must be a text of at most 200"),
    ] {
        let page = Page::with(&fixture, &fixture.token, &format!("/?{query}"), 400).await;
        let fault = page.part(&format!("id=\"x-{field}\""), "</p>");
        assert!(fault.contains(text), "{query}: {fault}");
        assert!(page.projects().is_empty() && page.has("<form class=\"filter\""), "{query}");
    }
}

#[tokio::test]
async fn the_slip_since_a_day_is_shown() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let position = tip(&fixture).await;
    shorten(&fixture, &projects[0], 3).await;
    let phase = fixture.phases(&projects[1]).await.swap_remove(0);
    let total: f64 = phase["total_budget"].as_str().unwrap().parse().unwrap();
    let capital: f64 = phase["capital_budget"].as_str().unwrap().parse().unwrap();
    let body = json!({ "capital_budget": format!("{:.2}", capital + 1234.5), "total_budget": format!("{:.2}", total + 1234.5) });
    fixture.patch(&format!("/phases/{}", phase["id"].as_str().unwrap()), &body).send().await.is(200);
    let made = "10000000-0000-4000-8000-00000000000a";
    fixture.copy_project(&projects[0], made).await;
    let adopted = fixture.phases(made).await.swap_remove(0);
    fixture
        .patch(&format!("/phases/{}", adopted["id"].as_str().unwrap()), &json!({ "name": "Adopted" }))
        .send()
        .await
        .is(200);
    // As if everything before had been recorded ten days ago.
    fixture
        .sql(&format!(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET recorded_at = recorded_at - interval '10 days' WHERE position <= {position};
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
        ))
        .await;
    let since = Utc::now().date_naive() - Duration::days(5);
    let page = Page::get(&fixture, &format!("/?since={since}")).await;
    for (project, texts) in [
        (projects[0].as_str(), ["3 days earlier", "1 phase changed"]),
        (&projects[1], ["same day", "budget +1,234.50"]),
        (made, ["new", "slip new"]),
        (&projects[2], ["same day", "slip same"]),
    ] {
        let row = page.row(project);
        for text in texts {
            assert!(row.contains(text), "{text} is not in {row}");
        }
        assert!(row.contains(&format!("href=\"/projects/{project}?compare={position}\"")), "{row}");
    }
    assert!(!Page::get(&fixture, "/").await.has("days earlier"));
    let before_all = Page::get(&fixture, "/?since=2001-01-01").await;
    assert_eq!(before_all.text.matches("slip new").count(), before_all.projects().len());
}

#[tokio::test]
async fn the_past_is_shown_with_a_way_back() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let position = tip(&fixture).await;
    let end = fixture.phases(&projects[0]).await.pop().unwrap()["end_date"].clone();
    shorten(&fixture, &projects[0], 4).await;
    let past = Page::get(&fixture, &format!("/?at={position}&limit=5&on={}", end.as_str().unwrap())).await;
    past.has_all(&["You look at the past", "Back to now"]);
    let row = past.row(&projects[0]);
    assert!(row.contains(end.as_str().unwrap()), "{row}");
    assert!(row.contains(&format!("/projects/{}?at={position}", projects[0])), "{row}");
    let back = past.part("id=\"past\"", "</p>");
    assert!(back.contains("href=\"/?on=") && back.contains("limit=5") && !back.contains("at="), "{back}");
    let now = Page::get(&fixture, "/").await;
    assert!(!now.has("You look at the past"));
    assert!(now.row(&projects[0]).contains(&day(&end, -4)));
    // A time, and a day, which is its end in UTC.
    let time: String = fixture
        .text("SELECT to_char(min(recorded_at) - interval '1 day', 'YYYY-MM-DD') FROM phaseline.events")
        .await;
    for moment in [format!("{time}T12:00:00Z"), time] {
        let page = Page::get(&fixture, &format!("/?as_of={moment}")).await;
        page.has_all(&["No timeline at this moment", "position 0"]);
    }
}

#[tokio::test]
async fn names_of_others_are_text_only() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let hostile = "<script>alert(1)</script>\" onload=\"x\u{202e}'&amp;";
    sqlx::query("UPDATE projects SET name = $1 WHERE id = $2::uuid")
        .bind(hostile)
        .bind(&project)
        .execute(&mut fixture.admin().await)
        .await
        .unwrap();
    let phase = fixture.phases(&project).await.swap_remove(0);
    let body = json!({ "name": "<b onclick=x>\u{2066}\"" });
    fixture.patch(&format!("/phases/{}", phase["id"].as_str().unwrap()), &body).send().await.is(200);
    fixture
        .sql(&format!("UPDATE project_phases SET name = '<i>drift</i>' WHERE project_id = '{project}'"))
        .await;
    for path in ["/", "/?q=%3Cscript%3E", "/?drift=1"] {
        let page = Page::get(&fixture, path).await;
        let row = page.row(&project);
        assert!(row.contains("&#60;script&#62;alert(1)") && row.contains("\u{2039}U+202E\u{203a}"), "{row}");
        assert!(row.contains("&#60;b onclick=x&#62;\u{2039}U+2066\u{203a}&#34;"), "{row}");
        for raw in ["<script>alert", "<b onclick", "<i>drift", "\u{202e}", "\u{2066}"] {
            assert!(!page.has(raw), "{path}: {raw}");
        }
    }
}

#[tokio::test]
async fn tokens_limit_what_is_shown() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(1).await;
    let mine: BTreeSet<String> = projects.iter().take(2).cloned().collect();
    let of = |scope: &str, limited: bool| {
        let mut claims = json!({ "sub": "eve", "exp": in_seconds(600), "scope": scope });
        if limited {
            claims["projects"] = json!(mine);
        }
        token(&claims)
    };
    let limited = of("phases:read history:read", true);
    for path in ["/", "/?totals=1", "/?drift=1", "/?at=1"] {
        let page = Page::with(&fixture, &limited, path, 200).await;
        for other in projects.iter().filter(|project| !mine.contains(*project)) {
            assert!(!page.has(other), "{path}: {other}");
        }
    }
    let page = Page::with(&fixture, &limited, "/?totals=1", 200).await;
    assert_eq!(page.projects().into_iter().collect::<BTreeSet<_>>(), mine);
    assert!(page.part("id=\"totals\"", "</tr>").contains("2 projects"));
    // Without the right to look back only the present, of what the planner has.
    let reads = of("phases:read", false);
    delete(&fixture, &projects[3]).await;
    let page = Page::with(&fixture, &reads, "/?totals=1", 200).await;
    assert!(!page.has("name=\"since\"") && !page.has("name=\"drift\"") && !page.has("href=\"/log\""));
    assert_eq!(page.projects(), by_name(&fixture).await);
    assert!(page.part("id=\"totals\"", "</tr>").contains("7 projects"));
    assert!(Page::get(&fixture, "/").await.has(&format!("Deleted project {}", projects[3])));
    for query in ["since=2026-01-01", "at=1", "as_of=2026-01-01", "drift=1"] {
        let page = Page::with(&fixture, &reads, &format!("/?{query}"), 403).await;
        page.has_all(&["history:read"]);
    }
    // Not even with a cursor of the past.
    let position = tip(&fixture).await;
    shorten(&fixture, &projects[1], 1).await;
    let old = Page::get(&fixture, &format!("/?at={position}&limit=2")).await.link("next").unwrap();
    let cursor = old.split("cursor=").nth(1).unwrap();
    assert!(
        Page::get(&fixture, &format!("/?cursor={cursor}"))
            .await
            .has(&format!("position {position} of the log"))
    );
    let page = Page::with(&fixture, &reads, &format!("/?cursor={cursor}"), 200).await;
    assert!(page.has(&format!("position {} of the log", tip(&fixture).await)) && page.projects().len() == 5);
    Page::with(&fixture, &of("history:read", false), "/", 403).await;
    let sign_in = fixture.service.client.get("/?q=a").send().await.is(303);
    assert_eq!(sign_in.header("location"), "/sign-in?next=%2F%3Fq%3Da");
    let nothing =
        token(&json!({ "sub": "eve", "exp": in_seconds(60), "scope": "phases:read", "projects": [] }));
    Page::with(&fixture, &nothing, "/", 200).await.has_all(&["No project yet", "phaseline adopt"]);
}

#[tokio::test]
async fn the_legacy_shape_is_explained() {
    let before = ServiceFixture::over(legacy()).await;
    let page = Page::with(&before, &before.token, "/", 503).await;
    page.has_all(&["Not migrated", "phaseline migrate"]);

    let fixture = ServiceFixture::start().await;
    let count = by_name(&fixture).await.len();
    roll_back(&fixture).await;
    let page = Page::get(&fixture, "/").await;
    page.has_all(&["Read only", "legacy shape", "href=\"/log\""]);
    assert_eq!(page.projects().len(), count);
    let reads = fixture.service.token("phases:read");
    Page::with(&fixture, &reads, "/", 503).await.has_all(&["legacy shape"]);
    Page::with(&fixture, &fixture.token, "/?drift=1", 503).await.has_all(&["legacy shape"]);
    let log = Page::get(&fixture, "/log").await;
    log.has_all(&["rollback completed"]);
    Page::get(&fixture, "/runs").await.has_all(&["Rollback", "Migration"]);
}

/// Rolls the database back to the legacy shape.
pub(crate) async fn roll_back(fixture: &ServiceFixture) {
    let operator = Operator {
        actor: "tester@test".to_owned(),
        host: "test".to_owned(),
        reason: Some("not yet".to_owned()),
    };
    let lock_timeout = std::time::Duration::from_secs(60);
    let mut options = RollbackOptions { operator, lock_timeout, accept_loss: None };
    let database = Database::new(fixture.database.url().parse().unwrap());
    if let Err(MigratorError::WouldLose { plan, .. }) = rollback(&database, &options, &Silent).await {
        options.accept_loss = plan.loss.digest;
        rollback(&database, &options, &Silent).await.unwrap();
    }
}

#[tokio::test]
async fn amounts_and_dates_are_those_of_now() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let today = Utc::now().date_naive();
    let running: Vec<Value> = fixture
        .phases(&project)
        .await
        .into_iter()
        .filter(|phase| {
            let day = |field: &str| phase[field].as_str().unwrap().parse::<chrono::NaiveDate>().unwrap();
            (day("start_date")..=day("end_date")).contains(&today)
        })
        .collect();
    let page = Page::get(&fixture, "/").await;
    page.has_all(&["Runs today"]);
    for phase in running {
        let name = format!("<bdi>{}</bdi>", phase["name"].as_str().unwrap());
        assert!(page.row(&project).contains(&name), "{name}");
    }
}
