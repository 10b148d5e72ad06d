//! Dumps that can be compared: without what the server keeps for itself.
//!
//! Since the releases of November 2026 (15.20) PostgreSQL keeps a version of each column among the column's options,
//! as `pg_attver=N`, and gives it another value at each rewrite of the table. `pg_dump` of those releases leaves it out; an
//! older one prints `ALTER TABLE ONLY t ALTER COLUMN c SET (pg_attver=N);`, so that two dumps of one state differ. Here such
//! options are taken out of the text, whichever `pg_dump` wrote it. A name that begins with `pg_` is PostgreSQL's
//! own: nothing that users name may begin so.

use std::io::{self, BufRead};

/// A dump in plain text, as `pg_dump` wrote it but for the options that the server keeps for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The text.
    pub bytes: Vec<u8>,
    /// How many options were taken out. More than none only if `pg_dump` is older than the server.
    pub options_left_out: u64,
}

/// Reads a dump line by line, without the options that the server keeps for itself.
#[derive(Debug)]
pub struct DumpLines<R> {
    dump: R,
    /// Within the rows of a `COPY .. FROM stdin`.
    in_rows: bool,
    options_left_out: u64,
}

impl<R: BufRead> DumpLines<R> {
    /// Over a dump in plain text.
    pub fn new(dump: R) -> Self {
        Self { dump, in_rows: false, options_left_out: 0 }
    }

    /// Appends the next line, its end included, to `line`. Returns `false` at the end of the dump.
    ///
    /// A statement that spans several lines because of a line break in a name counts as one.
    ///
    /// # Errors
    /// When the dump cannot be read.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let start = line.len();
        loop {
            if self.dump.read_until(b'\n', line)? == 0 {
                return Ok(false);
            }
            if self.in_rows {
                self.in_rows = line[start..] != *b"\\.\n";
                return Ok(true);
            }
            if line[start..].starts_with(b"COPY ") && line.ends_with(b" FROM stdin;\n") {
                self.in_rows = true;
                return Ok(true);
            }
            if !alters_table(&line[start..]) {
                return Ok(true);
            }
            while ends_in_name(&line[start..]) && self.dump.read_until(b'\n', line)? > 0 {}
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

    /// How many options were taken out so far.
    pub fn options_left_out(&self) -> u64 {
        self.options_left_out
    }
}

impl Dump {
    /// Takes the server's own options out of a dump in plain text.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        let mut lines = DumpLines::new(text);
        let mut bytes = Vec::with_capacity(text.len());
        // What lies in memory can always be read.
        while matches!(lines.read_line(&mut bytes), Ok(true)) {}
        Self { bytes, options_left_out: lines.options_left_out() }
    }
}

fn alters_table(line: &[u8]) -> bool {
    line.starts_with(b"ALTER TABLE ONLY ") || line.starts_with(b"ALTER FOREIGN TABLE ONLY ")
}

/// Whether a quoted name is still open at the end of this text.
fn ends_in_name(text: &[u8]) -> bool {
    let mut quote = None;
    for byte in text.iter().filter(|byte| matches!(byte, b'"' | b'\'')) {
        match quote {
            None => quote = Some(byte),
            Some(open) if open == byte => quote = None,
            Some(_) => {}
        }
    }
    quote == Some(&b'"')
}

/// Where the options stand in `ALTER TABLE ONLY t ALTER COLUMN c SET (n_distinct=5, pg_attver=7);`.
fn column_options(statement: &[u8]) -> Option<std::ops::Range<usize>> {
    const SET: &[u8] = b" SET (";
    let end = statement.len().checked_sub(b");\n".len())?;
    if !statement.ends_with(b");\n") || !contains(statement, b" ALTER COLUMN ") {
        return None;
    }
    // The last one: a name may hold such a text, and options hold none.
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
    fn the_servers_own_options_go_and_those_of_users_stay() {
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
    fn names_may_look_like_anything() {
        let text = "ALTER TABLE ONLY public.\"t\n SET (pg_x=1);\n\" ALTER COLUMN \"a SET (\"\"\n\" SET (pg_attver=5);\n\
            ALTER TABLE ONLY public.\"t\n\" ALTER COLUMN a SET (pg_attver=5, n_distinct=2);\n";
        let expected = "ALTER TABLE ONLY public.\"t\n\" ALTER COLUMN a SET (n_distinct=2);\n";
        assert_eq!(without(text), (expected.to_owned(), 2));
    }

    #[test]
    fn everything_else_stays_as_it_is_rows_above_all() {
        let text = "COPY public.t (x) FROM stdin;\n\
            ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);\n\\.\n\
            ALTER TABLE ONLY public.t ALTER COLUMN a SET STATISTICS 5;\n\
            ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT '\"'::text;\n\
            ALTER TABLE ONLY public.t SET (fillfactor=70);\n\
            ALTER TABLE ONLY public.t\n    ADD CONSTRAINT c CHECK ((a > 1));\n\
            INSERT INTO t VALUES ('\nALTER DATABASE d SET (pg_attver=1);\n');\nno end";
        assert_eq!(without(text), (text.to_owned(), 0));
    }
}
