//! A session in a real browser: signing in, and a link on another site.

use crate::cors::{Browser, chromium};
use crate::service::{EVERYTHING, Service, in_seconds, migrated, settings, token};
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, COOKIE};
use axum::middleware::{Next, from_fn};
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The requests of a browser: place, `Sec-Fetch-Site`, and whether it sent the session.
type Visits = Arc<Mutex<Vec<(String, String, bool)>>>;

/// A page with a script of the test.
fn page(script: &str) -> Html<String> {
    Html(format!("<!DOCTYPE html><meta charset=\"utf-8\"><body><script>{script}</script>"))
}

/// A page of the service's own origin that signs in by a form, as the page for signing in does.
fn entrance(next: &str) -> Html<String> {
    let token = token(&json!({ "sub": "ada", "exp": in_seconds(3600), "scope": EVERYTHING }));
    Html(format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><form method=\"post\" action=\"/session\"><input name=\"token\" value=\"{token}\">\
         <input name=\"next\" value=\"{next}\"></form><script>document.forms[0].submit()</script>"
    ))
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(120);
    while Instant::now() < patience {
        if let Some(found) = found() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} within two minutes");
}

#[tokio::test]
async fn a_link_on_another_site_opens_the_page_in_the_session_of_the_browser() {
    let Some(program) = chromium() else {
        eprintln!("skipped: there is no chromium in PATH; scripts/setup.sh test installs it");
        return;
    };
    let visits = Visits::default();
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other_site = format!("http://planner.example:{}/", other.local_addr().unwrap().port());

    let policy =
        [(CONTENT_SECURITY_POLICY, "default-src 'none'; script-src 'unsafe-inline'; form-action 'self'")];
    let leaving = page(&format!("location.href = '{other_site}'"));
    let seen = Arc::clone(&visits);
    let record = move |request: Request, next: Next| {
        let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let has_session = text(COOKIE.as_str()).is_some_and(|cookies| cookies.contains("phaseline_session="));
        let site = text("sec-fetch-site").unwrap_or_default();
        seen.lock().unwrap().push((request.uri().to_string(), site, has_session));
        next.run(request)
    };
    let routes = phaseline_api::server::all_routes()
        .route("/test/enter", get(move || std::future::ready((policy.clone(), entrance("/test/leave")))))
        .route(
            "/test/leave",
            get(move || {
                let policy = [(CONTENT_SECURITY_POLICY, "default-src 'none'; script-src 'unsafe-inline'")];
                std::future::ready((policy, leaving.clone()))
            }),
        )
        .layer(from_fn(record));
    let database = migrated();
    let service = Service::of_routes(database.url(), settings(), routes).await;
    let address = service.client.address();
    let link = page(&format!("location.href = 'http://{address}/log'"));
    let site = axum::Router::new().route("/", get(move || std::future::ready(link.clone())));
    tokio::spawn(async { axum::serve(other, site).await });

    let _browser = Browser::open(&program, &format!("http://{address}/test/enter"));
    let end = ("/log".to_owned(), "same-origin".to_owned(), true);
    let visits = until("the browser shows the page", || {
        let visits = visits.lock().unwrap().clone();
        visits.contains(&end).then_some(visits)
    })
    .await;
    let of_pages =
        visits.iter().filter(|(place, ..)| !place.starts_with("/assets/") && place != "/favicon.ico");
    let of_pages: Vec<(&str, &str, bool)> =
        of_pages.map(|(place, site, session)| (place.as_str(), site.as_str(), *session)).collect();
    assert_eq!(
        of_pages,
        [
            ("/test/enter", "none", false),
            ("/session", "same-origin", false),
            ("/test/leave", "same-origin", true),
            ("/log", "cross-site", false),
            ("/sign-in?next=%2Flog", "same-origin", true),
            ("/log", "same-origin", true),
        ]
    );
}
