//! `phaseline upgrade`: an older schema `phaseline` becomes this program's.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::page::Page;
use crate::style::{GOOD, NOTE};
use crate::target::Target;
use clap::Args;
use phaseline_migrator::progress::Progress;
use phaseline_projections::upgrade;
use phaseline_store::StoreError;
use phaseline_store::schema::{self, version::VERSION};
use serde::Serialize;
use sqlx::PgConnection;

/// Bring the log's schema to this program's version
///
/// For the time after a newer phaseline was installed. Tables, functions and rights of schema `phaseline` are made anew
/// in one transaction that commands and runs wait for; events, the planner's tables and whether commands are taken stay as
/// they are. A migration or a rollback does it, too. A schema that is newer than the program is refused by every command
/// (exit 3).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline upgrade --check                  exit 0 if the schema is this program's, 3 if it must be upgraded
  phaseline upgrade")]
pub(crate) struct UpgradeArgs {
    /// Only say whether it is needed: ends with 3 if it is
    #[arg(long)]
    check: bool,
}

/// `phaseline.upgrade/1`
#[derive(Serialize)]
struct Upgrade {
    format: &'static str,
    /// The version before; none if there is no log.
    version: Option<u32>,
    /// The version that this program makes.
    program: u32,
    /// Whether the schema is this program's now. A database without a log has nothing to upgrade.
    current: bool,
    /// Whether anything was done.
    upgraded: bool,
}

pub(crate) async fn run(context: &Context, args: &UpgradeArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(&context.global).await?;
    let mut connection = target.connect("upgrade").await?;
    let version = schema::version(&mut connection).await?;
    let current = version.is_none() || schema::whole(&mut connection).await?;
    let upgraded = !current && !args.check;
    if upgraded {
        let watcher = context.watcher();
        watcher.step("upgrading schema phaseline", None);
        carry_out(&mut connection).await?;
        watcher.finish();
    }
    let upgrade = Upgrade {
        format: "phaseline.upgrade/1",
        version,
        program: VERSION,
        current: current || upgraded,
        upgraded,
    };
    context.output.answer(&upgrade, || page(&upgrade));
    Ok(if upgrade.current { Exit::Done } else { Exit::NotMigratable })
}

async fn carry_out(connection: &mut PgConnection) -> Result<(), Failure> {
    let damaged = || {
        Failure::refused(
            "log_damaged",
            "phaseline.head, which orders all writers, is damaged; nothing was upgraded",
        )
        .remedy("Run: phaseline doctor --repair")
    };
    let head: bool = sqlx::query_scalar("SELECT pg_catalog.to_regclass('phaseline.head') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !head {
        return Err(damaged());
    }
    upgrade(connection).await.map_err(|error| match error {
        StoreError::NotInstalled => damaged(),
        other => other.into(),
    })
}

fn page(upgrade: &Upgrade) -> String {
    let mut page = Page::default();
    let Some(version) = upgrade.version else {
        page.line("  This database has no log yet; migrate makes it.");
        return page.into_text();
    };
    page.entry("schema's version", version);
    page.entry("this program's", upgrade.program);
    page.gap();
    match (upgrade.current, upgrade.upgraded) {
        (_, true) => page.line(format_args!("{GOOD}UPGRADED{GOOD:#}")),
        (true, false) => page.line(format_args!("{GOOD}CURRENT{GOOD:#}")),
        (false, false) => page.line(format_args!("{NOTE}TO BE UPGRADED{NOTE:#}. Next: phaseline upgrade")),
    };
    page.into_text()
}
