//! `phaseline projects`, names and id prefixes in place of ids, and names beside ids.

use crate::program::{ProgramOutput, legacy, migrated, on, project_and_phase, run};
use crate::signals::Holder;
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};

/// Gives a project a name and a cost centre of its own.
fn name(database: &TestDatabase, project: &str, name: &str, cost_center: &str) {
    database.psql(&format!(
        "UPDATE projects SET name = '{name}', cost_center_code = '{cost_center}' WHERE id = '{project}'"
    ));
}

/// A migrated sample with one named project, and the first phase of it.
fn with_alpha() -> (TestDatabase, String, String) {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    name(&database, &project, "Project Alpha", "CC-4711");
    (database, project, phase)
}

#[test]
fn projects_are_listed_by_name_in_either_shape() {
    for database in [legacy(), migrated()] {
        let project = database.psql("SELECT id FROM projects ORDER BY id LIMIT 1");
        name(&database, &project, "aaa first", "CC-4711");
        let list = on(&database, &["projects", "--json"]).exits_with(0).object("phaseline.projects/1");
        let expected = database.psql(&format!(
            "SELECT json_build_object('project_id', p.id, 'name', p.name, 'cost_center', p.cost_center_code,
                    'start_date', p.start_date, 'end_date', p.end_date, 'phases', count(*),
                    'total_budget', sum(ph.total_budget)::text)
               FROM projects p JOIN project_phases ph ON ph.project_id = p.id WHERE p.id = '{project}' GROUP BY p.id"
        ));
        assert_eq!(list["projects"][0], serde_json::from_str::<Value>(&expected).unwrap());
        assert_eq!((&list["total"], &list["filter"]), (&json!(8), &Value::Null));
        let names: Vec<String> = list["projects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|project| project["name"].as_str().unwrap().to_lowercase())
            .collect();
        assert!(names.is_sorted() && names.len() == 8, "{names:?}");

        let page = on(&database, &["projects"]).exits_with(0).stdout;
        let row = page.lines().find(|line| line.contains("aaa first")).unwrap();
        assert!(row.contains(&project) && row.contains("CC-4711"), "{page}");
        assert!(page.ends_with("8 projects.\n"), "{page}");
        for filter in ["FIRST", "4711", &project[..8]] {
            let page = on(&database, &["projects", filter]).exits_with(0).stdout;
            assert!(page.contains(&project) && page.contains("1 project with"), "{filter}: {page}");
        }
        assert!(
            on(&database, &["projects", "no such"])
                .exits_with(0)
                .stdout
                .contains("0 projects with 'no such'")
        );
        let limited = on(&database, &["projects", "--limit", "2", "--output", "jsonl"]).exits_with(0).stdout;
        assert_eq!(limited.matches("phaseline.projects.project/1").count(), 2, "{limited}");
        assert!(on(&database, &["projects", "--limit", "2"]).stdout.contains("8 projects, 2 shown."));
    }
}

#[test]
fn a_project_without_phases_or_with_odd_values_is_listed() {
    let database = legacy();
    database.psql(
        "TRUNCATE project_phases CASCADE;
         ALTER TABLE projects DROP CONSTRAINT check_project_dates;
         UPDATE projects SET end_date = 'infinity', name = E'a\\u001b[31m'",
    );
    let list = on(&database, &["projects", "--json"]).exits_with(0).object("phaseline.projects/1");
    let first = &list["projects"][0];
    assert_eq!((&first["phases"], &first["total_budget"]), (&json!(0), &Value::Null));
    assert_eq!(first["end_date"], "infinity");
    let page = on(&database, &["projects"]).exits_with(0).stdout;
    assert!(page.contains("a\\u{1b}[31m"), "{page}");
}

#[test]
fn every_command_takes_a_name_a_cost_centre_or_the_beginning_of_an_id() {
    let (database, project, _) = with_alpha();
    for text in
        [&project[..8], &project[..30], &project[..6].to_uppercase(), "project alpha", "cc-4711", &project]
    {
        for args in [
            &["timeline", "show", text][..],
            &["history", text],
            &["timeline", "reschedule", text, "--from-table"],
            &["timeline", "open", text],
            &["drift", text],
            &["drift", "--repair", text, "--yes"],
            &["rebuild", "--check", "--project", text],
            &["adopt", "--dry-run", text],
        ] {
            let ran = on(&database, args);
            // Its timeline is open.
            let code = if args[1] == "open" { 3 } else { 0 };
            assert_eq!(ran.code, Some(code), "{args:?}: {ran:#?}");
            assert!(code == 3 || ran.stdout.contains(&project) || args[0] == "drift", "{args:?}: {ran:#?}");
        }
    }
    let day = database.psql(&format!("SELECT start_date + 1 FROM projects WHERE id = '{project}'"));
    let created = on(&database, &["phase", "create", "Project Alpha", "Start", &day, &day, "--json"]);
    let created = created.exits_with(3).object("phaseline.error/1");
    assert_eq!(created["code"], "rule", "found, and refused by a rule: {created}");
    let skip = ["quarantine", "skip", "CC-4711", "--all", "--reason", "x", "--json"];
    assert_eq!(on(&database, &skip).exits_with(3).object("phaseline.error/1")["code"], "not_skippable");
}

