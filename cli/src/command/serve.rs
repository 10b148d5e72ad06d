//! `phaseline serve`: the HTTP service.

use crate::config::{Config, ServiceArgs, ValueOrigin};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::logging::Style;
use crate::options::GlobalArgs;
use crate::render::clean;
use crate::target::Target;
use clap::Args;
use phaseline_api::auth::{Auth, Subjects};
use phaseline_api::settings::Settings;
use phaseline_api::{pool, server};
use phaseline_projections::{planner_users, refuse_foreign_code_for_commands};
use phaseline_store::schema::{self, version::VERSION};
use phaseline_store::{Pooler, Sessions, SqlState, StoreError};
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serve timelines over HTTP
///
/// Runs until SIGTERM or SIGINT: then it accepts no more connections, finishes open requests and exits with 0. It also
/// starts without a database; /readyz reports when the database is ready. SIGHUP reads the keys again. Its log on stderr has a line
/// per request.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  PHASELINE_JWT_SECRET=$(cat secret) phaseline serve --listen 127.0.0.1:8080
  phaseline serve --no-auth                  for local tests: any local user may send any request
  phaseline serve --config /etc/phaseline.toml --log-format json

/docs describes the routes, /openapi.json does so for programs.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

/// `phaseline.serve/1`
#[derive(Serialize)]
struct Serving {
    format: &'static str,
    /// The URL of the service.
    listening: String,
}

/// Time limit for the database to respond before the service starts without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The log's style.
pub(crate) fn log_style(global: &GlobalArgs, args: &ServeArgs) -> Result<Style, Failure> {
    let format = Config::resolve(global, &args.service)?.log_format()?;
    Ok(Style { format, verbose: true })
}

pub(crate) async fn run(context: &Context, args: &ServeArgs) -> Result<Exit, Failure> {
    let config = Config::resolve(&context.global, &args.service)?;
    let mut settings = config.settings()?;
    settings.allow_superuser = context.global.allow_superuser;
    leave_files(&mut settings);
    let listener = listen(&config, &settings).await?;
    let (address, listening) = url_of(&listener)?;
    let target = target(context, &config, settings.pooler).await?;
    settings.pooler = target.pooler();
    let sessions = pool::connect(target.service_url().servers(), &settings);
    probe(&target, &settings, &sessions).await?;
    refuse_planted_code(&target).await?;
    refuse_unreadable_users(&target, &settings).await?;
    read_keys_at_hangups(context, config, &settings);
    log_panics();
    context.interrupt.stop_silently();
    let serving = Serving { format: "phaseline.serve/1", listening };
    context
        .output
        .result(&serving, || format!("listening on {}\n{}", serving.listening, clean(&context.place())));
    tracing::info!(address = %address, database = target.service_url().place(), "listening");

    let interrupt = context.interrupt.clone();
    let stop = async move {
        interrupt.signalled().await;
        tracing::info!("stopping: finishing open requests");
    };
    server::serve(listener, sessions, settings, stop).await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// File descriptors beside those of client connections: the process's own, and those of health checks beyond `max_clients`.
const OTHER_FILES: usize = 64;

/// Limits the clients to the number of files that the process may open: otherwise the next connection, even of a health
/// check, would wait until another one is closed.
pub(super) fn leave_files(settings: &mut Settings) {
    let Some(files) = files() else { return };
    let others = OTHER_FILES + settings.max_connections as usize;
    let room = files.saturating_sub(others).max(1);
    if room < settings.max_clients {
        tracing::warn!(
            max_clients = settings.max_clients,
            files,
            "this process may open {files} files only, so it accepts {room} clients; raise that limit (ulimit -n, LimitNOFILE) or \
             lower max_clients"
        );
        settings.max_clients = room;
    }
}

/// The number of files that this process may open; none if it is unlimited or unknown.
fn files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

async fn listen(config: &Config, settings: &Settings) -> Result<TcpListener, Failure> {
    let (text, value) = config.listen()?;
    let way_out = "give the service a key: PHASELINE_JWT_SECRET, --jwt-public-key-file, --jwks-file";
    let listener = bind(&text, &settings.auth, |what| value.wrong(what), way_out).await?;
    if matches!(settings.auth, Auth::Off) {
        tracing::warn!("no_auth: every local user may send any request, without a token");
    }
    Ok(listener)
}

/// Binds an address. Without tokens it must be a loopback address; `with_tokens` is how to have them. `wrong` is the failure for the
/// option with the address.
pub(super) async fn bind(
    text: &str,
    auth: &Auth,
    wrong: impl Fn(String) -> Failure,
    with_tokens: &str,
) -> Result<TcpListener, Failure> {
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(text).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err(wrong(format!("{text:?} is not an address: {error}")).remedy(
                "Expected an address or name with a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080.",
            ));
        }
    };
    if matches!(auth, Auth::Off)
        && let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
    {
        return Err(wrong(format!(
            "without tokens (no_auth) the service may only listen on a loopback address, and {open} is not one"
        ))
        .remedy(format!("Listen on 127.0.0.1 or [::1], or {with_tokens}")));
    }
    TcpListener::bind(&addresses[..]).await.map_err(|error| {
        Failure::new(Exit::Unexpected, "cannot_listen", format!("cannot listen on {text}: {error}")).remedy(
            "Another program may use the port: choose another one with --listen; port 0 chooses a free one.",
        )
    })
}

/// The URL of the service on this listener.
pub(super) fn url_of(listener: &TcpListener) -> Result<(SocketAddr, String), Failure> {
    let address = listener.local_addr().map_err(|error| {
        Failure::unexpected(format!("the address that the service listens on is unknown: {error}"))
    })?;
    Ok((address, format!("http://{address}")))
}

