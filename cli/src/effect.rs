//! What a command does with the database and with global options. Refuses global options, given on the command line, that the command has no use for. The environment is for all commands, and its
//! variables are ignored by those that do not need them.

use crate::args::{Cli, Command};
use crate::failure::Failure;
use clap::ArgMatches;
use clap::parser::ValueSource;

/// Global options about the database.
const DATABASE: [(&str, &str); 5] = [
    ("database_url", "--database-url"),
    ("direct_url", "--direct-url"),
    ("pooler", "--pooler"),
    ("data_dir", "--data-dir"),
    ("allow_superuser", "--allow-superuser"),
];

/// How often `-v` has an effect.
const MOST_VERBOSE: u8 = 2;

/// Refuses global options without an effect on this command.
pub(crate) fn refuse_ineffective(cli: &Cli, matches: &ArgMatches) -> Result<(), Failure> {
    let (name, leaf) = leaf(matches);
    let given = |id: &str| leaf.value_source(id) == Some(ValueSource::CommandLine);
    let ineffective = |option: &str, why: &str| {
        Failure::usage(format!("{option} has no effect on `phaseline {name}`, which {why}"))
            .remedy(format!("Run it without {option}."))
    };
    if cli.global.verbose > MOST_VERBOSE {
        return Err(Failure::usage("-v may be given at most twice: -vv logs everything that there is"));
    }
    if !uses_database(&cli.command)
        && let Some((_, option)) = DATABASE.iter().find(|(id, _)| given(id))
    {
        return Err(ineffective(option, "uses no given database"));
    }
    if given("actor") {
        if cli.global.actor.as_deref().is_some_and(|actor| actor.trim().is_empty()) {
            return Err(Failure::usage("--actor: the name is empty"));
        }
        if !takes_actor(&cli.command) {
            return Err(ineffective("--actor", "records nothing in the name of an actor"));
        }
    }
    match &cli.command {
        Command::Drift(args) if args.has_idle_reason() => {
            Err(ineffective("--reason", "changes nothing without --repair"))
        }
        Command::Rebuild(args) if args.has_idle_reason() => {
            Err(ineffective("--reason", "changes nothing with --check"))
        }
        _ => Ok(()),
    }
}

/// The words of the command, and its own matches.
fn leaf(matches: &ArgMatches) -> (String, &ArgMatches) {
    let (mut words, mut leaf) = (Vec::new(), matches);
    while let Some((word, below)) = leaf.subcommand() {
        words.push(word);
        leaf = below;
    }
    (words.join(" "), leaf)
}

const fn uses_database(command: &Command) -> bool {
    !matches!(command, Command::Token(_) | Command::Demo(_) | Command::Completions(_) | Command::Man(_))
}

/// Whether the command writes to the given database.
pub(crate) const fn writes(command: &Command) -> bool {
    match command {
        Command::Migrate(_) | Command::Phase(_) | Command::Sample(_) | Command::Rehearse(_) => true,
        Command::Rollback(args) => !args.dry_run,
        Command::Timeline(args) => args.writes(),
        Command::Adopt(args) => args.writes(),
        Command::Drift(args) => args.writes(),
        Command::Rebuild(args) => args.writes(),
        Command::Quarantine(args) => args.writes(),
        Command::Doctor(args) => args.writes(),
        Command::Upgrade(args) => args.writes(),
        Command::Plan(_)
        | Command::Verify(_)
        | Command::Status(_)
        | Command::History(_)
        | Command::Serve(_)
        | Command::Token(_)
        | Command::Config(_)
        | Command::Demo(_)
        | Command::Completions(_)
        | Command::Man(_) => false,
    }
}

/// Whether the command records an actor, or would without `--dry-run`; `history` shows one actor's events.
const fn takes_actor(command: &Command) -> bool {
    match command {
        Command::Plan(_)
        | Command::Rehearse(_)
        | Command::Migrate(_)
        | Command::Rollback(_)
        | Command::History(_)
        | Command::Phase(_)
        | Command::Adopt(_)
        | Command::Demo(_) => true,
        Command::Timeline(args) => args.writes(),
        Command::Drift(args) => args.writes(),
        Command::Rebuild(args) => args.writes(),
        Command::Quarantine(args) => args.writes(),
        Command::Verify(_)
        | Command::Status(_)
        | Command::Serve(_)
        | Command::Token(_)
        | Command::Config(_)
        | Command::Sample(_)
        | Command::Doctor(_)
        | Command::Upgrade(_)
        | Command::Completions(_)
        | Command::Man(_) => false,
    }
}
