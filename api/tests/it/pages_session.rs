//! Signing in to the pages, and what a browser may do with its session.

use crate::fixture::ServiceFixture;
use crate::middleware::LogBuffer;
use crate::service::{EVERYTHING, Service, in_seconds, settings, token};
use http::Method;
use phaseline_api::auth::{Auth, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_tests::http::{HttpResponse, RequestBuilder};
use serde_json::{Value, json};

/// The header by which a browser says that a page of the service made the request.
pub(crate) const OWN_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

fn urlencoded(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// A form that a page sends.
pub(crate) fn form<'a>(service: &'a Service, path: &str, pairs: &[(&str, &str)]) -> RequestBuilder<'a> {
    let request = service.client.post(path).header("content-type", "application/x-www-form-urlencoded");
    request.body(urlencoded(pairs))
}

pub(crate) async fn sign_in(service: &Service, token: &str, next: &str) -> HttpResponse {
    let request = form(service, "/session", &[("token", token), ("next", next)]);
    request.header(OWN_PAGE.0, OWN_PAGE.1).send().await
}

/// The cookies that a response sets, with their attributes.
pub(crate) fn set_cookies(response: &HttpResponse) -> Vec<String> {
    let values = response.headers.get_all("set-cookie").iter();
    values.map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// A request with a session's cookie.
fn with_session<'a>(request: RequestBuilder<'a>, token: &str) -> RequestBuilder<'a> {
    request.header("cookie", &format!("theme=dark; phaseline_session={token}; other=\u{e9}"))
}

/// A service that accepts tokens for one audience only.
async fn service_with(change: impl FnOnce(&mut Settings)) -> Service {
    let mut settings = settings();
    change(&mut settings);
    Service::of_routes("postgres://nobody@127.0.0.1:1/none", settings, phaseline_api::server::all_routes())
        .await
}

fn for_audience(settings: &mut Settings) {
    let Auth::Tokens { rules, .. } = &mut settings.auth else { panic!("tokens") };
    *rules = TokenRules { audience: Some("phaseline".to_owned()), ..TokenRules::default() };
}

fn claims(change: &Value) -> Value {
    let mut claims = json!({ "sub": "ada", "exp": in_seconds(600), "scope": EVERYTHING, "aud": "phaseline" });
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    claims
}

#[tokio::test]
async fn signing_in_sets_a_cookie_for_the_life_of_the_token_and_goes_on() {
    let service = service_with(for_audience).await;
    let valid = token(&claims(&json!({})));
    let response = sign_in(&service, &format!(" {valid}\n"), "/log?after=7&x=%2F").await.is(303);
    assert_eq!(response.header("location"), "/log?after=7&x=%2F");
    let cookies = set_cookies(&response);
    let [cookie] = &cookies[..] else { panic!("{cookies:?}") };
    let mut parts = cookie.split("; ");
    assert_eq!(parts.next(), Some(&*format!("phaseline_session={valid}")));
    let (life, attributes): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with("Max-Age="));
    assert_eq!(attributes, ["Path=/", "HttpOnly", "Secure", "SameSite=Strict"]);
    let seconds: i64 = life[0].strip_prefix("Max-Age=").unwrap().parse().unwrap();
    assert!((590..=600).contains(&seconds), "{seconds}");
    // A token that is accepted because clocks differ.
    let late = token(&claims(&json!({ "exp": in_seconds(-5) })));
    assert!(set_cookies(&sign_in(&service, &late, "/").await.is(303))[0].contains("; Max-Age=1;"));
    // Who has a session already goes on.
    let shown = service.client.get("/sign-in?next=%2Fruns");
    assert_eq!(with_session(shown, &valid).send().await.is(303).header("location"), "/runs");
}

