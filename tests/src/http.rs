//! A small client of the HTTP service, which reuses connections.

pub use ::http::Method;
use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use ::http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::net::SocketAddr;

/// The type of a body: any bytes that can be shared.
type Body = Full<std::io::Cursor<Vec<u8>>>;

/// A client of one service. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    client: hyper_util::client::legacy::Client<HttpConnector, Body>,
}

impl Client {
    /// A client of the service at an address.
    pub fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { address, client }
    }

    /// The service's address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gets a path, its query included.
    pub fn get(&self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::GET, path)
    }

    /// A POST to a path.
    pub fn post(&self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::POST, path)
    }

    /// A PATCH of a path.
    pub fn patch(&self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::PATCH, path)
    }

    /// A PUT to a path.
    pub fn put(&self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::PUT, path)
    }

    /// A DELETE of a path.
    pub fn delete(&self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder<'_> {
        let uri = format!("http://{}{path}", self.address);
        RequestBuilder { client: self, request: Request::builder().method(method).uri(uri), body: Vec::new() }
    }
}

/// A request under construction.
#[derive(Debug)]
pub struct RequestBuilder<'a> {
    client: &'a Client,
    request: ::http::request::Builder,
    body: Vec<u8>,
}

impl RequestBuilder<'_> {
    /// With a token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Adds a header, whose value may have other characters than ASCII.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value.as_bytes());
        self
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body.to_string())
    }

    /// With a body of any kind.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it, and reads the whole response.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn send(self) -> HttpResponse {
        let uri = self.request.uri_ref().map(ToString::to_string);
        self.try_send().await.unwrap_or_else(|error| panic!("{uri:?}: {error}"))
    }

    /// Sends it; an error if the connection was closed before the whole response.
    pub async fn try_send(self) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
        let request = self.request.body(Full::new(std::io::Cursor::new(self.body)))?;
        let (head, body) = self.client.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        Ok(HttpResponse { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// A response of the service.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, or empty.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails unless the response has this status.
    ///
    /// # Panics
    /// With the whole response.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        let name = StatusCode::from_u16(self.status).ok();
        assert_eq!(self.status, status, "{name:?} {:?} {}", self.headers, self.text());
        self
    }
}
