//! The service over real sockets, on a real database.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what they expect by panicking"
)]

mod auth;
mod health;
mod keys;
mod manners;
mod problem;
mod service;
