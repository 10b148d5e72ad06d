//! Connections that read the log at the same time.

use crate::target::Target;
use sqlx::PgConnection;

/// A larger number of connections is probably a typing error.
pub(crate) const MOST_READERS: u16 = 64;

/// The default number: one for each core.
pub(crate) fn cores() -> u16 {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u16::try_from(cores).unwrap_or(MOST_READERS).min(MOST_READERS)
}

/// One connection for each core, or as many as the server gives: a role may have one only.
pub(crate) async fn up_to_one_per_core(target: &Target, purpose: &str) -> Vec<PgConnection> {
    let mut readers = Vec::new();
    for _ in 0..cores() {
        let Ok(reader) = target.connect(purpose).await else { break };
        readers.push(reader);
    }
    readers
}
