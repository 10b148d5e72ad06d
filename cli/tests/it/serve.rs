//! `serve`: start, stop and refusals.

use crate::program::{ProgramOutput, eventually, legacy, migrated, phaseline, run, signal};
use crate::token::SECRET;
use phaseline_embedded::testing::{TestCluster, TestOptions};
use phaseline_tests::http::{Client, HttpResponse, RequestBuilder};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A running service. It is killed when it is dropped before its end.
pub(crate) struct ServiceProcess {
    child: Option<Child>,
    /// The line that it printed.
    pub(crate) line: String,
    stdout: BufReader<ChildStdout>,
    pub(crate) client: Client,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    runtime: tokio::runtime::Runtime,
}

impl ServiceProcess {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) fn start(args: &[&str], set: impl FnOnce(&mut Command)) -> Self {
        let mut command = phaseline(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        command.env("PHASELINE_JWT_SECRET", SECRET);
        set(&mut command);
        Self::of(command)
    }

    /// Starts a program that prints the address of its service, and waits for that line.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut pipe, kept) = (child.stderr.take().unwrap(), Arc::clone(&stderr));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some((_, address)) = line.split_once("http://") else {
            panic!("it does not listen: {line:?} {}", stderr.lock().unwrap())
        };
        let address: String = address
            .chars()
            .take_while(|character| character.is_ascii_digit() || ".:".contains(*character))
            .collect();
        let client = Client::new(address.parse().unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { child: Some(child), line, stdout, client, stderr, reader: Some(reader), runtime }
    }

    pub(crate) fn on(url: &str, args: &[&str]) -> Self {
        Self::start(args, |command| {
            command.env("DATABASE_URL", url);
        })
    }

    pub(crate) fn get(&self, path: &str) -> HttpResponse {
        self.send(self.client.get(path))
    }

    pub(crate) fn send(&self, request: RequestBuilder<'_>) -> HttpResponse {
        self.runtime.block_on(request.send())
    }

    /// Sends a signal that does not stop it.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.child.as_ref().unwrap().id());
    }

    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.stderr.lock().unwrap().contains(text)
    }

    pub(crate) fn becomes_ready(&self) {
        eventually("it is ready", || self.get("/readyz").status == 200);
    }

    /// Sends a signal, and waits for its end. The output is what follows the line.
    pub(crate) fn stop(mut self, name: &str) -> ProgramOutput {
        let child = self.child.take().unwrap();
        signal(name, child.id());
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).unwrap();
        let output = child.wait_with_output().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let stderr = std::mem::take(&mut *self.stderr.lock().unwrap()).into_bytes();
        ProgramOutput::of(Output { stdout, stderr, ..output })
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn the_service_prints_its_address_and_a_signal_exits_with_0() {
    let database = migrated();
    for name in ["TERM", "INT"] {
        let service = ServiceProcess::on(database.url(), &[]);
        assert!(service.line.starts_with("listening on http://127.0.0.1:"), "{}", service.line);
        assert_eq!(service.get("/readyz").is(200).json()["status"], "ok");
        let ran = service.stop(name).exits_with(0);
        assert!(ran.stderr.contains("listening") && ran.stderr.contains("stopped"), "{}", ran.stderr);
    }
    let service = ServiceProcess::on(database.url(), &["--json"]);
    let object: serde_json::Value = serde_json::from_str(&service.line).unwrap();
    assert_eq!(object["format"], "phaseline.serve/1");
    assert_eq!(object["listening"], format!("http://{}", service.client.address()));
    assert_eq!(object["connection"]["database"], database.name());
    let mut listed = crate::json::documented("phaseline.serve/1");
    listed.push("connection".to_owned());
    let mut printed: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
    listed.sort();
    printed.sort();
    assert_eq!(printed, listed);
    service.stop("TERM").exits_with(0);
}

#[test]
fn without_a_database_url_it_uses_the_private_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let service = ServiceProcess::start(&["--data-dir", data], |_| ());
    let health = service.get("/readyz").is(503).json();
    assert_eq!(health["reasons"][0]["code"], "no_role", "nothing was migrated there: {health}");
    service.stop("TERM").exits_with(0);
}

