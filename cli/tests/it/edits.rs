//! Commands on timelines, and their history.

use crate::program::{legacy, migrated, on, project_and_phase, run};
use phaseline_embedded::testing::TestDatabase;

const UNKNOWN: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

fn row(database: &TestDatabase, phase: &str, columns: &str) -> String {
    database.psql(&format!("SELECT {columns} FROM project_phases WHERE id = '{phase}'"))
}

#[test]
fn each_command_changes_the_table_and_history_has_actor_and_reason() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let who = ["--actor", "grace", "--reason", "second offer"];
    let run = |arguments: &[&str]| on(&database, &[arguments, &who].concat()).exits_with(0);

    run(&["phase", "rename", &phase, "Design"]);
    assert_eq!(row(&database, &phase, "name"), "Design");
    run(&["phase", "describe", &phase, "until the answer"]);
    assert_eq!(row(&database, &phase, "description"), "until the answer");
    run(&["phase", "describe", &phase, "--clear"]);
    assert_eq!(row(&database, &phase, "description IS NULL"), "t");
    run(&["phase", "budget", &phase, "100.50", "7"]);
    assert_eq!(row(&database, &phase, "capital_budget, expense_budget, total_budget"), "100.50|7.00|107.50");

    let dates = row(&database, &phase, "start_date, start_date + 3, end_date + 400");
    let [start, end, later] = dates.split('|').collect::<Vec<_>>().try_into().unwrap();
    run(&["phase", "resize", &phase, start, end]);
    assert_eq!(row(&database, &phase, "end_date"), end);
    run(&["timeline", "reschedule", &project, start, later]);
    assert_eq!(database.psql(&format!("SELECT end_date FROM projects WHERE id = '{project}'")), later);
    let create = ["phase", "create", &project, "Testing", start, start, "--expense", "12", "--id", UNKNOWN];
    run(&create);
    assert_eq!(row(&database, UNKNOWN, "name, total_budget"), "Testing|12.00");
    run(&["phase", "remove", UNKNOWN]);
    assert_eq!(row(&database, UNKNOWN, "count(*)"), "0");

    let history = on(&database, &["history", &project]).exits_with(0).stdout;
    for expected in [
        "phase 'Planning' renamed to 'Design'",
        "name: Planning → Design",
        "by grace (cli)",
        "why: second offer",
        "adopted from the legacy planner",
        "by ada (migration)",
        "phase 'Testing' created",
        "phase 'Testing' removed",
    ] {
        assert!(history.contains(expected), "{expected}: {history}");
    }
    let of_phase = on(&database, &["history", &project, "--phase", UNKNOWN]).exits_with(0).stdout;
    assert!(of_phase.contains("Testing") && !of_phase.contains("renamed"), "{of_phase}");
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn a_past_timeline_is_shown_unchanged() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let status = on(&database, &["status", "--json"]).object("phaseline.status/1");
    let (position, time) =
        (status["log"]["position"].to_string(), status["log"]["recorded_at"].as_str().unwrap());
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    for moment in [["--at", &position], ["--as-of", time]] {
        let then =
            on(&database, &[&["timeline", "show", &project][..], &moment].concat()).exits_with(0).stdout;
        assert!(then.contains("Planning") && !then.contains("Design"), "{then}");
        let then = on(&database, &[&["history", &project][..], &moment].concat()).exits_with(0).stdout;
        assert!(!then.contains("renamed"), "{then}");
    }
    let show = |moment: &[&str]| on(&database, &[&["timeline", "show", &project][..], moment].concat());
    let today = database.psql("SELECT (now() AT TIME ZONE 'UTC')::date");
    let refused = show(&["--as-of", &today]).exits_with(2);
    assert!(refused.stderr.contains(&format!("--as-of {today} --zone Europe/Berlin")), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("--as-of {today}T23:59:59.999999Z")), "{}", refused.stderr);
    let refused = show(&["--as-of", &today, "--zone", "UTC"]).exits_with(3);
    assert!(refused.stderr.contains("is in the future"), "the day has not ended: {}", refused.stderr);
    let (early, late) = ("2001-01-01T02:00", "2001-01-01");
    for (time, zone) in [(early, "Europe/Berlin"), (early, "+02:00"), (late, "america/new_york")] {
        let refused = show(&["--as-of", time, "--zone", zone]).exits_with(3);
        assert!(refused.stderr.contains("no event of project"), "{}", refused.stderr);
    }
    for (time, zone) in [(early, "Berlin"), (early, "+2"), ("2001-01-01T02:00Z", "UTC")] {
        show(&["--as-of", time, "--zone", zone]).exits_with(2);
    }
    on(&database, &["timeline", "show", &project, "--at", "999999"]).exits_with(3);
    on(&database, &["timeline", "show", &project, "--at", "0"]).exits_with(3);
}

