//! Rows unknown to the log, and projects that were deleted or changed.

use super::{
    assert_no_drift, check, deleting, only, position, rebuilt, recorded, row_locations, rows, timeline_shape,
};
use phaseline_domain::ProjectId;
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::drift::DriftKind;
use phaseline_projections::rebuild::RebuildOptions;

const UNKNOWN: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
const STRANGER: &str = "6f9619ff-8b86-4011-b42d-00c04fc964aa";

/// Two projects with two phases each, by id.
fn two_projects(database: &TestDatabase) -> [(String, Vec<String>); 2] {
    let text = database.psql(
        "SELECT project_id, string_agg(id::text, ' ' ORDER BY start_date) FROM public.project_phases
          GROUP BY 1 HAVING count(*) = 2 ORDER BY 1 LIMIT 2",
    );
    let one = |line: &str| {
        let (project, phases) = line.split_once('|').unwrap();
        (project.to_owned(), phases.split(' ').map(str::to_owned).collect())
    };
    text.lines().map(one).collect::<Vec<_>>().try_into().unwrap()
}

/// Inserts a row of a project.
fn insert(database: &TestDatabase, project: &str, phase: &str) {
    database.psql(&format!(
        "INSERT INTO public.project_phases SELECT '{project}', 1.50, 0, 1.50, '{phase}', '2025-01-02 03:04:05.06',
                updated_at, 'Theirs', start_date, end_date, 'said' FROM public.project_phases LIMIT 1"
    ));
}

