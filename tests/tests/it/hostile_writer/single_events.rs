//! `phaseline.append_event` and `phaseline.append` leave the same log and the same rows.

use super::arguments::{Arguments, ProjectState};
use super::{project_states, writer};
use crate::fixture::{handle, migrated, sample};
use crate::quarantine::{projects, skip_all};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_store::NewEvent;
use phaseline_tests::random::SeededRandom;
use phaseline_tests::unreadable_events::insert_event;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// The verdicts, or the error's code and message.
pub(super) type Result = std::result::Result<Vec<String>, String>;

pub(super) fn described(result: std::result::Result<Vec<String>, sqlx::Error>) -> Result {
    result.map_err(|error| {
        let error = error.into_database_error().expect("an error of the database");
        format!("{} {}", error.code().unwrap_or_default(), error.message())
    })
}

/// As the program appends one command: by the function for one event, and if that does not decide, by the one for all.
async fn append_fast(
    connection: &mut PgConnection,
    arguments: &Arguments,
    counts: &mut BTreeMap<String, usize>,
) -> Result {
    if arguments.is_single() {
        let verdict = described(arguments.call_event(connection).await.map(|verdict| vec![verdict]));
        *counts
            .entry(format!("{:?}", verdict.clone().map_err(|error| error[..5].to_owned())))
            .or_default() += 1;
        if verdict != Ok(vec!["other".to_owned()]) {
            return verdict;
        }
    }
    described(arguments.call(connection).await)
}

/// All that both functions write. The last events are recorded in the future, so that all later ones have that time too.
pub(super) fn contents(database: &TestDatabase) -> String {
    database.psql(
        "SELECT e::text FROM phaseline.events e ORDER BY position;
         SELECT ph::text FROM public.project_phases ph ORDER BY id;
         SELECT s::text FROM public.seen s ORDER BY position, phase;
         SELECT k::text FROM phaseline.idempotency_keys k ORDER BY scope, key",
    )
}

/// A trigger of the table's owner, which sees the log as it is when a row changes.
pub(super) fn look_at_log(database: &TestDatabase) {
    database.psql(
        "CREATE TABLE public.seen (phase uuid, position bigint);
         CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.seen SELECT NEW.id, max(position) FROM phaseline.events;
             RETURN NULL;
         END $$;
         CREATE TRIGGER see AFTER UPDATE ON public.project_phases FOR EACH ROW EXECUTE FUNCTION public.see()",
    );
}

pub(super) fn stop_clock(database: &TestDatabase) {
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET recorded_at = '2100-01-01' WHERE position = (SELECT max(position) FROM phaseline.events);
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
}

/// Adds an event that cannot be read, and the mark that leaves it out.
pub(super) async fn leave_an_event_out(database: &TestDatabase) {
    let project = projects(database)[0];
    let unreadable = NewEvent::new("Exploded", 1, "{}".to_owned());
    insert_event(database.url(), project.uuid(), &unreadable, "{}").await;
    skip_all(database, project).await;
}

#[tokio::test]
async fn one_event_leaves_the_same_log_by_either_function() {
    let mut counts = BTreeMap::new();
    for seed in 0..3_u64 {
        let slow = sample(4, 10, 900 + seed);
        migrated(slow.url()).await;
        if seed == 2 {
            // Then `append_event` refuses every command.
            leave_an_event_out(&slow).await;
        }
        stop_clock(&slow);
        look_at_log(&slow);
        let fast = TestCluster::shared().database_from(slow.name());
        let (mut by_one, mut by_all) = (writer(&fast).await, writer(&slow).await);
        let mut owner = handle(slow.url()).connect("test").await.unwrap();
        let mut random = SeededRandom::new(seed);
        let mut now: Vec<ProjectState> = project_states(&mut owner).await;
        for call in 0..400 {
            let arguments = Arguments::random_single(&mut random, &now);
            let expected = described(arguments.call(&mut by_all).await);
            let found = append_fast(&mut by_one, &arguments, &mut counts).await;
            assert_eq!(found, expected, "seed {seed}, call {call}: {arguments:?}");
            if expected == Ok(vec!["appended".to_owned()]) {
                now = project_states(&mut owner).await;
            }
        }
        assert!(contents(&fast) == contents(&slow), "seed {seed}: the logs or the rows differ");
        for database in [&fast, &slow] {
            database.psql("UPDATE phaseline.head SET accepts_commands = false");
        }
        let arguments = Arguments::random_single(&mut random, &now);
        let expected = described(arguments.call(&mut by_all).await);
        assert_eq!(append_fast(&mut by_one, &arguments, &mut counts).await, expected, "not accepting");
    }
    // Each verdict occurred.
    for (verdict, least) in [("appended", 200), ("conflict", 5), ("dates_changed", 10), ("other", 200)] {
        let count = counts.get(&format!("Ok([{verdict:?}])")).copied().unwrap_or_default();
        assert!(count >= least, "{verdict}: {counts:?}");
    }
}
