//! Makes timeline states behind the writers. Several services may do so at once: the database lets one of them work.

use crate::state::AppState;
use phaseline_store::StoreError;
use phaseline_store::timeline_states::{Advanced, advance};
use std::time::{Duration, Instant};

/// How many times as long as it worked the task pauses before it continues, so that writers of a busy log keep their cores. A log
/// that grows faster is caught up with later; until then reads fold more events.
const PAUSE: u32 = 15;

/// Makes states at the interval of the settings, until the service ends.
pub(crate) async fn run(app: &AppState) {
    let Some(interval) = app.settings.states_interval else { return std::future::pending().await };
    let mut failing = false;
    loop {
        tokio::time::sleep(interval).await;
        match catch_up(app).await {
            Ok(()) => failing = false,
            Err(error) => {
                // While the database is down, or is a standby, each attempt fails.
                if !failing {
                    tracing::warn!(%error, "no timeline states were stored; the next attempt is at the next interval");
                }
                failing = true;
            }
        }
    }
}

async fn catch_up(app: &AppState) -> Result<(), StoreError> {
    loop {
        let begun = Instant::now();
        let mut session = app.sessions.begin().await?;
        let advanced = advance(&mut session).await;
        let advanced = session.settle(advanced).await?;
        match advanced {
            Advanced::To { left: 1.., .. } => pause(begun.elapsed()).await,
            Advanced::To { .. } | Advanced::Busy | Advanced::Unavailable => return Ok(()),
        }
    }
}

async fn pause(worked: Duration) {
    tokio::time::sleep(worked * PAUSE).await;
}
