//! The units of a line: words, commands to copy, and SQL statements.

use crate::width::of_text;
use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthChar;

/// Words that begin a command to copy.
const COMMANDS: [&str; 2] = ["phaseline", "PGPASSWORD=…"];
/// The same if an option or a quoted argument follows: messages begin with the names of these programs, too.
const PROGRAMS: [&str; 5] = ["curl", "psql", "pg_dump", "pg_restore", "createdb"];
/// Words behind which prose begins.
const LABELS: [&str; 5] = ["Usage:", "error:", "warning:", "hint:", "Note:"];
/// Words that begin an SQL statement to copy.
const STATEMENTS: [&str; 7] = ["ALTER", "CREATE", "DROP", "GRANT", "REVOKE", "SELECT", "SET"];

/// Begins a comment behind a statement.
const COMMENT: &str = "--";

/// The kind of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitKind {
    Word,
    /// A shell command: a line break within it needs a backslash.
    Command,
    /// An SQL statement: a line break between its words is harmless.
    Statement,
}

/// What stays on one line if it fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextUnit<'a> {
    /// The spaces before it.
    pub(super) gap: usize,
    /// Where it begins in its text, in bytes.
    start: usize,
    pub(super) text: &'a str,
    pub(super) width: usize,
    pub(super) kind: UnitKind,
}

impl<'a> TextUnit<'a> {
    fn new(gap: usize, start: usize, text: &'a str, kind: UnitKind) -> Self {
        Self { gap, start, text, width: of_text(text), kind }
    }

    pub(super) fn is_code(&self) -> bool {
        self.kind != UnitKind::Word
    }

    /// The columns that it needs; if it is code that must be broken in any case, those of its longest part.
    pub(super) fn needs(&self, columns: usize) -> usize {
        if self.is_code() && self.width + 4 > columns {
            return parts(self).iter().map(|part| part.width + 4).fold(0, usize::max);
        }
        self.width
    }
}

/// The units of a text without indentation.
pub(super) fn units(text: &str) -> Vec<TextUnit<'_>> {
    let words = words(text, &['`']);
    let mut units: Vec<TextUnit<'_>> = Vec::new();
    let mut next = 0;
    while let Some(word) = words.get(next) {
        let begins = units.last().is_none_or(|before| {
            let before = plain(before.text);
            before.ends_with(':') && !LABELS.contains(&before.as_str()) || before == "→"
        });
        let following = words.get(next + 1).map_or("", |word| word.text);
        let kind = if begins { kind_of(word.text, following) } else { UnitKind::Word };
        let last = match kind {
            UnitKind::Word => next,
            _ => end_of_code(&words, next, kind),
        };
        let end = words.get(last).map_or(text.len(), |last| last.start + last.text.len());
        units.push(TextUnit::new(word.gap, word.start, &text[word.start..end], kind));
        next = last + 1;
    }
    units
}

/// The kind of code that a word begins, with this one behind it.
fn kind_of(word: &str, following: &str) -> UnitKind {
    let word = plain(word);
    let is_called = following.starts_with(['-', '"', '\'', '$']);
    if COMMANDS.contains(&word.as_str()) || is_called && PROGRAMS.contains(&word.as_str()) {
        UnitKind::Command
    } else if STATEMENTS.contains(&word.as_str()) {
        UnitKind::Statement
    } else {
        UnitKind::Word
    }
}

/// The last word of the code that begins with this one. Prose may follow, but the comment behind a statement belongs to it.
fn end_of_code(words: &[TextUnit<'_>], first: usize, kind: UnitKind) -> usize {
    let ends = |word: &TextUnit<'_>| match kind {
        UnitKind::Statement => plain(word.text).ends_with([';', '.']),
        _ => plain(word.text).ends_with([';', '.', ',', ')']),
    };
    let end = words.iter().skip(first).position(ends).map(|length| first + length);
    match end {
        Some(end) if words.get(end + 1).is_none_or(|word| word.text != COMMENT) => end,
        _ => words.len().saturating_sub(1),
    }
}

/// The words of code, with the comment as one. What is in quotes is one word, since a line break would be part of it.
pub(super) fn parts<'a>(code: &TextUnit<'a>) -> Vec<TextUnit<'a>> {
    let mut parts = words(code.text, &['\'', '"']);
    if let Some(at) = parts.iter().position(|part| part.text == COMMENT) {
        let comment = parts[at];
        parts.truncate(at);
        parts.push(TextUnit::new(comment.gap, comment.start, &code.text[comment.start..], UnitKind::Word));
    }
    if let Some(first) = parts.first_mut() {
        first.gap = code.gap;
    }
    parts
}

/// Marks that end what is before them, and those that begin what is behind them: no line begins or ends with them.
const CLOSING: &str = "、。，．：；！？）」』】〕〉》ーっゃゅょッャュョ,.:;!?)]}…";
const OPENING: &str = "（「『【〔〈《([{";

/// The parts of a word between which it may be broken: beside wide characters.
pub(super) fn pieces<'a>(word: &TextUnit<'a>) -> Vec<TextUnit<'a>> {
    let mut cuts = vec![0];
    let mut before: Option<char> = None;
    let mut in_colour = false;
    for (at, character) in word.text.char_indices() {
        // A colour belongs to what is before it, or at the beginning to what is behind it.
        if character == '\u{1b}' || in_colour {
            in_colour = character != 'm';
            continue;
        }
        let width = character.width().unwrap_or(0);
        if let Some(last) = before {
            let is_beside_wide = width == 2 || last.width() == Some(2);
            let is_joined = width == 0 || last == JOINER;
            if is_beside_wide && !is_joined && !CLOSING.contains(character) && !OPENING.contains(last) {
                cuts.push(at);
            }
        }
        // What is joined to a wide character ends as it does.
        before = if width == 0 && character != JOINER { before } else { Some(character) };
    }
    cuts.push(word.text.len());
    let parts = cuts.windows(2).filter_map(|cut| Some((*cut.first()?, *cut.last()?)));
    parts
        .map(|(start, end)| {
            let gap = if start == 0 { word.gap } else { 0 };
            TextUnit::new(gap, word.start + start, &word.text[start..end], UnitKind::Word)
        })
        .collect()
}

/// Joins emoji to one.
const JOINER: char = '\u{200d}';

/// The words of a text; what is in these quotes is one word.
fn words<'a>(text: &'a str, quotes: &[char]) -> Vec<TextUnit<'a>> {
    let (mut words, mut quote, mut start, mut gap) = (Vec::new(), None, None, 0);
    for (at, character) in text.char_indices() {
        match (character, quote) {
            (' ', None) => {
                if let Some(start) = start.take() {
                    words.push(TextUnit::new(gap, start, &text[start..at], UnitKind::Word));
                    gap = 0;
                }
                gap += 1;
                continue;
            }
            (_, Some(open)) if character == open => quote = None,
            (_, None) if quotes.contains(&character) && text[at + 1..].contains(character) => {
                quote = Some(character);
            }
            _ => {}
        }
        start = start.or(Some(at));
    }
    if let Some(start) = start {
        words.push(TextUnit::new(gap, start, &text[start..], UnitKind::Word));
    }
    words
}

/// The text without colours.
pub(super) fn plain(text: &str) -> String {
    strip_str(text).to_string()
}
