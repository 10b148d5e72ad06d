//! A shell in an empty folder, with a database.

use phaseline_embedded::testing::{TestCluster, TestDatabase};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Time limit of a command.
const PATIENCE: Duration = Duration::from_secs(120);

/// Marks the end of a command's output; the status follows.
const END: &str = "-- end of the command:";

/// One shell for all commands of a section, so that `cd`, variables and `$?` persist.
pub(super) struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// Texts of this run and their names in the document.
    renamed: Vec<(String, &'static str)>,
    _folder: TempDir,
    _database: Option<TestDatabase>,
}

/// A command's output and status.
pub(super) struct ProgramOutput {
    pub(super) output: Vec<String>,
    pub(super) status: i32,
}

impl Shell {
    /// Starts with a database of `phaseline sample ARGUMENTS`; without one if they are `private`.
    pub(super) fn start(cluster: &TestCluster, arguments: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // As root, the private server runs as another user.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_phaseline")).parent().unwrap().display().to_string();
        let path =
            format!("{program}:{}:{}", cluster.binaries().bindir().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", folder.path())
            .env("LC_ALL", "C.UTF-8")
            .env("PHASELINE_ACTOR", "operator@desk");
        if let Some(bindir) = std::env::var_os(phaseline_embedded::BINDIR_VARIABLE) {
            command.env(phaseline_embedded::BINDIR_VARIABLE, bindir);
        }
        let database = (arguments != "private").then(|| cluster.database());
        let host = Command::new("uname").arg("-n").output().unwrap().stdout;
        let host = String::from_utf8(host).unwrap();
        let data = folder.path().join("data").display().to_string();
        let mut renamed = vec![
            (data, "~/.local/share/phaseline"),
            (format!(" on {}:", host.trim()), " on desk:"),
            (format!(" on {}, login ", host.trim()), " on desk, login "),
            (format!(" on {} by ", host.trim()), " on desk by "),
            (format!(" on {} ended ", host.trim()), " on desk ended "),
        ];
        if database.is_none() {
            command.env("PHASELINE_DATA_DIR", folder.path().join("data"));
        }
        if let Some(database) = &database {
            command.env("DATABASE_URL", database.url());
            renamed.push((format!("127.0.0.1:{}", cluster.port()), "db:5432"));
            let connection = format!("\"host\":\"127.0.0.1\",\"port\":{}", cluster.port());
            renamed.push((connection, "\"host\":\"db\",\"port\":5432"));
            renamed.push((database.name().to_owned(), "planner"));
        }
        let mut child = command
            .current_dir(folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let stdin = child.stdin.take().unwrap();
        let mut shell = Self { child, stdin, lines, renamed, _folder: folder, _database: database };
        writeln!(shell.stdin, "exec 2>&1; true").unwrap();
        if shell._database.is_some() {
            assert_eq!(shell.run(&format!("phaseline sample {arguments}")).status, 0);
        }
        shell
    }

    pub(super) fn run(&mut self, command: &str) -> ProgramOutput {
        // A group must not be empty.
        let command = if command.starts_with('#') { "true" } else { command };
        // Without /dev/null, a command could read the next one from stdin.
        writeln!(
            self.stdin,
            "{{ {command}\n}} </dev/null\nstatus=$?\nprintf '\\n%s %s\\n' '{END}' $status\n(exit $status)"
        )
        .unwrap();
        let begun = Instant::now();
        let mut output: Vec<String> = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed()));
            let line = line.unwrap_or_else(|error| panic!("{error}: {command}\n{}", output.join("\n")));
            if let Some(status) = line.strip_prefix(END) {
                // The line break before the end mark.
                output.pop_if(|last| last.is_empty());
                return ProgramOutput { output, status: status.trim().parse().unwrap() };
            }
            output.push(self.renamed.iter().fold(line, |line, (ours, its)| line.replace(ours, its)));
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The group includes background processes.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}
