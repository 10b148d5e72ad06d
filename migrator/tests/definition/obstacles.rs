//! Everything that the round trip cannot carry over is refused by name.

use phaseline_migrator::definition::{
    DefinitionError, NeededName, RebuiltTable, names_taken, notes, obstacles,
};
use sqlx::Connection;

use crate::fixture::{Fixture, assert_same_dumps, definition_of, down, rebuild, up};

const PHASES: RebuiltTable<'_> = RebuiltTable {
    schema: "public",
    table: "project_phases",
    going_columns: &["phase_type"],
    expected_columns: Some(&[
        "project_id",
        "phase_type",
        "capital_budget",
        "expense_budget",
        "total_budget",
        "id",
        "created_at",
        "updated_at",
    ]),
    rebuilt: true,
};
const ASSIGNMENTS: RebuiltTable<'_> = RebuiltTable {
    schema: "public",
    table: "resource_assignments",
    going_columns: &["project_phase_id"],
    expected_columns: None,
    rebuilt: true,
};

/// Table and object of each obstacle, found by a role that may only read.
async fn found(fixture: &Fixture, tables: &[RebuiltTable<'_>]) -> Vec<String> {
    let reader = fixture.role("reader");
    fixture.database.psql(&format!("DROP ROLE IF EXISTS \"{reader}\"; CREATE ROLE \"{reader}\""));
    let mut conn = fixture.connect().await;
    sqlx::raw_sql(&format!("SET SESSION AUTHORIZATION \"{reader}\"")).execute(&mut conn).await.unwrap();
    let mut tx = conn.begin_with("BEGIN READ ONLY").await.unwrap();
    let found = obstacles(&mut tx, tables).await.unwrap();
    assert!(found.iter().all(|obstacle| !obstacle.reason.is_empty() && !obstacle.remedy.is_empty()));
    let mut found: Vec<String> = found.into_iter().map(|o| format!("{}: {}", o.table, o.object)).collect();
    found.sort();
    found
}

fn sorted(mut expected: Vec<&str>) -> Vec<&str> {
    expected.sort();
    expected
}

#[tokio::test]
async fn the_planners_tables_and_all_that_can_be_carried_over_raise_no_obstacle() {
    for fixture in [Fixture::bare(), Fixture::decorated()] {
        assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_dependent_is_named_at_once() {
    let fixture = Fixture::bare();
    fixture.database.psql(
        r#"
        CREATE VIEW "Odd view" AS SELECT id FROM project_phases;
        CREATE VIEW on_view AS SELECT * FROM "Odd view";
        CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM resource_assignments;
        CREATE RULE a_rule AS ON DELETE TO project_phases DO INSTEAD NOTHING;
        CREATE RULE elsewhere AS ON INSERT TO projects DO ALSO DELETE FROM project_phases WHERE false;
        CREATE FUNCTION sql_body() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM project_phases; END;
        CREATE FUNCTION argument(p project_phases) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION returned() RETURNS SETOF resource_assignments LANGUAGE sql AS 'SELECT * FROM resource_assignments';
        CREATE TABLE of_row_type (phase project_phases, phases project_phases[]);
        CREATE DOMAIN domain_of_row AS project_phases;
        CREATE SEQUENCE owned OWNED BY resource_assignments.allocation_percentage;
        ALTER TABLE resource_assignments ADD COLUMN counter int GENERATED ALWAYS AS IDENTITY;
        CREATE TABLE child () INHERITS (resource_assignments);
        CREATE POLICY elsewhere ON projects USING (EXISTS (SELECT FROM project_phases p WHERE p.project_id = projects.id));
        CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE CONSTRAINT TRIGGER from_phases AFTER INSERT ON projects FROM project_phases
            FOR EACH ROW EXECUTE FUNCTION noop();
        CREATE TABLE parted (id uuid REFERENCES project_phases) PARTITION BY HASH (id);
        CREATE CAST (project_phases AS text) WITH INOUT;
        CREATE TABLE beyond (phase uuid DEFAULT ('project_phases'::regclass::oid)::text::uuid);
        "#,
    );
    assert_eq!(
        found(&fixture, &[PHASES, ASSIGNMENTS]).await,
        sorted(vec![
            r#"public.project_phases: view public."Odd view""#,
            "public.resource_assignments: materialized view public.counted",
            "public.project_phases: rule a_rule on table public.project_phases",
            "public.project_phases: rule elsewhere on table public.projects",
            "public.project_phases: function public.sql_body()",
            "public.project_phases: function public.argument(public.project_phases)",
            "public.resource_assignments: function public.returned()",
            "public.project_phases: column phase of table public.of_row_type",
            "public.project_phases: column phases of table public.of_row_type",
            "public.project_phases: type public.domain_of_row",
            "public.resource_assignments: table public.child",
            "public.resource_assignments: sequence public.owned",
            "public.resource_assignments: column counter",
            "public.project_phases: policy elsewhere on table public.projects",
            "public.project_phases: trigger from_phases on table public.projects",
            "public.project_phases: constraint parted_id_fkey on table public.parted",
            "public.project_phases: cast from public.project_phases to text",
            "public.project_phases: default value for column phase of table public.beyond",
        ])
    );
}

#[tokio::test]
async fn what_uses_a_going_column_and_would_have_to_stay_is_named() {
    let fixture = Fixture::bare();
    fixture.database.psql(
        r#"
        CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER update_of BEFORE UPDATE OF phase_type ON project_phases FOR EACH ROW EXECUTE FUNCTION noop();
        CREATE TRIGGER "When" BEFORE INSERT ON project_phases FOR EACH ROW WHEN (NEW.phase_type = 'PLANNING')
            EXECUTE FUNCTION noop();
        CREATE TRIGGER harmless BEFORE UPDATE OF id ON project_phases FOR EACH ROW EXECUTE FUNCTION noop();
        CREATE POLICY on_type ON project_phases USING (phase_type = 'PLANNING');
        CREATE PUBLICATION of_column FOR TABLE project_phases (id, phase_type);
        CREATE PUBLICATION of_rows FOR TABLE resource_assignments WHERE (project_phase_id IS NOT NULL);
        ALTER TABLE resource_assignments ADD COLUMN copy uuid GENERATED ALWAYS AS (project_phase_id) STORED;
        ALTER TABLE project_phases ADD UNIQUE (id, phase_type), ADD COLUMN more int;
        CREATE TABLE typed (id uuid, type phasetype, FOREIGN KEY (id, type) REFERENCES project_phases (id, phase_type));
        CREATE TABLE elsewhere AS SELECT id FROM project_phases;
        ALTER TABLE elsewhere ADD PRIMARY KEY (id);
        ALTER TABLE resource_assignments ADD CONSTRAINT to_elsewhere FOREIGN KEY (project_phase_id) REFERENCES elsewhere;
        CREATE VIEW by_phase AS SELECT project_phase_id FROM resource_assignments;
        CREATE VIEW other AS SELECT resource_id FROM resource_assignments;
        "#,
    );
    let in_place = RebuiltTable { rebuilt: false, ..ASSIGNMENTS };
    let expected = vec![
        "public.project_phases: trigger update_of on table public.project_phases",
        "public.project_phases: trigger When on table public.project_phases",
        "public.project_phases: policy on_type on table public.project_phases",
        "public.project_phases: publication of table public.project_phases in publication of_column",
        "public.resource_assignments: publication of table public.resource_assignments in publication of_rows",
        "public.resource_assignments: column copy",
        "public.project_phases: constraint typed_id_type_fkey on table public.typed",
        "public.project_phases: column more",
        "public.resource_assignments: constraint to_elsewhere on table public.resource_assignments",
        "public.resource_assignments: view public.by_phase",
    ];
    assert_eq!(found(&fixture, &[PHASES, in_place]).await, sorted(expected.clone()));
    let rebuilt = [expected, vec!["public.resource_assignments: view public.other"]].concat();
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, sorted(rebuilt));

    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    let mut phases = definition_of(&mut tx, "project_phases").await;
    let before = phases.clone();
    let Err(DefinitionError::ColumnInUse { users, .. }) = phases.detach_column("phase_type") else {
        panic!("taken");
    };
    assert_eq!(
        users,
        "policy on_type, trigger When, trigger update_of, publication of_column, \
         foreign key typed_id_type_fkey of public.typed"
    );
    assert_eq!(phases, before);
}

#[tokio::test]
async fn tables_of_another_kind_are_refused() {
    for (ddl, expected) in [
        (
            "ALTER TABLE resource_assignments DROP CONSTRAINT resource_assignments_project_phase_id_fkey; \
          ALTER TABLE project_phases SET UNLOGGED",
            vec!["public.project_phases: table public.project_phases"],
        ),
        (
            "DROP TABLE project_phases CASCADE; CREATE TABLE project_phases (id uuid, phase_type phasetype) \
          PARTITION BY HASH (id); CREATE TABLE part PARTITION OF project_phases FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            vec![
                "public.project_phases: table public.part",
                "public.project_phases: table public.project_phases",
            ],
        ),
        (
            "CREATE TABLE parent (id uuid NOT NULL); ALTER TABLE project_phases INHERIT parent",
            vec!["public.project_phases: table public.parent"],
        ),
        (
            "ALTER EXTENSION plpgsql ADD TABLE project_phases",
            vec!["public.project_phases: extension plpgsql"],
        ),
    ] {
        let fixture = Fixture::bare();
        fixture.database.psql(ddl);
        let phases = RebuiltTable { expected_columns: None, ..PHASES };
        assert_eq!(found(&fixture, &[phases, ASSIGNMENTS]).await, expected, "{ddl}");
    }
}

#[tokio::test]
async fn a_table_without_the_planners_columns_is_refused() {
    let fixture = Fixture::bare();
    fixture.database.psql("ALTER TABLE project_phases RENAME COLUMN phase_type TO kind");
    let mut found = found(&fixture, &[PHASES]).await;
    // Since 18 a NOT NULL has a name, which keeps the column's old one.
    found.retain(|obstacle| !obstacle.contains("constraint project_phases_phase_type_not_null"));
    assert_eq!(found, ["public.project_phases: column kind", "public.project_phases: column phase_type"]);
}

#[tokio::test]
async fn grants_that_cannot_be_repeated_are_refused() {
    let fixture = Fixture::bare();
    let [owner, heir, alice, carol] = ["owner", "heir", "alice", "carol"].map(|name| fixture.role(name));
    fixture.database.psql(&format!(
        "CREATE ROLE {owner}; CREATE ROLE {heir}; CREATE ROLE {alice}; CREATE ROLE {carol};
         ALTER TABLE project_phases OWNER TO {owner};
         GRANT SELECT ON project_phases TO {heir}, {alice}, {carol} WITH GRANT OPTION;
         SET ROLE {heir}; GRANT SELECT ON project_phases TO PUBLIC; RESET ROLE;
         GRANT {owner} TO {heir};
         -- The grant option that the first item rests on is replaced by a later one.
         SET ROLE {alice}; GRANT SELECT ON project_phases TO {owner}; RESET ROLE;
         SET ROLE {carol}; GRANT SELECT ON project_phases TO {alice} WITH GRANT OPTION; RESET ROLE;
         SET ROLE {owner}; REVOKE SELECT ON project_phases FROM {alice}; RESET ROLE"
    ));
    assert_eq!(
        found(&fixture, &[PHASES]).await,
        [
            format!("public.project_phases: grant by \"{alice}\" to \"{owner}\""),
            format!("public.project_phases: grant by {heir} to PUBLIC"),
        ]
    );
}

#[tokio::test]
async fn event_triggers_that_would_see_the_ddl_are_named() {
    let fixture = Fixture::bare();
    fixture.database.psql(
        r#"
        CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER "Odd guard" ON ddl_command_start EXECUTE FUNCTION seen();
        CREATE EVENT TRIGGER drops ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW') EXECUTE FUNCTION seen();
        CREATE EVENT TRIGGER other ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION seen();
        CREATE EVENT TRIGGER off ON ddl_command_end EXECUTE FUNCTION seen();
        ALTER EVENT TRIGGER off DISABLE;
        "#,
    );
    assert_eq!(
        found(&fixture, &[PHASES]).await,
        [": event trigger \"Odd guard\"", ": event trigger \"drops\""]
    );
}

#[tokio::test]
async fn names_in_the_way_are_told() {
    let fixture = Fixture::bare();
    fixture.database.psql(
        "CREATE VIEW ix_project_phases_start_date AS SELECT 1;
         ALTER TABLE project_phases ADD CONSTRAINT check_phase_dates CHECK (true);
         CREATE SCHEMA phaseline_shadow",
    );
    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    let needed = [
        NeededName::relation("public", "ix_project_phases_start_date"),
        NeededName::relation("public", "ix_project_phases_end_date"),
        NeededName::constraint("public", "project_phases", "check_phase_dates"),
        NeededName::constraint("public", "projects", "check_phase_dates"),
        NeededName::Schema("phaseline_shadow".into()),
    ];
    let taken = names_taken(&mut tx, &needed).await.unwrap();
    let objects: Vec<&str> = taken.iter().map(|obstacle| obstacle.object.as_str()).collect();
    assert_eq!(
        objects,
        [
            "view public.ix_project_phases_start_date",
            "constraint check_phase_dates on table public.project_phases",
            "schema phaseline_shadow",
        ]
    );
}

#[tokio::test]
async fn notes_tell_what_will_not_come_back_or_may_break() {
    let fixture = Fixture::bare();
    let publication = fixture.role("all");
    fixture.database.psql(&format!(
        "CREATE PUBLICATION {publication} FOR ALL TABLES;
         CREATE FUNCTION reads() RETURNS void LANGUAGE sql AS $$SELECT phase_type FROM project_phases$$;
         CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.phase_type := NULL; RETURN NEW; END';
         CREATE FUNCTION other() RETURNS void LANGUAGE sql AS 'SELECT 1 AS phase_type';
         CREATE TRIGGER fires BEFORE INSERT ON project_phases FOR EACH ROW EXECUTE FUNCTION fires();
         CREATE INDEX broken ON project_phases (created_at);
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass"
    ));
    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    let found = notes(&mut tx, &[PHASES]).await.unwrap();
    let objects: Vec<&str> = found.iter().map(|note| note.object.as_str()).collect();
    let publication = format!("publication {publication}");
    assert_eq!(
        objects,
        ["function public.fires()", "function public.reads()", "index public.broken", &publication]
    );
    let phases = definition_of(&mut tx, "project_phases").await;
    assert!(phases.indexes.iter().all(|index| index.name != "broken"));
}

/// Options and codes that a newer PostgreSQL may bring, put into the catalogue by hand.
#[tokio::test]
async fn what_this_program_does_not_know_is_refused_by_name_and_what_the_server_keeps_is_not() {
    let fixture = Fixture::decorated();
    let before = fixture.dumps();
    // The server's own do not stand in the way, wherever they are, and are no part of the definition.
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
    let kept = up(&mut conn).await;
    down(&mut conn, &kept).await;
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

/// The lists of options name nothing that the server does not know: each can be set.
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
    let decorated = fixture.dumps();
    assert_ne!(before, decorated);
    let open = RebuiltTable { expected_columns: None, ..PHASES };
    assert_eq!(found(&fixture, &[open, ASSIGNMENTS]).await, Vec::<String>::new());
    rebuild(&mut fixture.connect().await).await;
    assert_same_dumps(&decorated, &fixture.dumps());
}

/// The lists of options lack nothing that the server knows: of all words in its program, those that it takes as options of a
/// table, a column or an index raise no obstacle.
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
    // An option that the server does not know "unrecognized"; any other complaint is about the value.
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

/// Since 18 NOT NULL is a constraint; only the plain one is carried over.
#[tokio::test]
async fn a_not_null_that_says_more_and_a_virtual_column_are_refused_by_name() {
    let fixture = Fixture::bare();
    if fixture.database.psql("SHOW server_version_num").parse::<u32>().unwrap() < 180_000 {
        eprintln!("SKIPPED: before PostgreSQL 18 NOT NULL has no name");
        return;
    }
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
    fixture.database.psql(
        "ALTER TABLE project_phases RENAME CONSTRAINT project_phases_total_budget_not_null TO total_is_needed;
         COMMENT ON CONSTRAINT resource_assignments_assignment_date_not_null ON resource_assignments IS 'every day';
         ALTER TABLE resource_assignments ADD note text;
         ALTER TABLE resource_assignments ADD CONSTRAINT resource_assignments_note_not_null NOT NULL note NOT VALID;
         ALTER TABLE resource_assignments ADD currency text GENERATED ALWAYS AS ('EUR')",
    );
    assert_eq!(
        found(&fixture, &[PHASES, ASSIGNMENTS]).await,
        sorted(vec![
            "public.project_phases: constraint total_is_needed on table public.project_phases",
            "public.resource_assignments: constraint resource_assignments_assignment_date_not_null on table \
             public.resource_assignments",
            "public.resource_assignments: constraint resource_assignments_note_not_null on table \
             public.resource_assignments",
            "public.resource_assignments: column currency of table public.resource_assignments (virtual)",
        ])
    );
    fixture.database.psql(
        "ALTER TABLE project_phases RENAME CONSTRAINT total_is_needed TO project_phases_total_budget_not_null;
         COMMENT ON CONSTRAINT resource_assignments_assignment_date_not_null ON resource_assignments IS NULL;
         UPDATE resource_assignments SET note = '';
         ALTER TABLE resource_assignments VALIDATE CONSTRAINT resource_assignments_note_not_null, DROP COLUMN currency",
    );
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
    // PostgreSQL cuts the parts of a name that is too long, the longer one first; any other name is the user's.
    for length in [20, 26, 27, 33, 34, 40, 63] {
        let column = "c".repeat(length);
        fixture
            .database
            .psql(&format!("ALTER TABLE resource_assignments ADD {column} int NOT NULL DEFAULT 1"));
        assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new(), "{length}");
        fixture.database.psql(&format!(
            "ALTER TABLE resource_assignments DROP {column}, ADD {column} int CONSTRAINT mine_not_null NOT NULL DEFAULT 1"
        ));
        let [mine] = &found(&fixture, &[PHASES, ASSIGNMENTS]).await[..] else { panic!("{length}") };
        assert!(mine.contains("constraint mine_not_null"), "{mine}");
        fixture.database.psql(&format!("ALTER TABLE resource_assignments DROP {column}"));
    }
}
