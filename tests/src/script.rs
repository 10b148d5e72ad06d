//! Runs statements on a database as an administrator does: one by one, each in its own transaction.

use phaseline_embedded::testing::TestCluster;
use std::io::Write as _;

/// Runs the statements in one session of `psql`, each in its own transaction, so that `VACUUM` may be among them.
///
/// # Panics
/// At the first statement that fails, with the output of `psql`.
#[track_caller]
pub fn load<S: AsRef<str>>(url: &str, statements: impl IntoIterator<Item = S>) {
    let mut file = tempfile::Builder::new().suffix(".sql").tempfile().expect("a temporary file");
    let script = format!("SET client_min_messages = warning;\n{}", script(statements));
    file.write_all(script.as_bytes()).expect("writing a temporary file");
    if let Err(error) = TestCluster::shared().binaries().psql_file(url, file.path()) {
        panic!("{error}\n{}", context(&script, &error.to_string()));
    }
}

/// The statements as one text, each ended by a semicolon.
pub fn script<S: AsRef<str>>(statements: impl IntoIterator<Item = S>) -> String {
    let mut script = String::new();
    for statement in statements {
        script.push_str(statement.as_ref().trim_end());
        script.push_str(";\n");
    }
    script
}

/// The lines around the one that psql's `file.sql:LINE:` names.
fn context(script: &str, message: &str) -> String {
    let line = message.split(".sql:").nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    let first = line.unwrap_or(1).saturating_sub(6);
    let lines = script.lines().enumerate().skip(first).take(8);
    lines.map(|(at, text)| format!("{:>5} {text}\n", at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_run_one_by_one_so_that_vacuum_may_be_among_them() {
        let database = TestCluster::shared().database();
        load(database.url(), ["CREATE TABLE t (x int)", "INSERT INTO t VALUES (1)", "VACUUM FULL t"]);
        assert_eq!(database.psql("TABLE t"), "1");
    }

    #[test]
    #[should_panic(expected = "    3 SELECT nonsense;")]
    fn a_statement_that_fails_is_shown() {
        let database = TestCluster::shared().database();
        load(database.url(), ["SELECT 1", "SELECT nonsense"]);
    }
}
