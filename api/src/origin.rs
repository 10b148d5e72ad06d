//! Which host a request names, and, without tokens, which page it comes from.

use crate::auth::Auth;
use crate::cors::WebOrigin;
use crate::problem::{Problem, bad_request, not_json};
use crate::settings::Settings;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode, Uri, Version};
use std::net::IpAddr;

/// The header in which a browser sends the relation between the requesting page and the service.
const FETCH_SITE: &str = "sec-fetch-site";

/// Refuses a request without a host, or with several; without tokens also one that a foreign page in a browser may have sent.
pub(crate) fn check(settings: &Settings, request: &Request) -> Result<(), Box<Problem>> {
    let hosts = named_hosts(request)?;
    match settings.auth {
        Auth::Off => check_origin(request, &hosts, &settings.cors_origins),
        Auth::Tokens { .. } => Ok(()),
    }
}

/// Every host that a request names (RFC 9112, 3.2: one header, and one only).
fn named_hosts(request: &Request) -> Result<Vec<Authority>, Box<Problem>> {
    let wrong =
        |what: &str| Box::new(bad_request(format!("{what}: send one header Host with the service's name")));
    let mut hosts: Vec<Authority> = request.uri().authority().cloned().into_iter().collect();
    let mut sent = request.headers().get_all(HOST).iter();
    match (sent.next(), sent.next()) {
        (Some(_), Some(_)) => return Err(wrong("the request has several headers Host")),
        (Some(host), None) => {
            let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
            hosts.push(host.ok_or_else(|| wrong("the header Host has no host"))?);
        }
        (None, _) if request.version() == Version::HTTP_11 => {
            return Err(wrong("the request has no header Host"));
        }
        (None, _) => {}
    }
    if hosts.iter().any(|host| host.as_str().contains('@')) {
        return Err(wrong("the header Host has a user"));
    }
    Ok(hosts)
}

/// Without tokens the service listens on loopback. A page in a browser on this machine can still send requests: under a name that
/// resolves to this machine (DNS rebinding), or those that a browser sends to other sites without a preflight.
fn check_origin(request: &Request, hosts: &[Authority], permitted: &[WebOrigin]) -> Result<(), Box<Problem>> {
    let refused = |code, title: &str, detail: &str| {
        Err(Box::new(Problem::new(StatusCode::FORBIDDEN, code, title, detail)))
    };
    if hosts.is_empty() || !hosts.iter().all(is_this_machine) {
        return refused(
            "foreign_host",
            "Foreign host",
            "without tokens (--no-auth) the service answers to localhost, 127.0.0.1 and [::1] only",
        );
    }
    if !comes_from_permitted(request.headers(), permitted) && !comes_from_this_machine(request.headers()) {
        return refused(
            "foreign_origin",
            "Foreign origin",
            "without tokens (--no-auth) the service answers pages of this machine and of cors_origins only, not those of other sites",
        );
    }
    // A browser sends a body without a type, or as text, to any site; JSON only after a preflight.
    let reads_only = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads_only && !request.body().is_end_stream() && !request.headers().contains_key(CONTENT_TYPE) {
        return Err(Box::new(not_json()));
    }
    Ok(())
}

/// Whether a page of a permitted origin sends the request.
fn comes_from_permitted(headers: &HeaderMap, permitted: &[WebOrigin]) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => permitted.iter().any(|permitted| permitted.is(origin)),
        _ => false,
    }
}

fn comes_from_this_machine(headers: &HeaderMap) -> bool {
    let same_site = headers.get_all(FETCH_SITE).iter().all(|site| site != "cross-site");
    same_site
        && headers.get_all(ORIGIN).iter().all(|origin| {
            let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
            origin.as_ref().and_then(Uri::authority).is_some_and(is_this_machine)
        })
}

fn is_this_machine(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
