//! Which tokens are accepted, and each reason to refuse one.

use crate::service::{EVERYTHING, SECRET, Service, in_seconds, migrated, settings, token};
use crate::test_keys::{self, Ed25519, P256_PUBLIC, P384_PUBLIC, RSA_PUBLIC};
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use phaseline_api::auth::{Auth, Caller, Denied, KeyError, Keys, TokenRequest, TokenRules, TokenScope};
use phaseline_api::settings::Settings;
use phaseline_api::state::AppState;
use phaseline_domain::ProjectId;
use phaseline_tests::http::HttpResponse;
use serde_json::{Value, json};
use uuid::Uuid;

async fn who(caller: Caller) -> Json<Value> {
    let projects =
        caller.projects.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    Json(json!({ "subject": caller.subject, "scope": caller.scopes.to_string(), "projects": projects }))
}

async fn write(caller: Caller, Path(project): Path<Uuid>) -> Result<(), Denied> {
    caller.need(TokenScope::PhasesWrite)?;
    caller.need_project(ProjectId::from(project))
}

/// A route with its own form of refusals.
async fn own_form(caller: Result<Caller, Denied>) -> Response {
    match caller {
        Ok(caller) => caller.subject.into_response(),
        Err(denied) => (denied.status(), Json(json!({ "detail": denied.to_string() }))).into_response(),
    }
}

fn routes() -> axum::Router<AppState> {
    axum::Router::new()
        .route("/who", get(who))
        .route("/write/{project}", get(write))
        .route("/own-form", get(own_form))
}

/// A service that needs no database for these requests.
async fn service(settings: Settings) -> Service {
    Service::of_routes("postgres://nobody@127.0.0.1:1/none", settings, routes()).await
}

fn settings_with_keys(keys: Keys, rules: TokenRules) -> Settings {
    Settings { auth: Auth::Tokens { keys: keys.into(), rules }, ..Settings::default() }
}

fn settings_with_secret(rules: TokenRules) -> Settings {
    let mut keys = Keys::default();
    keys.add_secret(SECRET).unwrap();
    settings_with_keys(keys, rules)
}

async fn request_with_token(service: &Service, token: &str) -> HttpResponse {
    service.client.get("/who").bearer(token).send().await
}

/// Fails unless this token is refused with 401, for this reason.
#[track_caller]
fn assert_refused(response: &HttpResponse, code: &str, reason: &str) {
    assert_eq!(response.status, 401, "{}", response.text());
    assert_eq!(response.header("content-type"), "application/problem+json");
    let challenge = response.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"phaseline\""), "{challenge}");
    let problem = response.json();
    assert_eq!(problem["code"], code, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
}

fn valid_claims() -> Value {
    json!({ "sub": "ada", "exp": in_seconds(600), "scope": "phases:read history:read" })
}

/// The claims of the valid token, with one of them changed or removed.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = valid_claims();
    claims[name] = value;
    claims
}

fn claims_without(name: &str) -> Value {
    let mut claims = valid_claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test]
async fn a_token_identifies_the_caller_and_its_permissions() {
    let service = service(settings_with_secret(TokenRules::default())).await;
    let all = request_with_token(&service, &token(&valid_claims())).await.is(200).json();
    assert_eq!(all, json!({ "subject": "ada", "scope": "phases:read history:read", "projects": null }));
    let list = claims_with("scope", json!(["phases:write", "profile"]));
    assert_eq!(request_with_token(&service, &token(&list)).await.is(200).json()["scope"], "phases:write");
    let id = Uuid::new_v4().to_string();
    let limited =
        request_with_token(&service, &token(&claims_with("projects", json!([id])))).await.is(200).json();
    assert_eq!(limited["projects"], json!([id]));
    let lower =
        service.client.get("/who").header("authorization", &format!("bearer {}", token(&valid_claims())));
    lower.send().await.is(200);
    // The clocks of two machines differ slightly.
    request_with_token(&service, &token(&claims_with("exp", json!(in_seconds(-5))))).await.is(200);
}

