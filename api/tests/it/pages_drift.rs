//! The portfolio's projects that differ from the log, have no timeline, or whose events are not the recorded ones.

use crate::deleted_projects::delete;
use crate::fixture::ServiceFixture;
use crate::page::Page;
use crate::pages_portfolio::walk;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable};
use std::collections::BTreeSet;

#[tokio::test]
async fn projects_that_differ_from_the_log_are_listed_with_the_remedy() {
    let fixture = ServiceFixture::start().await;
    let none = Page::get(&fixture, "/?drift=1").await;
    none.has_all(&["8 projects compared with the log, none differs"]);
    let projects = fixture.projects(2).await;
    let [changed, missing, unknown, dated, unreadable, altered] = &projects[..6] else {
        panic!("{projects:?}")
    };
    fixture.sql(&format!("UPDATE project_phases SET name = 'By hand', total_budget = total_budget WHERE project_id = '{changed}'")).await;
    fixture
        .sql(&format!(
            "DELETE FROM project_phases WHERE id = (SELECT id FROM project_phases WHERE project_id = '{missing}' ORDER BY start_date LIMIT 1)"
        ))
        .await;
    fixture
        .sql(&format!(
            "CREATE TEMP TABLE more AS SELECT * FROM project_phases WHERE project_id = '{unknown}' LIMIT 1;
             UPDATE more SET id = gen_random_uuid(); INSERT INTO project_phases SELECT * FROM more"
        ))
        .await;
    fixture.sql(&format!("UPDATE projects SET end_date = end_date + 9 WHERE id = '{dated}'")).await;
    let position =
        insert_unreadable(fixture.database.url(), unreadable.parse().unwrap(), UnreadableKind::Type).await;
    let broken = fixture
        .number(&format!("SELECT min(position) FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{altered}'"))
        .await;
    fixture
        .sql(&format!(
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET metadata = '{{\"actor\":\"mallory\"}}' WHERE position = {broken};
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
        ))
        .await;
    let page = Page::get(&fixture, "/?drift=1").await;
    let expected: BTreeSet<String> = projects.iter().take(6).cloned().collect();
    assert_eq!(page.projects().into_iter().collect::<BTreeSet<_>>(), expected);
    let repair = |project: &str| format!("phaseline drift --repair {project}");
    for (project, texts) in [
        (changed, ["name is By hand in project_phases", &repair(changed)]),
        (missing, ["in the log, but not in project_phases", &repair(missing)]),
        (unknown, ["in project_phases, but not in the log", &repair(unknown)]),
        (dated, ["Note: ", &format!("phaseline timeline reschedule {dated} --from-table")]),
        (
            unreadable,
            [
                &format!("the event at position {position} cannot be read"),
                &format!("phaseline quarantine {unreadable}"),
            ],
        ),
        (altered, [&format!("the event at position {broken} was altered"), "phaseline verify"]),
    ] {
        let begin = format!("<tr id=\"project-{project}\"");
        let part = page.part(&begin, "</ul>");
        for text in texts {
            assert!(part.contains(text), "{text} is not in {part}");
        }
    }
    assert_eq!(walk(&fixture, "/?drift=1&limit=2").await, page.projects());
    // What the program finds with all rights, apart from the altered timeline.
    fixture.sql(&format!("DELETE FROM project_phases WHERE project_id = '{dated}'")).await;
    delete(&fixture, changed).await;
    let page = Page::get(&fixture, "/?drift=1").await;
    let part = page.part(&format!("<tr id=\"project-{changed}\""), "</ul>");
    assert!(part.contains("was deleted from public.projects") && part.contains("Note: "), "{part}");
    let part = page.part(&format!("<tr id=\"project-{dated}\""), "</ul>");
    assert!(part.contains("not in project_phases"), "{part}");
}

#[tokio::test]
async fn projects_without_a_timeline_are_counted() {
    let fixture = ServiceFixture::start().await;
    fixture.make_project("10000000-0000-4000-8000-00000000000b", "'2030-01-01', '2030-03-31'").await;
    let page = Page::get(&fixture, "/?totals=1").await;
    page.has_all(&["The planner has 1 project more, without a timeline"]);
    assert_eq!(page.projects().len(), 8);
    assert!(!Page::get(&fixture, "/").await.has("without a timeline"));
}

#[tokio::test]
async fn unsound_projects_are_marked() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    insert_unreadable(fixture.database.url(), project.parse().unwrap(), UnreadableKind::Payload).await;
    let page = Page::get(&fixture, "/?totals=1").await;
    assert!(page.row(&project).contains("an event cannot be read"));
    page.has_all(&["The sums have 1 project with events that cannot be read"]);
}
