//! Help: every command has an example.

use crate::program::{ProgramOutput, phaseline, run};

/// The commands that a help text lists.
pub(crate) fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_shows_an_example_of_itself() {
    let mut seen = 0;
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = run(&arguments).exits_with(0).stdout;
        let command =
            ["phaseline"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let (_, examples) =
            help.split_once("\nExample").unwrap_or_else(|| panic!("{command} has no example"));
        assert!(examples.contains(&command), "{command}: {examples}");
        seen += 1;
        paths.extend(commands(&help).into_iter().map(|name| [path.clone(), vec![name]].concat()));
    }
    assert_eq!(
        seen, 37,
        "the program, 23 commands, 4 of timeline, 6 of phase, 2 of quarantine and 1 of config"
    );
}

#[test]
fn what_the_environment_sets_is_no_requirement_of_the_usage() {
    let mut program = phaseline(&["timeline", "show"]);
    program.env("PHASELINE_ACTOR", "grace").env("PHASELINE_ALLOW_SUPERUSER", "true");
    let ran = ProgramOutput::of(program.output().unwrap()).exits_with(2);
    assert!(
        ran.stderr.contains("Usage: phaseline timeline show [OPTIONS] <PROJECT>")
            || ran.stderr.contains("Usage: phaseline timeline show <PROJECT>"),
        "{}",
        ran.stderr
    );
}

#[test]
fn without_a_command_it_shows_help_and_exits_as_a_usage_error() {
    let help = run(&[]).exits_with(2).stderr;
    assert!(help.contains("Usage: phaseline") && help.contains("postgres://user:password@host"), "{help}");
    assert_eq!(run(&["version"]).exits_with(0).stdout, run(&["--version"]).exits_with(0).stdout);
}
