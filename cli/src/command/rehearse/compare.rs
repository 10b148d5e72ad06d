//! Compares two dumps of the copy. The first goes to an unnamed temporary file; the second is streamed and compared.

use super::counted::{CountedReader, reported};
use super::programs::{Programs, ended};
use crate::database_url::DatabaseUrl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::rehearse::DumpDifference;
use phaseline_embedded::DumpLines;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Child;

/// Number of lines shown of either dump.
const LINES: usize = 3;

/// Length shown of a line.
const SHOWN: usize = 200;

/// The dump before the first step.
pub(super) struct FirstDump {
    file: File,
    pub(super) bytes: u64,
}

impl FirstDump {
    pub(super) async fn write(programs: &Programs, url: &DatabaseUrl) -> Result<Self, Failure> {
        let file = tempfile::tempfile().map_err(|error| no_room(&error))?;
        let into = file.try_clone().map_err(|error| no_room(&error))?;
        let output =
            programs.dump(url, Stdio::from(into))?.wait_with_output().await.map_err(|error| {
                Failure::unexpected(format!("pg_dump could not be run to its end: {error}"))
            })?;
        ended(output.status, "pg_dump", &output.stderr)?;
        let bytes = file.metadata().map_err(|error| no_room(&error))?.len();
        Ok(Self { file, bytes })
    }

    /// Compares it with a new dump of the copy, ignoring options that the server reserves. `report` gets the compared bytes of this one
    /// from time to time.
    pub(super) async fn compare(
        self,
        programs: &Programs,
        url: &DatabaseUrl,
        report: impl Fn(u64),
    ) -> Result<Compared, Failure> {
        let mut child = programs.dump(url, Stdio::piped())?;
        let now = output_of(&mut child)?;
        let mut file = self.file;
        let read = Arc::default();
        let counted = CountedReader::new(file.try_clone().map_err(|error| no_room(&error))?, &read);
        let comparing = tokio::task::spawn_blocking(move || {
            file.seek(SeekFrom::Start(0))?;
            compared(BufReader::with_capacity(1 << 18, counted), BufReader::with_capacity(1 << 18, now))
        });
        let both = async { tokio::join!(child.wait_with_output(), comparing) };
        let (output, compared) = reported(both, &read, report).await;
        let output = output
            .map_err(|error| Failure::unexpected(format!("pg_dump could not be run to its end: {error}")))?;
        ended(output.status, "pg_dump", &output.stderr)?;
        compared
            .map_err(|error| Failure::unexpected(format!("the dumps could not be compared: {error}")))?
            .map_err(|error| Failure::unexpected(format!("the dumps could not be compared: {error}")))
    }
}

fn output_of(child: &mut Child) -> Result<File, Failure> {
    match child.stdout.take().map(tokio::process::ChildStdout::into_owned_fd) {
        Some(Ok(pipe)) => Ok(File::from(pipe)),
        _ => Err(Failure::unexpected("pg_dump has no output to read")),
    }
}

fn no_room(error: &io::Error) -> Failure {
    let folder = std::env::temp_dir();
    let code = if error.kind() == ErrorKind::StorageFull { "out_of_space" } else { "unexpected" };
    Failure::new(
        Exit::Unexpected,
        code,
        format!("cannot create a temporary file in {}: {error}", folder.display()),
    )
    .remedy("Set TMPDIR to a folder with space for a dump of the database.")
}

/// The result of a comparison.
pub(super) struct Compared {
    /// Where the dumps differ first.
    pub(super) difference: Option<DumpDifference>,
    /// Number of the server's reserved options that were ignored in the second dump.
    pub(super) options_left_out: u64,
}

/// Reads both to their ends, so that the writing process does not fail with a broken pipe.
fn compared(before: impl BufRead, after: impl BufRead) -> io::Result<Compared> {
    let (mut before, mut after) = (DumpLines::new(before), DumpLines::new(after));
    let difference = difference(&mut before, &mut after)?;
    Ok(Compared { difference, options_left_out: after.options_left_out() })
}

