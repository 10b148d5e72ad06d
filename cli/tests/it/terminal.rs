//! Questions on a terminal, which `script` provides.

use crate::program::{legacy, migrated, on, phaseline, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

/// Starts the program on a terminal.
fn started(database: &TestDatabase, command: &str) -> Child {
    let program = phaseline(&[]).get_program().to_str().unwrap().to_owned();
    Command::new("script")
        .args(["-q", "-e", "-c", &format!("exec {program} {command}"), "/dev/null"])
        .env("DATABASE_URL", database.url())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the program on a terminal with a prepared answer. Returns its exit code and all that the terminal showed.
fn on_a_terminal(database: &TestDatabase, command: &str, answer: &str) -> (Option<i32>, String) {
    let mut child = started(database, command);
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs the program on a terminal of this width. Returns its lines.
pub(crate) fn lines_at(width: u16, database: &TestDatabase, command: &str) -> Vec<String> {
    let shown = shown_at(width, database, command, &[("NO_COLOR", "1")]);
    let shown = anstream::adapter::strip_str(&shown).to_string();
    shown.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// The same with all that the terminal gets, and with these variables.
pub(crate) fn shown_at(
    width: u16,
    database: &TestDatabase,
    command: &str,
    variables: &[(&str, &str)],
) -> String {
    let program = phaseline(&[]).get_program().to_str().unwrap().to_owned();
    let variables: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    // A shell may set `COLUMNS` by itself.
    let script =
        format!("stty cols {width} rows 50; env -u COLUMNS -u NO_COLOR {variables}{program} {command}");
    let mut on_terminal = Command::new("script");
    on_terminal.args(["-q", "-e", "-c", &script, "/dev/null"]).stdin(Stdio::null());
    on_terminal.env("DATABASE_URL", database.url()).env("TERM", "xterm");
    String::from_utf8_lossy(&on_terminal.output().unwrap().stdout).into_owned()
}

#[test]
fn help_fits_the_terminal_and_is_wrapped_once() {
    let database = legacy();
    for width in [80, 44] {
        for command in ["--help", "phase create --help", "drift --help", "completions --help", "serve --help"]
        {
            let lines = lines_at(width, &database, command);
            let wide: Vec<&String> = lines
                .iter()
                .filter(|line| line.chars().count() > usize::from(width) && !line.starts_with("Usage: "))
                .collect();
            let breakable =
                |line: &&&String| line.trim_start().trim_end_matches('\\').trim_end().contains(' ');
            assert!(!wide.iter().any(|line| breakable(&line)), "{command} at {width}: {wide:#?}");
        }
    }
    let shown = lines_at(80, &database, "--help").join("\n");
    assert!(shown.contains("\n  3  not migratable, or refused by a rule; also: "), "{shown}");
    // Wrapped twice, a short line follows a full one.
    let json = shown.split_once("JSON: ").unwrap().1.split_once("JSON lines").unwrap().0;
    assert!(json.trim().lines().rev().skip(1).all(|line| line.len() > 50 || line.ends_with(':')), "{json}");
    assert!(!shown.contains("[env: `") && shown.contains("[env: PHASELINE_ACTOR]"), "{shown}");
    let create = lines_at(80, &database, "phase create --help").join("\n");
    assert!(create.contains("'Testing' \\\n      2026-05-01 2026-05-31 --expense 12000"), "{create}");
}

/// The same with an answer that is given when the question is shown.
fn answered_at_the_question(database: &TestDatabase, command: &str, answer: &[u8]) -> (Option<i32>, String) {
    let mut child = started(database, command);
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut is_answered = false;
    let mut buffer = [0; 4096];
    loop {
        let read = output.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        shown.extend_from_slice(&buffer[..read]);
        if !is_answered && String::from_utf8_lossy(&shown).contains("[y/N]") {
            input.write_all(answer).unwrap();
            is_answered = true;
        }
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn the_end_of_a_question_is_on_a_line_of_its_own() {
    let database = legacy();
    for (answer, said) in [(&b"\x04"[..], "not confirmed"), (b"\x03", "interrupted")] {
        let (code, shown) = answered_at_the_question(&database, "migrate", answer);
        assert_eq!(code, Some(8), "{shown}");
        let plain = anstream::adapter::strip_str(&shown).to_string();
        let error = format!("error: {said}; nothing was written");
        assert!(plain.lines().any(|line| line.trim() == error), "{said}: {plain:?}");
        assert!(!plain.contains("rolled back") && !plain.contains("same command again"), "{plain}");
    }
}

#[test]
fn a_migration_shows_its_plan_and_only_yes_confirms_it() {
    let database = legacy();
    let before = database.dump(&[]);
    let (code, shown) = on_a_terminal(&database, "migrate", "n\n");
    assert_eq!(code, Some(8), "{shown}");
    assert!(
        shown.contains("Budgets")
            && shown.contains(&format!("Migrate database {} at 127.0.0.1:", database.name()))
            && shown.contains(" as postgres now? [y/N]"),
        "{shown}"
    );
    assert!(database.dump(&[]) == before);
    let (code, shown) = on_a_terminal(&database, "migrate", "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("MIGRATED"), "{shown}");
    let (code, shown) = on_a_terminal(&database, "rollback", "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(" now? [y/N]") && shown.contains("ROLLED BACK"), "{shown}");
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn a_command_asks_where_dates_or_money_go() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let of = |select: &str| {
        database.psql(&format!("SELECT {select} FROM project_phases WHERE id = '{phase}'")).trim().to_owned()
    };
    let (start, end) = (of("start_date"), of("end_date"));
    let longer = of("end_date + 1");
    let last =
        database.psql(&format!("SELECT max(end_date) FROM project_phases WHERE project_id = '{project}'"));
    let sooner = database.psql(&format!("SELECT '{}'::date - 10", last.trim()));
    let shorter = database.psql(&format!("SELECT '{end}'::date - 1"));
    let events = || database.psql("SELECT count(*) FROM phaseline.events");
    let earlier = events();
    for (command, clause) in [
        (format!("phase remove {phase}"), "  - phase 'Planning' ("),
        (format!("phase resize {phase} {start} {longer}"), "  - phase 'Execution' loses 1 day"),
        (format!("phase resize {phase} {start} {}", shorter.trim()), "  - phase 'Planning' loses 1 day"),
        (format!("phase budget {phase} 1 1"), "  - the project's capital budget falls from "),
        (format!("timeline reschedule {project} {start} {}", sooner.trim()), "loses 10 days"),
        (
            format!("phase create {project} Testing {} {}", last.trim(), last.trim()),
            "'Execution' loses 1 day",
        ),
    ] {
        let before = events();
        let (code, shown) = on_a_terminal(&database, &command, "n\n");
        assert_eq!(code, Some(8), "{command}: {shown}");
        let (changes, question) = shown.split_once("This gives up dates or money of project ").unwrap();
        assert!(changes.contains("Changes"), "{shown}");
        assert!(question.contains(clause), "{clause}: {question}");
        assert!(question.contains(&format!(" ({project}):")), "{question}");
        let (code, json) = on_a_terminal(&database, &format!("{command} --json"), "n\n");
        assert!(code == Some(2) && json.contains("a command with --json cannot ask"), "{json}");
        assert_eq!(events(), before);
        let place = format!("Carry it out in database {} at 127.0.0.1:", database.name());
        assert!(question.contains(&place) && question.contains("[y/N]"), "{question}");
        assert!(shown.contains("nothing was written") && events() == before, "{shown}");
        let (code, shown) = on_a_terminal(&database, &format!("{command} --dry-run"), "");
        assert!(code == Some(0) && !shown.contains("[y/N]") && events() == before, "{shown}");
    }
    for command in [
        format!("phase rename {phase} Design"),
        format!("phase budget {phase} 99999999 99999999"),
        format!("phase resize {phase} {start} {end} --yes"),
    ] {
        let (code, shown) = on_a_terminal(&database, &command, "");
        assert!(code == Some(0) && !shown.contains("[y/N]"), "{command}: {shown}");
    }
    let restore = format!("timeline restore {project} --at {}", earlier.trim());
    let (code, shown) = on_a_terminal(&database, &restore, "n\n");
    let (changes, question) = shown.split_once("This gives up dates or money of project ").unwrap();
    assert!(code == Some(8) && changes.contains("name: 'Planning'"), "{shown}");
    assert!(question.contains(&format!(" ({project}):")) && question.contains("budget falls"), "{question}");
    let (code, shown) = on_a_terminal(&database, &restore, "y\n");
    assert!(code == Some(0) && shown.contains("restored from position"), "{shown}");
    let (code, shown) = on_a_terminal(&database, &format!("phase remove {phase}"), "y\n");
    assert!(code == Some(0) && shown.contains("DONE"), "{shown}");
}

#[test]
fn a_rebuild_asks_before_it_writes_and_only_then() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    let (code, shown) = on_a_terminal(&database, "rebuild", "");
    assert!(code == Some(0) && !shown.contains("[y/N]") && shown.contains("UP TO DATE"), "{shown}");
    database.psql(&format!("UPDATE project_phases SET name = 'By hand' WHERE id = '{phase}'"));
    let differs = || on(&database, &["rebuild", "--check"]).code == Some(6);
    let (code, shown) = on_a_terminal(&database, "rebuild", "n\n");
    assert!(code == Some(8) && shown.contains("Rows that differ") && differs(), "{shown}");
    let (code, shown) = on_a_terminal(&database, "rebuild", "y\n");
    assert!(code == Some(0) && shown.contains("REBUILT") && !differs(), "{shown}");
}

/// The legacy table has one phase and its budget less than before the migration; another phase is new.
#[test]
fn a_rollback_names_the_phases_that_go_come_and_stay_and_the_budgets() {
    let database = migrated();
    let sums = || {
        let sum = "to_char(sum(capital_budget), 'FM999,999,990.00'), to_char(sum(expense_budget), 'FM999,999,990.00'),
                   to_char(sum(total_budget), 'FM999,999,990.00')";
        let sums = database.psql(&format!("SELECT {sum} FROM project_phases"));
        sums.trim().split('|').map(str::to_owned).collect::<Vec<_>>()
    };
    let before = sums();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "remove", &phase, "--actor", "grace"]).exits_with(0);
    let end =
        database.psql(&format!("SELECT max(end_date) FROM project_phases WHERE project_id = '{project}'"));
    let create = ["phase", "create", &project, "Testing", end.trim(), end.trim()];
    on(&database, &[&create[..], &["--capital", "1.50", "--actor", "postgres"]].concat()).exits_with(0);
    let after = sums();
    let dry = on(&database, &["rollback", "--dry-run"]).exits_with(0).stdout;
    let shows = |shown: &str| {
        let shown = shown.replace('\r', "");
        for line in [
            "  go                        1 (removed since the migration)".to_owned(),
            "  come                      1 (created since the migration)".to_owned(),
            format!("({project})\n    goes  Planning, "),
            "; removed by grace, ".to_owned(),
            ", login postgres)".to_owned(),
            "    comes Testing, 1.50; created by postgres, ".to_owned(),
            "    stays Execution, ".to_owned(),
        ] {
            assert!(shown.contains(&line), "{line}: {shown}");
        }
        for (name, (before, after)) in ["capital", "expense", "total"].iter().zip(before.iter().zip(&after)) {
            let line =
                shown.lines().find(|line| line.starts_with(&format!("  {name} ")) && line.contains("before"));
            let line = line.unwrap_or_else(|| panic!("{name}: {shown}"));
            assert!(line.contains(before.as_str()) && line.ends_with(after.as_str()), "{line}");
        }
    };
    shows(&dry);
    // The actor is the login: it is named once.
    let created = dry.lines().find(|line| line.contains("comes Testing")).unwrap();
    assert!(!created.contains("login"), "{created}");
    let (code, shown) = on_a_terminal(&database, "rollback", "n\n");
    assert_eq!(code, Some(8), "{shown}");
    let (_, question) = shown.split_once("Phases: 1 go, 1 come, ").unwrap();
    for named in [
        "  go: 'Planning'",
        "  come: 'Testing'",
        &format!("total {} → {}", before[2], after[2]),
        &format!("Roll back database {} at 127.0.0.1:", database.name()),
        " as postgres now, and lose what the legacy shape cannot hold? [y/N]",
    ] {
        assert!(question.contains(named), "{named}: {question}");
    }
    let json =
        on(&database, &["rollback", "--dry-run", "--json"]).exits_with(0).object("phaseline.rollback/1");
    let fates = |fate: &str| -> Vec<&str> {
        let phases = json["legacy_phases"].as_array().unwrap().iter();
        phases.filter(|phase| phase["fate"] == fate).map(|phase| phase["name"].as_str().unwrap()).collect()
    };
    assert_eq!((fates("goes"), fates("comes")), (vec!["Planning"], vec!["Testing"]));
    assert_eq!(fates("stays").len() as u64 + 1, json["phases"].as_u64().unwrap());
    let plain = |text: &str| text.replace(',', "");
    assert_eq!(json["budgets_before"]["total"], plain(&before[2]));
    assert_eq!(json["budgets_after"]["total"], plain(&after[2]));
    // Another loss than the accepted one is refused in the dry run, too.
    let other = format!("sha256:{}", "0".repeat(64));
    on(&database, &["rollback", "--dry-run", "--accept-loss", &other]).exits_with(7);
    let digest = json["loss"]["digest"].as_str().unwrap();
    on(&database, &["rollback", "--dry-run", "--accept-loss", digest]).exits_with(0);
    let done = on(&database, &["rollback", "--yes", "--accept-loss", digest]).exits_with(0).stdout;
    shows(&done);
    assert_eq!(sums(), after, "the legacy table has the budgets of the plan");
    on(&database, &["verify"]).exits_with(0);
    // A second migration starts from these tables.
    on(&database, &["migrate", "--yes"]).exits_with(0);
    let again = on(&database, &["rollback", "--dry-run", "--json"]).object("phaseline.rollback/1");
    assert_eq!(again["budgets_before"], again["budgets_after"]);
    assert!(
        again["legacy_phases"].as_array().unwrap().iter().all(|phase| phase["fate"] == "stays"),
        "{again:#}"
    );
}
