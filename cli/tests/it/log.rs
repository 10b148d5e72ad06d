//! `phaseline log`: the events of all streams in order of position.

use crate::program::{migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};
use serde_json::{Value, json};

/// The rows of `log` with these options.
#[track_caller]
fn rows(database: &TestDatabase, options: &[&str]) -> Vec<Value> {
    let ran = on(database, &[&["log", "--output", "jsonl"], options].concat()).exits_with(0);
    let mut rows: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = rows.pop().unwrap();
    assert_eq!((&end["kind"], &end["rows"]), (&json!("end"), &json!(rows.len())), "{ran:#?}");
    rows
}

/// A log with edits of two actors, a repair, a rollback and a second migration; the project of the edits.
pub(crate) fn eventful() -> (TestDatabase, String) {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    for (name, actor) in [("Design", "ada"), ("Draft", "bob"), ("Design", "ada")] {
        on(&database, &["phase", "rename", &phase, name, "--actor", actor, "--reason", "why not"])
            .exits_with(0);
    }
    database.psql(&format!("UPDATE project_phases SET name = 'Other' WHERE id = '{phase}'"));
    on(&database, &["drift", "--repair", "all", "--yes", "--actor", "ada"]).exits_with(0);
    let loss = on(&database, &["rollback", "--dry-run", "--json"]).object("phaseline.rollback/1");
    let accepted = loss["loss"]["digest"].as_str().unwrap();
    on(&database, &["rollback", "--yes", "--accept-loss", accepted]).exits_with(0);
    on(&database, &["migrate", "--yes"]).exits_with(0);
    (database, project)
}

#[test]
fn every_event_of_the_log_is_a_row_in_order_of_position() {
    let (database, project) = eventful();
    let rows = rows(&database, &[]);
    let stored: Value = serde_json::from_str(&database.psql(
        "SELECT json_agg(json_build_array(position, version, stream_type, stream_id, event_id, event_type,
                encode(hash, 'hex'), login) ORDER BY position) FROM phaseline.events",
    ))
    .unwrap();
    let columns =
        ["position", "version", "stream_type", "stream_id", "event_id", "event_type", "hash", "login"];
    let shown: Vec<Value> =
        rows.iter().map(|row| columns.iter().map(|column| row[column].clone()).collect()).collect();
    assert_eq!(json!(shown), stored);
    let types: Vec<&str> = rows.iter().map(|row| row["event_type"].as_str().unwrap()).collect();
    for wanted in ["LogOpened", "RunStarted", "LegacyAssignmentsLinked", "DriftRepaired", "RollbackCompleted"]
    {
        assert!(types.contains(&wanted), "{wanted}: {types:?}");
    }
    for row in &rows {
        assert!(!row["words"].as_str().unwrap().is_empty() && row.get("unreadable").is_none(), "{row}");
        let of_project = ["Timeline", "LegacyLinks"].contains(&row["stream_type"].as_str().unwrap());
        assert_eq!(row["project_id"].is_string(), of_project, "{row}");
        assert_eq!(row["project_name"].is_string(), of_project, "{row}");
    }
    // In the words of the project's own history, with the values before and after.
    let history = on(&database, &["history", &project, "--json"]).exits_with(0).object("phaseline.history/1");
    let timeline = rows.iter().filter(|row| row["stream_id"] == json!(project));
    let timeline: Vec<&Value> = timeline.filter(|row| row["stream_type"] == "Timeline").collect();
    assert_eq!(history["events"].as_array().unwrap().len(), timeline.len());
    for (of_history, row) in history["events"].as_array().unwrap().iter().zip(timeline) {
        for (field, value) in of_history.as_object().unwrap() {
            assert_eq!(&row[field], value, "{field}: {row}");
        }
    }
}

#[test]
fn a_part_of_the_log_is_described_as_in_the_whole() {
    let (database, project) = eventful();
    let all = rows(&database, &[]);
    let at = |position: usize| position.to_string();
    // Commands of one event each.
    let half = all.iter().position(|row| row["event_type"] == "PhaseRenamed").unwrap() + 1;
    assert_eq!(rows(&database, &["--from", &at(half), "--to", &at(half + 2)]), all[half - 1..half + 2]);
    assert_eq!(rows(&database, &["--from", &at(half)]), all[half - 1..]);
    assert_eq!(rows(&database, &["--limit", "3"]), all[..3]);
    assert_eq!(rows(&database, &["--from", &at(half), "--limit", "2"]), all[half - 1..half + 1]);
    let newest: Vec<Value> = all.iter().rev().take(4).cloned().collect();
    assert_eq!(rows(&database, &["--newest-first", "--limit", "4"]), newest);
    let among = |wanted: &dyn Fn(&Value) -> bool| all.iter().filter(|row| wanted(row)).cloned().collect();
    let by_bob: Vec<Value> = among(&|row| row["actor"] == "bob");
    assert_eq!((by_bob.len(), rows(&database, &["--actor", "bob"])), (1, by_bob));
    let renamed: Vec<Value> = among(&|row| row["event_type"] == "PhaseRenamed");
    assert_eq!((renamed.len(), rows(&database, &["--type", "PhaseRenamed"])), (3, renamed.clone()));
    let last: Vec<Value> = renamed.into_iter().rev().take(2).collect();
    assert_eq!(rows(&database, &["--type", "PhaseRenamed", "--newest-first", "--limit", "2"]), last);
    // The repair names the project.
    let about: Vec<Value> =
        among(&|row| row["project_id"] == json!(project) || row["stream_type"] == "DriftRepair");
    assert_eq!(rows(&database, &["--project", &project]), about);
    let last: Vec<Value> = about.into_iter().rev().take(2).collect();
    assert_eq!(rows(&database, &["--project", &project, "--limit", "2", "--newest-first"]), last);
    let unknown = on(&database, &["log", "--type", "NoSuchEvent"]).exits_with(2);
    assert!(unknown.stderr.contains("PhaseRenamed, "), "{unknown:#?}");
}