#[tokio::test]
async fn invalid_tokens_are_refused_with_the_reason() {
    let service = service(settings_with_secret(TokenRules::default())).await;
    let missing = service.client.get("/who").send().await;
    assert_refused(&missing, "token_missing", "Authorization: Bearer");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"phaseline\"");
    let basic = service.client.get("/who").header("authorization", "Basic YTpi").send().await;
    assert_refused(&basic, "token_missing", "Bearer");
    let twice = service
        .client
        .get("/who")
        .bearer(&token(&valid_claims()))
        .bearer(&token(&valid_claims()))
        .send()
        .await;
    assert_refused(&twice, "token_invalid", "several");

    let expired = request_with_token(&service, &token(&claims_with("exp", json!(in_seconds(-120))))).await;
    assert_refused(&expired, "token_expired", "expired");
    assert!(expired.header("www-authenticate").contains("error=\"invalid_token\""));
    for (claims, reason) in [
        (claims_without("exp"), "exp"),
        (claims_without("sub"), "sub"),
        (claims_with("sub", json!(" ")), "sub"),
        (claims_with("nbf", json!(in_seconds(600))), "nbf"),
        (claims_with("projects", json!("all")), "wrong type"),
        (claims_with("projects", Value::Null), "wrong type"),
        (claims_with("projects", json!(["7"])), "wrong type"),
        (claims_with("scope", Value::Null), "wrong type"),
    ] {
        assert_refused(&request_with_token(&service, &token(&claims)).await, "token_invalid", reason);
    }
    for nonsense in ["", "x", "a.b.c", "\u{7f}"] {
        let header = format!("Bearer {nonsense}");
        let header = header.replace('\u{7f}', "~");
        let response = service.client.get("/who").header("authorization", &header).send().await;
        assert_eq!(response.status, 401, "{nonsense:?}");
    }
    let other = EncodingKey::from_secret(b"another secret, also long enough for HS256");
    let forged = encode(&Header::new(Algorithm::HS256), &valid_claims(), &other).unwrap();
    assert_refused(
        &request_with_token(&service, &forged).await,
        "token_invalid",
        "not signed by a key of this service",
    );
}

#[tokio::test]
async fn audience_and_issuer_are_needed_once_they_are_configured() {
    let free = service(settings_with_secret(TokenRules::default())).await;
    request_with_token(&free, &token(&claims_with("aud", json!("another service")))).await.is(200);

    let rules = TokenRules {
        audience: Some("phaseline".to_owned()),
        issuer: Some("https://id.example".to_owned()),
        ..TokenRules::default()
    };
    let service = service(settings_with_secret(rules)).await;
    let mut claims = valid_claims();
    claims["aud"] = json!(["planner", "phaseline"]);
    claims["iss"] = json!("https://id.example");
    request_with_token(&service, &token(&claims)).await.is(200);
    for (name, value, reason) in [
        ("aud", Some(json!("planner")), "another audience"),
        ("aud", None, "no audience"),
        ("iss", Some(json!("https://evil.example")), "another issuer"),
        ("iss", None, "no issuer"),
    ] {
        let mut wrong = claims.clone();
        match value {
            Some(value) => wrong[name] = value,
            None => drop(wrong.as_object_mut().unwrap().remove(name)),
        }
        assert_refused(&request_with_token(&service, &token(&wrong)).await, "token_invalid", reason);
    }
}

#[tokio::test]
async fn a_token_without_scope_has_only_the_configured_scopes() {
    let nothing = service(settings_with_secret(TokenRules::default())).await;
    assert_eq!(
        request_with_token(&nothing, &token(&claims_without("scope"))).await.is(200).json()["scope"],
        ""
    );
    let rules = TokenRules { default_scopes: "phases:read".parse().unwrap(), ..TokenRules::default() };
    let reading = service(settings_with_secret(rules)).await;
    assert_eq!(
        request_with_token(&reading, &token(&claims_without("scope"))).await.is(200).json()["scope"],
        "phases:read"
    );
    assert_eq!(
        request_with_token(&reading, &token(&claims_with("scope", json!("")))).await.is(200).json()["scope"],
        ""
    );
}

