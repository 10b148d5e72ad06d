//! Amounts, as strings or numbers. A number is read by its shortest decimal form, never by its binary value.

use super::{FieldErrors, FromJson, JsonPath};
use rust_decimal::Decimal;
use serde_json::Value;

/// More digits than any valid amount has.
const MOST: i64 = 28;

impl FromJson for Decimal {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                let message = "Decimal input should be an integer, float, string or Decimal object";
                faults.note(path, "decimal_type", message);
                return None;
            }
        };
        let text = text.trim();
        if matches!(
            text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str(),
            "nan" | "inf" | "infinity"
        ) {
            faults.note(path, "finite_number", "Input should be a finite number");
            return None;
        }
        let amount = amount(text);
        if amount.is_none() {
            faults.note(path, "decimal_parsing", "Input should be a valid decimal");
        }
        amount
    }
}

/// An amount that every rule refuses, for amounts that are too large or too precise to be represented.
fn beyond() -> Decimal {
    Decimal::MAX
}

/// Parses `[+-]digits[.digits][e[+-]digits]`.
fn amount(text: &str) -> Option<Decimal> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let exponent = match exponent {
        None => 0,
        Some(exponent) => {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if unsigned.is_empty() || !digits(unsigned) {
                return None;
            }
            // An exponent that does not fit is out of range anyway.
            exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { -1_000_000 } else { 1_000_000 })
        }
    };
    // The significant digits, and the position of the point.
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(Decimal::ZERO);
    }
    let trailing = all.len() - all.trim_end_matches('0').len();
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let power = exponent.saturating_sub(count(fraction.len())).saturating_add(count(trailing));
    let size = count(significant.len());
    if size > MOST || !(-MOST..=MOST).contains(&power) || size.saturating_add(power) > MOST {
        return Some(beyond());
    }
    let mut parsed: i128 = significant.parse().ok()?;
    let scale = u32::try_from((-power).max(0)).ok()?;
    for _ in 0..power.max(0) {
        parsed *= 10;
    }
    let signed = if negative { -parsed } else { parsed };
    let mut amount = Decimal::try_from_i128_with_scale(signed, scale).unwrap_or_else(|_| beyond());
    if exponent == 0 && amount != beyond() {
        // Messages show an amount with the decimals that it was sent with.
        amount.rescale(u32::try_from(fraction.len().min(2)).ok()?.max(scale));
    }
    Some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_equal_their_decimal_text() {
        for (text, expected) in [
            ("50000.00", "50000"),
            ("-1.5", "-1.5"),
            ("+.5", "0.5"),
            ("7.", "7"),
            ("1e3", "1000"),
            ("12.5E-1", "1.25"),
            ("0.1", "0.1"),
            ("-0", "0"),
            ("0e999999999999999999999", "0"),
            ("1.0000000000000000000000000000000000000000", "1"),
        ] {
            assert_eq!(amount(text).unwrap().normalize().to_string(), expected, "{text}");
        }
        for text in ["", ".", "-", "1,5", "abc", "1e", "e5", "0x1", "1 0", "NaN"] {
            assert_eq!(amount(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_held_is_no_smaller_and_no_coarser() {
        for text in
            ["1e400", "1e-40", "0.00000000000000000000000000000000001", "12345678901234567890123456789012"]
        {
            assert_eq!(amount(text), Some(beyond()), "{text}");
        }
    }
}
