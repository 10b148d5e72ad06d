//! The requests of the planner's front end, in order, with bodies that it builds from earlier responses.

use super::project_of_the_backend;
use crate::fixture::{ServiceFixture, day};
use serde_json::{Value, json};

/// The state of its phase editor: the phases of the last list with the user's edits.
struct Editor<'a> {
    fixture: &'a ServiceFixture,
    project: &'a str,
    phases: Vec<Value>,
}

impl Editor<'_> {
    async fn load(&mut self) {
        self.phases = self.fixture.phases(self.project).await;
    }

    /// Saves, and loads again: every member of every phase is sent, with an empty text for no description and 0 for no budget.
    async fn save(&mut self) {
        let phases = self.phases.iter().map(|phase| {
            let id = phase["id"].as_str().filter(|id| !id.starts_with("temp-"));
            let or = |name: &str, none: Value| match &phase[name] {
                Value::Null => none,
                value => value.clone(),
            };
            json!({ "id": id, "name": phase["name"], "start_date": phase["start_date"],
                "end_date": phase["end_date"], "description": or("description", json!("")),
                "capital_budget": or("capital_budget", json!(0)), "expense_budget": or("expense_budget", json!(0)),
                "total_budget": or("total_budget", json!(0)) })
        });
        let phases: Vec<Value> = phases.collect();
        let saved = self.fixture.batch(self.project, &phases).await.is(200).json();
        self.load().await;
        let mut saved = saved.as_array().unwrap().clone();
        saved.sort_by_key(|phase| phase["start_date"].to_string());
        assert_eq!(saved, self.phases, "the list is what was saved");
    }

    /// Splits the last phase.
    fn add(&mut self, first_days: i64) {
        let last = self.phases.last_mut().unwrap();
        let (start, end) = (last["start_date"].clone(), last["end_date"].clone());
        last["end_date"] = json!(day(&start, first_days - 1));
        let name = format!("Phase {}", self.phases.len() + 1);
        self.phases.push(json!({ "id": "temp-1700000000000", "project_id": self.project, "name": name,
            "start_date": day(&start, first_days), "end_date": end, "description": "", "capital_budget": 0,
            "expense_budget": 0, "total_budget": 0 }));
    }

    /// Removes a phase; the one before it takes its dates.
    fn delete(&mut self, at: usize) {
        let gone = self.phases.remove(at);
        self.phases[at - 1]["end_date"] = gone["end_date"].clone();
    }

    fn dates(&self) -> Vec<[&str; 3]> {
        let members = ["name", "start_date", "end_date"];
        self.phases.iter().map(|phase| members.map(|name| phase[name].as_str().unwrap())).collect()
    }

    /// The checks of its form before it saves.
    async fn is_valid(&self) -> bool {
        let path = format!("/projects/{}/phases/validate", self.project);
        self.fixture.post(&path, &json!(self.phases)).send().await.is(200).json()["is_valid"] == true
    }
}

#[tokio::test]
async fn the_front_end_edits_phases_and_saves_them() {
    let fixture = ServiceFixture::start().await;
    let [project, _] = project_of_the_backend(&fixture).await;
    let mut editor = Editor { fixture: &fixture, project: &project, phases: Vec::new() };
    editor.load().await;
    let events = fixture.events().await;
    editor.save().await;
    assert_eq!(fixture.events().await, events, "a save without an edit writes nothing, not even an adoption");

    editor.add(152);
    editor.save().await;
    assert_eq!(
        editor.dates(),
        [["Default Phase", "2024-02-01", "2024-07-01"], ["Phase 2", "2024-07-02", "2024-11-30"]]
    );
    assert!(editor.is_valid().await);

    editor.phases[1]["name"] = json!("Build");
    editor.phases[1]["capital_budget"] = json!(1250.5);
    editor.phases[1]["total_budget"] = json!(1250.5);
    editor.save().await;
    assert_eq!(
        (&editor.phases[1]["name"], &editor.phases[1]["total_budget"]),
        (&json!("Build"), &json!("1250.50"))
    );

    // Dragging a bar changes the phase and its neighbour.
    editor.phases[0]["end_date"] = json!("2024-05-31");
    assert!(!editor.is_valid().await);
    editor.phases[1]["start_date"] = json!("2024-06-01");
    assert!(editor.is_valid().await);
    editor.save().await;

    editor.add(30);
    editor.save().await;
    editor.delete(1);
    editor.save().await;
    assert_eq!(
        editor.dates(),
        [["Default Phase", "2024-02-01", "2024-06-30"], ["Phase 3", "2024-07-01", "2024-11-30"]]
    );
    let events = fixture.events().await;
    editor.save().await;
    assert_eq!(fixture.events().await, events, "a save without an edit writes nothing");
    assert_eq!(
        fixture.number("SELECT count(*) FROM phaseline.events WHERE event_type = 'PhaseDescribed'").await,
        0
    );
    assert!(editor.phases.iter().all(|phase| phase["description"].is_null()));
}

#[tokio::test]
async fn an_empty_description_of_the_backend_stays_and_is_no_edit() {
    let fixture = ServiceFixture::start().await;
    let [project, phase] = project_of_the_backend(&fixture).await;
    fixture.sql(&format!("UPDATE project_phases SET description = '' WHERE id = '{phase}'")).await;
    let row = format!("SELECT p::text FROM project_phases p WHERE id = '{phase}'");
    let before = fixture.text(&row).await;
    let mut editor = Editor { fixture: &fixture, project: &project, phases: Vec::new() };
    editor.load().await;
    editor.save().await;
    let response = fixture.patch(&format!("/phases/{phase}"), &json!({ "description": null })).send().await;
    assert_eq!(response.is(200).json()["phase"]["description"], "");
    assert_eq!(fixture.text(&row).await, before);
    editor.phases[0]["name"] = json!("Renamed");
    editor.save().await;
    assert_eq!(editor.phases[0]["description"], "", "an adopted row keeps what the backend wrote");
    let of_project = format!(
        "SELECT string_agg(event_type, ' ' ORDER BY position) FROM phaseline.events WHERE stream_id = '{project}'"
    );
    assert_eq!(fixture.text(&of_project).await, "TimelineOpened PhaseAdopted PhaseRenamed");
    editor.phases[0]["description"] = json!("Ground");
    editor.save().await;
    assert_eq!(editor.phases[0]["description"], "Ground");
    editor.phases[0]["description"] = json!("");
    editor.save().await;
    assert_eq!(editor.phases[0]["description"], Value::Null);
}
