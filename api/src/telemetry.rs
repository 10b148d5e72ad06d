//! What is counted and measured, for Prometheus.

use crate::state::AppState;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use phaseline_store::{StoreError, schema};
use std::fmt;
use std::time::Duration;

/// Bounds of the buckets of how long requests take, in seconds. A command takes milliseconds; a timeout is at 30 s.
const BUCKETS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

const REQUESTS: &str = "phaseline_http_requests_total";
const DURATION: &str = "phaseline_http_request_duration_seconds";
const IN_FLIGHT: &str = "phaseline_http_requests_in_flight";
const CONNECTIONS: &str = "phaseline_http_connections";
const CONNECTIONS_LIMIT: &str = "phaseline_http_connections_limit";
const COMMANDS: &str = "phaseline_commands_total";
const POOL: &str = "phaseline_pool_connections";
const POOL_LIMIT: &str = "phaseline_pool_connections_limit";
const DATABASE_UP: &str = "phaseline_database_up";
const POSITION: &str = "phaseline_log_position";
const OLDEST_SNAPSHOT: &str = "phaseline_oldest_snapshot_age_seconds";

/// The counters of one service.
pub struct Telemetry {
    recorder: PrometheusRecorder,
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut builder = PrometheusBuilder::new();
        // Without buckets it would be a summary. That they cannot be set is said only of an empty list.
        if let Ok(with_buckets) =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        {
            builder = with_buckets;
        }
        let telemetry = Self { recorder: builder.build_recorder() };
        telemetry.record(describe);
        telemetry
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Counts in this service's numbers whatever `work` counts by the macros of the crate `metrics`.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, work)
    }

    /// A request has come.
    pub(crate) fn begun(&self) {
        self.record(|| gauge!(IN_FLIGHT).increment(1));
    }

    /// A request is gone, answered or not.
    pub(crate) fn ended(&self) {
        self.record(|| gauge!(IN_FLIGHT).decrement(1));
    }

    /// A client has connected.
    pub(crate) fn connected(&self) {
        self.record(|| gauge!(CONNECTIONS).increment(1));
    }

    /// A client's connection is closed.
    pub(crate) fn disconnected(&self) {
        self.record(|| gauge!(CONNECTIONS).decrement(1));
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        self.record(|| {
            let labels =
                [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
            counter!(REQUESTS, &labels).increment(1);
            histogram!(DURATION, "method" => method, "route" => route.to_owned()).record(took.as_secs_f64());
        });
    }

    /// A command was carried out, or not.
    pub(crate) fn commanded(&self, command: &'static str, outcome: &'static str) {
        self.record(|| counter!(COMMANDS, "command" => command, "outcome" => outcome).increment(1));
    }

    /// Brings what was measured into its buckets; without it, measurements pile up until somebody asks.
    pub(crate) fn tidy(&self) {
        self.recorder.handle().run_upkeep();
    }

    /// Everything as Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        self.recorder.handle().render()
    }
}

fn describe() {
    describe_counter!(REQUESTS, "Requests that were answered.");
    describe_histogram!(DURATION, Unit::Seconds, "How long they took.");
    describe_gauge!(IN_FLIGHT, "Requests under way.");
    describe_gauge!(CONNECTIONS, "Connections of clients.");
    describe_gauge!(CONNECTIONS_LIMIT, "The most that there may be, beside a few for health checks.");
    describe_counter!(COMMANDS, "Commands to timelines, by what came of them.");
    describe_gauge!(POOL, "Connections to the database, by state.");
    describe_gauge!(POOL_LIMIT, "The most connections that there may be.");
    describe_gauge!(DATABASE_UP, "Whether the database answered when this was asked for.");
    describe_gauge!(POSITION, "The last position of the log.");
    describe_gauge!(
        OLDEST_SNAPSHOT,
        Unit::Seconds,
        "The age of the oldest snapshot: rows that died since stay, and are looked at."
    );
}

/// Takes what is not counted but looked up: called before each answer of `/metrics`.
#[expect(clippy::cast_precision_loss, reason = "Prometheus knows numbers of that kind only")]
pub(crate) async fn sample(app: &AppState) {
    let (size, idle) = (app.pool.size(), app.pool.num_idle());
    let looked_up = lookup(app).await;
    app.telemetry.record(|| {
        gauge!(POOL, "state" => "idle").set(idle as f64);
        gauge!(POOL, "state" => "used").set((size as usize).saturating_sub(idle) as f64);
        gauge!(POOL_LIMIT).set(f64::from(app.settings.max_connections));
        gauge!(CONNECTIONS_LIMIT).set(app.settings.max_clients as f64);
        gauge!(DATABASE_UP).set(if looked_up.is_ok() { 1.0 } else { 0.0 });
        if let Ok(found) = looked_up {
            if let Some(position) = found.position {
                gauge!(POSITION).set(position as f64);
            }
            if let Some(age) = found.oldest_snapshot {
                gauge!(OLDEST_SNAPSHOT).set(age);
            }
        }
    });
}

/// What the database says of itself; each is missing where the database cannot say it.
#[derive(Default)]
struct LookedUp {
    position: Option<i64>,
    oldest_snapshot: Option<f64>,
}

async fn lookup(app: &AppState) -> Result<LookedUp, StoreError> {
    let mut connection = app.pool.acquire().await?;
    let mut found = LookedUp::default();
    match schema::installed(&mut connection).await {
        Ok(true) => {}
        Ok(false) | Err(StoreError::NewerSchema { .. }) => return Ok(found),
        Err(error) => return Err(error),
    }
    found.position = Some(schema::tip(&mut connection).await?.position);
    found.oldest_snapshot = Some(schema::oldest_snapshot(&mut connection).await?.unwrap_or(0.0));
    Ok(found)
}
