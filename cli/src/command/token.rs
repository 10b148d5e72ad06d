//! `phaseline token`: signs a token for development.

use crate::argument;
use crate::config::{Config, FileArgs, ServiceArgs, unfit};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Page;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use phaseline_api::auth::{ScopeSet, TokenRequest};
use phaseline_domain::ProjectId;
use serde::Serialize;

/// Print a token for the HTTP service, for development
///
/// Signs with HS256 and the service's secret: `PHASELINE_JWT_SECRET`, or the file of `--jwt-secret-file`,
/// `PHASELINE_JWT_SECRET_FILE` or the settings file. In production an identity provider issues tokens. Needs no database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  export PHASELINE_JWT_SECRET=$(openssl rand -base64 48)
  phaseline token --subject ada --scope 'phases:read phases:write'
  curl -H \"Authorization: Bearer $(phaseline token --subject ada --scope phases:read --quiet)\" …")]
pub(crate) struct TokenArgs {
    /// The subject (sub): the actor recorded in the log
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// The scopes, of phases:read, phases:write and history:read (default: the service's default for tokens without
    /// scope)
    #[arg(long, value_name = "SCOPES", value_parser = some_scopes)]
    scope: Option<ScopeSet>,
    /// Limit the token to these projects: whole ids only, since this command reads no database
    #[arg(long, value_name = "ID,ID", value_delimiter = ',', value_parser = argument::id::<ProjectId>)]
    projects: Option<Vec<ProjectId>>,
    /// Validity, such as 30m or 8h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = expiry)]
    expires: DateTime<Utc>,
    /// The audience (aud)
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// The issuer (iss)
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
    /// None if the token has no scope.
    scope: Option<String>,
    /// None if it is not limited.
    projects: Option<&'a [ProjectId]>,
    expires_at: String,
    audience: Option<&'a str>,
    issuer: Option<&'a str>,
}

pub(crate) fn run(context: &Context, args: &TokenArgs) -> Result<Exit, Failure> {
    if args.subject.trim().is_empty() {
        return Err(Failure::usage(
            "--subject is empty: expected the id of a user or the name of a program, such as ada",
        ));
    }
    let request = TokenRequest {
        subject: args.subject.clone(),
        scopes: args.scope,
        projects: args.projects.clone(),
        expires_at: args.expires,
        audience: args.audience.clone(),
        issuer: args.issuer.clone(),
    };
    let flags = ServiceArgs::of_secret(args.file.clone(), args.jwt_secret_file.clone());
    let Some((secret, value)) = Config::resolve(&context.global, &flags)?.secret()? else {
        return Err(Failure::usage("there is no secret to sign with").remedy(
            "Set PHASELINE_JWT_SECRET to the service's secret, or use its file: --jwt-secret-file FILE",
        ));
    };
    let token = request.sign(&secret).map_err(|error| unfit(&value, &error))?;
    let result = Token {
        format: "phaseline.token/1",
        token: &token,
        subject: &request.subject,
        scope: request.scopes.map(|scopes| scopes.to_string()),
        projects: request.projects.as_deref(),
        expires_at: request.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        audience: request.audience.as_deref(),
        issuer: request.issuer.as_deref(),
    };
    context.output.remark("This token is for development: the secret can sign any token.");
    context.output.result(&result, || Page::verbatim(token.as_str()));
    Ok(Exit::Done)
}

/// Parses the scopes of a token, which must have one: without --scope the service's default applies.
fn some_scopes(text: &str) -> Result<ScopeSet, String> {
    if text.trim().is_empty() {
        return Err(
            "a token without a scope may do nothing: expected a scope, such as phases:read".to_owned()
        );
    }
    argument::scopes(text)
}

/// Parses a validity into the time at which it ends.
fn expiry(text: &str) -> Result<DateTime<Utc>, String> {
    let time = TimeDelta::from_std(argument::duration(text)?).ok();
    let end = time.and_then(|time| Utc::now().checked_add_signed(time));
    end.ok_or_else(|| format!("{text:?} is too far away: expected a time such as 8h"))
}
