//! Extracts a request that writes: its body, its preconditions, its idempotency key and its metadata.

mod unread;

pub(crate) use unread::Unread;

use super::error::RouteFailure;
use super::validate::{FieldErrors, FromJson, JsonPath, json};
use crate::auth::Caller;
use crate::problem::{Problem, bad_request, internal, not_json};
use crate::request;
use crate::state::AppState;
use crate::work::{LARGE, aside_if};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH};
use axum::http::{HeaderMap, Method, StatusCode};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::{IdempotencyKey, Metadata};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// The header of an idempotency key.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header with the reason of a change.
pub(crate) const REASON: &str = "phaseline-reason";
/// The header with an id that related requests share.
const CORRELATION: &str = "x-correlation-id";
/// The header of the distributed trace (W3C Trace Context).
const TRACE: &str = "traceparent";

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// The longest key, in bytes.
const LONGEST_KEY: usize = 255;
/// The longest correlation id; longer ones are ignored.
const LONGEST_CORRELATION: usize = 128;

/// A version that no timeline has, for entity tags of another form.
const NO_VERSION: i64 = -1;

/// The namespace of ids that are derived from an idempotency key.
const CREATED: Uuid = Uuid::from_u128(0x3f0c_8a5e_9b1d_4c67_a2f4_5d80_e1b7_c936);

/// A request whose body is not read yet.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    method: Method,
    /// Path and query.
    target: String,
    headers: HeaderMap,
    body: Unread,
}

impl FromRequest<AppState> for WriteRequest {
    type Rejection = Infallible;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Infallible> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = Unread::new(body, app.settings.body_limit);
        Ok(Self { method: parts.method, target, headers: parts.headers, body })
    }
}

/// The body of a request.
#[derive(Debug)]
pub(crate) struct JsonBody {
    /// The body as JSON.
    pub(crate) json: Arc<Value>,
    /// The canonical form, equal for equal JSON; empty unless the request has a key.
    canonical: Vec<u8>,
    /// A large body holds its permit until the response.
    _place: Option<OwnedSemaphorePermit>,
}

impl JsonBody {
    /// The body of a request without one.
    pub(crate) fn none() -> Self {
        Self { json: Arc::new(Value::Null), canonical: b"null".to_vec(), _place: None }
    }
}

/// What a request that writes has beside its body.
#[derive(Clone, Debug)]
pub(crate) struct Preconditions {
    /// Actor, reason and source for the log.
    pub(crate) metadata: Metadata,
    /// The version that the request requires, if any.
    pub(crate) expected: Option<i64>,
    /// Whether a timeline must exist: `If-Match: *`, or any version.
    pub(crate) must_exist: bool,
    /// Its key.
    pub(crate) key: Option<IdempotencyKey>,
}

