//! The service below a prefix of paths, as a proxy sends requests to it.

mod nginx;

use crate::fixture::ServiceFixture;
use crate::pages_session::{OWN_PAGE, form, set_cookies, sign_in};
use crate::service::{Service, settings};
use nginx::Nginx;
use phaseline_api::settings::Settings;
use phaseline_tests::http::Client;
use serde_json::json;

const BASE: &str = "/phaseline";

fn below_base() -> Settings {
    Settings { base_path: BASE.parse().unwrap(), ..settings() }
}

/// The cookies of a session below the prefix: the new one, and the end of one that was set before the prefix.
fn assert_cookies(cookies: &[String], value: &str) {
    let [older, newer] = cookies else { panic!("{cookies:?}") };
    assert!(older.starts_with("phaseline_session=; Path=/; Max-Age=0; "), "{older}");
    assert!(newer.starts_with(&format!("phaseline_session={value}; Path={BASE}; Max-Age=")), "{newer}");
}

#[tokio::test]
async fn every_route_is_also_below_the_prefix_and_links_have_it() {
    let fixture = ServiceFixture::start().await;
    let service = Service::over(&fixture.database, below_base()).await;
    let (client, project) = (&service.client, fixture.project().await);
    for prefix in ["", BASE] {
        client.get(&format!("{prefix}/livez")).send().await.is(200);
        let list = client.get(&format!("{prefix}/api/v1/projects/{project}/phases")).bearer(&fixture.token);
        assert!(!list.send().await.is(200).header("etag").is_empty());
        let unknown = client.get(&format!("{prefix}/api/v1/log?what=1")).bearer(&fixture.token).send().await;
        assert!(unknown.is(400).text().contains("unknown query parameter"));
        // Pages name the prefix, also for requests without it.
        let page = client.get(&format!("{prefix}/sign-in")).send().await.is(200).text();
        for link in page
            .split("href=\"")
            .chain(page.split("action=\""))
            .chain(page.split("src=\""))
            .filter(|part| part.starts_with('/'))
        {
            assert!(link.starts_with("/phaseline/"), "{link}");
        }
        let (_, asset) = page.split_once("href=\"").unwrap();
        client.get(asset.split('"').next().unwrap()).send().await.is(200);
        assert!(page.contains("action=\"/phaseline/session\""), "{page}");
    }
    let next = "/log?after=1";
    let request = form(&service, "/phaseline/session", &[("token", &fixture.token), ("next", next)]);
    let response = request.header(OWN_PAGE.0, OWN_PAGE.1).send().await.is(303);
    assert_eq!(response.header("location"), "/phaseline/log?after=1");
    assert_cookies(&set_cookies(&response), &fixture.token);
    assert_eq!(
        sign_in(&service, &fixture.token, "//evil.example").await.is(303).header("location"),
        "/phaseline/"
    );
    let ended =
        form(&service, "/phaseline/session/end", &[]).header(OWN_PAGE.0, OWN_PAGE.1).send().await.is(303);
    assert_eq!(ended.header("location"), "/phaseline/sign-in");
    assert_cookies(&set_cookies(&ended), "");

    let first = client.get("/phaseline?x=1").send().await.is(308);
    assert_eq!(first.header("location"), "/phaseline/?x=1");
    assert_eq!(first.header("x-content-type-options"), "nosniff");
    for path in [
        "/phaselines",
        "/phaselines/livez",
        "/phaseline-x/livez",
        "/x/phaseline/livez",
        "/phaseline/phaseline/livez",
    ] {
        client.get(path).send().await.is(404);
    }
    // The metrics have the routes, not the prefix.
    let metrics = client.get("/metrics").send().await.is(200).text();
    assert!(metrics.contains("route=\"/livez\"") && !metrics.contains(BASE), "{metrics}");
}

#[tokio::test]
async fn a_page_below_the_prefix_leads_to_signing_in_below_it() {
    let service = Service::with(below_base()).await;
    for path in ["/phaseline/log?after=1", "/log?after=1"] {
        let response = service.client.get(path).send().await.is(303);
        assert_eq!(response.header("location"), "/phaseline/sign-in?next=%2Flog%3Fafter%3D1");
        let followed = service.client.get(path).header("sec-fetch-site", "cross-site");
        let page = followed.header("sec-fetch-mode", "navigate").send().await.is(200).text();
        assert!(page.contains("url=/phaseline/sign-in?next=%2Flog%3Fafter%3D1\""), "{page}");
    }
}

#[tokio::test]
async fn without_a_prefix_paths_are_as_they_come() {
    let service = Service::start().await;
    service.client.get("/phaseline/livez").send().await.is(404);
    service.client.get("/phaseline").send().await.is(404);
    service.client.get("//livez").send().await.is(404);
}

#[tokio::test]
async fn the_proxy_of_the_documentation_serves_the_pages_beside_the_planner() {
    let fixture = ServiceFixture::start().await;
    let service = Service::over(&fixture.database, below_base()).await;
    let Some(nginx) = Nginx::start(service.client.address()).await else {
        eprintln!("skipped: there is no nginx; scripts/setup.sh test installs it");
        return;
    };
    let client = Client::new(nginx.address());
    for path in ["/", "/log", "/phaselines", "/phaselines/log", "/sign-in", "/api/v1/projects"] {
        assert_eq!(client.get(path).send().await.is(200).text(), "the planner", "{path}");
    }
    let first = client.get("/phaseline").send().await.is(301);
    assert!(first.header("location").ends_with("/phaseline/"), "{first:?}");

    let page = client.get("/phaseline/sign-in?next=%2Flog").send().await.is(200).text();
    let (_, asset) = page.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = client.get(asset.split('"').next().unwrap()).send().await.is(200);
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    // A browser that sends Origin only: the proxy passes the host on.
    let own = format!("http://{}", nginx.address());
    let sent = format!("token={}&next=%2Flog", fixture.token);
    let request = |origin: &str| {
        let request = client.post("/phaseline/session").header("origin", origin);
        request.header("content-type", "application/x-www-form-urlencoded").body(sent.clone())
    };
    request("http://evil.example").send().await.is(403);
    let response = request(&own).send().await.is(303);
    assert!(response.header("location").ends_with("/phaseline/log"), "{response:?}");
    assert_cookies(&set_cookies(&response), &fixture.token);

    let cookie = format!("phaseline_session={}", fixture.token);
    let project = fixture.project().await;
    let list = format!("/phaseline/api/v1/projects/{project}/phases");
    let phases = client.get(&list).header("cookie", &cookie).send().await.is(200).json();
    let phase = format!("/phaseline/api/v1/phases/{}", phases[0]["id"].as_str().unwrap());
    let change = || client.patch(&phase).header("cookie", &cookie).json(&json!({ "name": "from a page" }));
    change().send().await.is(403);
    change().header("sec-fetch-site", "same-site").header("origin", &own).send().await.is(403);
    change().header(OWN_PAGE.0, OWN_PAGE.1).send().await.is(200);
    change().header("origin", &own).send().await.is(200);
    // The planner's routes reach the service without the prefix, as before.
    let list = client.get(&format!("/api/v1/projects/{project}/phases")).bearer(&fixture.token);
    assert_eq!(list.send().await.is(200).json()[0]["name"], "from a page");
}
