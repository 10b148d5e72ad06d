//! The service behind PgBouncer in transaction mode, with 8 server connections, beside the same service without it. Each has a database
//! of its own: the commands of one would make the cache of the other stale.

use super::http::Service;
use super::load::{Load, fixture};
use crate::error::Result;
use crate::measure::{CaseResult, alternate};
use crate::server::{Bench, connect, settle};
use phaseline_embedded::testing::{PgBouncer, PoolMode};

/// Left out without PgBouncer.
pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = fixture(bench).await?;
    let (direct_database, direct_targets) = fixture(bench).await?;
    let Some(pooler) = PgBouncer::start(database.url(), PoolMode::Transaction) else {
        let left_out = |name| CaseResult::left_out(name, "", "PgBouncer is missing".to_owned());
        return ["pooler-64", "pooler-64-read"].into_iter().map(left_out).collect();
    };
    let direct = Service::start(direct_database.url()).await?;
    let pooled = Service::start(&pooler.url(database.url())).await?;
    let commands = bench.sizes.commands * 8;
    let [our_meter, their_meter] = bench.meters("pooler-64");
    let [our_reads, their_reads] = bench.meters("pooler-64-read");
    let (mut first, mut direct_first) = (1, 1 << 32);
    let (ours, theirs) = alternate(
        bench.rounds,
        async || {
            settle(&mut connect(database.url()).await?).await?;
            first += commands;
            Ok(pooled
                .run_clients(our_meter, &Load { targets: &targets, clients: 64, commands, first })
                .await?
                .rate())
        },
        async || {
            settle(&mut connect(direct_database.url()).await?).await?;
            direct_first += commands;
            Ok(direct
                .run_clients(
                    their_meter,
                    &Load { targets: &direct_targets, clients: 64, commands, first: direct_first },
                )
                .await?
                .rate())
        },
    )
    .await?;
    let (reads, direct_reads) = alternate(
        bench.rounds,
        async || {
            Ok(pooled
                .run_readers(our_reads, &Load { targets: &targets, clients: 64, commands, first: 1 })
                .await?
                .rate())
        },
        async || {
            Ok(direct
                .run_readers(their_reads, &Load { targets: &direct_targets, clients: 64, commands, first: 1 })
                .await?
                .rate())
        },
    )
    .await?;
    direct.stop().await?;
    pooled.stop().await?;
    let size = format!("{} timelines, {commands} requests a round", targets.len());
    let checked = "every response is 200";
    Ok(vec![
        CaseResult { ours, theirs, ..CaseResult::of("pooler-64", size.clone(), checked)? },
        CaseResult { ours: reads, theirs: direct_reads, ..CaseResult::of("pooler-64-read", size, checked)? },
    ])
}
