//! The whole log, page by page: filters, ranges of whole commands, limited tokens, names.

mod names;
mod refusals;

use crate::fixture::{ServiceFixture, day};
use crate::quarantine::skip_all;
use crate::service::{in_seconds, token};
use phaseline_domain::ProjectId;
use phaseline_projections::FoldedLog;
use phaseline_projections::log_entries::{LogSelection, event_types, log_page};
use phaseline_projections::repair::repair;
use phaseline_store::Metadata;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// All entries of a selection, by following the links of the responses.
async fn walk(fixture: &ServiceFixture, token: &str, query: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut next = format!("/api/v1/log?{query}");
    let mut range = None;
    for _ in 0..500 {
        let response = fixture.service.client.get(&next).bearer(token).send().await.is(200);
        let page = response.json();
        all.extend(page["entries"].as_array().unwrap().iter().cloned());
        let found = [page["from_position"].clone(), page["to_position"].clone()];
        assert_eq!(*range.get_or_insert(found.clone()), found, "all pages are of one moment");
        let link = response.header("link");
        match page["next_cursor"].as_str() {
            None => {
                assert_eq!(link, "");
                return all;
            }
            Some(cursor) => {
                assert!(link.ends_with("; rel=\"next\"") && link.contains(cursor), "{link}");
                next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
            }
        }
    }
    panic!("there is no end");
}

/// All entries of a selection, with a token for everything.
async fn all(fixture: &ServiceFixture, query: &str) -> Vec<Value> {
    walk(fixture, &fixture.token, query).await
}

/// The positions of entries.
fn positions(entries: &[Value]) -> Vec<i64> {
    entries.iter().map(|entry| entry["position"].as_i64().unwrap()).collect()
}

async fn rename(fixture: &ServiceFixture, project: &str, name: &str, actor: &str) {
    let phase = fixture.phases(project).await[0]["id"].as_str().unwrap().to_owned();
    let token = token(&json!({ "sub": actor, "exp": in_seconds(60), "scope": "phases:write" }));
    let request = fixture.service.client.patch(&format!("/api/v1/phases/{phase}")).bearer(&token);
    let request = request.header("Phaseline-Reason", "plan B").json(&json!({ "name": name }));
    request.send().await.is(200);
}

/// Repairs rows of these projects that another program changed, in one repair.
async fn repair_all(fixture: &ServiceFixture, projects: &[&str]) {
    for project in projects {
        fixture
            .sql(&format!("UPDATE project_phases SET name = 'By hand' WHERE project_id = '{project}'"))
            .await;
    }
    let projects: Vec<ProjectId> = projects.iter().map(|project| project.parse().unwrap()).collect();
    let mut admin = fixture.admin().await;
    let mut log = FoldedLog::read(&mut admin, None).await.unwrap();
    let repaired = repair(&mut admin, &mut log, &projects, &Metadata::default()).await.unwrap();
    assert!(repaired.repair_id.is_some());
}

/// A log with commands of two actors on two projects, one of several events, a migration, two repairs, and a mark.
pub(crate) struct Eventful {
    pub(crate) fixture: ServiceFixture,
    /// The project with most events, the other one, and one with a mark.
    pub(crate) projects: [String; 3],
    /// The first and the last position of a command of several events.
    pub(crate) command: [i64; 2],
}

impl Eventful {
    pub(crate) async fn start() -> Self {
        let fixture = ServiceFixture::start().await;
        let found = fixture.projects(2).await;
        let projects = [found[0].clone(), found[1].clone(), found[2].clone()];
        let [first, second, third] = &projects;
        rename(&fixture, first, "One", "ada").await;
        rename(&fixture, second, "Two", "bob").await;
        let phases = fixture.phases(first).await;
        let begin = fixture.events().await + 1;
        let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
        let cut = json!({ "end_date": day(&phases[0]["end_date"], -2), "capital_budget": "1.00", "expense_budget": "2.50" });
        fixture.patch(&path, &cut).send().await.is(200);
        let command = [begin, fixture.events().await];
        assert!(command[1] > command[0] + 1, "{command:?}");
        repair_all(&fixture, &[first]).await;
        repair_all(&fixture, &[first, second]).await;
        insert_unreadable(fixture.database.url(), third.parse().unwrap(), UnreadableKind::ALL[0]).await;
        skip_all(&fixture, third).await;
        Self { fixture, projects, command }
    }
}

