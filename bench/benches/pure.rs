//! Benchmarks of the pure code: decoding, folding and hashing events. No database, one core.
//!
//! `cargo bench -p phaseline-bench --features criterion`
#![allow(
    missing_docs,
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "the macros of criterion; a benchmark may stop; of the shared modules, not all is used, and no test"
)]

#[path = "../src/error.rs"]
mod error;
#[path = "../src/events.rs"]
mod events;

use chrono::{DateTime, Utc};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use events::{Events, GeneratedEvent};
use phaseline_domain::{Timeline, TimelineEvent};
use phaseline_store::hash;
use std::collections::HashMap;
use std::hint::black_box;
use uuid::Uuid;

/// Enough events to exceed the caches of the processor.
const EVENTS: u64 = 50_000;

fn decoded(made: &GeneratedEvent) -> TimelineEvent {
    let event = &made.event;
    TimelineEvent::from_stored(event.event_type, event.schema_version, &event.payload).unwrap()
}

fn pure(criterion: &mut Criterion) {
    let made = Events::new(1, EVENTS).all().unwrap();
    let events: Vec<(Uuid, TimelineEvent)> =
        made.iter().map(|made| (made.stream.id, decoded(made))).collect();
    let mut group = criterion.benchmark_group("events");
    group.throughput(Throughput::Elements(made.len() as u64)).sample_size(20);

    group.bench_function("make", |bench| bench.iter(|| Events::new(1, EVENTS).all().unwrap()));
    group.bench_function("decode", |bench| {
        bench.iter(|| made.iter().for_each(|made| drop(black_box(decoded(made)))));
    });
    group.bench_function("fold", |bench| {
        bench.iter_batched(
            HashMap::<Uuid, Timeline>::new,
            |mut timelines| {
                for (stream, event) in &events {
                    timelines.entry(*stream).or_default().evolve(event);
                }
                timelines
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("hash", |bench| {
        bench.iter(|| {
            made.iter().zip(1..).fold(hash::GENESIS, |previous, (made, position)| {
                let content = hash::content(&hash::Content {
                    stream_type: made.stream.stream_type,
                    stream_id: made.stream.id,
                    version: made.version,
                    event_id: made.event.event_id,
                    event_type: made.event.event_type,
                    schema_version: made.event.schema_version,
                    payload: made.event.payload.as_bytes(),
                    salt: &[7; 16],
                    metadata: made.metadata.as_bytes(),
                    login: Some("bench"),
                });
                hash::chain(&previous, position, DateTime::<Utc>::MIN_UTC, &content)
            })
        });
    });
    group.finish();
}

criterion_group!(benches, pure);
criterion_main!(benches);
