//! Valid and invalid arguments of `phaseline.append`.

use chrono::{Days, NaiveDate};
use phaseline_domain::{
    Neighbours, PhaseDraft, PhaseId, ProjectId, Timeline, TimelineCommand, TimelineEvent, decide,
};
use phaseline_tests::random::SeededRandom;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// The current state of a project.
#[derive(Clone, Debug)]
pub(super) struct ProjectState {
    pub(super) project: ProjectId,
    pub(super) version: i64,
    pub(super) timeline: Timeline,
    /// The events that adopt its rows, if the log does not have it.
    pub(super) adoption: Vec<TimelineEvent>,
}

type List<T> = Option<Vec<Option<T>>>;

/// The arguments; each may be NULL or contain NULL.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    stream_types: List<String>,
    streams: List<Uuid>,
    expected: List<i64>,
    events: List<i32>,
    metadata: List<String>,
    witnesses: List<String>,
    ids: List<Uuid>,
    types: List<String>,
    schema_versions: List<i32>,
    payloads: List<String>,
    salts: List<Vec<u8>>,
    places: List<String>,
    scopes: List<String>,
    keys: List<String>,
    fingerprints: List<Vec<u8>>,
    first_days: List<NaiveDate>,
    last_days: List<NaiveDate>,
}

fn push<T>(list: &mut List<T>, value: T) {
    list.get_or_insert_default().push(Some(value));
}

impl Arguments {
    /// One command with one event, as the program sends it.
    pub(super) fn one(known: &ProjectState, event_type: &str, payload: String) -> Self {
        let mut arguments = Self::default();
        arguments.command(known.project.uuid(), known.version, &[(event_type.to_owned(), payload)]);
        arguments
    }

