use super::*;
use crate::dump::{assert_same_dump, difference, dump};
use crate::script::load;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use std::collections::HashSet;

fn loaded_base_database() -> TestDatabase {
    TestCluster::shared().template("refusals' base_database", |url| load(url, base_database()));
    TestCluster::shared().database_from("refusals' base_database")
}

#[test]
fn every_case_loads_and_changes_something() {
    let base_database = dump(loaded_base_database().url());
    for case in all() {
        let database = loaded_base_database();
        load(database.url(), &case.statements);
        // The dump of one schema lacks publications, event triggers and objects of other schemas.
        let whole = database.dump(&[]);
        assert!(
            difference(&base_database, &dump(database.url())).is_some() || whole.contains("dba"),
            "{} changes nothing",
            case.name
        );
    }
}

#[test]
fn cases_have_different_names_and_name_their_objects() {
    let names: HashSet<_> = all().iter().map(|case| case.name).collect();
    assert_eq!(names.len(), all().len());
    for case in all() {
        assert!(!case.must_name.is_empty(), "{}", case.name);
        let texts = case.statements.iter().chain(&case.must_name);
        assert!(!texts.clone().any(|text| text.contains("'<")), "{}: an unknown short name", case.name);
    }
}

#[test]
fn ids_of_the_base_database_exist_or_are_missing_as_documented() {
    let database = loaded_base_database();
    let count = |table: &str, name: &str| {
        database.psql(&format!("SELECT count(*) FROM {table} WHERE id = '{}'", id(name)))
    };
    for (table, name, rows) in [
        ("projects", "spring", "1"),
        ("projects", "missing", "0"),
        ("project_phases", "summer execution", "1"),
        ("project_phases", "new phase", "0"),
        ("resource_assignments", "assignment", "1"),
        ("resource_assignments", "new assignment", "0"),
        ("actuals", "actual", "1"),
    ] {
        assert_eq!(count(table, name), rows, "{name}");
    }
}

#[test]
fn orphans_are_made_without_touching_a_constraint() {
    let before = loaded_base_database().dump(&["--schema-only"]);
    let bypassing = |case: &RefusalCase| case.statements[0].contains("DISABLE TRIGGER ALL");
    let cases: Vec<_> = all().into_iter().filter(bypassing).collect();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let database = loaded_base_database();
        load(database.url(), &case.statements);
        assert_same_dump(&before, &database.dump(&["--schema-only"]));
    }
}
