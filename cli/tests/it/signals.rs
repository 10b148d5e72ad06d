//! Signals and concurrent runs: waiting runs can be stopped, and leave nothing half done.

use crate::program::{ProgramOutput, eventually, legacy, migrated, on, phaseline, signal};
use phaseline_embedded::testing::TestDatabase;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A foreign transaction that holds a table, until it is dropped.
pub(crate) struct Holder {
    psql: Child,
    stdin: Option<ChildStdin>,
}

impl Holder {
    pub(crate) fn of(database: &TestDatabase, table: &str) -> Self {
        Self::on(database, &format!("BEGIN; LOCK TABLE public.{table} IN ROW EXCLUSIVE MODE"))
    }

    /// A session that executes this SQL and stays open.
    pub(crate) fn on(database: &TestDatabase, sql: &str) -> Self {
        let mut psql = Command::new(database.cluster().binaries().program("psql"))
            .args(["-X", "-q", "-A", "-t", database.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = psql.stdin.take().unwrap();
        writeln!(stdin, "{sql}; SELECT 'held';").unwrap();
        let mut line = String::new();
        BufReader::new(psql.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held");
        Self { psql, stdin: Some(stdin) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.psql.wait().unwrap();
    }
}

/// A run of the program whose stderr is read while it runs.
pub(crate) struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(database: &TestDatabase, args: &[&str]) -> Self {
        let mut child = phaseline(args).env("DATABASE_URL", database.url()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (lines, read) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&stderr));
        let reader = std::thread::spawn(move || {
            for line in lines {
                let mut text = read.lock().unwrap();
                text.push_str(&line.unwrap());
                text.push('\n');
            }
        });
        Self { child, stderr, reader }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.stderr.lock().unwrap().contains(text)
    }

    pub(crate) fn end(self) -> ProgramOutput {
        let output = self.child.wait_with_output().unwrap();
        self.reader.join().unwrap();
        let stderr = std::mem::take(&mut *self.stderr.lock().unwrap());
        ProgramOutput { stderr, ..ProgramOutput::of(output) }
    }
}

#[test]
fn a_signal_while_waiting_for_the_tables_exits_with_8() {
    for name in ["INT", "TERM", "HUP"] {
        let database = legacy();
        let before = database.dump(&["--schema=public"]);
        let holder = Holder::of(&database, "resource_assignments");
        let run = Running::start(&database, &["migrate", "--yes"]);
        eventually("it waits", || run.has_said("waiting for the tables"));
        signal(name, run.child.id());
        let ran = run.end().exits_with(8);
        assert!(ran.stderr.contains("the tables are unchanged"), "{name}: {}", ran.stderr);
        drop(holder);
        assert!(database.dump(&["--schema=public"]) == before, "{name}");
        on(&database, &["migrate", "--yes"]).exits_with(0);
    }
}

#[test]
fn a_second_signal_ends_at_once_and_nothing_stays_locked() {
    let database = migrated();
    let holder = Holder::of(&database, "resource_assignments");
    let run = Running::start(&database, &["rollback", "--yes", "--json"]);
    eventually("it waits", || run.has_said("waiting for the tables"));
    signal("TERM", run.child.id());
    eventually("it has heard", || run.has_said("stopping after this step"));
    signal("TERM", run.child.id());
    let object = run.end().exits_with(8).object("phaseline.error/1");
    assert_eq!((&object["code"], &object["exit"]), (&"interrupted".into(), &8.into()));
    drop(holder);
    on(&database, &["rollback", "--yes"]).exits_with(0);
}

#[test]
fn a_second_run_exits_with_5_and_names_the_first() {
    let database = legacy();
    let holder = Holder::of(&database, "project_phases");
    let first = Running::start(&database, &["migrate", "--yes", "--actor", "ada@night"]);
    eventually("it waits", || first.has_said("waiting for the tables"));
    for arguments in [&["migrate", "--yes"][..], &["rollback", "--yes"]] {
        let second = on(&database, arguments).exits_with(5);
        assert!(second.stderr.contains("ada@night"), "{}", second.stderr);
    }
    let status = on(&database, &["status"]).exits_with(0);
    assert!(status.stdout.contains("ada@night"), "{}", status.stdout);
    drop(holder);
    first.end().exits_with(0);
}

#[test]
fn a_signal_during_an_export_leaves_no_folder() {
    let database = migrated();
    let holder = Holder::on(&database, "BEGIN; LOCK TABLE phaseline.events");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = Running::start(&database, &["export", "--out", out.to_str().unwrap()]);
    eventually("it fills the folder", || std::fs::read_dir(&out).is_ok_and(|files| files.count() == 1));
    signal("INT", run.id());
    run.end().exits_with(8);
    drop(holder);
    assert!(!out.exists());
}
