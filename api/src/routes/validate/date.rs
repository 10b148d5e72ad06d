//! Dates: `YYYY-MM-DD`, and on the planner's routes also timestamps at midnight, in each form that the planner takes.

use super::{FieldErrors, FromJson, JsonPath};
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde_json::Value;

/// The error of a timestamp that is not at midnight.
const NOT_MIDNIGHT: &str = "Datetimes provided to dates should have zero time - e.g. be exact dates";

/// A number beyond this, or below its negative, counts milliseconds, not seconds.
const MOST_SECONDS: i64 = 20_000_000_000;

/// The first second of the year 1600 and the last one of 9999: the limits of numbers.
const YEARS: [i64; 2] = [-11_676_096_000, 253_402_300_799];

impl FromJson for NaiveDate {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let Some(text) = value.as_str() else {
            faults.note(path, "date_type", "Input should be a valid date");
            return None;
        };
        let read = day(text).and_then(|(date, rest)| match rest {
            [] => Ok(date),
            _ => Err("unexpected extra characters at the end of the input"),
        });
        read.map_err(|what| note(path, faults, what)).ok()
    }
}

/// A date as the planner's routes take it: a date, a timestamp at midnight of any time zone, or seconds since 1970. The time zone
/// does not move the date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannerDate(pub(crate) NaiveDate);

impl FromJson for PlannerDate {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let read = match value {
            Value::String(text) => of_text(text),
            Value::Number(number) => match number.as_i64() {
                Some(seconds) => of_number(seconds, false),
                None => of_float(number.as_f64().unwrap_or(f64::MAX)),
            },
            _ => {
                faults.note(path, "date_type", "Input should be a valid date");
                return None;
            }
        };
        match read {
            Ok((date, true)) => Some(Self(date)),
            Ok((_, false)) => {
                faults.note(path, "date_from_datetime_inexact", NOT_MIDNIGHT);
                None
            }
            Err(what) => {
                note(path, faults, what);
                None
            }
        }
    }
}

fn note(path: &JsonPath<'_>, faults: &mut FieldErrors, what: &str) {
    let message = format!("Input should be a valid date or datetime, {what}");
    faults.note(path, "date_from_datetime_parsing", message);
}

/// A date, and whether its time is midnight.
type Read = Result<(NaiveDate, bool), &'static str>;

fn of_text(text: &str) -> Read {
    let read = day(text).and_then(|(date, rest)| match rest.split_first() {
        None => Ok((date, true)),
        Some((b'T' | b't' | b'_' | b' ', time)) => Ok((date, is_midnight(time)?)),
        Some(_) => Err("invalid datetime separator, expected `T`, `t`, `_` or space"),
    });
    // A number in quotes is one, too.
    read.or_else(|what| number(text).unwrap_or(Err(what)))
}

/// A number in text: digits, with a sign and a fraction if there are any. None if it is something else.
fn number(text: &str) -> Option<Read> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let seconds = whole.parse::<i64>().ok()?;
    let seconds = if text.starts_with('-') { -seconds } else { seconds };
    Some(of_number(seconds, fraction.bytes().any(|digit| digit != b'0')))
}

fn of_float(number: f64) -> Read {
    // Numbers of this size have no fraction of a microsecond that a float could hold.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "beyond the limits of an i64 it is its nearest limit"
    )]
    of_number(number.trunc() as i64, (number.fract() * 1e6).abs() >= 0.5)
}

fn of_number(number: i64, has_fraction: bool) -> Read {
    let is_milliseconds = !(-MOST_SECONDS..=MOST_SECONDS).contains(&number);
    let (seconds, rest) = match is_milliseconds {
        true => (number.div_euclid(1000), number.rem_euclid(1000)),
        false => (number, 0),
    };
    let [first, last] = YEARS;
    if seconds < first {
        return Err("dates before 1600 are not supported as unix timestamps");
    }
    let at = DateTime::from_timestamp_secs(seconds).filter(|_| seconds <= last);
    let at = at.ok_or("dates after 9999 are not supported as unix timestamps")?.naive_utc();
    Ok((at.date(), at.time() == NaiveTime::MIN && rest == 0 && !has_fraction))
}

/// The date at the beginning of a text, and the rest.
fn day(text: &str) -> Result<(NaiveDate, &[u8]), &'static str> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 {
        return Err("input is too short");
    }
    let year = digits(bytes, 0..4).ok_or("invalid character in year")?;
    let separated = |at: usize| bytes.get(at) == Some(&b'-');
    let no_dash = "invalid date separator, expected `-`";
    separated(4).then_some(()).ok_or(no_dash)?;
    let month = digits(bytes, 5..7).ok_or("invalid character in month")?;
    separated(7).then_some(()).ok_or(no_dash)?;
    let day = digits(bytes, 8..10).ok_or("invalid character in day")?;
    if year == 0 {
        return Err("year 0 is out of range");
    }
    if !(1..=12).contains(&month) {
        return Err("month value is outside expected range of 1-12");
    }
    let year = i32::try_from(year).map_err(|_| "year is out of range")?;
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or("day value is outside expected range")?;
    Ok((date, bytes.get(10..).unwrap_or_default()))
}

