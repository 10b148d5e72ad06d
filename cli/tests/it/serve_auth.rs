//! `serve`: its keys and users, and pages of other origins.

use crate::program::{eventually, legacy, migrated, phaseline, run};
use crate::serve::ServiceProcess;
use crate::token::SECRET;
use phaseline_tests::http::HttpResponse;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

const OTHER: &str = "another secret, also long enough for HS256";

/// A service over no database, whose secret is in a file.
fn with_secret(path: &Path, args: &[&str]) -> ServiceProcess {
    let args = [&["--jwt-secret-file", path.to_str().unwrap()], args].concat();
    ServiceProcess::start(&args, |command| {
        command.env_remove("PHASELINE_JWT_SECRET").env("DATABASE_URL", "postgres://me@127.0.0.1:1/d");
    })
}

fn token(secret: &str) -> String {
    let mut command = phaseline(&["token", "--subject", "ada", "--scope", "history:read", "--quiet"]);
    let output = command.env("PHASELINE_JWT_SECRET", secret).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A route that refuses a token before it needs the database: 403 for an accepted one, which lacks the scope.
fn tried(served: &ServiceProcess, token: &str) -> HttpResponse {
    served.send(served.client.get("/api/v1/phases/00000000-0000-4000-8000-000000000000").bearer(token))
}

#[test]
fn a_hangup_reads_the_keys_again_and_does_not_stop_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    let served = with_secret(&path, &[]);
    assert_eq!((tried(&served, &token(SECRET)).status, tried(&served, &token(OTHER)).status), (403, 401));
    std::fs::write(&path, OTHER).unwrap();
    assert_eq!(tried(&served, &token(OTHER)).status, 401);
    served.signal("HUP");
    eventually("it has the new key", || tried(&served, &token(OTHER)).status == 403);
    assert_eq!(tried(&served, &token(SECRET)).status, 401);
    // After an unusable key the current one stays in use.
    std::fs::write(&path, "short").unwrap();
    served.signal("HUP");
    eventually("it reports that", || served.has_said("the present ones stay in use"));
    assert_eq!(tried(&served, &token(OTHER)).status, 403);
    served.signal("HUP");
    let ran = served.stop("TERM").exits_with(0);
    assert!(ran.stderr.contains("read the keys again") && !ran.stderr.contains(OTHER), "{}", ran.stderr);
}

#[test]
fn a_secret_that_is_too_short_is_refused_with_who_has_to_change_it() {
    let ran = phaseline(&["serve", "--listen", "127.0.0.1:0"])
        .env("PHASELINE_JWT_SECRET", "test-secret-key-for-ci")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{stderr}");
    for part in ["has 22 bytes", "at least 32", "openssl rand", "SECRET_KEY", "the same secret"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stderr.contains("test-secret"), "{stderr}");
}

#[test]
fn a_database_without_users_is_refused_if_subjects_must_be_users() {
    let on = |url: &str| {
        let mut command = phaseline(&["serve", "--listen", "127.0.0.1:0", "--subjects", "planner"]);
        let output = command.env("PHASELINE_JWT_SECRET", SECRET).env("DATABASE_URL", url).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        stderr
    };
    for database in [legacy(), migrated()] {
        assert!(on(database.url()).contains("the database has no table public.users"));
        database.psql("CREATE TABLE public.users (id integer, username text)");
        let stderr = on(database.url());
        for part in [
            "id must be of type uuid, and is of type integer",
            "is_active must be of type boolean, and is missing",
        ] {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
        assert!(!stderr.contains("username must"), "{stderr}");
        database.psql(
            "DROP TABLE public.users;
             CREATE TABLE public.users (id uuid PRIMARY KEY, username varchar(100) NOT NULL, is_active boolean NOT NULL)",
        );
    }
    let database = migrated();
    database.psql("CREATE TABLE public.users (id uuid, username varchar(100), is_active boolean)");
    assert!(on(database.url()).contains("run phaseline doctor --repair"));
    crate::program::on(&database, &["doctor", "--repair"]).exits_with(0);
    let served = ServiceProcess::start(&["--subjects", "planner"], |command| {
        command.env("DATABASE_URL", database.url());
    });
    served.becomes_ready();
    served.stop("TERM").exits_with(0);
}

/// An HTTPS server of a folder.
struct Site {
    child: Child,
    port: String,
}

impl Site {
    fn start(folder: &Path) -> Self {
        const SERVER: &str = "
import http.server, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '/server.pem', sys.argv[1] + '/server_key.pem')
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()";
        let tls = format!("{}/tests/fixtures/tls", env!("CARGO_MANIFEST_DIR"));
        let mut child = std::process::Command::new("python3")
            .args(["-c", SERVER, &tls])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().to_owned() }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The public key of RFC 8037, A.2.
const KEY_SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[test]
fn a_key_set_is_fetched_over_https_from_a_server_that_the_system_trusts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), KEY_SET).unwrap();
    let site = Site::start(folder.path());
    let database = migrated();
    let url = format!("https://localhost:{}/keys.json", site.port);
    let serve = |trusted: Option<&str>| {
        ServiceProcess::start(&["--jwks-url", &url], |command| {
            command.env_remove("PHASELINE_JWT_SECRET").env("DATABASE_URL", database.url());
            if let Some(trusted) = trusted {
                command.env("SSL_CERT_FILE", trusted);
            }
        })
    };
    let trusting = serve(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/ca.pem")));
    trusting.becomes_ready();
    assert_eq!(tried(&trusting, &token(SECRET)).status, 401);
    trusting.stop("TERM").exits_with(0);
    let other = serve(None);
    eventually("it reports the certificate", || other.has_said("the key set cannot be fetched"));
    assert_eq!(other.get("/readyz").is(503).json()["reasons"][0]["code"], "no_keys");
    assert_eq!(tried(&other, &token(SECRET)).status, 503);
    let ran = other.stop("TERM").exits_with(0);
    assert!(ran.stderr.contains("certificate"), "{}", ran.stderr);
}

#[test]
fn addresses_and_origins_that_cannot_be_meant_are_refused() {
    for (args, part) in [
        (["--jwks-url", "http://id.example/keys"], "is not encrypted"),
        (["--jwks-url", "keys.json"], "is not a URL"),
        (["--cors-origins", "https://planner.example *"], "every site"),
        (["--cors-origins", "https://planner.example/app"], "has more than scheme, host and port"),
        (["--subjects", "all"], "neither any nor planner"),
    ] {
        let ran = run(&[&["config", "show"][..], &args].concat()).exits_with(2);
        assert!(ran.stderr.contains(part) && ran.stderr.contains(args[0]), "{part}: {}", ran.stderr);
    }
    run(&["config", "show", "--cors-origins", "https://a.example, http://127.0.0.1:3000"]).exits_with(0);
}