#[tokio::test]
async fn the_next_page_is_one_of_the_service() {
    let service = service_with(for_audience).await;
    let valid = token(&claims(&json!({})));
    for (next, place) in [
        ("/projects/1?at=2#phase", "/projects/1?at=2#phase"),
        ("/a//b", "/a//b"),
        ("", "/"),
        ("log", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        ("\t//evil.example", "/"),
        ("/\u{e9}", "/"),
        ("/a b", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/log\r\nSet-Cookie: a=b", "/"),
        ("/../logout", "/"),
        ("/a/%2E%2e/logout?x", "/"),
        ("/.", "/"),
        ("/projects/..?a", "/"),
        ("/log?type=../x", "/log?type=../x"),
    ] {
        let response = sign_in(&service, &valid, next).await.is(303);
        assert_eq!(response.header("location"), place, "{next:?}");
        let shown = service.client.get(&format!("/sign-in?{}", urlencoded(&[("next", next)])));
        assert_eq!(with_session(shown, &valid).send().await.is(303).header("location"), place, "{next:?}");
    }
    let response =
        form(&service, "/session", &[("token", &valid)]).header(OWN_PAGE.0, OWN_PAGE.1).send().await;
    assert_eq!(response.is(303).header("location"), "/");
}

/// The page refuses two sessions; the form must not take one of them and lead back to the page.
#[tokio::test]
async fn a_refused_session_leads_to_the_form_and_not_round() {
    let service = service_with(for_audience).await;
    let valid = token(&claims(&json!({})));
    let two = format!("phaseline_session={valid}; phaseline_session={valid}");
    let page = service.client.get("/log").header("cookie", &two).send().await.is(303);
    let form = page.header("location").to_owned();
    assert!(form.contains("why=token_invalid"), "{form}");
    // The browser may send one of them only to this path.
    let shown = with_session(service.client.get(&form), &valid).send().await.is(200).text();
    assert!(shown.contains("delete the cookies of this site"), "{shown}");
}

#[tokio::test]
async fn the_form_says_why_a_token_is_not_accepted_and_does_not_repeat_it() {
    let service = service_with(for_audience).await;
    let next = "/log?x=\"><b>";
    for (sent, reason) in [
        (String::new(), "Paste your access token"),
        ("not-a-token".to_owned(), "not a JSON Web Token"),
        (token(&claims(&json!({ "exp": in_seconds(-120) }))), "This token has expired"),
        (token(&claims(&json!({ "aud": "planner" }))), "it is for another audience"),
        (token(&claims(&json!({ "sub": "anonymous" }))), "reserved"),
    ] {
        let response = sign_in(&service, &sent, next).await.is(401);
        let text = response.text();
        assert!(text.contains(reason) && text.contains("name=\"token\""), "{reason}: {text}");
        assert!(set_cookies(&response).is_empty() && !text.contains("<b>"), "{text}");
        assert!(sent.is_empty() || !text.contains(&sent), "{text}");
    }
    // A token that fits into no cookie.
    let long = token(&claims(&json!({ "more": "x".repeat(3000) })));
    let text = sign_in(&service, &long, "/").await.is(422).text();
    assert!(
        text.contains("too long") && text.contains("page_token_header") && !text.contains(&long),
        "{text}"
    );
    let longest = token(&claims(&json!({ "more": "x".repeat(2700) })));
    assert!(longest.len() > 3700, "{}", longest.len());
    let cookie = set_cookies(&sign_in(&service, &longest, "/").await.is(303)).remove(0);
    assert!(cookie.len() < 4096, "{}", cookie.len());
    let huge = "x".repeat(100_000);
    let text = sign_in(&service, &huge, "/").await.is(413).text();
    assert!(text.contains("<h1>Body too large</h1>"), "{text}");

    let shown =
        async |query: &str| service.client.get(&format!("/sign-in{query}")).send().await.is(200).text();
    for why in ["token_expired", "token_invalid"] {
        let text = shown(&format!("?next=%2Flog&why={why}")).await;
        assert!(text.contains("Your session ") && text.contains("Sign in again."), "{text}");
    }
    let plain = shown("?next=%2Flog&why=%3Cb%3E").await;
    assert!(
        !plain.contains("has ended") && !plain.contains("<b>") && plain.contains("value=\"/log\""),
        "{plain}"
    );
}

#[tokio::test]
async fn a_session_reads_and_a_token_of_its_own_counts_first() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let list = format!("/api/v1/projects/{project}/phases");
    let client = &fixture.service.client;
    with_session(client.get(&list), &fixture.token).send().await.is(200);
    with_session(client.get(&list), &fixture.token)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .is(200);
    for (cookies, code) in [
        (vec!["theme=dark".to_owned()], "token_missing"),
        (vec![format!("Phaseline_Session={}", fixture.token)], "token_missing"),
        (vec!["phaseline_session=".to_owned()], "token_invalid"),
        (vec![format!("phaseline_session={0}; phaseline_session={0}", fixture.token)], "token_invalid"),
        (vec![format!("phaseline_session={}", fixture.token); 2], "token_invalid"),
        (vec!["phaseline_session=\u{e9}".to_owned()], "token_invalid"),
        (
            vec![format!("phaseline_session={}", token(&json!({ "sub": "a", "exp": in_seconds(-60) })))],
            "token_expired",
        ),
    ] {
        let request = cookies
            .iter()
            .fold(client.get("/api/v1/log"), |request, cookie| request.header("cookie", cookie));
        let response = request.send().await.is(401);
        assert_eq!(response.json()["code"], code, "{cookies:?}");
    }
    // The header counts, whatever the cookie is.
    let refused = with_session(client.get("/api/v1/log"), &fixture.token).bearer("x").send().await.is(401);
    assert_eq!(refused.json()["code"], "token_invalid");
    client.get(&list).bearer(&fixture.token).header("cookie", "phaseline_session=x").send().await.is(200);
}

#[tokio::test]
async fn a_session_changes_something_from_pages_of_the_service_only() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/phases/{phase}");
    let host = fixture.service.client.address().to_string();
    let change = |headers: &[(&str, &str)]| {
        let request = fixture.service.client.patch(&path).json(&json!({ "name": "by its own page" }));
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let (own, port) = (format!("http://{host}"), fixture.service.client.address().port());
    let (other_port, name) = (format!("http://127.0.0.1:{}", port - 1), format!("http://localhost:{port}"));
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", &other_port)],
        &[("origin", &name)],
        &[("origin", "http://127.0.0.1")],
        &[("origin", &host)],
        &[("origin", &own), ("origin", &own)],
    ];
    for headers in refused {
        let response = with_session(change(headers), &fixture.token).send().await.is(403);
        assert!(response.text().contains("Sec-Fetch-Site: same-origin"), "{headers:?} {}", response.text());
        // A bearer token is sent by no page of another site.
        change(headers).bearer(&fixture.token).send().await.is(200);
    }
    for headers in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("origin", &own)],
        &[OWN_PAGE, ("origin", "https://proxy.example")],
    ] {
        with_session(change(headers), &fixture.token).send().await.is(200);
    }
    // Reading by a method that changes something counts as a change; the problem has its code.
    let preview = fixture.service.client.post(&format!("/api/v1/projects/{project}/timeline/preview"));
    let response = with_session(preview.json(&json!({})), &fixture.token).send().await.is(403);
    assert_eq!(response.json()["code"], "foreign_origin");
    assert_eq!(response.header("www-authenticate"), "");
}

