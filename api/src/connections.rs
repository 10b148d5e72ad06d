//! Takes connections, as many as the service may have, and serves each in a task of its own.

mod reserve;
mod timed;

use crate::telemetry::Telemetry;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use reserve::Reserve;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use timed::Timed;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long to wait when the process cannot take more connections.
const NO_MORE: Duration = Duration::from_secs(1);

/// The largest head of a request. Browsers send up to 16 kB, and a token with a thousand projects has 50 kB.
const HEAD: usize = 64 * 1024;

/// What a connection keeps of what was received and of what is to be sent; hyper's own default is 400 kB.
const BUFFER: usize = 64 * 1024;

/// What connections may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many there may be.
    pub(crate) clients: usize,
    /// How long one may wait for the whole head of a request.
    pub(crate) idle_timeout: Duration,
    /// How long one may wait for its client to read on.
    pub(crate) write_timeout: Duration,
}

/// Serves until `stop` is done; then takes no more connections, and ends when the requests that are under way are answered. A
/// connection on which the head of a request is not there in full in time is closed, whether half of it came or nothing, and so
/// is one whose client does not read on. While there are as many connections as there may be, those that come are served by
/// the second router.
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
    let places = Arc::new(Semaphore::new(limits.clients.min(Semaphore::MAX_PERMITS)));
    let mut reserve = Reserve::new(reserve, limits);
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = &mut stop => break,
        };
        // A client that pipelines small answers would wait for the acknowledgement of each.
        let _ = stream.set_nodelay(true);
        let counted = Counted::new(&telemetry);
        let stream = TokioIo::new(Timed::new(stream, limits.write_timeout));
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            reserve.serve(stream, counted, &open);
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(builder.serve_connection(stream, service));
        tokio::spawn(async move {
            // The client's own doing; what the service did wrong was answered and told.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((place, counted));
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// Counts a connection for as long as it is open.
struct Counted(Arc<Telemetry>);

impl Counted {
    fn new(telemetry: &Arc<Telemetry>) -> Self {
        telemetry.connected();
        Self(Arc::clone(telemetry))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

/// The next connection, whatever happens to others on their way.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_its_own(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no more connections can be taken; tried again in a second");
                tokio::time::sleep(NO_MORE).await;
            }
        }
    }
}

/// Whether an error is of the one connection that was about to come.
fn is_its_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