#[tokio::test]
async fn a_token_without_the_scope_or_the_project_is_refused_with_403() {
    let service = service(settings_with_secret(TokenRules::default())).await;
    let (mine, other) = (Uuid::new_v4(), Uuid::new_v4());
    let write = |project: Uuid, claims: Value| {
        let request = service.client.get(&format!("/write/{project}")).bearer(&token(&claims));
        async move { request.send().await }
    };
    let reader = write(mine, valid_claims()).await.is(403);
    assert_eq!(reader.json()["code"], "scope_missing");
    assert!(
        reader.header("www-authenticate").contains("error=\"insufficient_scope\", scope=\"phases:write\"")
    );
    let writer = |projects: Value| {
        let mut claims = claims_with("scope", json!("phases:write"));
        claims["projects"] = projects;
        claims
    };
    write(mine, claims_with("scope", json!("phases:write"))).await.is(200);
    write(mine, writer(json!([mine]))).await.is(200);
    for projects in [json!([other]), json!([])] {
        assert_eq!(write(mine, writer(projects)).await.is(403).json()["code"], "project_denied");
    }
}

#[tokio::test]
async fn a_route_may_have_its_own_form_of_refusals() {
    let service = service(settings_with_secret(TokenRules::default())).await;
    let response = service.client.get("/own-form").send().await.is(401);
    assert_eq!(response.json(), json!({ "detail": Denied::Missing.to_string() }));
    assert_eq!(
        service.client.get("/own-form").bearer(&token(&valid_claims())).send().await.is(200).text(),
        "ada"
    );
}

#[tokio::test]
async fn public_keys_of_each_kind_check_tokens_and_the_algorithm_is_the_keys() {
    let ed25519 = Ed25519::new();
    for (pem, algorithm, signing) in [
        (ed25519.public_pem(), Algorithm::EdDSA, ed25519.signing()),
        (RSA_PUBLIC.to_owned(), Algorithm::RS256, test_keys::rsa_signing()),
        (RSA_PUBLIC.to_owned(), Algorithm::PS256, test_keys::rsa_signing()),
        (P256_PUBLIC.to_owned(), Algorithm::ES256, test_keys::p256_signing()),
    ] {
        let mut keys = Keys::default();
        keys.add_public_key(&pem).unwrap();
        let service = service(settings_with_keys(keys, TokenRules::default())).await;
        let signed = encode(&Header::new(algorithm), &valid_claims(), &signing).unwrap();
        assert_eq!(request_with_token(&service, &signed).await.is(200).json()["subject"], "ada");
        // A key without a name accepts tokens with any name.
        let named = Header { kid: Some("any-name".to_owned()), ..Header::new(algorithm) };
        request_with_token(&service, &encode(&named, &valid_claims(), &signing).unwrap()).await.is(200);

        // An attacker uses the public key as an HMAC secret.
        for secret in [pem.as_bytes(), pem.trim().as_bytes()] {
            let confused =
                encode(&Header::new(Algorithm::HS256), &valid_claims(), &EncodingKey::from_secret(secret))
                    .unwrap();
            assert_refused(
                &request_with_token(&service, &confused).await,
                "token_invalid",
                "not signed by a key of this service",
            );
        }
        // An algorithm of the same family that this key is not for.
        if matches!(algorithm, Algorithm::RS256 | Algorithm::PS256) {
            let other = encode(&Header::new(Algorithm::RS512), &valid_claims(), &signing).unwrap();
            assert_refused(
                &request_with_token(&service, &other).await,
                "token_invalid",
                "not signed by a key of this service",
            );
        }
        for unsigned in
            [test_keys::unsigned(&valid_claims(), "none"), test_keys::unsigned(&valid_claims(), "None")]
        {
            assert_refused(
                &request_with_token(&service, &unsigned).await,
                "token_invalid",
                "not a JSON Web Token",
            );
        }
        // The signature of other claims.
        let [head, _, signature] = signed.split('.').collect::<Vec<_>>()[..] else { panic!("{signed}") };
        let altered = format!("{head}.{}.{signature}", test_keys::encoded(&claims_with("sub", json!("eve"))));
        assert_refused(
            &request_with_token(&service, &altered).await,
            "token_invalid",
            "not signed by a key of this service",
        );
    }
}

