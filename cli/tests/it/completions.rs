//! Completions: every command is in them, and the shell understands them.

use crate::help::commands;
use crate::program::run;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn every_command_and_global_option_is_in_the_completions_of_every_shell() {
    let program = commands(&run(&["--help"]).stdout);
    assert!(program.contains(&"rollback".to_owned()), "{program:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).exits_with(0).stdout;
        for command in &program {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
        for nested in ["reschedule", "resize", "database-url", "accept-loss"] {
            assert!(script.contains(nested), "{shell}: {nested}");
        }
    }
    let object = run(&["completions", "fish", "--json"]).exits_with(0).object("phaseline.completions/1");
    assert_eq!(object["shell"], "fish");
}

#[test]
fn bash_completes_a_command_and_an_option() {
    let script = run(&["completions", "bash"]).exits_with(0).stdout;
    if Command::new("bash").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no bash");
        return;
    }
    let complete = r#"
        complete_line() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _phaseline phaseline "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[@]}"
        }
        complete_line phaseline roll
        complete_line phaseline timeline resch
        complete_line phaseline rollback --acc"#;
    let mut bash = Command::new("bash")
        .args(["--norc", "-eu"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(format!("{script}\n{complete}\n").as_bytes()).unwrap();
    let ended = bash.wait_with_output().unwrap();
    let completed = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(completed, "rollback\nreschedule\n--accept-loss\n");
}

#[test]
fn an_unknown_shell_is_a_usage_error_that_lists_all() {
    assert!(run(&["completions", "csh"]).exits_with(2).stderr.contains("powershell"));
}
