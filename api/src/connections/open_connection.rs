//! The number of open connections, for the metrics.

use crate::telemetry::Telemetry;
use std::sync::Arc;

/// Counts a connection for as long as it is open.
pub(super) struct OpenConnection(Arc<Telemetry>);

impl OpenConnection {
    pub(super) fn new(telemetry: &Arc<Telemetry>) -> Self {
        telemetry.connected();
        Self(Arc::clone(telemetry))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}
