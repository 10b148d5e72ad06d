//! The events that `phaseline.append` takes: those that commands cause, as the program writes them, and nothing else.

use crate::fixture::{connect, log};
use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};
use phaseline_domain::event::*;
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{Budget, DateRange, Description, Money, PhaseId, PhaseName, ProjectId, TimelineEvent};
use phaseline_store::{Metadata, hash};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Whether a command can cause the event. A new event has to be placed here; if a command can cause it, the first CASE of
/// `store/sql/schema/event_content.sql` needs a line for it, and `projections/sql/schema/project_inline.sql` its effect on rows.
const fn is_of_a_command(event: &TimelineEvent) -> bool {
    match event {
        TimelineEvent::TimelineOpened(_)
        | TimelineEvent::TimelineRescheduled(_)
        | TimelineEvent::PhaseCreated(_)
        | TimelineEvent::PhaseResized(_)
        | TimelineEvent::PhaseRenamed(_)
        | TimelineEvent::PhaseDescribed(_)
        | TimelineEvent::PhaseBudgeted(_)
        | TimelineEvent::PhaseRemoved(_)
        | TimelineEvent::PhaseAdopted(_)
        // The deletion of a project causes it, not a command; it is appended in the same way.
        | TimelineEvent::TimelineClosed(_) => true,
        // Migrations, rollbacks and repairs write these, by import.
        TimelineEvent::LegacyPhaseAdopted(_)
        | TimelineEvent::LegacyRowRecorded(_)
        | TimelineEvent::DefaultPhaseSupplied(_) => false,
    }
}

/// The stream of all events here.
const PROJECT: Uuid = Uuid::from_u128(7);

/// The parts of events.
#[derive(Clone, Debug)]
struct Values {
    name: PhaseName,
    description: Option<Description>,
    range: DateRange,
    budget: Budget,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

/// One event of each type.
fn one_of_each(values: &Values) -> Vec<TimelineEvent> {
    let Values { name, description, range, budget, created_at, updated_at } = values.clone();
    let (phase_id, project_id) = (PhaseId::from(Uuid::from_u128(u128::MAX / 3)), ProjectId::from(PROJECT));
    let phase_type = LegacyPhaseType::Planning;
    vec![
        TimelineOpened { project_id, range }.into(),
        TimelineRescheduled { range }.into(),
        PhaseCreated { phase_id, name: name.clone(), range, description: description.clone(), budget }.into(),
        PhaseResized { phase_id, range }.into(),
        PhaseRenamed { phase_id, name: name.clone() }.into(),
        PhaseDescribed { phase_id, description: description.clone() }.into(),
        PhaseBudgeted { phase_id, budget }.into(),
        PhaseRemoved { phase_id }.into(),
        PhaseAdopted { phase_id, name: name.clone(), range, description, budget, created_at, updated_at }
            .into(),
        LegacyPhaseAdopted {
            phase_id,
            name: name.clone(),
            range,
            budget,
            phase_type,
            created_at,
            updated_at,
            ordinal: 1,
        }
        .into(),
        LegacyRowRecorded { phase_id, budget, phase_type, created_at, updated_at, ordinal: 1 }.into(),
        DefaultPhaseSupplied { phase_id, name, range }.into(),
        TimelineClosed { project_id }.into(),
    ]
}

fn simple() -> Values {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    Values {
        name: PhaseName::new("Name").unwrap(),
        description: None,
        range: DateRange::new(day("2026-01-01"), day("2026-12-31")).unwrap(),
        budget: Budget::ZERO,
        created_at: day("2026-01-01").into(),
        updated_at: day("2026-01-02").into(),
    }
}

/// Any character, often one with a meaning in JSON, or white space.
fn text(most: usize) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(
        "\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/\u{7f}\u{80}\u{85}\u{a0}\u{1680}\u{2000}\u{2007}\u{200a}\u{200b}\u{2028}\u{2029}\u{202e}\u{202f}\u{205f}\u{2060}\u{3000}\u{feff}{}[]:,\u{1f600}é"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop::collection::vec(prop_oneof![3 => odd, 1 => any::<char>()], 0..=most)
        .prop_map(|chars| chars.into_iter().filter(|char| *char != '\0').collect())
}

fn values() -> impl Strategy<Value = Values> {
    let name = text(100).prop_filter_map("no name", |text| PhaseName::new(text).ok());
    let description =
        prop::option::of(text(500).prop_filter_map("no text", |text| Description::new(text).ok()));
    let range = (0_u64..3_652_058, 0_u64..3_652_058).prop_map(|(from, to)| {
        let day = |after| NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + Days::new(after);
        DateRange::new(day(from.min(to)), day(from.max(to))).unwrap()
    });
    let money = prop_oneof![0_i64..100_000, 0_i64..499_999_999_999_999];
    let budget = (money.clone(), money).prop_map(|(capital, expense)| {
        let money = |cents| Money::new(Decimal::new(cents, 2)).unwrap();
        Budget::new(money(capital), money(expense)).unwrap()
    });
    let micros = prop_oneof![Just(0_i64), Just(500_000), Just(1_000), 0_i64..1_000_000];
    let time = (0_i64..315_537_897_600, micros).prop_map(|(seconds, micros)| {
        let first: NaiveDateTime = NaiveDate::from_ymd_opt(1, 1, 1).unwrap().into();
        first + TimeDelta::seconds(seconds) + TimeDelta::microseconds(micros)
    });
    (name, description, range, budget, time.clone(), time).prop_map(
        |(name, description, range, budget, created_at, updated_at)| Values {
            name,
            description,
            range,
            budget,
            created_at,
            updated_at,
        },
    )
}

/// The content hashes that the database computes; none for events that no command writes.
async fn contents(
    connection: &mut PgConnection,
    events: &[(&str, i32, &str)],
) -> Result<Vec<Option<Vec<u8>>>, sqlx::Error> {
    sqlx::query_scalar("SELECT contents FROM phaseline.check_events($1, $2, $3, $4, $5, $6, $7, $8, 'ann')")
        .bind(vec![PROJECT; events.len()])
        .bind(vec![3_i64; events.len()])
        .bind(vec![Uuid::max(); events.len()])
        .bind(events.iter().map(|event| event.0).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.1).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.2).collect::<Vec<_>>())
        .bind(vec!["{\"actor\":\"ann\"}"; events.len()])
        .bind(vec![[9_u8; 16].to_vec(); events.len()])
        .fetch_one(connection)
        .await
}

