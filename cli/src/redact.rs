//! Removes passwords from all output.

/// Replaces the password of every URL in the text, also of one in the wrong place, which the argument parser would
/// repeat.
pub(crate) fn passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find([' ', '\'', '"', '\n', '`']).unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        clean.push_str(&without_parameter(&without_user_password(url)));
        rest = tail;
    }
    clean.push_str(rest);
    clean
}

/// `user:secret@host` becomes `user:***@host`. A password may contain unencoded `@` and `/`, so the last `@` counts.
fn without_user_password(url: &str) -> String {
    let authority_end = url.find('?').unwrap_or(url.len());
    let (authority, query) = url.split_at(authority_end);
    // An unencoded `?` in the password would end the authority too early.
    let (authority, query) = if authority.contains('@') { (authority, query) } else { (url, "") };
    match authority.rsplit_once('@') {
        Some((user_info, host)) => match user_info.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}{query}"),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

/// `?password=secret` becomes `?password=***`.
fn without_parameter(url: &str) -> String {
    let Some((front, query)) = url.split_once('?') else { return url.to_owned() };
    let parameters: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.eq_ignore_ascii_case("password") => format!("{name}=***"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{front}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::passwords;

    #[test]
    fn a_password_is_removed_from_every_url_in_a_text() {
        for (text, clean) in [
            ("postgres://u:secret@h/d", "postgres://u:***@h/d"),
            (
                "unexpected 'postgres://u:secret@h:1/d?x=1' found",
                "unexpected 'postgres://u:***@h:1/d?x=1' found",
            ),
            ("postgres://u:se@cr/et@h/d", "postgres://u:***@h/d"),
            ("postgres://u:se?cret@h/d", "postgres://u:***@h/d"),
            ("postgres://h/d?password=secret&user=u", "postgres://h/d?password=***&user=u"),
            ("postgres://u:a@h/d and postgres://u:b@h/d", "postgres://u:***@h/d and postgres://u:***@h/d"),
        ] {
            assert_eq!(passwords(text), clean);
        }
    }

    #[test]
    fn text_without_a_password_does_not_change() {
        for text in
            ["postgres://u@h/d", "postgres:///d?host=/tmp", "nothing: here", "see https://example.org/a:b"]
        {
            assert_eq!(passwords(text), text);
        }
    }
}
