//! Parsers of arguments and settings. Each error has the expected form with an example, since the parsers' own errors speak of characters
//! and digits only.

mod digest;
mod moment;
mod units;

pub(crate) use digest::digest;
pub(crate) use moment::{GivenTime, moment};
pub(crate) use units::{duration, size};

use chrono::NaiveDate;
use phaseline_api::auth::{ScopeSet, UnknownScope};
use phaseline_store::LogHead;
use phaseline_store::head::MalformedHead;
use rust_decimal::Decimal;
use std::fmt::Display;
use std::str::FromStr;

/// An id: of a project, a phase or a run.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        "not an id: expected all 36 characters, such as 6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned()
    })
}

/// A date, in ISO 8601 only.
pub(crate) fn date(text: &str) -> Result<NaiveDate, String> {
    let has_form = text.len() == "2026-01-31".len();
    text.parse()
        .ok()
        .filter(|_| has_form)
        .ok_or_else(|| "not a date of the calendar: expected year-month-day, such as 2026-01-31".to_owned())
}

/// An amount of money. The rules check its sign and its decimals.
pub(crate) fn amount(text: &str) -> Result<Decimal, String> {
    let is_plain = !text.contains(|character: char| character.is_alphabetic() || character == '_');
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        "not an amount: expected digits with a point before the cents and no other separators, such as 1250.50".to_owned()
    })
}

/// A position of the log.
pub(crate) fn position(text: &str) -> Result<i64, String> {
    text.parse()
        .ok()
        .filter(|position| *position > 0)
        .ok_or_else(|| "not a position of the log: expected a whole number from 1, such as 4711".to_owned())
}

/// A position whose state is shown; 0 is before the first event.
pub(crate) fn shown_position(text: &str) -> Result<i64, String> {
    text.parse().ok().filter(|position| *position >= 0).ok_or_else(|| {
        "not a position of the log: expected a whole number, such as 4711 (0: before the first event)"
            .to_owned()
    })
}

/// A head of the log.
pub(crate) fn head(text: &str) -> Result<LogHead, String> {
    text.parse().map_err(|error: MalformedHead| error.to_string())
}

/// A duration in whole seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "not a number of seconds: expected a whole number without a unit, such as 60".to_owned())
}

/// A number of things.
pub(crate) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number without separators, such as 1000".to_owned())
}

/// A number from 1 to `most`.
pub(crate) fn number_to<T>(text: &str, most: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display + From<u8>,
{
    let parsed = text.trim().replace('_', "").parse().ok();
    let parsed = parsed.filter(|number| *number >= T::from(1) && *number <= most);
    parsed
        .ok_or_else(|| format!("{text:?} is not a number from 1 to {most}: expected digits only, such as 8"))
}

/// An address to listen on: a host and a port.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    match port.map(str::parse::<u16>) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is not an address: expected a host and a port from 0 to {}, such as 127.0.0.1:8080 or [::1]:8080",
            u16::MAX
        )),
    }
}

/// A token's scopes, with spaces between them.
pub(crate) fn scopes(text: &str) -> Result<ScopeSet, String> {
    text.parse().map_err(|error: UnknownScope| {
        format!(
            "{error}: expected their names with spaces between them, such as \"phases:read phases:write\""
        )
    })
}

/// Whether an option applies, in the environment.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "t" | "y" => Ok(true),
        "false" | "no" | "off" | "0" | "f" | "n" => Ok(false),
        _ => Err("expected true or false, such as true".to_owned()),
    }
}
