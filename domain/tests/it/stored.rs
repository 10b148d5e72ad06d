//! The stored form of events. Logs are permanent: every later version must read these goldens, so
//! a golden is never changed; a new form is a new schema version with a golden of its own.

use crate::fixture::*;
use chrono::NaiveDateTime;
use cqrs_es::DomainEvent;
use phaseline_domain::event::{
    DefaultPhaseSupplied, LegacyPhaseAdopted, LegacyRowRecorded, PhaseAdopted, PhaseBudgeted, PhaseCreated,
    PhaseDescribed, PhaseRemoved, PhaseRenamed, PhaseResized, TimelineClosed, TimelineOpened,
    TimelineRescheduled,
};
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{Budget, Description, Money, PhaseName, StoredEventError, Timeline, TimelineEvent};

fn budget(capital: &str, expense: &str) -> Budget {
    Budget::new(Money::new(amount(capital)).unwrap(), Money::new(amount(expense)).unwrap()).unwrap()
}

fn instant(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

/// One event of each type, with its type's name and the payload as the log keeps it.
fn goldens() -> Vec<(TimelineEvent, &'static str, &'static str)> {
    vec![
        (
            TimelineOpened { project_id: project_id(), range: days("01-01", "12-31") }.into(),
            "TimelineOpened",
            r#"{"project_id":"00000000-0000-0000-0000-00000000face","start_date":"2024-01-01","end_date":"2024-12-31"}"#,
        ),
        (
            TimelineRescheduled { range: days("0001-01-01", "9999-12-31") }.into(),
            "TimelineRescheduled",
            r#"{"start_date":"0001-01-01","end_date":"9999-12-31"}"#,
        ),
        (
            PhaseCreated {
                phase_id: id(1),
                name: PhaseName::new("Größe \"1\"").unwrap(),
                range: days("01-01", "06-30"),
                description: Some(Description::new("two\nlines").unwrap()),
                budget: budget("50000", "0.5"),
            }
            .into(),
            "PhaseCreated",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","name":"Größe \"1\"","start_date":"2024-01-01","end_date":"2024-06-30","description":"two\nlines","capital_budget":"50000.00","expense_budget":"0.50"}"#,
        ),
        (
            PhaseResized { phase_id: id(1), range: days("02-29", "02-29") }.into(),
            "PhaseResized",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","start_date":"2024-02-29","end_date":"2024-02-29"}"#,
        ),
        (
            PhaseRenamed { phase_id: id(1), name: PhaseName::new(" as given ").unwrap() }.into(),
            "PhaseRenamed",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","name":" as given "}"#,
        ),
        (
            PhaseDescribed { phase_id: id(1), description: None }.into(),
            "PhaseDescribed",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","description":null}"#,
        ),
        (
            PhaseBudgeted { phase_id: id(1), budget: budget("9999999999999.99", "0") }.into(),
            "PhaseBudgeted",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","capital_budget":"9999999999999.99","expense_budget":"0.00"}"#,
        ),
        (
            PhaseRemoved { phase_id: id(1) }.into(),
            "PhaseRemoved",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001"}"#,
        ),
        (
            LegacyPhaseAdopted {
                phase_id: id(1),
                name: PhaseName::new("Planning").unwrap(),
                range: days("01-01", "06-30"),
                budget: budget("1", "2"),
                phase_type: LegacyPhaseType::Planning,
                created_at: instant("2020-05-05T10:00:00.123456"),
                updated_at: instant("2020-05-06T00:00:00"),
                ordinal: 7,
            }
            .into(),
            "LegacyPhaseAdopted",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","name":"Planning","start_date":"2024-01-01","end_date":"2024-06-30","capital_budget":"1.00","expense_budget":"2.00","phase_type":"PLANNING","created_at":"2020-05-05T10:00:00.123456","updated_at":"2020-05-06T00:00:00","ordinal":7}"#,
        ),
        (
            LegacyRowRecorded {
                phase_id: id(1),
                budget: budget("3", "4"),
                phase_type: LegacyPhaseType::Execution,
                created_at: instant("2020-05-05T10:00:00.123456"),
                updated_at: instant("2021-05-06T00:00:00"),
                ordinal: 8,
            }
            .into(),
            "LegacyRowRecorded",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","capital_budget":"3.00","expense_budget":"4.00","phase_type":"EXECUTION","created_at":"2020-05-05T10:00:00.123456","updated_at":"2021-05-06T00:00:00","ordinal":8}"#,
        ),
        (
            PhaseAdopted {
                phase_id: id(1),
                name: PhaseName::new("Default Phase").unwrap(),
                range: days("01-01", "06-30"),
                description: None,
                budget: budget("0", "0"),
                created_at: instant("2026-01-01T00:00:00"),
                updated_at: instant("2026-01-02T00:00:00.5"),
            }
            .into(),
            "PhaseAdopted",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","name":"Default Phase","start_date":"2024-01-01","end_date":"2024-06-30","description":null,"capital_budget":"0.00","expense_budget":"0.00","created_at":"2026-01-01T00:00:00","updated_at":"2026-01-02T00:00:00.500"}"#,
        ),
        (
            DefaultPhaseSupplied {
                phase_id: id(1),
                name: PhaseName::of_default_phase(),
                range: days("01-01", "06-30"),
            }
            .into(),
            "DefaultPhaseSupplied",
            r#"{"phase_id":"00000000-0000-0000-0000-000000000001","name":"Default Phase","start_date":"2024-01-01","end_date":"2024-06-30"}"#,
        ),
        (
            TimelineClosed { project_id: project_id() }.into(),
            "TimelineClosed",
            r#"{"project_id":"00000000-0000-0000-0000-00000000face"}"#,
        ),
    ]
}

