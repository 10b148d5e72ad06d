//! Every column by hand, and rows that are missing: found, written down, set right.

use super::{
    assert_no_drift, by_ann, check, new_shape, places, position, rebuilt, recorded, rows, several_write,
};
use crate::support::assert_verified;
use phaseline_projections::drift::DriftKind;
use phaseline_projections::project_phases::COLUMNS;
use phaseline_projections::rebuild::RebuildOptions;

/// So that everything can be written by hand.
const LOOSEN: &str = "
    ALTER TABLE project_phases ALTER name DROP NOT NULL, ALTER start_date DROP NOT NULL, ALTER end_date DROP NOT NULL,
        ALTER created_at DROP NOT NULL, ALTER updated_at DROP NOT NULL, ALTER project_id DROP NOT NULL,
        ALTER capital_budget DROP NOT NULL, ALTER expense_budget DROP NOT NULL, ALTER total_budget DROP NOT NULL,
        DROP CONSTRAINT check_budget_sum, DROP CONSTRAINT check_capital_budget_positive,
        DROP CONSTRAINT check_expense_budget_positive, DROP CONSTRAINT check_total_budget_positive, DROP CONSTRAINT check_phase_dates";

/// What is set in one row, and the columns that differ then.
const BY_HAND: &[(&str, &[&str])] = &[
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
async fn every_column_that_was_changed_by_hand_is_named_recorded_and_set_right() {
    let database = new_shape(3, 420).await;
    several_write(&database, 420).await;
    database.psql(LOOSEN);
    let good = rows(&database);
    let phase = database.psql(
        "SELECT id FROM project_phases WHERE description IS NULL
            AND project_id <> (SELECT max(id::text)::uuid FROM projects) ORDER BY id LIMIT 1",
    );
    let seen: std::collections::BTreeSet<&str> =
        BY_HAND.iter().flat_map(|(_, columns)| *columns).copied().collect();
    assert!(COLUMNS.iter().all(|column| *column == "id" || seen.contains(column)));
    for (change, columns) in BY_HAND {
        database.psql(&format!("UPDATE project_phases SET {change} WHERE id = '{}'", phase.trim()));
        let stood = |column: &str| {
            let value = format!(
                "SELECT coalesce({column}::text, 'NULL') FROM project_phases WHERE id = '{}'",
                phase.trim()
            );
            database.psql(&value).trim_end_matches('\n').to_owned()
        };
        let stood: Vec<String> = columns.iter().map(|column| stood(column)).collect();
        let (before, last) = (places(&database), position(&database).await);
        let found = rebuilt(&database, &check()).await;
        assert!(before == places(&database) && last == position(&database).await, "{change}: a check wrote");
        assert!(!found.is_right() && found.left == found.differences && found.repair_id.is_none());

        let options = RebuildOptions { metadata: by_ann(), ..RebuildOptions::default() };
        let done = rebuilt(&database, &options).await;
        assert_eq!((done.inserted, done.updated, done.deleted), (0, 1, 0), "{change}");
        assert!(done.is_right() && done.differences == found.differences, "{change}: {done:?}");
        let differing: Vec<&str> = done
            .differences
            .iter()
            .map(|drift| match &drift.kind {
                DriftKind::Field { column, .. } => *column,
                kind => panic!("{change}: {kind:?}"),
            })
            .collect();
        assert_eq!(differing, *columns, "{change}");
        assert!(good == rows(&database), "{change}: not as it was");

        let (payload, metadata) = recorded(&database);
        assert!(metadata.contains("ann") && metadata.contains("night"), "{metadata}");
        let kept: Vec<&str> = payload["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|drift| drift["kind"]["table"].as_str().unwrap())
            .collect();
        assert_eq!(kept, stood, "{change}: what stood there is not kept");
        assert_eq!(position(&database).await, last + 1, "{change}");
        let again = rebuilt(&database, &options).await;
        assert!(
            again.repair_id.is_none() && position(&database).await == last + 1,
            "{change}: written twice"
        );
    }
    assert_no_drift(&database).await;
}

#[tokio::test]
async fn missing_rows_come_back_with_their_ids_and_times() {
    let database = new_shape(6, 421).await;
    several_write(&database, 421).await;
    let good = rows(&database);
    let all = good.lines().count() as u64;
    for (statement, missing) in [
        ("DELETE FROM project_phases WHERE id = (SELECT min(id::text)::uuid FROM project_phases)", 1),
        ("TRUNCATE project_phases", all),
    ] {
        database.psql(statement);
        let done = rebuilt(&database, &RebuildOptions::default()).await;
        assert_eq!((done.inserted, done.updated, done.deleted, done.phases), (missing, 0, 0, all));
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
    let database = new_shape(3, 422).await;
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
    assert_eq!(done.updated, good.lines().count() as u64);
    assert!(good == rows(&database) && before == definitions());
    assert_eq!(stood, place(), "it is another table");
}
