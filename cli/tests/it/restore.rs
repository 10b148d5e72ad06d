//! `timeline restore`: the timeline of an earlier moment, by ordinary events.

use crate::program::{migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};
use serde_json::Value;

fn tip(database: &TestDatabase) -> String {
    database.psql("SELECT max(position) FROM phaseline.events").trim().to_owned()
}

/// The rows of a project's phases but for their timestamps, and its dates.
fn rows(database: &TestDatabase, project: &str) -> String {
    database.psql(&format!(
        "SELECT to_jsonb(p) - 'created_at' - 'updated_at' FROM project_phases p WHERE project_id = '{project}' ORDER BY id;
         SELECT start_date, end_date FROM projects WHERE id = '{project}'"
    ))
}

/// One value of a project's row.
fn of_project(database: &TestDatabase, project: &str, select: &str) -> String {
    database.psql(&format!("SELECT {select} FROM projects WHERE id = '{project}'")).trim().to_owned()
}

fn restored(database: &TestDatabase, project: &str, options: &[&str]) -> Value {
    let restore = ["timeline", "restore", project, "--json"];
    on(database, &[&restore[..], options].concat()).exits_with(0).object("phaseline.command/1")
}

#[test]
fn a_restored_timeline_is_as_it_was_by_events_of_one_command() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let (before, at) = (rows(&database, &project), tip(&database));
    let last = of_project(&database, &project, "end_date");
    on(&database, &["phase", "remove", &phase]).exits_with(0);
    on(&database, &["phase", "create", &project, "Testing", &last, &last]).exits_with(0);
    assert_ne!(before, rows(&database, &project));

    let done = restored(&database, &project, &["--at", &at, "--reason", "wrong phase"]);
    assert_eq!(before, rows(&database, &project));
    assert_eq!((&done["changed"], done["restored_from"].to_string()), (&true.into(), at.clone()));
    let events = done["events"].as_array().unwrap();
    let types: Vec<&str> = events.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["PhaseRemoved", "PhaseCreated", "PhaseResized"], "{done}");
    assert_eq!(events[1]["phase_id"], phase.as_str());
    for event in events {
        assert_eq!(event["command_id"], events[0]["command_id"]);
        assert_eq!((&event["restored_from"], &event["reason"]), (&at.as_str().into(), &"wrong phase".into()));
    }
    let history = on(&database, &["history", &project]).exits_with(0).stdout;
    assert_eq!(history.matches(&format!("restored from position {at}")).count(), 3, "{history}");

    let again = on(&database, &["timeline", "restore", &project, "--at", &at]).exits_with(0).stdout;
    assert!(again.contains("Nothing to restore") && again.contains("nothing was written"), "{again}");
    assert_eq!(restored(&database, &project, &["--at", &at])["changed"], false);
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn dates_of_the_project_are_restored_by_choice_only() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    let (before, at) = (rows(&database, &project), tip(&database));
    let time = database.psql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    let [first, last, later] =
        ["start_date", "end_date", "end_date + 30"].map(|date| of_project(&database, &project, date));
    on(&database, &["timeline", "reschedule", &project, &first, &later]).exits_with(0);
    let (moved, tip_before) = (rows(&database, &project), tip(&database));

    for options in [&["--at", &at][..], &["--at", &at, "--dry-run"], &["--as-of", time.trim()]] {
        let refused = on(&database, &[&["timeline", "restore", &project][..], options].concat());
        let refused = refused.exits_with(3).stderr;
        let (then, now) = (format!("{first} to {last}"), format!("{first} to {later}"));
        for part in ["V27", &then, &now, "--with-project-days", "with_project_days: true"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
    }
    assert_eq!((moved, tip_before), (rows(&database, &project), tip(&database)));
    let done = restored(&database, &project, &["--as-of", time.trim(), "--with-project-days"]);
    assert_eq!(done["events"][0]["event_type"], "TimelineRescheduled");
    assert_eq!(before, rows(&database, &project));
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn a_position_inside_a_command_means_its_end() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let first = of_project(&database, &project, "start_date");
    // Two events: the phase, and its neighbour.
    on(&database, &["phase", "resize", &phase, &first, &first]).exits_with(0);
    let (resized, end) = (rows(&database, &project), tip(&database));
    let inside = (end.parse::<i64>().unwrap() - 1).to_string();
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let done = restored(&database, &project, &["--at", &inside]);
    assert_eq!(done["restored_from"].to_string(), end);
    assert_eq!(resized, rows(&database, &project));
}

#[test]
fn a_moment_without_an_open_timeline_is_refused() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    let before = tip(&database);
    let beyond = (before.parse::<i64>().unwrap() + 1).to_string();
    for (moment, words) in [
        (["--at", "1"], "had no open timeline, as of position 1"),
        (["--as-of", "1999-12-31T12:00:00Z"], "had no open timeline, as of 1999-12-31T12:00:00Z"),
        (["--at", &beyond], "the log has no position"),
    ] {
        let refused = on(&database, &[&["timeline", "restore", &project][..], &moment].concat());
        let refused = refused.exits_with(3).stderr;
        assert!(refused.contains(words), "{refused}");
        assert!(
            words.contains("no position") || refused.contains("its history begins at position"),
            "{refused}"
        );
    }
    let usage = on(&database, &["timeline", "restore", &project]).exits_with(2).stderr;
    assert!(usage.contains("--to or --at POSITION, or --as-of TIME"), "{usage}");
    assert_eq!(before, tip(&database));

    let bad = UnreadableKind::ALL[0];
    insert_unreadable_blocking(database.url(), project.parse().unwrap(), bad);
    let refused = on(&database, &["timeline", "restore", &project, "--at", &before]).exits_with(6).stderr;
    assert!(refused.contains("quarantine skip"), "{refused}");
}