#[test]
fn what_fits_several_projects_or_none_is_refused_with_a_way_on() {
    let (database, project, phase) = with_alpha();
    let other = database.psql(&format!("SELECT id FROM projects WHERE id <> '{project}' LIMIT 1"));
    name(&database, &other, "PROJECT ALPHA", "CC-4712");
    for args in [
        &["timeline", "show", "Project Alpha"][..],
        &["history", "project alpha"],
        &["drift", "Project Alpha"],
    ] {
        let error = on(&database, &[args, &["--json"]].concat()).exits_with(3).object("phaseline.error/1");
        assert_eq!(error["code"], "ambiguous", "{args:?}");
        let details: Vec<&str> =
            error["details"].as_array().unwrap().iter().map(|detail| detail.as_str().unwrap()).collect();
        for (id, line) in
            [(&project, "Project Alpha, cost centre CC-4711"), (&other, "PROJECT ALPHA, cost centre CC-4712")]
        {
            assert!(details.contains(&format!("{id}  {line}").as_str()), "{args:?}: {details:?}");
        }
    }
    for unknown in ["Beta", "0000", "CC-1"] {
        let error = on(&database, &["history", unknown, "--json"]).exits_with(3).object("phaseline.error/1");
        assert_eq!(error["code"], "not_found", "{unknown}");
        assert!(error["remedy"].as_str().unwrap().contains("phaseline projects"), "{error}");
    }
    let error = on(&database, &["phase", "rename", "ffff0000", "A", "--json"]).exits_with(3);
    assert_eq!(error.object("phaseline.error/1")["code"], "not_found");
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
}

#[test]
fn a_deleted_project_is_found_by_the_beginning_of_its_id() {
    let (database, project, _) = with_alpha();
    database.psql(&format!(
        "SET session_replication_role = replica; DELETE FROM projects WHERE id = '{project}';
         DELETE FROM project_phases WHERE project_id = '{project}'"
    ));
    let history = on(&database, &["history", &project[..8]]).exits_with(0).stdout;
    assert!(history.contains(&format!("History of project {project}:")), "{history}");
    assert_eq!(on(&database, &["history", "Project Alpha"]).code, Some(3));
}

#[test]
fn a_phase_is_found_by_the_beginning_of_its_id_or_its_name_in_a_project() {
    let (database, project, phase) = with_alpha();
    let name = || database.psql(&format!("SELECT name FROM project_phases WHERE id = '{phase}'"));
    on(&database, &["phase", "rename", &phase[..8], "Design"]).exits_with(0);
    assert_eq!(name(), "Design");
    for (text, new) in [("Project Alpha/design", "Draft"), ("CC-4711/Draft", "Sketch")] {
        on(&database, &["phase", "rename", text, new]).exits_with(0);
        assert_eq!(name(), new);
    }
    on(&database, &["phase", "describe", &format!("{}/{}", &project[..8], &phase[..8]), "Text"])
        .exits_with(0);
    // A history has past names, too.
    for text in [&phase[..8], "Sketch", "design"] {
        let history = on(&database, &["history", "Project Alpha", "--phase", text, "--json"]);
        let history = history.exits_with(0).object("phaseline.history/1");
        assert_eq!(history["phase_id"], phase.as_str(), "{text}");
    }
    let other = database
        .psql(&format!("SELECT name FROM project_phases WHERE project_id = '{project}' AND id <> '{phase}'"));
    on(&database, &["phase", "remove", &format!("CC-4711/{other}")]).exits_with(0);
    on(&database, &["history", "CC-4711", "--phase", &other]).exits_with(0);
    let unknown = on(&database, &["phase", "remove", "CC-4711/Nothing", "--json"]).exits_with(3);
    assert_eq!(unknown.object("phaseline.error/1")["code"], "not_found");
}

#[test]
fn two_phases_with_the_same_name_are_listed() {
    let (database, project, phase) = with_alpha();
    on(&database, &["phase", "rename", &phase, "Twin"]).exits_with(0);
    database.psql(&format!("UPDATE project_phases SET name = 'Twin' WHERE project_id = '{project}'"));
    let error = on(&database, &["phase", "budget", "Project Alpha/Twin", "1", "1", "--json"]).exits_with(3);
    let error = error.object("phaseline.error/1");
    assert_eq!((&error["code"], error["details"].as_array().unwrap().len()), (&json!("ambiguous"), 2));
}