#[test]
fn without_tokens_it_listens_on_loopback_and_without_keys_not_at_all() {
    let on =
        |args: &[&str]| run(&[&["serve", "--database-url", "postgres://me@127.0.0.1:1/d"], args].concat());
    for open in ["0.0.0.0:0", "[::]:0"] {
        let ran = on(&["--no-auth", "--listen", open]).exits_with(2);
        assert!(ran.stderr.contains("may only listen on a loopback address"), "{}", ran.stderr);
    }
    let ran = on(&["--listen", "127.0.0.1:0"]).exits_with(2);
    for named in ["PHASELINE_JWT_SECRET", "--jwt-public-key-file", "--jwks-file", "--no-auth"] {
        assert!(ran.stderr.contains(named), "{named}: {}", ran.stderr);
    }
    let ran = on(&["--no-auth", "--listen", "nowhere"]).exits_with(2);
    assert!(ran.stderr.contains("--listen: \"nowhere\" is not an address"), "{}", ran.stderr);

    let database = migrated();
    let service = ServiceProcess::start(&["--no-auth"], |command| {
        command.env_remove("PHASELINE_JWT_SECRET").env("DATABASE_URL", database.url());
    });
    service.get("/readyz").is(200);
    let ran = service.stop("TERM").exits_with(0);
    assert!(ran.stderr.contains("WARN") && ran.stderr.contains("no_auth"), "{}", ran.stderr);
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&["serve", "--no-auth", "--listen", &address, "--json"]).exits_with(1);
    assert_eq!(ran.object("phaseline.error/1")["code"], "cannot_listen");
}

#[test]
fn it_starts_without_database_and_is_ready_when_it_is_up() {
    let cluster = TestCluster::start(TestOptions::default());
    let database = cluster.database();
    for args in [&["sample", "--projects", "2", "--assignments", "9"][..], &["migrate", "--yes"]] {
        run(&[args, &["--database-url", database.url()]].concat()).exits_with(0);
    }
    cluster.stop_immediate();
    let service = ServiceProcess::on(database.url(), &[]);
    let health = service.get("/readyz").is(503).json();
    assert_eq!(health["reasons"][0]["code"], "database_unavailable");
    cluster.start_again();
    service.becomes_ready();
    cluster.restart_immediate();
    service.becomes_ready();
    let password = database.url().split_once("postgres:").unwrap().1.to_owned();
    let password = password.split_once("postgres:").unwrap().1.split_once('@').unwrap().0.to_owned();
    let ran = service.stop("TERM").exits_with(0);
    assert!(ran.stderr.contains("does not respond") && !ran.stderr.contains(&password), "{}", ran.stderr);
}

#[test]
fn a_role_that_the_login_may_not_set_is_refused_with_the_grant() {
    let database = migrated();
    database.psql("CREATE ROLE cli_test_stranger LOGIN PASSWORD 'stranger'");
    let (_, place) = database.url().split_once('@').unwrap();
    let url = format!("postgres://cli_test_stranger:stranger@{place}");
    let ran = run(&["serve", "--no-auth", "--listen", "127.0.0.1:0", "--database-url", &url]).exits_with(3);
    assert!(ran.stderr.contains("GRANT phaseline_writer TO \"cli_test_stranger\""), "{}", ran.stderr);
    let wrong = format!("postgres://cli_test_stranger:wrong@{place}");
    let ran = run(&["serve", "--no-auth", "--listen", "127.0.0.1:0", "--database-url", &wrong]).exits_with(9);
    assert!(!ran.stderr.contains("wrong@"), "{}", ran.stderr);
    let service = ServiceProcess::on(&url, &["--role", "none"]);
    service.get("/livez").is(200);
    service.stop("TERM").exits_with(0);
    database.psql("DROP ROLE cli_test_stranger");
}

#[test]
fn the_log_is_json_on_demand_and_has_no_secret_in_it() {
    let database = legacy();
    let service = ServiceProcess::on(database.url(), &["--log-format", "json"]);
    service.get("/readyz").is(503);
    let token = "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0";
    service.runtime.block_on(service.client.get("/livez").bearer(token).send()).is(200);
    let ran = service.stop("TERM").exits_with(0);
    let lines: Vec<serde_json::Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let request = lines.iter().find(|line| line["path"] == "/livez").expect("a line of the request");
    assert_eq!((&request["level"], &request["status"]), (&"INFO".into(), &200.into()));
    assert!(lines.iter().any(|line| line["message"] == "stopped"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(SECRET) && !ran.stderr.contains(token), "{}", ran.stderr);
}
