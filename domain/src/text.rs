//! Invisible characters: a name must not consist of them, and a terminal must not interpret them.

/// Ranges of characters without a glyph of their own: Unicode's `Default_Ignorable_Code_Point`, the separators of lines and
/// paragraphs, and the interlinear annotations. Controls of direction are among them.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    // The Braille pattern without a dot.
    ('\u{2800}', '\u{2800}'),
];

/// Whether a character has no glyph of its own, white space and control characters apart.
pub fn is_invisible(character: char) -> bool {
    INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// Whether a text has a visible character.
pub fn has_visible(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_invisible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_without_glyph_are_invisible_and_letters_are_not() {
        for invisible in "\u{200b}\u{200e}\u{202e}\u{2066}\u{feff}\u{2028}\u{ad}\u{e0041}\u{3164}".chars() {
            assert!(is_invisible(invisible), "{invisible:?}");
        }
        for visible in "aß中ع🙂‐№\u{301}".chars() {
            assert!(!is_invisible(visible), "{visible:?}");
        }
        assert!(has_visible(" \u{200b}x") && has_visible("\u{1b}[2J"));
        for blank in ["", " \t", "\u{200b}", "\u{1b}\n", "\u{202e}\u{a0}", "\u{2800}"] {
            assert!(!has_visible(blank), "{blank:?}");
        }
    }
}