fn content_of(event_type: &str, schema_version: i32, payload: &str) -> Vec<u8> {
    hash::content(&hash::HashedContent {
        stream_type: "Timeline",
        stream_id: PROJECT,
        version: 3,
        event_id: Uuid::max(),
        event_type,
        schema_version,
        payload: payload.as_bytes(),
        salt: &[9; 16],
        metadata: b"{\"actor\":\"ann\"}",
        login: Some("ann"),
    })
    .to_vec()
}

#[tokio::test]
async fn the_database_accepts_only_the_events_that_commands_cause() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let events = one_of_each(&simple());
    let types: BTreeSet<(&str, i32)> =
        events.iter().map(|event| (event.type_name(), event.schema_version())).collect();
    assert_eq!(types, TimelineEvent::TYPES.iter().copied().collect(), "one_of_each lacks a type of event");
    for event in &events {
        let (name, version, payload) = (event.type_name(), event.schema_version(), event.payload().unwrap());
        let found = contents(&mut connection, &[(name, version, &payload)]).await.unwrap();
        assert_eq!(
            found[0].is_some(),
            is_of_a_command(event),
            "{name} {version}: see is_of_a_command and the first CASE in store/sql/schema/event_content.sql"
        );
        for (name, version) in
            [(name, version + 1), (name, 0), ("PhaseExploded", version), (&name.to_lowercase(), 1)]
        {
            let found = contents(&mut connection, &[(name, version, &payload)]).await.unwrap();
            assert_eq!(found, [None], "{name} {version}");
        }
    }
}

