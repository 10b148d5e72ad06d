//! This program, run again as another process.

use std::env;
use std::io::{BufRead, BufReader, Write, stdin};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use phaseline_embedded::testing::TestCluster;
use phaseline_embedded::{Binaries, Server, default_data_dir};

const ROLE_VARIABLE: &str = "PHASELINE_TEST_ROLE";
const FOLDER_VARIABLE: &str = "PHASELINE_TEST_FOLDER";
const ROUNDS: usize = 6;

/// Not a test: the code of the child processes.
#[test]
#[ignore = "other tests run it in a process of its own"]
fn another_process() {
    let folder = env::var(FOLDER_VARIABLE).unwrap_or_default();
    match env::var(ROLE_VARIABLE).as_deref() {
        Ok("hold") => {
            let server = Server::start(Path::new(&folder)).unwrap();
            server.create_database_if_missing("held").unwrap();
            print_marked(&server.url("postgres"));
            wait_for_line();
        }
        Ok("come and go") => start_and_leave_repeatedly(Path::new(&folder)),
        Ok("hold a test cluster") => {
            let cluster = TestCluster::shared();
            let database = cluster.database();
            database.psql("SELECT 1");
            print_marked(&cluster.url("postgres"));
            wait_for_line();
        }
        Ok("find_clients") => match Binaries::find_clients(17) {
            Ok(found) => print_marked(&format!("{} in {}", found.major_version(), found.bindir().display())),
            Err(error) => print_marked(&error.to_string()),
        },
        Ok("find") => match Binaries::find() {
            Ok(found) => print_marked(&format!("{} in {}", found.major_version(), found.bindir().display())),
            Err(error) => print_marked(&error.to_string()),
        },
        Ok("default folder") => print_marked(&default_data_dir().unwrap().display().to_string()),
        role => panic!("no such role: {role:?}"),
    }
}

/// Starts, uses and leaves the server repeatedly.
fn start_and_leave_repeatedly(folder: &Path) {
    let mut random = u64::from(std::process::id()) | 1;
    for _ in 0..ROUNDS {
        let server = Server::start(folder).unwrap();
        server.create_database_if_missing("shared").unwrap();
        pause(&mut random);
        let url = server.url("shared");
        server.binaries().psql(&url, "SELECT 1").unwrap();
        drop(server);
        print_marked("round");
        pause(&mut random);
    }
    print_marked("through");
}

fn pause(random: &mut u64) {
    // Xorshift; processes only need different delays.
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    thread::sleep(Duration::from_millis(*random % 300));
}

fn print_marked(line: &str) {
    println!("{MARK}{}", line.replace('\n', "\\n"));
}

/// Marks the lines of this program among those of the test harness, which may precede them on the same line.
const MARK: &str = "=> ";

fn wait_for_line() {
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
}

/// Another process. Killed if it still lives when dropped.
pub(crate) struct ChildProcess {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// A command that runs this program in a role.
pub(crate) fn command(role: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child_process::another_process", "--ignored", "--nocapture"]);
    command.env(ROLE_VARIABLE, role).env(FOLDER_VARIABLE, folder);
    command
}

impl ChildProcess {
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// A process that uses the server of this folder, and the server's URL.
    pub(crate) fn hold(folder: &Path) -> (Self, String) {
        let mut other = Self::run(&mut command("hold", folder));
        let url = other.read_line().unwrap();
        (other, url)
    }

    /// The next marked line; none at the end.
    pub(crate) fn read_line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, line)) = line.trim_end().split_once(MARK) {
                return Some(line.to_owned());
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Permits it to end.
    pub(crate) fn release(&mut self) {
        writeln!(self.child.stdin.take().unwrap()).unwrap();
    }

    /// Permits it to end, and waits for that.
    pub(crate) fn end(mut self) {
        self.release();
        assert!(self.wait());
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
