//! What the domain promises, seen from outside.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect by panicking")]

mod chance;
mod commands;
mod days;
mod fit;
mod legacy;
mod properties;
mod replace;
mod requests;
mod rules;
mod rules_document;
mod scene;
mod stored;
mod values;
