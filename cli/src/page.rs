//! Text for a person: pages are built whole and printed at once, so that they can be tested as text.

pub(crate) mod adopt;
pub(crate) mod drift;
pub(crate) mod figures;
pub(crate) mod history;
pub(crate) mod plan;
pub(crate) mod quarantine;
pub(crate) mod rebuild;
pub(crate) mod rehearse;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod timeline;
pub(crate) mod verify;

use crate::style::BOLD;
use std::borrow::Cow;
use std::fmt::Display;

/// A text under construction.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) -> &mut Self {
        self.text.push_str(&line.to_string());
        self.text.push('\n');
        self
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }

    /// A heading after an empty line.
    pub(crate) fn heading(&mut self, title: impl Display) -> &mut Self {
        self.gap().line(format_args!("{BOLD}{title}{BOLD:#}"))
    }

    /// A name and its value, the values below each other.
    pub(crate) fn entry(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.line(format_args!("  {name:<26}{value}"))
    }

    /// The text so far.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// What users wrote, made harmless for a terminal: control characters could move the cursor over other lines.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().flat_map(escaped).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let plain = (!character.is_control()).then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn control_characters_of_users_do_not_reach_the_terminal() {
        assert_eq!(clean("Entwurf ä"), "Entwurf ä");
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
