//! Tests of the domain's public interface.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod commands;
mod days;
mod fit;
mod fixture;
mod legacy;
mod phase_order;
mod properties;
mod random_commands;
mod replace;
mod requests;
mod rules;
mod rules_document;
mod stored;
mod values;
