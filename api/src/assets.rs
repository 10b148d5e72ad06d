//! `/openapi.json`, and the page at `/docs`: stored compressed, since compressing the page's program is slow, and anyone may
//! request it.

use crate::problem::{internal, not_found};
use crate::state::AppState;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, Read, Write};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

/// What the page may load and do: its own files, and requests to this service. Its styles are set by its program.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How long a browser may cache the page's files and the description: they change with the program only.
const CACHE_CONTROL_VALUE: &str = "public, max-age=3600";

/// The routes.
pub(crate) fn router(description: &OpenApi) -> Router<AppState> {
    let description =
        description.to_json().map_err(io::Error::other).and_then(|json| Packed::of(json.as_bytes()));
    let description = Arc::new(
        description.inspect_err(|error| tracing::error!(%error, "/openapi.json cannot be built")).ok(),
    );
    let config = Arc::new(Config::from("/openapi.json"));
    let page = move |path: String, headers: HeaderMap| {
        let config = Arc::clone(&config);
        async move { file(&path, config, &headers) }
    };
    let index = page.clone();
    Router::new()
        .route(
            "/openapi.json",
            get(async move |headers: HeaderMap| match description.as_ref() {
                Some(description) => description.answer("application/json", &headers),
                None => internal().into_response(),
            }),
        )
        .route("/docs", get(async || Redirect::to("/docs/")))
        .route("/docs/", get(move |headers: HeaderMap| index(String::new(), headers)))
        .route("/docs/{*rest}", get(move |Path(path): Path<String>, headers: HeaderMap| page(path, headers)))
}

/// A file of the page; the program's build compressed all but the one that names the description.
fn file(path: &str, config: Arc<Config<'static>>, headers: &HeaderMap) -> Response {
    let found = match utoipa_swagger_ui::serve(path, config) {
        Ok(Some(found)) => found,
        Ok(None) => return not_found(format!("the service has no file /docs/{path}")).into_response(),
        Err(error) => {
            tracing::error!(%error, path, "a file of the page cannot be served");
            return internal().into_response();
        }
    };
    let packed = if found.gzpipped {
        Ok(Packed(Bytes::from(found.bytes.into_owned())))
    } else {
        Packed::of(&found.bytes)
    };
    let mut response = match packed {
        Ok(packed) => packed.answer(&found.content_type, headers),
        Err(error) => {
            tracing::error!(%error, path, "a file of the page cannot be served");
            return internal().into_response();
        }
    };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}

/// A file, compressed by gzip.
#[derive(Debug)]
struct Packed(Bytes);

impl Packed {
    fn of(plain: &[u8]) -> io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain)?;
        Ok(Self(encoder.finish()?.into()))
    }

    /// The response for a client that may not accept gzip.
    fn answer(&self, kind: &str, headers: &HeaderMap) -> Response {
        let takes_it = accepts_gzip(headers);
        let body = if takes_it {
            self.0.clone()
        } else {
            let mut plain = Vec::new();
            match GzDecoder::new(&*self.0).read_to_end(&mut plain) {
                Ok(_) => plain.into(),
                Err(error) => {
                    tracing::error!(%error, "a file of the page cannot be served");
                    return internal().into_response();
                }
            }
        };
        let mut response = body.into_response();
        let answered = response.headers_mut();
        if takes_it {
            answered.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answered.insert(VARY, HeaderValue::from_static("accept-encoding"));
        answered.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL_VALUE));
        answered.insert(
            CONTENT_TYPE,
            HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream")),
        );
        response
    }
}

/// Whether a client accepts gzip: by name or by `*`, with a weight above zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|header| header.to_str().ok());
    named.flat_map(|header| header.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").parse::<f32>().unwrap_or(0.0);
        matches!(name.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip" | "*") && weight > 0.0
    })
}
