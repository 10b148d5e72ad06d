//! Options that several commands share.

use crate::output::Form;
use clap::Args;
use std::path::PathBuf;

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    // Not parsed by clap, which would repeat the password when it complains.
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
        value_name = "FOLDER",
        help = "The private server's data folder [env: PHASELINE_DATA_DIR] \
                [default: $XDG_DATA_HOME/phaseline, for root /var/lib/phaseline]"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Format of the answer on stdout: text, one JSON object, or one JSON object a line (default: text)
    #[arg(long, global = true, value_name = "FORM", value_enum)]
    output: Option<Form>,
    /// The same as --output json
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Print no progress and no remarks, only the answer and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log more to stderr: -v, -vv, -vvv
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The name recorded in the log (default: user@host)
    #[arg(long, global = true, value_name = "NAME", env = "PHASELINE_ACTOR", hide_env_values = true)]
    pub(crate) actor: Option<String>,
    /// Work with a superuser's rights although roles without them own tables, whose code could run with these rights
    #[arg(long, global = true, env = "PHASELINE_ALLOW_SUPERUSER", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) allow_superuser: bool,
}

impl GlobalArgs {
    /// The form of the answer.
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { self.output.unwrap_or_default() }
    }
}

/// The reason for a change.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReasonArgs {
    /// The reason, recorded in the log with actor and time
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
