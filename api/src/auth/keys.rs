//! The keys that sign tokens. Each key has its own algorithm; the one that a token names is only compared with it.

use super::TokenRules;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;

/// The shortest secret for HS256, in bytes: as long as the hash that it feeds (RFC 7518, 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// Tolerated difference between clocks, in seconds.
const LEEWAY: u64 = 30;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret is too short.
    #[error("the secret has {found} bytes, HS256 requires at least {SHORTEST_SECRET}")]
    ShortSecret {
        /// Its length in bytes.
        found: usize,
    },
    /// A private key, which verification does not need.
    #[error("this is a private key; give the service the public one")]
    PrivateKey,
    /// Not a supported key.
    #[error("this is not a public key in PEM for EdDSA (Ed25519) or RS256 (RSA)")]
    NoPublicKey,
    /// Not a key set.
    #[error("this is not a JSON Web Key Set: {0}")]
    NoKeySet(String),
    /// A key set without a usable key.
    #[error("the key set has no public key for EdDSA (OKP, Ed25519) or RS256 (RSA) that may sign")]
    NoKeyInSet,
    /// A token could not be signed.
    #[error("the token cannot be signed: {0}")]
    NotSigned(String),
}

/// The keys that sign tokens.
#[derive(Clone, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    /// The id in the key set. A key without an id is tried for every token.
    id: Option<String>,
    algorithm: Algorithm,
    key: Arc<DecodingKey>,
}

impl Keys {
    /// Adds a secret for HS256.
    pub fn add_secret(&mut self, secret: &[u8]) -> Result<(), KeyError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::ShortSecret { found: secret.len() });
        }
        self.add(None, Algorithm::HS256, DecodingKey::from_secret(secret));
        Ok(())
    }

    /// Adds a public key in PEM: Ed25519 for EdDSA, RSA for RS256.
    pub fn add_public_key(&mut self, pem: &str) -> Result<(), KeyError> {
        if pem.contains("PRIVATE KEY") {
            return Err(KeyError::PrivateKey);
        }
        let (algorithm, key) = match DecodingKey::from_ed_pem(pem.as_bytes()) {
            Ok(key) => (Algorithm::EdDSA, key),
            Err(_) => match DecodingKey::from_rsa_pem(pem.as_bytes()) {
                Ok(key) => (Algorithm::RS256, key),
                Err(_) => return Err(KeyError::NoPublicKey),
            },
        };
        self.add(None, algorithm, key);
        Ok(())
    }

    /// Adds the public keys of a JSON Web Key Set; skips keys for other uses or algorithms.
    pub fn add_key_set(&mut self, json: &str) -> Result<(), KeyError> {
        let set: JwkSet =
            serde_json::from_str(json).map_err(|error| KeyError::NoKeySet(error.to_string()))?;
        let before = self.0.len();
        for jwk in &set.keys {
            if let Some(algorithm) = algorithm(jwk)
                && let Ok(key) = DecodingKey::from_jwk(jwk)
            {
                self.add(jwk.common.key_id.clone(), algorithm, key);
            }
        }
        if self.0.len() == before { Err(KeyError::NoKeyInSet) } else { Ok(()) }
    }

    fn add(&mut self, id: Option<String>, algorithm: Algorithm, key: DecodingKey) {
        self.0.push(Key { id, algorithm, key: Arc::new(key) });
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claims of a token that one of the keys signed and that is valid now.
    pub(super) fn verify(&self, token: &str, rules: &TokenRules) -> Result<Claims, Refused> {
        let header = decode_header(token).map_err(|_| Error::from(ErrorKind::InvalidToken))?;
        // RFC 7515, 4.1.11: a token that requires unknown extensions must be refused.
        if header.crit.is_some() || names_extensions(token) {
            return Err(Refused::Extensions);
        }
        let named = header.kid;
        let fits = |key: &&Key| named.is_none() || key.id.is_none() || key.id == named;
        let mut refused = None;
        for key in self.0.iter().filter(fits) {
            match decode(token, &key.key, &validation(key.algorithm, rules)) {
                Ok(data) => return Ok(data.claims),
                // What says more than that it was another key.
                Err(error) if !is_of_another_key(&error) => return Err(error.into()),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| ErrorKind::InvalidSignature.into()).into())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (key.algorithm, key.id.as_deref()))).finish()
    }
}

/// Why a token is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// It requires extensions (`crit`); this service supports none.
    Extensions,
    /// Anything else.
    Token(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

/// Whether the header has a member `crit`, even one that is not a list.
fn names_extensions(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let header = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap_or_default();
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&header)
        .is_ok_and(|members| members.contains_key("crit"))
}

/// The algorithm that a key of a set is for; none if it is not one of ours.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let named = jwk.common.key_algorithm.map(|named| named.to_string());
    named.is_none_or(|named| named == format!("{algorithm:?}")).then_some(algorithm)
}

fn is_of_another_key(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm)
}

fn validation(algorithm: Algorithm, rules: &TokenRules) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    let mut required = vec!["exp", "sub"];
    match &rules.audience {
        Some(audience) => {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        None => validation.validate_aud = false,
    }
    if let Some(issuer) = &rules.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// The claims of a token.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    /// That it is there is checked with the other claims.
    #[serde(default)]
    pub(super) sub: String,
    /// One issuer (RFC 7519, 4.1.1): a list of them is refused, even if one is the right one.
    #[serde(default, deserialize_with = "non_null")]
    pub(super) iss: Option<String>,
    #[serde(default, deserialize_with = "non_null")]
    pub(super) scope: Option<Words>,
    #[serde(default, deserialize_with = "non_null")]
    pub(super) projects: Option<Vec<uuid::Uuid>>,
}

/// A present claim has a value: reading `null` as absent would grant more.
fn non_null<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Words with spaces between them, or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    Text(String),
    List(Vec<String>),
}

impl Words {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Text(text) => std::slice::from_ref(text).iter(),
            Self::List(list) => list.iter(),
        }
        .map(String::as_str)
    }
}
