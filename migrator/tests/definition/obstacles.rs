//! A round trip refuses by name everything that it cannot restore.

use phaseline_migrator::definition::{
    DefinitionError, NeededName, RebuiltTable, missing_privileges, names_taken, notes, obstacles,
};
use sqlx::Connection;

use crate::fixture::{Fixture, definition_of};

pub(crate) const PHASES: RebuiltTable<'_> = RebuiltTable {
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
pub(crate) const ASSIGNMENTS: RebuiltTable<'_> = RebuiltTable {
    schema: "public",
    table: "resource_assignments",
    going_columns: &["project_phase_id"],
    expected_columns: None,
    rebuilt: true,
};

/// Table and object of each obstacle, found by a role that may only read.
pub(crate) async fn found(fixture: &Fixture, tables: &[RebuiltTable<'_>]) -> Vec<String> {
    let reader = fixture.role("reader");
    fixture.database.psql(&format!("DROP ROLE IF EXISTS \"{reader}\"; CREATE ROLE \"{reader}\""));
    let mut conn = fixture.connect().await;
    sqlx::raw_sql(&format!("SET SESSION AUTHORIZATION \"{reader}\"")).execute(&mut conn).await.unwrap();
    let mut tx = conn.begin_with("BEGIN READ ONLY").await.unwrap();
    let found = obstacles(&mut tx, tables, &[]).await.unwrap();
    assert!(found.iter().all(|obstacle| !obstacle.reason.is_empty() && !obstacle.remedy.is_empty()));
    let mut found: Vec<String> = found.into_iter().map(|o| format!("{}: {}", o.table, o.object)).collect();
    found.sort();
    found
}

pub(crate) fn sorted(mut expected: Vec<&str>) -> Vec<&str> {
    expected.sort();
    expected
}

#[tokio::test]
async fn the_planners_tables_and_all_that_can_be_carried_over_raise_no_obstacle() {
    for fixture in [Fixture::bare(), Fixture::with_objects()] {
        assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_dependent_is_named_at_once() {
    let fixture = Fixture::bare();
    fixture.database.psql(
        r#"
        CREATE VIEW "Odd view" AS SELECT phase_type FROM project_phases;
        CREATE VIEW carried AS SELECT id FROM project_phases;
        CREATE RULE in_view AS ON INSERT TO carried DO INSTEAD DELETE FROM project_phases WHERE false;
        CREATE VIEW on_view AS SELECT * FROM "Odd view";
        CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM resource_assignments;
        CREATE MATERIALIZED VIEW of_counted AS SELECT count FROM counted;
        CREATE DOMAIN checked AS text CHECK (VALUE <> 'b');
        CREATE MATERIALIZED VIEW of_domain AS SELECT count, '{a}'::checked[] AS words FROM of_counted;
        CREATE MATERIALIZED VIEW of_index AS SELECT id FROM project_phases;
        CREATE INDEX of_index_checked ON of_index (id) WHERE '{a}'::checked[] IS NOT NULL;
        CREATE TABLE of_view (line of_counted);
        CREATE RULE a_rule AS ON DELETE TO project_phases DO INSTEAD NOTHING;
        CREATE RULE elsewhere AS ON INSERT TO projects DO ALSO DELETE FROM project_phases WHERE false;
        CREATE FUNCTION sql_body() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM project_phases; END;
        CREATE FUNCTION argument(p project_phases) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION returned() RETURNS SETOF resource_assignments LANGUAGE sql AS 'SELECT * FROM resource_assignments';
        CREATE TABLE of_row_type (phase project_phases, phases project_phases[]);
        CREATE DOMAIN domain_of_row AS project_phases;
        CREATE SEQUENCE owned OWNED BY resource_assignments.project_phase_id;
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
            "public.project_phases: rule a_rule on table public.project_phases",
            "public.project_phases: rule in_view on view public.carried",
            "public.project_phases: rule elsewhere on table public.projects",
            "public.project_phases: function public.sql_body()",
            "public.project_phases: function public.argument(public.project_phases)",
            "public.resource_assignments: function public.returned()",
            "public.project_phases: column phase of table public.of_row_type",
            "public.project_phases: column phases of table public.of_row_type",
            "public.of_counted: materialized view public.of_domain",
            "public.project_phases: materialized view public.of_index",
            "public.of_counted: column line of table public.of_view",
            "public.project_phases: type public.domain_of_row",
            "public.resource_assignments: table public.child",
            "public.resource_assignments: sequence public.owned",
            "public.project_phases: policy elsewhere on table public.projects",
            "public.project_phases: trigger from_phases on table public.projects",
            "public.project_phases: constraint parted_id_fkey on table public.parted",
            "public.project_phases: cast from public.project_phases to text",
            "public.project_phases: default value for column phase of table public.beyond",
        ])
    );
}

#[tokio::test]
async fn an_object_that_uses_a_dropped_column_and_stays_is_named() {
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
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, sorted(expected));

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
    assert_eq!(
        found(&fixture, &[PHASES]).await,
        ["public.project_phases: column kind", "public.project_phases: column phase_type"]
    );
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

/// What a role may not replace is listed with the missing privileges.
#[tokio::test]
async fn views_are_obstacles_if_they_use_a_dropped_column_or_a_domain() {
    let fixture = Fixture::bare();
    let (operator, other) = (fixture.role("operator"), fixture.role("other"));
    fixture.database.psql(&format!(
        r#"
        DROP ROLE IF EXISTS "{operator}"; CREATE ROLE "{operator}";
        DROP ROLE IF EXISTS "{other}"; CREATE ROLE "{other}";
        CREATE VIEW of_type AS SELECT phase_type FROM project_phases;
        CREATE VIEW own AS SELECT id FROM project_phases;
        ALTER VIEW own OWNER TO "{operator}";
        GRANT CREATE ON SCHEMA public TO "{operator}";
        CREATE DOMAIN checked AS text CHECK (VALUE <> 'b');
        CREATE VIEW of_domain AS SELECT id, '{{a}}'::checked[] AS words FROM project_phases;
        CREATE VIEW theirs AS SELECT id FROM project_phases;
        ALTER VIEW theirs OWNER TO "{other}";
        "#
    ));
    let mut conn = fixture.connect().await;
    let objects = async |conn: &mut sqlx::PgConnection| {
        let mut transaction = conn.begin().await.unwrap();
        let found = obstacles(&mut transaction, &[PHASES], &[]).await.unwrap();
        found.into_iter().map(|obstacle| obstacle.object).collect::<Vec<_>>()
    };
    // The domain's check would run with the rights of this role when the definition is read.
    let always = ["view public.of_domain", "view public.of_type"];
    assert_eq!(objects(&mut conn).await, always);
    sqlx::raw_sql(&format!("SET SESSION AUTHORIZATION \"{operator}\"")).execute(&mut conn).await.unwrap();
    assert_eq!(objects(&mut conn).await, always);
    let missing = async |conn: &mut sqlx::PgConnection| {
        let mut transaction = conn.begin().await.unwrap();
        let phases = definition_of(&mut transaction, "project_phases").await;
        let missing = missing_privileges(&mut transaction, None, "pg_temp", &[&phases]).await.unwrap();
        missing.into_iter().map(|missing| missing.reason).collect::<Vec<_>>()
    };
    let of_view = format!(
        "{operator} does not have the rights of {other}, the owner of view \"public\".\"theirs\", whose definition is replaced"
    );
    let of_schema = format!("{operator} may not create objects in schema public");
    let lacking = missing(&mut conn).await;
    assert!(lacking.contains(&of_view) && !lacking.contains(&of_schema), "{lacking:#?}");
    fixture.database.psql(&format!(
        "GRANT \"{other}\" TO \"{operator}\"; REVOKE CREATE ON SCHEMA public FROM \"{operator}\""
    ));
    let lacking = missing(&mut conn).await;
    assert!(!lacking.contains(&of_view) && lacking.contains(&of_schema), "{lacking:#?}");
}

/// The owner of the function of an event trigger may replace it while the run waits for a lock.
#[tokio::test]
async fn event_triggers_of_other_roles_are_obstacles_and_trusted_ones_notes() {
    let fixture = Fixture::bare();
    fixture.database.psql(
        r#"
        CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE FUNCTION theirs() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        ALTER FUNCTION theirs() OWNER TO pg_monitor;
        CREATE EVENT TRIGGER "Odd guard" ON ddl_command_start EXECUTE FUNCTION seen();
        CREATE EVENT TRIGGER drops ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP AGGREGATE') EXECUTE FUNCTION theirs();
        CREATE EVENT TRIGGER views ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION theirs();
        CREATE EVENT TRIGGER other ON ddl_command_end WHEN TAG IN ('CREATE AGGREGATE') EXECUTE FUNCTION theirs();
        CREATE EVENT TRIGGER off ON ddl_command_end EXECUTE FUNCTION theirs();
        ALTER EVENT TRIGGER off DISABLE;
        "#,
    );
    assert_eq!(found(&fixture, &[PHASES]).await, [": event trigger \"drops\"", ": event trigger \"views\""]);
    let mut conn = fixture.connect().await;
    let mut transaction = conn.begin().await.unwrap();
    let notes = notes(&mut transaction, &[PHASES]).await.unwrap();
    let objects: Vec<&str> = notes.iter().map(|note| note.object.as_str()).collect();
    assert_eq!(objects, ["event trigger \"Odd guard\""]);
}

#[tokio::test]
async fn conflicting_names_are_reported() {
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
async fn notes_list_objects_that_are_not_restored_or_may_fail() {
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
