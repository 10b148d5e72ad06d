//! The keys that sign tokens. Each key has its own algorithms; the one that a token names is only compared with them.

use super::token_rules::TokenRules;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The shortest secret for HS256, in bytes: as long as the hash that it feeds (RFC 7518, 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// Tolerated difference between clocks, in seconds.
pub(super) const LEEWAY: i64 = 30;

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
    #[error("this is not a public key in PEM for EdDSA (Ed25519), ES256 (P-256), or RS256 and PS256 (RSA)")]
    NoPublicKey,
    /// Not a key set.
    #[error("this is not a JSON Web Key Set: {0}")]
    NoKeySet(String),
    /// A key set without a usable key.
    #[error(
        "the key set has no public key for EdDSA (OKP, Ed25519), ES256 (EC, P-256), or RS256 and PS256 (RSA) that may sign"
    )]
    NoKeyInSet,
    /// A token could not be signed.
    #[error("the token cannot be signed: {0}")]
    NotSigned(String),
}

/// The keys that sign tokens.
#[derive(Clone, Default)]
pub struct Keys(Vec<VerificationKey>);

#[derive(Clone)]
struct VerificationKey {
    /// The id in the key set. A key without an id is tried for every token.
    id: Option<String>,
    /// All of one family.
    algorithms: &'static [Algorithm],
    key: Arc<DecodingKey>,
}

/// An RSA key is for both, unless its set names one.
const OF_RSA: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256];

/// The name of the curve P-256 in a key, in DER.
const P_256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

impl Keys {
    /// Adds a secret for HS256.
    pub fn add_secret(&mut self, secret: &[u8]) -> Result<(), KeyError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::ShortSecret { found: secret.len() });
        }
        self.add(None, &[Algorithm::HS256], DecodingKey::from_secret(secret));
        Ok(())
    }

    /// Adds a public key in PEM: Ed25519 for EdDSA, P-256 for ES256, RSA for RS256 and PS256.
    pub fn add_public_key(&mut self, pem: &str) -> Result<(), KeyError> {
        if pem.contains("PRIVATE KEY") {
            return Err(KeyError::PrivateKey);
        }
        let (algorithms, key): (&[Algorithm], _) = if let Ok(key) = DecodingKey::from_ed_pem(pem.as_bytes()) {
            (&[Algorithm::EdDSA], key)
        } else if let Ok(key) = DecodingKey::from_rsa_pem(pem.as_bytes()) {
            (OF_RSA, key)
        } else if let Ok(key) = DecodingKey::from_ec_pem(pem.as_bytes())
            && is_on_p_256(pem)
        {
            (&[Algorithm::ES256], key)
        } else {
            return Err(KeyError::NoPublicKey);
        };
        self.add(None, algorithms, key);
        Ok(())
    }

    /// Adds the public keys of a JSON Web Key Set; skips keys for other uses or algorithms, also those of kinds that are unknown here.
    pub fn add_key_set(&mut self, json: &str) -> Result<(), KeyError> {
        let set: KeySet =
            serde_json::from_str(json).map_err(|error| KeyError::NoKeySet(error.to_string()))?;
        let before = self.0.len();
        for jwk in set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()) {
            if let Some(algorithms) = algorithms(&jwk)
                && let Ok(key) = DecodingKey::from_jwk(&jwk)
            {
                self.add(jwk.common.key_id, algorithms, key);
            }
        }
        if self.0.len() == before { Err(KeyError::NoKeyInSet) } else { Ok(()) }
    }

    fn add(&mut self, id: Option<String>, algorithms: &'static [Algorithm], key: DecodingKey) {
        self.0.push(VerificationKey { id, algorithms, key: Arc::new(key) });
    }

    /// These keys and others.
    pub(super) fn with(&self, others: Option<&Self>) -> Self {
        Self(self.0.iter().chain(others.map_or(&[][..], |others| &others.0)).cloned().collect())
    }

    /// Whether one of the keys has the id that a token names.
    pub(super) fn names_key_of(&self, token: &str) -> bool {
        let named = decode_header(token).ok().and_then(|header| header.kid);
        named.is_some() && self.0.iter().any(|key| key.id == named)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claims of a token that one of the keys signed and that is valid now.
    pub(super) fn verify(&self, token: &str, rules: &TokenRules) -> Result<Claims, TokenRefusal> {
        let header = decode_header(token).map_err(|_| Error::from(ErrorKind::InvalidToken))?;
        // RFC 7515, 4.1.11: a token that requires unknown extensions must be refused.
        if header.crit.is_some() || names_extensions(token) {
            return Err(TokenRefusal::Extensions);
        }
        let named = header.kid;
        let fits = |key: &&VerificationKey| named.is_none() || key.id.is_none() || key.id == named;
        let mut refused = None;
        for key in self.0.iter().filter(fits) {
            match decode(token, &key.key, &validation(key.algorithms, rules)) {
                Ok(data) => return Ok(data.claims),
                // The error of the key that may have signed it, rather than that of another key.
                Err(error) if !is_of_another_key(&error) => return Err(error.into()),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| ErrorKind::InvalidSignature.into()).into())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (key.algorithms, key.id.as_deref()))).finish()
    }
}

/// Why a token is refused.
#[derive(Debug)]
pub(super) enum TokenRefusal {
    /// It requires extensions (`crit`); this service supports none.
    Extensions,
    /// The set that may have its key was never fetched.
    NoKeys,
    /// Anything else.
    Token(Error),
}

impl TokenRefusal {
    /// Whether another key may have signed the token.
    pub(super) fn is_of_another_key(&self) -> bool {
        matches!(self, Self::Token(error) if is_of_another_key(error))
    }
}

impl From<Error> for TokenRefusal {
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

/// A key set. Its keys are read one by one, since one of an unknown kind must not make the others useless.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Whether a key in PEM names the curve of ES256.
fn is_on_p_256(pem: &str) -> bool {
    let text: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).unwrap_or_default();
    der.windows(P_256.len()).any(|part| part == P_256)
}

/// The algorithms that a key of a set is for; none if it is not for one of ours.
fn algorithms(jwk: &Jwk) -> Option<&'static [Algorithm]> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithms: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => OF_RSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return None,
    };
    let Some(named) = jwk.common.key_algorithm.map(|named| named.to_string()) else {
        return Some(algorithms);
    };
    let one = algorithms.iter().position(|algorithm| format!("{algorithm:?}") == named)?;
    algorithms.get(one..=one)
}

fn is_of_another_key(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm)
}

fn validation(algorithms: &[Algorithm], rules: &TokenRules) -> Validation {
    let mut validation = Validation {
        algorithms: algorithms.to_vec(),
        leeway: LEEWAY.unsigned_abs(),
        validate_nbf: true,
        ..Validation::default()
    };
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
    /// That it is a number is checked with the other claims.
    #[serde(default)]
    exp: Value,
    /// A name for people; none if it is not a text.
    #[serde(default)]
    username: Value,
}

impl Claims {
    /// When the token expires, in seconds since 1970.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a later expiry than that of the last second is that second"
    )]
    pub(super) fn expires_at(&self) -> i64 {
        self.exp.as_i64().or_else(|| self.exp.as_f64().map(|seconds| seconds as i64)).unwrap_or(0)
    }

    /// The name that the token gives its subject.
    pub(super) fn username(&self) -> Option<&str> {
        self.username.as_str()
    }
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
