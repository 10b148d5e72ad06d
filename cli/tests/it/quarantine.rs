//! An unreadable event: output and exit codes of each command, and the remedy.

use crate::adopt::add_project;
use crate::program::{ProgramOutput, migrated, on};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};

const STRANGER: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

/// Two projects with phases, and the first phase of each.
fn two_timelines(database: &TestDatabase) -> [(String, String); 2] {
    let found = database.psql(
        "SELECT DISTINCT ON (project_id) project_id || ' ' || id FROM project_phases ORDER BY project_id, start_date LIMIT 2",
    );
    let mut pairs = found.lines().map(|line| line.split_once(' ').unwrap());
    [(); 2].map(|()| pairs.next().map(|(project, phase)| (project.to_owned(), phase.to_owned())).unwrap())
}

/// Fails unless the output names the event and has a remedy that is not the same command.
#[track_caller]
fn assert_reported(ran: &ProgramOutput, command: &str, bad: UnreadableKind, position: i64, victim: &str) {
    let text = format!("{}{}", ran.stdout, ran.stderr);
    let place = format!("position {position} ");
    let way_out = format!("phaseline quarantine skip {victim} --position {position} --reason TEXT");
    let [event_type, fault] = bad.named();
    for part in [place.as_str(), event_type, fault, victim, way_out.as_str()] {
        assert!(text.contains(part), "{command}: {bad:?}: {part} is not in\n{text}");
    }
    for remedy in text.lines().filter(|line| line.contains("hint") || line.contains("Remedy")) {
        let itself = format!("phaseline {}", command.split(" --").next().unwrap());
        let remedy = remedy.replace("phaseline drift --repair", "");
        assert!(!remedy.contains(&itself), "{command} sends back to itself: {remedy}");
    }
}

#[test]
fn each_command_skips_the_event_names_it_and_exits_with_6() {
    for bad in UnreadableKind::ALL {
        let database = migrated();
        let [(victim, phase), (other, foreign)] = two_timelines(&database);
        let position = insert_unreadable_blocking(database.url(), victim.parse().unwrap(), bad);
        add_project(&database, STRANGER);
        database.psql(&format!(
            "UPDATE project_phases SET name = 'by hand' WHERE id IN ('{phase}', '{foreign}')"
        ));
        let named = |args: &[&str], code: i32| {
            let ran = on(&database, args).exits_with(code);
            assert_reported(&ran, &args.join(" "), bad, position, &victim);
            ran
        };

        let verified = named(&["verify"], 6).stdout;
        assert!(
            verified.contains("Checking the log's hash chain...") && verified.contains(&foreign),
            "{verified}"
        );
        let drift = named(&["drift"], 6).stdout;
        assert!(drift.contains(&foreign) && !drift.contains(&phase), "{drift}");
        named(&["drift", &victim], 6);
        on(&database, &["drift", "--repair", &other, "--yes"]).exits_with(0);
        let rebuilt = named(&["rebuild"], 6).stdout;
        assert!(rebuilt.contains("UP TO DATE, BUT INCOMPLETE"), "{rebuilt}");
        let json =
            on(&database, &["rebuild", "--check", "--json"]).exits_with(6).object("phaseline.rebuild/1");
        assert_eq!(json["quarantine"]["events"][0]["position"], position);
        assert_eq!(json["quarantine"]["count"], 1);
        named(&["rebuild", "--project", &victim], 6);
        on(&database, &["rebuild", "--project", &other]).exits_with(0);
        let adopted = named(&["adopt", "--repair"], 6).stdout;
        assert!(adopted.contains("ADOPTED") && adopted.contains(STRANGER), "{adopted}");
        on(&database, &["adopt", STRANGER]).exits_with(0);
        let history = named(&["history", &victim], 6).stdout;
        assert!(history.contains("timeline opened") && history.contains("cannot be read"), "{history}");
        on(&database, &["history", &victim, "--output", "jsonl"]).exits_with(6);
        on(&database, &["history", &other]).exits_with(0);
        named(&["timeline", "show", &victim], 6);
        on(&database, &["timeline", "show", &victim, "--at", &(position - 1).to_string()]).exits_with(0);
        named(&["phase", "rename", &phase, "Draft"], 6);
        on(&database, &["phase", "rename", &foreign, "Draft"]).exits_with(0);
        on(&database, &["status"]).exits_with(0);
        let back = on(&database, &["rollback", "--yes"]).exits_with(3);
        let text = format!("{}{}", back.stdout, back.stderr);
        assert!(text.contains(&format!("position {position} ")), "{bad:?}: {text}");
        assert!(
            text.contains("phaseline quarantine skip PROJECT --position N --reason TEXT"),
            "{bad:?}: {text}"
        );
        let listed = named(&["quarantine", "list"], 6).stdout;
        assert!(listed.contains("QUARANTINE. 1 event cannot be read."), "{listed}");
        // A phase without a row is searched in the whole log.
        let nowhere = on(&database, &["phase", "rename", STRANGER, "Draft"]).exits_with(3);
        assert!(nowhere.stderr.contains("is the id of a project"), "{}", nowhere.stderr);
    }
}

