//! Options without an effect are refused, and nothing is done.

use crate::program::{ProgramOutput, legacy, migrated, on, phaseline, project_and_phase, run};
use serde_json::Value;

const PROJECT: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

#[test]
fn an_actor_is_refused_by_commands_that_record_none() {
    for command in [
        &["verify"][..],
        &["status"],
        &["export", "--out", "/nowhere"],
        &["timeline", "show", PROJECT],
        &["drift"],
        &["rebuild", "--check"],
        &["quarantine", "list"],
        &["serve"],
        &["token", "--subject", "ada"],
        &["config", "show"],
        &["sample"],
        &["doctor"],
        &["upgrade"],
        &["completions", "bash"],
        &["man"],
    ] {
        // The URL is not reached: nothing listens there.
        let url = "postgres://nobody@127.0.0.1:1/none";
        let options = ["--actor", "mallory"];
        let run =
            |args: &[&str]| ProgramOutput::of(phaseline(args).env("DATABASE_URL", url).output().unwrap());
        for words in [[command, &options].concat(), [&options, command].concat()] {
            let refused = run(&words).exits_with(2);
            assert!(
                refused.stderr.contains("--actor has no effect on `phaseline "),
                "{words:?}: {}",
                refused.stderr
            );
            assert!(refused.stdout.is_empty(), "{words:?}");
        }
    }
    assert!(run(&["migrate", "--yes", "--actor", " "]).exits_with(2).stderr.contains("empty"));
}

#[test]
fn a_reason_is_refused_where_nothing_is_done() {
    for command in [&["drift"][..], &["rebuild", "--check"]] {
        let refused = run(&[command, &["--reason", "why"]].concat()).exits_with(2);
        assert!(refused.stderr.contains("--reason has no effect"), "{}", refused.stderr);
    }
}

#[test]
fn a_database_is_refused_by_commands_that_use_none() {
    let url = "postgres://nobody@127.0.0.1:1/none";
    for command in [&["token", "--subject", "ada"][..], &["demo"], &["completions", "bash"], &["man"]] {
        for option in [
            &["--database-url", url][..],
            &["--direct-url", url],
            &["--pooler", "none"],
            &["--data-dir", "/nowhere"],
            &["--allow-superuser"],
        ] {
            let refused = run(&[command, option].concat()).exits_with(2);
            let named = format!("{} has no effect on `phaseline {}", option[0], command[0]);
            assert!(refused.stderr.contains(&named), "{command:?} {option:?}: {}", refused.stderr);
        }
    }
    run(&["--data-dir", "/nowhere", "--database-url", url, "status"]).exits_with(2);
    for option in [&["--direct-url", url][..], &["--pooler", "transaction"]] {
        let refused = run(&[&["--data-dir", "/nowhere", "status"], option].concat()).exits_with(2);
        assert!(refused.stderr.contains("the private server, which has no pooler"), "{}", refused.stderr);
    }
}

/// Variables are set once for all commands.
#[test]
fn variables_are_no_reason_to_refuse_and_no_filter() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    for command in [&["verify"][..], &["history", &project], &["completions", "bash"]] {
        let mut program = phaseline(command);
        program.env("PHASELINE_ACTOR", "grace").env("DATABASE_URL", database.url());
        program.env("PHASELINE_ALLOW_SUPERUSER", "true");
        ProgramOutput::of(program.output().unwrap()).exits_with(0);
    }
}

#[test]
fn a_history_shows_the_events_of_one_actor() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design", "--actor", "grace"]).exits_with(0);
    let of = |words: &[&str]| -> Value {
        let shown = on(&database, &[&["history", &project, "--json"], words].concat()).exits_with(0);
        shown.object("phaseline.history/1")
    };
    let actors = |history: &Value| -> Vec<String> {
        let events = history["events"].as_array().unwrap().iter();
        events.map(|event| event["actor"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actors(&of(&["--actor", "grace"])), ["grace"]);
    let by_ada = of(&["--actor", "ada"]);
    assert!(by_ada["actor"] == "ada" && actors(&by_ada).len() > 1, "{by_ada:#}");
    assert_eq!(actors(&of(&[])).len(), actors(&by_ada).len() + 1);
    let login = of(&[])["events"][0]["login"].as_str().unwrap().to_owned();
    assert_eq!(of(&["--actor", &login])["events"], of(&[])["events"]);
    let lines = on(&database, &["history", &project, "--actor", "grace", "--output", "jsonl"]).exits_with(0);
    assert!(lines.stdout.lines().count() == 2 && lines.stdout.contains("\"rows\":1"), "{}", lines.stdout);
    let text = on(&database, &["history", &project, "--actor", "grace"]).exits_with(0).stdout;
    assert!(text.contains(" by grace: 1 event") && !text.contains("by ada"), "{text}");
    let none = on(&database, &["history", &project, "--actor", "mallory"]).exits_with(3);
    assert!(none.stderr.contains("no event by mallory"), "{}", none.stderr);
}

#[test]
fn notices_of_the_server_show_with_vv_only_and_more_v_is_refused() {
    let database = legacy();
    // A trigger that runs in a migration, and raises what psql would show.
    database.psql(
        "CREATE FUNCTION noisy() RETURNS event_trigger LANGUAGE plpgsql
             AS $$ BEGIN RAISE WARNING 'a notice of the server'; END $$;
         CREATE EVENT TRIGGER noisy ON ddl_command_end EXECUTE FUNCTION noisy();",
    );
    let ran = |verbose: &[&str]| {
        let ran = on(&database, &[&["migrate", "--yes"], verbose].concat()).exits_with(0);
        on(&database, &["rollback", "--yes", "--quiet"]).exits_with(0);
        ran.stderr
    };
    for silent in [&[][..], &["-v"], &["--quiet"]] {
        let stderr = ran(silent);
        assert!(
            !stderr.contains("sqlx") && !stderr.contains("a notice of the server"),
            "{silent:?}: {stderr}"
        );
    }
    let stderr = ran(&["-vv"]);
    assert!(stderr.contains("a notice of the server"), "{stderr}");
    let refused = run(&["status", "-vvv"]).exits_with(2);
    assert!(refused.stderr.contains("at most twice"), "{}", refused.stderr);
}