#[test]
fn a_refusal_by_rules_exits_with_3_and_lists_every_rule() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let before = database.dump(&[]);
    let refused = on(&database, &["phase", "rename", &phase, "  "]).exits_with(3);
    assert!(refused.stderr.contains("V6"), "{}", refused.stderr);
    let refused = on(&database, &["phase", "create", &project, "", "2020-01-02", "2020-01-01"]).exits_with(3);
    assert!(refused.stderr.contains("V6") && refused.stderr.contains("V8"), "{}", refused.stderr);
    let refused = on(&database, &["phase", "budget", &phase, "-1", "0"]).exits_with(3);
    assert!(refused.stderr.contains("V12"), "{}", refused.stderr);
    let end = row(&database, &phase, "end_date - 1, start_date");
    let (end, start) = end.split_once('|').unwrap();
    on(&database, &["phase", "resize", &phase, start, end, "--neighbours", "refuse"]).exits_with(3);
    assert!(database.dump(&[]) == before);
}

#[test]
fn a_missing_phase_or_project_is_not_found() {
    let database = migrated();
    let missing = on(&database, &["phase", "rename", UNKNOWN, "x"]).exits_with(3);
    assert!(missing.stderr.contains(&format!("Phase with ID {UNKNOWN} not found")), "{}", missing.stderr);
    for arguments in
        [&["history", UNKNOWN][..], &["timeline", "show", UNKNOWN], &["timeline", "open", UNKNOWN]]
    {
        let missing = on(&database, arguments).exits_with(3);
        assert!(
            missing.stderr.contains(&format!("Project with ID {UNKNOWN} not found")),
            "{}",
            missing.stderr
        );
    }
    // A phase that was removed is looked for where it was.
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "remove", &phase]).exits_with(0);
    let missing = on(&database, &["phase", "rename", &phase, "x"]).exits_with(3);
    assert!(missing.stderr.contains(&format!("Phase with ID {phase} not found")), "{}", missing.stderr);
}

#[test]
fn a_timeline_is_opened_with_the_projects_own_dates() {
    let database = migrated();
    let others = database.psql(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
          WHERE table_name = 'projects' AND column_name NOT IN ('id', 'cost_center_code')",
    );
    database.psql(&format!(
        "INSERT INTO projects (id, cost_center_code, {others})
         SELECT '{UNKNOWN}', 'CC-NEW', {others} FROM projects ORDER BY id LIMIT 1"
    ));
    let shown = on(&database, &["timeline", "show", UNKNOWN]).exits_with(3);
    assert!(shown.stderr.contains("timeline open"), "{}", shown.stderr);
    on(&database, &["timeline", "open", UNKNOWN]).exits_with(0);
    assert_eq!(
        database.psql(&format!(
            "SELECT ph.name, ph.start_date = p.start_date, ph.end_date = p.end_date
               FROM project_phases ph JOIN projects p ON p.id = ph.project_id WHERE p.id = '{UNKNOWN}'"
        )),
        "Default Phase|t|t"
    );
    let twice = on(&database, &["timeline", "open", UNKNOWN]).exits_with(3);
    assert!(twice.stderr.contains("V17"), "{}", twice.stderr);
}

#[test]
fn the_legacy_shape_takes_no_commands() {
    let database = legacy();
    let (phase, project) = (database.psql("SELECT min(id::text) FROM project_phases"), UNKNOWN);
    let never = on(&database, &["phase", "rename", &phase, "x"]).exits_with(3);
    assert!(never.stderr.contains("phaseline plan"), "{}", never.stderr);
    on(&database, &["history", project]).exits_with(3);
    let database = migrated();
    on(&database, &["rollback", "--yes"]).exits_with(0);
    let phase = database.psql("SELECT min(id::text) FROM project_phases");
    let closed = on(&database, &["phase", "rename", &phase, "x"]).exits_with(3);
    assert!(closed.stderr.contains("legacy shape"), "{}", closed.stderr);
}

#[test]
fn a_role_with_command_privileges_only_can_write_commands() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_clerk LOGIN PASSWORD 'clerk' IN ROLE phaseline_writer;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let (_, place) = database.url().split_once('@').unwrap();
    let url = format!("postgres://phaseline_test_clerk:clerk@{place}");
    run(&["--database-url", &url, "phase", "rename", &phase, "By the clerk"]).exits_with(0);
    let name = database.psql(&format!("SELECT name FROM public.project_phases WHERE id = '{phase}'"));
    assert_eq!(name.trim(), "By the clerk");
}