#[test]
fn skipping_an_event_needs_a_reason_and_frees_the_timeline() {
    let database = migrated();
    let [(victim, phase), _] = two_timelines(&database);
    let position =
        insert_unreadable_blocking(database.url(), victim.parse().unwrap(), UnreadableKind::Type).to_string();
    let skip = ["quarantine", "skip", &victim, "--position", &position];
    on(&database, &skip).exits_with(2);
    on(&database, &[&skip[..], &["--reason", "  "]].concat()).exits_with(2);
    on(&database, &["quarantine", "skip", &victim, "--reason", "none named"]).exits_with(2);
    let wrong = ["quarantine", "skip", &victim, "--position", "1", "--reason", "x", "--json"];
    let refused = on(&database, &wrong).exits_with(3).object("phaseline.error/1");
    assert_eq!(refused["code"], "not_skippable");

    let done = on(&database, &[&skip[..], &["--reason", "a test's", "--actor", "ada", "--json"]].concat());
    let done = done.exits_with(0).object("phaseline.quarantine.skip/1");
    assert_eq!(done["skipped"][0]["position"].to_string(), position);
    let recorded = database.psql(
        "SELECT stream_type, stream_id, event_type, version, metadata ->> 'actor', metadata ->> 'reason', metadata ->> 'source'
           FROM phaseline.events ORDER BY position DESC LIMIT 1",
    );
    assert_eq!(recorded, format!("SkippedEvents|{victim}|EventSkipped|1|ada|a test's|cli"));
    for command in [&["verify"][..], &["drift"], &["rebuild", "--check"], &["quarantine", "list"]] {
        on(&database, command).exits_with(0);
    }
    on(&database, &["phase", "rename", &phase, "Draft"]).exits_with(0);
    let history = on(&database, &["history", &victim]).exits_with(0).stdout;
    assert!(history.contains("left out of the timeline by ada, login postgres (a test's)"), "{history}");
    let listed =
        on(&database, &["quarantine", "list", "--json"]).exits_with(0).object("phaseline.quarantine/1");
    assert_eq!((&listed["unreadable_count"], &listed["skipped"][0]["actor"]), (&0.into(), &"ada".into()));
}

#[test]
fn all_unreadable_events_of_a_project_are_left_out_together() {
    let database = migrated();
    let [(victim, _), (other, _)] = two_timelines(&database);
    for bad in UnreadableKind::ALL {
        insert_unreadable_blocking(database.url(), victim.parse().unwrap(), bad);
    }
    insert_unreadable_blocking(database.url(), other.parse().unwrap(), UnreadableKind::Type);
    let listed = on(&database, &["quarantine", "list", "--output", "jsonl"]).exits_with(6).stdout;
    assert_eq!(listed.matches("phaseline.quarantine.unreadable/1").count(), 7, "{listed}");
    let skip = ["quarantine", "skip", &victim, "--all", "--reason", "tests"];
    assert!(on(&database, &skip).exits_with(0).stdout.contains("LEFT OUT. 6 events"));
    on(&database, &["drift", &victim]).exits_with(0);
    on(&database, &["drift"]).exits_with(6);
}
