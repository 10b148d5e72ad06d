//! What all pages have in common: their headers, their files, and the way to sign in.

use crate::pages_session::{OWN_PAGE, form};
use crate::service::{EVERYTHING, Service, in_seconds, migrated, settings, token};
use phaseline_tests::http::HttpResponse;
use serde_json::json;
use std::path::Path;

/// The pages that need a session, without those of single projects.
const PAGES: [&str; 3] = ["/", "/log", "/runs"];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Fails unless this is a page that can neither be framed nor load anything from elsewhere.
#[track_caller]
fn assert_page(response: &HttpResponse) {
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(response.header(name), value, "{name}: {}", response.text());
    }
    let text = response.text();
    for elsewhere in
        ["http://", "https://", "=\"//", " style=", "<style", " onclick=", " onload=", "javascript:"]
    {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains(elsewhere), "{elsewhere}: {text}");
    }
    // Scripts are files.
    for script in text.split("<script").skip(1) {
        assert!(script.starts_with(" type=\"module\" src=\"/"), "{script}");
    }
}

async fn service() -> (Service, String) {
    let service = Service::start().await;
    let token = service.token(EVERYTHING);
    (service, format!("phaseline_session={token}"))
}

#[tokio::test]
async fn every_page_loads_its_own_files_only_and_is_in_no_frame() {
    let (service, cookie) = service().await;
    for path in PAGES {
        assert_page(&service.client.get(path).header("cookie", &cookie).send().await.is(200));
    }
    assert_page(&service.client.get("/sign-in").send().await.is(200));
    assert_page(
        &form(&service, "/session", &[("token", "x")]).header(OWN_PAGE.0, OWN_PAGE.1).send().await.is(401),
    );
    // Failures: of another site's form, without a scope, and of a part.
    assert_page(&form(&service, "/session", &[("token", "x")]).send().await.is(403));
    let token = token(&json!({ "sub": "ada", "exp": in_seconds(60), "scope": "" }));
    let refused =
        service.client.get("/").header("cookie", &format!("phaseline_session={token}")).send().await;
    assert_page(&refused.is(403));
    assert_page(&service.client.get("/").header("phaseline-part", "x").send().await.is(401));
    let elsewhere = service.client.get("/").header("sec-fetch-site", "cross-site");
    assert_page(&elsewhere.header("sec-fetch-mode", "navigate").send().await.is(200));
}

#[tokio::test]
async fn the_files_are_those_of_the_source_tree_under_the_path_that_pages_name() {
    let (service, _) = service().await;
    let page = service.client.get("/sign-in").send().await.is(200).text();
    let (_, rest) = page.split_once("href=\"/assets/").expect("a file");
    let hash = rest.split('/').next().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        let kind = match name.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            // Tells Node.js, for tests, that the scripts are modules.
            "json" => continue,
            other => panic!("{other}"),
        };
        let response = service.client.get(&format!("/assets/{hash}/{name}")).send().await.is(200);
        assert_eq!(response.body, std::fs::read(file.path()).unwrap(), "{name}");
        assert_eq!(response.header("content-type"), kind, "{name}");
        assert_eq!(response.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert_eq!(response.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        for wrong in
            ["0000000000000000", "x", &hash.to_uppercase().replace(|digit: char| digit.is_ascii_digit(), "f")]
        {
            service.client.get(&format!("/assets/{wrong}/{name}")).send().await.is(404);
        }
        seen += 1;
    }
    assert!(seen >= 3, "{seen}");
    for name in ["nothing.js", "..%2FCargo.toml", "phaseline.css/"] {
        service.client.get(&format!("/assets/{hash}/{name}")).send().await.is(404);
    }
}

#[tokio::test]
async fn a_page_without_a_session_leads_to_signing_in_and_back() {
    let service = Service::over(&migrated(), settings()).await;
    let expired = token(&json!({ "sub": "ada", "exp": in_seconds(-120) }));
    for (place, next) in PAGES.into_iter().zip(["%2F", "%2Flog", "%2Fruns"]) {
        let location = |cookie: String| {
            let request = service.client.get(place).header("cookie", &cookie);
            async { request.send().await.is(303).header("location").to_owned() }
        };
        assert_eq!(location("a=b".to_owned()).await, format!("/sign-in?next={next}"));
        let ended = location(format!("phaseline_session={expired}")).await;
        assert_eq!(ended, format!("/sign-in?next={next}&why=token_expired"));
        let forged = location("phaseline_session=x".to_owned()).await;
        assert_eq!(forged, format!("/sign-in?next={next}&why=token_invalid"));
    }
    // Scripts get the failure, not a form in the place of a part.
    let part = service.client.get("/").header("phaseline-part", "x").send().await.is(401).text();
    assert!(part.contains("data-code=\"token_missing\""), "{part}");
}

/// A browser leaves the cookie out of a navigation that another site started.
#[tokio::test]
async fn a_link_on_another_site_goes_on_by_itself_once() {
    let (service, cookie) = service().await;
    let followed = async |path: &str, site: &str, mode: &str| {
        let request = service.client.get(path).header("sec-fetch-site", site).header("sec-fetch-mode", mode);
        request.send().await
    };
    let page = followed("/?q=a%26b", "cross-site", "navigate").await.is(200).text();
    let place = "/sign-in?next=%2F%3Fq%3Da%2526b";
    assert!(page.contains(&format!("<meta http-equiv=\"refresh\" content=\"0; url={place}\">")), "{page}");
    assert!(page.contains(&format!("<a href=\"{place}\">Continue</a>")) && !page.contains("<form"), "{page}");
    // There the browser sends the cookie, if it has one: on to the page. Otherwise the form ends it.
    let on = service.client.get(place).header("cookie", &cookie).send().await.is(303);
    assert_eq!(on.header("location"), "/?q=a%26b");
    for site in ["same-origin", "cross-site"] {
        assert!(followed(place, site, "navigate").await.is(200).text().contains("<form"), "{site}");
    }
    for (site, mode) in [("cross-site", "cors"), ("same-origin", "navigate"), ("none", "navigate")] {
        assert_eq!(followed("/", site, mode).await.is(303).header("location"), "/sign-in?next=%2F");
    }
    // An expired session is not one that the browser left out.
    let expired = token(&json!({ "sub": "ada", "exp": in_seconds(-120) }));
    let request = service.client.get("/").header("cookie", &format!("phaseline_session={expired}"));
    let request = request.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    assert_eq!(request.send().await.is(303).header("location"), "/sign-in?next=%2F&why=token_expired");
}

#[tokio::test]
async fn only_a_session_can_be_ended() {
    let (service, cookie) = service().await;
    let page = service.client.get("/").header("cookie", &cookie).send().await.is(200).text();
    assert!(page.contains("action=\"/session/end\"") && page.contains("Sign out"), "{page}");
    let token = service.token(EVERYTHING);
    let page = service.client.get("/").bearer(&token).send().await.is(200).text();
    assert!(page.contains("Signed in as") && !page.contains("Sign out"), "{page}");
    let page = service.client.get("/sign-in").send().await.is(200).text();
    assert!(!page.contains("aria-label=\"Pages\"") && !page.contains("Signed in as"), "{page}");
}
