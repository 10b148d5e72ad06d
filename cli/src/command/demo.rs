//! `phaseline demo`: migrates a sample and rolls it back, with a line of explanation per step; or serves a sample portfolio.

mod cleanup_guard;
mod demo_folder;
mod portfolio;
mod random;
mod serve;
mod sign_in;
mod user_history;

use super::{migrate, plan, rollback, sample};
use crate::argument;
use crate::backup;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::output::OutputFormat;
use crate::render::format::{bytes, millis, plural};
use crate::render::{self, Page, plan::PlanContext};
use crate::report::elapsed_ms;
use crate::style::{BOLD, DIM, GOOD};
use crate::target::{self, EMBEDDED_DATABASE, Target};
use clap::Args;
use demo_folder::DemoFolder;
use phaseline_embedded::{Binaries, Dump, Server};
use phaseline_migrator::migrate::MigrateOptions;
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::rollback::RollbackOptions;
use phaseline_migrator::sample::SampleOptions;
use phaseline_migrator::verify::verify;
use phaseline_projections::{FoldedLog, FoldedTimeline, history};
use phaseline_store::stream;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Migrate a sample and roll it back: plan, migrate, verify, history, rollback, verify
///
/// Starts a private PostgreSQL server in a temporary folder, generates a sample legacy database, migrates it, rolls it
/// back, and compares the dumps of `pg_dump` before and after. It always stops the server and removes the folder.
///
/// With --serve it migrates a portfolio of sample projects instead, changes their timelines as several users would, and serves them over
/// HTTP until SIGINT or SIGTERM.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline demo
  phaseline demo --json | jq .identical
  phaseline demo --serve                     then open http://127.0.0.1:8080/ in a browser
  phaseline demo --serve --with-sign-in --listen 127.0.0.1:0")]
pub(crate) struct DemoArgs {
    /// Serve a portfolio of sample projects over HTTP, until SIGINT or SIGTERM
    #[arg(long)]
    serve: bool,
    /// The address to listen on; port 0 chooses a free port
    #[arg(long, value_name = "ADDRESS", requires = "serve", default_value = "127.0.0.1:8080", value_parser = argument::address)]
    listen: String,
    /// Number of projects, at least 20
    #[arg(long, value_name = "N", requires = "serve", default_value = "200", value_parser = portfolio::size)]
    projects: u32,
    /// Require tokens, and print three with different scopes to sign in with
    #[arg(long, requires = "serve")]
    with_sign_in: bool,
    /// Validity of these tokens, in minutes
    #[arg(long, value_name = "N", requires = "with_sign_in", default_value = "60", value_parser = sign_in::minutes)]
    token_minutes: u32,
}

/// No other session uses the demo's tables.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Demo {
    format: &'static str,
    /// Whether the dump after the rollback equals the dump before the migration, byte for byte.
    identical: bool,
    dump_bytes: usize,
    took_ms: u64,
    steps: Vec<DemoStep>,
}

#[derive(Serialize)]
struct DemoStep {
    name: String,
    began_ms: u64,
}

pub(crate) async fn run(context: &Context, args: &DemoArgs) -> Result<Exit, Failure> {
    context.interrupt.tidy_up_first();
    if args.serve {
        let tokens = args.with_sign_in.then_some(args.token_minutes);
        return serve::run(context, &args.listen, args.projects, tokens).await;
    }
    let begun = Instant::now();
    // The steps' own progress would clutter the output.
    let quiet = context.without_progress();
    let reporter = DemoReporter { context, begun, steps: Mutex::new(Vec::new()) };
    reporter.step(
        "start",
        "A private PostgreSQL server starts in a temporary folder; no other database is touched.",
    );
    let folder = DemoFolder::create()?;
    let done = match target::start(folder.path().to_owned()).await {
        Ok(server) => {
            let done = on(&reporter, &quiet, server).await;
            reporter.step("clean up", "The server has stopped; its folder is removed.");
            done
        }
        Err(failure) => Err(failure),
    };
    let removed = folder.remove();
    let dump_bytes = done?;
    removed?;
    let demo = Demo {
        format: "phaseline.demo/1",
        identical: true,
        dump_bytes,
        took_ms: elapsed_ms(begun),
        steps: reporter.steps.into_inner().unwrap_or_default(),
    };
    if context.output.form() == OutputFormat::Text && context.output.quiet() {
        return Ok(Exit::Done);
    }
    context.output.result(&demo, || {
        format!(
            "\n{GOOD}DONE{GOOD:#} in {}: migrated and rolled back; the tables are byte for byte as before ({}).",
            millis(demo.took_ms),
            bytes(dump_bytes as u64)
        )
    });
    Ok(Exit::Done)
}

