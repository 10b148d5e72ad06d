//! Several servers in one URL, as libpq reads them: `postgres://a:5432,b:5433/planner` or `?host=a,b&port=5432,5433`.

use phaseline_embedded::percent_encode;
use phaseline_store::SessionAttributes;
use std::time::Duration;

/// A URL's servers, each as a URL for itself, and how one of them is chosen.
#[derive(Debug)]
pub(super) struct ServerList {
    /// At least one.
    pub(super) urls: Vec<String>,
    pub(super) wanted: SessionAttributes,
    /// `connect_timeout`: the time limit for each server.
    pub(super) patience: Option<Duration>,
}

/// The path and the parameters with the lists of `PGHOST` and `PGPORT`, where the URL has no host or no port. The driver reads these
/// variables itself, but takes a list for one name.
pub(super) fn with_lists(hosts: &str, tail: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let has =
        |name: &str| query.split('&').any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name));
    let has_host = !hosts.is_empty() || has("host") || has("hostaddr");
    let has_port = has("port") || hosts.split(',').any(|host| port_of(host).is_some_and(|port| port != host));
    let list = |name: &str, parameter: &str| {
        let value = variable(name).filter(|value| value.contains(','))?;
        let parts: Vec<String> = value.split(',').map(percent_encode).collect();
        Some(format!("{parameter}={}", parts.join(",")))
    };
    let hosts = Some(()).filter(|()| !has_host).and_then(|()| list("PGHOST", "host"));
    let ports = Some(()).filter(|()| !has_port).and_then(|()| list("PGPORT", "port"));
    let written = Some(query.to_owned()).filter(|query| !query.is_empty());
    let pairs: Vec<String> = written.into_iter().chain(hosts).chain(ports).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Parses what follows the user: `hosts` is the rest of the authority, `tail` the path and the parameters. `url` makes a URL of one
/// server from these two. The error is a sentence about the URL.
pub(super) fn parse(
    hosts: &str,
    tail: &str,
    url: impl Fn(&str, &str) -> String,
) -> Result<ServerList, String> {
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let mut kept = Vec::new();
    let (mut listed, mut ports, mut wanted, mut patience) = (None, None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("host", value) => listed = Some(value),
            ("port", value) => ports = Some(value),
            ("target_session_attrs", value) => wanted = Some(attributes(value)?),
            ("connect_timeout", value) => patience = seconds(value)?,
            ("hostaddr", value) if value.contains(',') => {
                return Err("hostaddr has several addresses; write them as host".to_owned());
            }
            _ => kept.push(pair),
        }
    }
    let names: Vec<&str> = listed.unwrap_or(hosts).split(',').collect();
    if names.len() > 1 && names.contains(&"") {
        return Err("a host in the list is empty".to_owned());
    }
    let ports: Vec<&str> = ports.map_or_else(Vec::new, |ports| ports.split(',').collect());
    if ports.len() > 1 && ports.len() != names.len() {
        return Err(format!("it has {} ports for {} hosts", ports.len(), names.len()));
    }
    let urls = names.iter().enumerate().map(|(index, name)| {
        let port = ports.get(index).or_else(|| ports.first()).copied();
        if let Some(port) = port.or_else(|| port_of(name).filter(|_| listed.is_none()))
            && port.parse::<u16>().is_err()
        {
            return Err(format!("the port {port:?} is not a number from 1 to 65535"));
        }
        let mut pairs: Vec<String> = kept.iter().map(|pair| (*pair).to_owned()).collect();
        pairs.extend(listed.map(|_| format!("host={name}")));
        pairs.extend(port.map(|port| format!("port={port}")));
        let tail = if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) };
        Ok(url(if listed.is_some() { "" } else { name }, &tail))
    });
    let urls: Vec<String> = urls.collect::<Result<_, String>>()?;
    // Of several servers one at most can be written to, and nearly every command writes.
    let default = if urls.len() > 1 { SessionAttributes::ReadWrite } else { SessionAttributes::Any };
    Ok(ServerList { urls, wanted: wanted.unwrap_or(default), patience })
}

fn attributes(value: &str) -> Result<SessionAttributes, String> {
    value.parse().map_err(|()| {
        let names = SessionAttributes::NAMES.map(|(name, _)| name).join(", ");
        format!("target_session_attrs is {value:?}; it must be one of {names}")
    })
}

/// As in libpq, 0 means no limit.
fn seconds(value: &str) -> Result<Option<Duration>, String> {
    match value.parse::<u64>() {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_) => Err(format!("connect_timeout is {value:?}, not a number of seconds")),
    }
}

/// The text after the host's colon; an IPv6 address has colons too, and is in brackets.
fn port_of(host: &str) -> Option<&str> {
    let after = host.rfind(']').map_or(host, |end| &host[end + 1..]);
    after.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.is_empty())
}
