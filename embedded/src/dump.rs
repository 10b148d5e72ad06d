//! Dumps that can be compared: without the options that the server keeps for itself.
//!
//! Since the releases of November 2026 (15.20) PostgreSQL keeps a version of each column among the column's options,
//! as `pg_attver=N`, and gives it another value at each rewrite of the table. `pg_dump` of those releases leaves it out; an
//! earlier one prints `ALTER TABLE ONLY t ALTER COLUMN c SET (pg_attver=N);`, so that two dumps of one state differ. This module
//! removes options of columns whose names begin with `pg_` from those statements, for every version of `pg_dump`: users
//! cannot set one. Rows, function bodies, comments and all other statements do not change.

use std::io::{self, BufRead};
use std::ops::Range;

/// A dump in plain text by `pg_dump`, without the options that the server keeps for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The text.
    pub bytes: Vec<u8>,
    /// The number of removed options. None if this `pg_dump` leaves them out itself.
    pub options_left_out: u64,
}

impl Dump {
    /// Removes the server's own options from a dump in plain text.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        let mut lines = DumpLines::new(text);
        let mut bytes = Vec::with_capacity(text.len());
        // Reading from memory cannot fail.
        while matches!(lines.read_line(&mut bytes), Ok(true)) {}
        Self { bytes, options_left_out: lines.options_left_out() }
    }
}

/// Reads a dump line by line, without the options that the server keeps for itself.
#[derive(Debug)]
pub struct DumpLines<R> {
    dump: R,
    place: DumpContext,
    options_left_out: u64,
}

/// The context in which a line of a dump begins.
#[derive(Debug, PartialEq, Eq)]
enum DumpContext {
    /// Between two statements.
    Between,
    /// Within a statement, outside of quotes.
    Statement,
    /// Within a string (`'`) or a quoted name (`"`).
    Quoted(u8),
    /// Within a string that ends with this tag, such as `$_$`.
    Dollar(Vec<u8>),
    /// Within the rows of a `COPY .. FROM stdin`.
    Rows,
}

impl<R: BufRead> DumpLines<R> {
    /// Over a dump in plain text.
    pub fn new(dump: R) -> Self {
        Self { dump, place: DumpContext::Between, options_left_out: 0 }
    }

    /// Appends the next line, its end included, to `line`. Returns `false` at the end of the dump.
    ///
    /// A `COPY` or `ALTER TABLE ONLY` of several lines, as with a line break in a name, counts as one.
    ///
    /// # Errors
    /// When the dump cannot be read.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let start = line.len();
        loop {
            if self.dump.read_until(b'\n', line)? == 0 {
                return Ok(false);
            }
            if self.place == DumpContext::Rows {
                if line[start..] == *b"\\.\n" {
                    self.place = DumpContext::Between;
                }
                return Ok(true);
            }
            let watched = self.place == DumpContext::Between && begins_watched(&line[start..]);
            self.place.pass(&line[start..]);
            if !watched {
                return Ok(true);
            }
            while self.place != DumpContext::Between {
                let from = line.len();
                if self.dump.read_until(b'\n', line)? == 0 {
                    break;
                }
                self.place.pass(&line[from..]);
            }
            if line[start..].starts_with(COPY) {
                if line.ends_with(b" FROM stdin;\n") {
                    self.place = DumpContext::Rows;
                }
                return Ok(true);
            }
            let Some(options) = column_options(&line[start..]) else {
                return Ok(true);
            };
            let options = start + options.start..start + options.end;
            let (kept, left_out) = without_servers_own(&line[options.clone()]);
            self.options_left_out += left_out;
            if !kept.is_empty() {
                line.splice(options, kept);
                return Ok(true);
            }
            line.truncate(start);
        }
    }

    /// The number of options removed so far.
    pub fn options_left_out(&self) -> u64 {
        self.options_left_out
    }
}

const COPY: &[u8] = b"COPY ";

fn begins_watched(line: &[u8]) -> bool {
    [COPY, b"ALTER TABLE ONLY ", b"ALTER FOREIGN TABLE ONLY "].iter().any(|begin| line.starts_with(begin))
}

impl DumpContext {
    /// The context after a line that begins here. `pg_dump` doubles quotes within quotes, and has no other escapes.
    fn pass(&mut self, line: &[u8]) {
        // A command of psql, as `\restrict`.
        if *self == Self::Between && line.starts_with(b"\\") {
            return;
        }
        let mut at = 0;
        while let Some(&byte) = line.get(at) {
            match self {
                Self::Rows => return,
                Self::Quoted(quote) => {
                    if byte == *quote {
                        *self = Self::Statement;
                    }
                    at += 1;
                }
                Self::Dollar(tag) => {
                    if line[at..].starts_with(tag) {
                        at += tag.len();
                        *self = Self::Statement;
                    } else {
                        at += 1;
                    }
                }
                Self::Between | Self::Statement => match byte {
                    b'-' if line[at..].starts_with(b"--") => return,
                    b';' => {
                        *self = Self::Between;
                        at += 1;
                    }
                    b'\'' | b'"' => {
                        *self = Self::Quoted(byte);
                        at += 1;
                    }
                    b'$' if at == 0 || !is_of_name(line[at - 1]) => {
                        let tag = dollar_tag(&line[at..]);
                        at += tag.map_or(1, <[u8]>::len);
                        *self = tag.map_or(Self::Statement, |tag| Self::Dollar(tag.to_owned()));
                    }
                    _ => {
                        if !byte.is_ascii_whitespace() {
                            *self = Self::Statement;
                        }
                        at += 1;
                    }
                },
            }
        }
    }
}

