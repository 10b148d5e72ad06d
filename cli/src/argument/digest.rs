//! Digests on the command line.

/// The algorithm, in front of the digits.
const ALGORITHM: &str = "sha256:";
/// Hexadecimal digits of SHA-256.
const DIGITS: usize = 64;

/// Checks that a text is a whole digest, as `plan` and `rollback --dry-run` print it. Compared as it is, an incomplete copy would look like a
/// digest of other data.
pub(crate) fn digest(text: &str) -> Result<String, String> {
    let is_digit = |digit: char| matches!(digit, '0'..='9' | 'a'..='f');
    let wrong = match text.strip_prefix(ALGORITHM) {
        None => format!("it does not begin with {ALGORITHM}"),
        Some(digits) if !digits.chars().all(is_digit) => {
            "it has other characters than 0-9 and a-f".to_owned()
        }
        Some(digits) if digits.len() != DIGITS => format!("it has {} characters", digits.len()),
        Some(_) => return Ok(text.to_owned()),
    };
    Err(format!(
        "not a digest, {wrong}: a digest is {ALGORITHM} and {DIGITS} characters of 0-9 and a-f; copy all of it"
    ))
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn only_a_whole_digest_is_one() {
        let whole = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(digest(&whole).unwrap(), whole);
        for (wrong, named) in [
            (&whole[..70], "63 characters"),
            (&whole[7..], "begin with sha256:"),
            ("", "begin with"),
            ("all", "begin with"),
            ("sha256:", "0 characters"),
            (&whole.replace("0a", "0A"), "other characters"),
            (&format!("{whole} "), "other characters"),
            (&format!("{whole}0"), "65 characters"),
        ] {
            let error = digest(wrong).unwrap_err();
            assert!(error.contains("not a digest") && error.contains(named), "{wrong}: {error}");
        }
    }
}
