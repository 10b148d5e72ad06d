//! Edits of every column, and missing rows: detected, recorded, repaired.

use super::{
    assert_no_drift, check, metadata_of_ann, position, rebuilt, recorded, row_locations, rows,
    timeline_shape, write_concurrently,
};
use crate::fixture::assert_verified;
use phaseline_projections::drift::DriftKind;
use phaseline_projections::project_phases::COLUMNS;
use phaseline_projections::rebuild::RebuildOptions;
use std::collections::{BTreeMap, BTreeSet};

/// Drops the constraints that refuse such edits.
const DROP_CONSTRAINTS: &str = "
    ALTER TABLE project_phases ALTER name DROP NOT NULL, ALTER start_date DROP NOT NULL, ALTER end_date DROP NOT NULL,
        ALTER created_at DROP NOT NULL, ALTER updated_at DROP NOT NULL, ALTER project_id DROP NOT NULL,
        ALTER capital_budget DROP NOT NULL, ALTER expense_budget DROP NOT NULL, ALTER total_budget DROP NOT NULL,
        DROP CONSTRAINT check_budget_sum, DROP CONSTRAINT check_capital_budget_positive,
        DROP CONSTRAINT check_expense_budget_positive, DROP CONSTRAINT check_total_budget_positive, DROP CONSTRAINT check_phase_dates";

/// The changes of one row, and the columns that differ then.
const EDITS: &[(&str, &[&str])] = &[
    ("project_id = (SELECT max(id::text)::uuid FROM projects)", &["project_id"]),
    ("project_id = NULL", &["project_id"]),
    ("capital_budget = capital_budget + 0.01", &["capital_budget"]),
    ("capital_budget = 'NaN'", &["capital_budget"]),
    ("expense_budget = -expense_budget - 0.01", &["expense_budget"]),
    ("total_budget = NULL, expense_budget = NULL", &["expense_budget", "total_budget"]),
    ("total_budget = 0", &["total_budget"]),
    ("created_at = created_at - interval '0.000001 s'", &["created_at"]),
    ("created_at = '-infinity'", &["created_at"]),
    ("updated_at = 'infinity'", &["updated_at"]),
    ("updated_at = '12345-01-01', created_at = NULL", &["created_at", "updated_at"]),
    ("name = name || ' .'", &["name"]),
    ("name = NULL", &["name"]),
    ("start_date = '-infinity'", &["start_date"]),
    ("start_date = '0044-03-15 BC'", &["start_date"]),
    ("end_date = 'infinity'", &["end_date"]),
    ("end_date = NULL, start_date = NULL", &["start_date", "end_date"]),
    ("description = e'two\\nlines'", &["description"]),
    ("description = ''", &["description"]),
];

