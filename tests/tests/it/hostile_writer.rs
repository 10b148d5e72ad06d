//! A login with command privileges only calls `phaseline.append` with arbitrary arguments: the log stays readable
//! and chained, and the rows stay its fold.

mod arguments;
mod groups;
mod single_events;

use crate::fixture::{assert_verified, handle, migrated, sample};
use arguments::{Arguments, ProjectState};
use phaseline_domain::{PhaseId, ProjectId, Timeline};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::{FoldedLog, ProjectPhases, drift};
use phaseline_store::{InlineProjection, RecordedTimeline, chain, stream};
use phaseline_tests::random::SeededRandom;
use phaseline_tests::roles::url_as;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;

/// A session of a login that is a member of `phaseline_writer` only.
async fn writer(database: &TestDatabase) -> PgConnection {
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_clerk LOGIN PASSWORD 'clerk' IN ROLE phaseline_writer;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let url = url_as(database.url(), "phaseline_test_clerk");
    handle(&url).connect("test").await.unwrap()
}

/// The current state of every project of the log or the planner.
async fn project_states(connection: &mut PgConnection) -> Vec<ProjectState> {
    let projects: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM public.projects ORDER BY id")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let mut known = Vec::new();
    for project in projects.into_iter().map(ProjectId::from) {
        let history = stream::history(connection, project, None).await.unwrap();
        let version = history.last().map_or(0, |event| event.recorded.version);
        let timeline = Timeline::fold(history.iter().filter_map(RecordedTimeline::event));
        let found = ProjectPhases.find_unadopted(connection, project).await.unwrap().filter(|_| version == 0);
        let adoption = found.and_then(|found| found.events.ok()).unwrap_or_default();
        known.push(ProjectState { project, version, timeline, adoption });
    }
    known
}

async fn assert_sound(database: &TestDatabase, after: &str) {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let inspector = chain::inspect(&mut connection).await.unwrap();
    assert_eq!(inspector.breaks(), [], "{after}");
    let log =
        FoldedLog::read(&mut connection, None).await.unwrap_or_else(|error| panic!("{error} after {after}"));
    let findings = drift::find_drift(&mut connection, &log, None).await.unwrap();
    // Projects that the planner's backend created are adopted only by chance.
    let wrong: Vec<_> = findings.iter().filter(|found| log.knows(found.project_id())).collect();
    assert!(wrong.is_empty(), "{wrong:?} after {after}");
}

/// A later project of the planner's backend, with its own row.
fn unadopted(database: &TestDatabase, number: u32) {
    database.psql(&format!(
        "INSERT INTO public.projects SELECT program_id, 'new', 'b', 'm', 't', '2025-01-01', '2025-12-31', 'new {number}', NULL,
                gen_random_uuid(), now(), now() FROM public.projects LIMIT 1;
         INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at, updated_at,
                name, start_date, end_date, description)
         SELECT id, 1, 2, 3, gen_random_uuid(), '2025-01-02 03:04:05.5', '2025-01-02 03:04:05', 'Theirs', start_date, end_date, NULL
           FROM public.projects WHERE cost_center_code = 'new {number}'"
    ));
}

#[tokio::test]
async fn any_arguments_leave_a_valid_log_and_rows_equal_to_its_fold() {
    let mut results: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..4_u64 {
        let database = sample(4, 10, 300 + seed);
        migrated(database.url()).await;
        (0..3).for_each(|number| unadopted(&database, number));
        let mut connection = writer(&database).await;
        let mut owner = handle(database.url()).connect("test").await.unwrap();
        let mut random = SeededRandom::new(seed);
        let mut now = project_states(&mut owner).await;
        for call in 0..300 {
            let arguments = Arguments::random(&mut random, &now);
            let result = arguments.call(&mut connection).await;
            let wrote =
                matches!(&result, Ok(verdicts) if verdicts.iter().any(|verdict| verdict == "appended"));
            for word in match result {
                Ok(verdicts) => verdicts,
                Err(error) => {
                    let error = error.into_database_error().unwrap();
                    let code = error.code().unwrap().into_owned();
                    // Only constraints of the planner's tables: a project must last two days.
                    let expected =
                        matches!(&*code, "PL001" | "PL002" | "PL003" | "40001" | "42501" | "23503")
                            || code == "23514" && error.message().contains("check_project_dates");
                    assert!(expected, "seed {seed}, call {call}: {code} {error}: {arguments:?}");
                    vec![code]
                }
            } {
                *results.entry(word).or_default() += 1;
            }
            if wrote {
                assert_sound(&database, &format!("seed {seed}, call {call}: {arguments:?}")).await;
                now = project_states(&mut owner).await;
            }
        }
        assert_verified(database.url()).await;
    }
    // Each kind of verdict occurred.
    for (word, least) in
        [("appended", 500), ("conflict", 50), ("PL001", 10), ("PL002", 100), ("PL003", 10), ("40001", 5)]
    {
        assert!(results.get(word).is_some_and(|count| *count >= least), "{word}: {results:?}");
    }
}