/// Each value that is just within its range, and just outside, in each type of event that has it.
#[tokio::test]
async fn a_value_outside_its_range_is_refused_in_every_type_of_event() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let text = |length: usize| "é".repeat(length);
    let name = |name: &str| format!(r#""name":"{name}""#);
    let description = |length: usize| format!(r#""description":"{}""#, text(length));
    let days = |first: &str, last: &str| format!(r#""start_date":"{first}","end_date":"{last}""#);
    let budget = |capital: &str, expense: &str| {
        format!(r#""capital_budget":"{capital}","expense_budget":"{expense}""#)
    };
    // The members of a payload, others in their place, and whether they are valid.
    let cases = [
        (name("Name"), name(&text(100)), true),
        (name("Name"), name("\u{2003}x"), true),
        (name("Name"), name(&text(101)), false),
        (name("Name"), name(""), false),
        (name("Name"), name("\u{2003} \u{3000}"), false),
        (r#""description":null"#.to_owned(), description(500), true),
        (r#""description":null"#.to_owned(), description(501), false),
        (days("2026-01-01", "2026-12-31"), days("2026-12-31", "2026-12-31"), true),
        (days("2026-01-01", "2026-12-31"), days("0001-01-01", "9999-12-31"), true),
        (days("2026-01-01", "2026-12-31"), days("2026-12-31", "2026-12-30"), false),
        (days("2026-01-01", "2026-12-31"), days("2026-12-31", "10000-01-01"), false),
        (days("2026-01-01", "2026-12-31"), days("0001-12-31 BC", "9999-12-31"), false),
        (budget("0.00", "0.00"), budget("9999999999999.98", "0.01"), true),
        (budget("0.00", "0.00"), budget("9999999999999.99", "0.01"), false),
        (budget("0.00", "0.00"), budget("-0.01", "0.01"), false),
        (budget("0.00", "0.00"), budget("0.01", "-0.01"), false),
    ];
    let mut compared = BTreeSet::new();
    for event in one_of_each(&simple()).into_iter().filter(is_of_a_command) {
        let (event_type, version, payload) =
            (event.type_name(), event.schema_version(), event.payload().unwrap());
        for (members, others, is_valid) in &cases {
            if payload.contains(members) {
                let changed = payload.replace(members, others);
                // Alone, and in a batch.
                for events in
                    [vec![(event_type, version, &*changed)], vec![(event_type, version, &*changed); 2]]
                {
                    let found = contents(&mut connection, &events).await.unwrap();
                    assert!(
                        found.iter().all(|content| content.is_some() == *is_valid),
                        "{event_type}: {changed}"
                    );
                }
                compared.insert((event_type, members.split(':').next().map(str::to_owned)));
            }
        }
    }
    // Name, description, dates and budget of created and adopted phases, each alone, and the dates of two events of timelines.
    assert_eq!(compared.len(), 2 * 4 + 4 + 2, "{compared:?}");
}

/// Metadata is compared as a text, so the program's order of fields counts.
#[tokio::test]
async fn the_database_accepts_metadata_as_the_program_writes_it_and_no_other() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let text = |text: &str| Some(text.to_owned());
    let whole = Metadata {
        actor: text("7f1e51d2"),
        actor_name: text("Zoë \"Z\" \\"),
        reason: text("why\n"),
        source: text("api"),
        command_id: text("c"),
        correlation_id: text("o"),
        request_id: text("r"),
        trace_id: text("t"),
        restored_from: text("4711"),
    };
    let part = Metadata { actor_name: text("ann"), ..Metadata::default() };
    let older = Metadata { actor_name: None, restored_from: None, ..whole.clone() };
    let by = |metadata: &Metadata| metadata.to_json().unwrap();
    for (metadata, is_accepted) in [
        (by(&whole), true),
        (by(&part), true),
        (by(&older), true),
        (by(&Metadata::default()), true),
        ("{\"actor_name\":\"a\",\"actor\":\"b\"}".to_owned(), false),
        ("{\"actor\":\"b\",\"reason\":\"r\",\"actor_name\":\"a\"}".to_owned(), false),
        ("{\"actor\":\"b\",\"actor_name\":null}".to_owned(), false),
        ("{\"actor\":\"b\",\"actor_mail\":\"a\"}".to_owned(), false),
        ("{\"restored_from\":\"7\",\"trace_id\":\"t\"}".to_owned(), false),
        ("{\"restored_from\":7}".to_owned(), false),
    ] {
        let found: Vec<Option<Vec<u8>>> = sqlx::query_scalar(
            "SELECT contents FROM phaseline.check_events(ARRAY[$1], ARRAY[3::int8], ARRAY[$1], ARRAY['PhaseRemoved'],
                ARRAY[1], ARRAY[$2], ARRAY[$3], ARRAY[decode('09090909090909090909090909090909', 'hex')], 'ann')",
        )
        .bind(PROJECT)
        .bind(format!("{{\"phase_id\":\"{PROJECT}\"}}"))
        .bind(&metadata)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(found[0].is_some(), is_accepted, "{metadata}");
    }
    let read = Metadata::from_map(whole.clone().into_map());
    assert_eq!(read, whole);
}

/// Random events: `phaseline.append` accepts those that a command can cause, with the hash that the program computes.
#[tokio::test]
async fn every_event_of_the_program_is_accepted_and_hashed_as_documented() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut events = Vec::new();
    for _ in 0..400 {
        let values = values().new_tree(&mut runner).unwrap().current();
        events.extend(one_of_each(&values).into_iter().filter(is_of_a_command));
    }
    let payloads: Vec<String> = events.iter().map(|event| event.payload().unwrap()).collect();
    let stored: Vec<(&str, i32, &str)> = events
        .iter()
        .zip(&payloads)
        .map(|(event, payload)| (event.type_name(), event.schema_version(), payload.as_str()))
        .collect();
    let found = contents(&mut connection, &stored).await.unwrap();
    assert_eq!(found.len(), stored.len());
    for ((name, version, payload), found) in stored.into_iter().zip(found) {
        assert_eq!(found, Some(content_of(name, version, payload)), "{name}: {payload}");
    }
}

/// Slightly wrong payloads: the program can read every payload that the database accepts, and would write the same.
#[tokio::test]
async fn every_event_that_the_database_accepts_can_be_read() {
    let database = log().await;
    let mut connection = connect(&database).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    const PIECES: [&str; 29] = [
        "\"",
        "\\",
        "{",
        "}",
        ",",
        ":",
        " ",
        "\u{a0}",
        "\\u0000",
        "\\u0020",
        "\\ud800",
        "\\n",
        "0",
        "-",
        "1e2",
        "null",
        ".005",
        "NaN",
        "infinity",
        "\"name\":\"x\",",
        "\"phase_id\":null",
        "2026-02-30",
        "0000-01-01",
        " BC",
        "10000-",
        "9999999999999.99",
        "-1.00",
        "é",
        "\n",
    ];
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..150 {
        let values = values().new_tree(&mut runner).unwrap().current();
        for event in one_of_each(&values) {
            let payload: Vec<char> = event.payload().unwrap().chars().collect();
            let change = (any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(&PIECES[..]));
            let (at, gone, piece) = change.new_tree(&mut runner).unwrap().current();
            let (at, gone) = (at.index(payload.len()), gone.saturating_sub(4));
            let payload: String = payload[..at]
                .iter()
                .copied()
                .chain(piece.chars())
                .chain(payload.iter().skip(at + gone).copied())
                .collect();
            let (name, version) = (event.type_name(), event.schema_version());
            match contents(&mut connection, &[(name, version, &payload)]).await {
                Ok(found) if matches!(found[..], [Some(_)]) => {
                    taken += 1;
                    let read = TimelineEvent::from_stored(name, version, &payload);
                    let read = read.unwrap_or_else(|error| panic!("{error}: {payload}"));
                    assert_eq!(read.payload().unwrap(), payload);
                    assert!(is_of_a_command(&read));
                }
                Ok(_) => refused += 1,
                Err(error) => {
                    let code = error.as_database_error().unwrap().code().unwrap().into_owned();
                    assert!(code.starts_with("22") || code.starts_with("54"), "{code}: {error}: {payload}");
                    refused += 1;
                }
            }
        }
    }
    assert!(taken > 50 && refused > 1_000, "{taken} taken, {refused} refused");
}
