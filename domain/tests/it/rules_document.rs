//! `docs/rules.md` matches the rules: messages, functions, and the commands that each applies to.

use crate::fixture::reproducible;
use crate::properties::play;
use crate::random_commands::steps;
use phaseline_domain::{Rule, TimelineCommand};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A row of the document's table.
struct Row {
    id: String,
    field: String,
    message: String,
    function: String,
    commands: BTreeSet<String>,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rows() -> Vec<Row> {
    read("../docs/rules.md")
        .lines()
        .filter(|line| line.starts_with("| V"))
        .map(|line| {
            let cells: Vec<&str> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [id, field, message, function, commands, _source] = cells[..] else {
                panic!("a row of six cells: {line}")
            };
            Row {
                id: id.to_owned(),
                field: field.to_owned(),
                message: message.to_owned(),
                function: function.to_owned(),
                commands: commands.split(", ").map(|name| name.trim_matches('`').to_owned()).collect(),
            }
        })
        .collect()
}

fn command_name(command: &TimelineCommand) -> &'static str {
    match command {
        TimelineCommand::Open { .. } => "Open",
        TimelineCommand::Reschedule { .. } => "Reschedule",
        TimelineCommand::CreatePhase { .. } => "CreatePhase",
        TimelineCommand::ResizePhase { .. } => "ResizePhase",
        TimelineCommand::RenamePhase { .. } => "RenamePhase",
        TimelineCommand::DescribePhase { .. } => "DescribePhase",
        TimelineCommand::BudgetPhase { .. } => "BudgetPhase",
        TimelineCommand::RemovePhase { .. } => "RemovePhase",
        TimelineCommand::ChangePhase { .. } => "ChangePhase",
        TimelineCommand::Reorder { .. } => "Reorder",
        TimelineCommand::ReplaceAll { .. } => "ReplaceAll",
        TimelineCommand::Restore { .. } => "Restore",
    }
}

/// Whether the text is the template with something in the place of each `{name}`.
fn matches(template: &str, text: &str) -> bool {
    let Some((before, rest)) = template.split_once('{') else {
        return template == text;
    };
    let Some((_, after)) = rest.split_once('}') else {
        return false;
    };
    text.strip_prefix(before).is_some_and(|tail| {
        tail.char_indices()
            .skip(1)
            .map(|(at, _)| at)
            .chain([tail.len()])
            .any(|at| matches(after, &tail[at..]))
    })
}

#[test]
fn the_document_lists_every_rule_once_and_in_order() {
    let listed: Vec<(String, String)> = rows().into_iter().map(|row| (row.id, row.field)).collect();
    let rules: Vec<(String, String)> =
        Rule::ALL.iter().map(|rule| (rule.id().to_owned(), rule.field().to_owned())).collect();
    assert_eq!(listed, rules);
}

#[test]
fn the_document_names_the_function_of_each_rule() {
    for row in rows() {
        let (module, name) = row.function.split_once("::").unwrap();
        let source = read(&format!("src/rule/{module}.rs"));
        let lines: Vec<&str> = source.lines().collect();
        let at = lines.iter().position(|line| line.contains(&format!("fn {name}("))).unwrap_or_else(|| {
            panic!("{}: src/rule/{module}.rs has no {name}", row.id);
        });
        let doc_comment = lines[..at].iter().rev().take_while(|line| line.starts_with("///"));
        let ids = [format!("/// {}.", row.id), format!("/// {}:", row.id)];
        assert!(
            doc_comment.clone().any(|line| ids.iter().any(|id| line.starts_with(id.as_str()))),
            "the doc comment of {name} does not have {}",
            row.id
        );
    }
}

/// The number of histories is fixed, so that the rarest refusal is among them in every run.
#[test]
fn the_document_has_the_message_and_the_commands_of_each_rule() {
    let rows = rows();
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(5), ..reproducible() });
    let mut met: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..1500 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        play(steps, |_, command, outcome, _| {
            let violations = outcome.as_ref().err().into_iter().flat_map(|refusal| refusal.violations());
            for violation in violations {
                let row = rows.iter().find(|row| row.id == violation.rule.id()).unwrap();
                assert!(
                    matches(&row.message, &violation.message),
                    "{}: {:?} is not {:?}",
                    row.id,
                    violation.message,
                    row.message
                );
                met.entry(violation.rule.id()).or_default().insert(command_name(command).to_owned());
            }
        });
    }
    for row in &rows {
        assert_eq!(met.get(row.id.as_str()), Some(&row.commands), "{}", row.id);
    }
}

#[test]
fn a_template_matches_only_texts_that_it_describes() {
    assert!(matches("Gap between '{a}' and '{b}'", "Gap between 'x' and 'it's'"));
    assert!(!matches("Gap between '{a}' and '{b}'", "Gap between '' and 'y'"));
    assert!(!matches("Gap between '{a}'", "A gap between 'x'"));
    assert!(!matches("Gap", "Gaps"));
}
