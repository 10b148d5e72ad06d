//! `--json`: stdout has exactly one object, for every command and every error.

use crate::program::{ProgramOutput, legacy, migrated, on, phaseline, project_and_phase, run};
use phaseline_embedded::testing::TestCluster;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};

#[test]
fn every_command_prints_one_object_of_its_format() {
    let empty = TestCluster::shared().database();
    on(&empty, &["sample", "--projects", "2", "--assignments", "9", "--json"])
        .exits_with(0)
        .object("phaseline.sample/1");

    let database = legacy();
    let plan = on(&database, &["plan", "--json"]).exits_with(0).object("phaseline.plan/1");
    assert_eq!(plan["ready"], true);
    let done = on(&database, &["migrate", "--yes", "--json"]).exits_with(0).object("phaseline.migrate/1");
    assert_eq!((&done["already"], &done["plan"]["digest"]), (&false.into(), &plan["digest"]));
    assert_eq!(on(&database, &["migrate", "--yes", "--json"]).object("phaseline.migrate/1")["already"], true);
    assert_eq!(
        on(&database, &["verify", "--json"]).exits_with(0).object("phaseline.verify/1")["passed"],
        true
    );
    let status = on(&database, &["status", "--json"]).exits_with(0).object("phaseline.status/1");
    assert_eq!(status["runs"][0]["direction"], "migrate");
    on(&database, &["doctor", "--json"]).exits_with(0).object("phaseline.doctor/1");

    let (project, phase) = project_and_phase(&database);
    on(&database, &["history", &project, "--json"]).exits_with(0).object("phaseline.history/1");
    on(&database, &["timeline", "show", &project, "--json"]).exits_with(0).object("phaseline.timeline/1");
    let nothing = on(&database, &["phase", "rename", &phase, "Planning", "--json"]).exits_with(0);
    assert_eq!(nothing.object("phaseline.command/1")["changed"], false);

    let dry =
        on(&database, &["rollback", "--dry-run", "--json"]).exits_with(0).object("phaseline.rollback/1");
    assert_eq!((&dry["dry_run"], &dry["run"]), (&true.into(), &serde_json::Value::Null));
    let done = on(&database, &["rollback", "--yes", "--json"]).exits_with(0).object("phaseline.rollback/1");
    assert_eq!(done["dry_run"], false);
}

#[test]
fn errors_are_objects_too_with_code_exit_and_the_plan_that_was_refused() {
    let database = legacy();
    database.psql("UPDATE alembic_version SET version_num = 'other'");
    let error = on(&database, &["migrate", "--yes", "--json"]).exits_with(3).object("phaseline.error/1");
    assert_eq!((&error["code"], &error["exit"]), (&"not_migratable".into(), &3.into()));
    assert_eq!(error["plan"]["anomalies"][0]["code"], "wrong_revision");
    let plan = on(&database, &["plan", "--json"]).exits_with(3).object("phaseline.plan/1");
    assert_eq!(plan["ready"], false);

    let error = on(&database, &["migrate", "--json"]).exits_with(2).object("phaseline.error/1");
    assert_eq!(error["code"], "usage");
    for arguments in [&["plan", "--nope", "--json"][..], &["--json", "frobnicate"], &["--json"]] {
        let error = run(arguments).exits_with(2).object("phaseline.error/1");
        assert_eq!(error["exit"], 2);
    }
    let error = run(&["plan", "--json", "--database-url", "postgres://me@127.0.0.1:1/d"]).exits_with(9);
    assert_eq!(error.object("phaseline.error/1")["code"], "no_database");

    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let error = on(&database, &["rollback", "--yes", "--json"]).exits_with(7).object("phaseline.error/1");
    assert_eq!(error["plan"]["edits"][0]["event_type"], "PhaseRenamed");
}

#[test]
fn messages_go_to_stderr_and_quiet_silences_them() {
    let database = legacy();
    let loud = on(&database, &["migrate", "--yes", "--json"]).exits_with(0);
    assert!(loud.stderr.contains("done in"), "{}", loud.stderr);
    let quiet = on(&database, &["rollback", "--yes", "--quiet"]).exits_with(0);
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.contains("ROLLED BACK"));
}

#[test]
fn colours_are_for_terminals_unless_forced_and_a_log_filter_is_checked() {
    let database = legacy();
    assert!(!on(&database, &["plan"]).stdout.contains('\u{1b}'));
    let forced =
        phaseline(&["plan"]).env("DATABASE_URL", database.url()).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(ProgramOutput::of(forced).stdout.contains('\u{1b}'));
    let wrong = phaseline(&["plan"]).env("PHASELINE_LOG", "phaseline=loud").output().unwrap();
    assert!(ProgramOutput::of(wrong).exits_with(2).stderr.contains("PHASELINE_LOG"));
}

