//! Commands and SQL edits during a rebuild.

use super::{
    assert_no_drift, connection, connections, deleting, in_a_thread, rebuilt, rows, serial, timeline_shape,
    try_rebuild,
};
use crate::fixture::{assert_verified, store};
use crate::projection::{projects, write};
use phaseline_domain::{PhaseId, ProjectId, TimelineCommand};
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_projections::rebuild::{RebuildOptions, rebuild};
use phaseline_store::Metadata;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Concurrent SQL edits of random rows.
const EDITS: [&str; 4] = [
    "UPDATE public.project_phases SET name = 'by hand' WHERE id = (SELECT id FROM public.project_phases ORDER BY random() LIMIT 1)",
    "DELETE FROM public.project_phases WHERE id = (SELECT id FROM public.project_phases ORDER BY random() LIMIT 1)",
    "UPDATE public.project_phases SET created_at = 'infinity' WHERE id = (SELECT id FROM public.project_phases ORDER BY random() LIMIT 1)",
    "INSERT INTO public.project_phases SELECT project_id, 0, 0, 0, gen_random_uuid(), created_at, updated_at, 'unknown',
            start_date, end_date, NULL FROM public.project_phases ORDER BY random() LIMIT 1",
];

/// Runs an action between the comparison and the lock.
pub(super) struct OnWriteStep<F>(F);

impl<F: Fn() + Sync> OnWriteStep<F> {
    pub(super) const fn new(what: F) -> Self {
        Self(what)
    }
}

impl<F: Fn() + Sync> Progress for OnWriteStep<F> {
    fn step(&self, name: &str, _total: Option<u64>) {
        if name == "writing what differs" {
            (self.0)();
        }
    }
    fn advance(&self, _done: u64) {}
    fn note(&self, _text: &str) {}
}

/// Executes a command.
fn execute(url: &str, project: ProjectId, command: TimelineCommand) {
    let url = url.to_owned();
    in_a_thread(async move || {
        store(&url).await.execute(project, &command, Metadata::default()).await.unwrap();
    });
}

