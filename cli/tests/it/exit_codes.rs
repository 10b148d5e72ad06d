//! Exit codes have their documented meanings.

use crate::program::{legacy, migrated, on, project_and_phase, run};
use phaseline_embedded::testing::TestCluster;

#[test]
fn a_round_trip_exits_with_0_and_leaves_the_tables_unchanged() {
    let database = legacy();
    let before = database.dump(&["--schema=public"]);
    let plan = on(&database, &["plan"]).exits_with(0);
    assert!(plan.stdout.starts_with("READY\n") && plan.stdout.ends_with("\nREADY\n"), "{}", plan.stdout);
    let done = on(&database, &["migrate", "--yes"]).exits_with(0);
    assert!(done.stdout.contains("MIGRATED"), "{}", done.stdout);
    let verified = on(&database, &["verify"]).exits_with(0);
    assert!(verified.stdout.contains("\nVERIFICATION COMPLETE - ALL CHECKS PASSED\n"), "{}", verified.stdout);
    on(&database, &["rollback", "--yes"]).exits_with(0);
    assert!(database.dump(&["--schema=public"]) == before);
    let verified = on(&database, &["verify"]).exits_with(0);
    assert!(
        verified.stdout.contains("\nROLLBACK VERIFICATION COMPLETE - ALL CHECKS PASSED\n"),
        "{}",
        verified.stdout
    );
}

#[test]
fn a_database_in_the_wanted_shape_exits_with_0() {
    let database = migrated();
    let again = on(&database, &["migrate", "--yes"]).exits_with(0);
    assert!(again.stdout.contains("ALREADY MIGRATED"), "{}", again.stdout);
    assert!(on(&database, &["plan"]).exits_with(0).stdout.starts_with("ALREADY MIGRATED\n"));
    on(&database, &["rollback", "--yes"]).exits_with(0);
    let again = on(&database, &["rollback", "--yes"]).exits_with(0);
    assert!(again.stdout.contains("ALREADY ROLLED BACK"), "{}", again.stdout);
}

#[test]
fn without_terminal_and_yes_a_run_is_a_usage_error() {
    let database = legacy();
    let before = database.dump(&[]);
    let refused = on(&database, &["migrate"]).exits_with(2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert!(database.dump(&[]) == before);
    let database = migrated();
    assert!(on(&database, &["rollback"]).exits_with(2).stderr.contains("--yes"));
}

#[test]
fn unmigratable_data_exits_with_3_lists_every_row_and_stays() {
    let database = legacy();
    database.psql("UPDATE project_phases SET created_at = 'infinity'");
    let ids = database.psql("SELECT id FROM project_phases");
    let before = database.dump(&[]);
    for arguments in [&["plan"][..], &["migrate", "--yes"]] {
        let refused = on(&database, arguments).exits_with(3);
        assert!(refused.stdout.starts_with("NOT MIGRATABLE\n"), "{}", refused.stdout);
        assert!(refused.stdout.contains("REFUSED phase_timestamp"), "{}", refused.stdout);
        for id in ids.lines() {
            assert!(refused.stdout.contains(id), "{id} is not named: {}", refused.stdout);
        }
    }
    assert!(database.dump(&[]) == before);
}

#[test]
fn a_database_without_the_planners_tables_exits_with_3() {
    let database = TestCluster::shared().database();
    let before = database.dump(&[]);
    for arguments in [&["plan"][..], &["migrate", "--yes"], &["rollback", "--yes"], &["verify"]] {
        on(&database, arguments).exits_with(3);
    }
    assert!(on(&database, &["plan"]).stdout.contains("no_planner_tables"));
    on(&database, &["status"]).exits_with(0);
    for arguments in [&["projects"][..], &["timeline", "show", "Annex"]] {
        let text = on(&database, arguments).exits_with(3).stderr;
        assert!(text.contains("has no tables of the planner"), "{text}");
        assert!(text.contains("public.project_phases: is missing"), "{text}");
        assert!(text.contains("hint: Check the database") && !text.contains("columns"), "{text}");
    }
    assert!(database.dump(&[]) == before);
    // Another program's database, which has one of these names.
    database.psql("CREATE TABLE projects (id uuid PRIMARY KEY)");
    let text = on(&database, &["projects"]).exits_with(3).stderr;
    assert!(text.contains("lacks tables of the planner") && text.contains("public.project_phases"), "{text}");
    assert!(
        !text.contains("public.projects: is missing") && text.contains("hint: Check the database"),
        "{text}"
    );
}

#[test]
fn a_digest_of_other_data_or_options_ends_with_4() {
    let database = legacy();
    let plan = on(&database, &["plan", "--json"]).exits_with(0).object("phaseline.plan/1");
    let digest = plan["digest"].as_str().unwrap();
    on(&database, &["plan", "--plan", digest, "--yes", "--lock-timeout", "5", "--reason", "r"]).exits_with(0);
    database.psql("UPDATE project_phases SET created_at = created_at + interval '1 s'");
    let stale = on(&database, &["migrate", "--yes", "--plan", digest]).exits_with(4);
    assert!(stale.stderr.contains(digest) && stale.stderr.contains("phaseline plan"), "{}", stale.stderr);
    on(&database, &["plan", "--plan", digest]).exits_with(4);
    let digest =
        on(&database, &["plan", "--json"]).object("phaseline.plan/1")["digest"].as_str().unwrap().to_owned();
    on(&database, &["migrate", "--yes", "--plan", &digest]).exits_with(0);
}

#[test]
fn an_incomplete_digest_is_no_digest_of_other_data() {
    let database = legacy();
    let plan = on(&database, &["plan", "--json"]).exits_with(0).object("phaseline.plan/1");
    let digest = plan["digest"].as_str().unwrap();
    for wrong in [&digest[..digest.len() - 1], &digest["sha256:".len()..], "sha256:abc", "all", ""] {
        for command in [
            &["plan", "--plan"][..],
            &["migrate", "--yes", "--plan"],
            &["rollback", "--yes", "--accept-loss"],
            &["rollback", "--dry-run", "--accept-loss"],
        ] {
            let refused = on(&database, &[command, &[wrong]].concat()).exits_with(2);
            assert!(refused.stderr.contains("not a digest"), "{command:?} {wrong}: {}", refused.stderr);
        }
    }
}

#[test]
fn a_failed_verification_ends_with_6_and_names_what_differs() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    database.psql(&format!("UPDATE project_phases SET name = 'by hand' WHERE id = '{phase}'"));
    let failed = on(&database, &["verify"]).exits_with(6);
    assert!(failed.stdout.contains("✗ FAIL") && failed.stdout.contains(&phase), "{}", failed.stdout);
    assert!(failed.stdout.contains("\nVERIFICATION FAILED - "), "{}", failed.stdout);
}