#[tokio::test]
async fn sessions_begin_and_end_from_pages_of_the_service_only() {
    let service = service_with(for_audience).await;
    let valid = token(&claims(&json!({})));
    for path in ["/session", "/session/end"] {
        for (name, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("x-nothing", "")]
        {
            let request = form(&service, path, &[("token", &valid), ("next", "/")]);
            let response = request.header(name, value).send().await.is(403);
            assert!(set_cookies(&response).is_empty(), "{path}");
            let text = response.text();
            assert!(text.contains("data-code=\"foreign_origin\"") && !text.contains(&valid), "{text}");
        }
    }
    service.client.get("/session/end").send().await.is(405);
    // The address after a form that was refused.
    assert_eq!(service.client.get("/session").send().await.is(303).header("location"), "/sign-in");
    let ended = form(&service, "/session/end", &[]).header(OWN_PAGE.0, OWN_PAGE.1);
    let ended = with_session(ended, &valid).send().await.is(303);
    assert_eq!(ended.header("location"), "/sign-in");
    assert_eq!(
        set_cookies(&ended),
        ["phaseline_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict"]
    );
}

#[tokio::test]
async fn a_proxy_passes_the_token_in_the_header_of_the_setting_only() {
    let list = "/api/v1/log";
    let valid = token(&claims(&json!({})));
    let fixture = ServiceFixture::start().await;
    fixture.service.client.get(list).header("x-token", &valid).send().await.is(401);

    let settings = Settings { page_token_header: Some("X-Token".parse().unwrap()), ..settings() };
    let service = Service::over(&fixture.database, settings).await;
    let client = &service.client;
    client.get(list).header("x-token", &valid).send().await.is(200);
    // Before the cookie, after Authorization.
    with_session(client.get(list).header("x-token", &valid), "x").send().await.is(200);
    with_session(client.get(list).header("x-token", "x"), &valid).send().await.is(401);
    client.get(list).header("x-token", "x").bearer(&valid).send().await.is(200);
    client.get(list).header("x-token", &valid).bearer("x").send().await.is(401);
    // A proxy may send it empty for those who have not signed in.
    with_session(client.get(list).header("x-token", ""), &valid).send().await.is(200);
    let twice = client.get(list).header("x-token", &valid).header("x-token", &valid).send().await.is(401);
    assert!(twice.json()["detail"].as_str().unwrap().contains("page_token_header"), "{}", twice.text());

    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let change = || {
        let request =
            client.patch(&format!("/api/v1/phases/{phase}")).json(&json!({ "name": "through the proxy" }));
        request.header("x-token", &valid)
    };
    change().send().await.is(403);
    change().header("sec-fetch-site", "cross-site").send().await.is(403);
    change().header(OWN_PAGE.0, OWN_PAGE.1).send().await.is(200);
    assert_eq!(client.get("/sign-in").header("x-token", &valid).send().await.is(303).header("location"), "/");
}

