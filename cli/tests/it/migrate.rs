//! The options of `migrate`.

use crate::program::{ProgramOutput, legacy, migrated, on, password, phaseline, project_and_phase, run};
use phaseline_embedded::testing::TestDatabase;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn a_backup_is_complete_private_and_made_before_any_change() {
    let (database, folder) = (legacy(), tempfile::tempdir().unwrap());
    let file = folder.path().join("before.dump");
    let path = file.to_str().unwrap();
    on(&database, &["migrate", "--yes", "--backup", path]).exits_with(0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let restore = database.cluster().binaries().program("pg_restore");
    let restored = Command::new(restore).args(["-f", "-", path]).output().unwrap();
    let sql = String::from_utf8(restored.stdout).unwrap();
    assert!(sql.contains("CREATE TYPE public.phasetype") && !sql.contains("SCHEMA phaseline"), "{sql}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Unoptimised programs keep few assignments in memory; see `migrator/src/spill.rs`.
#[test]
fn without_a_folder_for_temporary_files_nothing_is_written() {
    let database = legacy();
    let dump = || database.dump(&[]);
    let before = dump();
    for command in [&["plan"][..], &["migrate", "--yes"]] {
        let missing = "/nonexistent/temporary";
        let refused = phaseline(command).env("DATABASE_URL", database.url()).env("TMPDIR", missing).output();
        let refused = ProgramOutput::of(refused.unwrap()).exits_with(1);
        assert!(
            refused.stderr.contains("a temporary file in /nonexistent/temporary cannot be used: ")
                && refused.stderr.contains("Set TMPDIR"),
            "{refused:?}"
        );
    }
    assert_eq!(dump(), before);
    on(&database, &["migrate", "--yes"]).exits_with(0);
    let refused = phaseline(&["rollback", "--yes"])
        .env("DATABASE_URL", database.url())
        .env("TMPDIR", "/nonexistent")
        .output();
    let refused = ProgramOutput::of(refused.unwrap()).exits_with(1);
    assert!(refused.stderr.contains("a temporary file in /nonexistent cannot be used: "), "{refused:?}");
    on(&database, &["rollback", "--yes"]).exits_with(0);
}

/// The shell limits the size of files instead of the disk.
#[test]
fn without_space_for_temporary_files_nothing_is_written() {
    let database = legacy();
    let before = database.dump(&[]);
    let program = phaseline(&[]);
    let limited = "trap '' XFSZ; ulimit -f 4; exec \"$0\" migrate --yes";
    let refused = Command::new("sh")
        .args(["-c", limited])
        .arg(program.get_program())
        .env("DATABASE_URL", database.url())
        .output();
    let refused = ProgramOutput::of(refused.unwrap()).exits_with(1);
    assert!(refused.stderr.contains("cannot be used: File too large"), "{refused:?}");
    assert_eq!(database.dump(&[]), before);
}

/// Runs shell lines with PostgreSQL's programs and the database's password.
fn shell(database: &TestDatabase, lines: &str) {
    let programs = database.cluster().binaries().bindir().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let ran = Command::new("sh")
        .args(["-ec", lines])
        .env("PATH", path)
        .env("PGPASSWORD", password())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{lines}: {ran:?}");
}

/// The printed commands are the runbook's way.
#[test]
fn the_printed_commands_restore_the_backup_into_a_new_database() {
    let (database, folder) = (legacy(), tempfile::tempdir().unwrap());
    let file = folder.path().join("before it.dump");
    let digest = |url: &str| {
        let plan = run(&["plan", "--json", "--database-url", url]).exits_with(0);
        plan.object("phaseline.plan/1")["digest"].clone()
    };
    let before = digest(database.url());
    let migrated = on(&database, &["migrate", "--yes", "--backup", file.to_str().unwrap()]).exits_with(0);
    let (_, printed) = migrated.stderr.split_once("to restore it into a new database:\n").unwrap();
    let printed: Vec<&str> = printed.lines().take(2).collect();
    assert!(
        printed[0].starts_with("  PGPASSWORD=… createdb ")
            && printed[1].contains("pg_restore --exit-on-error")
    );
    assert!(!printed.concat().contains("--clean"), "{printed:?}");
    shell(&database, &printed.join("\n").replace("PGPASSWORD=… ", ""));
    let restored = format!("{}?dbname={}_restored", database.url(), database.name());
    assert_eq!(digest(&restored), before);
    run(&["verify", "--database-url", &restored]).exits_with(0);
    run(&["doctor", "--database-url", &restored]).exits_with(0);
    database.psql(&format!("DROP DATABASE {}_restored", database.name()));
}

/// The log stays, and its last run is a migration: `doctor` says so, and what leads on.
#[test]
fn after_a_restore_in_place_doctor_leads_on() {
    let (database, folder) = (legacy(), tempfile::tempdir().unwrap());
    let file = folder.path().join("before.dump");
    on(&database, &["migrate", "--yes", "--actor", "ada", "--backup", file.to_str().unwrap()]).exits_with(0);
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let url = database.url();
    shell(&database, &format!("pg_restore --clean --if-exists --dbname='{url}' '{}'", file.display()));
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    for named in ["fail  log's head", "warn  log's runs", "by ada, but the tables are in the legacy shape"] {
        assert!(report.contains(named), "{named}: {report}");
    }
    let refused = on(&database, &["drift"]).exits_with(3);
    assert!(refused.stderr.contains("phaseline doctor"), "{}", refused.stderr);
    let report = on(&database, &["doctor", "--repair"]).exits_with(0).stdout;
    // The log is closed now, but not all is well. The test cluster runs with fsync = off.
    assert!(report.contains("ok    log's head") && report.ends_with("\n2 WARNINGS\n"), "{report}");
    assert!(report.contains("Until the next migration `verify` fails"), "{report}");
    let failed = on(&database, &["verify"]).exits_with(6).stdout;
    assert!(failed.contains("run: phaseline doctor"), "{failed}");
    on(&database, &["migrate", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    let report = on(&database, &["doctor"]).exits_with(0).stdout;
    assert!(!report.contains("log's runs"), "{report}");
    let name = database.psql(&format!("SELECT name FROM project_phases WHERE id = '{phase}'"));
    assert_eq!(name.trim(), "Design", "the migration brings back the edit");
}

#[test]
fn a_backup_never_overwrites_and_a_failed_one_stops_the_migration() {
    let (database, folder) = (legacy(), tempfile::tempdir().unwrap());
    let before = database.dump(&[]);
    let file = folder.path().join("before.dump");
    fs::write(&file, "precious").unwrap();
    let arguments = ["migrate", "--yes", "--backup", file.to_str().unwrap()];
    assert!(on(&database, &arguments).exits_with(2).stderr.contains("exists and is not overwritten"));
    // A plan writes no file.
    let refused = on(&database, &["plan", "--backup", file.to_str().unwrap()]).exits_with(2);
    assert!(refused.stderr.contains("unexpected argument '--backup'"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let nowhere = folder.path().join("none/before.dump");
    on(&database, &["migrate", "--yes", "--backup", nowhere.to_str().unwrap()]).exits_with(2);
    assert!(database.dump(&[]) == before);
}

#[test]
fn no_backup_is_made_where_there_is_nothing_to_migrate() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.dump");
    let arguments = ["migrate", "--yes", "--backup", file.to_str().unwrap()];
    on(&migrated(), &arguments).exits_with(0);
    let database = legacy();
    database.psql("UPDATE alembic_version SET version_num = 'other'");
    on(&database, &arguments).exits_with(3);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_status_shows_actor_and_reason() {
    let database = legacy();
    on(&database, &["migrate", "--yes", "--actor", "ada", "--reason", "change 4711"]).exits_with(0);
    let status = on(&database, &["status"]).exits_with(0).stdout;
    assert!(status.contains("migrate by ada on ") && status.contains("why: change 4711"), "{status}");
}