#[tokio::test]
async fn a_key_set_checks_by_the_named_key_only() {
    let (one, two) = (Ed25519::new(), Ed25519::new());
    let for_algorithm = |kid: &str, algorithm: Value| {
        let mut jwk = test_keys::rsa_jwk(kid);
        match algorithm {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove("alg")),
            algorithm => jwk["alg"] = algorithm,
        }
        jwk
    };
    let set = json!({ "keys": [
        one.jwk("one"),
        two.jwk("two"),
        test_keys::rsa_jwk("three"),
        for_algorithm("four", Value::Null),
        for_algorithm("five", json!("PS256")),
        for_algorithm("seven", json!("RS512")),
        test_keys::p256_jwk("six"),
        { "kty": "AKP", "kid": "of a kind that is not known yet", "alg": "ML-DSA-44", "pub": "AQAB" },
        { "kty": "oct", "kid": "secret", "k": "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLWhzMjU2" },
        { "kty": "RSA", "use": "enc", "kid": "enc", "n": test_keys::rsa_jwk("x")["n"], "e": "AQAB" },
    ]});
    let mut known = Keys::default();
    known.add_key_set(&set.to_string()).unwrap();
    assert_eq!(
        format!("{known:?}"),
        r#"[([EdDSA], Some("one")), ([EdDSA], Some("two")), ([RS256], Some("three")), ([RS256, PS256], Some("four")), ([PS256], Some("five")), ([ES256], Some("six"))]"#
    );
    let service = service(settings_with_keys(known, TokenRules::default())).await;
    let signed = |key: &EncodingKey, algorithm, kid: Option<&str>| {
        encode(&Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) }, &valid_claims(), key)
            .unwrap()
    };
    let rsa = test_keys::rsa_signing();
    for (token, taken) in [
        (signed(&one.signing(), Algorithm::EdDSA, Some("one")), true),
        (signed(&two.signing(), Algorithm::EdDSA, Some("two")), true),
        (signed(&two.signing(), Algorithm::EdDSA, None), true),
        (signed(&rsa, Algorithm::RS256, Some("three")), true),
        (signed(&rsa, Algorithm::PS256, Some("three")), false),
        (signed(&rsa, Algorithm::PS256, Some("four")), true),
        (signed(&rsa, Algorithm::PS256, Some("five")), true),
        (signed(&rsa, Algorithm::RS256, Some("five")), false),
        (signed(&test_keys::p256_signing(), Algorithm::ES256, Some("six")), true),
        (signed(&two.signing(), Algorithm::EdDSA, Some("one")), false),
        (signed(&two.signing(), Algorithm::EdDSA, Some("eight")), false),
        (signed(&rsa, Algorithm::RS256, Some("enc")), false),
        (signed(&rsa, Algorithm::RS256, Some("one")), false),
        (
            signed(
                &EncodingKey::from_secret(b"secret-that-is-long-enough-for-hs256"),
                Algorithm::HS256,
                Some("secret"),
            ),
            false,
        ),
    ] {
        let response = request_with_token(&service, &token).await;
        assert_eq!(response.status, if taken { 200 } else { 401 }, "{token}: {}", response.text());
    }
}