#[tokio::test]
async fn every_changed_column_is_named_recorded_and_rebuilt() {
    let database = timeline_shape(16);
    write_concurrently(&database, 420).await;
    database.psql(DROP_CONSTRAINTS);
    let seen: BTreeSet<&str> = EDITS.iter().flat_map(|(_, columns)| *columns).copied().collect();
    assert!(COLUMNS.iter().all(|column| *column == "id" || seen.contains(column)));
    let good = rows(&database);
    let phases = database.psql(
        "SELECT id FROM project_phases WHERE description IS NULL AND total_budget > 0
            AND project_id <> (SELECT max(id::text)::uuid FROM projects) ORDER BY project_id, id",
    );
    let phases: Vec<&str> = phases.lines().take(EDITS.len()).collect();
    let mut expected: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for ((change, columns), phase) in EDITS.iter().zip(&phases) {
        database.psql(&format!("UPDATE project_phases SET {change} WHERE id = '{phase}'"));
        let values: Vec<String> =
            columns.iter().map(|column| format!("coalesce({column}::text, 'NULL')")).collect();
        let stood = database.psql(&format!(
            "SELECT concat_ws('~', {}) FROM project_phases WHERE id = '{phase}'",
            values.join(", ")
        ));
        let stood = stood.trim_end_matches('\n').split('~').map(str::to_owned);
        expected.insert((*phase).to_owned(), columns.iter().copied().zip(stood).collect());
    }
    assert_eq!(expected.len(), EDITS.len(), "there are too few phases");

    let (before, last) = (row_locations(&database), position(&database));
    let found = rebuilt(&database, &check()).await;
    assert!(before == row_locations(&database) && last == position(&database), "a check wrote");
    assert!(!found.is_right() && found.left == found.differences && found.repair_id().is_none());
    let mut named: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for drift in &found.differences {
        let DriftKind::Field { column, table, .. } = &drift.kind else { panic!("{drift}") };
        named.entry(drift.phase_id.to_string()).or_default().push((*column, table.clone()));
    }
    assert_eq!(named, expected);

    let options = RebuildOptions { metadata: metadata_of_ann(), ..RebuildOptions::default() };
    let done = rebuilt(&database, &options).await;
    assert_eq!((done.inserted(), done.updated(), done.deleted()), (0, EDITS.len() as u64, 0));
    assert!(done.is_right() && done.differences == found.differences, "{done:?}");
    assert!(good == rows(&database), "not as it was");
    assert_eq!(position(&database), last + 1);
    let (payload, metadata) = recorded(&database);
    assert!(metadata.contains("ann") && metadata.contains("night"), "{metadata}");
    let mut kept: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for drift in payload["differences"].as_array().unwrap() {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let column = COLUMNS.into_iter().find(|column| drift["kind"]["column"] == *column).unwrap();
        kept.entry(text(&drift["phase_id"])).or_default().push((column, text(&drift["kind"]["table"])));
    }
    assert_eq!(kept, expected, "what stood there is not in the log");
    let again = rebuilt(&database, &options).await;
    assert!(again.repair_id().is_none() && position(&database) == last + 1, "written twice");
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn missing_rows_are_rebuilt_with_ids_and_timestamps() {
    let database = timeline_shape(5);
    write_concurrently(&database, 421).await;
    let good = rows(&database);
    let all = good.lines().count() as u64;
    for (statement, missing) in [
        ("DELETE FROM project_phases WHERE id = (SELECT min(id::text)::uuid FROM project_phases)", 1),
        ("TRUNCATE project_phases", all),
    ] {
        database.psql(statement);
        let done = rebuilt(&database, &RebuildOptions::default()).await;
        assert_eq!((done.inserted(), done.updated(), done.deleted(), done.phases), (missing, 0, 0, all));
        assert!(done.differences.iter().all(|drift| drift.kind == DriftKind::Missing));
        assert!(good == rows(&database), "{statement}: not as it was");
        let (payload, _) = recorded(&database);
        assert_eq!(payload["differences"].as_array().unwrap().len() as u64, missing, "few are listed");
        assert!(payload["missing_rows"].is_null());
    }
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn views_grants_keys_and_comments_of_the_users_stay() {
    let database = timeline_shape(5);
    database.psql(
        "CREATE VIEW public.totals AS SELECT project_id, sum(total_budget) FROM project_phases GROUP BY 1;
         CREATE TABLE public.notes (phase uuid REFERENCES project_phases (id) DEFERRABLE, text text);
         INSERT INTO public.notes SELECT id, name FROM project_phases;
         GRANT SELECT ON project_phases TO PUBLIC; COMMENT ON TABLE project_phases IS 'theirs'",
    );
    let definitions = || database.dump(&["--schema=public", "--schema-only"]);
    let (before, good) = (definitions(), rows(&database));
    let place = || database.psql("SELECT oid, relfilenode FROM pg_class WHERE relname = 'project_phases'");
    let stood = place();
    database.psql(
        "UPDATE project_phases SET name = 'by hand', capital_budget = 0, total_budget = expense_budget",
    );
    let done = rebuilt(&database, &RebuildOptions::default()).await;
    assert_eq!(done.updated(), good.lines().count() as u64);
    assert!(good == rows(&database) && before == definitions());
    assert_eq!(stood, place(), "it is another table");
}
