//! Formats numbers, sizes, durations and timestamps for people.

use super::clean;
use crate::style::DIM;
use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use std::time::Duration;

/// 1234567 as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// An amount with two decimals: `1,234,567.00`.
pub(crate) fn money(amount: Decimal) -> String {
    let text = format!("{amount:.2}");
    match text.split_once('.') {
        Some((whole, cents)) => format!("{}.{cents}", grouped(whole)),
        None => grouped(&text),
    }
}

/// `1 phase`, `2 phases`.
pub(crate) fn plural(number: u64, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", count(number))
}

/// Bytes: `512 B`, `1.5 MB`.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(crate) fn bytes(number: u64) -> String {
    let mut amount = number as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if amount < 1000.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1000.0;
    }
    format!("{amount:.1} TB")
}

/// A duration: `300 ms`, `1.2 s`, `2 min 05 s`, `1 h 02 min`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(milliseconds: u64) -> String {
    span(Duration::from_millis(milliseconds))
}

/// A timestamp, to the second.
pub(crate) fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A timestamp with all its digits, as options take it: copied, it means the event that was recorded then.
pub(crate) fn exact_moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Who changed something, and when: `by ada, 2026-01-31 12:00:00 UTC (position 4711, login planner)`. None without an event.
pub(crate) fn by_whom(
    actor: Option<&str>,
    login: Option<&str>,
    at: Option<DateTime<Utc>>,
    position: Option<i64>,
) -> Option<String> {
    let login = login_beside(actor, login);
    Some(format!(
        "by {}, {} {DIM}(position {}{login}){DIM:#}",
        clean(actor.unwrap_or("unknown")),
        moment(at?),
        position?
    ))
}

/// `, login planner`, if the database recorded one and the claimed actor has another name.
pub(crate) fn login_beside(actor: Option<&str>, login: Option<&str>) -> String {
    login
        .filter(|login| actor != Some(*login))
        .map_or_else(String::new, |login| format!(", login {}", clean(login)))
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(money(Decimal::new(123_456_789, 2)), "1,234,567.89");
        assert_eq!(money(Decimal::new(-100_000, 2)), "-1,000.00");
        assert_eq!(money(Decimal::from(0)), "0.00");
    }

    #[test]
    fn bytes_and_spans_are_given_in_the_unit_that_fits() {
        assert_eq!(
            [0, 999, 1_500, 2_000_000, 3_400_000_000].map(bytes),
            ["0 B", "999 B", "1.5 kB", "2.0 MB", "3.4 GB"]
        );
        assert_eq!(span(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(span(Duration::from_secs(125)), "2 min 05 s");
        assert_eq!(span(Duration::from_secs(3_720)), "1 h 02 min");
        assert_eq!(millis(12), "12 ms");
    }
}
