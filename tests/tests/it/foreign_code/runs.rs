//! Code that migrations, rollbacks and repairs would run with the operator's rights.

use super::*;

#[tokio::test]
async fn functions_of_table_definitions_stop_a_superuser_not_their_owner() {
    for (carrier, sql) in [
        ("a check", "ALTER TABLE project_phases ADD CHECK (plant_in(id) IS NOT NULL)"),
        ("a check of assignments", "ALTER TABLE resource_assignments ADD CHECK (plant_in(id) IS NOT NULL)"),
        (
            "a generated column",
            "ALTER TABLE resource_assignments ADD planted uuid GENERATED ALWAYS AS (plant_in(id)) STORED",
        ),
        (
            "a domain",
            "CREATE DOMAIN planted AS text CHECK (plant_in(value) <> '');
             ALTER TABLE resource_assignments ADD planted planted DEFAULT 'x'",
        ),
        (
            "a domain in an array",
            "CREATE DOMAIN planted AS text CHECK (plant_in(value) <> '');
             ALTER TABLE resource_assignments ADD planted planted[] DEFAULT '{x}'",
        ),
        (
            "a cast",
            "CREATE FUNCTION plant_cast(phasetype) RETURNS text LANGUAGE plpgsql AS
                'BEGIN PERFORM public.plant(); RETURN ''PLANNING''; END';
             CREATE CAST (phasetype AS text) WITH FUNCTION plant_cast(phasetype)",
        ),
        (
            "an operator",
            "CREATE FUNCTION plant_op(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS
                'BEGIN RETURN public.plant(); END';
             CREATE OPERATOR public.=== (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = plant_op);
             ALTER TABLE project_phases ADD CHECK (id OPERATOR(public.===) id)",
        ),
        (
            "PostgreSQL's own function that carries out a text",
            "ALTER TABLE project_phases ADD CHECK (query_to_xml('SELECT public.plant()', false, false, '') IS NOT NULL) NOT VALID;
             ALTER TABLE project_phases ADD COLUMN plant int; ALTER TABLE project_phases DROP COLUMN plant",
        ),
    ] {
        let planner = Planner::new().await;
        planner.plant_code(sql);
        planner.plant_code("TRUNCATE loot");
        if carrier.starts_with("PostgreSQL") {
            let Err(MigratorError::Refused(plan)) = try_migrate(planner.database.url()).await else {
                panic!("{carrier}");
            };
            assert!(format!("{:?}", plan.missing_privileges).contains("query_to_xml"), "{plan:?}");
            planner.assert_nothing_gained(carrier);
            continue;
        }
        planner.assert_migration_refused(carrier).await;
        // A run of the owner is not dangerous.
        try_migrate(&planner.url_of(&planner.role)).await.unwrap_or_else(|error| panic!("{carrier}: {error}"));
        planner.assert_nothing_gained(carrier);
        match try_rollback(planner.database.url()).await {
            Err(MigratorError::RollbackRefused(_) | MigratorError::Store(StoreError::ForeignCode(_))) => {}
            other => panic!("{carrier}: {other:?}"),
        }
        planner.assert_nothing_gained(carrier);
        try_rollback(&planner.url_of(&planner.role)).await.unwrap_or_else(|error| panic!("{carrier}: {error}"));
        planner.assert_nothing_gained(carrier);
    }
}

#[tokio::test]
async fn functions_of_indexes_and_statistics_run_as_the_table_owner() {
    let planner = Planner::new().await;
    planner.plant_code(
        "CREATE INDEX planted_phases ON project_phases (plant_in(id)) WHERE plant_in(total_budget) >= 0;
         CREATE INDEX planted_assignments ON resource_assignments (plant_in(id));
         CREATE STATISTICS planted ON (plant_in(total_budget)), id FROM project_phases;
         CREATE MATERIALIZED VIEW planted_view AS SELECT plant_in(id) AS id, plant() AS planted FROM project_phases;
         CREATE INDEX planted_in_view ON planted_view (plant_in(id)) WHERE plant_in(planted) AND plant_in(1) = 1;
         CREATE MATERIALIZED VIEW planted_too AS SELECT plant_in(id) AS id FROM resource_assignments;
         ALTER TABLE project_phases ALTER COLUMN created_at SET DEFAULT plant_in(now()::timestamp);
         ALTER TABLE project_phases ENABLE ROW LEVEL SECURITY;
         CREATE POLICY planted ON project_phases USING (plant()) WITH CHECK (plant());
         CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON project_phases FOR EACH ROW EXECUTE FUNCTION plant_trigger();
         TRUNCATE loot",
    );
    for _ in 0..2 {
        try_migrate(planner.database.url()).await.unwrap_or_else(|error| panic!("{error:#?}"));
        planner.assert_nothing_gained("the migration");
        try_rollback(planner.database.url()).await.unwrap_or_else(|error| panic!("{error:#?}"));
        planner.assert_nothing_gained("the rollback");
    }
}

