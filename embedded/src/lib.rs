//! A private PostgreSQL server, for users without one and for the tests of every crate.
//!
//! - [`Binaries`] finds an installed PostgreSQL and runs its client programs.
//! - [`Server`] is a durable server in its own data folder, shared by all processes that use it
//!   and stopped when the last of them ends, even by `kill -9`.
//! - [`testing`] has throw-away clusters and databases for tests.
//!
//! The crate knows nothing of phases, and speaks SQL only through `psql`, so that it needs neither an
//! async runtime nor a driver. It runs on Unix.
//!
//! # The content of a data folder
//!
//! | name | content |
//! |---|---|
//! | `cluster/` | PostgreSQL's own data directory, of the major version that created it |
//! | `password` | the superuser's password, mode 0600 |
//! | `port` | the port of the last start, tried first at the next one |
//! | `server.log` | the server's log; `server.log.1` is the one before |
//! | `start.lock`, `clients.lock` | held by the process that starts or stops the server, and by its users |

mod account;
mod binaries;
mod cluster;
mod data_dir;
mod dump;
mod environment;
mod error;
mod guard;
mod locks;
mod postmaster;
mod process;
mod psql;
mod server;
pub mod testing;
mod url;
mod version;

pub use binaries::{Binaries, OLDEST_MAJOR_VERSION};
pub use dump::{Dump, DumpLines};
pub use environment::BINDIR_VARIABLE;
pub use error::EmbeddedError;
pub use server::{Server, default_data_dir};
pub use url::{percent_decode, percent_encode};
pub use version::Version;
