//! The connections that read the log of a verification at the same time.

use crate::log::link_events::LEGACY_LINKS;
use phaseline_store::StoreError;
use phaseline_store::parallel::{self, Readers};
use sqlx::{Database, PgConnection, Postgres, TransactionManager};

/// Positions that a connection reads at a time where the log has links: such an event takes 16 kB of memory.
const CHUNK_OF_LINKS: i64 = 250;

/// Connections, and the snapshot that all of them read.
#[derive(Debug)]
pub(super) struct SnapshotReaders {
    pub readers: Readers,
    pub snapshot: String,
}

impl SnapshotReaders {
    /// Exports the snapshot of this transaction. None without connections, and for a transaction inside another one, which cannot be
    /// exported: then the connection reads the log itself.
    pub(super) async fn begin(
        transaction: &mut PgConnection,
        readers: Vec<PgConnection>,
    ) -> Result<Option<Self>, StoreError> {
        let is_nested = <Postgres as Database>::TransactionManager::get_transaction_depth(transaction) > 1;
        if readers.is_empty() || is_nested {
            return Ok(None);
        }
        let snapshot = parallel::export_snapshot(transaction).await?;
        Ok(Some(Self { readers: Readers::from(readers), snapshot }))
    }

    /// Lets events of links be read in smaller chunks than others.
    pub(super) async fn bounded_for_links(self, connection: &mut PgConnection) -> Result<Self, StoreError> {
        let ranges = parallel::positions_of_type(connection, LEGACY_LINKS).await?;
        Ok(Self { readers: self.readers.with_chunk_of_large_events(ranges, CHUNK_OF_LINKS), ..self })
    }
}
