//! A project's timeline as a whole, and previews of commands.

use crate::fixture::{ServiceFixture, day, entry, new_entry};
use serde_json::{Value, json};
use uuid::Uuid;

const MADE: &str = "7c1c4f5e-5b62-4f0c-8a30-3d0b6f1f9c21";

#[tokio::test]
async fn a_timeline_is_opened_and_then_rescheduled() {
    let fixture = ServiceFixture::start().await;
    fixture.make_project(MADE, "'2030-01-01', '2030-03-31'").await;
    let path = format!("/projects/{MADE}/timeline");
    let days = |start: &str, end: &str| json!({ "start_date": start, "end_date": end });
    fixture.put(&path, &days("2030-01-01", "2030-06-30")).header("If-Match", "*").send().await.is(412);
    let refused = fixture.put(&path, &days("2030-02-01", "2030-01-01")).send().await.is(422).json();
    assert_eq!(refused["errors"][0]["rule"], "V21");
    let opened = fixture.put(&path, &days("2030-01-01", "2030-06-30")).send().await.is(201).json();
    assert_eq!(opened["phases"][0]["name"], "Default Phase");
    assert_eq!(opened["version"], 2);
    let moved = fixture.put(&path, &days("2030-02-01", "2030-07-31")).send().await.is(200).json();
    assert_eq!((&moved["start_date"], &moved["end_date"]), (&json!("2030-02-01"), &json!("2030-07-31")));
    assert_eq!(moved["phases"][0]["start_date"], "2030-02-01");
    let found = fixture.get(&path).send().await.is(200);
    assert_eq!(found.header("etag"), format!("\"{}\"", moved["version"]));
    assert_eq!(found.json(), moved);
    let missing = format!("/projects/{}/timeline", Uuid::new_v4());
    fixture.get(&missing).send().await.is(404);
    fixture.put(&missing, &days("2030-01-01", "2030-06-30")).send().await.is(404);
}

#[tokio::test]
async fn a_project_of_the_backend_is_adopted_and_rescheduled() {
    let fixture = ServiceFixture::start().await;
    fixture.copy_project(&fixture.project().await, MADE).await;
    let path = format!("/projects/{MADE}/timeline");
    let before = fixture.get(&path).send().await.is(200).json();
    assert_eq!((&before["version"], &before["position"]), (&json!(0), &json!(0)));
    let body = json!({ "start_date": before["start_date"], "end_date": day(&before["end_date"], 10) });
    let after = fixture.put(&path, &body).send().await.is(200).json();
    let phases = after["phases"].as_array().unwrap();
    assert_eq!(phases.len(), before["phases"].as_array().unwrap().len());
    assert_eq!(phases[0], {
        let mut same = before["phases"][0].clone();
        same["version"] = after["version"].clone();
        same
    });
    assert_eq!(phases.last().unwrap()["end_date"], body["end_date"]);
}

#[tokio::test]
async fn a_project_without_a_timeline_gets_a_hint_how_to_open_one() {
    let fixture = ServiceFixture::start().await;
    fixture.make_project(MADE, "'2030-01-01', '2030-03-31'").await;
    let body = json!({ "name": "A", "start_date": "2030-01-01", "end_date": "2030-01-02" });
    let refused = fixture.post(&format!("/projects/{MADE}/phases"), &body).send().await.is(409).json();
    assert_eq!(refused["code"], "no_timeline");
}

/// The phase and the date of each assignment of a project.
async fn places(fixture: &ServiceFixture, project: &str) -> Vec<(String, Option<String>)> {
    let query = format!(
        "SELECT a.assignment_date::text, (SELECT p.id::text FROM project_phases p WHERE p.project_id = a.project_id
                AND a.assignment_date BETWEEN p.start_date AND p.end_date)
           FROM resource_assignments a WHERE a.project_id = '{project}' ORDER BY a.id"
    );
    sqlx::query_as(&query).fetch_all(&mut fixture.admin().await).await.unwrap()
}