    fn command(&mut self, stream: Uuid, expected: i64, events: &[(String, String)]) {
        push(&mut self.stream_types, "Timeline".to_owned());
        push(&mut self.streams, stream);
        push(&mut self.expected, expected);
        push(&mut self.events, i32::try_from(events.len()).unwrap());
        push(&mut self.metadata, r#"{"actor":"ceo@board"}"#.to_owned());
        for (event_type, payload) in events {
            push(&mut self.ids, Uuid::now_v7());
            push(&mut self.types, event_type.clone());
            push(&mut self.schema_versions, 1);
            push(&mut self.payloads, payload.clone());
            push(&mut self.salts, Uuid::new_v4().as_bytes().to_vec());
        }
    }

    /// Up to four commands that are usually valid, and then perhaps a change of the arguments.
    pub(super) fn random(random: &mut SeededRandom, known: &[ProjectState]) -> Self {
        let mut arguments = Self::usual(random, known, 50);
        if random.hits(25) {
            (0..=random.below(2)).for_each(|_| arguments.corrupt(random));
        }
        arguments
    }

    /// Up to four commands that are usually valid; so many of 100 are for the timeline of the one before.
    pub(super) fn usual(random: &mut SeededRandom, known: &[ProjectState], together: u64) -> Self {
        let mut arguments = Self::default();
        let mut now = known.to_vec();
        let mut last: Option<usize> = None;
        for _ in 0..=random.below(3) {
            let at = match last {
                Some(last) if random.hits(together) => last,
                _ => random.below(now.len() as u64) as usize,
            };
            last = Some(at);
            let events = events(random, &now, at);
            let one = &mut now[at];
            let stream = if random.hits(2) { Uuid::new_v4() } else { one.project.uuid() };
            let expected = if random.hits(6) { one.version - 1 } else { one.version };
            let stored: Vec<(String, String)> =
                events.iter().map(|event| (event.type_name().to_owned(), event.payload().unwrap())).collect();
            arguments.command(stream, expected, &stored);
            one.version += stored.len() as i64;
            events.iter().for_each(|event| one.timeline.evolve(event));
        }
        if random.hits(30) {
            let commands = arguments.streams.as_ref().map_or(0, Vec::len);
            for _ in 0..commands {
                // None, used before by chance, that of the command before, or new.
                let last = arguments.keys.iter().flatten().next_back().cloned().flatten();
                let key = match (random.below(6), last) {
                    (0, _) => None,
                    (1, _) => Some(format!("key {}", random.below(20))),
                    (2, Some(last)) => Some(last),
                    _ => Some(format!("key {}", random.below(1_000_000))),
                };
                let scope = key.is_some().then(|| "ann".to_owned());
                let fingerprint = key.is_some().then(|| vec![random.below(2) as u8; 32]);
                arguments.scopes.get_or_insert_default().push(scope);
                arguments.keys.get_or_insert_default().push(key);
                arguments.fingerprints.get_or_insert_default().push(fingerprint);
            }
        }
        if random.hits(50) {
            for stream in arguments.streams.iter().flatten().flatten() {
                let project = known.iter().find(|one| one.project.uuid() == *stream);
                let range = project.and_then(|one| one.timeline.range()).filter(|_| random.hits(95));
                let by = Days::new(random.below(40) / 39);
                arguments.first_days.get_or_insert_default().push(range.map(|range| range.start() + by));
                arguments.last_days.get_or_insert_default().push(range.map(|range| range.end()));
            }
        }
        arguments
    }

    /// The same, and a command without events to a timeline of no other command; none if there is no such timeline.
    pub(super) fn with_an_empty_command(&self, known: &[ProjectState]) -> Option<Self> {
        let named =
            |one: &ProjectState| self.streams.iter().flatten().any(|it| *it == Some(one.project.uuid()));
        let other = known.iter().find(|one| !named(one))?;
        let mut more = self.clone();
        more.command(other.project.uuid(), other.version, &[]);
        more.scopes.iter_mut().chain(&mut more.keys).for_each(|list| list.push(None));
        more.fingerprints.iter_mut().for_each(|list| list.push(None));
        more.first_days.iter_mut().chain(&mut more.last_days).for_each(|list| list.push(None));
        Some(more)
    }

    /// The numbers of commands and of events.
    pub(super) fn extent(&self) -> (usize, usize) {
        let count = self.streams.as_ref().map_or(0, Vec::len);
        (count, self.ids.as_ref().map_or(0, Vec::len))
    }

    /// Whether each command has events, and a timeline of its own.
    pub(super) fn are_apart(&self) -> bool {
        let streams: HashSet<_> = self.streams.iter().flatten().collect();
        streams.len() == self.extent().0 && self.events.iter().flatten().all(|events| *events > Some(0))
    }

    pub(super) const fn have_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// One command with one event, usually of a kind that has a function of its own, and then perhaps a change of the arguments.
    pub(super) fn random_single(random: &mut SeededRandom, known: &[ProjectState]) -> Self {
        let mut arguments = Self::default();
        let one = &known[random.below(known.len() as u64) as usize];
        let foreign = &known[random.below(known.len() as u64) as usize];
        let phases = if random.hits(5) { foreign.timeline.phases() } else { one.timeline.phases() };
        let phase = random.one_of(phases).map(|phase| phase.id);
        let phase = phase.filter(|_| !random.hits(3)).unwrap_or_else(PhaseId::random);
        let id = format!(r#""phase_id":"{phase}""#);
        let event = match random.below(8) {
            0 => ("PhaseDescribed", format!(r#"{{{id},"description":null}}"#)),
            1 => (
                "PhaseDescribed",
                format!(r#"{{{id},"description":"{}"}}"#, "é\\n".repeat(random.below(260) as usize)),
            ),
            2 | 3 => {
                let (capital, expense) = match random.below(12) {
                    0 => ("-0.01".to_owned(), "5.00".to_owned()),
                    1 => ("9999999999999.99".to_owned(), "0.01".to_owned()),
                    2 => ("9999999999999.98".to_owned(), "0.01".to_owned()),
                    _ => (format!("{}.00", random.below(3)), format!("{}.10", random.below(9_999_999))),
                };
                (
                    "PhaseBudgeted",
                    format!(r#"{{{id},"capital_budget":"{capital}","expense_budget":"{expense}"}}"#),
                )
            }
            4 => ("PhaseRemoved", format!("{{{id}}}")),
            _ => {
                let name = match random.below(12) {
                    length @ 0..3 => "é".repeat(99 + length as usize),
                    _ => random.pick(["A", "é\u{202e}", " ", "\\\"q\\\"", "\u{3000}x", ""]).to_owned(),
                };
                ("PhaseRenamed", format!(r#"{{{id},"name":"{name}"}}"#))
            }
        };
        let expected = if random.hits(10) { one.version + random.within(-1, 1) } else { one.version };
        let stream = if random.hits(2) { Uuid::new_v4() } else { one.project.uuid() };
        arguments.command(stream, expected, &[(event.0.to_owned(), event.1)]);
        let range = one.timeline.range().filter(|_| random.hits(95));
        let by = Days::new(random.below(20) / 19);
        arguments.first_days = Some(vec![range.map(|range| range.start() + by)]);
        arguments.last_days = Some(vec![range.map(|range| range.end())]);
        if random.hits(25) {
            arguments.corrupt(random);
        }
        arguments
    }

    /// Whether these are the arguments of one event without anything that `phaseline.append_event` does not take.
    pub(super) fn is_single(&self) -> bool {
        fn one<T>(list: &List<T>) -> bool {
            list.as_ref().is_some_and(|list| list.len() == 1)
        }
        one(&self.stream_types)
            && self.stream_types.as_ref().is_some_and(|types| types[0].as_deref() == Some("Timeline"))
            && self.schema_versions == Some(vec![Some(1)])
            && self.events == Some(vec![Some(1)])
            && [
                one(&self.streams),
                one(&self.expected),
                one(&self.metadata),
                one(&self.ids),
                one(&self.types),
            ]
            .iter()
            .all(|one| *one)
            && [one(&self.payloads), one(&self.salts), one(&self.first_days), one(&self.last_days)]
                .iter()
                .all(|one| *one)
            && [self.witnesses.is_none(), self.places.is_none(), self.scopes.is_none(), self.keys.is_none()]
                .iter()
                .all(|none| *none)
            && self.fingerprints.is_none()
    }

    /// Calls the function for one event; its verdict.
    pub(super) async fn call_event(&self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        fn first<T>(list: &List<T>) -> Option<&T> {
            list.as_ref()?.first()?.as_ref()
        }
        sqlx::query_scalar("SELECT verdict FROM phaseline.append_event($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(first(&self.streams))
            .bind(first(&self.expected))
            .bind(first(&self.metadata))
            .bind(first(&self.ids))
            .bind(first(&self.types))
            .bind(first(&self.payloads))
            .bind(first(&self.salts))
            .bind(first(&self.first_days))
            .bind(first(&self.last_days))
            .fetch_one(connection)
            .await
    }

    fn corrupt(&mut self, random: &mut SeededRandom) {
        let odd = [
            "",
            "{}",
            "5",
            "[]",
            "null",
            "{\"a\":1}",
            "\\u0000",
            "{\"phase_id\":\"x\"}",
            "'",
            "}},{{",
            "\u{202e}",
        ];
        let payload = |random: &mut SeededRandom, text: &str| match random.below(4) {
            0 => random.pick(odd).to_owned(),
            1 => format!("{text} "),
            2 => text.replacen(':', ": ", 1),
            _ => {
                let at = random.below(text.chars().count().max(1) as u64) as usize;
                let junk = random.pick(["\\", "\"", "\\u0000", "\\ud800", "}", ",\"name\":\"x\"", "é", "0"]);
                text.chars().take(at).chain(junk.chars()).chain(text.chars().skip(at + 1)).collect()
            }
        };
        match random.below(24) {
            0 => lengths(random, &mut self.streams),
            1 => lengths(random, &mut self.expected),
            2 => lengths(random, &mut self.events),
            3 => lengths(random, &mut self.ids),
            4 => lengths(random, &mut self.types),
            5 => lengths(random, &mut self.salts),
            6 => lengths(random, &mut self.metadata),
            7 => lengths(random, &mut self.payloads),
            8 => change(random, &mut self.events, |random, count| count + random.within(-2, 2) as i32),
            9 => change(random, &mut self.expected, |random, _| random.within(-3, 9)),
            10 => change(random, &mut self.types, |random, _| {
                random
                    .pick([
                        "PhaseExploded",
                        "TimelineClosed",
                        "PhaseAdopted",
                        "TimelineOpened",
                        "PhaseRemoved",
                    ])
                    .to_owned()
            }),
            11 => change(random, &mut self.schema_versions, |random, _| random.within(-1, 3) as i32),
            12 => change(random, &mut self.payloads, |random, text| payload(random, &text)),
            13 => change(random, &mut self.metadata, |random, text| payload(random, &text)),
            // It may have been cut before.
            14 => change(random, &mut self.salts, |random, mut salt| {
                salt.truncate(random.below(16) as usize);
                salt
            }),
            15 => {
                let events = self.ids.as_ref().map_or(0, Vec::len);
                let places = [
                    Some("(0,1)".to_owned()),
                    Some("(4294967295,1)".to_owned()),
                    Some("here".to_owned()),
                    None,
                ];
                self.places = Some((0..events).map(|_| random.pick(places.clone())).collect());
            }
            16 => change(random, &mut self.stream_types, |random, _| {
                random.pick(["MigrationRun", "LegacyLinks", "SkippedEvents", "timeline", ""]).to_owned()
            }),
            21 => lengths(random, &mut self.first_days),
            22 => lengths(random, &mut self.last_days),
            17 => lengths(random, &mut self.scopes),
            18 => lengths(random, &mut self.keys),
            19 => lengths(random, &mut self.fingerprints),
            20 => change(random, &mut self.fingerprints, |random, print| {
                print[..random.below(32) as usize].to_vec()
            }),
            _ => {
                let commands = self.streams.as_ref().map_or(0, Vec::len);
                self.witnesses = Some(vec![Some(random.pick(odd).to_owned()); commands]);
            }
        }
    }

    /// Calls the function; the verdicts, without the projection's row.
    pub(super) async fn call(&self, connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        self.call_for(connection, "verdict").await
    }

    /// The same with all that the function returns of each command.
    pub(super) async fn call_in_full(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<String>, sqlx::Error> {
        let all = "format('%s %s %s %s %s', verdict, stream_version, last_position, at, earlier_events)";
        self.call_for(connection, all).await
    }

    async fn call_for(
        &self,
        connection: &mut PgConnection,
        columns: &str,
    ) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar(&format!(
            "SELECT {columns} FROM phaseline.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                 $16, $17)
              WHERE command > 0",
        ))
        .bind(&self.stream_types)
        .bind(&self.streams)
        .bind(&self.expected)
        .bind(&self.events)
        .bind(&self.metadata)
        .bind(&self.witnesses)
        .bind(&self.ids)
        .bind(&self.types)
        .bind(&self.schema_versions)
        .bind(&self.payloads)
        .bind(&self.salts)
        .bind(&self.places)
        .bind(&self.scopes)
        .bind(&self.keys)
        .bind(&self.fingerprints)
        .bind(&self.first_days)
        .bind(&self.last_days)
        .fetch_all(connection)
        .await
    }
}

/// One element more, one less, a NULL in place of one, or an empty array.
fn lengths<T: Clone>(random: &mut SeededRandom, list: &mut List<T>) {
    let Some(values) = list else { return };
    match random.below(4) {
        0 => drop(values.pop()),
        1 => values.extend(values.last().cloned()),
        2 => {
            let at = random.below(values.len() as u64) as usize;
            if let Some(value) = values.get_mut(at) {
                *value = None;
            }
        }
        _ => *list = None,
    }
}

fn change<T: Clone>(random: &mut SeededRandom, list: &mut List<T>, new: impl Fn(&mut SeededRandom, T) -> T) {
    let Some(values) = list else { return };
    let at = random.below(values.len() as u64) as usize;
    if let Some(Some(value)) = values.get_mut(at) {
        *value = new(random, value.clone());
    }
}

/// Events for the project: those of a command, or arbitrary ones of existing or unknown phases.
fn events(random: &mut SeededRandom, known: &[ProjectState], at: usize) -> Vec<TimelineEvent> {
    let one = &known[at];
    if random.hits(8) {
        return Vec::new();
    }
    let command = command(random, one);
    let mut events = match command.map(|command| decide(&one.timeline, &command)) {
        _ if one.version == 0 && random.hits(50) => one.adoption.clone(),
        Some(Ok(events)) => events,
        _ => Vec::new(),
    };
    // Without its neighbours, in another order, twice, about the phases of others.
    match random.below(10) {
        0 => drop(events.pop()),
        1 => events.reverse(),
        2 => events.extend(events.clone()),
        3 => {
            let foreign = &known[random.below(known.len() as u64) as usize];
            if let Some(command) = self::command(random, foreign)
                && let Ok(others) = decide(&foreign.timeline, &command)
            {
                events.extend(others);
            }
        }
        4 => {
            if let Some(event) = events.first().cloned() {
                events.insert(0, event);
            }
        }
        _ => {}
    }
    events
}

fn command(random: &mut SeededRandom, known: &ProjectState) -> Option<TimelineCommand> {
    let timeline = &known.timeline;
    let Some(range) = timeline.range() else {
        let range =
            phaseline_domain::DateRange::new("2025-01-01".parse().ok()?, "2025-12-31".parse().ok()?).ok()?;
        return Some(TimelineCommand::Open {
            project_id: known.project,
            range,
            default_phase_id: PhaseId::random(),
        });
    };
    let phase = random.one_of(timeline.phases())?;
    let (phase_id, neighbours) = (phase.id, Neighbours::Adjust);
    let days = |random: &mut SeededRandom| Days::new(random.below(6));
    Some(match random.below(8) {
        0 => TimelineCommand::RenamePhase {
            phase_id,
            name: random.pick(["A", "\"place\":", "}},{{", "é\u{202e}\n"]).to_owned(),
        },
        1 => TimelineCommand::DescribePhase {
            phase_id,
            description: random.pick([None, Some(String::new()), Some("\"event\":\"Timeline".to_owned())]),
        },
        2 => TimelineCommand::BudgetPhase {
            phase_id,
            capital_budget: Decimal::new(random.within(0, 999_999), 2),
            expense_budget: Decimal::ONE,
            total_budget: None,
        },
        3 => TimelineCommand::Reschedule {
            start_date: range.start() - days(random),
            end_date: range.end() + days(random),
        },
        4 | 5 => {
            let start_date = phase.range.start() + days(random);
            TimelineCommand::CreatePhase {
                phase: PhaseDraft {
                    id: random.pick([PhaseId::random(), phase_id]),
                    name: "New".to_owned(),
                    start_date,
                    end_date: start_date + days(random),
                    description: None,
                    capital_budget: Decimal::ZERO,
                    expense_budget: Decimal::ZERO,
                    total_budget: Decimal::ZERO,
                },
                neighbours,
            }
        }
        6 => TimelineCommand::ResizePhase {
            phase_id,
            start_date: phase.range.start() + days(random),
            end_date: phase.range.end(),
            neighbours,
        },
        _ => TimelineCommand::RemovePhase { phase_id, neighbours },
    })
}
