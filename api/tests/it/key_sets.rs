//! Keys that the service fetches, and keys that are replaced while it runs.

use crate::service::{SECRET, Service, in_seconds, token};
use crate::test_keys::Ed25519;
use axum::http::StatusCode;
use axum::routing::get;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use phaseline_api::auth::{Auth, Caller, FetchError, KeySetUrl, Keyring, Keys, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_api::state::AppState;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server of a key set, as an identity provider has one.
#[derive(Clone, Default)]
struct Provider {
    /// The body of its responses; without one it responds with an error.
    text: Arc<Mutex<Option<String>>>,
    requests: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(&self) -> KeySetUrl {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = self.clone();
        let response = move || {
            let provider = provider.clone();
            async move {
                provider.requests.fetch_add(1, Ordering::SeqCst);
                provider.text.lock().unwrap().clone().ok_or(StatusCode::BAD_GATEWAY)
            }
        };
        let routes = axum::Router::new()
            .route("/keys", get(response))
            .route("/moved", get(async || axum::response::Redirect::temporary("/keys")))
            .route("/huge", get(async || "x".repeat(2 * 1024 * 1024)))
            .route("/text", get(async || "not a key set"));
        tokio::spawn(async { axum::serve(listener, routes).await });
        format!("http://{address}/keys").parse().unwrap()
    }

    fn has(&self, keys: &[Value]) {
        *self.text.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    fn is_down(&self) {
        *self.text.lock().unwrap() = None;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

const HOUR: Duration = Duration::from_secs(3600);

async fn service(keys: &Keyring) -> Service {
    let auth = Auth::Tokens { keys: keys.clone(), rules: TokenRules::default() };
    let routes = axum::Router::<AppState>::new()
        .route("/who", get(|caller: Caller| async move { caller.subject }))
        .merge(phaseline_api::server::all_routes());
    let settings = Settings { auth, ..Settings::default() };
    Service::of_routes("postgres://nobody@127.0.0.1:1/none", settings, routes).await
}

fn signed(key: &Ed25519, kid: Option<&str>) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &json!({ "sub": "ada", "exp": in_seconds(600) }), &key.signing()).unwrap()
}

/// The status of a request with this token, and the code of its problem.
async fn verdict(service: &Service, token: &str) -> (u16, String) {
    let response = service.client.get("/who").bearer(token).send().await;
    let code = if response.status == 200 { Value::Null } else { response.json()["code"].clone() };
    (response.status, code.as_str().unwrap_or_default().to_owned())
}

fn refused() -> (u16, String) {
    (401, "token_invalid".to_owned())
}

fn accepted() -> (u16, String) {
    (200, String::new())
}

/// A service that has fetched its key set once, as it does when it starts.
async fn settled(provider: &Provider, keys: &Keyring) -> Service {
    keys.fetch().await.unwrap();
    let after_start = provider.requests() + 1;
    let service = service(keys).await;
    let patience = Instant::now() + Duration::from_secs(60);
    while provider.requests() < after_start {
        assert!(Instant::now() < patience, "the service fetches no set");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service
}

/// Tokens with unknown keys cause one request each after the pause, and none within it.
#[tokio::test]
async fn a_set_is_fetched_again_for_an_unknown_key_with_a_pause_between() {
    let (provider, one, two) = (Provider::default(), Ed25519::new(), Ed25519::new());
    let url = provider.start().await;
    provider.has(&[one.jwk("one")]);
    let eager = Keyring::pausing(Keys::default(), Some(url.clone()), Duration::ZERO);
    let service = settled(&provider, &eager).await;
    let before = provider.requests();
    for _ in 0..3 {
        assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, accepted());
        // The set has the named key, so another request would not help.
        assert_eq!(verdict(&service, &signed(&two, Some("one"))).await, refused());
    }
    assert_eq!(provider.requests(), before);
    assert_eq!(verdict(&service, &signed(&two, Some("two"))).await, refused());
    assert_eq!(provider.requests(), before + 1);
    provider.has(&[one.jwk("one"), two.jwk("two")]);
    assert_eq!(verdict(&service, &signed(&two, Some("two"))).await, accepted());

    let calm = Keyring::pausing(Keys::default(), Some(url), HOUR);
    let service = settled(&provider, &calm).await;
    let (before, other) = (provider.requests(), Ed25519::new());
    for _ in 0..20 {
        assert_eq!(verdict(&service, &signed(&other, Some("other"))).await, refused());
    }
    assert_eq!(provider.requests(), before);
}

#[tokio::test]
async fn the_last_set_stays_in_use_while_none_can_be_fetched() {
    let (provider, one) = (Provider::default(), Ed25519::new());
    let keys = Keyring::pausing(Keys::default(), Some(provider.start().await), Duration::ZERO);
    let service = service(&keys).await;
    assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, (503, "no_keys".to_owned()));
    let response = service.client.get("/who").bearer(&signed(&one, None)).send().await.is(503);
    assert!(!response.header("retry-after").is_empty());
    provider.has(&[one.jwk("one")]);
    assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, accepted());
    provider.is_down();
    assert!(matches!(keys.fetch().await, Err(FetchError::Status(StatusCode::BAD_GATEWAY))));
    assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, accepted());
    assert_eq!(verdict(&service, &signed(&Ed25519::new(), Some("two"))).await, refused());
    // A set without usable keys is an error.
    provider.has(&[]);
    assert!(matches!(keys.fetch().await, Err(FetchError::Keys(_))));
    assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, accepted());
    // A key that left the set is no longer accepted.
    provider.has(&[Ed25519::new().jwk("other")]);
    keys.fetch().await.unwrap();
    assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, refused());
}

