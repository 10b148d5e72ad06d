//! The terminal's width, and that of texts on it.

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr;

/// An output of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandardStream {
    Out,
    Error,
}

/// The columns of the terminal behind this output, or those of `COLUMNS`; none if it is no terminal.
pub(crate) fn of_terminal(stream: StandardStream) -> Option<usize> {
    let size = match stream {
        StandardStream::Out => terminal_size::terminal_size_of(std::io::stdout()),
        StandardStream::Error => terminal_size::terminal_size_of(std::io::stderr()),
    };
    let (terminal_size::Width(columns), _) = size?;
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    wanted.filter(|columns| *columns > 0).or(Some(usize::from(columns)).filter(|columns| *columns > 0))
}

/// The columns that a text takes: wide characters take two, and colours none.
pub(crate) fn of_text(text: &str) -> usize {
    if text.contains('\u{1b}') { strip_str(text).to_string().width() } else { text.width() }
}

/// The beginning of a text that takes at most this many columns.
pub(crate) fn beginning(text: &str, columns: usize) -> &str {
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        if text[..next].width() > columns {
            break;
        }
        end = next;
    }
    &text[..end]
}

/// The text, or if it takes more columns, its beginning with a mark.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if of_text(text) <= columns {
        return text.to_owned();
    }
    format!("{}…", beginning(text, columns.saturating_sub(1)).trim_end())
}

#[cfg(test)]
mod tests {
    use super::{cut, of_text};

    #[test]
    fn wide_characters_take_two_columns_and_colours_none() {
        assert_eq!(of_text("設計 a"), 6);
        assert_eq!(of_text("\u{1b}[1mab\u{1b}[0m"), 2);
        assert_eq!(of_text("a\u{301}"), 1);
        assert_eq!(cut("設計と建設", 6), "設計…");
        assert_eq!(cut("a\u{301}bcd", 3), "a\u{301}b…");
        assert_eq!(cut("two words", 5), "two…");
        assert_eq!(cut("whole", 5), "whole");
    }
}