#[tokio::test]
async fn unknown_rows_stay_unless_deletion_is_requested_and_are_recorded() {
    let database = timeline_shape(5);
    let good = rows(&database);
    let [(project, phases), (other, _)] = two_projects(&database);
    insert(&database, &project, UNKNOWN);
    database.psql(&format!("UPDATE public.project_phases SET name = 'by hand' WHERE id = '{}'", phases[0]));
    let done = rebuilt(&database, &RebuildOptions::default()).await;
    assert_eq!((done.updated(), done.deleted(), done.left.len()), (1, 0, 1));
    assert!(!done.is_right() && done.left[0].kind == DriftKind::Unknown);
    assert_eq!(done.left[0].phase_id.to_string(), UNKNOWN);
    assert_eq!(done.differences.len(), 2, "{done:?}");
    assert!(rows(&database).contains(UNKNOWN));

    // A kept row causes no write.
    let (before, last) = (row_locations(&database), position(&database));
    let again = rebuilt(&database, &RebuildOptions::default()).await;
    assert!(!again.is_right() && again.repair_id().is_none());
    let elsewhere = rebuilt(&database, &only(other.parse().unwrap())).await;
    assert!(elsewhere.is_right());
    assert!(before == row_locations(&database) && last == position(&database));

    let done = rebuilt(&database, &deleting()).await;
    assert_eq!((done.inserted(), done.updated(), done.deleted(), done.is_right()), (0, 0, 1, true));
    let (payload, _) = recorded(&database);
    let row = &payload["differences"][0]["row"];
    assert_eq!((&row["name"], &row["capital_budget"]), (&"Theirs".into(), &"1.50".into()));
    assert_eq!((&row["id"], &row["created_at"]), (&UNKNOWN.into(), &"2025-01-02 03:04:05.06".into()));
    assert_eq!((&row["description"], &row["project_id"]), (&"said".into(), &project.into()));
    assert!(good == rows(&database));
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn a_phase_with_a_changed_id_is_rebuilt_beside_the_changed_row() {
    let database = timeline_shape(5);
    let good = rows(&database);
    let [(_, phases), _] = two_projects(&database);
    database.psql(&format!("UPDATE public.project_phases SET id = '{UNKNOWN}' WHERE id = '{}'", phases[0]));
    let done = rebuilt(&database, &RebuildOptions::default()).await;
    assert_eq!((done.inserted(), done.deleted(), done.left.len()), (1, 0, 1));
    rebuilt(&database, &deleting()).await;
    assert!(good == rows(&database));
}

#[tokio::test]
async fn rows_of_unknown_projects_are_counted_and_unchanged() {
    let database = timeline_shape(5);
    database.psql(&format!(
        "INSERT INTO public.projects SELECT program_id, 'new', 'b', 'm', 't', '2025-01-01', '2025-12-31', 'CC-7', NULL,
                '{STRANGER}', now(), now() FROM public.projects LIMIT 1"
    ));
    insert(&database, STRANGER, UNKNOWN);
    let before = database.dump(&[]);
    for options in [RebuildOptions::default(), deleting(), check()] {
        let done = rebuilt(&database, &options).await;
        assert!(done.is_right() && done.differences.is_empty() && done.unadopted == 1, "{done:?}");
    }
    let missing = rebuilt(&database, &only(STRANGER.parse().unwrap())).await;
    assert_eq!((missing.events, missing.unadopted, missing.projects), (0, 1, 0));
    assert!(before == database.dump(&[]), "something was written");
}

#[tokio::test]
async fn a_deleted_project_is_named_and_the_others_are_rebuilt() {
    let database = timeline_shape(5);
    let [(gone, phases), (project, _)] = two_projects(&database);
    database.psql(&format!(
        "UPDATE public.project_phases SET name = 'by hand' WHERE project_id <> '{gone}';
         SET session_replication_role = replica; DELETE FROM public.projects WHERE id = '{gone}';
         UPDATE public.project_phases SET project_id = '{project}' WHERE id = '{}'",
        phases[0]
    ));
    for options in [check(), RebuildOptions::default(), only(gone.parse().unwrap())] {
        let done = rebuilt(&database, &options).await;
        assert_eq!(done.gone, [gone.parse::<ProjectId>().unwrap()], "{done:?}");
        assert!(!done.is_right());
    }
    let done = rebuilt(&database, &deleting()).await;
    assert_eq!(
        (done.deleted(), done.left.len(), done.gone.len()),
        (1, 0, 1),
        "the row moved from it has no other place"
    );
    let left = database.psql("SELECT count(*) FROM public.project_phases WHERE name = 'by hand'");
    assert_eq!(left.trim(), "0");
}

#[tokio::test]
async fn a_rebuild_of_either_project_returns_moved_rows() {
    let database = timeline_shape(5);
    let good = rows(&database);
    let [(project, _), (other, phases)] = two_projects(&database);
    let moved = || {
        database.psql(&format!(
            "UPDATE public.project_phases SET project_id = '{project}', name = 'moved' WHERE id = '{}'",
            phases[0]
        ));
    };
    for options in [
        RebuildOptions::default(),
        only(other.parse().unwrap()),
        only(project.parse().unwrap()),
        RebuildOptions { delete_unknown: true, ..only(project.parse().unwrap()) },
    ] {
        moved();
        let done = rebuilt(&database, &options).await;
        assert_eq!((done.updated(), done.deleted(), done.is_right()), (1, 0, true), "{options:?}: {done:?}");
        assert!(good == rows(&database), "{options:?}");
    }
    // The rest of its previous project was not requested.
    moved();
    database.psql(&format!("UPDATE public.project_phases SET name = 'too' WHERE id = '{}'", phases[1]));
    let done = rebuilt(&database, &only(project.parse().unwrap())).await;
    assert_eq!((done.updated(), done.is_right(), done.projects, done.phases), (1, true, 1, 2), "{done:?}");
    assert!(rows(&database).contains("too"));
    rebuilt(&database, &RebuildOptions::default()).await;
    assert!(good == rows(&database));
}

#[tokio::test]
async fn only_the_requested_project_is_rebuilt() {
    let database = timeline_shape(5);
    let [(project, _), (other, _)] = two_projects(&database);
    database.psql(&format!(
        "UPDATE public.project_phases SET name = 'by hand' WHERE project_id IN ('{project}', '{other}')"
    ));
    let of_others = || {
        database.psql(&format!(
            "SELECT ctid, xmin, ph::text FROM public.project_phases ph WHERE project_id <> '{project}' ORDER BY id"
        ))
    };
    let before = of_others();
    let done = rebuilt(&database, &only(project.parse().unwrap())).await;
    assert_eq!((done.projects, done.phases, done.updated(), done.is_right()), (1, 2, 2, true));
    let events = database.psql(&format!(
        "SELECT count(*) FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id = '{project}'"
    ));
    assert_eq!(done.events.to_string(), events.trim());
    assert!(before == of_others(), "another project was touched");
    assert_eq!(rebuilt(&database, &RebuildOptions::default()).await.updated(), 2);
    assert_no_drift(&database).await;
}

/// Without its primary key the table can have a phase twice: in any order, one correct row stays, and
/// the log records both.
#[tokio::test]
async fn a_duplicated_phase_is_reduced_to_one_row() {
    let database = timeline_shape(5);
    let good = rows(&database);
    database.psql("ALTER TABLE public.project_phases DROP CONSTRAINT project_phases_pkey CASCADE");
    let phase = database.psql("SELECT min(id::text) FROM public.project_phases").trim().to_owned();
    let copy = |name: &str| {
        database.psql(&format!(
            "INSERT INTO public.project_phases SELECT project_id, capital_budget, expense_budget, total_budget, id,
                    created_at, updated_at, {name}, start_date, end_date, description
               FROM public.project_phases WHERE id = '{phase}' LIMIT 1"
        ));
    };
    let spoil = || {
        database.psql(&format!("UPDATE public.project_phases SET name = 'first' WHERE id = '{phase}'"));
    };
    for (case, copies) in [(0, 2), (1, 2), (2, 2), (3, 3)] {
        match case {
            0 => copy("name"),
            1 => copy("'second'"),
            // The first row is wrong, the second is right.
            2 => {
                copy("name");
                database.psql(&format!(
                    "UPDATE public.project_phases SET name = 'first' WHERE ctid =
                        (SELECT min(ctid) FROM public.project_phases WHERE id = '{phase}')"
                ));
            }
            _ => {
                spoil();
                copy("'second'");
                copy("'third'");
            }
        }
        let found = rebuilt(&database, &check()).await;
        assert_eq!((found.differences.len(), found.is_right()), (copies, false), "case {case}: {found:?}");
        let done = rebuilt(&database, &RebuildOptions::default()).await;
        assert_eq!(
            (done.inserted(), done.deleted(), done.is_right()),
            (1, copies as u64, true),
            "case {case}: {done:?}"
        );
        assert!(good == rows(&database), "case {case}");
        let (payload, _) = recorded(&database);
        let kept = payload["differences"].as_array().unwrap();
        assert_eq!(kept.len(), copies);
        assert!(
            kept.iter()
                .all(|drift| drift["kind"]["kind"] == "duplicate" && drift["row"]["id"] == phase.as_str())
        );
    }
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn a_row_without_id_stays_despite_requested_deletion() {
    let database = timeline_shape(5);
    database.psql(
        "ALTER TABLE public.project_phases DROP CONSTRAINT project_phases_pkey CASCADE;
         ALTER TABLE public.project_phases ALTER id DROP NOT NULL;
         INSERT INTO public.project_phases SELECT project_id, 0, 0, 0, NULL, created_at, updated_at, 'missing', start_date,
                end_date, NULL FROM public.project_phases LIMIT 1;
         UPDATE public.project_phases SET name = 'by hand' WHERE id IS NOT NULL",
    );
    let done = rebuilt(&database, &deleting()).await;
    assert_eq!((done.deleted(), done.left.len(), done.is_right()), (0, 1, false), "{done:?}");
    let left = database.psql("SELECT count(*) FROM public.project_phases WHERE name = 'by hand'");
    assert_eq!(left.trim(), "0");
}
