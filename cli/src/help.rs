//! Wraps help texts once, for the terminal's width. clap would wrap the lines of examples and tables as paragraphs.

use crate::width;
use clap::Command;

/// The widest help text.
const MOST: usize = 100;
/// The narrowest second column of a table; below it the column moves under the first one.
const LEAST_COLUMN: usize = 30;

/// The command with help texts for this terminal.
pub(crate) fn fitted(command: Command) -> Command {
    let width = width::of_terminal().unwrap_or(MOST).min(MOST);
    fit(command, width)
}

fn fit(command: Command, width: usize) -> Command {
    let after = command.get_after_help().map(|text| wrapped(&text.to_string(), width));
    let command = match after {
        Some(text) => command.after_help(text),
        None => command,
    };
    let command = command.term_width(width).mut_args(|arg| {
        // Names in brackets are quoted for the documentation only.
        match arg.get_help().map(|help| {
            help.to_string()
                .replace("[env: `", "[env: ")
                .replace("[default: `", "[default: ")
                .replace("`]", "]")
        }) {
            Some(help) => arg.help(help),
            None => arg,
        }
    });
    command.mut_subcommands(|command| fit(command, width))
}

/// The text with each of its lines wrapped, indented as its first word, or as its second column.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    text.lines().map(|line| wrapped_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let indent = line.chars().take_while(|character| *character == ' ').count();
    match line[indent..].split_once("  ") {
        Some((first, second)) => {
            let second = second.trim_start();
            let column = line.chars().count() - second.chars().count();
            if column + LEAST_COLUMN <= width {
                let head = &line[..line.len() - second.len()];
                return joined(second.split(' '), head, &" ".repeat(column), ("", width));
            }
            let under = " ".repeat(indent + 4);
            let second = joined(second.split(' '), &under, &under, ("", width));
            format!("{}\n{second}", wrapped_line(&line[..indent + first.len()], width))
        }
        None if line[indent..].starts_with("phaseline ") || line[indent..].starts_with("curl ") => {
            let (start, more) = (" ".repeat(indent), " ".repeat(indent + 4));
            joined(words(&line[indent..]).into_iter(), &start, &more, (" \\", width))
        }
        None => {
            let start = " ".repeat(indent);
            joined(line[indent..].split(' '), &start, &start, ("", width))
        }
    }
}

/// The words of a command; what is in quotes is one word, since a line break would be part of it.
fn words(command: &str) -> Vec<&str> {
    let (mut words, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, character) in command.char_indices() {
        match (character, quote) {
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (' ', None) => {
                words.push(&command[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&command[start..]);
    words
}

/// The words in lines: the first begins with `first`, the others with `more`, and all but the last end with the mark.
fn joined<'a>(
    words: impl Iterator<Item = &'a str>,
    first: &str,
    more: &str,
    (mark, width): (&str, usize),
) -> String {
    let (mut text, mut used, mut is_empty) = (first.to_owned(), first.chars().count(), true);
    for word in words {
        let length = word.chars().count();
        if !is_empty && used + 1 + length + mark.chars().count() > width {
            text.push_str(&format!("{mark}\n{more}"));
            (used, is_empty) = (more.chars().count(), true);
        }
        if !is_empty {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        (used, is_empty) = (used + length, false);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn commands_continue_with_a_backslash_and_columns_below_themselves() {
        assert_eq!(
            wrapped("  phaseline phase rename ID 'a b c' --reason x", 34),
            "  phaseline phase rename ID \\\n      'a b c' --reason x"
        );
        assert_eq!(
            wrapped("  3  one two three four five six seven eight nine", 40),
            "  3  one two three four five six seven\n     eight nine"
        );
        assert_eq!(wrapped("  phaseline plan    what it does", 28), "  phaseline plan\n      what it does");
        assert_eq!(wrapped("short", 28), "short");
    }
}
