//! Drafts: what an edit in a browser does to the phases that it holds, and that saving does what was shown.

use crate::fixture::{ServiceFixture, day};
use crate::page::Page;
use phaseline_tests::random::SeededRandom;
use serde_json::{Value, json};

/// A draft as a browser holds it.
struct HeldDraft {
    page: Page,
    state: Value,
}

impl HeldDraft {
    async fn begin(fixture: &ServiceFixture, project: &str) -> Self {
        Self::of(fixture, project, &Value::Null, &json!({ "kind": "none" })).await
    }

    async fn of(fixture: &ServiceFixture, project: &str, state: &Value, edit: &Value) -> Self {
        let body = json!({ "state": state, "edit": edit });
        let path = format!("/projects/{project}/draft");
        let response = fixture.service.client.post(&path).bearer(&fixture.token).json(&body).send().await;
        let page = Page::of(&response.is(200));
        let state = serde_json::from_str(&page.attributes(" data-draft=\"")[0]).unwrap();
        Self { page, state }
    }

    async fn edit(&self, fixture: &ServiceFixture, project: &str, edit: Value) -> Self {
        Self::of(fixture, project, &self.state, &edit).await
    }

    fn rows(&self) -> Vec<Value> {
        self.state["rows"].as_array().unwrap().clone()
    }

    fn row(&self, index: usize) -> &Value {
        &self.state["rows"][index]
    }

    fn is_valid(&self) -> bool {
        self.page.attributes(" data-valid=\"") == ["true"]
    }

    fn said(&self) -> String {
        self.page.attributes(" data-said=\"").remove(0)
    }

    /// The list that a browser saves.
    fn list(&self) -> Vec<Value> {
        let entry = |row: &Value| {
            let mut entry = row.clone();
            let is_new = entry.as_object_mut().unwrap().remove("is_new") == Some(json!(true));
            if is_new {
                entry["id"] = Value::Null;
            }
            entry
        };
        self.rows().iter().map(entry).collect()
    }

    async fn save(&self, fixture: &ServiceFixture, project: &str) -> phaseline_tests::http::HttpResponse {
        let path = format!("/projects/{project}/phases/batch");
        let version = format!("\"{}\"", self.state["version"]);
        fixture.post(&path, &json!({ "phases": self.list() })).header("if-match", &version).send().await
    }

    /// The messages of broken rules, in their order.
    fn broken(&self) -> Vec<String> {
        let Some((_, list)) = self.page.text.split_once("<ul class=\"faults\">") else { return Vec::new() };
        let list = list.split("</ul>").next().unwrap();
        let message =
            |item: &str| crate::page::unescaped(item.split("<bdi>").nth(1)?.split("</bdi>").next()?).into();
        list.split("<li>").skip(1).filter_map(message).collect()
    }
}

fn dates(phase: &Value, start: &str, end: &str) -> Value {
    json!({ "kind": "dates", "phase": phase["id"], "start": start, "end": end, "follow": true })
}

/// A project with three phases.
async fn three(fixture: &ServiceFixture) -> String {
    let project = fixture.projects(2).await.remove(0);
    let draft = HeldDraft::begin(fixture, &project).await;
    let draft = draft.edit(fixture, &project, json!({ "kind": "add", "within": null })).await;
    draft.save(fixture, &project).await.is(200);
    project
}

#[tokio::test]
async fn neighbours_follow_and_saving_does_what_was_shown() {
    let fixture = ServiceFixture::start().await;
    let project = three(&fixture).await;
    let before = fixture.phases(&project).await;
    let events = fixture.events().await;
    let draft = HeldDraft::begin(&fixture, &project).await;
    assert!(draft.is_valid() && draft.said().is_empty());
    draft.page.has_all(&["Nothing differs from what is saved", "disabled"]);
    let end = day(&before[0]["end_date"], 3);
    let draft = draft
        .edit(&fixture, &project, dates(&before[0], before[0]["start_date"].as_str().unwrap(), &end))
        .await;
    assert_eq!(draft.row(0)["end_date"], end);
    assert_eq!(draft.row(1)["start_date"], day(&before[1]["start_date"], 3));
    assert!(draft.said().contains(" now runs ") && draft.said().contains(" follows, "), "{}", draft.said());
    draft.page.has_all(&["Save 2 changed phases", "instead of", "data-mode=\"draft\""]);
    assert_eq!(fixture.events().await, events, "nothing is written before saving");
    draft.save(&fixture, &project).await.is(200);
    let after = fixture.phases(&project).await;
    assert_eq!((&after[0]["end_date"], &after[1]["start_date"]), (&json!(end), &draft.row(1)["start_date"]));
}

