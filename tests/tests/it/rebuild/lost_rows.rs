//! A table that lost most rows is filled without its indexes and foreign keys, and has them all again.

use super::{check, connection, row_locations, rows, timeline_shape, try_rebuild};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::progress::Progress;
use phaseline_projections::rebuild::{READERS_WAIT, RebuildOptions, Rebuilt};
use std::sync::Mutex;

/// Enough projects for a table that is worth it.
const PROJECTS: u32 = 900;

/// What others added to the table, and what depends on it.
const ADDED: &str = "
    COMMENT ON INDEX ix_project_phases_start_date IS 'for the report';
    CREATE INDEX dba_by_name ON project_phases (name DESC NULLS LAST, end_date) INCLUDE (description) WITH (fillfactor = 60);
    CREATE INDEX dba_short ON project_phases (id) WHERE end_date - start_date < 7;
    CREATE UNIQUE INDEX dba_once ON project_phases (id, project_id);
    CREATE INDEX dba_clustered ON project_phases (end_date);
    ALTER TABLE project_phases CLUSTER ON dba_clustered, REPLICA IDENTITY USING INDEX dba_once;
    CREATE TABLE dba_notes (phase uuid REFERENCES project_phases ON DELETE CASCADE DEFERRABLE);
    CREATE VIEW dba_sums AS SELECT project_id, sum(total_budget) FROM project_phases GROUP BY project_id;
    CREATE PUBLICATION dba_phases FOR TABLE project_phases;
    CREATE STATISTICS dba_dates ON start_date, end_date FROM project_phases;
    GRANT SELECT ON project_phases TO PUBLIC;
    COMMENT ON TABLE project_phases IS 'phases'";

/// Records notes.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn step(&self, _name: &str, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// A rebuild, and its notes.
async fn noted(database: &TestDatabase, options: &RebuildOptions) -> (Rebuilt, Vec<String>) {
    let notes = Notes::default();
    let rebuilt = try_rebuild(database, options, &notes).await.unwrap();
    (rebuilt, notes.0.into_inner().unwrap())
}

/// Each index and constraint of the table with its object id.
fn objects(database: &TestDatabase) -> Vec<String> {
    let text = database.psql(
        "SELECT 'index ' || c.relname, c.oid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
          WHERE i.indrelid = 'project_phases'::regclass
         UNION ALL SELECT 'constraint ' || conname, oid FROM pg_constraint WHERE conrelid = 'project_phases'::regclass
          ORDER BY 1",
    );
    text.lines().map(str::to_owned).collect()
}

/// The names of those objects that are others than before.
fn made_again(before: &[String], after: &[String]) -> Vec<String> {
    let name = |line: &String| line.split('|').next().unwrap_or_default().to_owned();
    assert_eq!(before.iter().map(name).collect::<Vec<_>>(), after.iter().map(name).collect::<Vec<_>>());
    after.iter().filter(|line| !before.contains(line)).map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_table_is_filled_and_its_definition_stays() {
    let database = timeline_shape(PROJECTS);
    database.psql(ADDED);
    let (schema, good, before) = (database.dump(&["--schema-only"]), rows(&database), objects(&database));
    for lose in [
        "TRUNCATE project_phases CASCADE",
        "DELETE FROM project_phases WHERE id > (SELECT id FROM project_phases ORDER BY id OFFSET 99 LIMIT 1)",
    ] {
        database.psql(lose);
        let (checked, notes) = noted(&database, &check()).await;
        assert!(checked.readers_wait && notes.is_empty(), "{lose}: {notes:?}");
        let (rebuilt, notes) = noted(&database, &RebuildOptions::default()).await;
        assert_eq!(notes, [READERS_WAIT], "{lose}");
        assert!(rebuilt.is_right() && rebuilt.inserted() > 1000, "{lose}: {} rows", rebuilt.inserted());
        assert!(rows(&database) == good, "{lose}: other rows");
        assert_eq!(database.dump(&["--schema-only"]), schema, "{lose}");
    }
    assert_eq!(
        made_again(&before, &objects(&database)),
        [
            "constraint project_phases_project_id_fkey",
            "index dba_by_name",
            "index ix_project_phases_end_date",
            "index ix_project_phases_id",
            "index ix_project_phases_project_id",
        ]
    );
}

/// Nothing refers to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primary_key_of_a_lost_table_is_made_again_too() {
    let database = timeline_shape(PROJECTS);
    let (schema, good, before) = (database.dump(&["--schema-only"]), rows(&database), objects(&database));
    database.psql("TRUNCATE project_phases");
    let (rebuilt, notes) = noted(&database, &RebuildOptions::default()).await;
    assert!(rebuilt.is_right() && notes == [READERS_WAIT] && rows(&database) == good, "{notes:?}");
    assert_eq!(database.dump(&["--schema-only"]), schema);
    let again = made_again(&before, &objects(&database));
    for object in ["constraint project_phases_pkey", "index project_phases_pkey"] {
        assert!(again.contains(&object.to_owned()), "{object}: {again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_table_that_somebody_reads_is_filled_row_by_row() {
    let database = timeline_shape(PROJECTS);
    let (good, before) = (rows(&database), objects(&database));
    let mut reader = connection(&database).await;
    database.psql("DELETE FROM project_phases");
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM public.project_phases").execute(&mut reader).await.unwrap();
    let (rebuilt, notes) = noted(&database, &RebuildOptions::default()).await;
    assert_eq!((notes.len(), notes[0].as_str()), (2, READERS_WAIT), "{notes:?}");
    assert!(rebuilt.is_right() && rows(&database) == good);
    assert_eq!(objects(&database), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_wait_only_for_many_rows_of_a_table_without_triggers() {
    let database = timeline_shape(PROJECTS);
    let before = objects(&database);
    database
        .psql("DELETE FROM project_phases WHERE id IN (SELECT id FROM project_phases ORDER BY id LIMIT 400)");
    let (checked, _) = noted(&database, &check()).await;
    let (rebuilt, notes) = noted(&database, &RebuildOptions::default()).await;
    assert!(!checked.readers_wait && notes.is_empty() && rebuilt.inserted() == 400, "a part: {notes:?}");

    database.psql(
        "CREATE FUNCTION dba_count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER dba_count BEFORE INSERT ON project_phases FOR EACH ROW EXECUTE FUNCTION dba_count();
         DELETE FROM project_phases",
    );
    let (checked, _) = noted(&database, &check()).await;
    let (rebuilt, notes) = noted(&database, &RebuildOptions::default()).await;
    assert!(!checked.readers_wait && notes.is_empty() && rebuilt.is_right(), "a trigger: {notes:?}");
    assert_eq!(objects(&database), before);

    let written = row_locations(&database);
    let (_, notes) = noted(&database, &RebuildOptions::default()).await;
    assert!(notes.is_empty() && row_locations(&database) == written, "rows that are right were written");
}