/// Whether a time of the form `HH:MM[:SS[.digits]][zone]` is midnight. More than six digits of a fraction are ignored.
fn is_midnight(time: &[u8]) -> Result<bool, &'static str> {
    if time.len() < 5 {
        return Err("input is too short");
    }
    let hour = digits(time, 0..2).ok_or("invalid character in hour")?;
    if time.get(2) != Some(&b':') {
        return Err("invalid time separator, expected `:`");
    }
    let minute = digits(time, 3..5).ok_or("invalid character in minute")?;
    if hour > 23 {
        return Err("hour value is outside expected range of 0-23");
    }
    if minute > 59 {
        return Err("minute value is outside expected range of 0-59");
    }
    let (mut second, mut fraction, mut end) = (0, false, 5);
    if time.get(5) == Some(&b':') {
        second = digits(time, 6..8).ok_or("invalid character in second")?;
        if second > 59 {
            return Err("second value is outside expected range of 0-59");
        }
        end = 8;
        if matches!(time.get(8), Some(b'.' | b',')) {
            let written = time.get(9..).unwrap_or_default();
            let count = written.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if count == 0 {
                return Err("second fraction digits missing after `.`");
            }
            fraction = written.iter().take(count.min(6)).any(|digit| *digit != b'0');
            end = 9 + count;
        }
    }
    zone(time.get(end..).unwrap_or_default())?;
    Ok((hour, minute, second, fraction) == (0, 0, 0, false))
}

/// Checks a time zone: none, `Z`, `+HH:MM` or `+HHMM`, with `-` or the minus sign U+2212 as well.
fn zone(zone: &[u8]) -> Result<(), &'static str> {
    let offset = match zone {
        [] | [b'Z' | b'z'] => return Ok(()),
        [b'Z' | b'z', ..] => return Err("unexpected extra characters at the end of the input"),
        [b'+' | b'-', offset @ ..] | [0xE2, 0x88, 0x92, offset @ ..] => offset,
        _ => return Err("invalid timezone sign"),
    };
    let hours = digits(offset, 0..2).ok_or("invalid timezone hour")?;
    let minutes_at = if offset.get(2) == Some(&b':') { 3 } else { 2 };
    let minutes = digits(offset, minutes_at..minutes_at + 2).ok_or("invalid timezone minute")?;
    if minutes > 59 {
        return Err("timezone minute value is outside expected range of 0-59");
    }
    if hours > 23 {
        return Err("timezone offset must be less than 24 hours");
    }
    match offset.get(minutes_at + 2) {
        None => Ok(()),
        Some(_) => Err("unexpected extra characters at the end of the input"),
    }
}

/// The number that these digits are.
fn digits(bytes: &[u8], range: std::ops::Range<usize>) -> Option<u32> {
    let digits = bytes.get(range)?.iter();
    digits
        .into_iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The date, or the message.
    fn read<T: FromJson>(value: &Value) -> Result<T, String> {
        let mut faults = FieldErrors::default();
        let read = T::read(value, &JsonPath::BODY, &mut faults);
        faults.none_or(read).map_err(|faults| faults.first()[0].message.clone())
    }

    #[test]
    fn a_date_is_a_date_of_the_calendar_and_nothing_more() {
        assert_eq!(read::<NaiveDate>(&json!("2024-02-29")).unwrap().to_string(), "2024-02-29");
        for (text, wrong) in [
            ("2024-1-1", "input is too short"),
            ("tomorrow!!", "invalid character in year"),
            ("2024/01/01", "invalid date separator, expected `-`"),
            ("2024-13-01", "month value is outside expected range of 1-12"),
            ("2023-02-29", "day value is outside expected range"),
            ("2024-01-01T00:00:00", "unexpected extra characters at the end of the input"),
            ("0000-01-01", "year 0 is out of range"),
        ] {
            let message = format!("Input should be a valid date or datetime, {wrong}");
            assert_eq!(read::<NaiveDate>(&json!(text)).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn the_planner_takes_timestamps_at_midnight() {
        let midnight = [
            json!("2024-02-01"),
            json!("2024-02-01T00:00:00"),
            json!("2024-02-01T00:00:00.000Z"),
            json!("2024-02-01 00:00"),
            json!("2024-02-01t00:00:00z"),
            json!("2024-02-01_00:00Z"),
            json!("2024-02-01T00:00:00+23:59"),
            json!("2024-02-01T00:00:00-0200"),
            json!("2024-02-01T00:00:00\u{2212}01:00"),
            json!("2024-02-01T00:00:00,0000001"),
            json!(1_706_745_600),
            json!(1_706_745_600_000_i64),
            json!(1_706_745_600.0),
            json!("1706745600"),
            json!("+1706745600."),
            json!("1706745600.0"),
        ];
        for value in midnight {
            let date = read::<PlannerDate>(&value).map(|PlannerDate(date)| date.to_string());
            assert_eq!(date.as_deref(), Ok("2024-02-01"), "{value}");
        }
        for value in [
            json!("2024-02-01T12:00"),
            json!("2024-02-01T00:00:00.000001"),
            json!("20240201"),
            json!(20_240_201),
            json!(1_706_745_600.5),
            json!("1706745600.5"),
            json!(1_706_745_600_001_i64),
        ] {
            assert_eq!(read::<PlannerDate>(&value).unwrap_err(), NOT_MIDNIGHT, "{value}");
        }
    }
}
