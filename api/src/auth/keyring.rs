//! The keys that are in use. They can be replaced while the service runs: by those read again, and by a key set that is fetched.

use super::key_set_url::{FetchError, KeySetUrl};
use super::keys::{Claims, Keys, TokenRefusal};
use super::token_rules::TokenRules;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How old the fetched set gets before it is fetched again.
const REFRESH: Duration = Duration::from_secs(5 * 60);

/// The shortest time between two requests for the set: tokens with unknown keys cannot cause more, nor can a source that is down.
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);

/// The keys in use. Clones share them.
#[derive(Clone, Default)]
pub struct Keyring(Arc<KeyringState>);

#[derive(Default)]
struct KeyringState {
    held: RwLock<Held>,
    source: Option<KeySetSource>,
}

#[derive(Default)]
struct Held {
    /// Keys of the settings.
    configured: Keys,
    /// Keys of the last set that could be fetched; none before the first.
    fetched: Option<Keys>,
    /// All of them.
    all: Arc<Keys>,
}

/// Where a set is fetched from.
struct KeySetSource {
    url: KeySetUrl,
    /// When it was requested last. The lock is held during a request, so that many tokens with an unknown key wait for one.
    requested_at: Mutex<Option<Instant>>,
    /// The shortest time between two requests on account of tokens.
    pause: Duration,
}

impl From<Keys> for Keyring {
    fn from(keys: Keys) -> Self {
        Self::new(keys, None)
    }
}

impl Keyring {
    /// These keys, and those of the set at the URL, which a running service fetches at its start, every five minutes, and for tokens
    /// with unknown keys.
    pub fn new(configured: Keys, url: Option<KeySetUrl>) -> Self {
        Self::pausing(configured, url, SHORTEST_PAUSE)
    }

    /// The same with another pause between requests on account of tokens.
    pub fn pausing(configured: Keys, url: Option<KeySetUrl>, pause: Duration) -> Self {
        let all = Arc::new(configured.clone());
        let source = url.map(|url| KeySetSource { url, requested_at: Mutex::default(), pause });
        Self(Arc::new(KeyringState { held: RwLock::new(Held { configured, fetched: None, all }), source }))
    }

    /// Replaces the keys of the settings. Those that were fetched stay.
    pub fn replace(&self, configured: Keys) {
        self.change(|held| held.configured = configured);
    }

    /// Fetches the set now, if there is a URL. The last one stays if that fails.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self) -> Result<(), FetchError> {
        let Some(source) = &self.0.source else { return Ok(()) };
        let mut requested_at = source.requested_at.lock().await;
        self.fetch_from(source, &mut requested_at).await
    }

    /// Fetches the set again and again; returns at once if there is no URL.
    pub(crate) async fn keep_fresh(&self) {
        let Some(source) = &self.0.source else { return };
        loop {
            if let Err(error) = self.fetch().await {
                let kept = if self.has_fetched() {
                    "the last keys stay in use"
                } else {
                    "no key was fetched so far"
                };
                tracing::warn!(url = %source.url, %error, "the key set cannot be fetched; {kept}");
            }
            tokio::time::sleep(if self.has_fetched() { REFRESH } else { SHORTEST_PAUSE }).await;
        }
    }

    /// Why tokens cannot be verified, if the set was never fetched.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let source = self.0.source.as_ref().filter(|_| !self.has_fetched())?;
        Some(format!(
            "no key set could be fetched from {} so far; the service's log has the cause",
            source.url
        ))
    }

    /// The claims of a token that one of the keys signed and that is valid now. For an unknown key the set is fetched again, if that
    /// was not done just now.
    pub(super) async fn verify(&self, token: &str, rules: &TokenRules) -> Result<Claims, TokenRefusal> {
        let keys = self.current();
        let verified = keys.verify(token, rules);
        let Some(source) = &self.0.source else { return verified };
        if !matches!(&verified, Err(refused) if refused.is_of_another_key())
            || keys.names_key_of(token) && self.has_fetched()
        {
            return verified;
        }
        {
            let mut requested_at = source.requested_at.lock().await;
            if requested_at.is_none_or(|at| at.elapsed() >= source.pause)
                && let Err(error) = self.fetch_from(source, &mut requested_at).await
            {
                tracing::warn!(url = %source.url, %error, "the key set cannot be fetched for a token with an unknown key");
            }
        }
        match self.current().verify(token, rules) {
            Err(refused) if refused.is_of_another_key() && !self.has_fetched() => Err(TokenRefusal::NoKeys),
            verified => verified,
        }
    }

    async fn fetch_from(
        &self,
        source: &KeySetSource,
        requested_at: &mut Option<Instant>,
    ) -> Result<(), FetchError> {
        *requested_at = Some(Instant::now());
        let text = source.url.fetch().await?;
        let mut keys = Keys::default();
        keys.add_key_set(&text)?;
        tracing::debug!(url = %source.url, ?keys, "fetched the key set");
        self.change(|held| held.fetched = Some(keys));
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut held);
        let all = held.configured.with(held.fetched.as_ref());
        held.all = Arc::new(all);
    }

    /// The keys in use. They are the same object until they are replaced.
    pub(super) fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.0.held.read().unwrap_or_else(PoisonError::into_inner).all)
    }

    fn has_fetched(&self) -> bool {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).fetched.is_some()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0.source.as_ref().map(|source| &source.url);
        f.debug_struct("Keyring").field("keys", &self.current()).field("url", &url).finish()
    }
}
