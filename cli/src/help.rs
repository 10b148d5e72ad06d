//! Wraps help texts once, for the terminal's width. clap would wrap the lines of examples and tables as paragraphs.

use crate::render::layout::Layout;
use crate::style::BOLD;
use crate::width::{self, StandardStream};
use clap::Command;
use clap::builder::Styles;

/// The widest help text.
const MOST: usize = 100;

/// The command with help texts for this terminal.
pub(crate) fn fitted(command: Command) -> Command {
    let width = width::of_terminal(StandardStream::Out).unwrap_or(MOST).min(MOST);
    // Colours are for verdicts.
    fit(command.styles(Styles::styled().valid(BOLD).invalid(BOLD)), width)
}

fn fit(command: Command, width: usize) -> Command {
    let after = command.get_after_help().map(|text| Layout::help(width).text(&text.to_string()));
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