#[tokio::test]
async fn foreign_code_stops_a_superusers_repair_adoption_and_reads() {
    let planner = Planner::new().await;
    try_migrate(planner.database.url()).await.unwrap();
    planner.plant_code(
        "CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON project_phases FOR EACH ROW EXECUTE FUNCTION plant_trigger()",
    );
    planner.plant_code("UPDATE project_phases SET name = 'drifted'; TRUNCATE loot");
    let mut connection = handle(planner.database.url()).connect("test").await.unwrap();
    let foreign = |result: Result<(), StoreError>, what: &str| {
        assert!(matches!(result, Err(StoreError::ForeignCode(_))), "{what}: {result:?}");
        planner.assert_nothing_gained(what);
    };
    let mut log = FoldedLog::read(&mut connection, None).await.unwrap();
    let projects: Vec<_> = log.timelines.keys().copied().collect();
    let metadata = Metadata::default();
    let repaired = repair::repair(&mut connection, &mut log, &projects, &metadata).await.map(drop);
    foreign(repaired, "the repair");
    let plan = adopt::AdoptionPlan::default();
    let taken = adopt::adopt_all(&mut connection, &mut log, &plan, true, &metadata).await.map(drop);
    foreign(taken, "the adoption");

    // A type with a cast: even reading would call it.
    planner.plant_code(
        "CREATE TYPE planted AS ENUM ('drifted'); CREATE FUNCTION plant_cast(planted) RETURNS text LANGUAGE plpgsql AS
             'BEGIN PERFORM public.plant(); RETURN ''x''; END';
         CREATE CAST (planted AS text) WITH FUNCTION plant_cast(planted);
         DROP TRIGGER planted ON project_phases;
         ALTER TABLE project_phases ALTER COLUMN name TYPE planted USING 'drifted'",
    );
    planner.plant_code("TRUNCATE loot");
    foreign(drift::compare_rows(&mut connection, &log).await.map(drop), "the comparison");
    let verified =
        phaseline_migrator::verify::verify(&mut connection, &phaseline_migrator::progress::Silent).await;
    assert!(matches!(verified, Err(MigratorError::Store(StoreError::ForeignCode(_)))), "{verified:?}");
    planner.assert_nothing_gained("the verification");
}

/// Views in place of tables, code on the log's own tables, replaced functions of Phaseline.
#[tokio::test]
async fn foreign_code_in_place_of_our_functions_is_refused() {
    for (carrier, sql, named) in [
        (
            "a view in the place of a table",
            "ALTER TABLE alembic_version RENAME TO kept;
             CREATE VIEW alembic_version AS SELECT version_num FROM kept WHERE public.plant()",
            "public.alembic_version is not a table",
        ),
        (
            "a view in the place of the log's head",
            "ALTER TABLE phaseline.head RENAME TO kept;
             CREATE VIEW phaseline.head AS SELECT * FROM phaseline.kept WHERE public.plant()",
            "phaseline.head is not a table",
        ),
        (
            "a trigger on the log",
            "CREATE TRIGGER zz BEFORE INSERT ON phaseline.events FOR EACH ROW EXECUTE FUNCTION public.plant_trigger()",
            "trigger zz on table phaseline.events",
        ),
        ("a check of the log", "ALTER TABLE phaseline.events ADD CHECK (public.plant()) NOT VALID", "on table phaseline.events"),
        ("a default of the log", "ALTER TABLE phaseline.events ADD extra text DEFAULT public.plant()::text", "phaseline.events"),
        (
            "an index of the log",
            "CREATE INDEX planted ON phaseline.events ((public.plant_in(event_id)))",
            "index phaseline.planted",
        ),
        (
            "a trigger on the head",
            "CREATE TRIGGER zz BEFORE UPDATE ON phaseline.head FOR EACH ROW EXECUTE FUNCTION public.plant_trigger()",
            "trigger zz on table phaseline.head",
        ),
        (
            "a function of ours that was replaced",
            "CREATE OR REPLACE FUNCTION phaseline.project_of(phase uuid) RETURNS uuid LANGUAGE plpgsql SECURITY INVOKER AS
                 'BEGIN PERFORM public.plant(); RETURN NULL; END'",
            "function phaseline.project_of(uuid) belongs to",
        ),
    ] {
        let planner = Planner::new().await;
        try_migrate(planner.database.url()).await.unwrap();
        planner.plant_code(sql);
        planner.plant_code("TRUNCATE loot");
        let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
        let refused = refuse_foreign_code(&mut superuser, Access::Call).await.unwrap_err().to_string();
        assert!(refused.contains(named), "{carrier}: {refused}");
        for (what, result) in [
            ("rollback", try_rollback(planner.database.url()).await.map(drop)),
            ("migration", try_migrate(planner.database.url()).await.map(drop)),
        ] {
            // A rollback creates Phaseline's functions again, and calls none of them before.
            assert!(result.is_err() || what == "migration" || named.starts_with("function"), "{carrier}: {what}");
            planner.assert_nothing_gained(&format!("{carrier}, {what}"));
        }
    }
}

