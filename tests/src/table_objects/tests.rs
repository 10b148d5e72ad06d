use super::*;
use crate::dump::state;
use crate::legacy::LegacyDatabase;
use crate::script::load;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use std::collections::HashSet;

/// Objects that the compared state of schema `public` does not have: those of the database, of other schemas, or visible
/// in the catalogue only.
const NOT_SHOWN: &[&str] = &[
    "all tables published",
    "a schema with tables of the same names",
    "assignments: a column came and went",
    "default privileges in the database",
    "phases: a column came and went",
];

/// A database with rows in both tables.
fn with_objects(objects: &[&TableObject]) -> TestDatabase {
    TestCluster::shared().template("legacy rows", |url| {
        let mut seeds = (0..).map(|seed| LegacyDatabase::from_seed(seed).bare());
        let database = seeds.find(|database| database.projects.len() > 2 && database.assignments.len() > 9);
        load(url, database.unwrap().statements());
    });
    let database = TestCluster::shared().database_from("legacy rows");
    load(database.url(), objects.iter().flat_map(|object| object.statements));
    database
}

#[test]
fn every_object_is_independent_and_visible_in_the_dump() {
    let bare = state(with_objects(&[]).url());
    let shown = |object: &&TableObject| state(with_objects(&[object]).url()) != bare;
    let hidden: Vec<_> =
        all().into_iter().filter(|object| !shown(object)).map(|object| object.name).collect();
    let expected: Vec<_> = all().iter().map(|it| it.name).filter(|name| NOT_SHOWN.contains(name)).collect();
    assert_eq!(hidden, expected);
}

#[test]
fn all_objects_are_compatible_in_any_order() {
    let objects = all();
    with_objects(&objects);
    let reversed: Vec<_> = objects.iter().rev().copied().collect();
    with_objects(&reversed);
    let (even, odd): (Vec<_>, Vec<_>) = objects.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let mixed: Vec<_> = odd.iter().chain(&even).map(|(_, object)| **object).collect();
    with_objects(&mixed);
}

#[test]
fn no_trigger_fires_before_a_write() {
    let database = with_objects(&all());
    assert_eq!(database.psql("SELECT count(*) FROM dba_fired"), "0");
    database.psql("UPDATE project_phases SET created_at = created_at WHERE false");
    assert_ne!(database.psql("SELECT count(*) FROM dba_fired"), "0");
}

#[test]
fn object_names_are_unique() {
    let names: HashSet<_> = all().iter().map(|object| object.name).collect();
    assert_eq!(names.len(), all().len());
    assert!(NOT_SHOWN.iter().all(|name| names.contains(name)));
}
