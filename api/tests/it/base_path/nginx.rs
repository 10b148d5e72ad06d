//! An nginx with the rules of `docs/api.md`.

use axum::Router;
use std::env;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// An nginx in front of the planner and the service. It stops when it is dropped.
pub(super) struct Nginx {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one; none if it is not installed, which fails in CI.
    pub(super) async fn start(service: SocketAddr) -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "nginx is missing");
            return None;
        };
        let planner = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, settings(address, planner.local_addr().unwrap(), service)).unwrap();
        tokio::spawn(async move {
            axum::serve(planner, Router::new().fallback(async || "the planner")).await.unwrap();
        });
        let mut command = Command::new(program);
        command.arg("-c").arg(&path).arg("-p").arg(folder.path()).args(["-e", "error.log"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Self { address, child, _folder: folder };
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Some(started);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nginx does not listen on {address}");
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join("nginx")).find(|program| program.is_absolute() && program.is_file())
}

/// The rules of the documentation, with the addresses of the test, in one process without TLS.
fn settings(address: SocketAddr, planner: SocketAddr, service: SocketAddr) -> String {
    let page = include_str!("../../../../docs/api.md");
    let (_, rules) = page.split_once("```nginx\n").expect("rules");
    let mut rules = rules.split("```").next().unwrap().to_owned();
    for (documented, replacement) in [
        ("listen 443 ssl;", format!("listen {address};")),
        ("server 127.0.0.1:8000;", format!("server {planner};")),
        ("server 127.0.0.1:8080;", format!("server {service};")),
    ] {
        assert_eq!(rules.matches(documented).count(), 1, "{documented}");
        rules = rules.replace(documented, &replacement);
    }
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"));
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{}{rules}}}\n",
        paths.concat()
    )
}
