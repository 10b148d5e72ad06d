//! The cases: both sides of the comparison, and the wanted ratio.

/// Whether a larger figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Rates: the ratio is ours over theirs.
    More,
    /// Times and bytes: the ratio is theirs over ours.
    Less,
}

/// Cases that share their runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Import,
    RebuildSql,
    RebuildCopy,
    RebuildReplay,
    Verify,
    Portfolio,
    RebuildScaling,
    Migrate,
    Original,
    Commands,
    Hot,
    Http,
    HttpBooked,
    Pooler,
    Memory,
}

impl Group {
    /// All cases, in the order in which they run.
    pub(crate) const ALL: [Self; 15] = [
        Self::Import,
        Self::RebuildSql,
        Self::RebuildCopy,
        Self::RebuildReplay,
        Self::Verify,
        Self::Portfolio,
        Self::RebuildScaling,
        Self::Migrate,
        Self::Original,
        Self::Commands,
        Self::Hot,
        Self::Http,
        Self::HttpBooked,
        Self::Pooler,
        Self::Memory,
    ];
}

/// One comparison.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// The required ratio.
    pub(crate) at_least: f64,
    /// The target ratio.
    pub(crate) aim: f64,
    /// The required ratio at small sizes in the profile of the tests, found by running them: the fixed costs of a run (catalogues, journal,
    /// locks) outweigh the costs per row, and the code is not optimised.
    small: Option<f64>,
}

impl Case {
    /// The required ratio at these sizes.
    pub(crate) fn wanted(&self, small: bool) -> f64 {
        self.small.filter(|_| small).unwrap_or(self.at_least)
    }

    const fn small(self, wanted: f64) -> Self {
        Self { small: Some(wanted), ..self }
    }
}

