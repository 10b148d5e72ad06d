//! All assignments in one answer, which goes out while the next ones are read.

use super::AT_ONCE;
use super::page::{self, Days, Last};
use crate::routes::responses::Assignment;
use crate::state::AppState;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// A JSON list that begins with `first`, and goes on with all assignments behind the last of these. An error ends the answer
/// before its time, which every client notices; the log says what it was.
pub(super) fn all(app: &AppState, days: Days, first: Vec<Assignment>, last: Last) -> Body {
    // One part on its way, one being read: that much an answer takes that nobody reads.
    let (sender, receiver) = mpsc::channel(1);
    let (pool, limit) = (app.pool.clone(), app.settings.request_timeout);
    tokio::spawn(async move {
        let (mut rows, mut last, mut opening) = (first, Some(last), b'[');
        loop {
            let end = last.is_none();
            let mut part = match part(&rows, opening) {
                Ok(part) => part,
                Err(error) => return drop(sender.send(Err(error)).await),
            };
            if end {
                part.push(b']');
            }
            // Whoever asked may be gone.
            if sender.send(Ok(part.into())).await.is_err() || end {
                return;
            }
            let reading = page::read(&pool, &days, last.as_ref(), AT_ONCE);
            rows = match tokio::time::timeout(limit, reading).await {
                Ok(Ok(rows)) => rows,
                Ok(Err(problem)) => {
                    return drop(sender.send(Err(io::Error::other(problem.detail().to_owned()))).await);
                }
                Err(_) => return drop(sender.send(Err(io::ErrorKind::TimedOut.into())).await),
            };
            last = rows.last().filter(|_| rows.len() == AT_ONCE).map(Last::of);
            opening = b',';
        }
    });
    Body::new(Parts(receiver))
}

/// The entries with what stands in front of them. Behind a full page nothing may come.
fn part(rows: &[Assignment], opening: u8) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(rows.len() * 400 + 2);
    for (index, row) in rows.iter().enumerate() {
        part.push(if index == 0 { opening } else { b',' });
        serde_json::to_writer(&mut part, row)?;
    }
    Ok(part)
}

struct Parts(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|part| {
            part.map(|part| {
                part.map(Frame::data)
                    .inspect_err(|error| tracing::error!(%error, "an answer ends before its time"))
            })
        })
    }
}
