//! Parses a document into its commands and their outputs.

use super::masks::Names;

/// A parsed document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) items: Vec<Item>,
}

/// A part of a document; `line` is its first.
#[derive(Debug)]
pub(super) enum Item {
    /// A line without a command.
    Text(String),
    /// `<!-- database: ARGUMENTS -->`
    Database { line: usize, arguments: String },
    /// `<!-- run: COMMAND -->`; `text` is the whole comment.
    Hidden { line: usize, command: String, text: String },
    /// A command in a `console` block and its output.
    Command { line: usize, command: String, output: Vec<String> },
}

const DATABASE: &str = "<!-- database: ";

impl Document {
    pub(super) fn parse(text: &str) -> Self {
        let mut items = Vec::new();
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
        let mut console = false;
        while let Some((line, text)) = lines.next() {
            if console && text == "```" {
                console = false;
            } else if console {
                match (text.strip_prefix("$ "), text.strip_prefix("> "), items.last_mut()) {
                    (Some(command), ..) => {
                        items.push(Item::Command { line, command: command.to_owned(), output: Vec::new() });
                        continue;
                    }
                    (None, Some(more), Some(Item::Command { command, output, .. })) if output.is_empty() => {
                        *command = format!("{command}\n{more}");
                    }
                    (_, _, Some(Item::Command { output, .. })) => output.push(text.to_owned()),
                    _ => panic!("line {line}: a console block begins with a command: {text}"),
                }
                continue;
            } else if text == "```console" {
                console = true;
            } else if let Some(arguments) = text.strip_prefix(DATABASE) {
                let arguments = arguments.strip_suffix(" -->").unwrap();
                items.push(Item::Database { line, arguments: arguments.to_owned() });
                continue;
            } else if text.starts_with("<!-- run") {
                let mut all = vec![text];
                while !all.last().is_some_and(|last| last.ends_with("-->")) {
                    all.push(lines.next().unwrap().1);
                }
                let text = all.join("\n");
                let command =
                    text.trim_start_matches("<!-- run").trim_start_matches(':').trim_end_matches("-->");
                items.push(Item::Hidden { line, command: command.trim().to_owned(), text: text.clone() });
                continue;
            }
            items.push(Item::Text(text.to_owned()));
        }
        assert!(!console, "a console block does not end");
        Self { items }
    }

    /// Replaces the document's ids by those of this run, but for hidden commands, whose ids are fixed.
    pub(super) fn rename_ids(&mut self, names: &Names) {
        for item in &mut self.items {
            if let Item::Command { command, output, .. } = item {
                *command = names.translate(command);
                output.iter_mut().for_each(|line| *line = names.translate(line));
            }
        }
    }

    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        for item in &self.items {
            match item {
                Item::Text(text) | Item::Hidden { text, .. } => lines.push(text.clone()),
                Item::Database { arguments, .. } => lines.push(format!("{DATABASE}{arguments} -->")),
                Item::Command { command, output, .. } => {
                    lines.push(format!("$ {}", command.replace('\n', "\n> ")));
                    lines.extend(output.iter().cloned());
                }
            }
        }
        lines.join("\n") + "\n"
    }
}
