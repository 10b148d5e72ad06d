//! The page's arithmetic with days (`api/assets/days.js`) against chrono: node runs it.

use chrono::{Datelike, NaiveDate};
use phaseline_tests::random::SeededRandom;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SAMPLE: usize = 5_000;

/// What the page makes of each line; `None`, and a line on stderr, without node.
///
/// Panics in CI if it is missing.
fn rows_of_the_page(lines: &[String]) -> Option<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/page/days-table.mjs");
    let node = Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut node) = node else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "node is missing: scripts/setup.sh page installs it"
        );
        eprintln!("SKIPPED: node is not installed: scripts/setup.sh page installs it");
        return None;
    };
    // The script prints nothing before its input ends.
    node.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node failed");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// What chrono makes of a date, as the script prints it.
fn row_of(date: NaiveDate) -> String {
    let day = date.signed_duration_since(NaiveDate::default()).num_days();
    let weekday = date.weekday().num_days_from_monday();
    format!("{day}\t{}\t{weekday}\t{}", date.format("%Y-%m-%d"), date.format("%A"))
}

/// Chrono also reads years without zeros, signs and spaces.
fn parsed(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (date.year() >= 1 && date.format("%Y-%m-%d").to_string() == text).then_some(date)
}

/// Around the ends of months and of February: every combination in every year, possible or not.
fn edges() -> impl Iterator<Item = String> {
    let ends = (1..=12).flat_map(|month| [0, 1, 28, 29, 30, 31, 32].map(|day| (month, day)));
    let ends: Vec<(u32, u32)> = ends.collect();
    (0..=9999).flat_map(move |year| {
        let every = [0, 1, 4, 100, 400, 1600, 1900, 1970, 2000, 2100, 2400, 9999].contains(&year);
        let february = [(1, 1), (2, 28), (2, 29), (2, 30), (3, 1), (12, 31)];
        let chosen = if every { ends.clone() } else { february.to_vec() };
        chosen.into_iter().map(move |(month, day)| format!("{year:04}-{month:02}-{day:02}"))
    })
}

#[test]
fn the_page_reads_and_writes_days_as_chrono_does() {
    let mut random = SeededRandom::new(1);
    let mut lines: Vec<String> = edges().collect();
    for _ in 0..SAMPLE {
        let (month, day) = (random.within(0, 13), random.within(0, 32));
        lines.push(format!("{:04}-{month:02}-{day:02}", random.within(0, 9999)));
        let (month, day) = (random.within(1, 12), random.within(1, 28));
        lines.push(format!("{:04}-{month:02}-{day:02}", random.within(1600, 2400)));
    }
    for odd in [
        "",
        "2024-2-01",
        "24-02-01",
        "+2024-02-01",
        " 2024-02-01",
        "2024-02-01 ",
        "12024-02-01",
        "-2024-02-01",
    ] {
        lines.push(odd.to_owned());
    }
    let Some(rows) = rows_of_the_page(&lines) else { return };
    assert_eq!(rows.len(), lines.len());
    let mut dates = 0;
    for (line, row) in lines.iter().zip(&rows) {
        let expected = parsed(line).map(row_of);
        dates += usize::from(expected.is_some());
        assert_eq!(*row, expected.unwrap_or_else(|| "null".to_owned()), "{line:?}");
    }
    assert!(dates > 50_000 && lines.len() - dates > 10_000, "{dates} dates of {} lines", lines.len());
}
