//! Options and codes that this program does not know, or that belong to the server.

use crate::obstacles::{ASSIGNMENTS, PHASES, found, sorted};
use phaseline_migrator::definition::RebuiltTable;
use sqlx::Connection;

use crate::fixture::{Fixture, assert_same_dumps, definition_of, migrate, rebuild, roll_back};

/// Options and codes that a newer PostgreSQL may bring, inserted into the catalogue.
#[tokio::test]
async fn unknown_objects_are_refused_and_server_maintained_ones_are_not() {
    let fixture = Fixture::with_objects();
    let before = fixture.dumps();
    // Options of the server are accepted everywhere and are not part of the definition.
    fixture.database.psql(
        "UPDATE pg_class SET reloptions = array_append(reloptions, 'pg_relver=7') WHERE relname = 'project_phases';
         UPDATE pg_class SET reloptions = array_append(reloptions, 'pg_relver=8')
          WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE relname = 'resource_assignments');
         UPDATE pg_attribute SET attoptions = array_append(attoptions, 'pg_more=9')
          WHERE attrelid = 'project_phases'::regclass AND attnum > 0",
    );
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    for table in ["project_phases", "resource_assignments"] {
        let json = serde_json::to_string(&definition_of(&mut tx, table).await).unwrap();
        assert!(!json.contains("\"pg_"), "{json}");
    }
    tx.rollback().await.unwrap();
    let kept = migrate(&mut conn).await;
    roll_back(&mut conn, &kept).await;
    assert_same_dumps(&before, &fixture.dumps());

    let refused = Fixture::bare();
    refused.database.psql(
        "UPDATE pg_class SET reloptions = '{fillfactor=70,shape=round}' WHERE relname = 'project_phases';
         CREATE INDEX by_budget ON project_phases (total_budget) WITH (fillfactor = 60);
         UPDATE pg_class SET reloptions = '{fillfactor=60,shape=flat}' WHERE relname = 'by_budget';
         ALTER TABLE resource_assignments ADD COLUMN note text;
         UPDATE pg_class SET reloptions = '{shape=square}'
          WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE relname = 'resource_assignments');
         UPDATE pg_attribute SET attoptions = '{n_distinct=5,\"odd name=3\"}', attstorage = 'z'
          WHERE attrelid = 'resource_assignments'::regclass AND attname = 'note';
         UPDATE pg_class SET relreplident = 'z' WHERE relname = 'resource_assignments';
         CREATE INDEX by_words ON resource_assignments USING gist (to_tsvector('simple', note) tsvector_ops (siglen = 100));
         UPDATE pg_attribute SET attoptions = '{siglen=100,shape=1,pg_more=2}' WHERE attrelid = 'by_words'::regclass",
    );
    assert_eq!(
        found(&refused, &[PHASES, ASSIGNMENTS]).await,
        sorted(vec![
            "public.project_phases: option shape of table public.project_phases",
            "public.project_phases: option shape of index public.by_budget",
            "public.resource_assignments: option toast.shape of table public.resource_assignments",
            "public.resource_assignments: option odd name of column note of table public.resource_assignments",
            "public.resource_assignments: column note of table public.resource_assignments (storage 'z')",
            "public.resource_assignments: table public.resource_assignments (replica identity 'z')",
            "public.resource_assignments: option shape of column to_tsvector of index public.by_words",
            "public.resource_assignments: option pg_more of column to_tsvector of index public.by_words",
        ])
    );
}

/// Columns that a newer PostgreSQL may have in its catalogue: those with a value say something that would be lost.
#[tokio::test]
async fn a_value_in_an_unknown_column_of_the_catalogue_is_refused() {
    let fixture = Fixture::bare();
    let publication = fixture.role("pub");
    fixture.database.psql(&format!(
        "CREATE POLICY later ON project_phases USING (true);
         CREATE PUBLICATION {publication} FOR TABLE resource_assignments;
         SET allow_system_table_mods = on;
         ALTER TABLE pg_catalog.pg_policy ADD COLUMN pollater boolean DEFAULT true;
         ALTER TABLE pg_catalog.pg_publication_rel ADD COLUMN prlater boolean DEFAULT false"
    ));
    assert_eq!(
        found(&fixture, &[PHASES, ASSIGNMENTS]).await,
        ["public.project_phases: policy later on table public.project_phases (pollater true)"]
    );
}

