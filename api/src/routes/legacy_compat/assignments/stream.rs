//! All assignments in one response, which is sent while the next ones are read.

use super::page::{self, AssignmentDates, CHUNK, Last};
use crate::routes::responses::AssignmentResponse;
use crate::state::AppState;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// A JSON list of `first` and of all assignments behind `last`. An error cuts the response short, which every client notices; the
/// log has the cause.
pub(super) fn all(
    app: &AppState,
    dates: AssignmentDates,
    first: Vec<AssignmentResponse>,
    last: Last,
) -> Body {
    // Bounds the memory of a response that the client does not read: one part queued, one being read.
    let (sender, receiver) = mpsc::channel(1);
    let (sessions, limit) = (app.sessions.clone(), app.settings.request_timeout);
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
            // The client may have disconnected.
            if sender.send(Ok(part.into())).await.is_err() || end {
                return;
            }
            let reading = page::read(&sessions, &dates, last.as_ref(), CHUNK);
            rows = match tokio::time::timeout(limit, reading).await {
                Ok(Ok(rows)) => rows,
                Ok(Err(problem)) => {
                    return drop(sender.send(Err(io::Error::other(problem.detail().to_owned()))).await);
                }
                Err(_) => return drop(sender.send(Err(io::ErrorKind::TimedOut.into())).await),
            };
            last = rows.last().filter(|_| rows.len() == CHUNK).map(Last::of);
            opening = b',';
        }
    });
    Body::new(Parts(receiver))
}

/// The entries, each behind its separator. There are none if the page before was the last one.
fn part(rows: &[AssignmentResponse], opening: u8) -> io::Result<Vec<u8>> {
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
                part.map(Frame::data).inspect_err(|error| tracing::error!(%error, "a response was cut short"))
            })
        })
    }
}
