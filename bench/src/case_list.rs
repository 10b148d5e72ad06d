//! All comparisons.

use crate::case::{Better, Case, CaseUnit, Group};

const RATE: CaseUnit = CaseUnit { name: "events/s", better: Better::More, work: "event" };
const TIME: CaseUnit = CaseUnit { name: "s", better: Better::Less, work: "assignment" };
const MEMORY: CaseUnit = CaseUnit { name: "MiB", better: Better::Less, work: "run" };
const COMMANDS: CaseUnit = CaseUnit { name: "commands/s", better: Better::More, work: "command" };
const LATENCY: CaseUnit = CaseUnit { name: "ms", better: Better::Less, work: "request" };
const READS: CaseUnit = CaseUnit { name: "requests/s", better: Better::More, work: "request" };
const TABLE: &str = "a temporal table of phases, kept by triggers";
const FOLD: &str = "the fold of the log up to the position";
const TOTALS: &str = "the totals, by the fold of the log with both positions";
const INSERT: &str = "pgbench: one INSERT, one commit";
const PEER: &str = "cqrs-es and postgres-es with a view";

/// All cases.
pub(crate) const CASES: &[Case] = &[
    Case::new(
        ("import", Group::Import),
        ("bulk import, hash chain included", "binary COPY of the finished rows, same indexes"),
        RATE,
    )
    .clock(0.7, 0.9)
    .small_processor(0.44),
    Case::new(
        ("rebuild-sql-intact", Group::RebuildSql),
        ("rebuild; the table is right", "set-based SQL into a temporary table, compared both ways"),
        RATE,
    )
    .clock(2.5, 4.0)
    .small_clock(0.7)
    .small_processor(0.31),
    Case::new(
        ("rebuild-sql-lost", Group::RebuildSql),
        ("rebuild; the table is empty", "set-based SQL, INSERT in one transaction"),
        RATE,
    )
    .clock(2.0, 3.0)
    .small_clock(0.35)
    .small_processor(0.26),
    Case::new(
        ("rebuild-copy-intact", Group::RebuildCopy),
        ("rebuild; the table is right", "COPY of the log to nowhere, one reader"),
        RATE,
    )
    .clock(0.6, 0.9)
    .small_clock(0.35)
    .small_processor(0.07),
    Case::new(
        ("rebuild-copy-lost", Group::RebuildCopy),
        ("rebuild; the table is empty", "COPY of the log to nowhere, one reader"),
        RATE,
    )
    .clock(0.35, 0.6)
    // Unoptimised, comparing the events with their hashes takes as long as writing the rows.
    .small_clock(0.12)
    .small_processor(0.06),
    Case::new(
        ("rebuild-replay", Group::RebuildReplay),
        ("rebuild; the table is empty", "QueryReplay of cqrs-es into a postgres-es view"),
        RATE,
    )
    .processor(60.0, 120.0)
    .small_processor(24.0),
    Case::new(
        ("rebuild-scaling", Group::RebuildScaling),
        ("rebuild of five times the log; the table is right", "rebuild of the log itself"),
        RATE,
    )
    .clock(0.85, 0.95),
    Case::new(("verify", Group::Verify), ("verify", "COPY of the log to nowhere, one reader"), RATE)
        .clock(0.4, 0.8)
        .small_clock(0.09)
        .small_processor(0.06),
    Case::new(
        ("portfolio-page", Group::Portfolio),
        ("the first 100 projects by name, wanted in 50 ms", TABLE),
        LATENCY,
    )
    .clock(0.1, 0.3),
    Case::new(("portfolio-page-fold", Group::Portfolio), ("the first 100 projects by name", FOLD), LATENCY)
        .clock(20.0, 50.0)
        .small_clock(3.0)
        .small_processor(7.0),
    Case::new(("portfolio-all", Group::Portfolio), ("all projects by name, wanted in 1 s", TABLE), LATENCY)
        .clock(0.05, 0.2),
    Case::new(("portfolio-fold", Group::Portfolio), ("all projects by name", FOLD), LATENCY)
        .clock(2.0, 4.0)
        .small_clock(0.5)
        .small_processor(4.5),
    Case::new(
        ("portfolio-one", Group::Portfolio),
        ("a timeline of 500 events, wanted in 5 ms", TABLE),
        LATENCY,
    )
    .clock(0.1, 0.3),
    Case::new(("portfolio-one-fold", Group::Portfolio), ("a timeline of 500 events", FOLD), LATENCY)
        .clock(10.0, 30.0),
    Case::new(
        ("diff-near", Group::Portfolio),
        ("changes of 10 000 events: page and totals, wanted in 500 ms", TABLE),
        LATENCY,
    )
    .clock(0.1, 0.3),
    Case::new(
        ("diff-near-fold", Group::Portfolio),
        ("changes of 10 000 events: page and totals", TOTALS),
        LATENCY,
    )
    .clock(5.0, 10.0)
    .small_clock(0.5)
    .small_processor(0.8),
    Case::new(
        ("diff-half", Group::Portfolio),
        ("changes of half of the log: page and totals, wanted in 500 ms", TABLE),
        LATENCY,
    )
    .clock(0.1, 0.3),
    Case::new(
        ("diff-half-fold", Group::Portfolio),
        ("changes of half of the log: page and totals", TOTALS),
        LATENCY,
    )
    .clock(1.5, 4.0)
    .small_clock(0.3)
    .small_processor(0.75),
    Case::new(
        ("diff-whole", Group::Portfolio),
        ("changes of the whole log: page and totals, wanted in 500 ms", TABLE),
        LATENCY,
    )
    .clock(0.1, 0.3),
    Case::new(
        ("diff-whole-fold", Group::Portfolio),
        ("changes of the whole log: page and totals", TOTALS),
        LATENCY,
    )
    .clock(1.5, 4.0)
    .small_clock(0.3)
    .small_processor(0.75),
    Case::new(
        ("command-64-states", Group::Portfolio),
        ("durable commands, 64 clients, while states are stored", "the same without"),
        COMMANDS,
    )
    .clock(0.9, 0.97)
    .small_clock(0.5),
    Case::new(
        ("command-64-temporal", Group::Portfolio),
        (
            "durable commands, 64 clients, while states are stored",
            "the same with a temporal table's triggers",
        ),
        COMMANDS,
    )
    .clock(1.0, 1.5)
    .small_clock(0.5),
    Case::new(("migrate", Group::Migrate), ("migrate", "set-based SQL that keeps the links"), TIME)
        .clock(0.5, 0.9)
        .small_clock(0.09)
        .small_processor(0.05),
    Case::new(("rollback", Group::Migrate), ("rollback", "set-based rewrite from the kept links"), TIME)
        .clock(1.2, 1.6)
        .small_clock(0.35)
        .small_processor(0.17),
    Case::new(("unreadable-up", Group::Migrate), ("longest wait of a reader", "the whole migration"), TIME)
        .clock(20.0, 50.0)
        .small_clock(6.0),
    Case::new(("unreadable-down", Group::Migrate), ("longest wait of a reader", "the whole rollback"), TIME)
        .clock(20.0, 50.0)
        .small_clock(5.0),
    Case::new(
        ("migrate-original", Group::Original),
        ("migrate", "the original's algorithm, row by row"),
        TIME,
    )
    .clock(1.0, 3.0)
    .small_clock(0.1)
    .small_processor(0.035),
    Case::new(
        ("rollback-original", Group::Original),
        ("rollback", "the original's algorithm, row by row"),
        TIME,
    )
    .clock(30.0, 60.0)
    .small_clock(5.0)
    .small_processor(1.7),
    Case::new(
        ("command-1", Group::Commands),
        ("durable commands with their projection, 1 client", PEER),
        COMMANDS,
    )
    .clock(2.0, 3.0)
    .processor(1.14, 2.3)
    .small_clock(1.0)
    .small_processor(0.8),
    Case::new(("command-16", Group::Commands), ("the same, 16 clients", PEER), COMMANDS)
        .clock(6.0, 10.0)
        .processor(10.4, 20.9)
        .small_clock(5.0)
        .small_processor(1.6),
    Case::new(("command-64", Group::Commands), ("the same, 64 clients", PEER), COMMANDS)
        .clock(12.0, 25.0)
        .processor(20.4, 40.8)
        .small_clock(10.0)
        .small_processor(10.0),
    Case::new(
        ("command-1-insert", Group::Commands),
        ("durable commands with their projection, 1 client", INSERT),
        COMMANDS,
    )
    .clock(0.35, 0.6)
    .small_clock(0.06)
    .small_processor(0.08),
    Case::new(
        ("command-64-insert", Group::Commands),
        ("durable commands with their projection, 64 clients", INSERT),
        COMMANDS,
    )
    .clock(1.2, 2.5)
    .small_clock(1.0)
    .small_processor(1.8),
    Case::new(
        ("command-64-disintegrate", Group::Commands),
        (
            "durable commands with their projection, 64 clients",
            "disintegrate-postgres 4 without a read model",
        ),
        COMMANDS,
    )
    .clock(15.0, 50.0),
    Case::new(("command-64-p99", Group::Commands), ("99 of 100 commands, 64 clients", PEER), LATENCY)
        .clock(3.0, 8.0),
    Case::new(("command-hot", Group::Hot), ("commands to a timeline of a long history", PEER), COMMANDS)
        .clock(10.0, 15.0)
        // A fifth of the history, since the peer reads the whole stream for every command.
        .small_clock(8.0)
        .small_processor(6.0),
    Case::new(
        ("command-hot-flat", Group::Hot),
        ("commands to a timeline of a long history", "the same around its 100th command"),
        COMMANDS,
    )
    .clock(0.8, 1.0),
    Case::new(
        ("http-64", Group::Http),
        ("durable commands through HTTP, 64 connections", "the same commands in process"),
        COMMANDS,
    )
    .clock(0.75, 0.9)
    .small_clock(0.5)
    .small_processor(0.26),
    Case::new(
        ("http-64-booked", Group::HttpBooked),
        ("the same to projects with a year of assignments", "the same commands in process"),
        COMMANDS,
    )
    .clock(0.75, 0.9)
    .small_clock(0.5)
    .small_processor(0.19),
    Case::new(
        ("http-validate", Group::Http),
        ("validate 50 phases, median", "the original service, as published"),
        LATENCY,
    )
    .clock(3.0, 10.0)
    .small_clock(1.0),
    Case::new(
        ("http-list", Group::Http),
        ("list 50 phases, median", "the original service, as published"),
        LATENCY,
    )
    .clock(3.0, 10.0)
    .small_clock(1.0),
    Case::new(
        ("http-batch", Group::Http),
        ("save 50 phases, all changed, median", "the original service, as published"),
        LATENCY,
    )
    .clock(20.0, 60.0),
    Case::new(
        ("pooler-64", Group::Pooler),
        ("durable commands through HTTP, 64 connections, behind PgBouncer", "the same without it"),
        COMMANDS,
    )
    .clock(0.85, 0.95),
    Case::new(
        ("pooler-64-read", Group::Pooler),
        ("lists of phases through HTTP, 64 connections, behind PgBouncer", "the same without it"),
        READS,
    )
    .clock(0.85, 0.95),
    Case::new(("memory-rebuild", Group::Memory), ("peak memory of rebuild", "512 MiB"), MEMORY)
        .clock(1.0, 2.0),
    Case::new(
        ("memory-rebuild-lost", Group::Memory),
        ("peak memory of rebuild; the table is empty", "512 MiB"),
        MEMORY,
    )
    .clock(1.0, 2.0),
    Case::new(("memory-verify", Group::Memory), ("peak memory of verify", "512 MiB"), MEMORY).clock(1.0, 2.0),
    Case::new(("memory-migrate", Group::Growth), ("peak memory of migrate", "512 MiB"), MEMORY)
        .clock(1.0, 2.0),
    Case::new(("memory-rollback", Group::Growth), ("peak memory of rollback", "512 MiB"), MEMORY)
        .clock(1.0, 2.0),
    Case::new(
        ("unreadable-up-growth", Group::Growth),
        (
            "longest wait of a reader of a migration of several times the assignments",
            "the same of the assignments themselves",
        ),
        TIME,
    )
    .clock(0.667, 1.0),
    Case::new(
        ("unreadable-down-growth", Group::Growth),
        (
            "longest wait of a reader of a rollback of several times the assignments",
            "the same of the assignments themselves",
        ),
        TIME,
    )
    .clock(0.667, 1.0),
    Case::new(
        ("memory-migrate-growth", Group::Growth),
        (
            "peak memory of migrate with several times the assignments",
            "the same with the assignments themselves",
        ),
        MEMORY,
    )
    .clock(0.667, 0.909),
    Case::new(
        ("memory-verify-growth", Group::Growth),
        (
            "peak memory of verify with several times the assignments",
            "the same with the assignments themselves",
        ),
        MEMORY,
    )
    .clock(0.667, 0.909),
    Case::new(
        ("memory-rebuild-growth", Group::Growth),
        (
            "peak memory of rebuild with several times the assignments",
            "the same with the assignments themselves",
        ),
        MEMORY,
    )
    .clock(0.667, 0.909),
    Case::new(
        ("memory-rollback-growth", Group::Growth),
        (
            "peak memory of rollback with several times the assignments",
            "the same with the assignments themselves",
        ),
        MEMORY,
    )
    .clock(0.667, 0.909),
    Case::new(
        ("command-1-emmett", Group::Peers),
        ("durable commands with their projection, 1 client", "Emmett on Node.js, with an inline projection"),
        COMMANDS,
    ),
    Case::new(
        ("command-16-emmett", Group::Peers),
        ("the same, 16 clients", "Emmett on Node.js, with an inline projection"),
        COMMANDS,
    ),
    Case::new(
        ("command-64-emmett", Group::Peers),
        ("the same, 64 clients", "Emmett on Node.js, with an inline projection"),
        COMMANDS,
    ),
    Case::new(
        ("command-1-eventsourcing", Group::Peers),
        (
            "durable commands with their projection, 1 client",
            "eventsourcing on Python, with a row in its transaction",
        ),
        COMMANDS,
    ),
    Case::new(
        ("command-16-eventsourcing", Group::Peers),
        ("the same, 16 clients", "eventsourcing on Python, with a row in its transaction"),
        COMMANDS,
    ),
    Case::new(
        ("command-64-eventsourcing", Group::Peers),
        ("the same, 64 clients", "eventsourcing on Python, with a row in its transaction"),
        COMMANDS,
    ),
];

/// The case of that name.
pub(crate) fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}
