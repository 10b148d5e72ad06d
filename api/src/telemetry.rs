//! Metrics for Prometheus.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Bounds of the buckets of request durations, in seconds. A command takes milliseconds; the timeout is 30 s.
const BUCKETS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

const REQUESTS: &str = "phaseline_http_requests_total";
const DURATION: &str = "phaseline_http_request_duration_seconds";
const IN_FLIGHT: &str = "phaseline_http_requests_in_flight";
const CONNECTIONS: &str = "phaseline_http_connections";
pub(crate) const CONNECTIONS_LIMIT: &str = "phaseline_http_connections_limit";
const COMMANDS: &str = "phaseline_commands_total";
pub(crate) const POOL: &str = "phaseline_pool_connections";
pub(crate) const POOL_LIMIT: &str = "phaseline_pool_connections_limit";
pub(crate) const DATABASE_UP: &str = "phaseline_database_up";
pub(crate) const POSITION: &str = "phaseline_log_position";
pub(crate) const OLDEST_SNAPSHOT: &str = "phaseline_oldest_snapshot_age_seconds";

/// The counters of one service. Those of every request are looked up by their labels once.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    in_flight: Gauge,
    connections: Gauge,
    /// By method and status.
    answered: RwLock<HashMap<(&'static str, u16), AnsweredRoutes>>,
    /// By command and outcome.
    commanded: RwLock<HashMap<(&'static str, &'static str), Counter>>,
}

/// What counts the responses, by route.
type AnsweredRoutes = HashMap<String, Answered>;

/// What counts the responses of a route.
struct Answered {
    requests: Counter,
    durations: Histogram,
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut builder = PrometheusBuilder::new();
        // Without buckets it would be a summary. Setting them fails for an empty list only.
        if let Ok(with_buckets) =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        {
            builder = with_buckets;
        }
        let recorder = builder.build_recorder();
        let [in_flight, connections] = metrics::with_local_recorder(&recorder, || {
            describe();
            [gauge!(IN_FLIGHT), gauge!(CONNECTIONS)]
        });
        Self { recorder, in_flight, connections, answered: RwLock::default(), commanded: RwLock::default() }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Runs `work`; the macros of the crate `metrics` in it record into this service's metrics.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, work)
    }

    /// A request has started.
    pub(crate) fn begun(&self) {
        self.in_flight.increment(1);
    }

    /// A request has ended, with or without a response.
    pub(crate) fn ended(&self) {
        self.in_flight.decrement(1);
    }

    /// A client has connected.
    pub(crate) fn connected(&self) {
        self.connections.increment(1);
    }

    /// A client has disconnected.
    pub(crate) fn disconnected(&self) {
        self.connections.decrement(1);
    }

    /// A request got its response.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let known = self.answered.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(answered) = known.get(&(method, status)).and_then(|routes| routes.get(route)) {
            return answered.count(took);
        }
        drop(known);
        let answered = self.record(|| Answered::of(method, route, status));
        answered.count(took);
        let mut known = self.answered.write().unwrap_or_else(PoisonError::into_inner);
        known.entry((method, status)).or_default().insert(route.to_owned(), answered);
    }

    /// A command ended with this outcome.
    pub(crate) fn commanded(&self, command: &'static str, outcome: &'static str) {
        let known = self.commanded.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(commands) = known.get(&(command, outcome)) {
            return commands.increment(1);
        }
        drop(known);
        let commands = self.record(|| counter!(COMMANDS, "command" => command, "outcome" => outcome));
        commands.increment(1);
        self.commanded.write().unwrap_or_else(PoisonError::into_inner).insert((command, outcome), commands);
    }

    /// Moves measurements into their buckets; without it they accumulate until the next scrape.
    pub(crate) fn tidy(&self) {
        self.recorder.handle().run_upkeep();
    }

    /// All metrics in the format of Prometheus.
    pub(crate) fn text(&self) -> String {
        self.recorder.handle().render()
    }
}

impl Answered {
    fn of(method: &'static str, route: &str, status: u16) -> Self {
        let labels =
            [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        let durations = histogram!(DURATION, "method" => method, "route" => route.to_owned());
        Self { requests: counter!(REQUESTS, &labels), durations }
    }

    fn count(&self, took: Duration) {
        self.requests.increment(1);
        self.durations.record(took.as_secs_f64());
    }
}

fn describe() {
    describe_counter!(REQUESTS, "Requests with a response.");
    describe_histogram!(DURATION, Unit::Seconds, "Durations of requests.");
    describe_gauge!(IN_FLIGHT, "Requests in flight.");
    describe_gauge!(CONNECTIONS, "Connections of clients.");
    describe_gauge!(
        CONNECTIONS_LIMIT,
        "Upper bound on connections of clients, without a few for health checks."
    );
    describe_counter!(COMMANDS, "Commands to timelines, by outcome.");
    describe_gauge!(POOL, "Connections to the database, by state.");
    describe_gauge!(POOL_LIMIT, "Upper bound on connections to the database.");
    describe_gauge!(DATABASE_UP, "Whether the database answered this request for metrics.");
    describe_gauge!(POSITION, "The last position of the log.");
    describe_gauge!(
        OLDEST_SNAPSHOT,
        Unit::Seconds,
        "Age of the oldest snapshot: row versions that died since cannot be removed, and are read."
    );
}