#[tokio::test]
async fn without_tokens_there_is_nothing_to_sign_in_to() {
    let service = service_with(|settings| settings.auth = Auth::Off).await;
    assert_eq!(service.client.get("/sign-in?next=%2Flog").send().await.is(303).header("location"), "/log");
    let response = sign_in(&service, "x", "/log").await.is(303);
    assert_eq!((response.header("location"), set_cookies(&response).len()), ("/", 0));
}

#[tokio::test]
async fn methods_that_only_read_are_not_changes() {
    let fixture = ServiceFixture::start().await;
    let head =
        fixture.service.client.request(Method::HEAD, "/api/v1/log").header("sec-fetch-site", "cross-site");
    with_session(head, &fixture.token).send().await.is(200);
}

/// Two texts of a token: all of it, and its signature, which nothing else has.
fn traces_of(token: &str) -> [&str; 2] {
    [token, token.rsplit('.').next().unwrap()]
}

/// One thread: the subscriber is this thread's.
#[tokio::test(flavor = "current_thread")]
async fn tokens_and_queries_are_in_no_log_line_and_in_no_answer_but_the_cookie() {
    let log = LogBuffer::default();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let service = service_with(|settings| {
        for_audience(settings);
        settings.page_token_header = Some("x-token".parse().unwrap());
    })
    .await;
    service.client.get("/sign-in").send().await;
    tracing::callsite::rebuild_interest_cache();
    log.take();
    let tokens = [
        token(&claims(&json!({}))),
        token(&claims(&json!({ "aud": "other" }))),
        token(&claims(&json!({ "exp": in_seconds(-120) }))),
        token(&claims(&json!({ "more": "x".repeat(4000) }))),
        "odd.token.secret-1".to_owned(),
    ];
    let mut answers = Vec::new();
    for token in &tokens {
        let signed_in = sign_in(&service, token, "/hidden-2?hidden-2").await;
        answers.push(HttpResponse { headers: http::HeaderMap::new(), ..signed_in.clone() });
        let location = signed_in.header("location");
        assert!(location.is_empty() || location == "/hidden-2?hidden-2", "{location}");
        answers.push(form(&service, "/session", &[("token", token)]).send().await);
        answers.push(with_session(service.client.get("/log"), token).send().await);
        answers.push(with_session(service.client.post("/session/end"), token).send().await);
        answers.push(service.client.get("/runs").header("x-token", token).send().await);
        answers.push(service.client.get(&format!("/sign-in?next=%2Flog&why={token}")).send().await);
    }
    let lines = log.take();
    let requests: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["target"] == "phaseline_api::request")
        .collect();
    assert_eq!(requests.len(), tokens.len() * 6, "{lines}");
    let first = &requests[0]["fields"];
    assert_eq!(
        (&first["path"], &first["status"], &first["subject"]),
        (&json!("/session"), &json!(303), &json!("ada"))
    );
    assert_eq!(requests[5]["fields"]["path"], "/sign-in");
    let ours = lines.lines().filter(|line| line.contains("\"target\":\"phaseline"));
    let ours: String = ours.collect();
    assert!(!ours.contains("hidden-2"), "{ours}");
    for trace in tokens.iter().flat_map(|token| traces_of(token)) {
        assert!(!ours.contains(trace), "{trace}: {ours}");
        for answer in &answers {
            assert!(
                !answer.text().contains(trace) && !format!("{:?}", answer.headers).contains(trace),
                "{answer:?}"
            );
        }
    }
}
