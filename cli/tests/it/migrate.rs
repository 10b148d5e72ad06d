//! The options of `migrate`.

use crate::program::{legacy, migrated, on};
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

#[test]
fn a_backup_never_overwrites_and_a_failed_one_stops_the_migration() {
    let (database, folder) = (legacy(), tempfile::tempdir().unwrap());
    let before = database.dump(&[]);
    let file = folder.path().join("before.dump");
    fs::write(&file, "precious").unwrap();
    for command in [&["migrate", "--yes"][..], &["plan"]] {
        let arguments = [command, &["--backup", file.to_str().unwrap()]].concat();
        assert!(on(&database, &arguments).exits_with(2).stderr.contains("exists and is not overwritten"));
    }
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