/// The server accepts every option in the lists.
#[tokio::test]
async fn every_option_that_is_carried_over_is_one_of_the_server() {
    let fixture = Fixture::bare();
    let before = fixture.dumps();
    let version: u32 = fixture.database.psql("SHOW server_version_num").parse().unwrap();
    let of_both = [
        "autovacuum_enabled = on",
        "autovacuum_freeze_max_age = 200000",
        "autovacuum_freeze_min_age = 5",
        "autovacuum_freeze_table_age = 5",
        "autovacuum_multixact_freeze_max_age = 20000",
        "autovacuum_multixact_freeze_min_age = 5",
        "autovacuum_multixact_freeze_table_age = 5",
        "autovacuum_vacuum_cost_delay = 5",
        "autovacuum_vacuum_cost_limit = 5",
        "autovacuum_vacuum_insert_scale_factor = 0.5",
        "autovacuum_vacuum_insert_threshold = 5",
        "autovacuum_vacuum_scale_factor = 0.5",
        "autovacuum_vacuum_threshold = 5",
        "log_autovacuum_min_duration = 5",
        "vacuum_index_cleanup = off",
        "vacuum_truncate = off",
        // Since 18.
        "autovacuum_vacuum_max_threshold = 5",
        "vacuum_max_eager_freeze_failure_rate = 0.5",
    ];
    let known = if version >= 180_000 { &of_both[..] } else { &of_both[..16] };
    let (table_options, toast_options) = (known.join(", "), format!("toast.{}", known.join(", toast.")));
    for table in ["project_phases", "resource_assignments"] {
        fixture.database.psql(&format!(
            "ALTER TABLE {table} ADD COLUMN long text;
             ALTER TABLE {table} SET ({table_options}, autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 5,
                 fillfactor = 50, parallel_workers = 2, toast_tuple_target = 200, user_catalog_table = on);
             ALTER TABLE {table} SET ({toast_options});
             ALTER TABLE {table} ALTER COLUMN id SET (n_distinct = 5, n_distinct_inherited = 6);
             CREATE INDEX {table}_btree ON {table} (id) WITH (deduplicate_items = off, fillfactor = 50);
             CREATE INDEX {table}_hash ON {table} USING hash (id) WITH (fillfactor = 50);
             CREATE INDEX {table}_spgist ON {table} USING spgist (long) WITH (fillfactor = 50);
             CREATE INDEX {table}_gist ON {table} USING gist (point(1, 2)) WITH (buffering = off, fillfactor = 50);
             CREATE INDEX {table}_gin ON {table} USING gin ((ARRAY[long])) WITH (fastupdate = off, gin_pending_list_limit = 64);
             CREATE INDEX {table}_brin ON {table} USING brin (id) WITH (autosummarize = on, pages_per_range = 5)"
        ));
    }
    let with_objects = fixture.dumps();
    assert_ne!(before, with_objects);
    let open = RebuiltTable { expected_columns: None, ..PHASES };
    assert_eq!(found(&fixture, &[open, ASSIGNMENTS]).await, Vec::<String>::new());
    rebuild(&mut fixture.connect().await).await;
    assert_same_dumps(&with_objects, &fixture.dumps());
}

/// The lists of options are complete: all words in the server's program that it accepts as options of a table, a column or an index
/// are not obstacles.
#[tokio::test]
async fn every_option_of_the_server_is_carried_over() {
    let fixture = Fixture::bare();
    let program = std::fs::read(fixture.database.cluster().binaries().program("postgres")).unwrap();
    let of_name = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    let mut words: Vec<&str> = program
        .split(|byte| !of_name(byte))
        .filter(|word| (6..=60).contains(&word.len()) && word.contains(&b'_'))
        .filter_map(|word| std::str::from_utf8(word).ok())
        .collect();
    words.sort_unstable();
    words.dedup();
    // `fillfactor` and `buffering` have no underscore.
    words.extend(["fillfactor", "buffering", "fastupdate", "autosummarize"]);
    assert!(words.len() > 1_000 && words.contains(&"toast_tuple_target"), "{}", words.len());

    let mut conn = fixture.connect().await;
    sqlx::raw_sql(
        "ALTER TABLE resource_assignments ADD COLUMN long text;
         CREATE INDEX i_btree ON resource_assignments (id);
         CREATE INDEX i_hash ON resource_assignments USING hash (id);
         CREATE INDEX i_spgist ON resource_assignments USING spgist (long);
         CREATE INDEX i_gist ON resource_assignments USING gist (point(1, 2));
         CREATE INDEX i_gin ON resource_assignments USING gin ((ARRAY[long]));
         CREATE INDEX i_brin ON resource_assignments USING brin (id);
         CREATE TABLE set (statement text, option text)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    // The error for an unknown option has "unrecognized"; any other error is about the value.
    sqlx::query(
        "WITH target (statement) AS (VALUES
             ('ALTER TABLE resource_assignments SET (%I = %L)'), ('ALTER TABLE resource_assignments SET (toast.%I = %L)'),
             ('ALTER TABLE resource_assignments ALTER COLUMN id SET (%I = %L)'),
             ('ALTER INDEX i_btree SET (%I = %L)'), ('ALTER INDEX i_hash SET (%I = %L)'),
             ('ALTER INDEX i_spgist SET (%I = %L)'), ('ALTER INDEX i_gist SET (%I = %L)'),
             ('ALTER INDEX i_gin SET (%I = %L)'), ('ALTER INDEX i_brin SET (%I = %L)'))
         INSERT INTO set SELECT t.statement, w FROM target t, unnest($1::text[]) w",
    )
    .bind(&words)
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::raw_sql(
        "DO $$ DECLARE s record; value text;
         BEGIN
             FOR s IN SELECT * FROM set LOOP
                 -- Many values, since one is good for each option.
                 FOREACH value IN ARRAY '{64,1,off,0.5,2000000,nonsense}'::text[] LOOP
                     BEGIN
                         EXECUTE format(s.statement, s.option, value);
                         EXIT;
                     EXCEPTION WHEN OTHERS THEN
                         EXIT WHEN sqlerrm LIKE 'unrecognized %';
                     END;
                 END LOOP;
             END LOOP;
         END $$",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    let set: i64 = sqlx::query_scalar(
        "SELECT sum(cardinality(reloptions)) FROM pg_class
          WHERE oid IN ('resource_assignments'::regclass, 'i_btree'::regclass, 'i_gin'::regclass)",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(set > 20, "{set}");
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
}