impl WriteRequest {
    /// Reads the body as a `T`; `faults` has the errors of the path. To be called after authorization: a large body costs time and
    /// memory.
    pub(crate) async fn read<T: FromJson + Send + 'static>(
        &mut self,
        app: &AppState,
        mut faults: FieldErrors,
    ) -> Result<(T, JsonBody), RouteFailure> {
        if !self.has_json_type() {
            return Err(not_json().into());
        }
        if !self.is_plain() {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "encoded_body",
                "Encoded body",
                "the service supports no Content-Encoding but identity: send the body uncompressed",
            )
            .into());
        }
        let bytes = self.body.read().await?;
        if bytes.is_empty() {
            return Err(no_body().into());
        }
        let large = bytes.len() > LARGE;
        let permit = match large {
            true => Some(Arc::clone(&app.large).acquire_owned().await.map_err(|_| internal())?),
            false => None,
        };
        let max_phases = app.settings.max_phases;
        let has_key = self.headers.contains_key(IDEMPOTENCY_KEY);
        let read = aside_if(large, move || {
            let json = json::read(&bytes, max_phases)?;
            if json.is_null() {
                return Err(no_body());
            }
            let read = T::read(&json, &JsonPath::BODY, &mut faults);
            let read = faults.none_or(read)?;
            let mut text = Vec::new();
            if has_key {
                canonical(&json, &mut text);
            }
            Ok::<_, FieldErrors>((read, json, text))
        });
        let (read, json, canonical) = read.await??;
        Ok((read, JsonBody { json: Arc::new(json), canonical, _place: permit }))
    }

    /// Whether the content type is JSON in UTF-8; a missing one counts as that.
    fn has_json_type(&self) -> bool {
        let mut kinds = self.headers.get_all(CONTENT_TYPE).iter();
        let Some(kind) = kinds.next() else { return true };
        if kinds.next().is_some() {
            return false;
        }
        let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
        let mut parts = kind.split(';').map(str::trim);
        let json = parts.next().and_then(|kind| kind.strip_prefix("application/"));
        json.is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
            && parts
                .filter_map(|parameter| parameter.strip_prefix("charset="))
                .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"))
    }

    /// Whether the body is not compressed.
    fn is_plain(&self) -> bool {
        let encodings = self.headers.get_all(CONTENT_ENCODING).iter();
        encodings.into_iter().all(|encoding| {
            let encodings = encoding.to_str().unwrap_or("?").split(',').map(str::trim);
            encodings.into_iter().all(|encoding| encoding.eq_ignore_ascii_case("identity"))
        })
    }

    /// What it has beside its body.
    pub(crate) fn preconditions(
        &self,
        caller: &Caller,
        body: &JsonBody,
    ) -> Result<Preconditions, Box<Problem>> {
        let tag = self.one(IF_MATCH.as_str())?;
        let (expected, must_exist) = match tag {
            None => (None, false),
            Some(b"*") => (None, true),
            Some(tag) => (Some(version(tag)?), true),
        };
        let key = self.key()?.map(|key| IdempotencyKey {
            scope: caller_scope(caller),
            key,
            fingerprint: self.fingerprint(tag.unwrap_or_default(), body),
        });
        let metadata = Metadata {
            actor: Some(caller.subject.clone()),
            actor_name: caller.name.clone(),
            reason: self.one(REASON)?.map(reason).transpose()?,
            source: Some("api".to_owned()),
            command_id: Some(Uuid::now_v7().to_string()),
            correlation_id: self.valid_id(CORRELATION),
            request_id: request::current_id().map(|id| id.to_string()),
            trace_id: self.headers.get(TRACE).and_then(|header| trace(header.to_str().ok()?)),
            restored_from: None,
        };
        Ok(Preconditions { metadata, expected, must_exist, key })
    }

    /// Its idempotency key.
    pub(crate) fn key(&self) -> Result<Option<String>, Box<Problem>> {
        self.one(IDEMPOTENCY_KEY)?.map(key_text).transpose()
    }

    /// A header that may occur once.
    fn one(&self, name: &str) -> Result<Option<&[u8]>, Box<Problem>> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(Box::new(bad_request(format!(
                "the header {name} occurs more than once: send it once"
            ))));
        }
        Ok(first.map(|value| value.as_bytes()))
    }

    fn valid_id(&self, name: &str) -> Option<String> {
        let text = self.headers.get(name)?.to_str().ok()?;
        let fits = (1..=LONGEST_CORRELATION).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| text.to_owned())
    }

    /// A digest of the whole request; equal for equal JSON.
    fn fingerprint(&self, tag: &[u8], body: &JsonBody) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.method.as_str().as_bytes(), self.target.as_bytes(), tag, &body.canonical] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

fn no_body() -> FieldErrors {
    FieldErrors::one(&JsonPath::BODY, "missing", "Field required")
}

/// The owner of a key: issuer and subject, as JSON so that no two owners have the same text.
fn caller_scope(caller: &Caller) -> String {
    Value::from(vec![caller.issuer.clone().map_or(Value::Null, Value::from), caller.subject.clone().into()])
        .to_string()
}

impl Preconditions {
    /// The key as it is stored: per project, so that a caller that is limited to one learns nothing about keys that the same
    /// subject used for others.
    pub(crate) fn key_for(&self, project: ProjectId) -> Option<IdempotencyKey> {
        self.key.clone().map(|key| IdempotencyKey { scope: format!("{project} {}", key.scope), ..key })
    }

