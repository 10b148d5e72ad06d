//! Builds the service and runs it until a signal stops it.

use crate::auth::Auth;
use crate::connections::Limits;
use crate::openapi::ApiDescription;
use crate::settings::Settings;
use crate::state::AppState;
use crate::{assets, connections, health, middleware, pages, routes, sweep, timeline_states};
use axum::Router;
use axum::middleware::from_fn_with_state;
use phaseline_store::Sessions;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// How often measurements are moved into their buckets.
const TIDY: Duration = Duration::from_secs(5);

/// How often expired idempotency keys are deleted.
const FORGETTING: Duration = Duration::from_secs(10 * 60);

/// Timeout for closing the connections to the database.
const CLOSING: Duration = Duration::from_secs(5);

/// Serves until `shutdown` completes; then accepts no more connections, finishes the requests in flight (within the timeout of the
/// settings) and closes the connections to the database.
pub async fn serve(
    listener: TcpListener,
    sessions: Sessions,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let app = AppState::new(sessions, settings);
    serve_routes(listener, all_routes(), app, shutdown).await;
}

/// Serves other routes; see [`all_routes`].
pub async fn serve_routes(
    listener: TcpListener,
    routes: Router<AppState>,
    app: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let reserve = middleware::around(middleware::health_only(routes.clone()), &app).with_state(app.clone());
    let router = middleware::around(routes, &app).with_state(app.clone());
    let base = &app.settings.base_path;
    let routers = [base.strip_before(router), base.strip_before(reserve)];
    let stopped = Arc::new(tokio::sync::Notify::new());
    let stopping = Arc::clone(&stopped);
    let stop = async move {
        shutdown.await;
        stopping.notify_one();
    };
    let limits = Limits {
        clients: app.settings.max_clients,
        idle_timeout: app.settings.idle_timeout,
        write_timeout: app.settings.write_timeout,
    };
    let serving = connections::serve(listener, routers, limits, Arc::clone(&app.telemetry), stop);
    let limit = app.settings.shutdown_timeout;
    let out_of_time = async {
        stopped.notified().await;
        tokio::time::sleep(limit).await;
    };
    let tidying = async {
        loop {
            tokio::time::sleep(TIDY).await;
            app.telemetry.tidy();
        }
    };
    let fetching = async {
        if let Auth::Tokens { keys, .. } = &app.settings.auth {
            keys.keep_fresh().await;
        }
        std::future::pending().await
    };
    let forgetting = async {
        loop {
            tokio::time::sleep(FORGETTING).await;
            match app.store.forget_idempotency_keys().await {
                Ok(keys) => tracing::info!(keys, "deleted expired idempotency keys"),
                Err(error) => {
                    tracing::warn!(%error, "expired idempotency keys could not be deleted; the next attempt is in ten minutes")
                }
            }
        }
    };
    tokio::select! {
        () = serving => {}
        () = out_of_time => {
            tracing::warn!(seconds = limit.as_secs_f64(), "cancelled the requests that were still in flight");
        }
        () = tidying => {}
        () = forgetting => {}
        () = fetching => {}
        () = sweep::run(&app) => {}
        () = timeline_states::run(&app) => {}
        () = app.sessions.follow() => {}
    }
    let _ = tokio::time::timeout(CLOSING, app.sessions.close()).await;
}

/// All routes of the service, without the layers that [`serve_routes`] adds.
pub fn all_routes() -> Router<AppState> {
    let routes = OpenApiRouter::with_openapi(ApiDescription::openapi())
        .merge(health::router())
        .merge(routes::router());
    let (all, description) = routes.split_for_parts();
    let known = routes::known_parameters(&description);
    all.route_layer(from_fn_with_state(known, routes::refuse_unknown))
        .merge(assets::router(&description))
        .merge(pages::router())
}
