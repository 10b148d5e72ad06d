//! The command line. Each command defines its own arguments.

use crate::command::{
    adopt, completions, config, demo, diff, doctor, drift, export, history, log, man, migrate, phase, plan,
    projects, quarantine, rebuild, rehearse, rollback, sample, serve, status, timeline, token, upgrade,
    verify,
};
use crate::options::GlobalArgs;
use clap::{Parser, Subcommand};

/// The end of `--help`.
pub(crate) const GUIDE: &str = "\
Examples:
  phaseline demo                     migrate a sample and roll it back; leaves nothing behind
  phaseline demo --serve             serve a sample portfolio, to try in a browser; leaves nothing behind
  phaseline plan                     show what a migration would find and do
  phaseline rehearse                 migrate a copy and roll it back
  phaseline migrate --plan sha256:…  carry out exactly that plan
  phaseline verify                   check tables and log
  phaseline rollback --dry-run       show what a rollback would do; every command that writes has --dry-run

Exit codes:
  0  done, or already in the wanted shape
  1  unexpected error
  2  usage: the command line is wrong, or --yes is missing without a terminal
  3  not migratable, or refused by a rule; also: the requested object does not exist, several fit, or the log's schema is newer than the program (for commands, repairs and upgrade --check: or older)
  4  the plan is stale
  5  another run holds the lock
  6  verification failed, drift, or an event cannot be read
  7  the rollback would lose data
  8  interrupted, not confirmed, or the tables could not be locked in time: run it again
  9  no database, or a standby for a command that writes

JSON: with --json each command prints exactly one object on stdout, versioned by its \"format\":
  phaseline.plan/1, phaseline.migrate/1, phaseline.verify/1, phaseline.rollback/1, phaseline.status/1, \
phaseline.projects/1, phaseline.portfolio/1, phaseline.history/1, phaseline.diff/1, phaseline.portfolio.diff/1, phaseline.log/1, phaseline.exported/1, phaseline.timeline/1, phaseline.command/1, phaseline.command.preview/1, \
phaseline.adopt/1, phaseline.drift/1, phaseline.rebuild/1, phaseline.quarantine/1, phaseline.quarantine.skip/1, \
phaseline.quarantine.preview/1, phaseline.sample/1, phaseline.sample.preview/1, \
phaseline.demo/1, phaseline.demo_serve/1, phaseline.rehearse/1, phaseline.rehearse.preview/1, phaseline.dropped/1, \
phaseline.doctor/1, phaseline.upgrade/1, phaseline.completions/1, phaseline.man/1, \
phaseline.serve/1, phaseline.token/1, phaseline.config/1, and phaseline.error/1 for errors

JSON lines: --output jsonl prints one object a line, for jq and grep over large results.
  First the rows of projects, history, diff, log, timeline show, plan, verify, drift, rebuild, quarantine, adopt, rollback and status, then \
the object without them, with \"kind\":\"end\" and the number of \"rows\". Without an end the result is incomplete.

CSV: --output csv prints the rows of projects, diff and log as a table, with a line of names first; messages go to stderr.

Environment:
  DATABASE_URL         used without --database-url
  PHASELINE_DATA_DIR   used without --data-dir
  PHASELINE_ACTOR      used without --actor
  PHASELINE_LOG        log filter, such as debug or phaseline=trace,sqlx=info
  PHASELINE_PG_BINDIR  the folder of PostgreSQL's programs
  PHASELINE_CONFIG     serve, token, config: used without --config
  PHASELINE_JWT_SECRET
                       serve, token: the secret of HS256 tokens
  PHASELINE_LISTEN, PHASELINE_ROLE, PHASELINE_JWT_SECRET_FILE, PHASELINE_JWT_PUBLIC_KEY_FILE, \
PHASELINE_JWKS_FILE, PHASELINE_JWKS_URL, PHASELINE_AUDIENCE, PHASELINE_ISSUER, \
PHASELINE_DEFAULT_SCOPES, PHASELINE_SUBJECTS, PHASELINE_CORS_ORIGINS, PHASELINE_NO_AUTH, \
PHASELINE_PAGE_TOKEN_HEADER, PHASELINE_BASE_PATH, \
PHASELINE_MAX_CONNECTIONS, PHASELINE_MAX_CLIENTS, PHASELINE_BODY_LIMIT, PHASELINE_MAX_PHASES, \
PHASELINE_REQUEST_TIMEOUT, PHASELINE_IDLE_TIMEOUT, PHASELINE_WRITE_TIMEOUT, PHASELINE_SHUTDOWN_TIMEOUT, \
PHASELINE_LOG_FORMAT, PHASELINE_CACHE_TIMELINES, PHASELINE_SWEEP_INTERVAL, \
PHASELINE_STATES_INTERVAL
                       serve: used without the flag of that name; phaseline config show shows the effective values
  NO_COLOR, CLICOLOR, CLICOLOR_FORCE   colours";

/// An event-sourced engine for project timelines on PostgreSQL.
///
/// Migrates a planner database's fixed phases into a log of events, shows them as timelines, and rolls back without loss.
#[derive(Debug, Parser)]
#[command(
    name = "phaseline",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = GUIDE
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Plan(plan::PlanArgs),
    Rehearse(rehearse::RehearseArgs),
    Migrate(migrate::MigrateArgs),
    Verify(verify::VerifyArgs),
    Rollback(rollback::RollbackArgs),
    Status(status::StatusArgs),
    Projects(projects::ProjectsArgs),
    History(history::HistoryArgs),
    Diff(diff::DiffArgs),
    Log(log::LogArgs),
    Export(export::ExportArgs),
    Timeline(timeline::TimelineArgs),
    Phase(phase::PhaseArgs),
    Adopt(adopt::AdoptArgs),
    Drift(drift::DriftArgs),
    Rebuild(rebuild::RebuildArgs),
    Quarantine(quarantine::QuarantineArgs),
    Serve(Box<serve::ServeArgs>),
    Token(token::TokenArgs),
    Config(config::ConfigArgs),
    Sample(sample::SampleArgs),
    Demo(demo::DemoArgs),
    Doctor(doctor::DoctorArgs),
    Upgrade(upgrade::UpgradeArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}