#[tokio::test]
async fn pages_of_any_size_are_the_whole_log_with_runs_and_repairs() {
    let Eventful { fixture, projects, .. } = Eventful::start().await;
    let whole = all(&fixture, "limit=500").await;
    let stored: Value = serde_json::from_str(
        &fixture
            .text(
                "SELECT json_agg(json_build_array(position, version, stream_type, stream_id, event_id, event_type,
                        encode(hash, 'hex'), login) ORDER BY position)::text FROM phaseline.events",
            )
            .await,
    )
    .unwrap();
    let columns =
        ["position", "version", "stream_type", "stream_id", "event_id", "event_type", "hash", "login"];
    let shown: Vec<Value> =
        whole.iter().map(|entry| columns.iter().map(|column| entry[column].clone()).collect()).collect();
    assert_eq!(json!(shown), stored);
    for limit in [1, 7, 60] {
        assert_eq!(all(&fixture, &format!("limit={limit}")).await, whole);
    }
    let known: BTreeSet<&str> = event_types().collect();
    for entry in &whole {
        let is_of_project =
            !["Log", "MigrationRun", "DriftRepair"].contains(&entry["stream_type"].as_str().unwrap());
        assert_eq!(entry["project_name"].is_string(), is_of_project, "{entry}");
        assert_eq!(entry["project_id"].is_string(), is_of_project, "{entry}");
        assert!(entry["words"].as_str().is_some_and(|words| !words.is_empty()), "{entry}");
        let event_type = entry["event_type"].as_str().unwrap();
        assert!(known.contains(event_type) || entry["skipped"].is_object(), "{entry}");
    }
    let types: BTreeSet<&str> = whole.iter().map(|entry| entry["event_type"].as_str().unwrap()).collect();
    for wanted in
        ["LogOpened", "RunStarted", "MigrationCompleted", "DriftRepaired", "EventSkipped", "PhaseRenamed"]
    {
        assert!(types.contains(wanted), "{wanted}: {types:?}");
    }
    // A timeline's entries are those of its own history.
    let [first, ..] = &projects;
    let history = fixture.get(&format!("/projects/{first}/history?limit=500")).send().await.is(200).json();
    let history = history["entries"].as_array().unwrap();
    let of_timeline: Vec<&Value> = whole
        .iter()
        .filter(|entry| entry["stream_id"] == json!(first) && entry["stream_type"] == "Timeline")
        .collect();
    assert_eq!(of_timeline.len(), history.len());
    for (entry, of_history) in of_timeline.into_iter().zip(history) {
        for (field, value) in of_history.as_object().unwrap() {
            assert_eq!(&entry[field], value, "{field}");
        }
    }
    // What the log has at a page's moment does not change with later commands.
    let page = fixture.get("/log?limit=5").send().await.is(200).json();
    rename(&fixture, first, "Later", "ada").await;
    let rest = all(&fixture, &format!("limit=500&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!(rest, whole[5..]);
}

#[tokio::test]
async fn filters_select_by_actor_type_and_project() {
    let Eventful { fixture, projects, .. } = Eventful::start().await;
    let whole = all(&fixture, "limit=500").await;
    let among = |wanted: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        whole.iter().filter(|entry| wanted(entry)).cloned().collect()
    };
    let [first, second, third] = &projects;
    for (query, wanted) in [
        ("actor=bob".to_owned(), among(&|entry| entry["actor"] == "bob")),
        ("actor=tester%40test".to_owned(), among(&|entry| entry["actor"] == "tester@test")),
        ("type=PhaseRenamed".to_owned(), among(&|entry| entry["event_type"] == "PhaseRenamed")),
        ("type=RunStarted".to_owned(), among(&|entry| entry["event_type"] == "RunStarted")),
        (
            "type=PhaseRenamed&actor=ada".to_owned(),
            among(&|entry| entry["event_type"] == "PhaseRenamed" && entry["actor"] == "ada"),
        ),
        (
            format!("project={first}"),
            among(&|entry| entry["project_id"] == json!(first) || entry["stream_type"] == "DriftRepair"),
        ),
        (
            format!("project={second}&type=PhaseRenamed"),
            among(&|entry| entry["project_id"] == json!(second) && entry["event_type"] == "PhaseRenamed"),
        ),
        (format!("project={third}"), among(&|entry| entry["project_id"] == json!(third))),
    ] {
        assert!(!wanted.is_empty(), "{query}");
        for limit in [1, 3, 500] {
            assert_eq!(all(&fixture, &format!("{query}&limit={limit}")).await, wanted, "{query}");
        }
    }
    for nothing in ["actor=bo", "type=RollbackCompleted", &format!("project={}", uuid::Uuid::new_v4())] {
        assert!(all(&fixture, nothing).await.is_empty(), "{nothing}");
    }
}

/// Where wanted events are rare, pages are empty in between, and all are found.
#[tokio::test]
async fn a_page_looks_through_a_bounded_part_of_the_log() {
    let Eventful { fixture, .. } = Eventful::start().await;
    let mut admin = fixture.admin().await;
    let wanted = positions(&all(&fixture, "type=PhaseRenamed").await);
    let tip = fixture.events().await;
    let (mut found, mut first, mut empty) = (Vec::new(), 1, 0);
    loop {
        let selection = LogSelection {
            positions: first..=tip,
            project: None,
            visible: None,
            actor: None,
            event_type: Some("PhaseRenamed".to_owned()),
            limit: Some(1),
            newest_first: false,
        };
        let page = log_page(&mut admin, &selection, 7).await.unwrap();
        found.extend(page.events.iter().map(|event| event.entry.position));
        empty += usize::from(page.events.is_empty());
        let Some(last) = page.last else { break };
        assert!((first..first + 7).contains(&last), "{first}: {last}");
        first = last + 1;
    }
    assert_eq!(found, wanted);
    assert!(empty > 3, "{empty}");
}

