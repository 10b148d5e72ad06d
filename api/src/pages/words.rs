//! Texts, days and amounts as people read them.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::fmt::Write;

/// A text of someone else, as one line: control characters and those that change the direction of what follows are named.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        let name = match char {
            '\0' => "NUL",
            '\t' => "TAB",
            '\n' => "LF",
            '\r' => "CR",
            '\u{1b}' => "ESC",
            '\u{1}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\u{2039}U+{:04X}\u{203a}", u32::from(char));
                continue;
            }
            char => {
                shown.push(char);
                continue;
            }
        };
        let _ = write!(shown, "\u{2039}{name}\u{203a}");
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

/// A sentence about an event, with its amounts as [`amount`] writes them; names, which are in quotes, stay as they are.
pub(crate) fn sentence(text: &str) -> String {
    let parts = shown(text);
    let parts = parts.split('\'').enumerate().map(|(index, part)| {
        if index % 2 == 1 {
            part.to_owned()
        } else {
            part.split(' ').map(with_commas).collect::<Vec<_>>().join(" ")
        }
    });
    parts.collect::<Vec<_>>().join("'")
}

/// A word of a sentence, which may be an amount in brackets or before a comma.
fn with_commas(word: &str) -> String {
    let number = word.trim_matches(['(', ')', ',', ';', ':']);
    let is_amount = number.split_once('.').is_some_and(|(whole, decimals)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        decimals.len() == 2 && digits(whole) && digits(decimals)
    });
    match number.parse().ok().filter(|_| is_amount) {
        Some(parsed) => word.replacen(number, &amount(parsed), 1),
        None => word.to_owned(),
    }
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
        0 => "on the same day".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_one_line_that_runs_one_way() {
        assert_eq!(shown("Größe & <b> 计划 مرحبا"), "Größe & <b> 计划 مرحبا");
        assert_eq!(shown("a\u{1b}[31m\n\tb\0"), "a‹ESC›[31m‹LF›‹TAB›b‹NUL›");
        assert_eq!(shown("x\u{202e}y\u{7f}\u{85}\u{2028}"), "x‹U+202E›y‹U+007F›‹U+0085›‹U+2028›");
    }

    #[test]
    fn amounts_have_commas_between_thousands_and_two_decimals() {
        for (text, expected) in [
            ("0", "0.00"),
            ("-0.00", "0.00"),
            ("7.5", "7.50"),
            ("999.99", "999.99"),
            ("1000", "1,000.00"),
            ("288235.98", "288,235.98"),
            ("9999999999999.99", "9,999,999,999,999.99"),
            ("-1234567.8", "−1,234,567.80"),
        ] {
            assert_eq!(amount(text.parse().unwrap()), expected, "{text}");
        }
        assert_eq!(growth("12.5".parse().unwrap()), "+12.50");
        assert_eq!(growth("-12.5".parse().unwrap()), "−12.50");
        assert_eq!(growth(Decimal::ZERO), "0.00");
    }

    #[test]
    fn amounts_in_sentences_have_commas_and_names_stay() {
        let text = "budget of phase 'Lot 12345.67' set to 384000.00 (capital 103000.00, expense 281000.00)";
        let expected =
            "budget of phase 'Lot 12345.67' set to 384,000.00 (capital 103,000.00, expense 281,000.00)";
        assert_eq!(sentence(text), expected);
        let dates = "phase 'B' moved to 2026-03-20 to 2026-06-18";
        assert_eq!(sentence(dates), dates);
    }

    #[test]
    fn numbers_of_days_are_words() {
        assert_eq!(
            (slip(0), slip(1), slip(-12)),
            ("on the same day".into(), "1 day later".into(), "12 days earlier".into())
        );
        assert_eq!((signed_days(0), signed_days(3), signed_days(-3)), ("0".into(), "+3".into(), "−3".into()));
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        assert_eq!((weekday(day), spoken_day(day)), ("Thursday, 2024-02-29".into(), "29 Feb 2024".into()));
    }
}