/// The steps on a running server, which stops when this returns. A signal ends them at once.
async fn on(reporter: &DemoReporter<'_>, quiet: &Context, server: Server) -> Result<usize, Failure> {
    let dumper = Dumper { binaries: server.binaries().clone(), url: server.url(EMBEDDED_DATABASE) };
    let target = Target::on(server)?;
    reporter.print(format!("  {}", versions(&target, &dumper.binaries).await?));
    let dumped = tokio::select! {
        done = migrate_and_roll_back(reporter, quiet, &target, &dumper) => done,
        () = reporter.context.interrupt.signalled() => Err(Failure::interrupted_demo()),
    };
    drop(target);
    dumped
}

/// The versions in use, since a new release of PostgreSQL may behave differently.
async fn versions(target: &Target, binaries: &Binaries) -> Result<String, Failure> {
    let mut connection = target.connect("demo").await?;
    let server: String =
        sqlx::query_scalar("SELECT current_setting('server_version')").fetch_one(&mut connection).await?;
    let pg_dump =
        binaries.version_of("pg_dump").map_or_else(|| "?".to_owned(), |version| version.to_string());
    Ok(format!("PostgreSQL {server}, pg_dump {pg_dump}"))
}

async fn migrate_and_roll_back(
    reporter: &DemoReporter<'_>,
    context: &Context,
    target: &Target,
    dumper: &Dumper,
) -> Result<usize, Failure> {
    reporter.step(
        "sample",
        "A sample of the legacy planner's database: phases have a type, Planning or Execution.",
    );
    let options = SampleOptions { projects: 25, assignments: 1_000, seed: 1 };
    sample::make(context, target, &options).await?;
    let before = dumper.dump().await?;
    reporter.print(format!(
        "  25 projects, 1,000 assignments; pg_dump --schema=public prints {}",
        bytes(before.bytes.len() as u64)
    ));

    reporter
        .step("plan", "Reads only: anomalies of the data, what would be written, how long it would take.");
    let plan = plan::make(context, target, &PlanOptions::default()).await?;
    reporter.print(render::plan::page(&plan, &PlanContext { rows: 2, ..PlanContext::default() }));

    reporter.step(
        "migrate",
        "One transaction: every row becomes an event of the log, and the tables get the timeline shape.",
    );
    let options = MigrateOptions {
        plan: PlanOptions::default(),
        expected_digest: plan.digest,
        lock_timeout: LOCK_TIMEOUT,
        operator: operator(&context.global, Some("demo")),
    };
    let migrated = migrate::carry_out(context, target, &options).await?;
    reporter.print(render::migrate::page(&migrated));

    reporter
        .step("verify", "The runbook's nine checks, and every row, budget and event compared with the log.");
    verified(reporter, context, target).await?;

    reporter.step("history", "The log has actor, time and reason of every change: here of one project.");
    show_history(reporter, target).await?;

    reporter.step("rollback", "Computes the legacy tables from the log alone; there is no copy of them.");
    let options =
        RollbackOptions { lock_timeout: LOCK_TIMEOUT, operator: options.operator, accept_loss: None };
    let done = rollback::carry_out(context, target, &options).await?;
    reporter.print(render::rollback::done(&done));

    reporter.step(
        "verify",
        "The runbook's four checks of the legacy shape, and every row compared with the log.",
    );
    verified(reporter, context, target).await?;

    reporter
        .step("compare", "pg_dump --schema=public again, compared with the dump from before the migration.");
    let after = dumper.dump().await?;
    if before.bytes != after.bytes {
        return Err(Failure::new(
            Exit::VerificationFailed,
            "dumps_differ",
            "the tables differ from those before the migration",
        )
        .detail(first_difference(&before.bytes, &after.bytes)));
    }
    reporter.print(format!(
        "  {} before, {} after: identical",
        bytes(before.bytes.len() as u64),
        bytes(after.bytes.len() as u64)
    ));
    if let Some(note) = backup::left_out_note(after.options_left_out, dumper.binaries.version_of("pg_dump")) {
        reporter.print(format!("  {note}"));
    }
    Ok(before.bytes.len())
}

