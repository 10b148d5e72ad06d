//! The service's settings and their origins: a flag overrides an environment variable, which overrides the file, which
//! overrides the default.

mod file;
mod key;
mod values;

pub(crate) use key::KEYS;
pub(crate) use values::{Config, LogFormat, ValueOrigin, unfit};

use clap::Args;
use std::path::PathBuf;

/// The variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "PHASELINE_CONFIG";

/// The settings file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FileArgs {
    /// A TOML file with settings; flags and environment variables override it [env: `PHASELINE_CONFIG`]
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Flags for the service's settings. Values are parsed together with those of the environment and the file, so that
/// errors read the same.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Service options")]
pub(crate) struct ServiceArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// The address to listen on; port 0 chooses a free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The role that the service sets on each connection; `none` keeps the login's rights [default: `phaseline_writer`]
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// A file with the secret of HS256 tokens (the secret itself: only as `PHASELINE_JWT_SECRET`)
    #[arg(long, value_name = "FILE")]
    jwt_secret_file: Option<String>,
    /// A file with the public key of EdDSA, ES256, RS256 or PS256 tokens, in PEM
    #[arg(long, value_name = "FILE")]
    jwt_public_key_file: Option<String>,
    /// A file with the public keys of tokens, a JSON Web Key Set
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<String>,
    /// The https URL of such a set; fetched again every five minutes, and for unknown keys
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
    /// The audience that every token must name (aud)
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// The issuer that every token must name (iss)
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The scopes of a token without scope, such as `phases:read` [default: none]
    #[arg(long, value_name = "SCOPES")]
    default_scopes: Option<String>,
    /// Whose tokens are accepted: of any subject, or of the planner's active users (`public.users`) [default: any]
    #[arg(long, value_name = "any|planner")]
    subjects: Option<String>,
    /// Accept every request without a token; only on a loopback address
    #[arg(long)]
    no_auth: bool,
    /// Origins whose pages may use the service in a browser, such as `https://planner.example` [default: none]
    #[arg(long, value_name = "ORIGINS")]
    cors_origins: Option<String>,
    /// The header in which a proxy that signs people in passes their tokens, such as `X-Forwarded-Access-Token` [default: none]
    #[arg(long, value_name = "NAME")]
    page_token_header: Option<String>,
    /// The prefix of the paths below which a proxy sends requests here, such as `/phaseline` [default: none]
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Maximum connections to the database [default: 16]
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<String>,
    /// Maximum connections of clients [default: 800]
    #[arg(long, value_name = "NUMBER")]
    max_clients: Option<String>,
    /// Maximum size of a request body, such as 64KiB [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    body_limit: Option<String>,
    /// Maximum number of phases in a request [default: 5000]
    #[arg(long, value_name = "NUMBER")]
    max_phases: Option<String>,
    /// Time limit of a request, such as 500ms [default: 30s]
    #[arg(long, value_name = "TIME")]
    request_timeout: Option<String>,
    /// Time limit for receiving the head of a request [default: 75s]
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<String>,
    /// Time limit for a client to continue reading a response [default: 30s]
    #[arg(long, value_name = "TIME")]
    write_timeout: Option<String>,
    /// Time limit for open requests when the service stops [default: 20s]
    #[arg(long, value_name = "TIME")]
    shutdown_timeout: Option<String>,
    /// Log format on stderr: text or json [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// Maximum number of timelines in memory [default: 10000]
    #[arg(long, value_name = "NUMBER")]
    cache_timelines: Option<String>,
    /// How often to look for projects that the planner deleted [default: 60s]
    #[arg(long, value_name = "DURATION")]
    sweep_interval: Option<String>,
    /// How often to store timeline states, which shorten reads of the past, or off [default: 5s]
    #[arg(long, value_name = "DURATION")]
    states_interval: Option<String>,
}

impl ServiceArgs {
    /// Flags for a command that signs tokens: it reads the secret as the service does.
    pub(crate) fn of_secret(file: FileArgs, jwt_secret_file: Option<String>) -> Self {
        Self { file, jwt_secret_file, ..Self::default() }
    }

    /// The value of the flag of this name.
    fn flag(&self, name: &str) -> Option<String> {
        match name {
            "listen" => self.listen.clone(),
            "role" => self.role.clone(),
            "jwt_secret_file" => self.jwt_secret_file.clone(),
            "jwt_public_key_file" => self.jwt_public_key_file.clone(),
            "jwks_file" => self.jwks_file.clone(),
            "jwks_url" => self.jwks_url.clone(),
            "audience" => self.audience.clone(),
            "issuer" => self.issuer.clone(),
            "default_scopes" => self.default_scopes.clone(),
            "subjects" => self.subjects.clone(),
            "no_auth" => self.no_auth.then(|| "true".to_owned()),
            "cors_origins" => self.cors_origins.clone(),
            "page_token_header" => self.page_token_header.clone(),
            "base_path" => self.base_path.clone(),
            "max_connections" => self.max_connections.clone(),
            "max_clients" => self.max_clients.clone(),
            "max_phases" => self.max_phases.clone(),
            "write_timeout" => self.write_timeout.clone(),
            "body_limit" => self.body_limit.clone(),
            "request_timeout" => self.request_timeout.clone(),
            "idle_timeout" => self.idle_timeout.clone(),
            "shutdown_timeout" => self.shutdown_timeout.clone(),
            "log_format" => self.log_format.clone(),
            "cache_timelines" => self.cache_timelines.clone(),
            "sweep_interval" => self.sweep_interval.clone(),
            "states_interval" => self.states_interval.clone(),
            _ => None,
        }
    }
}