    /// The id of the new phase at an index of the request. With a key it is always the same, so that a repeated request creates the
    /// same phases.
    pub(crate) fn new_id(&self, index: usize) -> PhaseId {
        let Some(key) = &self.key else { return PhaseId::random() };
        let mut name = Vec::new();
        for part in [key.scope.as_bytes(), key.key.as_bytes(), &key.fingerprint] {
            name.extend((part.len() as u64).to_be_bytes());
            name.extend(part);
        }
        name.extend((index as u64).to_be_bytes());
        PhaseId::from(Uuid::new_v5(&CREATED, &name))
    }
}

/// Writes JSON with sorted members and without spaces.
fn canonical(value: &Value, text: &mut Vec<u8>) {
    let quoted = |name: &str| Value::from(name).to_string();
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push(b'{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend(quoted(name).bytes());
                text.push(b':');
                canonical(value, text);
            }
            text.push(b'}');
        }
        Value::Array(entries) => {
            text.push(b'[');
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                canonical(entry, text);
            }
            text.push(b']');
        }
        other => text.extend(other.to_string().bytes()),
    }
}

/// The version in an entity tag; [`NO_VERSION`] for a well-formed tag of another form.
fn version(tag: &[u8]) -> Result<i64, Box<Problem>> {
    let wrong = || {
        Box::new(bad_request("If-Match must be one entity tag from a response's ETag, such as \"7\", or *"))
    };
    let text = std::str::from_utf8(tag).map_err(|_| wrong())?.trim();
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
    if inner.contains('"') {
        return Err(wrong());
    }
    // A weak tag never matches (RFC 9110, 13.1.1), nor does one with a sign or with zeros before its number.
    let number = inner.parse::<i64>().ok().filter(|number| !weak && number.to_string() == inner);
    Ok(number.filter(|number| *number >= 0).unwrap_or(NO_VERSION))
}

fn key_text(key: &[u8]) -> Result<String, Box<Problem>> {
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if !fits {
        let detail = format!("Idempotency-Key must have 1 to {LONGEST_KEY} visible ASCII characters");
        return Err(Box::new(bad_request(detail)));
    }
    Ok(String::from_utf8_lossy(key).into_owned())
}

fn reason(text: &[u8]) -> Result<String, Box<Problem>> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.chars().count() <= LONGEST_REASON);
    text.map(ToOwned::to_owned).ok_or_else(|| {
        Box::new(bad_request(format!(
            "Phaseline-Reason must be UTF-8 of at most {LONGEST_REASON} characters"
        )))
    })
}

/// The trace's id in a `traceparent` header.
fn trace(header: &str) -> Option<String> {
    let id = header.trim().split('-').nth(1)?;
    let is_id = id.len() == 32
        && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && id.bytes().any(|byte| byte != b'0');
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entity_tag_is_a_version_or_matches_none() {
        for (tag, number) in
            [("\"7\"", 7), ("\"0\"", 0), ("W/\"7\"", -1), ("\"07\"", -1), ("\"x\"", -1), ("\"-3\"", -1)]
        {
            assert_eq!(version(tag.as_bytes()).unwrap(), number, "{tag}");
        }
        for tag in ["7", "\"7", "\"7\", \"8\"", ""] {
            assert!(version(tag.as_bytes()).is_err(), "{tag}");
        }
    }

    #[test]
    fn equal_json_has_one_canonical_form() {
        let mut text = Vec::new();
        let body: Value = serde_json::from_str(r#"{ "b": [1, "x"], "a": {"d": null, "c": 0.10} }"#).unwrap();
        canonical(&body, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), r#"{"a":{"c":0.1,"d":null},"b":[1,"x"]}"#);
        let mut other = Vec::new();
        canonical(&json!({"a": 1}), &mut other);
        assert_eq!(other, br#"{"a":1}"#);
    }

    #[test]
    fn the_trace_id_is_read_from_traceparent() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        for odd in ["", "00", "00-xyz-1-1", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(trace(odd), None, "{odd}");
        }
    }
}
