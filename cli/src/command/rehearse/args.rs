//! The arguments of `phaseline rehearse`.

use crate::argument;
use crate::options::{BoundaryArgs, newest_server};
use clap::{Args, ValueEnum};
use phaseline_migrator::plan::PlanOptions;

/// Rehearse on a copy of the database: migrate, verify, roll back, verify, compare
///
/// Copies the database on the same server, migrates the copy, verifies it, rolls it back, verifies it again, compares the
/// dumps of `pg_dump` before and after, and always drops the copy. It only reads the database itself. Durations, sizes
/// and locked times are those of the real run on this server, without other users. A migrated database is rolled back
/// first and migrated again. Exits as the real run would: 3 if it is not migratable, 6 if a verification fails or the
/// dumps differ, 7 if the rollback would lose data.
///
/// The copy needs as much space as the database, on the server; the compared dump needs space in TMPDIR, on this machine.
/// Other roles cannot connect to the copy. Effects of the planner's triggers outside the database happen here too.
///
/// `template` copies the database's files: fast, and the copy is as bloated as the original. It needs a database without
/// connections, and new connections wait until it is copied. `dump` pipes `pg_dump` into `pg_restore`, beside other
/// users. `auto` uses `template` unless others are connected, or the server refuses it to this role.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline rehearse
  phaseline rehearse --method dump           while users work, without blocking connections
  phaseline rehearse --keep                  keep the copy to inspect it
  phaseline rehearse --drop NAME             drop a copy that was kept or left behind
  phaseline rehearse --json | jq '.steps[] | {name, took_ms, locked_ms}'")]
pub(crate) struct RehearseArgs {
    /// How to copy the database
    #[arg(long, value_enum, default_value_t = CopyMethod::Auto)]
    pub(super) method: CopyMethod,
    /// Keep the copy, if it was completed; its name is printed
    #[arg(long)]
    pub(super) keep: bool,
    /// Give each project without phases a default phase, as in migrate
    #[arg(long)]
    pub(super) repair: bool,
    #[command(flatten)]
    pub(super) shared: BoundaryArgs,
    /// Total time to wait for the tables' locks, as in migrate and rollback
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = argument::seconds)]
    pub(super) lock_timeout: u64,
    /// Only check that the rehearsal can begin, and show what it would copy
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only drop this copy, which must have a rehearsal's mark and no connections
    #[arg(long, value_name = "NAME", conflicts_with_all = ["method", "keep", "repair", "boundary", "lock_timeout"])]
    pub(super) drop: Option<String>,
}

impl RehearseArgs {
    /// The options of the plans, of the database and of the copy.
    pub(super) fn plan_options(&self) -> PlanOptions {
        PlanOptions {
            repair: self.repair,
            boundary: self.shared.boundary(),
            // The rehearsal finds what would be lost.
            newest_server: newest_server(true),
            ..PlanOptions::default()
        }
    }
}

/// The method to copy the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CopyMethod {
    /// As a template; if that is not possible, by a dump
    Auto,
    /// CREATE DATABASE … TEMPLATE: needs a database without connections
    Template,
    /// `pg_dump` and `pg_restore`: beside users
    Dump,
}
