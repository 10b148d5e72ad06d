//! Accepts connections up to the limit, and serves each in its own task.

mod limits;
mod open_connection;
mod reserve;
mod timed;

pub(crate) use limits::Limits;

use crate::telemetry::Telemetry;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use limits::{BUFFER, HEAD};
use open_connection::OpenConnection;
use reserve::Reserve;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use timed::Timed;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long to wait when the process cannot accept more connections.
const NO_MORE: Duration = Duration::from_secs(1);

/// Serves until `stop` completes; then accepts no more connections, and ends with the requests in flight. A connection is closed if
/// the head of a request does not arrive in full in time, or if the client does not read. Connections beyond the limit are served
/// by the second router.
pub(crate) async fn serve(
    listener: TcpListener,
    [router, reserve]: [Router; 2],
    limits: Limits,
    telemetry: Arc<Telemetry>,
    stop: impl Future<Output = ()>,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout);
    builder.max_buf_size(BUFFER).max_header_size(HEAD);
    let open = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.clients.min(Semaphore::MAX_PERMITS)));
    let mut reserve = Reserve::new(reserve, limits);
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = &mut stop => break,
        };
        // A client that pipelines small answers would wait for the acknowledgement of each.
        let _ = stream.set_nodelay(true);
        let counted = OpenConnection::new(&telemetry);
        let stream = TokioIo::new(Timed::new(stream, limits.write_timeout));
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            reserve.serve(stream, counted, &open);
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(builder.serve_connection(stream, service));
        tokio::spawn(async move {
            // The client's fault; the service's own errors have a response and a log line.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((permit, counted));
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// The next connection; errors of single connections are skipped.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_its_own(&error) => {}
            Err(error) => {
                tracing::error!(%error, "the process cannot accept more connections; the next attempt is in a second");
                tokio::time::sleep(NO_MORE).await;
            }
        }
    }
}

/// Whether an error concerns the incoming connection only.
fn is_its_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
