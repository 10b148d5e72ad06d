//! Text for people: pages are built as a whole and printed at once, so that tests can check their text.

pub(crate) mod adopt;
pub(crate) mod changes;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod effects;
pub(crate) mod export;
pub(crate) mod format;
pub(crate) mod history;
pub(crate) mod layout;
pub(crate) mod log;
pub(crate) mod migrate;
pub(crate) mod plan;
pub(crate) mod portfolio;
pub(crate) mod projects;
pub(crate) mod quarantine;
pub(crate) mod rebuild;
pub(crate) mod rehearse;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod timeline;
pub(crate) mod verify;

use crate::style::BOLD;
use layout::Layout;
use phaseline_domain::text::is_invisible;
use std::borrow::Cow;
use std::fmt::{self, Display};
use table::{Align, TextTable};

/// A text for people. It gets its width when it is printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    blocks: Vec<PageBlock>,
}

#[derive(Clone, Debug)]
enum PageBlock {
    /// Lines, each with its end.
    Lines(String),
    /// Text for another program, such as a script.
    Verbatim(String),
    Table(TextTable),
}

impl Page {
    /// A text that is printed as it is.
    pub(crate) fn verbatim(text: impl Into<String>) -> Self {
        Self { blocks: vec![PageBlock::Verbatim(text.into())] }
    }

    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) -> &mut Self {
        let line = format!("{line}\n");
        match self.blocks.last_mut() {
            Some(PageBlock::Lines(lines)) => lines.push_str(&line),
            _ => self.blocks.push(PageBlock::Lines(line)),
        }
        self
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> &mut Self {
        self.line("")
    }

    /// A heading after an empty line.
    pub(crate) fn heading(&mut self, title: impl Display) -> &mut Self {
        self.gap().line(format_args!("{BOLD}{title}{BOLD:#}"))
    }

    /// A name and its value, the values below each other.
    pub(crate) fn entry(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.line(format_args!("  {name:<26}{value}"))
    }

    /// A table; rows have as many cells as there are columns.
    pub(crate) fn table(&mut self, columns: &[(&'static str, Align)], rows: Vec<Vec<String>>) -> &mut Self {
        self.blocks.push(PageBlock::Table(TextTable::new(columns, rows)));
        self
    }

    /// Another page below this one.
    pub(crate) fn append(&mut self, page: Self) -> &mut Self {
        self.blocks.extend(page.blocks);
        self
    }

    /// The same with other lines; tables stay.
    pub(crate) fn mapped(mut self, change: impl Fn(String) -> String) -> Self {
        for block in &mut self.blocks {
            if let PageBlock::Lines(lines) = block {
                *lines = change(std::mem::take(lines));
            }
        }
        self
    }

    /// The text for a terminal of this width, or without one everything on one line that belongs there.
    pub(crate) fn fitted(&self, terminal: Option<usize>) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            match (block, terminal) {
                (PageBlock::Lines(lines), Some(columns)) => text.push_str(&Layout::page(columns).text(lines)),
                (PageBlock::Lines(lines), None) | (PageBlock::Verbatim(lines), _) => text.push_str(lines),
                (PageBlock::Table(table), _) => {
                    for line in terminal.map_or_else(|| table.whole(), |columns| table.fitted(columns)) {
                        text.push_str(&line);
                        text.push('\n');
                    }
                }
            }
        }
        text
    }
}

impl Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitted(None))
    }
}

impl From<String> for Page {
    fn from(text: String) -> Self {
        Self { blocks: vec![PageBlock::Lines(text)] }
    }
}

impl From<&str> for Page {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Text of users, made harmless for a terminal: control characters could overwrite other lines, directional controls
/// could reorder text, and invisible characters could make different names look equal.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) {
        Cow::Owned(text.chars().flat_map(escaped).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for a text of several lines.
pub(crate) fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Variation selectors of emoji are harmless, and many names have them.
fn is_harmful(character: char) -> bool {
    character.is_control() || is_invisible(character) && !matches!(character, '\u{fe0e}' | '\u{fe0f}')
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let escaped = is_harmful(character).then(|| character.escape_default());
    let plain = (!is_harmful(character)).then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::{clean, clean_lines};

    #[test]
    fn control_characters_of_users_do_not_reach_the_terminal() {
        assert_eq!(clean("Entwurf ä"), "Entwurf ä");
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(clean_lines("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    #[test]
    fn directional_and_invisible_characters_are_escaped() {
        assert_eq!(clean("pay \u{202e}001\u{202c}"), "pay \\u{202e}001\\u{202c}");
        assert_eq!(
            clean("a\u{2066}b\u{200b}c\u{2028}d\u{e0041}"),
            "a\\u{2066}b\\u{200b}c\\u{2028}d\\u{e0041}"
        );
        assert_eq!(clean("sun ☀\u{fe0f} شمس"), "sun ☀\u{fe0f} شمس");
    }
}
