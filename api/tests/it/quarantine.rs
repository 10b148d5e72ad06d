//! A timeline with an unreadable event is in quarantine; all others are served as before.

use crate::fixture::ServiceFixture;
use phaseline_migrator::Database;
use phaseline_migrator::quarantine::{EventSelection, SkipResult, skip};
use phaseline_store::Metadata;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use serde_json::json;

pub(crate) async fn skip_all(fixture: &ServiceFixture, project: &str) {
    let database = Database::new(fixture.database.url().parse().unwrap());
    let mut connection = database.connect("test").await.unwrap();
    let metadata = Metadata {
        actor: Some("admin".to_owned()),
        reason: Some("planted".to_owned()),
        ..Metadata::default()
    };
    let done =
        skip(&mut connection, project.parse().unwrap(), &EventSelection::All, &metadata).await.unwrap();
    assert!(matches!(done, SkipResult::Done(_)), "{done:?}");
}

#[tokio::test]
async fn commands_in_quarantine_are_refused_and_reads_report_it() {
    for bad in UnreadableKind::ALL {
        let fixture = ServiceFixture::start().await;
        let projects = fixture.projects(2).await;
        let (victim, other) = (&projects[0], &projects[1]);
        let phases = fixture.phases(victim).await;
        let phase = phases[0]["id"].as_str().unwrap();
        // The service has the timeline in its cache.
        fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "before" })).send().await.is(200);
        let position = insert_unreadable(fixture.database.url(), victim.parse().unwrap(), bad).await;
        let [event_type, fault] = bad.named();
        let rows = fixture.table().await;
        let events = fixture.events().await;

        let entries = fixture.entries(victim).await;
        let refused = [
            fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "after" })).send().await.is(409),
            fixture.delete(&format!("/phases/{phase}")).send().await.is(409),
            fixture
                .post(
                    &format!("/projects/{victim}/timeline/preview"),
                    &json!({ "change": { "phase_id": phase, "name": "after" } }),
                )
                .send()
                .await
                .is(409),
        ];
        for response in refused {
            let problem = response.json();
            assert_eq!(problem["code"], "timeline_quarantined", "{bad:?}");
            let detail = problem["detail"].as_str().unwrap();
            let position = format!("position {position} ");
            for part in [position.as_str(), event_type, fault, victim.as_str(), "phaseline quarantine skip"] {
                assert!(detail.contains(part), "{bad:?}: {part} is not in {detail}");
            }
        }
        let planners = fixture.batch(victim, &entries).await.is(409).json();
        assert!(planners["detail"].as_str().unwrap().contains("in quarantine"), "{planners}");
        assert_eq!((fixture.table().await, fixture.events().await), (rows, events), "{bad:?}");

        // Responses that need no fold come from the tables, and are marked.
        let marked = position.to_string();
        for path in [
            format!("/projects/{victim}/phases"),
            format!("/projects/{victim}/timeline"),
            format!("/phases/{phase}"),
            format!("/phases/{phase}/assignments"),
        ] {
            let response = fixture.get(&path).send().await.is(200);
            assert_eq!(response.header("phaseline-quarantine"), marked.as_str(), "{bad:?}: {path}");
        }
        // The history lists readable events and names unreadable ones.
        let history = fixture.get(&format!("/projects/{victim}/history?limit=500")).send().await.is(200);
        assert_eq!(history.header("phaseline-quarantine"), marked.as_str());
        let history = history.json();
        let entries = history["entries"].as_array().unwrap();
        let (last, before) = (&entries[entries.len() - 1], &entries[entries.len() - 2]);
        assert_eq!((&last["position"], &last["event_type"]), (&json!(position), &json!(event_type)));
        assert!(last["unreadable"].as_str().unwrap().contains(fault), "{last}");
        assert_eq!(before["changes"][0]["after"], "before");

        // Other projects are not affected.
        let response = fixture.get(&format!("/projects/{other}/phases")).send().await.is(200);
        assert_eq!(response.header("phaseline-quarantine"), "");
        let foreign = fixture.phases(other).await[0]["id"].as_str().unwrap().to_owned();
        fixture.patch(&format!("/phases/{foreign}"), &json!({ "name": "served" })).send().await.is(200);
        fixture.get(&format!("/projects/{other}/history")).send().await.is(200);

        // Once the event is left out, the timeline is served again, also by the service that had found it.
        skip_all(&fixture, victim).await;
        fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "after" })).send().await.is(200);
        let response = fixture.get(&format!("/projects/{victim}/phases")).send().await.is(200);
        assert_eq!(response.header("phaseline-quarantine"), "", "{bad:?}");
        let history =
            fixture.get(&format!("/projects/{victim}/history?limit=500")).send().await.is(200).json();
        let entry = history["entries"].as_array().unwrap().iter().find(|entry| entry["position"] == position);
        let entry = entry.unwrap();
        assert_eq!(entry["skipped"]["actor"], "admin", "{bad:?}");
        assert_eq!(entry["skipped"]["reason"], "planted", "{bad:?}");
        assert!(entry.get("unreadable").is_none(), "{bad:?}");
    }
}

#[tokio::test]
async fn a_project_is_adopted_while_another_timeline_is_in_quarantine() {
    let fixture = ServiceFixture::start().await;
    let victim = fixture.project().await;
    insert_unreadable(fixture.database.url(), victim.parse().unwrap(), UnreadableKind::Nul).await;
    let made = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
    fixture.copy_project(&victim, made).await;
    let phase = fixture.phases(made).await[0]["id"].as_str().unwrap().to_owned();
    fixture.patch(&format!("/phases/{phase}"), &json!({ "name": "adopted" })).send().await.is(200);
    fixture.get(&format!("/phases/{phase}/history")).send().await.is(200);
}
