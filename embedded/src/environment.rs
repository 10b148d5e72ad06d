//! The environment variables that the crate reads.

/// Names the one folder to take PostgreSQL's programs from; no other folder is searched then.
pub const BINDIR_VARIABLE: &str = "PHASELINE_PG_BINDIR";
