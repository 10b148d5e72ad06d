//! `phaseline token`: a token to try the service with.

use crate::config::{Config, FileArgs, ServiceArgs, duration, unfit};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use phaseline_api::auth::{ScopeSet, TokenRequest};
use phaseline_domain::ProjectId;
use serde::Serialize;

/// Print a token for the HTTP service, for development
///
/// It is signed by HS256 with the secret that serve would be told: `PHASELINE_JWT_SECRET`, or the file that
/// `--jwt-secret-file`, `PHASELINE_JWT_SECRET_FILE` or the file of settings names. In production tokens come from whoever
/// knows the users. No database is needed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  export PHASELINE_JWT_SECRET=$(openssl rand -base64 48)
  phaseline token --subject ada --scope 'phases:read phases:write'
  curl -H \"Authorization: Bearer $(phaseline token --subject ada --scope phases:read --quiet)\" …")]
pub(crate) struct TokenArgs {
    /// Whose it is: who stands in the log
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// What it may do, of phases:read, phases:write and history:read (default: what the service gives to tokens that do
    /// not say)
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// Limit it to these projects
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    projects: Option<Vec<ProjectId>>,
    /// How long it is valid, such as 30m or 8h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires: String,
    /// Whom it is for (aud)
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// Who issues it (iss)
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// A file with the secret
    #[arg(long, value_name = "FILE")]
    jwt_secret_file: Option<String>,
    #[command(flatten)]
    file: FileArgs,
}

/// `phaseline.token/1`
#[derive(Serialize)]
struct Token<'a> {
    format: &'static str,
    token: &'a str,
    subject: &'a str,
    /// None if the token does not say.
    scope: Option<String>,
    /// None if it is not limited.
    projects: Option<&'a [ProjectId]>,
    expires_at: String,
    audience: Option<&'a str>,
    issuer: Option<&'a str>,
}

pub(crate) fn run(context: &Context, args: &TokenArgs) -> Result<Exit, Failure> {
    if args.subject.trim().is_empty() {
        return Err(Failure::usage("--subject: a token must be somebody's"));
    }
    let scopes: Option<ScopeSet> =
        args.scope.as_deref().map(str::parse).transpose().map_err(
            |error: phaseline_api::auth::UnknownScope| Failure::usage(format!("--scope: {error}")),
        )?;
    let request = TokenRequest {
        subject: args.subject.clone(),
        scopes,
        projects: args.projects.clone(),
        expires_at: end(&args.expires)?,
        audience: args.audience.clone(),
        issuer: args.issuer.clone(),
    };
    let told = ServiceArgs::of_secret(args.file.clone(), args.jwt_secret_file.clone());
    let Some((secret, value)) = Config::resolve(&context.global, &told)?.secret()? else {
        return Err(Failure::usage("there is no secret to sign with").remedy(
            "Set PHASELINE_JWT_SECRET to that of the service, or name its file: --jwt-secret-file FILE",
        ));
    };
    let token = request.sign(&secret).map_err(|error| unfit(&value, &error))?;
    let answer = Token {
        format: "phaseline.token/1",
        token: &token,
        subject: &request.subject,
        scope: request.scopes.map(|scopes| scopes.to_string()),
        projects: request.projects.as_deref(),
        expires_at: request.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        audience: request.audience.as_deref(),
        issuer: request.issuer.as_deref(),
    };
    context.output.remark("This token is for development: whoever has the secret can make any token.");
    context.output.answer(&answer, || token.clone());
    Ok(Exit::Done)
}

fn end(expires: &str) -> Result<DateTime<Utc>, Failure> {
    let time = duration(expires).map_err(|what| Failure::usage(format!("--expires: {what}")))?;
    let end = TimeDelta::from_std(time).ok().and_then(|time| Utc::now().checked_add_signed(time));
    end.ok_or_else(|| Failure::usage(format!("--expires: {expires:?} is too far away")))
}