/// The first difference.
fn difference(
    before: &mut DumpLines<impl BufRead>,
    after: &mut DumpLines<impl BufRead>,
) -> io::Result<Option<DumpDifference>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut found: Option<DumpDifference> = None;
    let (mut line, mut within) = (0, None);
    loop {
        ours.clear();
        theirs.clear();
        let more = [before.read_line(&mut ours)?, after.read_line(&mut theirs)?];
        if more == [false, false] {
            return Ok(found);
        }
        line += 1;
        if found.is_none() && ours == theirs {
            if let Some(name) = named(&ours) {
                within = Some(name);
            }
            continue;
        }
        let at = ours.iter().zip(&theirs).take_while(|(our, their)| our == their).count();
        let found = found.get_or_insert_with(|| DumpDifference {
            line,
            within: within.take(),
            before: Vec::new(),
            after: Vec::new(),
        });
        if found.before.len().max(found.after.len()) < LINES {
            found.before.extend((!ours.is_empty()).then(|| excerpt(&ours, at)));
            found.after.extend((!theirs.is_empty()).then(|| excerpt(&theirs, at)));
        }
    }
}

/// `-- Data for Name: project_phases; Type: TABLE DATA; Schema: public; …`
fn named(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let name = line.strip_prefix("-- Name: ").or_else(|| line.strip_prefix("-- Data for Name: "))?;
    Some(name.split("; Owner:").next().unwrap_or(name).trim_end().to_owned())
}

/// The differing part of a line.
fn excerpt(line: &[u8], at: usize) -> String {
    let text = |part: &[u8]| String::from_utf8_lossy(part).trim_end_matches('\n').to_owned();
    let begin = if line.len() <= SHOWN { 0 } else { at.min(line.len()).saturating_sub(SHOWN / 2) };
    let end = line.len().min(begin + SHOWN);
    format!(
        "{}{}{}",
        if begin > 0 { "…" } else { "" },
        text(&line[begin..end]),
        if end < line.len() { "…" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: &str, after: &str) -> Option<DumpDifference> {
        compared(before.as_bytes(), after.as_bytes()).unwrap().difference
    }

    #[test]
    fn the_same_is_the_same() {
        assert_eq!(of("a\nb\n", "a\nb\n"), None);
        assert_eq!(of("", ""), None);
    }

    #[test]
    fn reserved_options_are_not_compared_but_counted() {
        let column = |version: &str| format!("a;\nALTER TABLE ONLY t ALTER COLUMN c SET ({version});\nb;\n");
        let found = compared(b"a;\nb;\n".as_slice(), column("pg_attver=1").as_bytes()).unwrap();
        assert_eq!((found.difference, found.options_left_out), (None, 1));
        assert!(of(&column("n_distinct=1"), "a;\nb;\n").is_some());
    }

    #[test]
    fn the_first_differing_lines_are_shown_with_their_object() {
        let head = "-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: o\n1\n";
        let found = of(&format!("{head}2\n3\n4\n5\n"), &format!("{head}two\n3\n")).unwrap();
        assert_eq!(
            (found.line, found.before, found.after),
            (3, vec!["2".into(), "3".into(), "4".into()], vec!["two".into(), "3".into()])
        );
        assert_eq!(found.within.unwrap(), "t; Type: TABLE DATA; Schema: public");
    }

    #[test]
    fn an_end_that_is_missing_or_too_much_differs() {
        assert_eq!(of("a\n", "a\nb\n").unwrap().after, ["b"]);
        assert_eq!(of("a\nb", "a\n").unwrap().before, ["b"]);
        assert_eq!(of("a\nb", "a\nb\n").unwrap().line, 2);
    }

    #[test]
    fn of_a_long_line_the_part_that_differs_is_shown() {
        let long = |middle: &str| format!("{}{middle}{}\n", "x".repeat(5_000), "y".repeat(5_000));
        let found = of(&long("1"), &long("2")).unwrap();
        assert!(found.before[0].contains("x1y") && found.after[0].contains("x2y"), "{found:?}");
        assert!(found.before[0].len() < 300);
    }
}
