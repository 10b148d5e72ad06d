//! What a command does with the database, and which global options it uses. One without an effect is refused on the command line; a
//! variable of the environment is for all commands, and is ignored.

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
        if !Effect::of(&cli.command).takes_actor {
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

/// What a command does.
struct Effect {
    /// It writes to the given database.
    writes: bool,
    /// It records an actor, or would without `--dry-run`.
    takes_actor: bool,
}

impl Effect {
    const READS: Self = Self { writes: false, takes_actor: false };
    const WRITES: Self = Self { writes: true, takes_actor: false };
    const WRITES_AS_ACTOR: Self = Self { writes: true, takes_actor: true };
    /// Has the options of a command that writes, or shows one actor's events.
    const READS_FOR_ACTOR: Self = Self { writes: false, takes_actor: true };

    const fn of(command: &Command) -> Self {
        let writes_as_actor = match command {
            Command::Migrate(_) | Command::Phase(_) | Command::Rehearse(_) => return Self::WRITES_AS_ACTOR,
            Command::Plan(_) | Command::History(_) | Command::Demo(_) => return Self::READS_FOR_ACTOR,
            Command::Rollback(args) if args.dry_run => return Self::READS_FOR_ACTOR,
            Command::Adopt(args) if !args.writes() => return Self::READS_FOR_ACTOR,
            Command::Rollback(_) | Command::Adopt(_) => true,
            Command::Timeline(args) => args.writes(),
            Command::Drift(args) => args.writes(),
            Command::Rebuild(args) => args.writes(),
            Command::Quarantine(args) => args.writes(),
            Command::Sample(_) => return Self::WRITES,
            Command::Doctor(args) => return if args.writes() { Self::WRITES } else { Self::READS },
            Command::Upgrade(args) => return if args.writes() { Self::WRITES } else { Self::READS },
            Command::Verify(_)
            | Command::Status(_)
            | Command::Projects(_)
            | Command::Serve(_)
            | Command::Token(_)
            | Command::Config(_)
            | Command::Completions(_)
            | Command::Man(_) => false,
        };
        if writes_as_actor { Self::WRITES_AS_ACTOR } else { Self::READS }
    }
}

/// Whether the command writes to the given database.
pub(crate) const fn writes(command: &Command) -> bool {
    Effect::of(command).writes
}
