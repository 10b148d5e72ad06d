//! The service over real sockets, on a real database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod auth;
mod health;
mod manners;
mod problem;
mod service;