/// Code that only writes to the planner's tables would run.
#[tokio::test]
async fn a_superusers_writes_stop_at_defaults_casts_rules_and_children() {
    for (carrier, sql, access) in [
        ("a default", "ALTER TABLE project_phases ADD extra text DEFAULT public.plant()::text", Access::Write),
        (
            "the cast of a foreign key",
            "CREATE TYPE ty AS (a text);
             CREATE FUNCTION ty_in(ty) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM public.plant(); RETURN NULL; END';
             CREATE CAST (ty AS uuid) WITH FUNCTION ty_in(ty) AS IMPLICIT;
             CREATE TABLE refers (id uuid PRIMARY KEY, phase ty REFERENCES project_phases)",
            Access::Build,
        ),
        (
            "a cascade",
            "CREATE TABLE refers (phase uuid REFERENCES project_phases ON DELETE CASCADE)",
            Access::Write,
        ),
        (
            "a rule",
            "CREATE TABLE audit (a int);
             CREATE RULE audits AS ON UPDATE TO project_phases DO ALSO INSERT INTO audit VALUES (1)",
            Access::Write,
        ),
        ("a child", "CREATE TABLE child () INHERITS (project_phases)", Access::Write),
    ] {
        let planner = Planner::new().await;
        planner.plant_code(sql);
        let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
        let found = foreign_code(&mut superuser, None, access).await.unwrap();
        assert!(!found.is_empty(), "{carrier}");
        let mut owner = handle(&planner.url_of(&planner.role)).connect("test").await.unwrap();
        assert_eq!(foreign_code(&mut owner, None, access).await.unwrap(), Vec::<String>::new(), "{carrier}");
    }
}

/// A trigger runs PostgreSQL's own function, and its condition a check of a domain that no list of functions has.
#[tokio::test]
async fn a_superusers_repair_refuses_triggers_others_can_create() {
    let planner = Planner::new().await;
    let role = &planner.role;
    give_schema(&planner.database, "public", "postgres");
    planner.database.psql(&format!("GRANT TRIGGER ON project_phases TO {role}"));
    planner.plant_code(
        "CREATE DOMAIN planted_domain AS text CHECK (public.plant_in(value) <> '');
         CREATE TRIGGER planted BEFORE UPDATE ON project_phases FOR EACH ROW
             WHEN ((new.id::text)::public.planted_domain IS NOT NULL) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    );
    let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
    let found = foreign_code(&mut superuser, None, Access::Write).await.unwrap();
    assert!(
        found.iter().any(|text| text.contains(&format!("REVOKE TRIGGER ON project_phases FROM {role}"))
            || text.contains(&format!("REVOKE TRIGGER ON public.project_phases FROM {role}"))),
        "{found:?}"
    );
    planner.database.psql(&format!("REVOKE TRIGGER ON project_phases FROM {role}"));
    let found = foreign_code(&mut superuser, None, Access::Write).await.unwrap();
    assert_eq!(found, Vec::<String>::new());
}
