//! Client programs that are older than the server: their extra output is ignored and reported.

use crate::program::{ProgramOutput, legacy, on, phaseline};
use phaseline_embedded::testing::{TestDatabase, older_minor};
use phaseline_embedded::{BINDIR_VARIABLE, Binaries, Version};

fn with_older(database: &TestDatabase, older: &Binaries, args: &[&str]) -> ProgramOutput {
    let mut command = phaseline(args);
    command.env("DATABASE_URL", database.url()).env(BINDIR_VARIABLE, older.bindir());
    ProgramOutput::of(command.output().unwrap())
}

fn version(binaries: &Binaries) -> Version {
    binaries.version_of("pg_dump").unwrap()
}

/// Whether the server keeps a version of each column, as it does since 15.20.
fn versions_columns(database: &TestDatabase) -> bool {
    database.psql(
        "SELECT EXISTS (SELECT FROM pg_attribute, unnest(attoptions) o WHERE attrelid = 'project_phases'::regclass
             AND o LIKE 'pg\\_%')",
    ) == "t"
}

#[test]
fn a_rehearsal_ignores_reserved_options_and_reports_that() {
    let database = legacy();
    let Some(older) = older_minor(database.cluster().binaries()) else { return };
    for method in ["dump", "template"] {
        let args = ["rehearse", "--json", "--method", method];
        let report = with_older(&database, &older, &args).exits_with(0).object("phaseline.rehearse/1");
        let notes = report["notes"].to_string();
        let note = notes
            .contains(&format!("pg_dump {} is older than the server and printed ", version(&older)))
            && notes.contains("(pg_attver)");
        assert_eq!(note, versions_columns(&database), "{notes}");
        let own = on(&database, &args).exits_with(0).object("phaseline.rehearse/1");
        assert!(!own["notes"].to_string().contains("pg_attver"), "{own}");
    }
}

#[test]
fn doctor_and_backup_warn_of_an_older_client() {
    let database = legacy();
    let binaries = database.cluster().binaries();
    let Some(older) = older_minor(binaries) else { return };
    let (server, theirs) = (binaries.version_of("postgres").unwrap(), version(&older));
    let is_older = versions_columns(&database);

    let doctor = with_older(&database, &older, &["doctor", "--quiet"]).stdout;
    let line = doctor.lines().find(|line| line.contains(" pg_dump ")).unwrap();
    assert!(line.contains(&format!("version {theirs}, the server is {server}")), "{line}");
    assert_eq!(line.trim_start().starts_with("warn"), is_older, "{doctor}");
    // Before a column gets its first version only the client's version number shows that it is older.
    let upgraded = legacy();
    upgraded.psql(
        "UPDATE pg_attribute SET attoptions = NULL WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)",
    );
    let doctor = with_older(&upgraded, &older, &["doctor", "--quiet"]).stdout;
    let line = doctor.lines().find(|line| line.contains(" pg_dump ")).unwrap();
    assert_eq!(line.trim_start().starts_with("warn"), theirs.minor < server.minor, "{line}");
    let own = on(&database, &["doctor", "--quiet"]).stdout;
    assert!(own.contains(&format!("version {server}, the server is {server}")), "{own}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.dump");
    // A warning, so --quiet does not suppress it.
    let args = ["migrate", "--yes", "--quiet", "--backup", file.to_str().unwrap()];
    let ran = with_older(&database, &older, &args).exits_with(0);
    let note =
        ran.stderr.contains(&format!("pg_dump {theirs} is older than the server: the backup has options"));
    assert_eq!(note, is_older, "{}", ran.stderr);
}
