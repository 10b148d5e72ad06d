//! The log of most cases.

use super::temporal;
use crate::error::Result;
use crate::events::Events;
use crate::log::Log;
use crate::server::{Bench, connect, number, run as execute, settle};
use phaseline_store::timeline_states::remake;

/// Commands to each project, which are 100 events.
const STEPS: usize = 92;

/// A large log with its states, and the temporal table beside it.
pub(super) struct Portfolio {
    pub(super) log: Log,
    pub(super) size: String,
    pub(super) note: String,
}

impl Portfolio {
    pub(super) async fn create(bench: &Bench) -> Result<Self> {
        let log = Log::of(bench, Events::new(1, bench.sizes.portfolio).lasting(STEPS)).await?;
        let mut connection = connect(log.url()).await?;
        let (states, spent) = bench
            .meter()
            .timed(async { Ok(remake(&mut connection, |_, _| ()).await?.unwrap_or_default()) })
            .await?;
        execute(&mut connection, "VACUUM (FREEZE, ANALYZE) phaseline.timeline_states").await?;
        temporal::fill(log.url()).await?;
        let mut mebibytes = async |table: &str| {
            let query = format!("SELECT pg_total_relation_size('{table}') / 1048576");
            number(&mut connection, &query).await
        };
        let [states_size, log_size, table_size] = [
            mebibytes("phaseline.timeline_states").await?,
            mebibytes("phaseline.events").await?,
            mebibytes("public.phase_history").await?,
        ];
        let note = format!(
            "{states} states of {states_size} MiB made in {:.1} s; the log has {log_size} MiB, the temporal table {table_size} MiB",
            spent.clock.as_secs_f64()
        );
        let projects = number(&mut connection, "SELECT count(*) FROM public.projects").await?;
        let size = format!("{projects} projects, {}", log.size());
        settle(&mut connection).await?;
        Ok(Self { log, size, note })
    }
}
