//! What an argument means nothing, or several things: each refusal has a way on.

use crate::program::{migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;

/// A migrated sample, a project of it with a name and a cost centre, and its first phase, named Plan.
fn named(name: &str) -> (TestDatabase, String, String) {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Planning"]).exits_with(0);
    database.psql(&format!(
        "UPDATE projects SET name = '{name}', cost_center_code = 'CC-003' WHERE id = '{project}'"
    ));
    (database, project, phase)
}

/// A project without phases and without timeline.
fn annex(database: &TestDatabase) -> String {
    database.psql(
        "INSERT INTO projects
         SELECT r.* FROM (SELECT * FROM projects LIMIT 1) p, jsonb_populate_record(NULL::projects, to_jsonb(p)
             || jsonb_build_object('id', gen_random_uuid(), 'name', 'Annex', 'cost_center_code', 'AX')) r",
    );
    database.psql("SELECT id FROM projects WHERE name = 'Annex'")
}

/// What a refused command prints on stderr.
fn refused(database: &TestDatabase, args: &[&str]) -> String {
    on(database, args).exits_with(3).stderr
}

#[test]
fn a_phase_is_found_in_a_project_with_a_slash_in_its_name() {
    let (database, _, phase) = named("A/B Tests");
    on(&database, &["phase", "rename", "A/B Tests/Planning", "Draft / Sketch"]).exits_with(0);
    on(&database, &["phase", "rename", "a/b tests/draft / sketch", "Design"]).exits_with(0);
    let name = format!("SELECT name FROM project_phases WHERE id = '{phase}'");
    assert_eq!(database.psql(&name), "Design");
    let unknown = refused(&database, &["phase", "remove", "A/B Tests/Nothing"]);
    assert!(unknown.contains("project A/B Tests (") && unknown.contains("no phase \"Nothing\""), "{unknown}");
}

#[test]
fn an_unknown_project_is_answered_with_the_search_for_it() {
    let (database, _, _) = named("Website");
    for (args, search) in [
        (&["history", "Web"][..], "`phaseline projects Web`"),
        (&["timeline", "show", "d52"], "`phaseline projects d52`"),
        (&["drift", "two words"], "`phaseline projects 'two words'`"),
    ] {
        let text = refused(&database, args);
        assert!(text.contains(search) && text.contains("4 or more characters"), "{args:?}: {text}");
    }
}

#[test]
fn an_id_of_the_other_kind_is_named_as_what_it_is() {
    let (database, project, phase) = named("Website");
    for args in [["timeline", "show", &phase], ["rebuild", "--project", &phase]] {
        let text = refused(&database, &args);
        assert!(text.contains(&format!("{phase} is the id of a phase of project {project}")), "{text}");
    }
    for given in [&project[..], &project[..8]] {
        let text = refused(&database, &["phase", "rename", given, "Draft"]);
        assert!(text.contains(&format!("{project} is the id of a project")), "{text}");
        assert!(text.contains(&format!("phaseline timeline show {project}")), "{text}");
    }
}

#[test]
fn an_unknown_phase_of_a_project_is_answered_with_its_phases() {
    let (database, project, phase) = named("Website");
    let text = refused(&database, &["phase", "rename", "CC-003/Plan", "Draft"]);
    assert!(text.contains(&format!("project Website ({project}) has no phase \"Plan\"")), "{text}");
    assert!(text.contains(&format!("- {phase}  Planning")), "{text}");
}

#[test]
fn several_candidates_are_apart_from_the_database() {
    let (database, project, _) = named("Website");
    database.psql(&format!(
        "UPDATE projects SET name = 'Website' WHERE id = (SELECT min(id::text)::uuid FROM projects WHERE id <> '{project}')"
    ));
    let text = refused(&database, &["history", "Website"]);
    assert_eq!(text.matches("\n  - ").count(), 2, "{text}");
    assert!(text.contains("\n  database ") && !text.contains("nothing was written"), "{text}");
    assert!(!text.contains("more of its characters"), "{text}");
}

#[test]
fn a_project_without_timeline_is_answered_with_the_command_for_it() {
    let (database, _, _) = named("Website");
    let annex = annex(&database);
    let text = refused(&database, &["adopt", "Annex"]);
    assert!(text.contains(&format!("adopt --repair {annex}")), "{text}");
    assert!(text.contains(&format!("project Annex ({annex})")), "{text}");
    let text = refused(&database, &["rebuild", "--project", "Annex"]);
    assert!(text.contains(&format!("phaseline timeline open {annex}")), "{text}");
    assert!(text.contains(&format!("project Annex ({annex})")), "{text}");
    for args in [
        &["phase", "create", "Annex", "Draft", "2026-01-01", "2026-01-31"][..],
        &["timeline", "reschedule", "Annex", "2026-01-01", "2026-12-31"],
    ] {
        let text = refused(&database, args);
        assert!(
            text.contains("V16") && text.contains("Run: phaseline timeline open Annex"),
            "{args:?}: {text}"
        );
    }
    on(&database, &["timeline", "open", "Annex"]).exits_with(0);
}

#[test]
fn long_names_are_whole_and_an_empty_filter_is_none() {
    let name = "A programme of many words ".repeat(4) + "with an end";
    let (database, project, _) = named(&name);
    let shown = on(&database, &["timeline", "show", &project]).exits_with(0).stdout;
    assert!(shown.contains(&format!("project {name} ({project})")), "{shown}");
    let all = on(&database, &["projects", ""]).exits_with(0).stdout;
    assert!(all.ends_with("\n8 projects.\n"), "{all}");
    let whole = on(&database, &["rebuild", "--project", &project]).exits_with(0).stdout;
    assert!(whole.contains(&format!("project {name} ({project})")), "{whole}");
}
