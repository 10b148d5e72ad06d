//! A few connections beyond the limit, for health checks: each serves one request. When these are used up, too, the oldest one
//! without a request is closed: a health check sends its request at once.

use super::limits::{BUFFER, HEAD, Limits};
use super::open_connection::OpenConnection;
use super::timed::Timed;
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::AbortHandle;

/// The number of connections.
const PLACES: usize = 16;

/// Timeout for the head of a request.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections beyond the limit.
pub(super) struct Reserve {
    builder: http1::Builder,
    router: Router,
    /// The oldest first.
    open: VecDeque<Open>,
}

struct Open {
    task: AbortHandle,
    /// Whether a request arrived.
    used: Arc<AtomicBool>,
}

impl Reserve {
    pub(super) fn new(router: Router, limits: Limits) -> Self {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout.min(PATIENCE));
        builder.max_buf_size(BUFFER).max_header_size(HEAD).keep_alive(false);
        Self { builder, router, open: VecDeque::new() }
    }

    /// Serves a connection, if there is room or an idle one can be closed.
    pub(super) fn serve(&mut self, stream: TokioIo<Timed>, counted: OpenConnection, all: &GracefulShutdown) {
        self.open.retain(|open| !open.task.is_finished());
        if self.open.len() >= PLACES {
            let silent = self.open.iter().position(|open| !open.used.load(Ordering::Relaxed));
            let Some(silent) = silent.and_then(|at| self.open.remove(at)) else { return };
            silent.task.abort();
        }
        let used = Arc::new(AtomicBool::new(false));
        let (router, has_request) = (TowerToHyperService::new(self.router.clone()), Arc::clone(&used));
        let service = service_fn(move |request| {
            has_request.store(true, Ordering::Relaxed);
            router.call(request)
        });
        let connection = all.watch(self.builder.serve_connection(stream, service));
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(counted);
        });
        self.open.push_back(Open { task: task.abort_handle(), used });
    }
}
