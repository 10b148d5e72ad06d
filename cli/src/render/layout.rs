//! Lays text out for a width: lines wrap between words and continue below their text. Ids, digests and other words are never broken;
//! commands and SQL statements keep their meaning when they are copied.

mod units;

use crate::width::of_text;
use units::{TextUnit, UnitKind, parts, pieces, plain, units};

/// The widest prose; wider lines are hard to read.
const WIDEST_PROSE: usize = 100;
/// The narrowest layout.
const NARROWEST: usize = 20;
/// The narrowest second column; below it the column moves under the first one.
const LEAST_COLUMN: usize = 30;
/// The widest name of a line with a name and a value, with its indentation.
const WIDEST_NAME: usize = 34;

/// The rules for one width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The width for commands, statements and single words.
    columns: usize,
    /// The width for prose.
    prose: usize,
    /// The further indentation of a continued line.
    hang: usize,
    /// The further indentation of a continued command.
    command_hang: usize,
    /// The widest first column.
    widest_name: usize,
}

impl Layout {
    /// For results, errors and remarks.
    pub(crate) fn page(columns: usize) -> Self {
        let columns = columns.max(NARROWEST);
        let prose = columns.min(WIDEST_PROSE);
        Self { columns, prose, hang: 2, command_hang: 2, widest_name: WIDEST_NAME }
    }

    /// For help texts, whose lists are paragraphs, and whose examples have their explanations in a second column.
    pub(crate) fn help(columns: usize) -> Self {
        let columns = columns.clamp(NARROWEST, WIDEST_PROSE);
        Self { columns, prose: columns, hang: 0, command_hang: 4, widest_name: columns }
    }

    /// The text with each of its lines wrapped.
    pub(crate) fn text(&self, text: &str) -> String {
        text.split('\n').map(|line| self.line(line)).collect::<Vec<_>>().join("\n")
    }

