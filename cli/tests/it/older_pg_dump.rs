//! Client programs without a server beside them, and those that are older than the server: their extra output is ignored and reported.

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

#[test]
fn client_programs_are_enough_where_no_server_is_started() {
    let database = legacy();
    let binaries = database.cluster().binaries();
    let folder = tempfile::tempdir().unwrap();
    for program in ["pg_dump", "pg_restore", "psql"] {
        std::os::unix::fs::symlink(binaries.program(program), folder.path().join(program)).unwrap();
    }
    let with_clients = |args: &[&str]| {
        let mut command = phaseline(args);
        command.env("DATABASE_URL", database.url()).env(BINDIR_VARIABLE, folder.path());
        ProgramOutput::of(command.output().unwrap())
    };
    let doctor = with_clients(&["doctor", "--quiet"]).stdout;
    let pg_dump = folder.path().join("pg_dump");
    let own = format!("{}, version {}", pg_dump.display(), version(binaries));
    assert!(doctor.lines().any(|line| line.starts_with("ok ") && line.contains(&own)), "{doctor}");
    with_clients(&["rehearse", "--method", "dump"]).exits_with(0);
    let backup = folder.path().join("before.dump");
    with_clients(&["migrate", "--yes", "--backup", &backup.to_string_lossy()]).exits_with(0);
    assert!(backup.is_file());
}

/// What `pg_dump` reports counts, not the server that lies beside it.
#[test]
fn a_pg_dump_that_is_too_old_is_named_with_its_own_version() {
    let database = legacy();
    let binaries = database.cluster().binaries();
    let folder = tempfile::tempdir().unwrap();
    for program in ["initdb", "pg_ctl"] {
        std::fs::write(folder.path().join(program), "").unwrap();
    }
    let server = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {}'\n", version(binaries));
    for (program, text) in
        [("postgres", server.as_str()), ("pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.2'\n")]
    {
        let path = folder.path().join(program);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let with_old = |args: &[&str]| {
        let mut command = phaseline(args);
        command.env("DATABASE_URL", database.url()).env(BINDIR_VARIABLE, folder.path());
        ProgramOutput::of(command.output().unwrap())
    };
    let doctor = with_old(&["doctor", "--quiet"]).stdout;
    assert!(doctor.contains("the installed pg_dump is 13 ("), "{doctor}");
    let backup = folder.path().join("before.dump").to_string_lossy().into_owned();
    for args in [&["rehearse", "--method", "dump"][..], &["migrate", "--yes", "--backup", &backup]] {
        let failed = with_old(args).exits_with(9).stderr;
        assert!(
            failed.contains("the installed pg_dump is 13 (") && failed.contains("postgresql-client-"),
            "{failed}"
        );
    }
}
