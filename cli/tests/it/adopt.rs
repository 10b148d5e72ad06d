//! Projects of the planner's backend: adopted by their first command, or by `phaseline adopt`.

use crate::program::{legacy, migrated, on, run};
use phaseline_embedded::testing::TestDatabase;

const PROJECT: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
const PHASE: &str = "7f9619ff-8b86-4011-b42d-00c04fc964ff";
const BARE: &str = "8f9619ff-8b86-4011-b42d-00c04fc964ff";

/// A project as the planner's backend makes it.
pub(crate) fn add_project(database: &TestDatabase, project: &str) {
    let others = database.psql(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
          WHERE table_name = 'projects' AND column_name NOT IN ('id', 'cost_center_code', 'start_date', 'end_date')",
    );
    database.psql(&format!(
        "INSERT INTO projects (id, cost_center_code, start_date, end_date, {others})
         SELECT '{project}', left('{project}', 8), '2025-01-01', '2025-12-31', {others} FROM projects ORDER BY id LIMIT 1"
    ));
}

/// One phase over all of 2025, from these dates on.
pub(crate) fn add_phase(database: &TestDatabase, project: &str, phase: &str, start: &str) {
    database.psql(&format!(
        "INSERT INTO project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
                updated_at, name, start_date, end_date)
         VALUES ('{project}', 1, 2, 3, '{phase}', '2024-12-01', '2024-12-02', 'Default Phase', '{start}', '2025-12-31')"
    ));
}

fn with_project() -> TestDatabase {
    let database = migrated();
    add_project(&database, PROJECT);
    add_phase(&database, PROJECT, PHASE, "2025-01-01");
    database
}