const fn case(
    (name, group): (&'static str, Group),
    (ours, theirs): (&'static str, &'static str),
    (unit, better): (&'static str, Better),
    (at_least, aim): (f64, f64),
) -> Case {
    Case { name, group, ours, theirs, unit, better, at_least, aim, small: None }
}

const RATE: (&str, Better) = ("events/s", Better::More);
const TIME: (&str, Better) = ("s", Better::Less);
const MEMORY: (&str, Better) = ("MiB", Better::Less);
const COMMANDS: (&str, Better) = ("commands/s", Better::More);
const LATENCY: (&str, Better) = ("ms", Better::Less);
const TABLE: &str = "a temporal table of phases, kept by triggers";
const FOLD: &str = "the fold of the log up to the position";
const TOTALS: &str = "the totals, by the fold of the log with both positions";
const PEER: &str = "cqrs-es and postgres-es with a view";

/// All cases.
pub(crate) const CASES: [Case; 47] = [
    case(
        ("import", Group::Import),
        ("bulk import, hash chain included", "binary COPY of the finished rows, same indexes"),
        RATE,
        (0.7, 0.9),
    ),
    case(
        ("rebuild-sql-intact", Group::RebuildSql),
        ("rebuild; the table is right", "set-based SQL into a temporary table, compared both ways"),
        RATE,
        (1.5, 2.5),
    )
    .small(0.7),
    case(
        ("rebuild-sql-lost", Group::RebuildSql),
        ("rebuild; the table is empty", "set-based SQL, INSERT in one transaction"),
        RATE,
        (1.5, 2.5),
    )
    .small(0.35),
    case(
        ("rebuild-copy-intact", Group::RebuildCopy),
        ("rebuild; the table is right", "COPY of the log to nowhere, one reader"),
        RATE,
        (0.35, 0.6),
    ),
    case(
        ("rebuild-copy-lost", Group::RebuildCopy),
        ("rebuild; the table is empty", "COPY of the log to nowhere, one reader"),
        RATE,
        (0.35, 0.6),
    )
    // Unoptimised, comparing the events with their hashes takes as long as writing the rows.
    .small(0.12),
    case(
        ("rebuild-replay", Group::RebuildReplay),
        ("rebuild; the table is empty", "QueryReplay of cqrs-es into a postgres-es view"),
        RATE,
        (300.0, 700.0),
    )
    .small(80.0),
    case(
        ("rebuild-scaling", Group::RebuildScaling),
        ("rebuild of five times the log; the table is right", "rebuild of the log itself"),
        RATE,
        (0.85, 0.95),
    ),
    case(("verify", Group::Verify), ("verify", "COPY of the log to nowhere, one reader"), RATE, (0.2, 0.5))
        .small(0.09),
    case(
        ("portfolio-page", Group::Portfolio),
        ("the first 100 projects by name, wanted in 50 ms", TABLE),
        LATENCY,
        (0.1, 0.3),
    ),
    case(
        ("portfolio-page-fold", Group::Portfolio),
        ("the first 100 projects by name", FOLD),
        LATENCY,
        (20.0, 50.0),
    )
    .small(3.0),
    case(
        ("portfolio-all", Group::Portfolio),
        ("all projects by name, wanted in 1 s", TABLE),
        LATENCY,
        (0.05, 0.2),
    ),
    case(("portfolio-fold", Group::Portfolio), ("all projects by name", FOLD), LATENCY, (2.0, 4.0))
        .small(0.5),
    case(
        ("portfolio-one", Group::Portfolio),
        ("a timeline of 500 events, wanted in 5 ms", TABLE),
        LATENCY,
        (0.1, 0.3),
    ),
    case(("portfolio-one-fold", Group::Portfolio), ("a timeline of 500 events", FOLD), LATENCY, (10.0, 30.0)),
    case(
        ("diff-near", Group::Portfolio),
        ("changes of 10 000 events: page and totals, wanted in 500 ms", TABLE),
        LATENCY,
        (0.1, 0.3),
    ),
    case(
        ("diff-near-fold", Group::Portfolio),
        ("changes of 10 000 events: page and totals", TOTALS),
        LATENCY,
        (5.0, 10.0),
    )
    .small(0.5),
    case(
        ("diff-half", Group::Portfolio),
        ("changes of half of the log: page and totals, wanted in 500 ms", TABLE),
        LATENCY,
        (0.1, 0.3),
    ),
    case(
        ("diff-half-fold", Group::Portfolio),
        ("changes of half of the log: page and totals", TOTALS),
        LATENCY,
        (1.5, 4.0),
    )
    .small(0.3),
    case(
        ("diff-whole", Group::Portfolio),
        ("changes of the whole log: page and totals, wanted in 500 ms", TABLE),
        LATENCY,
        (0.1, 0.3),
    ),
    case(
        ("diff-whole-fold", Group::Portfolio),
        ("changes of the whole log: page and totals", TOTALS),
        LATENCY,
        (1.5, 4.0),
    )
    .small(0.3),
    case(
        ("command-64-states", Group::Portfolio),
        ("durable commands, 64 clients, while states are stored", "the same without"),
        COMMANDS,
        (0.9, 0.97),
    )
    .small(0.5),
    case(
        ("command-64-temporal", Group::Portfolio),
        (
            "durable commands, 64 clients, while states are stored",
            "the same with a temporal table's triggers",
        ),
        COMMANDS,
        (1.0, 1.5),
    )
    .small(0.5),
    case(("migrate", Group::Migrate), ("migrate", "set-based SQL that keeps the links"), TIME, (0.25, 0.5))
        .small(0.09),
    case(
        ("rollback", Group::Migrate),
        ("rollback", "set-based rewrite from the kept links"),
        TIME,
        (1.0, 1.5),
    )
    .small(0.35),
    case(
        ("unreadable-up", Group::Migrate),
        ("longest wait of a reader", "the whole migration"),
        TIME,
        (10.0, 50.0),
    )
    .small(6.0),
    case(
        ("unreadable-down", Group::Migrate),
        ("longest wait of a reader", "the whole rollback"),
        TIME,
        (10.0, 50.0),
    )
    .small(5.0),
    case(
        ("migrate-original", Group::Original),
        ("migrate", "the original's algorithm, row by row"),
        TIME,
        (3.0, 10.0),
    )
    .small(0.1),
    case(
        ("rollback-original", Group::Original),
        ("rollback", "the original's algorithm, row by row"),
        TIME,
        (30.0, 60.0),
    )
    .small(5.0),
    case(
        ("command-1", Group::Commands),
        ("durable commands with their projection, 1 client", PEER),
        COMMANDS,
        (2.0, 3.0),
    ),
    case(("command-16", Group::Commands), ("the same, 16 clients", PEER), COMMANDS, (5.0, 8.0)),
    case(("command-64", Group::Commands), ("the same, 64 clients", PEER), COMMANDS, (10.0, 15.0)),
    case(
        ("command-64-insert", Group::Commands),
        ("durable commands with their projection, 64 clients", "pgbench: one INSERT, one commit"),
        COMMANDS,
        (1.0, 1.5),
    ),
    case(("command-64-p99", Group::Commands), ("99 of 100 commands, 64 clients", PEER), LATENCY, (3.0, 8.0)),
    case(
        ("command-hot", Group::Hot),
        ("commands to a timeline of a long history", PEER),
        COMMANDS,
        (10.0, 15.0),
    )
    // A fifth of the history, since the peer reads the whole stream for every command.
    .small(8.0),
    case(
        ("command-hot-flat", Group::Hot),
        ("commands to a timeline of a long history", "the same around its 100th command"),
        COMMANDS,
        (0.8, 1.0),
    ),
    case(
        ("http-64", Group::Http),
        ("durable commands through HTTP, 64 connections", "the same commands in process"),
        COMMANDS,
        (0.75, 0.9),
    )
    .small(0.5),
    case(
        ("http-64-booked", Group::HttpBooked),
        ("the same to projects with a year of assignments", "the same commands in process"),
        COMMANDS,
        (0.75, 0.9),
    )
    .small(0.5),
    case(
        ("http-validate", Group::Http),
        ("validate 50 phases, median", "the original service, as published"),
        LATENCY,
        (3.0, 10.0),
    ),
    case(
        ("http-list", Group::Http),
        ("list 50 phases, median", "the original service, as published"),
        LATENCY,
        (3.0, 10.0),
    ),
    case(
        ("http-batch", Group::Http),
        ("save 50 phases, all changed, median", "the original service, as published"),
        LATENCY,
        (20.0, 60.0),
    ),
    case(
        ("pooler-64", Group::Pooler),
        ("durable commands through HTTP, 64 connections, behind PgBouncer", "the same without it"),
        COMMANDS,
        (0.85, 0.95),
    ),
    case(
        ("pooler-64-read", Group::Pooler),
        ("lists of phases through HTTP, 64 connections, behind PgBouncer", "the same without it"),
        ("requests/s", Better::More),
        (0.85, 0.95),
    ),
    case(("memory-migrate", Group::Memory), ("peak memory of migrate", "512 MiB"), MEMORY, (1.0, 2.0)),
    case(("memory-rollback", Group::Memory), ("peak memory of rollback", "512 MiB"), MEMORY, (1.0, 2.0)),
    case(("memory-rebuild", Group::Memory), ("peak memory of rebuild", "512 MiB"), MEMORY, (1.0, 2.0)),
    case(
        ("memory-rebuild-lost", Group::Memory),
        ("peak memory of rebuild; the table is empty", "512 MiB"),
        MEMORY,
        (1.0, 2.0),
    ),
    case(("memory-verify", Group::Memory), ("peak memory of verify", "512 MiB"), MEMORY, (1.0, 2.0)),
];

/// The case of that name.
pub(crate) fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}