#[test]
fn times_and_days_select_events_with_both_ends_included() {
    let (database, _) = eventful();
    let all = rows(&database, &[]);
    let at =
        all.iter().find(|row| row["actor"] == "bob").unwrap()["recorded_at"].as_str().unwrap().to_owned();
    let among = |wanted: &dyn Fn(&str) -> bool| -> Vec<Value> {
        all.iter().filter(|row| wanted(row["recorded_at"].as_str().unwrap())).cloned().collect()
    };
    assert_eq!(rows(&database, &["--since", &at]), among(&|time| time >= at.as_str()));
    assert_eq!(rows(&database, &["--until", &at]), among(&|time| time <= at.as_str()));
    assert_eq!(rows(&database, &["--since", &at, "--until", &at]), among(&|time| time == at));
    assert_eq!(rows(&database, &["--until", "2001-01-01T00:00:00Z"]), among(&|_| false));
    let (day, time) = at.split_once('T').unwrap();
    let local = format!("{day}T{}", time.trim_end_matches('Z'));
    assert_eq!(rows(&database, &["--since", &local, "--zone", "UTC"]), among(&|time| time >= at.as_str()));
    let from_day = among(&|time| time >= day);
    assert_eq!(rows(&database, &["--since", day, "--zone", "UTC"]), from_day);
    for (options, message) in [
        (&["--since", day][..], "give the zone, such as --since"),
        (&["--since", &at, "--zone", "UTC"], "--zone has no effect"),
        (&["--from", "9", "--to", "8"], "before its beginning; exchange them"),
        // Both mean the migration, and the log has nothing before it.
        (&["--since", "2001-01-02T00:00:00Z", "--until", "2001-01-01T00:00:00Z"], "before its beginning"),
        (&["--since", &at, "--until", "2001-01-01T00:00:00Z"], "before its beginning"),
        (&["--newest-first"], "--limit"),
    ] {
        let refused = on(&database, &[&["log"], options].concat()).exits_with(2);
        assert!(refused.stderr.contains(message), "{options:?}: {}", refused.stderr);
    }
    for (options, code) in [
        (&["--to", "99999"][..], "no_such_position"),
        (&["--from", "99999"], "no_such_position"),
        (&["--until", "2999-01-01T00:00:00Z"], "in_the_future"),
    ] {
        let refused = on(&database, &[&["log", "--json"], options].concat()).exits_with(3);
        assert_eq!(refused.object("phaseline.error/1")["code"], code, "{options:?}");
    }
}

#[test]
fn a_position_inside_a_command_means_the_whole_command() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    let before = database.psql("SELECT max(position) FROM phaseline.events").trim().parse::<i64>().unwrap();
    let dates = database
        .psql(&format!("SELECT start_date, end_date - 7 FROM project_phases WHERE id = '{phase}'"))
        .replace('|', " ");
    let resize = [&["phase", "resize", &phase][..], &dates.split_whitespace().collect::<Vec<_>>()].concat();
    on(&database, &[&resize[..], &["--yes"]].concat()).exits_with(0);
    let [first, last] = [before + 1, before + 2].map(|position| position.to_string());
    let all = rows(&database, &[]);
    assert_eq!(all.len().to_string(), last);
    let resized = &all[all.len() - 2..];
    for options in [["--from", &last], ["--from", &first]] {
        assert_eq!(rows(&database, &options), resized, "{options:?}");
    }
    assert_eq!(rows(&database, &["--to", &first]), all);
    assert_eq!(rows(&database, &["--to", &before.to_string()]), all[..all.len() - 2]);
    assert_eq!(
        (rows(&database, &["--from", "0"]), rows(&database, &["--to", "0"])),
        (all.clone(), Vec::new())
    );
    let ran = on(&database, &["log", "--from", &last, "--to", &first]).exits_with(2);
    assert!(ran.stderr.contains("exchange them"), "{ran:#?}");
    let ran = on(&database, &["log", "--from", &last]).exits_with(0);
    assert!(ran.stdout.contains(&format!("Log from position {first} to {last}")), "{ran:#?}");
    let remark = format!("position {last} is inside a command that begins at {first}");
    assert!(ran.stderr.contains(&remark), "{ran:#?}");
    let ran = on(&database, &["log", "--to", &first]).exits_with(0);
    let remark = format!("position {first} is inside a command that ends at {last}");
    assert!(ran.stderr.contains(&remark), "{ran:#?}");
    let quiet = on(&database, &["log", "--to", &first, "--quiet"]).exits_with(0);
    assert!(!quiet.stderr.contains("inside a command"), "{quiet:#?}");
}

