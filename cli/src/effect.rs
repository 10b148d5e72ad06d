//! What a command does with the database, and which global options it uses. One without an effect is refused on the command line; a
//! variable of the environment is for all commands, and is ignored.

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output::OutputFormat;
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
            return Err(Failure::usage("--actor is empty: expected a name, such as ada"));
        }
        if !Effect::of(&cli.command).takes_actor {
            return Err(ineffective("--actor", "records nothing in the name of an actor"));
        }
    }
    let has_table = matches!(cli.command, Command::Projects(_) | Command::Diff(_) | Command::Log(_));
    if cli.global.form() == OutputFormat::Csv && !has_table {
        let message = format!("--output csv is for projects, diff and log; `phaseline {name}` has no table");
        let remedy = "Use --output json or jsonl. A history is a table by `phaseline log --project PROJECT --output csv`; phases, and the whole \
             log with its hashes, are files by `phaseline export --format csv`.";
        return Err(Failure::usage(message).remedy(remedy));
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

/// What a command does.
struct Effect {
    /// It writes to the given database.
    writes: bool,
    /// It records an actor, or would without `--dry-run`.
    takes_actor: bool,
}

impl Effect {
    /// A command that records an actor, and writes unless it is a dry run.
    const fn as_actor(writes: bool) -> Self {
        Self { writes, takes_actor: true }
    }

    fn of(command: &Command) -> Self {
        match command {
            Command::Plan(_) | Command::History(_) | Command::Log(_) | Command::Demo(_) => {
                Self::as_actor(false)
            }
            Command::Migrate(args) => Self::as_actor(!args.dry_run),
            Command::Rehearse(args) => Self::as_actor(!args.dry_run),
            Command::Rollback(args) => Self::as_actor(!args.dry_run),
            Command::Phase(args) => Self::as_actor(args.writes()),
            Command::Adopt(args) => Self::as_actor(args.writes()),
            Command::Timeline(args) if args.is_command() => Self::as_actor(args.writes()),
            Command::Drift(args) if args.is_repair() => Self::as_actor(args.writes()),
            Command::Rebuild(args) if !args.check => Self::as_actor(args.writes()),
            Command::Quarantine(args) if args.is_skip() => Self::as_actor(args.writes()),
            Command::Sample(args) => Self { writes: !args.dry_run, takes_actor: false },
            Command::Doctor(args) => Self { writes: args.writes(), takes_actor: false },
            Command::Upgrade(args) => Self { writes: args.writes(), takes_actor: false },
            Command::Timeline(_)
            | Command::Drift(_)
            | Command::Rebuild(_)
            | Command::Quarantine(_)
            | Command::Verify(_)
            | Command::Status(_)
            | Command::Projects(_)
            | Command::Diff(_)
            | Command::Export(_)
            | Command::Serve(_)
            | Command::Token(_)
            | Command::Config(_)
            | Command::Completions(_)
            | Command::Man(_) => Self { writes: false, takes_actor: false },
        }
    }
}

/// Whether the command writes to the given database.
pub(crate) fn writes(command: &Command) -> bool {
    Effect::of(command).writes
}

#[cfg(test)]
mod tests {
    use crate::args::Cli;
    use clap::CommandFactory;

    /// Commands that never write to a given database (an export writes files), and the service, which writes what its clients request.
    const WITHOUT_DRY_RUN: [&str; 16] = [
        "plan",
        "diff",
        "verify",
        "status",
        "history",
        "log",
        "export",
        "projects",
        "timeline show",
        "quarantine list",
        "serve",
        "token",
        "config show",
        "demo",
        "completions",
        "man",
    ];

    /// The words of each command without commands below it, and whether it has `--dry-run`.
    fn leaves(command: &clap::Command, words: &str, found: &mut Vec<(String, bool)>) {
        let below: Vec<&clap::Command> = command.get_subcommands().collect();
        if below.is_empty() {
            let has = command.get_arguments().any(|argument| {
                argument.get_long_and_visible_aliases().is_some_and(|names| names.contains(&"dry-run"))
            });
            found.push((words.trim().to_owned(), has));
        }
        for command in below {
            leaves(command, &format!("{words} {}", command.get_name()), found);
        }
    }

    #[test]
    fn every_command_that_writes_has_a_dry_run() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "", &mut found);
        let without: Vec<&str> =
            found.iter().filter(|(_, has)| !has).map(|(words, _)| words.as_str()).collect();
        let unlisted: Vec<&&str> = without.iter().filter(|words| !WITHOUT_DRY_RUN.contains(words)).collect();
        assert!(unlisted.is_empty(), "without --dry-run: {unlisted:?}");
        assert!(WITHOUT_DRY_RUN.iter().all(|words| without.contains(words)), "{without:?}");
        assert!(found.len() > WITHOUT_DRY_RUN.len());
    }
}