#[test]
fn a_rollback_over_edits_ends_with_7_and_names_them() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design", "--actor", "grace"]).exits_with(0);
    let before = database.dump(&["--schema=public"]);
    let refused = on(&database, &["rollback", "--yes"]).exits_with(7);
    for named in
        ["WOULD LOSE DATA", "name: Design", "the type of its old row", &phase, "by grace", "--accept-loss"]
    {
        assert!(refused.stdout.contains(named), "{named}: {}", refused.stdout);
    }
    // A dry run over edits succeeds.
    let dry = on(&database, &["rollback", "--dry-run"]).exits_with(0);
    assert!(dry.stdout.starts_with("WOULD LOSE DATA\n"), "{}", dry.stdout);
    assert!(database.dump(&["--schema=public"]) == before);
    // The accepted digest does not cover another loss.
    let dry =
        on(&database, &["rollback", "--dry-run", "--json"]).exits_with(0).object("phaseline.rollback/1");
    let digest = dry["loss"]["digest"].as_str().unwrap();
    assert_eq!(dry["loss"]["items"][0]["value"], "Design");
    on(&database, &["phase", "describe", &phase, "not yet looked at"]).exits_with(0);
    let refused = on(&database, &["rollback", "--yes", "--accept-loss", digest]).exits_with(7);
    assert!(
        refused.stderr.contains(&format!("the loss that was accepted is {digest}")),
        "{}",
        refused.stderr
    );
    let dry =
        on(&database, &["rollback", "--dry-run", "--json"]).exits_with(0).object("phaseline.rollback/1");
    let digest = dry["loss"]["digest"].as_str().unwrap();
    let edited = "SELECT * FROM project_phases ORDER BY id";
    let before = database.psql(edited);
    on(&database, &["rollback", "--yes", "--accept-loss", digest]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    on(&database, &["migrate", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    assert_eq!(database.psql(edited), before, "the edits are back");
}

#[test]
fn repair_supplies_phases_and_a_rollback_removes_them_without_loss() {
    let database = legacy();
    let project = database.psql("SELECT id FROM projects ORDER BY id LIMIT 1").trim().to_owned();
    database.psql(&format!(
        "DELETE FROM actuals; DELETE FROM resource_assignments; DELETE FROM project_phases WHERE project_id = '{project}'"
    ));
    let before = database.dump(&["--schema=public"]);
    let refused = on(&database, &["plan"]).exits_with(3);
    assert!(refused.stdout.contains("--repair"), "{}", refused.stdout);
    on(&database, &["migrate", "--yes"]).exits_with(3);
    assert!(database.dump(&["--schema=public"]) == before);
    let planned = on(&database, &["plan", "--repair"]).exits_with(0);
    assert!(
        planned.stdout.contains("project_repaired") && planned.stdout.contains(" --repair"),
        "{}",
        planned.stdout
    );
    on(&database, &["migrate", "--yes", "--repair"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    let history = on(&database, &["history", &project]).exits_with(0);
    assert!(history.stdout.contains("repair: the project had no phase"), "{}", history.stdout);
    on(&database, &["rollback", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    assert!(database.dump(&["--schema=public"]) == before);
    // The log has a phase for it now.
    on(&database, &["migrate", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn tables_that_cannot_be_locked_exit_with_8_and_name_the_holder() {
    let database = legacy();
    let before = database.dump(&["--schema=public"]);
    let holder = crate::signals::Holder::of(&database, "project_phases");
    let timeout = on(&database, &["migrate", "--yes", "--lock-timeout", "1"]).exits_with(8);
    for named in ["could not be locked", "server process", "--lock-timeout"] {
        assert!(timeout.stderr.contains(named), "{named}: {}", timeout.stderr);
    }
    drop(holder);
    assert!(database.dump(&["--schema=public"]) == before);
    on(&database, &["migrate", "--yes"]).exits_with(0);
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [&["frobnicate"][..], &["plan", "--nope"], &["history", " "], &["phase", "describe"]] {
        run(arguments).exits_with(2);
    }
    run(&["--version"]).exits_with(0);
}