/// Names, descriptions and reasons may have characters that reverse the text of a line, or imitate another text.
#[test]
fn invisible_characters_are_escaped_and_no_name_consists_of_them() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let refused = on(&database, &["phase", "rename", &phase, "\u{200b}\u{2066}"]).exits_with(3).stderr;
    assert!(refused.contains("V26") && refused.contains("can be seen"), "{refused}");
    let start = row(&database, &phase, "start_date");
    let create = ["phase", "create", &project, "\u{feff}", &start, &start];
    assert!(on(&database, &create).exits_with(3).stderr.contains("V26"));

    let odd = "pay \u{202e}100\u{200b}";
    on(&database, &["phase", "rename", &phase, odd, "--reason", "w\u{2067}hy"]).exits_with(0);
    on(&database, &["phase", "describe", &phase, "two\u{2028}lines"]).exits_with(0);
    assert_eq!(row(&database, &phase, "name"), odd, "it is kept as it was given");
    let shown = on(&database, &["timeline", "show", &project]).exits_with(0).stdout;
    let history = on(&database, &["history", &project]).exits_with(0).stdout;
    let again = on(&database, &["phase", "resize", &phase, "2001-01-01", "2001-01-02"]).exits_with(3).stderr;
    for (text, written) in [
        (&shown, "pay \\u{202e}100\\u{200b}"),
        (&shown, "two\\u{2028}lines"),
        (&history, "w\\u{2067}hy"),
        (&again, "pay \\u{202e}100\\u{200b}"),
    ] {
        assert!(text.contains(written), "{written}: {text}");
    }
    for text in [&shown, &history, &again] {
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{2028}', '\u{2067}']), "{text}");
    }
}

/// The database's login is beside the claim, wherever an actor is shown.
#[test]
fn an_actor_is_a_claim_and_the_login_is_shown_beside_it() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design", "--actor", "ceo@corp"]).exits_with(0);
    on(&database, &["phase", "describe", &phase, "text", "--actor", "postgres"]).exits_with(0);
    let history = on(&database, &["history", &project]).exits_with(0).stdout;
    let line = |by: &str| history.lines().find(|line| line.contains(by)).unwrap().to_owned();
    assert!(line("by ceo@corp").contains(", login postgres"), "{history}");
    assert!(!line("by postgres").contains("login"), "{history}");
    let events = on(&database, &["history", &project, "--json"]).object("phaseline.history/1");
    assert!(
        events["events"].as_array().unwrap().iter().all(|event| event["login"] == "postgres"),
        "{events:#}"
    );
    let status = on(&database, &["status"]).exits_with(0).stdout;
    assert!(status.contains("by ada on ") && status.contains(", login postgres: done"), "{status}");
    let loss = on(&database, &["rollback", "--dry-run"]).exits_with(0).stdout;
    assert!(loss.contains("by ceo@corp, ") && loss.contains(", login postgres)"), "{loss}");
    // A claim does not change the login.
    assert_eq!(database.psql("SELECT DISTINCT login FROM phaseline.events").trim(), "postgres");
}

#[test]
fn a_split_or_swallowed_phase_is_named_with_the_command_that_helps() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let (start, end) = dates(&database, &phase);
    let create = ["phase", "create", &project, "Middle", &start.1, &end.0];
    let ran = on(&database, &create).exits_with(3);
    let shorten = format!("phaseline phase resize {phase} {} {}", start.0, end.0);
    assert!(ran.stderr.contains("cannot be split; first shorten it"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("First run: {shorten}")), "{}", ran.stderr);
    on(&database, &shorten.split(' ').skip(1).collect::<Vec<_>>()).exits_with(0);
    on(&database, &create).exits_with(0);

    let other = database
        .psql(&format!("SELECT id FROM project_phases WHERE project_id = '{project}' AND name = 'Middle'"));
    let resize = ["phase", "resize", &phase, &start.0, &end.0];
    let ran = on(&database, &resize).exits_with(3);
    assert!(ran.stderr.contains("'Middle' would keep no dates"), "{}", ran.stderr);
    let remove = format!("phaseline phase remove {}", other.trim());
    assert!(ran.stderr.contains(&format!("with its budget: {remove}")), "{}", ran.stderr);
    on(&database, &remove.split(' ').skip(1).collect::<Vec<_>>()).exits_with(0);
}

/// The first two dates of a phase, and the last but one with the last one.
fn dates(database: &TestDatabase, phase: &str) -> ((String, String), (String, String)) {
    let dates = database.psql(&format!(
        "SELECT start_date, start_date + 1, end_date - 1, end_date FROM project_phases WHERE id = '{phase}'"
    ));
    let dates: Vec<String> = dates.trim().split('|').map(str::to_owned).collect();
    ((dates[0].clone(), dates[1].clone()), (dates[2].clone(), dates[3].clone()))
}
