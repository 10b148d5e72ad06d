//! A private PostgreSQL server, for users who have none running and for every crate's tests.
//!
//! - [`Binaries`] finds an installed PostgreSQL and runs its client programs.
//! - [`Server`] is a durable server in a data folder of its own, shared by all processes that want it
//!   and stopped when the last of them ends, however it ends.
//! - [`testing`] has throw-away clusters and databases for tests.
//!
//! The crate knows nothing of phases, and speaks SQL only through `psql`, so that it needs neither an
//! async runtime nor a driver. It runs on Unix.
//!
//! # What lies in a data folder
//!
//! | name | what |
//! |---|---|
//! | `cluster/` | PostgreSQL's own data directory, of the one major version that made it |
//! | `password` | the superuser's password, mode 0600 |
//! | `port` | the port of the last start, tried first at the next one |
//! | `server.log` | the server's log; `server.log.1` is the one before |
//! | `start.lock`, `clients.lock` | who may start or stop the server, and who is using it |

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
