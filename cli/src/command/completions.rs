//! `phaseline completions`: completions for shells.

use crate::context::Context;
use crate::exit::Exit;
use crate::render::Page;
use clap::{Args, Command};
use clap_complete::Shell;
use serde::Serialize;

/// Print the completions for a shell
///
/// Generated from the parser's description, so they have every command and option. Needs no database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline completions bash > ~/.local/share/bash-completion/completions/phaseline
  phaseline completions zsh > ~/.zfunc/_phaseline         with ~/.zfunc in fpath before compinit
  phaseline completions fish > ~/.config/fish/completions/phaseline.fish
  phaseline completions elvish >> ~/.config/elvish/rc.elv
  phaseline completions powershell >> $PROFILE

For all users: /usr/share/bash-completion/completions/phaseline,
/usr/share/zsh/site-functions/_phaseline, /usr/share/fish/vendor_completions.d/phaseline.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// `phaseline.completions/1`
#[derive(Serialize)]
struct Completions {
    format: &'static str,
    shell: String,
    script: String,
}

/// `program` is the description of the whole program.
pub(crate) fn run(context: &Context, args: &CompletionsArgs, mut program: Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "phaseline", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let completions =
        Completions { format: "phaseline.completions/1", shell: args.shell.to_string(), script };
    context.output.result(&completions, || Page::verbatim(completions.script.as_str()));
    Exit::Done
}
