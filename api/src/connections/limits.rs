//! Bounds on connections and on what they send.

use std::time::Duration;

/// The largest head of a request. Browsers send up to 16 kB, and a token with a thousand projects has 50 kB.
pub(super) const HEAD: usize = 64 * 1024;

/// The buffer of a connection; hyper's default is 400 kB.
pub(super) const BUFFER: usize = 64 * 1024;

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Upper bound on connections.
    pub(crate) clients: usize,
    /// Timeout for the whole head of a request.
    pub(crate) idle_timeout: Duration,
    /// Timeout for the client to read.
    pub(crate) write_timeout: Duration,
}
