//! Splits SQL text into statements and words, as far as the program's own scripts need it.

/// The statements of a script, without the comments between them. Dollar-quoted text is not changed.
pub(super) fn statements(script: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        let (taken, kept) = if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if first == '\'' {
            (rest[1..].find('\'').map_or(rest.len(), |at| at + 2), true)
        } else if let Some(tag) = dollar_tag(rest) {
            let body = &rest[tag.len()..];
            (body.find(tag).map_or(rest.len(), |at| at + 2 * tag.len()), true)
        } else {
            (first.len_utf8(), true)
        };
        if first == ';' {
            found.push(String::new());
        } else if kept && let Some(statement) = found.last_mut() {
            statement.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    found.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// `$$` or `$name$` at the beginning of a text.
fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let end = inner.find('$')?;
    let name = inner.get(..end)?;
    name.chars().all(|c| c.is_ascii_alphabetic() || c == '_').then(|| &text[..end + 2])
}

/// The first dollar-quoted text of a statement, and the text before it.
pub(super) fn dollar_quoted(statement: &str) -> Option<(&str, &str)> {
    let at = statement.char_indices().find_map(|(at, _)| dollar_tag(&statement[at..]).map(|tag| (at, tag)));
    let (at, tag) = at?;
    let body = &statement[at + tag.len()..];
    Some((&statement[..at], &body[..body.find(tag)?]))
}

/// The content of the parentheses at the beginning of a text, and the text after them.
pub(super) fn parenthesised(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(1..at)?, &text[at + 1..]));
        }
    }
    None
}

/// The parts between the commas outside of parentheses.
pub(super) fn listed(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// A type by the name that the catalogue gives it.
pub(super) fn type_name(written: &str) -> String {
    let (element, array) = written.strip_suffix("[]").map_or((written, ""), |element| (element, "[]"));
    let name = match element {
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        "bool" => "boolean",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        other => other,
    };
    format!("{name}{array}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_cut_at_its_semicolons_outside_of_quotes_and_comments() {
        let script = "-- a; b\nSELECT ';' ; DO $x$ BEGIN -- kept; \n $$ ; $$ END $x$;\n\nSELECT 2 -- end";
        assert_eq!(
            statements(script),
            ["SELECT ';'", "DO $x$ BEGIN -- kept; \n $$ ; $$ END $x$", "SELECT 2"]
        );
        assert_eq!(dollar_quoted("DO $x$ a $$ b $$ $x$"), Some(("DO ", " a $$ b $$ ")));
        assert_eq!(listed("a (b, c), d"), ["a (b, c)", "d"]);
        assert_eq!(parenthesised("(a (b)) c"), Some(("a (b)", " c")));
    }
}