#[tokio::test]
async fn both_ends_of_a_range_are_whole_commands() {
    let Eventful { fixture, command: [begin, end], .. } = Eventful::start().await;
    let whole = all(&fixture, "limit=500").await;
    let tip = whole.len() as i64;
    for position in begin..=end {
        let of_command: Vec<i64> = (begin..=end).collect();
        assert_eq!(positions(&all(&fixture, &format!("from={position}&to={position}")).await), of_command);
        let page = fixture.get(&format!("/log?from={position}&limit=1")).send().await.is(200).json();
        assert_eq!((&page["from_position"], &page["to_position"]), (&json!(begin), &json!(tip)));
        let page = fixture.get(&format!("/log?to={position}&limit=1")).send().await.is(200).json();
        assert_eq!((&page["from_position"], &page["to_position"]), (&json!(1), &json!(end)));
    }
    assert_eq!(all(&fixture, &format!("from={}", end + 1)).await, whole[end as usize..]);
    assert_eq!(all(&fixture, &format!("from=0&to={}", begin - 1)).await, whole[..begin as usize - 1]);
    assert!(all(&fixture, "to=0").await.is_empty());
    // The same by times, with both ends included; the run before the command is whole, too.
    let time = whole[end as usize - 1]["recorded_at"].as_str().unwrap();
    let of_command = &whole[begin as usize - 1..end as usize];
    assert_eq!(all(&fixture, &format!("since={time}&until={time}")).await, of_command);
    assert_eq!(all(&fixture, &format!("since={time}&to={end}&limit=1")).await, of_command);
    assert_eq!(all(&fixture, &format!("from={begin}&until={time}&limit=2")).await, of_command);
    assert_eq!(all(&fixture, &format!("until={time}")).await, whole[..end as usize]);
    let migrated = whole.iter().position(|entry| entry["event_type"] == "MigrationCompleted").unwrap();
    let inside = whole[migrated]["recorded_at"].as_str().unwrap();
    let since = all(&fixture, &format!("since={inside}&limit=500")).await;
    assert_eq!(since[0]["event_type"], "LegacySchemaRecorded", "the first of the run's work");
    assert!(all(&fixture, "until=2001-01-01T00:00:00Z").await.is_empty());
}

#[tokio::test]
async fn a_limited_token_sees_and_counts_only_its_projects() {
    let Eventful { fixture, projects, .. } = Eventful::start().await;
    let whole = all(&fixture, "limit=500").await;
    let [first, second, _] = &projects;
    let limited = |projects: &[&str]| {
        let claims =
            json!({ "sub": "eve", "exp": in_seconds(600), "scope": "history:read", "projects": projects });
        token(&claims)
    };
    let repairs: Vec<&Value> = whole.iter().filter(|entry| entry["stream_type"] == "DriftRepair").collect();
    assert_eq!(repairs.len(), 2);
    let many: Vec<String> = (0..40).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    // Many projects are looked for in the whole log, few by their streams.
    for others in [&[][..], &many] {
        for (visible, repaired) in [(vec![first.as_str()], 1), (vec![second], 0), (vec![first, second], 2)] {
            let wanted: Vec<Value> = whole
                .iter()
                .filter(|entry| {
                    let is_repair = repairs[..repaired].contains(entry);
                    is_repair || visible.iter().any(|project| entry["project_id"] == json!(project))
                })
                .cloned()
                .collect();
            let all: Vec<&str> = visible.iter().copied().chain(others.iter().map(String::as_str)).collect();
            let token = limited(&all);
            for limit in [1, 500] {
                let found = walk(&fixture, &token, &format!("limit={limit}")).await;
                assert_eq!(found, wanted, "{visible:?}");
            }
            assert!(walk(&fixture, &token, "type=RunStarted").await.is_empty());
            let one = walk(&fixture, &token, &format!("project={}", visible[0])).await;
            assert!(one.iter().all(|entry| wanted.contains(entry)), "{visible:?}");
        }
    }
    let token = limited(&[second]);
    let get = async |query: &str| {
        fixture.service.client.get(&format!("/api/v1/log{query}")).bearer(&token).send().await
    };
    get(&format!("?project={first}")).await.is(403);
    let nothing = walk(&fixture, &limited(&[]), "").await;
    assert!(nothing.is_empty(), "{nothing:?}");
    let other = fixture.service.token("phases:read phases:write");
    fixture.service.client.get("/api/v1/log").bearer(&other).send().await.is(403);
    fixture.service.client.get("/api/v1/log").send().await.is(401);
}