#[tokio::test]
async fn an_invalid_key_set_is_refused_with_the_reason() {
    let provider = Provider::default();
    let url = provider.start().await.to_string();
    for (path, reason) in [
        ("/moved", "status 307"),
        ("/huge", "larger than"),
        ("/text", "not a JSON Web Key Set"),
        ("/none", "status 404"),
    ] {
        let url = url.replace("/keys", path).parse().unwrap();
        let error = Keyring::new(Keys::default(), Some(url)).fetch().await.unwrap_err().to_string();
        assert!(error.contains(reason), "{path}: {error}");
    }
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/keys").parse().unwrap();
    assert!(matches!(Keyring::new(Keys::default(), Some(url)).fetch().await, Err(FetchError::Io(_))));
}

#[tokio::test]
async fn replaced_keys_are_used_at_once_and_fetched_ones_stay() {
    let (provider, one) = (Provider::default(), Ed25519::new());
    provider.has(&[one.jwk("one")]);
    let mut configured = Keys::default();
    configured.add_secret(SECRET).unwrap();
    let keys = Keyring::pausing(configured, Some(provider.start().await), HOUR);
    keys.fetch().await.unwrap();
    let service = service(&keys).await;
    let claims = json!({ "sub": "ada", "exp": in_seconds(600) });
    assert_eq!(verdict(&service, &token(&claims)).await, accepted());
    let other = b"another secret, also long enough for HS256";
    let mut replaced = Keys::default();
    replaced.add_secret(other).unwrap();
    keys.replace(replaced);
    assert_eq!(verdict(&service, &token(&claims)).await, refused());
    let by_other = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(other)).unwrap();
    assert_eq!(verdict(&service, &by_other).await, accepted());
    assert_eq!(verdict(&service, &signed(&one, Some("one"))).await, accepted());
}

#[tokio::test]
async fn a_service_without_its_key_set_is_not_ready() {
    let (provider, one) = (Provider::default(), Ed25519::new());
    let keys = Keyring::pausing(Keys::default(), Some(provider.start().await), Duration::ZERO);
    let database = crate::service::migrated();
    let settings = Settings {
        auth: Auth::Tokens { keys: keys.clone(), rules: TokenRules::default() },
        ..Settings::default()
    };
    let service = Service::over(&database, settings).await;
    assert_eq!(crate::health::reason(&service.client).await, "no_keys");
    provider.has(&[one.jwk("one")]);
    keys.fetch().await.unwrap();
    service.client.get("/readyz").send().await.is(200);
}
