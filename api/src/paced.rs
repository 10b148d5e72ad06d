//! Splits large responses, so that other tasks run while they are compressed and sent.

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The largest piece.
const PIECE: usize = 16 * 1024;

/// The bytes between two yields.
const TURN: usize = 64 * 1024;

/// Paces a response that is larger than one turn.
pub(crate) async fn pace(response: Response) -> Response {
    let size = response.body().size_hint();
    if size.upper().is_some_and(|size| size <= TURN as u64) {
        return response;
    }
    response.map(|body| Body::new(Paced { body, rest: Bytes::new(), given: 0 }))
}

struct Paced {
    body: Body,
    /// The rest of the last frame.
    rest: Bytes,
    /// The bytes sent in this turn.
    given: usize,
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.given >= TURN {
            self.given = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE);
        self.given += length;
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest + inner.lower());
        if let Some(upper) = inner.upper() {
            hint.set_upper(rest + upper);
        }
        hint
    }
}
