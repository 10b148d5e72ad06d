//! `phaseline upgrade`: upgrades schema `phaseline` to this program's version.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Page;
use crate::style::{GOOD, NOTE};
use crate::target::Target;
use clap::Args;
use phaseline_migrator::progress::Progress;
use phaseline_projections::{schema_differences, upgrade};
use phaseline_store::StoreError;
use phaseline_store::schema::{self, version::VERSION};
use serde::Serialize;
use sqlx::PgConnection;

/// Upgrade the log's schema to this program's version
///
/// Use it after installing a newer phaseline. It recreates tables, functions and grants of schema `phaseline` in one
/// transaction, which blocks commands and runs. Events, the planner's tables and the shape do not change. A migration or
/// a rollback upgrades the schema, too. Every command refuses a schema that is newer than the program (exit 3).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline upgrade --check                  exit 0 if the schema is this program's, 3 if it must be upgraded
  phaseline upgrade")]
pub(crate) struct UpgradeArgs {
    /// Only check whether it is needed: exits with 3 if it is
    #[arg(long, visible_alias = "dry-run", overrides_with = "check")]
    check: bool,
}

impl UpgradeArgs {
    /// Whether it writes.
    pub(crate) const fn writes(&self) -> bool {
        !self.check
    }
}

/// `phaseline.upgrade/1`
#[derive(Serialize)]
struct Upgrade {
    format: &'static str,
    /// The schema's version before; none without a log.
    version: Option<u32>,
    /// The version that this program creates.
    program: u32,
    /// Whether the schema has the program's version now; true without a log.
    current: bool,
    /// Whether it was upgraded.
    upgraded: bool,
}

pub(crate) async fn run(context: &Context, args: &UpgradeArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("upgrade").await?;
    let version = schema::version(&mut connection).await?;
    let current =
        version.is_none() || schema::whole(&mut connection).await? && !is_repairable(&mut connection).await?;
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
    context.output.result(&upgrade, || page(&upgrade));
    Ok(if upgrade.current { Exit::Done } else { Exit::NotMigratable })
}

/// Whether an installation would change functions or grants beyond those of the log itself.
async fn is_repairable(connection: &mut PgConnection) -> Result<bool, Failure> {
    Ok(schema_differences(connection).await?.iter().any(|difference| difference.repairable))
}

async fn carry_out(connection: &mut PgConnection) -> Result<(), Failure> {
    let damaged = || {
        Failure::refused(
            "log_damaged",
            "phaseline.head, which orders all writers, is damaged; nothing was upgraded",
        )
        .remedy("Run: phaseline doctor --repair")
    };
    if !schema::has_head_table(connection).await? {
        return Err(damaged());
    }
    upgrade(connection).await.map_err(|error| match error {
        StoreError::NotInstalled => damaged(),
        other => other.into(),
    })
}

fn page(upgrade: &Upgrade) -> Page {
    let mut page = Page::default();
    let Some(version) = upgrade.version else {
        page.line("  This database has no log yet; migrate creates it.");
        return page;
    };
    page.entry("schema's version", version);
    page.entry("this program's", upgrade.program);
    page.gap();
    match (upgrade.current, upgrade.upgraded) {
        (_, true) => page.line(format_args!("{GOOD}UPGRADED{GOOD:#}")),
        (true, false) => page.line(format_args!("{GOOD}CURRENT{GOOD:#}")),
        (false, false) => page.line(format_args!("{NOTE}TO BE UPGRADED{NOTE:#}. Next: phaseline upgrade")),
    };
    page
}
