//! The HTTP service.
//!
//! - [`server`] builds the service and runs it until a signal stops it; [`state`] is the state of its routes.
//! - [`settings`] are its settings, [`base_path`] the prefix of its paths; [`pool`] has its connections to the database, with the privileges of one role.
//! - [`auth`] authenticates a caller by its token; [`problem`] is the form of failed responses.
//! - `routes` are the routes for programs, `pages` those for browsers.
//! - [`request`] is the context of the current request; [`telemetry`] has the metrics.
//!
//! With the feature `otel` each request is a span that goes to an OpenTelemetry collector, under the trace of its client.
//!
//! This crate knows HTTP. `phaseline-domain` knows what a timeline is, `phaseline-store` how it is stored.

mod assets;
mod assignment_counts;
pub mod auth;
pub mod base_path;
mod command_health;
mod connections;
pub mod cors;
mod health;
mod middleware;
mod openapi;
mod origin;
#[cfg(feature = "otel")]
pub mod otel;
mod paced;
mod pages;
mod planner_schema;
pub mod pool;
pub mod problem;
pub mod request;
mod routes;
mod security_headers;
pub mod server;
pub mod settings;
pub mod state;
mod sweep;
pub mod telemetry;
mod timeline_states;
mod work;