/// The fields that `docs/json.md` lists for a format.
pub(crate) fn documented(format: &str) -> Vec<String> {
    let document = include_str!("../../../docs/json.md");
    let row = document.lines().find(|line| line.starts_with(&format!("| `{format}`"))).unwrap();
    let fields = row.trim_end_matches('|').rsplit('|').next().unwrap();
    fields.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_document_lists_the_fields_of_every_format() {
    let database = legacy();
    let plan = on(&database, &["plan", "--json"]).object("phaseline.plan/1");
    let migrate = on(&database, &["migrate", "--yes", "--json"]).object("phaseline.migrate/1");
    let (project, phase) = project_and_phase(&database);
    let empty = TestCluster::shared().database();
    let rehearsal =
        on(&database, &["rehearse", "--keep", "--json"]).exits_with(0).object("phaseline.rehearse/1");
    let rehearsal_preview =
        on(&database, &["rehearse", "--dry-run", "--json"]).object("phaseline.rehearse.preview/1");
    let dropped = on(&database, &["rehearse", "--drop", rehearsal["copy"].as_str().unwrap(), "--json"]);
    let token = phaseline(&["token", "--subject", "ada", "--json"])
        .env("PHASELINE_JWT_SECRET", crate::token::SECRET)
        .output()
        .unwrap();
    let token = ProgramOutput::of(token).object("phaseline.token/1");
    let exports = tempfile::tempdir().unwrap();
    let preview;
    let objects = [
        rehearsal,
        dropped.exits_with(0).object("phaseline.dropped/1"),
        plan,
        migrate,
        on(&database, &["rollback", "--dry-run", "--json"]).object("phaseline.rollback/1"),
        on(&database, &["verify", "--json"]).object("phaseline.verify/1"),
        on(&database, &["status", "--json"]).object("phaseline.status/1"),
        on(&database, &["projects", "--json"]).object("phaseline.projects/1"),
        on(&database, &["projects", "--at", "9", "--json"]).object("phaseline.portfolio/1"),
        on(&database, &["diff", "0", "--json"]).object("phaseline.portfolio.diff/1"),
        on(&database, &["diff", "0", "--project", &project, "--json"]).object("phaseline.diff/1"),
        on(&database, &["history", &project, "--json"]).object("phaseline.history/1"),
        on(&database, &["log", "--json"]).object("phaseline.log/1"),
        on(&database, &["export", "--json", "--out", exports.path().join("out").to_str().unwrap()])
            .object("phaseline.exported/1"),
        on(&database, &["timeline", "show", &project, "--json"]).object("phaseline.timeline/1"),
        on(&database, &["phase", "rename", &phase, "Design", "--json"]).object("phaseline.command/1"),
        on(&database, &["phase", "remove", &phase, "--dry-run", "--json"])
            .object("phaseline.command.preview/1"),
        rehearsal_preview,
        on(&database, &["adopt", "--json"]).object("phaseline.adopt/1"),
        on(&database, &["drift", "--json"]).object("phaseline.drift/1"),
        on(&database, &["rebuild", "--json"]).object("phaseline.rebuild/1"),
        on(&database, &["quarantine", "list", "--json"]).object("phaseline.quarantine/1"),
        {
            let position =
                insert_unreadable_blocking(database.url(), project.parse().unwrap(), UnreadableKind::Type)
                    .to_string();
            let skip =
                ["quarantine", "skip", &project, "--position", &position, "--reason", "test", "--json"];
            preview =
                on(&database, &[&skip[..], &["--dry-run"]].concat()).object("phaseline.quarantine.preview/1");
            on(&database, &skip).object("phaseline.quarantine.skip/1")
        },
        preview,
        on(&database, &["doctor", "--json"]).object("phaseline.doctor/1"),
        on(&empty, &["sample", "--dry-run", "--json"]).object("phaseline.sample.preview/1"),
        on(&empty, &["sample", "--projects", "2", "--assignments", "9", "--json"])
            .object("phaseline.sample/1"),
        run(&["demo", "--json"]).object("phaseline.demo/1"),
        on(&database, &["upgrade", "--json"]).object("phaseline.upgrade/1"),
        run(&["completions", "bash", "--json"]).object("phaseline.completions/1"),
        run(&["man", "--json"]).object("phaseline.man/1"),
        run(&["config", "show", "--json"]).object("phaseline.config/1"),
        token,
        on(&database, &["rollback", "--yes", "--json"]).object("phaseline.error/1"),
    ];
    for object in objects {
        let object = object.as_object().expect("an object");
        let format = object["format"].as_str().expect("a format");
        // Every object of a command with a database has it, as the document says above the list.
        let without = ["demo", "completions", "man", "config", "token"];
        let is_without = without.iter().any(|name| format == format!("phaseline.{name}/1"));
        assert_ne!(object.contains_key("connection"), is_without, "{format}");
        let mut printed: Vec<String> = object
            .keys()
            .filter(|key| !["connection", "project_name"].contains(&key.as_str()))
            .cloned()
            .collect();
        let mut listed = documented(format);
        printed.sort();
        listed.sort();
        assert_eq!(printed, listed, "{format}");
    }
}
