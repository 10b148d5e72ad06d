//! `phaseline demo --serve`: a sample portfolio over HTTP.

use super::demo_folder::DemoFolder;
use super::portfolio::{self, DemoPortfolio, SpecialProject};
use super::sign_in::{self, SampleToken};
use super::user_history;
use crate::command::{migrate, sample, serve};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::progress::Watcher;
use crate::render::Page;
use crate::render::format::plural;
use crate::report::elapsed_ms;
use crate::target::{self, Target};
use chrono::Utc;
use phaseline_api::settings::Settings;
use phaseline_api::{pool, server};
use phaseline_domain::ProjectId;
use phaseline_embedded::Server;
use phaseline_migrator::migrate::MigrateOptions;
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::sample::SampleOptions;
use phaseline_migrator::sample::portfolio::describe;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// No other session uses the demo's tables.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Assignments per project.
const ASSIGNMENTS: u64 = 10;

/// A demo that stops does not wait for open requests.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// `phaseline.demo_serve/1`
#[derive(Serialize)]
struct DemoServing {
    format: &'static str,
    /// The URL of the service.
    listening: String,
    /// The number of the planner's projects.
    projects: usize,
    /// The number of events in the log.
    events: i64,
    took_ms: u64,
    /// The projects that can be found by name.
    named_projects: Vec<SpecialProject>,
    /// The tokens to sign in with; none without sign-in.
    tokens: Vec<SampleToken>,
}

/// Serves until a signal arrives; then it stops the server and removes the folder. `token_minutes` is the validity of the tokens; without it
/// none is needed.
pub(super) async fn run(
    context: &Context,
    listen: &str,
    projects: u32,
    token_minutes: Option<u32>,
) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let (auth, tokens) = sign_in::auth(token_minutes)?;
    let mut settings = Settings { auth, shutdown_timeout: SHUTDOWN, ..Settings::default() };
    serve::leave_files(&mut settings);
    let wrong = |what| Failure::usage(format!("--listen: {what}"));
    let listener = serve::bind(listen, &settings.auth, wrong, "add --with-sign-in").await?;
    let (_, listening) = serve::url_of(&listener)?;
    let watcher = context.watcher();
    watcher.step("starting a private PostgreSQL server", None);
    let folder = DemoFolder::create()?;
    let done = match target::start(folder.path().to_owned()).await {
        Ok(started) => {
            let serving = DemoServing {
                format: "phaseline.demo_serve/1",
                listening,
                projects: 0,
                events: 0,
                took_ms: 0,
                named_projects: Vec::new(),
                tokens,
            };
            let demo = DemoService { context, begun, listener, settings, serving };
            demo.run(started, projects, &watcher).await
        }
        Err(failure) => Err(failure),
    };
    let removed = folder.remove();
    done?;
    removed?;
    Ok(Exit::Done)
}

/// The service that is being prepared.
struct DemoService<'a> {
    context: &'a Context,
    begun: Instant,
    listener: TcpListener,
    settings: Settings,
    serving: DemoServing,
}

impl DemoService<'_> {
    /// On a running server, which stops when this returns.
    async fn run(mut self, started: Server, projects: u32, watcher: &Watcher) -> Result<(), Failure> {
        let target = Target::on(started)?;
        let interrupt = self.context.interrupt.clone();
        let prepared = tokio::select! {
            done = prepare(self.context, &target, projects, watcher) => done,
            () = interrupt.signalled() => Err(Failure::interrupted_demo()),
        };
        let Prepared { projects, events, named } = prepared?;
        let serving = DemoServing {
            projects,
            events,
            named_projects: named,
            took_ms: elapsed_ms(self.begun),
            ..self.serving
        };
        self.settings.pooler = target.pooler();
        let sessions = pool::connect(target.service_url().servers(), &self.settings);
        serve::log_panics();
        self.context.output.result(&serving, || serving.page());
        let stop = async move { interrupt.signalled().await };
        server::serve(self.listener, sessions, self.settings, stop).await;
        drop(target);
        Ok(())
    }
}

impl DemoServing {
    fn page(&self) -> Page {
        let mut page = Page::default();
        page.line(format_args!(
            "open {}/ in a browser; Ctrl+C stops it and removes everything",
            self.listening
        ));
        if let Some(first) = self.tokens.first() {
            page.gap().line(format_args!(
                "Sign in with one of {}, valid until {}:",
                plural(self.tokens.len() as u64, "token"),
                first.expires_at
            ));
        }
        for token in &self.tokens {
            page.gap().line(format_args!("{} ({})", token.name, token.scope));
            page.append(Page::verbatim(format!("{}\n", token.token)));
        }
        page
    }
}

/// What was prepared.
struct Prepared {
    projects: usize,
    events: i64,
    named: Vec<SpecialProject>,
}

/// Makes the portfolio, migrates it, and gives it its history.
async fn prepare(
    context: &Context,
    target: &Target,
    projects: u32,
    watcher: &Watcher,
) -> Result<Prepared, Failure> {
    let quiet = context.without_progress();
    let today = Utc::now().date_naive();
    let portfolio = DemoPortfolio::new(projects as usize, today)
        .map_err(|error| Failure::unexpected(format!("the sample has a wrong date: {error}")))?;
    watcher.step("migrating a sample portfolio", None);
    let size = portfolio.projects.len();
    let options = SampleOptions {
        projects: u32::try_from(size).unwrap_or(projects),
        assignments: ASSIGNMENTS * size as u64,
        seed: portfolio::SEED,
    };
    sample::make(&quiet, target, &options).await?;
    let rows: Vec<_> = portfolio.projects.iter().map(|project| project.row.clone()).collect();
    let mut connection = target.connect("demo").await?;
    let ids: Vec<ProjectId> = describe(&mut connection, &rows, today).await?;
    let options = MigrateOptions {
        plan: PlanOptions::default(),
        expected_digest: None,
        lock_timeout: LOCK_TIMEOUT,
        operator: operator(&context.global, Some("demo")),
    };
    migrate::carry_out(&quiet, target, &options).await?;
    let events = user_history::write(target, &mut connection, &portfolio, &ids, watcher).await?;
    watcher.finish();
    // One was deleted, and one added.
    Ok(Prepared { projects: size, events, named: portfolio.named(&ids) })
}