#[test]
fn names_are_shown_beside_ids() {
    let (database, project, phase) = with_alpha();
    let named = format!("roject Project Alpha ({project})");
    let text = |args: &[&str], code: i32| {
        let ran: ProgramOutput = on(&database, args).exits_with(code);
        assert!(ran.stdout.contains(&named), "{args:?}: {}", ran.stdout);
        ran.stdout
    };
    assert!(
        text(&["phase", "rename", &phase, "Design"], 0)
            .contains(&format!("Project Project Alpha ({project}) is at"))
    );
    text(&["timeline", "show", &project], 0);
    text(&["history", &project], 0);
    text(&["adopt", &project], 0);
    text(&["rollback", "--dry-run"], 0);
    let refused = on(&database, &["rollback", "--yes"]).exits_with(7);
    assert!(refused.stdout.contains(&named), "{refused:#?}");
    database.psql(&format!("UPDATE project_phases SET name = 'by hand' WHERE id = '{phase}'"));
    for args in [&["drift"][..], &["rebuild", "--check"], &["verify"]] {
        let page = text(args, 6);
        assert!(page.contains(&format!("phase by hand ({phase})")), "{args:?}: {page}");
    }

    let object = |args: &[&str], code: i32| -> Value {
        let ran = on(&database, &[args, &["--json"]].concat()).exits_with(code);
        assert!(ran.stdout.starts_with(r#"{"format":""#), "{}", ran.stdout);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let alpha = json!("Project Alpha");
    assert_eq!(object(&["timeline", "show", &project], 0)["project_name"], alpha);
    assert_eq!(object(&["history", &project], 0)["project_name"], alpha);
    assert_eq!(object(&["drift"], 6)["drift"][0]["project_name"], alpha);
    assert_eq!(object(&["rebuild", "--check"], 6)["left"][0]["project_name"], alpha);
    assert_eq!(object(&["phase", "rename", &phase, "Design"], 0)["project_name"], alpha);
    let rollback = object(&["rollback", "--dry-run"], 0);
    assert_eq!(rollback["loss"]["items"][0]["project_name"], alpha);
    assert_eq!(rollback["edits"][0]["project_name"], alpha);
    let rows = on(&database, &["drift", "--output", "jsonl"]).exits_with(6).stdout;
    assert!(rows.lines().next().unwrap().contains(r#""project_name":"Project Alpha""#), "{rows}");
}

#[test]
fn names_are_left_out_while_the_tables_are_locked() {
    let (database, project, _) = with_alpha();
    let _holder = Holder::on(&database, "BEGIN; LOCK TABLE public.projects");
    let shown = on(&database, &["timeline", "show", &project]).exits_with(0).stdout;
    assert!(shown.contains(&format!("Timeline of project {project}:")), "{shown}");
}

#[test]
fn a_role_without_rights_on_the_tables_finds_projects_of_the_log_by_id() {
    let (database, project, phase) = with_alpha();
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_clerk LOGIN PASSWORD 'clerk' IN ROLE phaseline_writer;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let (_, place) = database.url().split_once('@').unwrap();
    let url = format!("postgres://phaseline_test_clerk:clerk@{place}");
    let clerk = |args: &[&str]| run(&[&["--database-url", &url][..], args].concat());
    // It may read names by a function.
    let shown = clerk(&["timeline", "show", &project[..8]]).exits_with(0).stdout;
    assert!(shown.contains(&format!("Timeline of project Project Alpha ({project}):")), "{shown}");
    for given in ["project ALPHA", &project[..8]] {
        let found = clerk(&["history", given, "--json"]).exits_with(0).object("phaseline.history/1");
        assert_eq!(
            (&found["project_id"], &found["project_name"]),
            (&json!(project), &json!("Project Alpha"))
        );
    }
    clerk(&["history", "Alpha"]).exits_with(3);
    database.psql("REVOKE EXECUTE ON FUNCTION phaseline.named_projects FROM phaseline_writer");
    let shown = clerk(&["timeline", "show", &project[..8]]).exits_with(0).stdout;
    assert!(shown.contains(&format!("Timeline of project {project}:")), "{shown}");
    clerk(&["phase", "rename", &phase, "By the clerk"]).exits_with(0);
    let unknown = clerk(&["history", "Project Alpha", "--json"]).exits_with(3).object("phaseline.error/1");
    assert_eq!(unknown["code"], "not_found");
    assert!(unknown["remedy"].as_str().unwrap().contains("SELECT on public.projects"), "{unknown}");
    let list = clerk(&["projects", "--json"]).exits_with(3).object("phaseline.error/1");
    assert_eq!(list["code"], "missing_privilege");
}
