//! Pages of other origins: the headers for browsers, and their effect in a real browser.

use crate::fixture::ServiceFixture;
use crate::service::{self, Service, migrated, settings};
use axum::response::Html;
use axum::routing::{get, post};
use http::Method;
use phaseline_api::auth::Auth;
use phaseline_api::settings::Settings;
use phaseline_tests::http::HttpResponse;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

const PERMITTED: &str = "https://planner.example";

fn permitting(origin: &str) -> Settings {
    Settings { cors_origins: vec![origin.parse().unwrap()], ..settings() }
}

async fn preflight(service: &Service, path: &str, origin: &str, method: &str) -> HttpResponse {
    let request = service.client.request(Method::OPTIONS, path).header("origin", origin);
    request
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,if-match,x-of-theirs")
        .send()
        .await
}

/// The words of a header with a list, in lower case.
fn words(response: &HttpResponse, name: &str) -> Vec<String> {
    let values =
        response.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_ascii_lowercase());
    values.flat_map(|value| value.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn a_permitted_origin_may_send_every_request_and_read_every_response() {
    let database = migrated();
    let service = Service::over(&database, permitting(PERMITTED)).await;
    let id = "00000000-0000-4000-8000-000000000000";
    for (method, path) in [
        ("GET", format!("/api/v1/projects/{id}/phases")),
        ("POST", format!("/api/v1/projects/{id}/phases/batch")),
        ("PATCH", format!("/api/v1/phases/{id}")),
        ("DELETE", format!("/api/v1/phases/{id}")),
        ("PUT", format!("/api/v1/projects/{id}/timeline")),
        ("GET", "/readyz".to_owned()),
        ("GET", "/openapi.json".to_owned()),
    ] {
        let response = preflight(&service, &path, PERMITTED, method).await.is(200);
        assert_eq!(response.header("access-control-allow-origin"), PERMITTED, "{path}");
        assert_eq!(response.header("access-control-allow-credentials"), "true");
        assert_eq!(response.header("access-control-max-age"), "600");
        assert!(words(&response, "access-control-allow-methods").contains(&method.to_lowercase()), "{path}");
        for header in ["authorization", "if-match", "x-of-theirs"] {
            assert!(
                words(&response, "access-control-allow-headers").iter().any(|word| word == header),
                "{header}"
            );
        }
        assert!(words(&response, "vary").iter().any(|word| word == "origin"));
        assert!(!response.header("x-request-id").is_empty());
    }
    let token = service.token(service::EVERYTHING);
    let list = format!("/api/v1/projects/{id}/phases");
    for (path, token, status) in [
        (&list, &token, 404),
        (&list, &String::new(), 401),
        (&"/livez".to_owned(), &token, 200),
        (&"/x".to_owned(), &token, 404),
    ] {
        let response =
            service.client.get(path).bearer(token).header("origin", PERMITTED).send().await.is(status);
        assert_eq!(response.header("access-control-allow-origin"), PERMITTED, "{path}");
        assert_eq!(response.header("access-control-allow-credentials"), "true");
        let exposed = words(&response, "access-control-expose-headers");
        for header in [
            "etag",
            "phaseline-position",
            "link",
            "idempotent-replayed",
            "retry-after",
            "x-request-id",
            "x-error-code",
        ] {
            assert!(exposed.iter().any(|word| word == header), "{header}: {exposed:?}");
        }
        assert!(words(&response, "vary").iter().any(|word| word == "origin"));
    }
}

#[tokio::test]
async fn no_other_origin_is_permitted() {
    let database = migrated();
    let service = Service::over(&database, permitting(PERMITTED)).await;
    for origin in [
        "https://evil.example",
        "http://planner.example",
        "https://planner.example:8443",
        "https://planner.example.evil.example",
        "https://PLANNER.example",
        "null",
        "*",
    ] {
        for response in [
            preflight(&service, "/livez", origin, "GET").await,
            service.client.get("/livez").header("origin", origin).send().await.is(200),
        ] {
            assert_eq!(response.header("access-control-allow-origin"), "", "{origin}");
            // A cache must not give this response to a permitted origin.
            assert!(words(&response, "vary").iter().any(|word| word == "origin"), "{origin}");
        }
    }
    let response = service.client.get("/livez").send().await.is(200);
    assert_eq!(response.header("access-control-allow-origin"), "");
    assert!(words(&response, "vary").iter().any(|word| word == "origin"));

    let none = Service::over(&database, settings()).await;
    let response = preflight(&none, "/livez", PERMITTED, "GET").await.is(405);
    assert_eq!(response.header("access-control-allow-origin"), "");
    let response = none.client.get("/livez").header("origin", PERMITTED).send().await.is(200);
    assert_eq!(response.header("access-control-allow-origin"), "");
}

/// Without tokens only pages of this machine may send requests, and those that the settings permit.
#[tokio::test]
async fn without_tokens_a_permitted_origin_is_no_foreign_one() {
    let database = migrated();
    let service = Service::over(&database, Settings { auth: Auth::Off, ..permitting(PERMITTED) }).await;
    let get = |origin: &str| {
        let request =
            service.client.get("/livez").header("origin", origin).header("sec-fetch-site", "cross-site");
        async move { request.send().await }
    };
    assert_eq!(get(PERMITTED).await.is(200).header("access-control-allow-origin"), PERMITTED);
    let refused = get("https://evil.example").await.is(403);
    assert_eq!(
        (&refused.json()["code"], refused.header("access-control-allow-origin")),
        (&json!("foreign_origin"), "")
    );
    let twice =
        service.client.get("/livez").header("origin", PERMITTED).header("origin", "https://evil.example");
    twice.header("sec-fetch-site", "cross-site").send().await.is(403);
    let evil = service.client.get("/livez").header("origin", PERMITTED).header("host", "evil.example");
    evil.send().await.is(403);
}

/// Chromium as distributions install it; none if it is not installed.
pub(crate) fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser"];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// A browser with a page, until it is dropped.
pub(crate) struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens the page; every name is one of this machine.
    pub(crate) fn open(program: &PathBuf, url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            // It leaves files here when it is killed.
            .env("TMPDIR", profile.path())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
            ])
            .args(["--remote-debugging-port=0", "--host-resolver-rules=MAP * 127.0.0.1"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, _profile: profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The script of the page: it reads the phases, renames the first one, and reports what it could read.
const PAGE: &str = r#"<!DOCTYPE html><meta charset="utf-8"><script>
(async () => {
  const headers = { Authorization: "Bearer TOKEN" };
  const options = { credentials: "include", headers };
  let report;
  try {
    const list = await fetch("SERVICE/projects/PROJECT/phases", options);
    const phases = await list.json();
    const change = await fetch("SERVICE/phases/" + phases[0].id, { ...options, method: "PATCH",
      headers: { ...headers, "Content-Type": "application/json", "If-Match": list.headers.get("ETag"), "Idempotency-Key": "k1" },
      body: JSON.stringify({ name: "by the page" }) });
    report = { status: change.status, is_named: (await change.text()).includes("by the page"), version: change.headers.get("ETag"),
      position: change.headers.get("Phaseline-Position"), id: change.headers.get("X-Request-Id") };
  } catch (error) {
    report = { blocked: String(error) };
  }
  await fetch("/report", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(report) });
})();
</script>"#;

/// A site with one page, and the report of that page.
struct Site {
    address: SocketAddr,
    page: std::sync::Arc<std::sync::Mutex<String>>,
    reports: mpsc::UnboundedReceiver<Value>,
}

impl Site {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, reports) = mpsc::unbounded_channel();
        let page = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let shown = std::sync::Arc::clone(&page);
        let routes = axum::Router::new()
            .route("/", get(move || std::future::ready(Html(shown.lock().unwrap().clone()))))
            .route(
                "/report",
                post(move |axum::Json(report): axum::Json<Value>| {
                    sender.send(report).unwrap();
                    std::future::ready(())
                }),
            );
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self { address, page, reports }
    }

    /// Opens the page in a browser, as one of the site `planner.example`, and returns its report.
    async fn report(&mut self, program: &PathBuf, fixture: &ServiceFixture) -> Value {
        let service = format!("http://127.0.0.1:{}/api/v1", fixture.service.client.address().port());
        let page = PAGE.replace("TOKEN", &fixture.token).replace("SERVICE", &service);
        *self.page.lock().unwrap() = page.replace("PROJECT", &fixture.project().await);
        let _browser = Browser::open(program, &format!("http://planner.example:{}/", self.address.port()));
        let report = tokio::time::timeout(Duration::from_secs(120), self.reports.recv()).await;
        report.expect("the page reports within two minutes").unwrap()
    }
}

