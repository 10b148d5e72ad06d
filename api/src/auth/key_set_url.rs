//! The address of a key set that is fetched over HTTP, and one request to it.

use axum::http::header::{ACCEPT, HOST, USER_AGENT};
use axum::http::uri::{Authority, Scheme};
use axum::http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, crypto};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Timeout of a request, from the resolution of the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// Upper bound on the size of a key set, in bytes. Those of large providers have some kilobytes.
const LARGEST: usize = 1024 * 1024;

/// The address of a key set: `https`, or `http` on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySetUrl {
    uri: Uri,
    authority: Authority,
    is_encrypted: bool,
}

/// Why a key set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it ended early.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The other side does not speak TLS, or its certificate is not valid.
    #[error("the TLS connection failed: {0}")]
    Tls(#[from] rustls::Error),
    /// The other side does not speak HTTP.
    #[error("the HTTP request failed: {0}")]
    Http(#[from] hyper::Error),
    /// The response is not the key set.
    #[error("the response has status {0}; redirects are not followed")]
    Status(StatusCode),
    /// The response is too large, or its end is missing.
    #[error("the response is larger than {LARGEST} bytes, or incomplete")]
    Body,
    /// The response took too long.
    #[error("no complete response within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// The response is not a usable key set.
    #[error("{0}")]
    Keys(#[from] super::KeyError),
}

impl FromStr for KeySetUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?} {what}: expected such as https://id.example/jwks.json");
        let uri: Uri = text.trim().parse().map_err(|_| wrong("is not a URL"))?;
        let authority = uri.authority().cloned().ok_or_else(|| wrong("is not a URL"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user or password, which the service does not send"));
        }
        let is_encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP && is_loopback(authority.host()) => false,
            None => return Err(wrong("is not a URL")),
            Some(_) => return Err(wrong("is not encrypted; http is allowed on this machine only")),
        };
        Ok(Self { uri, authority, is_encrypted })
    }
}

/// Anyone on the network could replace keys that are sent unencrypted.
fn is_loopback(host: &str) -> bool {
    let address = unbracketed(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

impl fmt::Display for KeySetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl fmt::Debug for KeySetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl KeySetUrl {
    /// Fetches the set, as text.
    pub(super) async fn fetch(&self) -> Result<String, FetchError> {
        tokio::time::timeout(PATIENCE, self.request()).await.map_err(|_| FetchError::TimedOut)?
    }

    async fn request(&self) -> Result<String, FetchError> {
        let host = unbracketed(self.authority.host());
        let port = self.authority.port_u16().unwrap_or(if self.is_encrypted { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await?;
        if !self.is_encrypted {
            return self.exchange(TokioIo::new(stream)).await;
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| rustls::Error::General(format!("{host} is not a name of a server")))?;
        let stream = tls().await?.connect(name, stream).await?;
        self.exchange(TokioIo::new(stream)).await
    }

    async fn exchange<S: Read + Write + Unpin + Send + 'static>(
        &self,
        stream: S,
    ) -> Result<String, FetchError> {
        let (mut sender, connection) = http1::handshake(stream).await?;
        let request = Request::get(self.uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(HOST, self.authority.as_str())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "phaseline")
            .body(Empty::<Bytes>::new())
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Status(response.status()));
            }
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            Ok(body.map_err(|_| FetchError::Body)?.to_bytes())
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        // The connection does the reading and writing; once it has ended, the rest of the response is in memory.
        let bytes = tokio::select! {
            bytes = &mut exchange => bytes?,
            _ = &mut connection => exchange.await?,
        };
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// TLS with the system's certificates, which are read each time: they may change while the service runs.
async fn tls() -> Result<TlsConnector, FetchError> {
    let roots = tokio::task::spawn_blocking(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    });
    let roots = roots.await.map_err(std::io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_comes_over_https_or_from_this_machine() {
        for good in [
            "https://id.example/jwks.json",
            "http://127.0.0.1:8000/keys",
            "http://[::1]/k",
            "http://localhost/",
        ] {
            assert_eq!(good.parse::<KeySetUrl>().unwrap().to_string(), good);
        }
        for wrong in [
            "",
            "keys.json",
            "/keys",
            "http://id.example/keys",
            "ftp://localhost/",
            "https://u:p@id.example/",
        ] {
            assert!(wrong.parse::<KeySetUrl>().is_err(), "{wrong}");
        }
    }
}
