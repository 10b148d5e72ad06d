//! A request's body before it is read, which happens after authorization.

use crate::problem::{Problem, bad_request, too_large};
use axum::body::{Body, Bytes, HttpBody};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// How long the rest of an unneeded body is awaited.
const DISCARDING: Duration = Duration::from_secs(5);

/// An unread body. When this is dropped, the rest is read and discarded, up to the limit: a client that is still sending when the
/// connection is closed may never see the response.
#[derive(Debug)]
pub(crate) struct Unread {
    body: Option<Body>,
    limit: usize,
}

impl Unread {
    /// The body of a request, and its limit.
    pub(crate) const fn new(body: Body, limit: usize) -> Self {
        Self { body: Some(body), limit }
    }

    /// The whole body; fails beyond the limit.
    pub(super) async fn read(&mut self) -> Result<Vec<u8>, Box<Problem>> {
        let mut bytes = Vec::new();
        let Some(mut body) = self.body.take() else { return Ok(bytes) };
        while let Some(chunk) = next(&mut body).await {
            let chunk = chunk.map_err(|_| bad_request("the body could not be read to its end"))?;
            if bytes.len() + chunk.len() > self.limit {
                return Err(Box::new(too_large(self.limit)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut left = self.limit;
        runtime.spawn(tokio::time::timeout(DISCARDING, async move {
            while let Some(Ok(chunk)) = next(&mut body).await {
                match left.checked_sub(chunk.len()) {
                    Some(less) => left = less,
                    None => return,
                }
            }
        }));
    }
}

/// The next bytes of a body; trailers are skipped.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