/// Guarantees at each moment: a command's events are included; in a project with a difference, the last edit is repaired
/// and recorded; in one without, the next rebuild detects it.
#[tokio::test]
async fn changes_before_the_lock_are_included_or_left_to_the_next_rebuild() {
    let database = timeline_shape(5);
    let text = database.psql(
        "SELECT project_id, min(id::text), max(id::text) FROM public.project_phases
          GROUP BY 1 HAVING count(*) = 2 ORDER BY 1 LIMIT 2",
    );
    let pairs: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').collect()).collect();
    let (project, first, second, elsewhere) = (pairs[0][0], pairs[0][1], pairs[0][2], pairs[1][1]);
    let untouched = rows(&database);
    database.psql(&format!("UPDATE public.project_phases SET name = 'by hand' WHERE id = '{first}'"));
    let between = OnWriteStep::new(|| {
        let phase_id: PhaseId = first.parse().unwrap();
        let command = TimelineCommand::RenamePhase { phase_id, name: "By command".to_owned() };
        execute(database.url(), project.parse().unwrap(), command);
        database.psql(&format!(
            "UPDATE public.project_phases SET description = 'late' WHERE id IN ('{second}', '{elsewhere}')"
        ));
    });
    let done = try_rebuild(&database, &RebuildOptions::default(), &between).await.unwrap();
    assert_eq!((done.caught_up(), done.updated(), done.differences.len()), (1, 1, 1), "{done:?}");
    assert_eq!(done.differences[0].phase_id.to_string(), second, "the command had set the other one right");
    let current_row = |phase: &str| {
        let row = format!(
            "SELECT name, coalesce(description, '-') FROM public.project_phases WHERE id = '{phase}'"
        );
        database.psql(&row).trim().to_owned()
    };
    assert_eq!(current_row(first), "By command|-");
    assert!(current_row(second).ends_with("|-") && current_row(elsewhere).ends_with("|late"));
    let next = rebuilt(&database, &RebuildOptions::default()).await;
    assert_eq!((next.updated(), next.differences[0].phase_id.to_string().as_str()), (1, elsewhere));
    for line in untouched.lines().filter(|line| !line.contains(first)) {
        assert!(rows(&database).contains(line), "not as it was: {line}");
    }
    assert_no_drift(&database).await;
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn rows_repaired_concurrently_are_not_written_again() {
    let database = timeline_shape(5);
    let good = rows(&database);
    database.psql(
        "CREATE TABLE public.kept AS SELECT * FROM public.project_phases; DELETE FROM public.project_phases",
    );
    let faster = OnWriteStep::new(|| {
        database.psql("INSERT INTO public.project_phases SELECT * FROM public.kept");
    });
    let before = super::position(&database);
    let done = try_rebuild(&database, &RebuildOptions::default(), &faster).await.unwrap();
    assert!(done.is_right() && done.repair_id().is_none() && done.differences.is_empty(), "{done:?}");
    assert_eq!((before, good), (super::position(&database), rows(&database)));
}

/// A row that is added while the differences are written is not an error: it is named and kept.
#[tokio::test]
async fn a_row_added_during_the_write_stays_and_the_rest_is_rebuilt() {
    let database = timeline_shape(5);
    let good = rows(&database);
    database.psql(
        "UPDATE public.project_phases SET name = 'by hand' WHERE id = (SELECT min(id::text)::uuid FROM public.project_phases);
         CREATE FUNCTION public.other_program() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.project_phases SELECT new.project_id, 0, 0, 0, gen_random_uuid(), new.created_at,
                 new.updated_at, 'unknown', new.start_date, new.end_date, NULL;
             RETURN NULL; END $$;
         CREATE TRIGGER other_program AFTER UPDATE ON public.project_phases FOR EACH ROW EXECUTE FUNCTION public.other_program()",
    );
    let done = rebuilt(&database, &deleting()).await;
    assert_eq!((done.updated(), done.left.len()), (1, 1), "{done:?}");
    assert!(!done.is_right());
    database.psql("DROP TRIGGER other_program ON public.project_phases");
    assert_eq!(rebuilt(&database, &deleting()).await.deleted(), 1);
    assert_eq!(rows(&database), good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_commands_and_edits_lose_nothing_and_end_in_the_fold() {
    let database = timeline_shape(5);
    let (store, projects) = (store(database.url()).await, projects(&database));
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (1..=3).map(|seed| tokio::spawn(write(store.clone(), projects.clone(), 442 + seed, 40))).collect();
    let hand = {
        let (over, mut hand) = (Arc::clone(&over), connection(&database).await);
        tokio::spawn(async move {
            let mut done = 0;
            while !over.load(Ordering::SeqCst) {
                sqlx::query(EDITS[done % EDITS.len()]).execute(&mut hand).await.unwrap();
                done += 1;
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
            done
        })
    };
    let (mut rebuilds, mut wrote, mut caught_up) = (0, 0, 0);
    while rebuilds < 5 || writers.iter().any(|writer| !writer.is_finished()) {
        let readers = connections(&database, 1 + rebuilds % 3).await;
        let done = rebuild(&mut connection(&database).await, readers, &deleting(), &Silent).await.unwrap();
        rebuilds += 1;
        wrote += done.inserted() + done.updated() + done.deleted();
        caught_up += done.caught_up();
    }
    over.store(true, Ordering::SeqCst);
    let damaged = hand.await.unwrap();
    assert!(wrote > 0 && damaged > 0, "{rebuilds} rebuilds, {wrote} rows, {damaged} damages");
    eprintln!(
        "{rebuilds} rebuilds wrote {wrote} rows over {damaged} damages and caught up with {caught_up} events"
    );

    let last = rebuilt(&database, &deleting()).await;
    assert!(last.is_right(), "{last:?}");
    let log = serial(&database).await;
    // Several writers, since the edits may lock all rows of one.
    let mut accepted = 0;
    for writer in writers {
        for (project, version) in writer.await.unwrap().accepted {
            assert!(log.timelines[&project].version >= version, "a command on {project} was lost");
            accepted += 1;
        }
    }
    assert!(accepted > 15, "{accepted} commands were accepted");
    assert_no_drift(&database).await;
    assert_verified(database.url()).await;
}