#[tokio::test]
async fn what_cannot_be_read_or_breaks_a_rule_stays_and_is_explained() {
    let fixture = ServiceFixture::start().await;
    let project = three(&fixture).await;
    let first = fixture.phases(&project).await.remove(0);
    let draft = HeldDraft::begin(&fixture, &project).await;
    let typed = draft
        .edit(&fixture, &project, dates(&first, "31.12.2024", first["end_date"].as_str().unwrap()))
        .await;
    assert_eq!(typed.row(0)["start_date"], "31.12.2024");
    typed.page.has_all(&["is no date: write it as 2026-01-31", "aria-invalid", "disabled"]);
    assert!(!typed.is_valid());
    // A gap, which the neighbours do not close.
    let edit = json!({ "kind": "dates", "phase": first["id"], "start": first["start_date"],
                       "end": day(&first["end_date"], -2), "follow": false });
    let gap = draft.edit(&fixture, &project, edit).await;
    assert!(
        gap.broken().iter().any(|message| message.starts_with("Gap detected between")),
        "{:?}",
        gap.broken()
    );
    gap.page.has_all(&["(V4)"]);
    let refused =
        gap.edit(&fixture, &project, json!({ "kind": "move", "phase": first["id"], "by": 1 })).await;
    assert!(refused.said().starts_with("Not possible: "), "{}", refused.said());
    assert_eq!(refused.rows(), gap.rows());
    // Beyond the project, an empty name, and an amount that is none.
    let mut state = draft.state.clone();
    state["rows"][0]["name"] = json!("  ");
    state["rows"][1]["capital_budget"] = json!("12.345,00");
    state["rows"][2]["end_date"] = json!("2999-01-01");
    let all = HeldDraft::of(&fixture, &project, &state, &json!({ "kind": "none" })).await;
    all.page.has_all(&[
        "is no amount: write it as 1,234.50",
        "Phase name cannot be empty",
        "end date must be on or before project end date",
    ]);
    assert_eq!(all.row(1)["capital_budget"], "12.345,00", "as it was typed");
}

#[tokio::test]
async fn phases_are_added_moved_and_removed() {
    let fixture = ServiceFixture::start().await;
    let project = three(&fixture).await;
    let phases = fixture.phases(&project).await;
    let draft = HeldDraft::begin(&fixture, &project).await;
    let added = draft.edit(&fixture, &project, json!({ "kind": "add", "within": phases[1]["id"] })).await;
    assert_eq!(added.rows().len(), 4);
    assert_eq!(added.rows().iter().filter(|row| row["is_new"] == true).count(), 1);
    let new = added.rows().into_iter().find(|row| row["is_new"] == true).unwrap();
    let moved = added.edit(&fixture, &project, json!({ "kind": "move", "phase": new["id"], "by": -9 })).await;
    assert_eq!(moved.row(0)["id"], new["id"], "the first one now");
    let removed = moved.edit(&fixture, &project, json!({ "kind": "remove", "phase": phases[0]["id"] })).await;
    assert!(removed.said().contains("is removed"), "{}", removed.said());
    removed.save(&fixture, &project).await.is(200);
    let names: Vec<Value> =
        fixture.phases(&project).await.iter().map(|phase| phase["name"].clone()).collect();
    assert_eq!(names, removed.rows().iter().map(|row| row["name"].clone()).collect::<Vec<_>>());
    // The last one stays.
    let mut last = HeldDraft::begin(&fixture, &project).await;
    while last.rows().len() > 1 {
        let id = last.row(0)["id"].clone();
        last = last.edit(&fixture, &project, json!({ "kind": "remove", "phase": id })).await;
    }
    let refused =
        last.edit(&fixture, &project, json!({ "kind": "remove", "phase": last.row(0)["id"] })).await;
    assert!(refused.said().contains("Cannot delete the last remaining phase"), "{}", refused.said());
}