#[tokio::test]
async fn a_preview_predicts_the_effects_of_the_command() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phases = fixture.phases(&project).await;
    let (first, second) = (&phases[0], &phases[1]);
    let path = |phase: &Value| format!("/phases/{}", phase["id"].as_str().unwrap());
    let on = |what: &str| format!("/projects/{project}/{what}");
    let cut = json!({ "end_date": day(&first["end_date"], -9) });
    let create = json!({ "name": "Between", "start_date": day(&first["end_date"], -12),
        "end_date": day(&first["end_date"], 8) });
    // The preview of a new phase has no id; all else equals the response.
    let path_of_preview = on("timeline/preview");
    let preview = fixture.post(&path_of_preview, &json!({ "create": create })).send().await.is(200).json();
    let made = fixture.post(&on("phases"), &create).send().await.is(201).json();
    let without_id = |phases: &Value| -> Vec<Value> {
        let each = phases.as_array().unwrap().iter();
        each.map(|phase| {
            json!([phase["name"], phase["start_date"], phase["end_date"], phase["assignment_count"]])
        })
        .collect()
    };
    assert_eq!(without_id(&preview["after"]), without_id(&made["phases"]));
    let create = made["phase"].clone();
    let days = json!({ "start_date": day(&first["start_date"], 12), "end_date": second["end_date"] });
    let order = json!({ "phases": [second["id"], create["id"], first["id"]] });
    let with_id = |change: &Value, phase: &Value| {
        let mut change = change.clone();
        change["phase_id"] = phase["id"].clone();
        change
    };
    let mut list: Vec<Value> = vec![entry(second)];
    list[0]["start_date"] = days["start_date"].clone();
    let list = json!({ "phases": list });
    let steps = [
        (json!({ "change": with_id(&cut, first) }), fixture.patch(&path(first), &cut), 200),
        (json!({ "reorder": order }), fixture.post(&on("phases/reorder"), &order), 200),
        (json!({ "reschedule": days }), fixture.put(&on("timeline"), &days), 200),
        (json!({ "delete": { "phase_id": create["id"] } }), fixture.delete(&path(&create)), 200),
        (json!({ "replace": list }), fixture.post(&on("phases/batch"), &list), 200),
    ];
    let mut moved_at_all = 0;
    for (body, command, status) in steps {
        let (before, phases_before, events) =
            (places(&fixture, &project).await, fixture.phases(&project).await, fixture.events().await);
        let reader = fixture.service.token("phases:read");
        let request = fixture.service.client.post(&format!("/api/v1/projects/{project}/timeline/preview"));
        let preview = request.bearer(&reader).json(&body).send().await.is(200).json();
        assert_eq!(preview["valid"], true, "{body} {preview}");
        assert_eq!(fixture.events().await, events, "a preview writes nothing");
        command.send().await.is(status);
        let (after, phases_after) = (places(&fixture, &project).await, fixture.phases(&project).await);

        for (response, phases) in [(&preview["before"], &phases_before), (&preview["after"], &phases_after)] {
            let response = response.as_array().unwrap();
            assert_eq!(response.len(), phases.len());
            for (response, phase) in response.iter().zip(phases) {
                for (name, value) in response.as_object().unwrap() {
                    assert_eq!(value, &phase[name], "{name} after {body}");
                }
            }
        }
        let outside =
            |places: &[(String, Option<String>)]| places.iter().filter(|(_, phase)| phase.is_none()).count();
        let changed: Vec<_> =
            before.iter().zip(&after).filter(|(before, after)| before.1 != after.1).collect();
        let assignments = &preview["assignments"];
        assert_eq!(assignments["total"], before.len());
        assert_eq!(assignments["outside_before"], outside(&before));
        assert_eq!(assignments["outside_after"], outside(&after));
        assert_eq!(assignments["changed"], changed.len(), "{body}");
        let mut counted = 0;
        for group in assignments["moves"].as_array().unwrap() {
            let of_group: Vec<&str> = changed
                .iter()
                .filter(|(before, after)| {
                    json!(before.1) == group["from_phase"] && json!(after.1) == group["to_phase"]
                })
                .map(|(before, _)| before.0.as_str())
                .collect();
            assert_eq!(group["count"], of_group.len());
            assert_eq!(group["first_date"], *of_group.iter().min().unwrap());
            assert_eq!(group["last_date"], *of_group.iter().max().unwrap());
            counted += of_group.len();
        }
        assert_eq!(counted, changed.len());
        moved_at_all += counted;

        let range =
            |phase: &Value| json!({ "start_date": phase["start_date"], "end_date": phase["end_date"] });
        let of = |phases: &[Value], id: &Value| {
            phases.iter().find(|phase| phase["id"] == *id).map_or(Value::Null, range)
        };
        let moved = preview["moved"].as_array().unwrap();
        for phase in phases_before.iter().chain(&phases_after) {
            let (from, to) = (of(&phases_before, &phase["id"]), of(&phases_after, &phase["id"]));
            match moved.iter().find(|moved| moved["phase_id"] == phase["id"]) {
                Some(moved) => assert_eq!((&moved["from"], &moved["to"]), (&from, &to)),
                None => assert_eq!(from, to, "a move that was not response"),
            }
        }
    }
    assert!(moved_at_all > 0, "the sample has assignments to move");
}

#[tokio::test]
async fn a_preview_of_a_refused_command_has_the_reasons_and_no_changes() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let path = format!("/projects/{project}/timeline/preview");
    let gap = json!({ "replace": { "phases": [new_entry("A", "2030-01-01", "2030-01-02")] } });
    let preview = fixture.post(&path, &gap).send().await.is(200).json();
    assert_eq!(preview["valid"], false);
    assert_eq!(preview["errors"][0]["rule"], "V2");
    assert_eq!((&preview["after"], &preview["moved"]), (&preview["before"], &json!([])));
    assert_eq!(preview["assignments"]["changed"], 0);
    let unknown = json!({ "delete": { "phase_id": Uuid::new_v4() } });
    assert_eq!(fixture.post(&path, &unknown).send().await.is(200).json()["errors"][0]["rule"], "V18");
    for odd in [json!({}), json!({ "rename": {} }), json!({ "reorder": { "phases": [] }, "delete": {} })] {
        fixture.post(&path, &odd).send().await.is(422);
    }
    let odd = json!({ "create": { "name": 1, "start_date": "x" } });
    let faults = fixture.post(&path, &odd).send().await.is(422).json();
    assert_eq!(faults["errors"][0]["field"], "create.name");
    fixture.post(&format!("/projects/{}/timeline/preview", Uuid::new_v4()), &unknown).send().await.is(404);
}

#[tokio::test]
async fn a_preview_of_days_for_a_project_without_a_timeline_opens_one() {
    let fixture = ServiceFixture::start().await;
    fixture.make_project(MADE, "'2030-01-01', '2030-03-31'").await;
    let days = json!({ "reschedule": { "start_date": "2030-01-01", "end_date": "2030-06-30" } });
    let preview =
        fixture.post(&format!("/projects/{MADE}/timeline/preview"), &days).send().await.is(200).json();
    assert_eq!(preview["valid"], true);
    assert_eq!(preview["moved"][0]["from"], Value::Null);
}
