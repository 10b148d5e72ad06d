//! Durations and sizes with units.

use std::time::Duration;

/// A duration: `500ms`, `30s`, `5m`, `1h`; a number alone is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| expected_time(text))?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(expected_time(text)),
    };
    milliseconds.filter(|time| *time > 0).map(Duration::from_millis).ok_or_else(|| expected_time(text))
}

fn expected_time(text: &str) -> String {
    format!("{text:?} is not a time: expected a number from 1 with ms, s, m or h, such as 30s")
}

/// A size in bytes: `64KiB`, `1MiB`; a number alone is bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let expected =
        || format!("{text:?} is not a size: expected a number from 1 with B, KiB or MiB, such as 1MiB");
    let (number, unit) = split(text);
    let number: usize = number.parse().map_err(|_| expected())?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return Err(expected()),
    };
    number.checked_mul(factor).filter(|size| *size > 0).ok_or_else(expected)
}

/// The digits, and the unit after them.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units_and_are_positive() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("30"), duration("30 s"));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("17"), Ok(17));
        for wrong in ["", "0", "s", "-1s", "1 day", "99999999999999999h", "1.5s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0", "1MB", "99999999999999999MiB", "MiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
