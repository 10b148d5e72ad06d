//! Corrects the one expression that PostgreSQL prints in a form that it parses into another one.
//!
//! `status IN ('open', 'closed')` on a `character varying` is the most frequent check, and is printed as
//! `(status)::text = ANY ((ARRAY['open'::character varying, ..])::text[])`. When this is parsed, the cast is pushed down into the
//! array, which is printed as `ANY (ARRAY[('open'::character varying)::text, ..])`: a dump that was restored and dumped again
//! differs. Without the cast it is parsed into the first form: the comparison adds the cast by itself.

/// The statement with the cast of a whole `ARRAY[..]` behind `ANY` or `ALL` left out.
pub(super) fn canonical(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(length) = token(rest) {
        let (head, tail) = rest.split_at(length);
        out.push_str(head);
        rest = tail;
        if !out.ends_with("ANY (") && !out.ends_with("ALL (") {
            continue;
        }
        if let Some((array, behind)) = cast_array(rest) {
            out.push_str(&canonical(array));
            rest = behind;
        }
    }
    out
}

/// Length of the next token: a string, a quoted name, or one character.
fn token(sql: &str) -> Option<usize> {
    let first = sql.chars().next()?;
    let escapes = sql.starts_with("E'");
    if first != '\'' && first != '"' && !escapes {
        return Some(first.len_utf8());
    }
    let start = if escapes { 2 } else { 1 };
    let quote = if first == '"' { '"' } else { '\'' };
    let mut chars = sql[start..].char_indices().peekable();
    while let Some((place, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(start + place + 1);
        }
    }
    Some(sql.len())
}

/// Of `(ARRAY[..])::type[])..`, the `ARRAY[..]` and the rest from the last parenthesis on.
fn cast_array(sql: &str) -> Option<(&str, &str)> {
    let inner = sql.strip_prefix('(')?;
    let mut end = "ARRAY".len();
    if !inner.starts_with("ARRAY[") {
        return None;
    }
    let mut depth = 0;
    loop {
        let piece = &inner[end..end + token(&inner[end..])?];
        end += piece.len();
        match piece {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let mut at = inner[end..].strip_prefix(")::")?;
    // The type's name: quoted names, words, dots and a modifier in parentheses.
    while !at.starts_with("[])") {
        let piece = &at[..token(at)?];
        let plain = |c: char| c.is_alphanumeric() || " ._\"$,()".contains(c);
        if !piece.starts_with('"') && !piece.chars().all(plain) {
            return None;
        }
        at = &at[piece.len()..];
    }
    Some((&inner[..end], &at["[]".len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cast_of_the_array_is_removed() {
        assert_eq!(
            canonical(
                "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, ']'::character varying])::text[])))"
            ),
            "CHECK (((s)::text = ANY (ARRAY['a'::character varying, ']'::character varying])))"
        );
        assert_eq!(
            canonical(r#"(x <> ALL ((ARRAY[E'\\'')', ARRAY['b']])::public."Odd t"[])) AND y"#),
            r#"(x <> ALL (ARRAY[E'\\'')', ARRAY['b']])) AND y"#
        );
    }

    #[test]
    fn similar_text_inside_a_string_stays() {
        for sql in [
            "COMMENT ON TABLE t IS 'x = ANY ((ARRAY[1])::text[])'",
            r"COMMENT ON TABLE t IS E'\' = ANY ((ARRAY[1])::text[])'",
            r#"SELECT "ANY ((ARRAY[1])::text[])""#,
            "x = ANY (ARRAY[1, 2])",
            "x = ANY ((f(1))::text[])",
            "x = ANY ((ARRAY[1",
            "'unterminated",
        ] {
            assert_eq!(canonical(sql), sql);
        }
    }
}