async fn verified(reporter: &DemoReporter<'_>, context: &Context, target: &Target) -> Result<(), Failure> {
    let mut connection = target.connect("demo").await?;
    let verification = verify(&mut connection, &context.watcher()).await?;
    reporter.print(render::verify::page(&verification));
    if verification.passed {
        Ok(())
    } else {
        Err(Failure::new(
            Exit::VerificationFailed,
            "verification_failed",
            "a verification failed; the output above lists the checks",
        ))
    }
}

/// The history of a project that has both phases.
async fn show_history(reporter: &DemoReporter<'_>, target: &Target) -> Result<(), Failure> {
    let mut connection = target.connect("demo").await?;
    let log = FoldedLog::read(&mut connection, None).await?;
    let names = |folded: &FoldedTimeline| {
        folded.timeline.phases().iter().map(|phase| phase.name.as_str()).collect::<BTreeSet<_>>().len()
    };
    let Some((&project, _)) =
        log.timelines.iter().max_by_key(|(project, folded)| (names(folded), Reverse(**project)))
    else {
        return Err(Failure::unexpected("the generated sample has no project"));
    };
    let recorded = stream::history(&mut connection, project, None).await?;
    let entries = history::entries(&recorded, &[], None);
    let mut page = Page::default();
    page.line(format_args!("Project {project}: {}", plural(entries.len() as u64, "event"))).gap();
    render::history::entries(&mut page, &entries);
    page.gap();
    render::timeline::phases(&mut page, &FoldedTimeline::of(&recorded).timeline);
    reporter.print(page);
    Ok(())
}

/// Prints the steps as they happen, unless progress is suppressed, and collects them for `--json`.
struct DemoReporter<'a> {
    context: &'a Context,
    begun: Instant,
    steps: Mutex<Vec<DemoStep>>,
}

impl DemoReporter<'_> {
    fn step(&self, name: &str, explanation: &str) {
        let began_ms = elapsed_ms(self.begun);
        self.print(format!(
            "\n{BOLD}▶ {name}{BOLD:#}  {explanation}  {DIM}(at {}){DIM:#}\n",
            millis(began_ms)
        ));
        if let Ok(mut steps) = self.steps.lock() {
            steps.push(DemoStep { name: name.to_owned(), began_ms });
        }
    }

    fn print(&self, text: impl Into<Page>) {
        if !self.context.output.quiet() {
            self.context.output.text(text);
        }
    }
}

/// Dumps the demo's tables.
struct Dumper {
    binaries: Binaries,
    url: String,
}

impl Dumper {
    async fn dump(&self) -> Result<Dump, Failure> {
        let (binaries, url) = (self.binaries.clone(), self.url.clone());
        tokio::task::spawn_blocking(move || binaries.pg_dump(&url, &["--schema=public"]))
            .await
            .map_err(|error| Failure::unexpected(format!("pg_dump could not be run to its end: {error}")))?
            .map_err(Failure::from)
    }
}

/// The first differing line of both dumps.
fn first_difference(before: &[u8], after: &[u8]) -> Vec<String> {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let mut lines = before.lines().zip(after.lines()).enumerate();
    match lines.find(|(_, (before, after))| before != after) {
        Some((number, (before, after))) => {
            vec![format!("line {} was: {before}", number + 1), format!("line {} is: {after}", number + 1)]
        }
        None => vec![format!("{} lines before, {} after", before.lines().count(), after.lines().count())],
    }
}
