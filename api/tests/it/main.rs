//! The service over real sockets, on a real database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod auth;
mod desk;
mod health;
mod legacy_contract;
mod legacy_defects;
mod legacy_shape;
mod manners;
mod problem;
mod service;