/// Fails to compile when an event type is added, until it has a golden.
fn golden_index(event: &TimelineEvent) -> usize {
    match event {
        TimelineEvent::TimelineOpened(_) => 0,
        TimelineEvent::TimelineRescheduled(_) => 1,
        TimelineEvent::PhaseCreated(_) => 2,
        TimelineEvent::PhaseResized(_) => 3,
        TimelineEvent::PhaseRenamed(_) => 4,
        TimelineEvent::PhaseDescribed(_) => 5,
        TimelineEvent::PhaseBudgeted(_) => 6,
        TimelineEvent::PhaseRemoved(_) => 7,
        TimelineEvent::LegacyPhaseAdopted(_) => 8,
        TimelineEvent::LegacyRowRecorded(_) => 9,
        TimelineEvent::PhaseAdopted(_) => 10,
        TimelineEvent::DefaultPhaseSupplied(_) => 11,
        TimelineEvent::TimelineClosed(_) => 12,
    }
}

#[test]
fn every_event_has_its_permanent_stored_form() {
    let goldens = goldens();
    for (event, type_name, payload) in &goldens {
        assert_eq!(event.type_name(), *type_name);
        assert_eq!(event.schema_version(), 1);
        assert_eq!(event.payload().unwrap(), *payload);
    }
    let indices: Vec<usize> = goldens.iter().map(|(event, _, _)| golden_index(event)).collect();
    assert_eq!(indices, (0..13).collect::<Vec<_>>());
}

#[test]
fn every_stored_event_is_read_back() {
    for (event, type_name, payload) in goldens() {
        assert_eq!(TimelineEvent::from_stored(type_name, 1, payload).unwrap(), event);
    }
}

#[test]
fn fields_are_read_in_any_order() {
    let payload = r#"{"end_date":"2024-02-29","start_date":"2024-02-29","phase_id":"00000000-0000-0000-0000-000000000001"}"#;
    assert_eq!(TimelineEvent::from_stored("PhaseResized", 1, payload).unwrap(), resized(1, "02-29", "02-29"));
}