    /// The line, wrapped; if it has a second column, within that column.
    fn line(&self, line: &str) -> String {
        let width = of_text(line);
        if width <= self.prose {
            return line.to_owned();
        }
        let units = units(line.trim_start_matches(' '));
        if width <= self.columns && units.iter().any(TextUnit::is_code) {
            return line.to_owned();
        }
        if let Some(rule) = rule(line, self.columns) {
            return rule;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        if let Some((name, value)) = self.columns_of(line) {
            return self.name_and_value(line, name, value);
        }
        // A narrow terminal has no space for a deep indentation.
        let indent = if indent + LEAST_COLUMN > self.columns { indent.min(4) } else { indent };
        let first = " ".repeat(indent);
        let is_labelled = units.first().is_some_and(|word| plain(word.text).ends_with(':'));
        let hang = if indent > 0 || is_labelled { self.hang } else { 0 };
        self.fill(&units, &first, indent + hang)
    }

    /// The end of the first column and the beginning of the second one.
    fn columns_of(&self, line: &str) -> Option<(usize, usize)> {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let mut found = None;
        let mut from = indent;
        while let Some(gap) = line[from..].find("  ") {
            let end = from + gap;
            let value = end + (line[end..].len() - line[end..].trim_start_matches(' ').len());
            if of_text(&line[..value]) > self.widest_name {
                break;
            }
            if value < line.len() {
                found = Some((end, value));
            }
            from = value;
        }
        found
    }

    fn name_and_value(&self, line: &str, name: usize, value: usize) -> String {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let column = of_text(&line[..value]);
        let units = units(&line[value..]);
        let needed = units.iter().map(|unit| unit.needs(self.columns)).fold(LEAST_COLUMN, usize::max);
        if column + needed <= self.columns {
            return self.fill(&units, &line[..value], column);
        }
        let under = indent + if self.hang == 0 { 4 } else { 2 };
        let head = self.line(&line[..name]);
        format!("{head}\n{}", self.fill(&units, &" ".repeat(under), under))
    }

    /// The units in lines: the first begins with `first`, the others with `indent` spaces.
    fn fill(&self, units: &[TextUnit<'_>], first: &str, indent: usize) -> String {
        let mut lines = WrappedLines { text: first.to_owned(), used: of_text(first), is_empty: true };
        for unit in units {
            let room = if unit.is_code() { self.columns } else { self.prose };
            if !lines.has_room(unit, room) && !lines.is_empty {
                lines.break_line("", indent);
            }
            if lines.has_room(unit, room) {
                lines.push(unit);
            } else if unit.is_code() {
                self.fill_with_code(&mut lines, unit);
            } else {
                fill_with_pieces(&mut lines, unit, room, indent);
            }
        }
        lines.text
    }

    /// Code that is wider than a line.
    fn fill_with_code(&self, lines: &mut WrappedLines, code: &TextUnit<'_>) {
        let indent = lines.used + self.command_hang;
        let mark = if code.kind == UnitKind::Command { " \\" } else { "" };
        let parts = parts(code);
        for (number, part) in parts.iter().enumerate() {
            let is_last = number + 1 == parts.len();
            let room = self.columns - if is_last { 0 } else { mark.len() };
            if !lines.has_room(part, room) && !lines.is_empty {
                lines.break_line(mark, indent);
            }
            lines.push(part);
        }
    }
}

/// A word that is wider than a line: it is broken between wide characters, as their script is; other words are not broken.
fn fill_with_pieces(lines: &mut WrappedLines, word: &TextUnit<'_>, columns: usize, indent: usize) {
    for piece in pieces(word) {
        if !lines.has_room(&piece, columns) && !lines.is_empty {
            lines.break_line("", indent);
        }
        lines.push(&piece);
    }
}

/// Lines that are being filled.
struct WrappedLines {
    text: String,
    /// The columns of the last line.
    used: usize,
    /// Whether the last line has only its indentation.
    is_empty: bool,
}

impl WrappedLines {
    const fn has_room(&self, unit: &TextUnit<'_>, columns: usize) -> bool {
        let gap = if self.is_empty { 0 } else { unit.gap };
        self.used + gap + unit.width <= columns
    }

    fn break_line(&mut self, mark: &str, indent: usize) {
        self.text.push_str(mark);
        self.text.push('\n');
        self.text.push_str(&" ".repeat(indent));
        (self.used, self.is_empty) = (indent, true);
    }

    fn push(&mut self, unit: &TextUnit<'_>) {
        if !self.is_empty {
            self.text.push_str(&" ".repeat(unit.gap));
            self.used += unit.gap;
        }
        self.text.push_str(unit.text);
        (self.used, self.is_empty) = (self.used + unit.width, false);
    }
}

/// A line across the page, as wide as the terminal.
fn rule(line: &str, columns: usize) -> Option<String> {
    let first = line.chars().next()?;
    let is_rule = !first.is_alphanumeric() && line.chars().all(|character| character == first);
    is_rule.then(|| line.chars().take(columns).collect())
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn lines_wrap_between_words_and_continue_below_their_text() {
        let page = Layout::page(30);
        assert_eq!(page.text("  short"), "  short");
        assert_eq!(
            page.text("  one two three four five six seven"),
            "  one two three four five six\n    seven"
        );
        assert_eq!(
            page.text("one two three four five six seven eight"),
            "one two three four five six\nseven eight"
        );
        assert_eq!(
            page.text("error: no such thing as a free lunch"),
            "error: no such thing as a free\n  lunch"
        );
        let id = "3ead6511-0f6c-4a53-9f8c-000000000000";
        assert_eq!(page.text(&format!("  phase {id}")), format!("  phase\n    {id}"));
        assert_eq!(page.text(&"=".repeat(80)), "=".repeat(30));
    }

    #[test]
    fn values_continue_below_themselves_or_below_their_name() {
        let entry = format!("  {:<26}{}", "name", "a value of several words, too long for the line");
        assert_eq!(
            Layout::page(60).text(&entry),
            "  name                      a value of several words, too\n                            long for the line"
        );
        assert_eq!(
            Layout::page(44).text(&entry),
            "  name\n    a value of several words, too long for\n    the line"
        );
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            Layout::page(80).text(&format!("  {:<26}{digest}", "digest")),
            format!("  digest\n    {digest}")
        );
    }

    #[test]
    fn commands_and_statements_can_be_copied() {
        let page = Layout::page(40);
        assert_eq!(
            page.text("error: it is too old. Run: phaseline upgrade --check; then again"),
            "error: it is too old. Run:\n  phaseline upgrade --check; then again"
        );
        assert_eq!(
            page.text("  phaseline phase rename ID 'a b c' --reason 'd e' --actor x"),
            "  phaseline phase rename ID 'a b c' \\\n    --reason 'd e' --actor x"
        );
        assert_eq!(
            page.text("  GRANT USAGE ON SCHEMA public TO \"a role\"; -- to rehearse on a copy"),
            "  GRANT USAGE ON SCHEMA public TO\n    \"a role\"; -- to rehearse on a copy"
        );
        assert_eq!(
            page.text("see what `phaseline status --json` says, then go"),
            "see what `phaseline status --json` says,\nthen go"
        );
        let prose = "error: pg_dump is older than the server, it seems";
        assert_eq!(page.text(prose), "error: pg_dump is older than the server,\n  it seems");
        // Colours take no space.
        let bold = "\u{1b}[1mone\u{1b}[0m two three four five six seven eight nine";
        assert_eq!(page.text(bold), "\u{1b}[1mone\u{1b}[0m two three four five six seven eight\nnine");
    }

    #[test]
    fn wide_words_break_between_wide_characters() {
        let page = Layout::page(20);
        assert_eq!(page.text("  設計と建設、設計と建設の段階"), "  設計と建設、設計と\n    建設の段階");
        assert_eq!(page.text("(設計と建設の段階設計と建設)"), "(設計と建設の段階設\n計と建設)");
        // A mark that ends a part does not begin a line, nor does half of a character.
        assert_eq!(page.text("一二三四五六七八九十、一"), "一二三四五六七八九\n十、一");
        assert_eq!(page.text("a設計と建設 設計と建設の"), "a設計と建設\n設計と建設の");
        let bold = "\u{1b}[1m一二三四五六七八九十一二\u{1b}[0m";
        assert_eq!(page.text(bold), "\u{1b}[1m一二三四五六七八九十\n一二\u{1b}[0m");
    }

    #[test]
    fn help_has_paragraphs_and_explanations_in_a_second_column() {
        assert_eq!(
            Layout::help(34).text("  phaseline phase rename ID 'a b c' --reason x"),
            "  phaseline phase rename ID \\\n      'a b c' --reason x"
        );
        assert_eq!(
            Layout::help(40).text("  3  one two three four five six seven eight nine"),
            "  3  one two three four five six seven\n     eight nine"
        );
        assert_eq!(
            Layout::help(28).text("  phaseline plan    what it does"),
            "  phaseline plan\n      what it does"
        );
        assert_eq!(Layout::help(28).text("short"), "short");
    }
}
