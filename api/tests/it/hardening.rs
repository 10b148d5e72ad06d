//! Malicious and ambiguous requests: each is refused with a reason.

use crate::fixture::{ServiceFixture, new_entry};
use crate::service::{EVERYTHING, Service, in_seconds, settings, token};
use phaseline_api::auth::Auth;
use phaseline_api::settings::Settings;
use serde_json::{Value, json};
use std::io::Read;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A service without tokens.
async fn open() -> Service {
    Service::with(Settings { auth: Auth::Off, ..settings() }).await
}

/// The response to a request that is sent unchanged, byte by byte.
async fn raw(service: &Service, request: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(service.client.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn without_tokens_a_page_of_another_site_can_neither_write_nor_read() {
    let service = open().await;
    let project = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let path = format!("/api/v1/projects/{project}/phases/batch");
    let body = json!({ "phases": [new_entry("A", "2030-01-01", "2030-01-02")] }).to_string();
    let post = || service.client.post(&path).body(body.clone());
    // The requests that a page can make a browser send without a preflight.
    let untyped = post().send().await.is(415).json();
    assert_eq!(untyped["code"], "not_json");
    post().header("content-type", "text/plain").send().await.is(415);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "https://localhost.evil.example"),
        ("origin", "null"),
        ("origin", "chrome-extension://abcdef"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let typed = post().header("content-type", "application/json").header(name, value);
        assert_eq!(typed.send().await.is(403).json()["code"], "foreign_origin", "{name}: {value}");
        let read = service.client.get("/openapi.json").header(name, value).send().await.is(403);
        assert_eq!(read.json()["code"], "foreign_origin");
    }
    // Programs and pages of this machine are accepted; the project does not exist.
    for (name, value) in [
        ("origin", "http://localhost:3000"),
        ("origin", "http://[::1]:8080"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
    ] {
        post().header("content-type", "application/json").header(name, value).send().await.is(404);
    }
    post().header("content-type", "application/json").send().await.is(404);
    service.client.delete(&format!("/api/v1/phases/{project}")).send().await.is(404);
}

/// With tokens, requests of other sites are accepted, such as those of a front end on another host: they carry no credentials.
#[tokio::test]
async fn with_tokens_requests_of_any_origin_are_allowed() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let request = fixture.get(&format!("/projects/{project}/phases"));
    request
        .header("origin", "https://planner.example")
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .is(200);
}

#[tokio::test]
async fn a_request_names_one_host_and_no_user() {
    let service = open().await;
    let request = |hosts: &str| format!("GET /livez HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
    for (hosts, status) in [
        ("", 400),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: user@localhost\r\n", 400),
        ("Host: \r\n", 400),
        ("Host: a b\r\n", 400),
        ("Host: evil.example\r\n", 403),
        ("Host: localhost:80\r\n", 200),
        ("Host: [::1]\r\n", 200),
    ] {
        let response = raw(&service, &request(hosts)).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{hosts:?}: {response}");
        assert!(status != 400 || response.contains("\"code\":\"bad_request\""), "{response}");
    }
    // The authority of an absolute target is compared with the header.
    let absolute = "GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(raw(&service, absolute).await.starts_with("HTTP/1.1 403 "));
    // With tokens any single host name is accepted; HTTP/1.0 needs none.
    let tokens = Service::start().await;
    assert!(raw(&tokens, &request("Host: planner.example\r\n")).await.starts_with("HTTP/1.1 200 "));
    assert!(raw(&tokens, &request("")).await.starts_with("HTTP/1.1 400 "));
    assert!(raw(&tokens, "GET /livez HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200 "));
}

#[tokio::test]
async fn every_response_forbids_caching_sniffing_and_framing() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let list = fixture.get(&format!("/projects/{project}/phases"));
    let client = &fixture.service.client;
    for response in [
        list.send().await.is(200),
        client.get("/nowhere").send().await.is(404),
        client.get("/livez").send().await.is(200),
        client.get("/metrics").send().await.is(200),
        client.get("/api/v1/phases/x").send().await.is(401),
    ] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(response.header(name), value, "{response:?}");
        }
    }
    // The page runs its own script only.
    let page = client.get("/docs/").send().await.is(200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let text = page.text();
    assert!(
        !text.contains("<script>") && !text.contains("onload="),
        "scripts within the page would not run: {text}"
    );
    assert!(page.header("cache-control").contains("max-age"));
}