#[tokio::test]
async fn a_draft_meets_what_others_saved_and_goes_on_top_of_it() {
    let fixture = ServiceFixture::start().await;
    let project = three(&fixture).await;
    let phases = fixture.phases(&project).await;
    let mut state = HeldDraft::begin(&fixture, &project).await.state;
    state["rows"][0]["name"] = json!("Mine");
    let mine = HeldDraft::of(&fixture, &project, &state, &json!({ "kind": "none" })).await;
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    fixture.patch(&path, &json!({ "description": "theirs" })).send().await.is(200);
    mine.save(&fixture, &project).await.is(412);
    let conflict = mine.edit(&fixture, &project, json!({ "kind": "none" })).await;
    conflict.page.has_all(&[
        "id=\"conflict\"",
        "Someone else changed this timeline",
        "ada",
        "description of phase",
    ]);
    assert_eq!(conflict.state["version"], mine.state["version"], "still on the version from which it began");
    assert_eq!(conflict.row(0)["name"], "Mine");
    let merged = conflict.edit(&fixture, &project, json!({ "kind": "merge" })).await;
    assert_eq!((&merged.row(0)["name"], &merged.row(0)["description"]), (&json!("Mine"), &json!("theirs")));
    assert!(!merged.page.has("id=\"conflict\""));
    merged.save(&fixture, &project).await.is(200);
    let saved = fixture.phases(&project).await.remove(0);
    assert_eq!((&saved["name"], &saved["description"]), (&json!("Mine"), &json!("theirs")));
}

/// The planner's form changed the project's dates: the draft begins with them, and saving it takes them over.
#[tokio::test]
async fn a_draft_has_the_planners_new_dates() {
    let fixture = ServiceFixture::start().await;
    let project = three(&fixture).await;
    let last = fixture.phases(&project).await.pop().unwrap();
    for days in [30, -2] {
        fixture
            .sql(&format!("UPDATE projects SET end_date = end_date + {days} WHERE id = '{project}'"))
            .await;
        let end = fixture.text(&format!("SELECT end_date::text FROM projects WHERE id = '{project}'")).await;
        let draft = HeldDraft::begin(&fixture, &project).await;
        assert!(draft.is_valid());
        assert_eq!(draft.rows().pop().unwrap()["end_date"], end);
        draft.page.has_all(&["saving it takes them over", "instead of", &end]);
        let mut state = draft.state.clone();
        state["rows"][0]["name"] = json!(format!("Renamed {days}"));
        let renamed = HeldDraft::of(&fixture, &project, &state, &json!({ "kind": "none" })).await;
        renamed.save(&fixture, &project).await.is(200);
        assert_eq!(fixture.phases(&project).await.pop().unwrap()["end_date"], end);
    }
    // Dates that the last phase cannot follow: a list over them is accepted.
    let start = last["start_date"].as_str().unwrap();
    fixture.sql(&format!("UPDATE projects SET end_date = DATE '{start}' - 1 WHERE id = '{project}'")).await;
    let draft = HeldDraft::begin(&fixture, &project).await;
    assert!(!draft.is_valid() && !draft.broken().is_empty());
    let shorter = draft.edit(&fixture, &project, json!({ "kind": "remove", "phase": last["id"] })).await;
    assert!(shorter.is_valid(), "{:?}", shorter.broken());
    shorter.save(&fixture, &project).await.is(200);
}

#[tokio::test]
async fn what_cannot_be_read_stays_in_the_chart() {
    let fixture = ServiceFixture::start().await;
    let project = three(&fixture).await;
    let phases = fixture.phases(&project).await;
    let draft = HeldDraft::begin(&fixture, &project).await;
    let start = phases[0]["start_date"].as_str().unwrap();
    let typed = draft.edit(&fixture, &project, dates(&phases[0], start, "31.1.2026")).await;
    assert_eq!(typed.page.attributes(" id=\"bar-").len(), 3);
    assert!(typed.broken().iter().all(|message| message.contains("is no date")), "{:?}", typed.broken());
    typed.page.has_all(&["Save 1 changed phase<"]);
    let end = day(&phases[0]["end_date"], 2);
    let right = typed.edit(&fixture, &project, dates(&phases[0], start, &end)).await;
    assert!(right.is_valid());
    assert_eq!(right.row(1)["start_date"], day(&phases[1]["start_date"], 2));
    // An amount with too many decimals is shown as it was typed.
    let mut state = draft.state.clone();
    state["rows"][0]["capital_budget"] = json!("100.999");
    let amount = HeldDraft::of(&fixture, &project, &state, &json!({ "kind": "none" })).await;
    amount.page.has_all(&["value=\"100.999\"", "at most two decimals"]);
    let row = amount.page.part(&format!("<tr id=\"row-{}\"", phases[0]["id"].as_str().unwrap()), "</tr>");
    let name = row.split("<textarea").next().unwrap();
    assert!(!name.contains("aria-invalid"), "the name is not wrong: {name}");
}