#[test]
fn the_form_of_serde_is_the_payload_under_the_name_of_its_type() {
    for (event, type_name, payload) in goldens() {
        let tagged = format!(r#"{{"{type_name}":{payload}}}"#);
        assert_eq!(serde_json::to_string(&event).unwrap(), tagged);
        assert_eq!(serde_json::from_str::<TimelineEvent>(&tagged).unwrap(), event);
        assert_eq!(event.event_type(), type_name);
        assert_eq!(event.event_version(), "1");
    }
}

#[test]
fn an_event_names_its_phase() {
    for (event, type_name, payload) in goldens() {
        let named = payload.contains("phase_id");
        assert_eq!(event.phase_id(), named.then(|| id(1)), "{type_name}");
    }
}

#[test]
fn an_unknown_type_is_refused() {
    for name in ["PhaseExploded", "phaseremoved", ""] {
        let error = TimelineEvent::from_stored(name, 1, "{}").unwrap_err();
        assert!(matches!(error, StoredEventError::UnknownType(found) if found == name));
    }
}

#[test]
fn an_unknown_schema_version_is_refused_with_any_payload() {
    for (_, type_name, payload) in goldens() {
        for version in [0, 2, -1] {
            let error = TimelineEvent::from_stored(type_name, version, payload).unwrap_err();
            assert!(
                matches!(&error, StoredEventError::UnknownVersion { event_type, found, known: 1 }
                    if event_type == type_name && *found == version),
                "{error}"
            );
        }
    }
}

/// New fields come with a new schema version, so the fold needs no unknown field of a known version.
#[test]
fn an_unknown_field_is_passed_over() {
    let payload = r#"{"phase_id":"00000000-0000-0000-0000-000000000001","colour":"red"}"#;
    assert_eq!(TimelineEvent::from_stored("PhaseRemoved", 1, payload).unwrap(), removed(1));
}

#[test]
fn a_payload_that_breaks_its_values_is_refused() {
    let phase = r#""phase_id":"00000000-0000-0000-0000-000000000001""#;
    let long = "x".repeat(101);
    for (type_name, fields) in [
        ("PhaseRemoved", String::new()),
        ("PhaseRemoved", r#""phase_id":"not-an-id""#.to_owned()),
        ("PhaseResized", format!(r#"{phase},"start_date":"2024-02-02","end_date":"2024-02-01""#)),
        ("PhaseResized", format!(r#"{phase},"start_date":"2024-02-02""#)),
        ("PhaseResized", format!(r#"{phase},"start_date":"2024-02-02","end_date":"+10000-01-01""#)),
        ("PhaseRenamed", format!(r#"{phase},"name":" ""#)),
        ("PhaseRenamed", format!(r#"{phase},"name":"{long}""#)),
        ("PhaseRenamed", format!(r#"{phase},"name":"\u0000x""#)),
        ("PhaseBudgeted", format!(r#"{phase},"capital_budget":"-1.00","expense_budget":"0.00""#)),
        ("PhaseBudgeted", format!(r#"{phase},"capital_budget":"1.001","expense_budget":"0.00""#)),
        ("PhaseBudgeted", format!(r#"{phase},"capital_budget":"9999999999999.99","expense_budget":"0.01""#)),
    ] {
        let payload = format!("{{{fields}}}");
        let error = TimelineEvent::from_stored(type_name, 1, &payload).unwrap_err();
        assert!(matches!(error, StoredEventError::Payload { .. }), "{payload}: {error}");
    }
}

#[test]
fn a_timeline_survives_a_snapshot() {
    let events: Vec<TimelineEvent> = goldens().into_iter().map(|(event, _, _)| event).collect();
    let timeline = Timeline::fold(&events[..events.len() - 1]);
    assert_eq!(timeline.phases().len(), 1);
    let snapshot = serde_json::to_string(&timeline).unwrap();
    assert_eq!(serde_json::from_str::<Timeline>(&snapshot).unwrap(), timeline);
}