async fn target(context: &Context, config: &Config, pooler: Pooler) -> Result<Target, Failure> {
    let url = config.get("database_url");
    match (&url.text, &url.origin) {
        (Some(text), ValueOrigin::File(path)) => {
            let target = Target::of_url(text, &format!("{}: database_url", path.display()))?;
            let target = target.allowing_superuser(context.global.allow_superuser).behind(pooler);
            Ok(target.printing_to(&context.output))
        }
        _ => {
            let target = Target::resolve(context).await?;
            Ok(if target.is_embedded() { target } else { target.behind(pooler) })
        }
    }
}

/// Refuses to start where code of others would run with this login's rights. A database that is down is not checked.
async fn refuse_planted_code(target: &Target) -> Result<(), Failure> {
    let mut connection = match tokio::time::timeout(PATIENCE, target.read_any("serve")).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(failure)) if failure.exit() == Exit::NotMigratable => return Err(failure),
        Ok(Err(_)) | Err(_) => return Ok(()),
    };
    Ok(refuse_foreign_code_for_commands(&mut connection).await?)
}

/// Refuses to start if only tokens of the planner's users are accepted, and the database has no table of users. A database that is
/// down is not checked, and a function that is missing with the rest of the log is left to `/readyz`.
async fn refuse_unreadable_users(target: &Target, settings: &Settings) -> Result<(), Failure> {
    let Auth::Tokens { rules, .. } = &settings.auth else { return Ok(()) };
    if rules.subjects != Subjects::Planner {
        return Ok(());
    }
    let Ok(Ok(mut connection)) = tokio::time::timeout(PATIENCE, target.read_any("serve")).await else {
        return Ok(());
    };
    let found = planner_users::obstacle(&mut connection).await.map_err(StoreError::from)?;
    let is_current = schema::version(&mut connection).await?.is_some_and(|version| version >= VERSION);
    match found.filter(|obstacle| obstacle.is_in_table || is_current) {
        Some(obstacle) => Err(Failure::refused("no_users", format!("the setting subjects is planner, but {obstacle}")).remedy(
            "Connect the service to the planner's database, or set subjects to any: then a token is valid until it expires, also \
             that of a deactivated user.",
        )),
        None => Ok(()),
    }
}

/// Reads the files with keys again, and fetches the key set, at each SIGHUP. If the new keys cannot be used, the current ones stay.
fn read_keys_at_hangups(context: &Context, config: Config, settings: &Settings) {
    let Auth::Tokens { keys: keyring, .. } = &settings.auth else { return };
    let keyring = keyring.clone();
    let interrupt = context.interrupt.clone();
    interrupt.reload_at_hangups();
    tokio::spawn(async move {
        loop {
            interrupt.hung_up().await;
            match config.keys() {
                Ok(keys) => {
                    keyring.replace(keys);
                    tracing::info!("read the keys again");
                }
                Err(failure) => {
                    tracing::error!(
                        error = failure.message(),
                        "the keys cannot be read again; the present ones stay in use"
                    );
                }
            }
            if let Err(error) = keyring.fetch().await {
                tracing::error!(%error, "the key set cannot be fetched again; the present keys stay in use");
            }
        }
    });
}

/// Refuses errors that need an operator: a wrong password or name, a role that the login may not set. If the database is
/// down, the service starts and waits for it.
async fn probe(target: &Target, settings: &Settings, sessions: &Sessions) -> Result<(), Failure> {
    let options = target.service_url().options();
    let Err(error) = sessions.probe(PATIENCE).await else { return Ok(()) };
    if matches!(error, sqlx::Error::Configuration(_)) {
        // Code of others would have the login's rights: `refuse_planted_code` reports it.
        return Ok(());
    }
    let role = settings.role.as_deref().unwrap_or_default();
    match SqlState::of(&error) {
        Some(SqlState::InsufficientPrivilege) => {
            let login = options.get_username().replace('"', "\"\"");
            Err(Failure::refused("role_denied", format!("the login {login} may not set the role {role}")).remedy(format!(
                "As an administrator of the database: GRANT {role} TO \"{login}\"; or name another role by --role, or none."
            )))
        }
        Some(SqlState::NotAdmitted | SqlState::UndefinedDatabase) => {
            Err(Failure::no_connection(&target.service_url().place(), &error))
        }
        Some(SqlState::InvalidParameter) => missing_role(target, role).await,
        _ => {
            tracing::warn!(%error, database = target.service_url().place(), "the database does not respond; the service starts without it");
            Ok(())
        }
    }
}

/// Refuses to start on a log whose installation could not create the role: nothing would create it. Before the first migration the service
/// waits for it.
async fn missing_role(target: &Target, role: &str) -> Result<(), Failure> {
    let found = tokio::time::timeout(PATIENCE, async {
        Ok::<_, Failure>(schema::installed(&mut *target.read_any("serve").await?).await?)
    });
    match found.await {
        Ok(Ok(true)) => Err(Failure::refused(
            "no_role",
            format!("{} has no role {role}, whose rights the service takes", target.service_url().place()),
        )
        .remedy(format!(
            "An administrator creates it: CREATE ROLE {role} NOLOGIN. Then give it its rights: phaseline doctor --repair; or name another \
             role by --role, or none."
        ))),
        _ => {
            tracing::warn!(role, "the role does not exist in the database; the first migration creates it");
            Ok(())
        }
    }
}

/// Logs a panic in the log's format.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(place, "panic: {text}");
    }));
}