#[test]
fn invalid_keys_are_refused_with_the_reason() {
    let mut keys = Keys::default();
    assert_eq!(keys.add_secret(&[7; 31]), Err(KeyError::ShortSecret { found: 31 }));
    assert_eq!(keys.add_secret(&[7; 32]), Ok(()));
    assert_eq!(keys.add_public_key(test_keys::RSA_PRIVATE), Err(KeyError::PrivateKey));
    assert_eq!(keys.add_public_key("nonsense"), Err(KeyError::NoPublicKey));
    assert_eq!(keys.add_public_key(P384_PUBLIC), Err(KeyError::NoPublicKey));
    assert!(matches!(keys.add_key_set("{}"), Err(KeyError::NoKeySet(_))));
    assert_eq!(keys.add_key_set(r#"{"keys":[]}"#), Err(KeyError::NoKeyInSet));
}

#[tokio::test]
async fn without_keys_all_are_refused_and_with_tokens_off_all_are_allowed() {
    let closed = service(Settings::default()).await;
    assert_refused(
        &request_with_token(&closed, &token(&valid_claims())).await,
        "token_invalid",
        "not signed by a key of this service",
    );
    let open = service(Settings { auth: Auth::Off, ..Settings::default() }).await;
    let found = open.client.get("/who").send().await.is(200).json();
    assert_eq!(found, json!({ "subject": "anonymous", "scope": EVERYTHING, "projects": null }));
    // A foreign host name that resolves to this machine (DNS rebinding): a page in a browser would send it.
    for (host, status) in
        [("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost:1234", 200), ("[::1]:80", 200)]
    {
        let response = open.client.get("/who").header("host", host).send().await;
        assert_eq!(response.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_signed_token_has_the_requested_claims() {
    let rules = TokenRules {
        audience: Some("phaseline".to_owned()),
        issuer: Some("here".to_owned()),
        ..TokenRules::default()
    };
    let service = service(settings_with_secret(rules)).await;
    let project = ProjectId::random();
    let request = TokenRequest {
        subject: "grace".to_owned(),
        scopes: Some("history:read".parse().unwrap()),
        projects: Some(vec![project]),
        expires_at: chrono::Utc::now() + chrono::TimeDelta::minutes(5),
        audience: Some("phaseline".to_owned()),
        issuer: Some("here".to_owned()),
    };
    let found = request_with_token(&service, &request.sign(SECRET).unwrap()).await.is(200).json();
    assert_eq!(
        found,
        json!({ "subject": "grace", "scope": "history:read", "projects": [project.to_string()] })
    );
    assert_eq!(request.sign(b"short"), Err(KeyError::ShortSecret { found: 5 }));
}

#[tokio::test]
async fn health_metrics_and_descriptions_need_no_token() {
    let database = migrated();
    let service = Service::over(&database, settings()).await;
    for path in ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs/"] {
        service.client.get(path).send().await.is(200);
    }
}

/// The subject is stored in the log permanently; PostgreSQL cannot store a NUL in it.
#[tokio::test]
async fn a_subject_that_cannot_be_logged_is_refused() {
    let service = service(settings()).await;
    let odd = [
        "a\u{0}b",
        "a\nb",
        "a\u{202e}b",
        "a\u{2028}b",
        "\u{200b}",
        "a\u{2066}",
        "\u{feff}a",
        "anonymous",
        " Anonymous",
    ];
    for subject in odd.map(str::to_owned).into_iter().chain(["é".repeat(128)]) {
        let token = token(&json!({ "sub": subject, "exp": in_seconds(60), "scope": EVERYTHING }));
        let refused = service.client.get("/who").bearer(&token).send().await.is(401).json();
        assert_eq!(refused["code"], "token_invalid", "{refused}");
    }
}

/// RFC 7515, 4.1.11: a token with an unknown critical extension is refused.
#[tokio::test]
async fn a_token_with_critical_extensions_is_refused() {
    let service = service(settings_with_secret(TokenRules::default())).await;
    let key = EncodingKey::from_secret(SECRET);
    let signed = |header: &Value| {
        let encode = |value: &Value| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(&valid_claims()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    };
    request_with_token(&service, &signed(&json!({ "alg": "HS256" }))).await.is(200);
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!("exp")] {
        let response =
            request_with_token(&service, &signed(&json!({ "alg": "HS256", "crit": crit, "b64": true })))
                .await;
        assert_eq!((response.status, &response.json()["code"]), (401, &json!("token_invalid")), "{crit}");
    }
    let named = request_with_token(&service, &signed(&json!({ "alg": "HS256", "crit": ["exp"] }))).await;
    assert_refused(&named, "token_invalid", "extensions (crit)");
}

#[tokio::test]
async fn an_issuer_is_one_text_and_times_are_numbers() {
    let rules = TokenRules { issuer: Some("https://id.example".to_owned()), ..TokenRules::default() };
    let strict = service(settings_with_secret(rules)).await;
    let free = service(settings_with_secret(TokenRules::default())).await;
    request_with_token(&strict, &token(&claims_with("iss", json!("https://id.example")))).await.is(200);
    let list = token(&claims_with("iss", json!(["https://evil.example", "https://id.example"])));
    for service in [&strict, &free] {
        assert_refused(&request_with_token(service, &list).await, "token_invalid", "wrong type");
    }
    for (claim, reason) in [("nbf", "start (nbf) is not a timestamp"), ("exp", "no expiry (exp)")] {
        assert_refused(
            &request_with_token(&free, &token(&claims_with(claim, json!("tomorrow")))).await,
            "token_invalid",
            reason,
        );
        assert_refused(
            &request_with_token(&free, &token(&claims_with(claim, json!([1])))).await,
            "token_invalid",
            "wrong type",
        );
    }
    for odd in ["a\u{202e}".to_owned(), "é".repeat(128)] {
        assert_refused(
            &request_with_token(&free, &token(&claims_with("iss", json!(odd)))).await,
            "token_invalid",
            "issuer (iss)",
        );
    }
}
