//! Masks the parts of a line that differ between runs, and maps ids.

use std::collections::BTreeMap;

/// A masked line.
#[derive(Debug)]
pub(super) struct Masked {
    pub(super) text: String,
    /// Ids and hashes in order.
    ids: Vec<String>,
}

/// The ids and hashes of this run for those of the document.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// The text with the ids of this run.
    pub(super) fn translate(&self, command: &str) -> String {
        self.0.iter().fold(command.to_owned(), |command, (name, today)| command.replace(name, today))
    }

    /// Fails if the lines differ, or if an id maps to another one than before.
    pub(super) fn compare(&mut self, document: &[String], program: &[String]) -> Result<(), String> {
        let halves = |lines: &[String]| -> (Vec<String>, Vec<String>) {
            let lines: Vec<_> = lines.iter().map(|line| masked(line)).collect();
            let ids = lines.iter().flat_map(|line| line.ids.clone()).collect();
            (lines.into_iter().map(|line| line.text).collect(), ids)
        };
        let ((expected, names), (found, today)) = (halves(document), halves(program));
        let mut result = Ok(());
        if names.len() == today.len() {
            for (name, today) in names.into_iter().zip(today) {
                match self.0.get(&name) {
                    Some(before) if *before != today => {
                        result = Err(format!("{name} was {before} before, and is {today} now"));
                    }
                    _ => _ = self.0.insert(name, today),
                }
            }
        }
        match expected.iter().zip(&found).find(|(expected, found)| expected != found) {
            Some((expected, found)) => Err(format!("{found:?} is not {expected:?}")),
            None if expected.len() != found.len() => {
                Err(format!("{} lines instead of {}", found.len(), expected.len()))
            }
            None => result,
        }
    }
}

/// The line with `<id>` for ids and hashes and `<any>` for times, sizes, versions, ports and process ids. A line with one
/// of the latter is compared without its spacing, which depends on their lengths.
pub(super) fn masked(line: &str) -> Masked {
    let words: Vec<Word<'_>> = line.split_whitespace().map(Word::of).collect();
    let ids: Vec<String> =
        words.iter().filter(|word| word.is_id()).map(|word| word.core.to_owned()).collect();
    let (mut shown, mut any, mut index) = (Vec::new(), false, 0);
    while let Some(word) = words.get(index) {
        let before = index.checked_sub(1).map_or("", |before| words[before].core);
        let reach = differing(&words[index..], before).min(words.len() - index);
        let (core, last) = match reach {
            0 if word.is_id() => ("<id>", word),
            0 => (word.core, word),
            reach => ("<any>", &words[index + reach - 1]),
        };
        // Drops the closing bracket of one that was opened in between.
        let opened = words[index..index + reach.max(1)].iter().skip(1).any(|word| word.lead == "(");
        let trail = if opened { last.trail.trim_start_matches(')') } else { last.trail };
        shown.push(format!("{}{core}{trail}", word.lead));
        any |= reach > 0;
        index += reach.max(1);
    }
    let text = if any {
        shown.join(" ")
    } else {
        ids.iter().fold(line.trim_end().to_owned(), |line, id| line.replace(id, "<id>"))
    };
    Masked { text, ids }
}

/// The number of leading words that differ between runs.
fn differing(words: &[Word<'_>], before: &str) -> usize {
    let word = |index: usize| words.get(index).map_or("", |word| word.core);
    let is_number = word(0).starts_with(|first: char| first.is_ascii_digit());
    if is_number && word(1).contains(':') && word(2) == "UTC" {
        3
    } else if is_number && matches!(word(1), "ms" | "s" | "min" | "B" | "kB" | "MB") {
        2
    } else if is_number && before == "PostgreSQL" {
        // The vendor may add a version: (Debian 15.18-0+deb12u1).
        if words.get(1).is_some_and(|word| word.lead == "(") { 3 } else { 1 }
    } else if word(0).ends_with("/pg_dump") && word(1) == "version" {
        words.len()
    } else {
        let is_time = is_number && word(0).contains('T') && word(0).ends_with('Z');
        usize::from(
            is_time || is_number && matches!(before, "pid" | "process") || word(0).starts_with("127.0.0.1:"),
        )
    }
}

/// A word and the punctuation around it.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    lead: &'a str,
    core: &'a str,
    trail: &'a str,
}

impl<'a> Word<'a> {
    fn of(word: &'a str) -> Self {
        let begin = word.len() - word.trim_start_matches(['(', '\'', '"']).len();
        let (lead, rest) = word.split_at(begin);
        let (core, trail) = rest.split_at(rest.trim_end_matches([')', '\'', '"', ',', ';', ':', '.']).len());
        Self { lead, core, trail }
    }

    /// An id, a hash, or a head.
    fn is_id(self) -> bool {
        let hash = self.core.trim_start_matches("sha256:");
        // A head of the log has its position in front.
        let hash = hash
            .trim_start_matches(|character: char| character.is_ascii_digit())
            .strip_prefix(':')
            .unwrap_or(hash);
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        hex(hash) && (hash.len() == 64 || hash.len() == 36 && hash.matches('-').count() == 4)
    }
}
