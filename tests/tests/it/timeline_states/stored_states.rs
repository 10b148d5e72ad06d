//! Which states are made, used and verified.

use super::writer::written;
use super::{advanced, assert_exact, serial, states, tip};
use crate::fixture::{store, verified};
use crate::quarantine::connect;
use chrono::NaiveDate;
use phaseline_domain::{PhaseDraft, ReplacementPhase, TimelineCommand};
use phaseline_projections::portfolio::{ProjectSelection, timelines_at};
use phaseline_store::timeline_states::{Advanced, EVENTS_PER_STATE, advance, forget, remake};
use phaseline_store::{Metadata, schema};
use rust_decimal::Decimal;
use sqlx::Connection;
use uuid::Uuid;

#[tokio::test]
async fn no_state_is_used_that_the_log_does_not_confirm() {
    let (database, project) = written().await;
    advanced(&database).await;
    let of_project = format!("WHERE project_id = '{project}'");
    assert!(states(&database) > 2);
    for (spoilt, statement) in [
        // As in an older log that was restored beside newer states.
        ("of another log", "UPDATE phaseline.timeline_states SET hash = '\\x00'".to_owned()),
        ("of another form", "UPDATE phaseline.timeline_states SET form = form + 1".to_owned()),
        ("unreadable", "UPDATE phaseline.timeline_states SET state = '{}'".to_owned()),
        ("moved", format!("UPDATE phaseline.timeline_states SET position = position + 1 {of_project}")),
        ("deleted", "DELETE FROM phaseline.timeline_states".to_owned()),
        ("without their table", "DROP TABLE phaseline.timeline_states".to_owned()),
    ] {
        database.psql(&statement);
        assert_exact(&database, spoilt).await;
        if spoilt != "without their table" {
            forget(&mut connect(&database).await).await.unwrap();
            advanced(&database).await;
        }
    }
    let mut connection = connect(&database).await;
    assert_eq!(advance(&mut connection).await.unwrap(), Advanced::Unavailable);
}

#[tokio::test]
async fn states_of_another_log_or_an_older_form_are_made_again() {
    let (database, _) = written().await;
    advanced(&database).await;
    let made =
        "SELECT string_agg(s::text, ' ' ORDER BY project_id, position) FROM phaseline.timeline_states s";
    let expected = database.psql(made);
    database.psql("DELETE FROM phaseline.timeline_states_watermark");
    advanced(&database).await;
    for change in ["form = 0", "hash = '\\x00'", "position = 1000000"] {
        database.psql("UPDATE phaseline.timeline_states SET state = '{}'");
        database.psql(&format!("UPDATE phaseline.timeline_states_watermark SET {change}"));
        advanced(&database).await;
        assert_eq!(database.psql(made), expected, "{change}");
    }
    database.psql("UPDATE phaseline.timeline_states_watermark SET form = 1000");
    let mut connection = connect(&database).await;
    assert_eq!(advance(&mut connection).await.unwrap(), Advanced::Unavailable, "a newer program's");
}

#[tokio::test]
async fn one_session_at_a_time_makes_states_and_waits_for_no_writer() {
    let (database, project) = written().await;
    let mut first = connect(&database).await;
    let mut writer = connect(&database).await;
    // A writer holds the head meanwhile.
    let mut writing = writer.begin().await.unwrap();
    schema::lock_head(&mut writing).await.unwrap();
    let mut holding = first.begin().await.unwrap();
    assert!(matches!(advance(&mut holding).await.unwrap(), Advanced::To { left: 0, .. }));
    assert_eq!(advance(&mut connect(&database).await).await.unwrap(), Advanced::Busy);
    holding.commit().await.unwrap();
    writing.rollback().await.unwrap();
    let versions = database.psql(&format!(
        "SELECT bool_and(e.version % {EVENTS_PER_STATE} = 0) AND count(*) > 1
           FROM phaseline.timeline_states s JOIN phaseline.events e USING (position) WHERE e.stream_id = '{project}'"
    ));
    assert_eq!(versions, "t");
}