#[tokio::test]
async fn a_browser_shows_a_page_of_another_origin_only_if_it_is_permitted() {
    let Some(program) = chromium() else {
        eprintln!("skipped: there is no chromium in PATH; scripts/setup.sh test installs it");
        return;
    };
    let mut site = Site::start().await;
    let origin = format!("http://planner.example:{}", site.address.port());
    for auth in [settings().auth, Auth::Off] {
        let permitting = Settings { auth: auth.clone(), ..permitting(&origin) };
        let database = migrated();
        let service = Service::over(&database, permitting).await;
        let token = service.token(service::EVERYTHING);
        let fixture = ServiceFixture { service, database, token };
        let report = site.report(&program, &fixture).await;
        assert_eq!((&report["status"], &report["is_named"]), (&json!(200), &json!(true)), "{report}");
        for header in ["version", "position", "id"] {
            assert!(report[header].as_str().is_some_and(|text| !text.is_empty()), "{header}: {report}");
        }

        for others in [vec![], vec!["https://planner.example".parse().unwrap()]] {
            let database = migrated();
            let events = |database: &phaseline_embedded::testing::TestDatabase| {
                database.psql("SELECT count(*) FROM phaseline.events")
            };
            let before = events(&database);
            let settings = Settings { auth: auth.clone(), cors_origins: others, ..settings() };
            let service = Service::over(&database, settings).await;
            let token = service.token(service::EVERYTHING);
            let fixture = ServiceFixture { service, database, token };
            let report = site.report(&program, &fixture).await;
            assert!(report["blocked"].is_string(), "{report}");
            assert_eq!(events(&fixture.database), before);
        }
    }
}