#[test]
fn a_phase_command_adopts_and_its_output_and_the_history_show_it() {
    let database = with_project();
    let shown = on(&database, &["timeline", "show", PROJECT]).exits_with(3);
    assert!(shown.stderr.contains(&format!("phaseline adopt {PROJECT}")), "{}", shown.stderr);
    let opened = on(&database, &["timeline", "open", PROJECT]).exits_with(3);
    assert!(opened.stderr.contains("V17"), "{}", opened.stderr);

    let nothing = on(&database, &["phase", "rename", PHASE, "Default Phase", "--json"]).exits_with(0);
    let nothing = nothing.object("phaseline.command/1");
    assert_eq!((&nothing["changed"], &nothing["version"]), (&false.into(), &0.into()));
    assert_eq!(nothing["phases"][0]["created_at"], "2024-12-01T00:00:00");

    let done = on(&database, &["phase", "rename", PHASE, "Design", "--reason", "clearer"]).exits_with(0);
    for expected in ["timeline opened", "adopted with the values found", "renamed to 'Design'", "version 3"] {
        assert!(done.stdout.contains(expected), "{expected}: {}", done.stdout);
    }
    let history = on(&database, &["history", PROJECT]).exits_with(0).stdout;
    assert!(
        history.contains("adopted with the values found, 2025-01-01 to 2025-12-31, budget 3.00"),
        "{history}"
    );
    assert_eq!(history.matches("why: clearer").count(), 3, "{history}");
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn a_role_that_may_only_write_commands_adopts_by_its_first_command() {
    let database = with_project();
    add_project(&database, BARE);
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_clerk LOGIN PASSWORD 'clerk' IN ROLE phaseline_writer;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let (_, place) = database.url().split_once('@').unwrap();
    let url = format!("postgres://phaseline_test_clerk:clerk@{place}");
    run(&["--database-url", &url, "phase", "rename", PHASE, "By the clerk"]).exits_with(0);
    run(&["--database-url", &url, "timeline", "open", BARE]).exits_with(0);
    database.psql(&format!("UPDATE projects SET end_date = '2026-01-31' WHERE id = '{PROJECT}'"));
    run(&["--database-url", &url, "timeline", "reschedule", PROJECT, "--from-table"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn rows_that_are_not_a_timeline_are_refused_with_every_reason() {
    let database = with_project();
    add_project(&database, BARE);
    add_phase(&database, BARE, "9f9619ff-8b86-4011-b42d-00c04fc964ff", "2025-03-01");
    database.psql(&format!("UPDATE project_phases SET name = ' ' WHERE project_id = '{BARE}'"));
    let before = database.dump(&[]);
    let phase = database.psql(&format!("SELECT id FROM project_phases WHERE project_id = '{BARE}'"));
    for arguments in [
        &["phase", "rename", &phase, "x"][..],
        &["timeline", "open", BARE],
        &["adopt"],
        &["adopt", "--dry-run"],
        &["adopt", BARE, PROJECT],
        &["adopt", "--repair"],
    ] {
        let refused = on(&database, arguments).exits_with(3);
        for expected in ["(V2)", "(V6)", "Phase name cannot be empty", "hint", BARE] {
            assert!(refused.stderr.contains(expected), "{arguments:?}: {expected}: {}", refused.stderr);
        }
        let error =
            on(&database, &[arguments, &["--json"]].concat()).exits_with(3).object("phaseline.error/1");
        assert_eq!(error["code"], "not_adoptable");
        assert_eq!(error["details"].as_array().unwrap().len(), 2, "{error}");
    }
    assert!(database.dump(&[]) == before);
    on(&database, &["adopt", PROJECT]).exits_with(0);
}

#[test]
fn all_projects_without_timeline_are_adopted_once() {
    let database = with_project();
    add_project(&database, BARE);
    let refused = on(&database, &["adopt"]).exits_with(3);
    assert!(refused.stderr.contains("adopt --repair") && refused.stderr.contains(BARE), "{}", refused.stderr);
    let before = database.dump(&[]);
    let dry = on(&database, &["adopt", "--repair", "--dry-run", "--json"]).exits_with(0);
    let dry = dry.object("phaseline.adopt/1");
    assert_eq!((&dry["dry_run"], &dry["position"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(dry["projects"].as_array().unwrap().len(), 2);
    assert!(on(&database, &["adopt", "--repair", "--dry-run"]).stdout.contains("nothing was written"));
    assert!(database.dump(&[]) == before);

    let rows = || {
        database
            .psql(&format!("SELECT ph::text FROM project_phases ph WHERE project_id <> '{BARE}' ORDER BY id"))
    };
    let stood = rows();
    let done = on(&database, &["adopt", "--repair", "--reason", "weekly", "--actor", "ada"]).exits_with(0);
    assert!(done.stdout.contains("ADOPTED") && done.stdout.contains("1 phase supplied"), "{}", done.stdout);
    assert_eq!(rows(), stood);
    let history = on(&database, &["history", BARE]).exits_with(0).stdout;
    for expected in
        ["by ada (cli)", "why: repair: the project had no phase (weekly)", "phase 'Default Phase' supplied"]
    {
        assert!(history.contains(expected), "{expected}: {history}");
    }
    on(&database, &["verify"]).exits_with(0);
    let again = on(&database, &["adopt", PROJECT]).exits_with(0);
    assert!(again.stdout.contains("has a timeline already"), "{}", again.stdout);
    assert!(on(&database, &["adopt"]).exits_with(0).stdout.contains("NOTHING TO ADOPT"));
    let unknown = "aaaaaaaa-8b86-4011-b42d-00c04fc964ff";
    let missing = on(&database, &["adopt", unknown, PROJECT]).exits_with(3);
    assert!(missing.stderr.contains(&format!("Project with ID {unknown} not found")), "{}", missing.stderr);
}

#[test]
fn changed_project_dates_are_read_from_the_table() {
    let database = with_project();
    on(&database, &["adopt"]).exits_with(0);
    let nothing = on(&database, &["timeline", "reschedule", PROJECT, "--from-table"]).exits_with(0);
    assert!(nothing.stdout.contains("Nothing to change"), "{}", nothing.stdout);
    database.psql(&format!("UPDATE projects SET start_date = '2024-12-24' WHERE id = '{PROJECT}'"));
    let noted = on(&database, &["drift", PROJECT]).exits_with(0);
    assert!(noted.stdout.contains("which their next command applies"), "{}", noted.stdout);
    on(&database, &["timeline", "reschedule", PROJECT, "--from-table"]).exits_with(0);
    let dates =
        database.psql(&format!("SELECT start_date, end_date FROM project_phases WHERE id = '{PHASE}'"));
    assert_eq!(dates, "2024-12-24|2025-12-31");
    on(&database, &["drift", PROJECT]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);

    database.psql(&format!("UPDATE projects SET end_date = 'infinity' WHERE id = '{PROJECT}'"));
    let refused = on(&database, &["timeline", "reschedule", PROJECT, "--from-table"]).exits_with(3);
    assert!(refused.stderr.contains("end_date in public.projects is infinity"), "{}", refused.stderr);
    let drift = on(&database, &["drift", PROJECT]).exits_with(6);
    assert!(
        drift.stdout.contains("to infinity in public.projects, which is not a range of dates"),
        "{}",
        drift.stdout
    );
    for wrong in [&["2025-01-01"][..], &[], &["2025-01-01", "2025-02-01", "--from-table"]] {
        on(&database, &[&["timeline", "reschedule", PROJECT], wrong].concat()).exits_with(2);
    }
}

#[test]
fn the_legacy_shape_and_a_missing_log_are_refused() {
    let database = legacy();
    for command in ["adopt", "drift"] {
        let never = on(&database, &[command]).exits_with(3);
        assert!(never.stderr.contains("phaseline plan"), "{}", never.stderr);
    }
    let database = migrated();
    on(&database, &["rollback", "--yes"]).exits_with(0);
    for command in [&["adopt"][..], &["drift"], &["drift", "--repair", "all", "--yes"]] {
        let closed = on(&database, command).exits_with(3);
        assert!(closed.stderr.contains("legacy shape"), "{}", closed.stderr);
    }
}
