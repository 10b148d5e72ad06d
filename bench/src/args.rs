//! The command line.

use crate::case::{Case, Group};
use crate::case_list::{CASES, find};
use crate::child::ChildTask;
use crate::error::{BenchError, Result};
use crate::server::Sizes;
use clap::Parser;
use std::path::PathBuf;

/// Default number of events in a log.
const EVENTS: u64 = 1_000_000;
/// The same with `--full`.
const MANY_EVENTS: u64 = 5_000_000;
/// The same with `--small`: with fewer, the fixed costs of a run would dominate.
const FEW_EVENTS: u64 = 100_000;

/// Benchmarks of Phaseline beside what else does the same.
///
/// Every case runs both sides alternately on one durable PostgreSQL server of its own, and fails if they have
/// different results.
#[derive(Debug, Parser)]
#[command(name = "phaseline-bench", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The cases to run, `all`, `peers` (in other languages: bench/peers/run.sh), or `list`
    #[arg(value_name = "CASE", required_unless_present = "child")]
    pub(crate) cases: Vec<String>,

    /// Events in a log [default: 1000000, with --full 5000000, with --small 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..))]
    events: Option<u64>,

    /// Rounds of each side
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// Small sizes of everything, in less than a minute: shows that it works, not how fast it is
    #[arg(long)]
    pub(crate) small: bool,

    /// Large sizes of everything: the growth of memory and waits up to 10 000 000 assignments
    #[arg(long, conflicts_with = "small")]
    full: bool,

    /// Write where processor time goes in program and server into this folder; needs perf
    #[arg(long, value_name = "DIR")]
    pub(crate) profile: Option<PathBuf>,

    /// Write the machine and all figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write the same as a table in Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Fail if a ratio is less than so much of what it must be
    #[arg(long, value_name = "FACTOR")]
    pub(crate) enforce: Option<f64>,

    /// Do one piece of work and print the peak memory: the program starts itself with this
    #[arg(long, hide = true)]
    pub(crate) child: Option<ChildTask>,
}

impl Args {
    /// The requested cases, in the order in which they run.
    pub(crate) fn wanted(&self) -> Result<Vec<&'static Case>> {
        let unknown =
            self.cases.iter().find(|name| *name != "all" && *name != "peers" && find(name).is_none());
        if let Some(name) = unknown {
            return Err(BenchError::Failed(format!(
                "there is no case {name:?}; phaseline-bench list lists them"
            )));
        }
        let wanted = |case: &&Case| {
            let group = if case.group == Group::Peers { "peers" } else { "all" };
            self.cases.iter().any(|name| name == group || name == case.name)
        };
        Ok(CASES.iter().filter(wanted).collect())
    }

    /// The sizes of the cases.
    pub(crate) fn sizes(&self) -> Sizes {
        if self.small {
            Sizes::small(self.events.unwrap_or(FEW_EVENTS))
        } else if self.full {
            Sizes::full(self.events.unwrap_or(MANY_EVENTS))
        } else {
            Sizes::large(self.events.unwrap_or(EVENTS))
        }
    }
}