#[tokio::test]
async fn the_page_is_stored_compressed_and_unpacked_on_request() {
    let service = Service::start().await;
    for path in ["/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js", "/openapi.json"] {
        let plain = service.client.get(path).send().await.is(200);
        assert_eq!(plain.header("content-encoding"), "");
        let refusing =
            service.client.get(path).header("accept-encoding", "gzip;q=0, br").send().await.is(200);
        assert_eq!((refusing.header("content-encoding"), &refusing.body), ("", &plain.body));
        let packed = service.client.get(path).header("accept-encoding", "br, gzip").send().await.is(200);
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.body, "{path}");
    }
    assert_eq!(service.client.get("/docs").send().await.is(303).header("location"), "/docs/");
    service.client.get("/docs/nothing.js").send().await.is(404);
    let config = service.client.get("/docs/swagger-initializer.js").send().await.text();
    assert!(config.contains("\"/openapi.json\""), "{config}");

    // Serving the stored compressed form costs less than compressing it.
    let script = service.client.get("/docs/swagger-ui-bundle.js").send().await.body;
    let began = std::time::Instant::now();
    let mut encoder = flate2::write::GzEncoder::new(std::io::sink(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &script).unwrap();
    encoder.finish().unwrap();
    let compressing = began.elapsed();
    let began = std::time::Instant::now();
    for _ in 0..5 {
        service
            .client
            .get("/docs/swagger-ui-bundle.js")
            .header("accept-encoding", "gzip")
            .send()
            .await
            .is(200);
    }
    let handing_out = began.elapsed() / 5;
    assert!(handing_out < compressing * 2, "{handing_out:?}, to compress takes {compressing:?}");
}

#[tokio::test]
async fn an_ambiguous_body_is_refused() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/phases/{phase}");
    let patch = |kind: &str| {
        let request = fixture.service.client.patch(&path).bearer(&fixture.token).header("content-type", kind);
        request.body(r#"{"name":"A"}"#)
    };
    for kind in
        ["application/json; charset=utf-16", "application/json;charset=\"iso-8859-1\"", "application/x-json"]
    {
        assert_eq!(patch(kind).send().await.is(415).json()["code"], "not_json", "{kind}");
    }
    let twice = patch("application/json").header("content-type", "text/plain").send().await.is(415);
    assert_eq!(twice.json()["code"], "not_json");
    for encoding in ["gzip", "identity, br", "x"] {
        let encoded = patch("application/json").header("content-encoding", encoding).send().await.is(415);
        assert_eq!(encoded.json()["code"], "encoded_body", "{encoding}");
    }
    for kind in ["application/json;charset=UTF-8", "application/merge-patch+json; charset=\"utf-8\""] {
        patch(kind).header("content-encoding", "identity").send().await.is(200);
    }
    let events = fixture.events().await;
    let twice = fixture.patch(&format!("/phases/{phase}"), &Value::Null).body(r#"{"name":"B","name":"C"}"#);
    let problem = twice.send().await.is(422).json();
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("appears twice"), "{problem}");
    let batch = format!("/projects/{project}/phases/batch");
    let list = r#"{"phases":[{"name":"A","name":"B"}]}"#;
    let refused = fixture.post(&batch, &Value::Null).body(list).send().await.is(422).json();
    let verdict = &refused["error"]["details"]["field_errors"][0];
    assert_eq!(verdict["type"], "json_invalid", "{refused}");
    assert!(verdict["message"].as_str().unwrap().contains("appears twice"), "{refused}");
    assert_eq!(fixture.events().await, events);
}

/// A list accepts invisible names, as the planner does; a command that names one phase refuses them.
#[tokio::test]
async fn a_name_that_cannot_be_seen_is_taken_from_the_planner_only() {
    let fixture = ServiceFixture::start().await;
    let project = fixture.project().await;
    let mut entries = fixture.entries(&project).await;
    entries[0]["name"] = json!("\u{200b}");
    let listed = fixture.batch(&project, &entries).await.is(200).json();
    assert_eq!(listed[0]["name"], "\u{200b}");
    let phase = format!("/phases/{}", listed[0]["id"].as_str().unwrap());
    // The phase keeps its name while other fields change.
    fixture.patch(&phase, &json!({ "description": "new", "name": "\u{200b}" })).send().await.is(200);
    let other = format!("/phases/{}", listed[1]["id"].as_str().unwrap());
    let start = &listed[1]["start_date"];
    let create = json!({ "name": "\u{202e}\u{2066}", "start_date": start, "end_date": start });
    for refused in [
        fixture.patch(&other, &json!({ "name": "\u{200b}" })).send().await,
        fixture.post(&format!("/projects/{project}/phases"), &create).send().await,
    ] {
        let problem = refused.is(422).json();
        assert_eq!(problem["errors"][0]["rule"], "V26", "{problem}");
    }
    let preview = json!({ "change": { "phase_id": listed[1]["id"], "name": "\u{feff}" } });
    let verdict =
        fixture.post(&format!("/projects/{project}/timeline/preview"), &preview).send().await.is(200).json();
    assert_eq!(
        (&verdict["valid"], &verdict["errors"][0]["rule"]),
        (&json!(false), &json!("V26")),
        "{verdict}"
    );
}

