//! Names that the log can keep, and that screens can show.

use phaseline_domain::text::is_invisible;

/// The longest subject and issuer of a token, in bytes.
const LONGEST_NAME: usize = 255;

/// The longest name of a user that is recorded, in characters: that of the planner's column.
const LONGEST_USERNAME: usize = 100;

/// Whether a subject or an issuer can be recorded.
pub(super) fn fits(name: &str) -> bool {
    name.len() <= LONGEST_NAME && is_plain(name)
}

/// Whether a name can be stored and displayed: controls of direction make one name look like another.
fn is_plain(name: &str) -> bool {
    !name.chars().any(|c| c.is_control() || is_invisible(c))
}

/// A name as the log can keep it; none if it cannot be shown.
pub(super) fn recordable(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty() && name.chars().count() <= LONGEST_USERNAME && is_plain(name)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_shown_are_not_recorded() {
        assert_eq!(recordable(" Ada "), Some("Ada".to_owned()));
        for odd in ["", " ", "a\u{202e}b", "a\nb", &"x".repeat(101)] {
            assert_eq!(recordable(odd), None, "{odd:?}");
        }
    }
}