/// States of all phases at every eighth version would take many times the space of the events.
#[tokio::test]
async fn states_of_many_phases_take_a_few_times_the_space_of_their_events() {
    let (database, project) = written().await;
    let days = database.psql(&format!("SELECT start_date, end_date FROM projects WHERE id = '{project}'"));
    let (start, end) = days.trim().split_once('|').unwrap();
    let (start, end): (NaiveDate, NaiveDate) = (start.parse().unwrap(), end.parse().unwrap());
    let phases: Vec<ReplacementPhase> = start
        .iter_days()
        .take_while(|day| *day <= end)
        .map(|day| {
            ReplacementPhase::New(PhaseDraft {
                id: Uuid::new_v4().into(),
                name: format!("Day {day}"),
                start_date: day,
                end_date: day,
                description: None,
                capital_budget: Decimal::ZERO,
                expense_budget: Decimal::ZERO,
                total_budget: Decimal::ZERO,
            })
        })
        .collect();
    assert!(phases.len() > 100, "{days}");
    store(database.url())
        .await
        .execute(project, &TimelineCommand::ReplaceAll { phases }, Metadata::default())
        .await
        .unwrap();
    advanced(&database).await;
    assert_exact(&database, "many phases").await;
    let fits = database.psql(&format!(
        "SELECT (SELECT sum(octet_length(s.state::text)) FROM phaseline.timeline_states s WHERE s.project_id = '{project}')
              < (SELECT 4 * sum(octet_length(e.payload::text) + octet_length(e.metadata::text))
                   FROM phaseline.events e WHERE e.stream_id = '{project}')"
    ));
    assert_eq!(fits, "t");
}

#[tokio::test]
async fn no_state_is_stored_behind_an_altered_event() {
    let (database, project) = written().await;
    let altered = database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET metadata = '{{\"actor\":\"x\"}}' WHERE stream_id = '{project}' AND version = 12;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only;
         SELECT position FROM phaseline.events WHERE stream_id = '{project}' AND version = 12"
    ));
    advanced(&database).await;
    let behind = database.psql(&format!(
        "SELECT count(*) FROM phaseline.timeline_states WHERE project_id = '{project}' AND position > {}",
        altered.lines().last().unwrap()
    ));
    assert_eq!(behind, "0");
    assert!(states(&database) > 0);
    assert_exact(&database, "altered").await;
}

#[tokio::test]
async fn verify_names_a_state_that_is_not_the_fold() {
    let (database, project) = written().await;
    let checked = async || {
        let found = verified(database.url()).await;
        found.checks.into_iter().find(|check| check.title.contains("timeline states"))
    };
    assert!(checked().await.is_none(), "there are none");
    advanced(&database).await;
    let sound = checked().await.unwrap();
    assert!(sound.passed, "{sound:#?}");
    let forged = database.psql(&format!(
        "UPDATE phaseline.timeline_states s
            SET state = (SELECT o.state FROM phaseline.timeline_states o WHERE o.project_id = s.project_id
                          ORDER BY o.position LIMIT 1)
          WHERE s.project_id = '{project}'
            AND s.position = (SELECT max(position) FROM phaseline.timeline_states WHERE project_id = '{project}')
      RETURNING position"
    ));
    let position = forged.lines().next().unwrap();
    let wrong = checked().await.unwrap();
    assert!(!wrong.passed);
    let named = format!("project {project} at position {position} is not the fold");
    assert!(wrong.details[0].contains(&named) && wrong.details.len() == 2, "{:?}", wrong.details);
    // One behind an event that cannot be read would hide it.
    let mut connection = connect(&database).await;
    assert!(remake(&mut connection, |_, _| ()).await.unwrap().is_some());
    assert!(checked().await.unwrap().passed);
    database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET event_type = 'Unknown' WHERE stream_id = '{project}' AND version = 12;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
    ));
    let hidden = checked().await.unwrap();
    assert!(hidden.details.iter().any(|detail| detail.contains(&project.to_string())), "{hidden:#?}");
}

/// The rights of the service's role are enough, and a reader's.
#[tokio::test]
async fn a_writer_of_commands_makes_states_and_a_reader_uses_them() {
    let (database, _) = written().await;
    let mut connection = connect(&database).await;
    let tip = tip(&mut connection).await;
    let expected = serial(&mut connection, tip).await;
    for role in ["phaseline_writer", "phaseline_reader", "phaseline_auditor"] {
        sqlx::raw_sql(&format!("SET ROLE {role}")).execute(&mut connection).await.unwrap();
        let advanced = advance(&mut connection).await.unwrap();
        assert_eq!(matches!(advanced, Advanced::To { .. }), role == "phaseline_writer", "{role}");
        let mut count = 0;
        timelines_at(&mut connection, &ProjectSelection::All, tip, |_, _| {
            count += 1;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(count, expected.len(), "{role}");
    }
}