/// Rows of other programs are adopted with their names, and listed with them.
#[tokio::test]
async fn a_row_with_such_a_name_is_adopted() {
    let fixture = ServiceFixture::start().await;
    let project = "6f9619ff-8b86-d011-b42d-00c04fc964f1";
    fixture.copy_project(&fixture.project().await, project).await;
    fixture.sql(&format!("UPDATE project_phases SET name = U&'\\200B' WHERE project_id = '{project}'")).await;
    let phases = fixture.phases(project).await;
    let path = format!("/phases/{}", phases[0]["id"].as_str().unwrap());
    fixture.patch(&path, &json!({ "description": "adopted" })).send().await.is(200);
    assert_eq!(fixture.phases(project).await[0]["name"], "\u{200b}");
}

fn token_of(claims: &Value) -> String {
    let mut all = json!({ "sub": "ada", "exp": in_seconds(600), "scope": EVERYTHING });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    token(&all)
}

#[tokio::test]
async fn a_key_belongs_to_a_subject_of_one_issuer_and_to_one_project() {
    let fixture = ServiceFixture::start().await;
    let projects = fixture.projects(2).await;
    let path = async |project: &str| {
        format!("/api/v1/phases/{}", fixture.phases(project).await[0]["id"].as_str().unwrap())
    };
    let (one, two) = (path(&projects[0]).await, path(&projects[1]).await);
    let rename = async |token: &str, path: &str, name: &str| {
        let request = fixture.service.client.patch(path).bearer(token).header("idempotency-key", "k");
        request.json(&json!({ "name": name })).send().await
    };
    let here = token_of(&json!({ "iss": "https://here.example" }));
    let there = token_of(&json!({ "iss": "https://there.example" }));
    rename(&here, &one, "A").await.is(200);
    assert_eq!(rename(&here, &one, "A").await.is(200).header("idempotent-replayed"), "true");
    rename(&here, &one, "B").await.is(422);
    for other in [&there, &token_of(&json!({}))] {
        assert_eq!(rename(other, &one, "B").await.is(200).header("idempotent-replayed"), "");
    }
    // A caller limited to the second project cannot detect that the key was used on the first one.
    let limited = token_of(&json!({ "iss": "https://here.example", "projects": [projects[1]] }));
    assert_eq!(rename(&limited, &two, "C").await.is(200).header("idempotent-replayed"), "");
    assert_eq!(rename(&limited, &two, "C").await.is(200).header("idempotent-replayed"), "true");
    assert_eq!(rename(&here, &two, "C").await.is(200).header("idempotent-replayed"), "true");
}

/// A request that changes nothing costs the caller nothing, so stored keys would fill the table.
#[tokio::test]
async fn idempotency_keys_of_no_ops_are_kept_up_to_a_limit() {
    let fixture = ServiceFixture::start().await;
    fixture.sql(
        "INSERT INTO phaseline.idempotency_keys (scope, key, login, fingerprint, stream_id, version, events, recorded_at)
         SELECT scope, 'k' || n, 'api', '', gen_random_uuid(), 9, events, now() - n * interval '1 s'
           FROM generate_series(1, 1500) n, (VALUES ('idle', 0), ('busy', 1), ('other', 0)) AS whose (scope, events)
          WHERE scope <> 'other' OR n <= 10",
    )
    .await;
    assert_eq!(fixture.number("SELECT phaseline.forget_idempotency_keys()").await, 500);
    let kept = "SELECT string_agg(scope || ' ' || count, ', ' ORDER BY scope) FROM
                  (SELECT scope, count(*) FROM phaseline.idempotency_keys GROUP BY scope) n";
    assert_eq!(fixture.text(kept).await, "busy 1500, idle 1000, other 10");
    assert_eq!(
        fixture
            .number("SELECT count(*) FROM phaseline.idempotency_keys WHERE key = 'k1' AND scope = 'idle'")
            .await,
        1
    );
}