/// The `$tag$` at the beginning of a text.
fn dollar_tag(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().skip(1).position(|byte| !is_of_name(*byte) || *byte == b'$')? + 1;
    (text[length] == b'$').then(|| &text[..=length])
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Range of the options in `ALTER TABLE ONLY t ALTER COLUMN c SET (n_distinct=5, pg_attver=7);`.
fn column_options(statement: &[u8]) -> Option<Range<usize>> {
    const SET: &[u8] = b" SET (";
    let end = statement.len().checked_sub(b");\n".len())?;
    if !statement.ends_with(b");\n") || !contains(statement, b" ALTER COLUMN ") {
        return None;
    }
    // The last one: a name may contain such a text, options cannot.
    let start = statement.windows(SET.len()).rposition(|window| window == SET)? + SET.len();
    (start <= end).then_some(start..end)
}

/// The options that users set, and how many are left out.
fn without_servers_own(options: &[u8]) -> (Vec<u8>, u64) {
    const BETWEEN: &[u8] = b", ";
    let text = String::from_utf8_lossy(options);
    let all: Vec<&str> = text.split(", ").collect();
    let kept: Vec<&[u8]> =
        all.iter().filter(|option| !option.starts_with("pg_")).map(|option| option.as_bytes()).collect();
    (kept.join(BETWEEN), (all.len() - kept.len()) as u64)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str) -> (String, u64) {
        let dump = Dump::of_text(text.as_bytes());
        (String::from_utf8(dump.bytes).unwrap(), dump.options_left_out)
    }

    #[test]
    fn the_servers_own_options_are_removed_and_those_of_users_stay() {
        let text = "CREATE TABLE public.t (\n    a integer\n);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=22158952, n_distinct=-0.5);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN b SET (pg_attver=22224264);\n\
            ALTER FOREIGN TABLE ONLY public.f ALTER COLUMN b SET (pg_attver=1, pg_more=2);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=3);\n";
        let expected = "CREATE TABLE public.t (\n    a integer\n);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN a SET (n_distinct=-0.5);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=3);\n";
        assert_eq!(without(text), (expected.to_owned(), 4));
        assert_eq!(without(expected), (expected.to_owned(), 0));
    }

    #[test]
    fn names_may_contain_any_syntax() {
        let text = "ALTER TABLE ONLY public.\"t\n SET (pg_x=1);\n\" ALTER COLUMN \"a SET (\"\"\n\" SET (pg_attver=5);\n\
            ALTER TABLE ONLY public.\"t\n\" ALTER COLUMN a SET (pg_attver=5, n_distinct=2);\n";
        let expected = "ALTER TABLE ONLY public.\"t\n\" ALTER COLUMN a SET (n_distinct=2);\n";
        assert_eq!(without(text), (expected.to_owned(), 2));
    }

    #[test]
    fn texts_of_users_do_not_change() {
        let own = "ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);\n";
        let texts = [
            format!("COPY public.t (x) FROM stdin;\n{own}\\.\n"),
            format!("COPY public.\"t\nx\" (x) FROM stdin;\n{own}\\.\n"),
            format!("CREATE FUNCTION f() RETURNS void\n    AS $_$\n{own}$$ a' \" $_$;\n"),
            format!("CREATE FUNCTION f() RETURNS void\n    AS '\n{own}it''s ';\n"),
            format!("COMMENT ON TABLE t IS 'a\n{own}';\n"),
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET STATISTICS 5;\n".to_owned(),
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT '\"'::text;\n".to_owned(),
            "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT c CHECK ((a > 1));\nno end".to_owned(),
        ];
        for text in texts {
            assert_eq!(without(&text), (text.clone(), 0));
            // The next statement is read, too.
            if !text.ends_with("no end") {
                let (kept, left_out) = without(&format!("{text}\\unrestrict it's\n-- it's\n{own}"));
                assert_eq!((kept, left_out), (format!("{text}\\unrestrict it's\n-- it's\n"), 1));
            }
        }
    }

    #[test]
    fn a_function_that_speaks_of_copy_has_no_rows() {
        let text = "CREATE FUNCTION f() RETURNS void\n    AS $$\nCOPY t (a) FROM stdin;\n-- 5\" wide\n$$;\n\
            ALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=5);\nALTER TABLE ONLY t ALTER COLUMN a$b$c SET (pg_attver=5);\n";
        let expected =
            "CREATE FUNCTION f() RETURNS void\n    AS $$\nCOPY t (a) FROM stdin;\n-- 5\" wide\n$$;\n";
        assert_eq!(without(text), (expected.to_owned(), 2));
    }
}
