//! Options that several commands share.

use crate::argument;
use crate::failure::Failure;
use crate::output::OutputFormat;
use clap::{Args, ValueEnum};
use phaseline_domain::legacy::Boundary;
use phaseline_migrator::definition::NEWEST_MAJOR_VERSION;
use phaseline_migrator::plan::PlanOptions;
use std::path::PathBuf;

const ALLOW_SUPERUSER: &str = "PHASELINE_ALLOW_SUPERUSER";

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    // Not parsed by clap, whose errors would repeat the password.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        conflicts_with = "data_dir",
        help = "The database, such as postgres://user:password@host:5432/planner [env: DATABASE_URL] \
                [default: a private PostgreSQL server]"
    )]
    pub(crate) database_url: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The server's own URL, for commands that need a session of their own, if the database is behind a pooler in \
                transaction mode [env: PHASELINE_DIRECT_URL]"
    )]
    pub(crate) direct_url: Option<String>,
    /// Whether the database is behind a pooler: auto, none (also for session mode) or transaction [env: `PHASELINE_POOLER`] [default:
    /// auto]
    #[arg(long, global = true, value_name = "MODE")]
    pub(crate) pooler: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        help = "The private server's data folder [env: PHASELINE_DATA_DIR] \
                [default: $XDG_DATA_HOME/phaseline, for root /var/lib/phaseline]"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Output format on stdout: text, one JSON object, one JSON object per line, or a table as CSV (default: text)
    #[arg(long, global = true, value_name = "FORM", value_enum)]
    output: Option<OutputFormat>,
    /// The same as --output json
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Neither wrap lines nor cut cells to the terminal's width; without a terminal nothing is
    #[arg(long, global = true)]
    pub(crate) wide: bool,
    /// Print no progress and no remarks, only the result and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log more to stderr: -v, or -vv for steps, statements of runs and the server's notices, too
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The name recorded in the log, unchecked, beside the database's login [env: `PHASELINE_ACTOR`] (default: user@host)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Work with a superuser's rights even if roles without them own tables; code of these roles could then run with those rights
    /// [env: `PHASELINE_ALLOW_SUPERUSER`]
    #[arg(long, global = true)]
    pub(crate) allow_superuser: bool,
}

impl GlobalArgs {
    /// Adds what the environment has. The parser would take an option from there for one of the command line, and show it in `Usage`.
    pub(crate) fn add_environment(&mut self) -> Result<(), Failure> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        if self.actor.is_none() {
            self.actor = set("PHASELINE_ACTOR");
        }
        if let Some(allows) = set(ALLOW_SUPERUSER).filter(|_| !self.allow_superuser) {
            self.allow_superuser = argument::boolean(&allows)
                .map_err(|what| Failure::usage(format!("{ALLOW_SUPERUSER}: {allows:?}: {what}")))?;
        }
        Ok(())
    }

    /// The output format.
    pub(crate) fn form(&self) -> OutputFormat {
        if self.json { OutputFormat::Json } else { self.output.unwrap_or_default() }
    }
}

/// The reason for a change.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReasonArgs {
    /// The reason, recorded in the log with actor and time
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Options of a command on a timeline.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChangeArgs {
    /// Only show what would change, and write nothing; a refusal by a rule exits as that of the command
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask. On a terminal the command asks first if dates or money would go: a phase, days of a phase, a budget
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) reason: ReasonArgs,
}

/// Options of `migrate`; `plan` accepts them too, and exits as `migrate` would.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// The digest of the expected plan; exits with 4 if data or options differ
    #[arg(long, value_name = "DIGEST", value_parser = argument::digest)]
    pub(crate) plan: Option<String>,
    /// Total time to wait for the tables' locks; users can work between the attempts
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = argument::seconds)]
    pub(crate) lock_timeout: u64,
    /// Give each project without phases a default phase without a budget, instead of refusing it
    #[arg(long)]
    pub(crate) repair: bool,
    /// Take over a database that the planner's own migration moved to 92023c163a26: record its phases as they are. What
    /// that migration dropped (types, links of assignments) cannot be restored
    #[arg(long, conflicts_with = "boundary")]
    pub(crate) adopt_migrated: bool,
    /// Migrate on a PostgreSQL that is newer than every version that this program is tested with. Features that only that version has might
    /// be lost: rehearse first, which compares dumps
    #[arg(long)]
    pub(crate) allow_newer_server: bool,
    #[command(flatten)]
    pub(crate) shared: BoundaryArgs,
}

/// The boundary between the phases of a project.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct BoundaryArgs {
    /// Where the phases of a project without timeline meet; the plan shows what each choice re-books
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = BoundaryArg::Midpoint)]
    boundary: BoundaryArg,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum BoundaryArg {
    /// As evenly as whole days allow, as the planner's own migration does
    #[default]
    Midpoint,
    /// Where the fewest assignments change their phase
    Fit,
}

impl BoundaryArgs {
    /// The chosen boundary.
    pub(crate) fn boundary(self) -> Boundary {
        match self.boundary {
            BoundaryArg::Midpoint => Boundary::Midpoint,
            BoundaryArg::Fit => Boundary::Fit,
        }
    }

    /// The flag that chooses it, after a space; empty for the default.
    pub(crate) fn flag(self) -> &'static str {
        match self.boundary {
            BoundaryArg::Midpoint => "",
            BoundaryArg::Fit => " --boundary fit",
        }
    }
}

/// The newest major version of PostgreSQL that a plan accepts.
pub(crate) fn newest_server(allow_newer: bool) -> u32 {
    if allow_newer { u32::MAX } else { NEWEST_MAJOR_VERSION }
}

impl RunArgs {
    /// The options of the plan.
    pub(crate) fn options(&self, role: Option<String>) -> PlanOptions {
        PlanOptions {
            role,
            repair: self.repair,
            newest_server: newest_server(self.allow_newer_server),
            adopt_migrated: self.adopt_migrated,
            boundary: self.shared.boundary(),
        }
    }
}