/// As they were given, not as the end of what was before them.
#[test]
fn refused_times_are_named_as_they_were_given() {
    let database = migrated();
    for (options, code, expected) in [
        (&["--since", "2026-11-29"][..], 2, "2026-11-29 is another moment in each time zone"),
        (&["--since", "2026-11-29"], 2, "such as --since 2026-11-29T00:00:00Z"),
        (&["--until", "2026-11-29"], 2, "such as --until 2026-11-29T23:59:59.999999Z"),
        (&["--since", "2026-11-29T08:00"], 2, "such as --since 2026-11-29T08:00:00Z"),
        (&["--since", "2999-11-29T00:00:00Z"], 3, "error: 2999-11-29T00:00:00Z is in the future"),
        (
            &["--since", "2999-11-29", "--zone", "+01:00"],
            3,
            "--since 2999-11-29 --zone +01:00: 2999-11-28T23:00:00Z is in the future",
        ),
        (
            &["--until", "2999-11-29", "--zone", "UTC"],
            3,
            "--until 2999-11-29 --zone UTC: 2999-11-29T23:59:59.999999Z is in the future",
        ),
        (
            &["--until", "2999-11-29", "--zone", "UTC"],
            3,
            "hint: A day means its end, which has not come yet.",
        ),
    ] {
        let refused = on(&database, &[&["log"], options].concat()).exits_with(code).stderr;
        assert!(refused.contains(expected), "{options:?}: {refused}");
    }
}

#[test]
fn the_page_names_projects_runs_repairs_and_marks() {
    let (database, project) = eventful();
    let insert =
        |kind| insert_unreadable_blocking(database.url(), project.parse().unwrap(), kind).to_string();
    let position = insert(UnreadableKind::ALL[0]);
    let name = database.psql(&format!("SELECT name FROM projects WHERE id = '{project}'"));
    let page = on(&database, &["log", "--project", &project]).exits_with(6).stdout;
    assert!(page.contains("cannot be read"), "{page}");
    UnreadableKind::ALL[1..].iter().for_each(|kind| drop(insert(*kind)));
    for options in [&[][..], &["--project", &project], &["--newest-first", "--limit", "6"]] {
        let page = on(&database, &[&["log"], options].concat()).exits_with(6).stdout;
        let unreadable = page.matches("cannot be read, so the timeline is in quarantine").count();
        assert_eq!(unreadable, UnreadableKind::ALL.len(), "{page}");
    }
    on(&database, &["log", "--to", "3"]).exits_with(0);
    let skip = ["quarantine", "skip", &project, "--all", "--reason", "test"];
    on(&database, &skip).exits_with(0);
    let page = on(&database, &["log"]).exits_with(0).stdout;
    for text in [
        format!("project {name} ({project})"),
        "by bob".to_owned(),
        "    phase 'Design' renamed to 'Draft'".to_owned(),
        "why: why not".to_owned(),
        "RunStarted, run ".to_owned(),
        "run began: rollback, on ".to_owned(),
        "DriftRepaired, repair ".to_owned(),
        "drift repaired: 1 difference of the planner's tables".to_owned(),
        "migration completed: 8 projects".to_owned(),
        "left out of the timeline by".to_owned(),
        format!("event at position {position} ("),
    ] {
        assert!(page.contains(&text), "{text}: {page}");
    }
    let events = database.psql("SELECT max(position) FROM phaseline.events");
    assert!(page.ends_with(&format!("\n{events} events.\n")), "{page}");
    let object = on(&database, &["log", "--json"]).exits_with(0).object("phaseline.log/1");
    assert_eq!(object["events"].as_array().unwrap().len().to_string(), events);
    assert_eq!(object["to_position"].to_string(), events);
    assert!(object["events"][5]["project_name"].is_string() || object["events"][5]["project_id"].is_null());
}

#[test]
fn altered_events_are_marked_in_every_part_of_the_log() {
    let (database, project) = eventful();
    let position =
        database.psql("SELECT min(position) FROM phaseline.events WHERE event_type = 'PhaseRenamed'");
    database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET payload = replace(payload::text, 'Design', 'Desing')::json
          WHERE position = {position};
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
    ));
    let altered = json!([position.parse::<i64>().unwrap()]);
    for options in [&[][..], &["--from", &position, "--to", &position], &["--project", &project]] {
        let page = on(&database, &[&["log"], options].concat()).exits_with(6).stdout;
        assert_eq!(page.matches("ALTERED\n").count(), 1, "{page}");
        let object = on(&database, &[&["log", "--json"], options].concat()).exits_with(6);
        assert_eq!(object.object("phaseline.log/1")["altered_positions"], altered);
    }
    let before = (position.parse::<i64>().unwrap() - 1).to_string();
    on(&database, &["log", "--to", &before]).exits_with(0);
}
