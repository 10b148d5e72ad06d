//! Runs the program, and creates databases for it.

use phaseline_embedded::testing::{TestCluster, TestDatabase};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ProgramOutput {
    pub(crate) fn of(output: Output) -> Self {
        let ran = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        let password = password();
        assert!(
            !ran.stdout.contains(&password) && !ran.stderr.contains(&password),
            "the password shows: {ran:?}"
        );
        ran
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The only object on stdout, of this format.
    #[track_caller]
    pub(crate) fn object(&self, format: &str) -> serde_json::Value {
        let object: serde_json::Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        assert!(object.is_object() && self.stdout.starts_with(r#"{"format":""#), "{self:#?}");
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:#?}");
        assert_eq!(object["format"], format, "{self:#?}");
        object
    }
}

/// The password of the test cluster; no output may ever have it.
pub(crate) fn password() -> String {
    let url = TestCluster::shared().url("postgres");
    url.split_once("postgres:")
        .unwrap()
        .1
        .split_once("postgres:")
        .unwrap()
        .1
        .split_once('@')
        .unwrap()
        .0
        .to_owned()
}

/// The program, without environment variables that would change its behaviour.
pub(crate) fn phaseline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phaseline"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let turns_aside = name == "DATABASE_URL" || name.starts_with("PHASELINE_") || name.contains("COLOR");
        if turns_aside && name != phaseline_embedded::BINDIR_VARIABLE || name.starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> ProgramOutput {
    ProgramOutput::of(phaseline(args).output().unwrap())
}

/// Runs the program on a database.
pub(crate) fn on(database: &TestDatabase, args: &[&str]) -> ProgramOutput {
    ProgramOutput::of(phaseline(args).env("DATABASE_URL", database.url()).output().unwrap())
}

/// A sample in the legacy shape.
pub(crate) fn legacy() -> TestDatabase {
    let cluster = TestCluster::shared();
    cluster.template("cli_legacy", sample);
    cluster.database_from("cli_legacy")
}

/// The same, migrated.
pub(crate) fn migrated() -> TestDatabase {
    let cluster = TestCluster::shared();
    cluster.template("cli_migrated", |url| {
        sample(url);
        run(&["migrate", "--yes", "--actor", "ada", "--reason", "test", "--database-url", url]).exits_with(0);
    });
    cluster.database_from("cli_migrated")
}

fn sample(url: &str) {
    let size = ["--projects", "8", "--assignments", "120", "--seed", "3"];
    run(&[&["sample", "--database-url", url][..], &size].concat()).exits_with(0);
}

/// A project with two phases, the first of them first.
pub(crate) fn project_and_phase(database: &TestDatabase) -> (String, String) {
    let ids = database.psql(
        "SELECT project_id, id FROM project_phases WHERE project_id = (SELECT project_id FROM project_phases
           GROUP BY project_id HAVING count(*) = 2 ORDER BY project_id LIMIT 1) ORDER BY start_date LIMIT 1",
    );
    let (project, phase) = ids.split_once('|').unwrap();
    (project.to_owned(), phase.to_owned())
}

/// Waits until the condition holds, with a generous limit for slow machines.
#[track_caller]
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < patience, "not within 60 s: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap().success());
}
