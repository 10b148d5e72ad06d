//! Texts, days and amounts as people read them.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::fmt::Write;

/// A text of someone else, as one line: control characters and those that change the direction of what follows are shown as symbols.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\u{0}'..='\u{1f}' => shown.push(char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}')),
            '\u{7f}' => shown.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\u{2039}U+{:04X}\u{203a}", u32::from(char));
            }
            char => shown.push(char),
        }
    }
    shown
}

/// An amount with two decimals and commas between thousands, as the planner writes it.
pub(crate) fn amount(amount: Decimal) -> String {
    let text = format!("{:.2}", amount.abs());
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "00"));
    let mut grouped = String::with_capacity(text.len() + whole.len() / 3 + 1);
    if amount.is_sign_negative() && !amount.is_zero() {
        grouped.push('\u{2212}');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push('.');
    grouped.push_str(decimals);
    grouped
}

/// A growth or a loss, with its sign.
pub(crate) fn growth(growth: Decimal) -> String {
    if growth.is_sign_positive() && !growth.is_zero() {
        format!("+{}", amount(growth))
    } else {
        amount(growth)
    }
}

/// A number of days.
pub(crate) fn days(days: i64) -> String {
    counted(days, "day")
}

/// A number of things: `1 day`, `2 days`.
pub(crate) fn counted(number: i64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The same of a number without sign.
pub(crate) fn counted_many<N: TryInto<i64>>(number: N, thing: &str) -> String {
    counted(number.try_into().unwrap_or(i64::MAX), thing)
}

/// By how many days something moved, in words: `3 days later`.
pub(crate) fn slip(days: i64) -> String {
    match days {
        0 => "same day".to_owned(),
        days if days > 0 => format!("{} later", counted(days, "day")),
        days => format!("{} earlier", counted(-days, "day")),
    }
}

/// The same as a number with its sign, for narrow places.
pub(crate) fn signed_days(days: i64) -> String {
    match days {
        0 => "0".to_owned(),
        days if days > 0 => format!("+{days}"),
        days => format!("\u{2212}{}", -days),
    }
}

/// A day with its weekday, for hints.
pub(crate) fn weekday(day: NaiveDate) -> String {
    day.format("%A, %Y-%m-%d").to_string()
}

/// A day as people say it: `30 Jul 2022`.
pub(crate) fn spoken_day(day: NaiveDate) -> String {
    format!("{} {} {}", day.day(), day.format("%b"), day.year())
}

/// The time of an event, to the second.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The time of an event for `datetime` attributes.
pub(crate) fn machine_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
