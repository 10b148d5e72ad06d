use std::fs;

use phaseline_embedded::EmbeddedError;
use phaseline_embedded::testing::{TestCluster, pg_dump};

use crate::probe;

#[test]
fn two_dumps_of_one_state_are_equal() {
    let database = TestCluster::shared().database();
    database.psql("CREATE TABLE t (a int); INSERT INTO t VALUES (7), (8)");
    let dump = database.dump(&[]);
    assert!(dump.contains("COPY public.t (a) FROM stdin;\n7\n8\n"), "{dump}");
    assert_eq!(dump, database.dump(&[]));
    assert!(!pg_dump(database.url(), &["--schema-only"]).unwrap().contains("COPY"));
}

#[test]
fn a_dump_in_another_format_needs_no_restrict_key() {
    let database = TestCluster::shared().database();
    let dump = database.cluster().binaries().pg_dump(database.url(), &["-Fc"]).unwrap();
    assert!(dump.bytes.starts_with(b"PGDMP"));
}

#[test]
fn an_sql_file_stops_at_its_first_error_and_names_the_line() {
    let database = TestCluster::shared().database();
    let folder = probe::folder();
    let file = folder.path().join("load.sql");
    fs::write(
        &file,
        "CREATE TABLE a (x text);\nINSERT INTO a VALUES ('é');\nSELECT nonsense;\nDROP TABLE a;\n",
    )
    .unwrap();
    let error = database.cluster().binaries().psql_file(database.url(), &file).unwrap_err().to_string();
    assert!(error.contains("load.sql:3") && error.contains("nonsense"), "{error}");
    assert_eq!(database.psql("SELECT x, length(x) FROM a"), "é|1");
}

#[test]
fn a_password_is_in_no_error_and_on_no_command_line() {
    let cluster = TestCluster::shared();
    let url = cluster.url("postgres");
    let password = url.split(['@', ':']).nth(2).unwrap();
    let error = cluster.binaries().psql(&cluster.url("missing"), "SELECT 1").unwrap_err();
    assert!(matches!(error, EmbeddedError::Program { .. }));
    assert!(!format!("{error} {error:?} {cluster:?}").contains(password));
    // psql itself reads its parent shell's arguments.
    let line = cluster.binaries().psql(&url, r"\! tr '\0' ' ' < /proc/$PPID/cmdline").unwrap();
    assert!(line.contains("psql") && !line.contains(password), "{line}");
}
