//! The HTTP service: who may ask, what is answered when it does not work, and how it is watched.
//!
//! - [`server`] puts everything together and serves it until a signal stops it; [`state`] is what every route works with.
//! - [`settings`] is all that the service is told; [`pool`] are its connections, with the rights of one role.
//! - [`auth`] tells a caller and what it may do from its token; [`problem`] is every answer that is no success.
//! - [`request`] is what is known about the request at hand; [`telemetry`] counts and measures.
//!
//! With the feature `otel` each request is a span that goes to an OpenTelemetry collector, under the trace of whoever asked.
//!
//! The service knows HTTP. What a timeline is stands in `phaseline-domain`, how it is kept in `phaseline-store`.

mod assets;
pub mod auth;
mod connections;
mod health;
mod middleware;
mod openapi;
mod origin;
#[cfg(feature = "otel")]
pub mod otel;
mod paced;
pub mod pool;
pub mod problem;
pub mod request;
mod routes;
mod security_headers;
pub mod server;
pub mod settings;
pub mod state;
pub mod telemetry;
mod work;