/// One call of `phaseline.append` as the writer, with an event of the project.
async fn append(
    connection: &mut PgConnection,
    known: &ProjectState,
    event_type: &str,
    payload: String,
) -> Result<Vec<String>, sqlx::Error> {
    Arguments::one(known, event_type, payload).call(connection).await
}

#[tokio::test]
async fn rows_follow_from_events_of_their_own_project_and_cover_its_days() {
    let database = sample(4, 10, 310);
    migrated(database.url()).await;
    let mut connection = writer(&database).await;
    let mut owner = handle(database.url()).connect("test").await.unwrap();
    let now = project_states(&mut owner).await;
    let (mine, other) = (&now[0], &now[1]);
    let phase = |known: &ProjectState| known.timeline.phases()[0].clone();
    let before = database.dump(&[]);
    let dates = r#""start_date":"1999-01-01","end_date":"2099-01-01""#;
    let code = |result: Result<Vec<String>, sqlx::Error>| match result {
        Err(error) => error.as_database_error().unwrap().code().unwrap().into_owned(),
        Ok(verdicts) => panic!("{verdicts:?}"),
    };
    let id = |known: &ProjectState| phase(known).id;
    let created = |id: PhaseId| {
        format!(
            r#"{{"phase_id":"{id}","name":"x",{dates},"description":null,"capital_budget":"0.00","expense_budget":"0.00"}}"#
        )
    };
    for (event_type, payload, expected) in [
        // Dates without the phases that follow; phases outside of their project's dates; no phases.
        ("TimelineRescheduled", format!("{{{dates}}}"), "PL003"),
        ("PhaseResized", format!(r#"{{"phase_id":"{}",{dates}}}"#, id(mine)), "PL003"),
        ("PhaseCreated", created(PhaseId::random()), "PL003"),
        ("PhaseRemoved", format!(r#"{{"phase_id":"{}"}}"#, id(mine)), "PL003"),
        // Phases of other projects, and unknown ones.
        ("PhaseRenamed", format!(r#"{{"phase_id":"{}","name":"x"}}"#, id(other)), "PL001"),
        ("PhaseCreated", created(id(other)), "PL001"),
        ("PhaseRenamed", format!(r#"{{"phase_id":"{}","name":"x"}}"#, PhaseId::random()), "PL003"),
        ("TimelineOpened", format!(r#"{{"project_id":"{}",{dates}}}"#, mine.project), "PL003"),
        ("TimelineOpened", format!(r#"{{"project_id":"{}",{dates}}}"#, other.project), "PL002"),
        // A project that was not deleted; another project.
        ("TimelineClosed", format!(r#"{{"project_id":"{}"}}"#, mine.project), "PL003"),
        ("TimelineClosed", format!(r#"{{"project_id":"{}"}}"#, other.project), "PL002"),
    ] {
        let result = append(&mut connection, mine, event_type, payload.clone()).await;
        assert_eq!(code(result), expected, "{event_type} {payload}");
    }
    // A project of the backend is adopted with its exact rows, or not adopted.
    unadopted(&database, 9);
    let new = project_states(&mut owner).await.into_iter().find(|known| known.version == 0).unwrap();
    let opened =
        format!(r#"{{"project_id":"{}","start_date":"2025-01-01","end_date":"2025-12-31"}}"#, new.project);
    assert_eq!(code(append(&mut connection, &new, "TimelineOpened", opened).await), "40001");
    let clean = |dump: String| {
        dump.lines()
            .filter(|line| !line.contains("new 9") && !line.contains("Theirs"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(clean(before.to_string()) == clean(database.dump(&[]).to_string()), "something was written");
    let renamed = format!(r#"{{"phase_id":"{}","name":"x"}}"#, id(mine));
    assert_eq!(append(&mut connection, mine, "PhaseRenamed", renamed).await.unwrap(), ["appended"]);
    connection.close().await.unwrap();
    assert_sound(&database, "a rename").await;
}

/// A command on a row that was deleted by SQL is refused; a repair restores the row.
#[tokio::test]
async fn a_command_about_a_row_that_is_missing_is_refused() {
    let database = sample(4, 10, 311);
    migrated(database.url()).await;
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let mine = project_states(&mut connection).await.remove(0);
    let phase = mine.timeline.phases()[0].id;
    database.psql(&format!("DELETE FROM public.project_phases WHERE id = '{phase}'"));
    let renamed = format!(r#"{{"phase_id":"{phase}","name":"x"}}"#);
    let refused = append(&mut connection, &mine, "PhaseRenamed", renamed).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("phase {phase} of project {} has no row", mine.project)), "{refused}");
}

/// The fold ignores a change of a removed phase, so no command may contain one.
#[tokio::test]
async fn a_change_after_the_removal_in_one_command_is_refused() {
    let database = sample(4, 10, 77);
    migrated(database.url()).await;
    let row = database.psql(
        "SELECT p.id, min(ph.id::text) FILTER (WHERE ph.start_date = p.start_date), min(ph.id::text) FILTER (WHERE ph.end_date = p.end_date),
                p.start_date, p.end_date, (SELECT max(version) FROM phaseline.events e WHERE e.stream_id = p.id)
           FROM projects p JOIN project_phases ph ON ph.project_id = p.id GROUP BY p.id HAVING count(*) = 2 LIMIT 1",
    );
    let [project, first, last, start, end, version] = row.split('|').collect::<Vec<_>>()[..] else {
        panic!("{row}")
    };
    let call = |events: &[(&str, String)]| {
        let count = events.len();
        let types: Vec<String> = events.iter().map(|(name, _)| format!("'{name}'")).collect();
        let payloads: Vec<String> = events.iter().map(|(_, payload)| format!("'{payload}'")).collect();
        format!(
            "SELECT verdict FROM phaseline.append('{{Timeline}}', '{{{project}}}', '{{{version}}}', '{{{count}}}', ARRAY['{{}}'], NULL,
                 ARRAY(SELECT gen_random_uuid() FROM generate_series(1, {count})), ARRAY[{}], array_fill(1, ARRAY[{count}]), ARRAY[{}],
                 array_fill(decode(repeat('00', 16), 'hex'), ARRAY[{count}]))",
            types.join(", "),
            payloads.join(", ")
        )
    };
    let resized =
        ("PhaseResized", format!(r#"{{"phase_id":"{first}","start_date":"{start}","end_date":"{end}"}}"#));
    let removed = ("PhaseRemoved", format!(r#"{{"phase_id":"{last}"}}"#));
    let budgeted = (
        "PhaseBudgeted",
        format!(r#"{{"phase_id":"{last}","capital_budget":"7.00","expense_budget":"0.00"}}"#),
    );
    let mut connection = writer(&database).await;
    let query = call(&[resized.clone(), removed.clone(), budgeted]);
    let error =
        sqlx::query(&query).execute(&mut connection).await.unwrap_err().into_database_error().unwrap();
    assert_eq!(error.code().unwrap(), "PL003", "{error}");
    assert!(error.message().contains("is changed after it was removed"), "{error}");
    sqlx::query(&call(&[resized, removed])).execute(&mut connection).await.unwrap();
    assert_verified(database.url()).await;
}