#[tokio::test]
async fn malformed_drafts_are_refused() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/draft");
    let row = json!({ "id": "x", "name": "", "start_date": "", "end_date": "", "capital_budget": "", "expense_budget": "" });
    for (body, status) in [
        (json!({}), 422),
        (json!({ "state": null, "edit": { "kind": "explode" } }), 422),
        (json!({ "state": null, "edit": { "kind": "none" }, "more": 1 }), 422),
        (json!({ "state": { "version": 1, "base": [], "rows": [row] }, "edit": { "kind": "none" } }), 422),
    ] {
        let response = fixture.service.client.post(&path).bearer(&fixture.token).json(&body).send().await;
        assert_eq!(response.status, status, "{body}");
        Page::of(&response).has_all(&["id=\"failure\""]);
    }
    let text = fixture
        .service
        .client
        .post(&path)
        .bearer(&fixture.token)
        .body("{")
        .header("content-type", "application/json");
    text.send().await.is(400);
    let none = fixture
        .service
        .client
        .post("/projects/00000000-0000-4000-8000-0000000000ff/draft")
        .bearer(&fixture.token);
    none.json(&json!({ "state": null, "edit": { "kind": "none" } })).send().await.is(404);
}

/// A valid draft is saved as it is shown; an invalid one is refused with the page's messages.
#[tokio::test]
async fn drafts_are_saved_as_shown_whatever_was_edited() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(1).await;
    let mut random = SeededRandom::new(19);
    let (mut saved, mut refused) = (0, 0);
    for round in 0..60 {
        let project = &projects[round % projects.len()];
        let mut draft = HeldDraft::begin(&fixture, project).await;
        for _ in 0..random.below(6) + 1 {
            let rows = draft.rows();
            let row = &rows[random.below(rows.len() as u64) as usize];
            let shift = |random: &mut SeededRandom| random.within(-10, 10);
            let edit = match random.below(6) {
                0 | 1 => {
                    json!({ "kind": "dates", "phase": row["id"], "start": day(&row["start_date"], shift(&mut random)),
                                 "end": day(&row["end_date"], shift(&mut random)), "follow": random.below(3) > 0 })
                }
                2 => json!({ "kind": "move", "phase": row["id"], "by": random.below(5) as i64 - 2 }),
                3 => json!({ "kind": "add", "within": row["id"] }),
                4 => json!({ "kind": "remove", "phase": row["id"] }),
                _ => json!({ "kind": "none" }),
            };
            draft = draft.edit(&fixture, project, edit).await;
            if random.below(4) == 0 {
                let index = random.below(draft.rows().len() as u64) as usize;
                draft.state["rows"][index]["capital_budget"] = json!(format!("{}.5", random.below(2000)));
                draft.state["rows"][index]["name"] = json!(format!(" Phase {} ", random.below(99)));
                draft = draft.edit(&fixture, project, json!({ "kind": "none" })).await;
            }
        }
        let before = fixture.table().await;
        let response = draft.save(&fixture, project).await;
        if draft.is_valid() {
            let shown = draft.list();
            let phases = response.is(200).json();
            assert_eq!(phases.as_array().unwrap().len(), shown.len());
            for (phase, row) in phases.as_array().unwrap().iter().zip(&shown) {
                for field in
                    ["name", "start_date", "end_date", "capital_budget", "expense_budget", "total_budget"]
                {
                    assert_eq!(phase[field], row[field], "round {round}, {field}");
                }
            }
            saved += 1;
        } else {
            let errors = response.is(422).json();
            let messages: Vec<&str> = errors["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| error["message"].as_str().unwrap())
                .collect();
            assert_eq!(messages, draft.broken(), "round {round}");
            assert_eq!(fixture.table().await, before, "nothing was written");
            refused += 1;
        }
    }
    assert!(saved >= 10 && refused >= 10, "{saved} saved, {refused} refused");
}
