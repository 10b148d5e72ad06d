//! `phaseline drift`: lists changes by other programs, and repairs them on request.

use crate::adopt::{add_phase, add_project};
use crate::program::{migrated, on, project_and_phase};

const STRANGER: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

#[test]
fn drift_exits_with_6_and_lists_findings_with_their_remedies() {
    let database = migrated();
    assert!(on(&database, &["drift"]).exits_with(0).stdout.contains("NO DRIFT"));
    let (project, phase) = project_and_phase(&database);
    database.psql(&format!("UPDATE project_phases SET name = e'by\\u001bhand' WHERE id = '{phase}'"));
    add_project(&database, STRANGER);
    let found = on(&database, &["drift"]).exits_with(6).stdout;
    for expected in [
        &format!("phase by\\u{{1b}}hand ({phase}) of project "),
        &format!("({project}): name is by\\u{{1b}}hand in project_phases, Planning in the log"),
        "phaseline drift --repair",
        &format!("({STRANGER}): has no phase"),
        "phaseline adopt --repair",
        "DRIFT. 2 differences.",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    on(&database, &["drift", &project]).exits_with(6);
    let other = database
        .psql(&format!("SELECT project_id FROM project_phases WHERE project_id <> '{project}' LIMIT 1"));
    on(&database, &["drift", &other]).exits_with(0);
    let unknown = on(&database, &["drift", "aaaaaaaa-8b86-4011-b42d-00c04fc964ff"]).exits_with(3);
    assert!(unknown.stderr.contains("not found"), "{}", unknown.stderr);
}

#[test]
fn a_repair_needs_yes_changes_only_the_given_project_and_is_logged() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let other = database.psql(&format!(
        "SELECT id FROM project_phases WHERE project_id <> '{project}' ORDER BY project_id, id LIMIT 1"
    ));
    let stood = || database.psql("SELECT ph::text FROM project_phases ph ORDER BY id");
    let good = stood();
    database.psql(&format!(
        "UPDATE project_phases SET name = 'mine' WHERE id = '{phase}';
         UPDATE project_phases SET name = 'yours' WHERE id = '{other}'"
    ));
    add_phase(&database, &project, STRANGER, "2025-01-01");
    let before = database.dump(&[]);
    let refused_all = on(&database, &["drift", "--repair", "all"]).exits_with(2);
    assert!(refused_all.stderr.contains("--yes"), "{}", refused_all.stderr);
    on(&database, &["drift", "--repair", "everybody", "--yes"]).exits_with(3);
    on(&database, &["drift", &project, "--repair", "all", "--yes"]).exits_with(2);
    assert!(database.dump(&[]) == before);

    let repair = ["drift", "--repair", &project, "--yes", "--actor", "ada", "--reason", "by hand"];
    let done = on(&database, &repair).exits_with(0);
    assert!(done.stdout.contains("REPAIRED") && done.stdout.contains("rows deleted"), "{}", done.stdout);
    assert_eq!(database.psql(&format!("SELECT name FROM project_phases WHERE id = '{other}'")), "yours");
    on(&database, &["drift"]).exits_with(6);
    let done = on(&database, &["drift", "--repair", "all", "--yes", "--json"]).exits_with(0);
    let done = done.object("phaseline.drift/1");
    assert_eq!((&done["left"], &done["repaired"]["updated"]), (&0.into(), &1.into()));
    assert_eq!(done["drift"][0]["kind"]["table"], "yours");
    assert_eq!(stood(), good);
    on(&database, &["verify"]).exits_with(0);
    let recorded = database.psql(
        "SELECT metadata ->> 'actor', metadata ->> 'reason', metadata ->> 'source', payload::text FROM phaseline.events
          WHERE stream_type = 'DriftRepair' AND event_type = 'DriftRepaired' ORDER BY position LIMIT 1",
    );
    assert!(recorded.starts_with("ada|by hand|cli|"), "{recorded}");
    assert!(recorded.contains("mine") && recorded.contains(STRANGER), "{recorded}");
    assert!(on(&database, &["drift", "--repair", "all", "--yes"]).exits_with(0).stdout.contains("NO DRIFT"));
}

#[test]
fn the_timeline_of_a_deleted_project_is_closed_and_its_history_stays() {
    let database = migrated();
    add_project(&database, STRANGER);
    on(&database, &["timeline", "open", STRANGER]).exits_with(0);
    database.psql(&format!(
        "DELETE FROM project_phases WHERE project_id = '{STRANGER}'; DELETE FROM projects WHERE id = '{STRANGER}'"
    ));
    let found = on(&database, &["drift"]).exits_with(0).stdout;
    assert!(found.contains("was deleted from public.projects"), "{found}");
    on(&database, &["drift", "--repair", STRANGER, "--yes"]).exits_with(0);
    on(&database, &["drift"]).exits_with(0);
    let shown = on(&database, &["timeline", "show", STRANGER]).exits_with(0).stdout;
    assert!(shown.contains("closed, the project was deleted"), "{shown}");
    let history = on(&database, &["history", STRANGER]).exits_with(0).stdout;
    assert!(history.contains("timeline closed") && history.contains("timeline opened"), "{history}");
    on(&database, &["verify"]).exits_with(0);
}
