//! The service over real sockets: commands beside the same calls in process, and the planner's own routes beside the times
//! of the original service.

mod connection;
mod planner;
mod service;

pub(super) use service::Service;
pub(crate) use service::serve;

use super::commands::{CommandTarget, LoadResult, booked_fixture, fixture, metadata, run_clients, store};
use crate::error::{BenchError, Result};
use crate::measure::{CaseResult, alternate};
use crate::processor_time;
use crate::server::{Bench, connect, settle};
use phaseline_domain::{Neighbours, PhaseChanges, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::ProjectPhases;
use phaseline_store::{Request, TimelineStore};
use rust_decimal::Decimal;

/// Connections of clients.
const CLIENTS: usize = 64;

/// The working days of a year: assignments of a project in `http-64-booked`.
const BOOKED: u64 = 250;

/// The commands, and the planner's own routes.
pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = fixture(bench).await?;
    let mut outcomes = vec![beside_in_process("http-64", bench, &database, &targets).await?];
    let service = Service::start(database.url()).await?;
    outcomes.extend(planner::run(bench, &service, &targets).await?);
    service.stop().await?;
    Ok(outcomes)
}

/// The commands to projects with a year of assignments, which their responses count.
pub(super) async fn booked(bench: &Bench) -> Result<Vec<CaseResult>> {
    let (database, targets) = booked_fixture(bench, BOOKED).await?;
    Ok(vec![beside_in_process("http-64-booked", bench, &database, &targets).await?])
}

async fn beside_in_process(
    case: &str,
    bench: &Bench,
    database: &TestDatabase,
    targets: &[CommandTarget],
) -> Result<CaseResult> {
    let service = Service::start(database.url()).await?;
    let (store, own_pool) = store(database.url()).await?;
    let commands = bench.sizes.commands * 8;
    let (mut first, mut own_first) = (1, 1 << 32);
    let (ours, theirs) = alternate(
        bench.rounds,
        async || {
            settle(&mut connect(database.url()).await?).await?;
            first += commands;
            Ok(service.run_clients(targets, CLIENTS, commands, first).await?.rate)
        },
        async || {
            settle(&mut connect(database.url()).await?).await?;
            own_first += commands;
            Ok(in_process(&store, targets, commands, own_first).await?.rate)
        },
    )
    .await?;
    own_pool.close().await;
    service.stop().await?;
    let note = processor_time(database, targets, commands, first + commands).await?;
    let size = format!("{} timelines, {commands} commands a round, two events each", targets.len());
    Ok(CaseResult { ours, theirs, note, ..CaseResult::of(case, size, "every response is 200")? })
}

/// The same commands without HTTP.
async fn in_process(
    store: &TimelineStore<ProjectPhases>,
    targets: &[CommandTarget],
    commands: u64,
    first: u64,
) -> Result<LoadResult> {
    let store = store.clone();
    run_clients(targets, CLIENTS, commands, first, move |target, n| {
        let store = store.clone();
        async move {
            let changes = PhaseChanges {
                name: Some(format!("Phase {n}")),
                capital_budget: Some(Decimal::from(n)),
                ..PhaseChanges::default()
            };
            let command = TimelineCommand::ChangePhase {
                phase_id: target.phase,
                changes,
                neighbours: Neighbours::Adjust,
            };
            let done = store.submit(Request::new(target.project, command, metadata())).await;
            done.map(|_| ()).map_err(|error| BenchError::Failed(error.to_string()))
        }
    })
    .await
}

/// Where the processor time of a request goes: once more with the service in a process of its own. None if it cannot be measured.
async fn processor_time(
    database: &TestDatabase,
    targets: &[CommandTarget],
    commands: u64,
    first: u64,
) -> Result<Option<String>> {
    let service = Service::start_child(database.url()).await?;
    let mut connection = connect(database.url()).await?;
    // The first commands load the timelines.
    service.run_clients(targets, CLIENTS, commands, first).await?;
    let mut used = async || {
        let of_service = service.process().and_then(processor_time::of_process);
        let of_clients = processor_time::of_process(std::process::id());
        let of_server = processor_time::of_server(&mut connection).await?;
        Ok::<_, BenchError>([of_service, of_clients, of_server])
    };
    let before = used().await?;
    let rate = service.run_clients(targets, CLIENTS, commands, first + commands).await?.rate;
    let after = used().await?;
    service.stop().await?;
    let mut each = before.into_iter().zip(after).map(|(before, after)| {
        let used = after?.checked_sub(before?)?;
        Some(used.as_secs_f64() * 1e6 / commands as f64)
    });
    let (Some(Some(of_service)), Some(Some(of_clients)), Some(Some(of_server))) =
        (each.next(), each.next(), each.next())
    else {
        return Ok(None);
    };
    Ok(Some(format!(
        "in a process of its own {rate:.0} commands/s; processor time of a command: service {of_service:.0} µs, clients \
         {of_clients:.0} µs, database {of_server:.0} µs"
    )))
}
