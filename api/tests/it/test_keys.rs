//! Keys of the tests: they protect nothing.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

/// A key pair made for these tests.
pub(crate) const RSA_PRIVATE: &str = include_str!("test_keys/rsa.pem");
pub(crate) const RSA_PUBLIC: &str = include_str!("test_keys/rsa_public.pem");

pub(crate) fn rsa_signing() -> EncodingKey {
    EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).unwrap()
}

pub(crate) const P256_PUBLIC: &str = include_str!("test_keys/p256_public.pem");
/// A key on a curve that the service does not support.
pub(crate) const P384_PUBLIC: &str = include_str!("test_keys/p384_public.pem");

pub(crate) fn p256_signing() -> EncodingKey {
    EncodingKey::from_ec_pem(include_bytes!("test_keys/p256.pem")).unwrap()
}

/// The public key in a key set.
pub(crate) fn p256_jwk(kid: &str) -> Value {
    with_key_id(&Jwk::from_encoding_key(&p256_signing(), Algorithm::ES256).unwrap(), kid)
}

/// The public key in a key set.
pub(crate) fn rsa_jwk(kid: &str) -> Value {
    with_key_id(&Jwk::from_encoding_key(&rsa_signing(), Algorithm::RS256).unwrap(), kid)
}

fn with_key_id(jwk: &Jwk, kid: &str) -> Value {
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = json!(kid);
    jwk
}

/// A new Ed25519 key.
pub(crate) struct Ed25519 {
    seed: [u8; 32],
}

impl Ed25519 {
    pub(crate) fn new() -> Self {
        let halves = [Uuid::new_v4(), Uuid::new_v4()];
        Self { seed: halves.map(Uuid::into_bytes).concat().try_into().unwrap() }
    }

    pub(crate) fn signing(&self) -> EncodingKey {
        // PKCS#8 of an Ed25519 key is this and the seed (RFC 8410).
        let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        EncodingKey::from_ed_der(&[head, &self.seed[..]].concat())
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        with_key_id(&Jwk::from_encoding_key(&self.signing(), Algorithm::EdDSA).unwrap(), kid)
    }

    pub(crate) fn public_pem(&self) -> String {
        let point = URL_SAFE_NO_PAD.decode(self.jwk("")["x"].as_str().unwrap()).unwrap();
        let head = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        let der = [head, &point[..]].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }
}

/// A part of a token.
pub(crate) fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// An unsigned token.
pub(crate) fn unsigned(claims: &Value, algorithm: &str) -> String {
    format!("{}.{}.", encoded(&json!({ "typ": "JWT", "alg": algorithm })), encoded(claims))
}
