//! `phaseline man`: the manual, generated from the parser's description.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Page;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Print the manual page, or write one for each command into a folder
///
/// Needs no database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline man | man -l -                   read it
  phaseline man --dir ~/.local/share/man/man1
  man phaseline-rollback

For all users: /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write a page for the program and for each command to this folder; it is created if missing
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// `phaseline.man/1`
#[derive(Serialize)]
struct Manual {
    format: &'static str,
    /// The written files; empty without a folder.
    files: Vec<PathBuf>,
    /// The program's page; none with a folder.
    page: Option<String>,
}

/// `program` is the description of the whole program.
pub(crate) fn run(context: &Context, args: &ManArgs, program: Command) -> Result<Exit, Failure> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut manual = Manual { format: "phaseline.man/1", files: Vec::new(), page: None };
    match &args.dir {
        Some(folder) => {
            let not_written = |error: io::Error| {
                Failure::unexpected(format!("the manual cannot be written to {}: {error}", folder.display()))
            };
            fs::create_dir_all(folder).map_err(not_written)?;
            write(&program, folder, &mut manual.files).map_err(not_written)?;
        }
        None => {
            let page = page(&program).map_err(|error| Failure::unexpected(error.to_string()))?;
            manual.page = Some(String::from_utf8_lossy(&page).into_owned());
        }
    }
    context.output.result(&manual, || match &manual.page {
        Some(page) => Page::verbatim(page.as_str()),
        None => Page::verbatim(
            manual.files.iter().map(|file| format!("{}\n", file.display())).collect::<String>(),
        ),
    });
    Ok(Exit::Done)
}

/// Writes the pages of a command and of its subcommands.
fn write(command: &Command, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let file = folder.join(Man::new(command.clone()).get_filename());
    fs::write(&file, page(command)?)?;
    files.push(file);
    command.get_subcommands().try_for_each(|below| write(below, folder, files))
}

/// A page. The help's own sections are not filled, since their examples would run together.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    // Without a date, since that would be the build's; an empty argument must be quoted.
    let man = Man::new(command.clone()).date("\"\"").manual("Phaseline");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let guide = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::default();
    for section in guide.split("\n\n") {
        // "Examples:" has its text below; "JSON: with …" has text after the colon.
        let Some((title, text)) = section.split_once(':') else { continue };
        roff.control("SH", [title.to_uppercase().as_str()]).control("nf", []);
        for line in text.strip_prefix('\n').unwrap_or(text).lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}
