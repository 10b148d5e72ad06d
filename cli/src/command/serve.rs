//! `phaseline serve`: the HTTP service.

use crate::config::{Config, Origin, ServiceArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::logging::Style;
use crate::options::GlobalArgs;
use crate::target::Target;
use clap::Args;
use phaseline_api::auth::Auth;
use phaseline_api::settings::Settings;
use phaseline_api::{pool, server};
use phaseline_projections::refuse_foreign_code_for_commands;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serve timelines over HTTP
///
/// Runs until it is told to stop by SIGTERM or SIGINT: then it takes no more connections, finishes what is under way and
/// ends with 0. It starts without a database, too; /readyz says when it is there. Its log is on stderr, a line for each
/// request.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  PHASELINE_JWT_SECRET=$(cat secret) phaseline serve --listen 127.0.0.1:8080
  phaseline serve --no-auth                  for a look on this machine: everybody may do everything
  phaseline serve --config /etc/phaseline.toml --log-format json

The page /docs describes what it answers, /openapi.json the same for programs.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

/// `phaseline.serve/1`
#[derive(Serialize)]
struct Serving {
    format: &'static str,
    /// Where to ask.
    listening: String,
}

/// How long the database may take to answer before the service starts without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the log looks.
pub(crate) fn log_style(global: &GlobalArgs, args: &ServeArgs) -> Result<Style, Failure> {
    let format = Config::resolve(global, &args.service)?.log_format()?;
    Ok(Style { format, tells_all: true })
}

pub(crate) async fn run(context: &Context, args: &ServeArgs) -> Result<Exit, Failure> {
    let config = Config::resolve(&context.global, &args.service)?;
    let mut settings = config.settings()?;
    settings.allow_superuser = context.global.allow_superuser;
    leave_files(&mut settings);
    let listener = listen(&config, &settings).await?;
    let address =
        listener.local_addr().map_err(|error| Failure::unexpected(format!("the listener: {error}")))?;
    let target = target(context, &config).await?;
    probe(&target, &settings).await?;
    refuse_planted_code(&target).await?;
    log_panics();
    context.interrupt.stop_in_its_own_words();
    let listening = format!("http://{address}");
    let serving = Serving { format: "phaseline.serve/1", listening };
    context.output.answer(&serving, || format!("listening on {}", serving.listening));
    tracing::info!(address = %address, database = target.url().place(), "listening");

    let pool = pool::connect(target.url().options().clone(), &settings);
    let interrupt = context.interrupt.clone();
    let stop = async move {
        interrupt.signalled().await;
        tracing::info!("stopping: requests that are under way are finished");
    };
    server::serve(listener, pool, settings, stop).await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// How many files a process needs beside its connections: its own, and those of health checks beyond `max_clients`.
const OTHER_FILES: usize = 64;

/// Takes no more clients than the process may open files for: otherwise the next connection, a health check among them, would
/// wait until another one is closed.
fn leave_files(settings: &mut Settings) {
    let Some(files) = files() else { return };
    let others = OTHER_FILES + settings.max_connections as usize;
    let room = files.saturating_sub(others).max(1);
    if room < settings.max_clients {
        tracing::warn!(
            max_clients = settings.max_clients,
            files,
            "this process may open {files} files only, so it takes {room} clients; raise that limit (ulimit -n, LimitNOFILE) or \
             lower max_clients"
        );
        settings.max_clients = room;
    }
}

/// How many files this process may open; none if it may open any number, or if the system does not say.
fn files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Takes the address. Without tokens it must be one that only this machine reaches.
async fn listen(config: &Config, settings: &Settings) -> Result<TcpListener, Failure> {
    let (text, value) = config.listen();
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(&text).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err(value.wrong(format!("{text:?} is no address: {error}")).remedy(
                "Expected an address or name with a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080.",
            ));
        }
    };
    if matches!(settings.auth, Auth::Off) {
        if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            return Err(value
                .wrong(format!("without tokens (no_auth) the service listens on this machine only, and {open} is open to others"))
                .remedy("Listen on 127.0.0.1 or [::1], or give the service a key: PHASELINE_JWT_SECRET, --jwt-public-key-file, --jwks-file"));
        }
        tracing::warn!("no_auth: everybody on this machine may do everything, without a token");
    }
    TcpListener::bind(&addresses[..]).await.map_err(|error| {
        Failure::new(Exit::Unexpected, "cannot_listen", format!("cannot listen on {text}: {error}")).remedy(
            "Another program may have the port: choose another one by --listen; port 0 takes a free one.",
        )
    })
}

async fn target(context: &Context, config: &Config) -> Result<Target, Failure> {
    let url = config.get("database_url");
    match (&url.text, &url.origin) {
        (Some(text), Origin::File(path)) => {
            let target = Target::of_url(text, &format!("{}: database_url", path.display()))?;
            Ok(target.allowing_superuser(context.global.allow_superuser))
        }
        _ => Target::resolve(&context.global).await,
    }
}

/// Refuses to start where code of others would have this login's rights. A database that is down is not checked.
async fn refuse_planted_code(target: &Target) -> Result<(), Failure> {
    let mut connection = match tokio::time::timeout(PATIENCE, target.connect_to_any("serve")).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(failure)) if failure.exit() == Exit::NotMigratable => return Err(failure),
        Ok(Err(_)) | Err(_) => return Ok(()),
    };
    Ok(refuse_foreign_code_for_commands(&mut connection).await?)
}

/// Refuses what will not mend itself: a wrong password or name, a role that the login may not take. A database that is down
/// is waited for by serving.
async fn probe(target: &Target, settings: &Settings) -> Result<(), Failure> {
    let options = target.url().options();
    let Err(error) = pool::probe(options, settings, PATIENCE).await else { return Ok(()) };
    if matches!(error, sqlx::Error::Configuration(_)) {
        // A superuser's login on tables of another role: `refuse_planted_code` says so.
        return Ok(());
    }
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    let role = settings.role.as_deref().unwrap_or_default();
    match &*code {
        "42501" => {
            let login = options.get_username().replace('"', "\"\"");
            Err(Failure::refused("role_denied", format!("the login {login} may not take the role {role}")).remedy(format!(
                "As an administrator of the database: GRANT {role} TO \"{login}\"; or name another role by --role, or none."
            )))
        }
        "28P01" | "28000" | "3D000" => Err(Failure::no_connection(&target.url().place(), &error)),
        "22023" => {
            tracing::warn!(role, "there is no such role in the database; `phaseline migrate` creates it");
            Ok(())
        }
        _ => {
            tracing::warn!(%error, database = target.url().place(), "the database does not answer; serving begins without it");
            Ok(())
        }
    }
}

/// A panic becomes a line in the log, in the log's form.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a word");
        tracing::error!(place, "panic: {text}");
    }));
}
