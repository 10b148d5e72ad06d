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

/// A log of fewer bytes is read before other connections are open.
const SMALL_LOG: i64 = 8 << 20;

/// One connection for each core, or as many as the server gives: a role may have one only. None for a small log.
pub(crate) async fn up_to_one_per_core(
    connection: &mut PgConnection,
    target: &Target,
    purpose: &str,
) -> Vec<PgConnection> {
    let mut readers = Vec::new();
    // Without a log, or if this fails, the check itself says why.
    let size = phaseline_store::read::size(connection).await.unwrap_or_default();
    if size.is_none_or(|size| size < SMALL_LOG) {
        return readers;
    }
    for _ in 0..cores() {
        let Ok(reader) = target.connect(purpose).await else { break };
        readers.push(reader);
    }
    readers
}
