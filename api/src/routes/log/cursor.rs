//! The cursor of the log, which is opaque to clients: the log, the range of positions, the last position of the page before, and a
//! digest of the selection.

use crate::problem::Problem;
use crate::routes::page_query::bad_cursor;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A place between two pages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogCursor {
    /// The first position of the range.
    pub(super) first: i64,
    /// The last position of the range.
    pub(super) last: i64,
    /// The last position of the page before.
    pub(super) after: i64,
}

impl LogCursor {
    /// Reads a cursor of this selection from this log, which has positions up to `tip`.
    pub(super) fn of(text: &str, log: Uuid, selection: &str, tip: i64) -> Result<Self, Box<Problem>> {
        Self::read(text, log, selection, tip).ok_or_else(|| Box::new(foreign_cursor()))
    }

    /// The cursor as clients get it.
    pub(super) fn text(&self, log: Uuid, selection: &str) -> String {
        let Self { first, last, after } = self;
        URL_SAFE_NO_PAD.encode(format!("{}.{selection}.{first}.{last}.{after}", log.simple()))
    }

    fn read(text: &str, log: Uuid, selection: &str, tip: i64) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let parts: Vec<&str> = text.split('.').collect();
        let [of_log, of_selection, first, last, after] = parts[..] else { return None };
        let cursor =
            Self { first: first.parse().ok()?, last: last.parse().ok()?, after: after.parse().ok()? };
        let Self { first, last, after } = cursor;
        let is_within = first >= 1 && after >= first && last >= after && last <= tip;
        let is_ours = of_log == log.simple().to_string() && of_selection == selection;
        (is_within && is_ours).then_some(cursor)
    }
}

fn foreign_cursor() -> Problem {
    bad_cursor(
        "the cursor is not one of this log with these parameters: send those of the first page with it, or begin again without one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_for_its_own_log_and_selection_within_the_log() {
        let (log, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let cursor = LogCursor { first: 3, last: 9, after: 5 };
        let text = cursor.text(log, "abc");
        assert_eq!(LogCursor::of(&text, log, "abc", 9).unwrap(), cursor);
        for (log, selection, tip) in [(other, "abc", 9), (log, "abd", 9), (log, "abc", 8)] {
            assert_eq!(LogCursor::of(&text, log, selection, tip).unwrap_err().code(), "bad_cursor");
        }
        for (first, last, after) in [(0, 9, 5), (3, 9, 2), (3, 9, 10), (3, i64::MAX, 5)] {
            let forged = LogCursor { first, last, after }.text(log, "abc");
            assert_eq!(LogCursor::of(&forged, log, "abc", 9).unwrap_err().code(), "bad_cursor");
        }
    }
}
