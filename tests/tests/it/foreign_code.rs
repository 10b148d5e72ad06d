//! Code that the owner of the planner's tables planted there never runs with the rights of another: not with those of a superuser
//! who migrates, rolls back or repairs, and not with those of our functions.

use crate::support::{handle, planner_sql, store, try_migrate, try_rollback};
use phaseline_domain::TimelineCommand;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::MigratorError;
use phaseline_migrator::plan::{self, PlanOptions};
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_projections::{
    Access, FoldedLog, adopt, drift, foreign_code, ownership, refuse_foreign_code,
    refuse_foreign_code_for_commands, repair,
};
use phaseline_store::{Metadata, StoreError};
use sqlx::{Connection, PgConnection};

/// A legacy database whose tables belong to a role that is no superuser, and can log in, as can a writer of commands.
struct Planner {
    database: TestDatabase,
    role: String,
    writer: String,
}

/// Makes whoever runs it give the planner's role all rights, in whatever way it can.
const PLANT: &str = "
    CREATE FUNCTION public.plant() RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE attempt text;
    BEGIN
        FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'RESET SESSION AUTHORIZATION', 'ALTER ROLE ROLE_NAME SUPERUSER',
                'INSERT INTO public.loot SELECT current_user']
        LOOP
            BEGIN EXECUTE attempt; EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP;
        RETURN true;
    END $$;
    CREATE FUNCTION public.plant_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.plant(); RETURN new; END';
    CREATE FUNCTION public.plant_in(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS
        'BEGIN PERFORM public.plant(); RETURN $1; END';
    CREATE TABLE public.loot (who text); GRANT INSERT ON public.loot TO PUBLIC;";

impl Planner {
    async fn new() -> Self {
        let database = TestCluster::shared().database();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let options = SampleOptions { projects: 4, assignments: 40, seed: 5 };
        sample::create(&mut connection, &options).await.unwrap();
        connection.close().await.unwrap();
        let (role, writer) = (format!("planner_{}", database.name()), format!("writer_{}", database.name()));
        database.psql(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; CREATE ROLE {writer} LOGIN PASSWORD 'x';
             GRANT CREATE ON DATABASE {} TO {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role};
             DO $$ DECLARE t record; BEGIN
                 FOR t IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                 LOOP EXECUTE format('ALTER TABLE %s OWNER TO {role}', t.name); END LOOP;
             END $$;
             ALTER TYPE phasetype OWNER TO {role}",
            database.name()
        ));
        let planner = Self { database, role, writer };
        planner.plant(&PLANT.replace("ROLE_NAME", &planner.role));
        planner
    }

    fn url_of(&self, role: &str) -> String {
        let (_, host) = self.database.url().rsplit_once('@').unwrap();
        format!("postgres://{role}:x@{host}")
    }

    /// Runs SQL as the owner of the tables, in a session of its own.
    fn plant(&self, sql: &str) {
        self.database.cluster().binaries().psql(&self.url_of(&self.role), sql).unwrap();
    }

    /// Fails if the planner's role has got more rights than it had, or its code ran as another.
    fn assert_nothing_gained(&self, after: &str) {
        let role = &self.role;
        let is_super = self.database.psql(&format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{role}'"));
        assert_eq!(is_super, "f", "after {after}");
        let others =
            self.database.psql(&format!("SELECT DISTINCT who FROM public.loot WHERE who <> '{role}'"));
        assert_eq!(others, "", "after {after}");
    }

    /// As a superuser: refused with the function's name, and nothing is written.
    async fn assert_migration_refused(&self, carrier: &str) {
        match try_migrate(self.database.url()).await {
            Err(MigratorError::Refused(plan)) => {
                let words = format!("{:?} {:?}", plan.missing_privileges, plan.anomalies);
                assert!(words.contains("plant"), "{carrier}: {words}");
            }
            other => panic!("{carrier}: {other:?}"),
        }
        self.assert_nothing_gained(carrier);
    }

    async fn command(&self) {
        self.database.psql(&format!("GRANT phaseline_writer TO {}", self.writer));
        let row = self.database.psql(
            "SELECT p.project_id, p.id, j.start_date, j.end_date + 1 FROM project_phases p JOIN projects j ON j.id = p.project_id
              ORDER BY p.end_date DESC LIMIT 1",
        );
        let [project, phase, start, end] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let store = store(&self.url_of(&self.writer)).await;
        let commands = [
            TimelineCommand::RenamePhase { phase_id: phase.parse().unwrap(), name: "Renamed".to_owned() },
            TimelineCommand::Reschedule {
                start_date: start.parse().unwrap(),
                end_date: end.parse().unwrap(),
            },
        ];
        for command in commands {
            store.execute(project.parse().unwrap(), &command, Metadata::default()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn functions_of_constraints_columns_types_and_casts_stop_a_superuser_and_not_their_owner() {
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
        planner.plant(sql);
        planner.plant("TRUNCATE loot");
        if carrier.starts_with("PostgreSQL") {
            let Err(MigratorError::Refused(plan)) = try_migrate(planner.database.url()).await else {
                panic!("{carrier}");
            };
            assert!(format!("{:?}", plan.missing_privileges).contains("query_to_xml"), "{plan:?}");
            planner.assert_nothing_gained(carrier);
            continue;
        }
        planner.assert_migration_refused(carrier).await;
        // The owner's own run is no danger to anybody.
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
async fn functions_of_indexes_and_statistics_run_as_the_owner_of_the_table_in_both_directions() {
    let planner = Planner::new().await;
    planner.plant(
        "CREATE INDEX planted_phases ON project_phases (plant_in(id)) WHERE plant_in(total_budget) >= 0;
         CREATE INDEX planted_assignments ON resource_assignments (plant_in(id));
         CREATE STATISTICS planted ON (plant_in(total_budget)), id FROM project_phases;
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
async fn triggers_that_commands_fire_run_as_the_owner_of_their_table_at_once_and_at_the_end() {
    let planner = Planner::new().await;
    try_migrate(planner.database.url()).await.unwrap();
    planner.plant(
        "CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON project_phases FOR EACH ROW EXECUTE FUNCTION plant_trigger();
         CREATE TRIGGER planted BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION plant_trigger();
         CREATE CONSTRAINT TRIGGER planted_late AFTER UPDATE ON project_phases DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION plant_trigger();
         CREATE CONSTRAINT TRIGGER planted_late AFTER UPDATE ON projects DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION plant_trigger();
         CREATE INDEX planted ON project_phases (plant_in(name));
         ALTER TABLE project_phases ADD CHECK (plant_in(id) IS NOT NULL);
         TRUNCATE loot",
    );
    planner.command().await;
    planner.assert_nothing_gained("the commands");
    // They did run.
    assert_ne!(planner.database.psql("SELECT count(*) FROM loot"), "0");
}

#[tokio::test]
async fn a_superuser_neither_repairs_nor_adopts_nor_reads_past_code_of_others() {
    let planner = Planner::new().await;
    try_migrate(planner.database.url()).await.unwrap();
    planner.plant(
        "CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON project_phases FOR EACH ROW EXECUTE FUNCTION plant_trigger()",
    );
    planner.plant("UPDATE project_phases SET name = 'drifted'; TRUNCATE loot");
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
    let plan = adopt::Plan::default();
    let taken = adopt::adopt_all(&mut connection, &mut log, &plan, true, &metadata).await.map(drop);
    foreign(taken, "the adoption");

    // A type with a cast: even reading would call it.
    planner.plant(
        "CREATE TYPE planted AS ENUM ('drifted'); CREATE FUNCTION plant_cast(planted) RETURNS text LANGUAGE plpgsql AS
             'BEGIN PERFORM public.plant(); RETURN ''x''; END';
         CREATE CAST (planted AS text) WITH FUNCTION plant_cast(planted);
         DROP TRIGGER planted ON project_phases;
         ALTER TABLE project_phases ALTER COLUMN name TYPE planted USING 'drifted'",
    );
    planner.plant("TRUNCATE loot");
    foreign(drift::compare_rows(&mut connection, &log).await.map(drop), "the comparison");
    let verified =
        phaseline_migrator::verify::verify(&mut connection, &phaseline_migrator::progress::Silent).await;
    assert!(matches!(verified, Err(MigratorError::Store(StoreError::ForeignCode(_)))), "{verified:?}");
    planner.assert_nothing_gained("the verification");
}

#[tokio::test]
async fn nothing_of_the_log_belongs_to_a_superuser_who_is_not_the_owner_of_the_tables() {
    let planner = Planner::new().await;
    planner.database.psql("ALTER TABLE resource_assignments OWNER TO postgres");
    try_migrate(planner.database.url()).await.unwrap();
    let owners = "SELECT string_agg(DISTINCT pg_get_userbyid(owner), ' ') FROM (
        SELECT relowner AS owner FROM pg_class WHERE relnamespace = 'phaseline'::regnamespace
        UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'phaseline'
        UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'phaseline'::regnamespace
            AND proname NOT IN ('assignments_of', 'assignment_days', 'assignment_count')) x";
    assert_eq!(planner.database.psql(owners), planner.role);
    // And so it stays, whoever installs again.
    let mut connection = handle(planner.database.url()).connect("test").await.unwrap();
    phaseline_projections::upgrade(&mut connection).await.unwrap();
    assert_eq!(planner.database.psql(owners), planner.role);
    // Where a superuser owns the tables, the log belongs to a role that is none.
    let Some(path) = planner_sql() else { return };
    let database = crate::support::database_from(&std::fs::read_to_string(path).unwrap());
    try_migrate(database.url()).await.unwrap();
    let of_log = "SELECT string_agg(DISTINCT pg_get_userbyid(owner), ' ') FROM (
        SELECT relowner AS owner FROM pg_class WHERE relnamespace = 'phaseline'::regnamespace
        UNION ALL SELECT proowner FROM pg_proc WHERE oid = ANY (ARRAY['phaseline.refuse_change()'::regprocedure::oid])
        UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'phaseline'::regnamespace AND proname = 'append') x";
    assert_eq!(database.psql(of_log), "phaseline_owner");
    assert_eq!(
        database.psql("SELECT rolsuper OR rolcanlogin FROM pg_roles WHERE rolname = 'phaseline_owner'"),
        "f"
    );
}

#[tokio::test]
async fn owners_are_named_and_what_of_that_is_dangerous() {
    let planner = Planner::new().await;
    let (role, writer) = (&planner.role, &planner.writer);
    let mut connection = handle(planner.database.url()).connect("test").await.unwrap();
    let before = ownership(&mut connection).await.unwrap();
    assert_eq!(
        before.to_string(),
        format!(
            "{role} owns public.project_phases, public.projects, public.resource_assignments; {role} will own schema phaseline"
        )
    );
    let [superuser] = &before.dangers[..] else { panic!("{:?}", before.dangers) };
    assert!(
        superuser
            .contains(&format!("this session is a superuser's, and public.project_phases belongs to {role}")),
        "{superuser}"
    );
    let mut owner = handle(&planner.url_of(role)).connect("test").await.unwrap();
    assert_eq!(ownership(&mut owner).await.unwrap().dangers, Vec::<String>::new());
    let others = |dangers: &[String]| {
        dangers.iter().filter(|danger| *danger != superuser).cloned().collect::<Vec<_>>()
    };
    // Functions of others that the owner's tables call, whoever may replace them.
    planner.database.psql(&format!(
        "GRANT CREATE ON SCHEMA public TO {writer}; GRANT TRIGGER ON public.projects TO {writer}"
    ));
    let planted = "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
                   CREATE TRIGGER theirs BEFORE UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION public.theirs()";
    planner.database.cluster().binaries().psql(&planner.url_of(writer), planted).unwrap();
    let [danger] = &others(&ownership(&mut connection).await.unwrap().dangers)[..] else { panic!() };
    let expected = format!(
        "runs function public.theirs(), which belongs to {writer} and would have the rights of {role}"
    );
    assert!(
        danger.contains("trigger theirs on table public.projects") && danger.contains(&expected),
        "{danger}"
    );
    // The others' tables are not that owner's.
    planner.database.psql("ALTER TABLE public.projects OWNER TO postgres");
    let found = ownership(&mut connection).await.unwrap();
    assert!(found.to_string().contains("postgres (a superuser) owns public.projects"), "{found}");
    let [trigger, function] = &others(&found.dangers)[..] else { panic!("{found:#?}") };
    assert!(trigger.contains(&format!("REVOKE TRIGGER ON public.projects FROM {writer}")), "{trigger}");
    assert!(function.contains("would have the rights of postgres"), "{function}");
    let plan = plan::plan(&mut connection, &PlanOptions::default()).await.unwrap();
    for note in
        [format!("Owners: {found}"), format!("Dangerous: {trigger}"), format!("Dangerous: {function}")]
    {
        assert!(plan.notes.contains(&note), "{:#?}", plan.notes);
    }
    planner.database.psql(&format!(
        "ALTER TABLE public.projects OWNER TO {role}; DROP TRIGGER theirs ON public.projects"
    ));
    try_migrate(planner.database.url()).await.unwrap();
    let after = ownership(&mut connection).await.unwrap().to_string();
    assert_eq!(
        after,
        format!(
            "{role} owns public.project_phases, public.projects, public.resource_assignments, schema phaseline"
        )
    );
}

/// The commands of a superuser run what the owner of the tables planted, in ways that only show at the end of the transaction.
#[tokio::test]
async fn what_a_caller_or_an_owner_defers_never_runs_with_the_rights_of_another() {
    let planner = Planner::new().await;
    try_migrate(planner.database.url()).await.unwrap();
    planner.database.psql(&format!("GRANT phaseline_writer TO {}", planner.writer));
    let row = planner.database.psql(
        "SELECT p.project_id, p.id, (SELECT max(version) FROM phaseline.events e WHERE e.stream_id = p.project_id)
           FROM project_phases p LIMIT 1",
    );
    let [project, phase, version] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    let attack = format!(
        r#"BEGIN;
           CREATE TEMP TABLE own (a int);
           CREATE FUNCTION pg_temp.planted() RETURNS trigger LANGUAGE plpgsql AS
               $$BEGIN INSERT INTO public.loot SELECT current_user; RETURN NULL; END$$;
           CREATE CONSTRAINT TRIGGER c AFTER INSERT ON own DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
               EXECUTE FUNCTION pg_temp.planted();
           INSERT INTO own VALUES (1);
           SELECT verdict FROM phaseline.append(ARRAY['Timeline'], ARRAY['{project}'::uuid], ARRAY[{version}], ARRAY[1], ARRAY['{{}}'],
               NULL, ARRAY[gen_random_uuid()], ARRAY['PhaseRenamed'], ARRAY[1],
               ARRAY['{{"phase_id":"{phase}","name":"x"}}'], ARRAY[uuid_send(gen_random_uuid())]);
           COMMIT"#
    );
    let writer = planner.url_of(&planner.writer);
    let refused = planner.database.cluster().binaries().psql(&writer, &attack).unwrap_err().to_string();
    assert!(refused.contains("first statement of its transaction that writes"), "{refused}");
    planner.assert_nothing_gained("a trigger that the caller deferred");

    // Code of the owner that defers another trigger leaves it to the end, where it has the session's rights.
    planner.plant(
        "CREATE TABLE late (a int);
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
             EXECUTE FUNCTION plant_trigger();
         CREATE FUNCTION defers() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN SET CONSTRAINTS ALL DEFERRED; INSERT INTO public.late VALUES (1); RETURN new; END$$;
         CREATE TRIGGER defers BEFORE UPDATE ON project_phases FOR EACH ROW EXECUTE FUNCTION public.defers()",
    );
    let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
    let refused = refuse_foreign_code_for_commands(&mut superuser).await.unwrap_err().to_string();
    assert!(refused.contains("runs function public.defers()"), "{refused}");
}

/// Views in the place of tables, code on the log's own tables, functions of ours that were replaced.
#[tokio::test]
async fn nobody_reads_or_writes_past_code_of_others_in_the_places_of_ours() {
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
        planner.plant(sql);
        planner.plant("TRUNCATE loot");
        let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
        let refused = refuse_foreign_code(&mut superuser, Access::Call).await.unwrap_err().to_string();
        assert!(refused.contains(named), "{carrier}: {refused}");
        for (what, result) in [
            ("rollback", try_rollback(planner.database.url()).await.map(drop)),
            ("migration", try_migrate(planner.database.url()).await.map(drop)),
        ] {
            // A rollback makes our functions again, and calls none of them before.
            assert!(result.is_err() || what == "migration" || named.starts_with("function"), "{carrier}: {what}");
            planner.assert_nothing_gained(&format!("{carrier}, {what}"));
        }
    }
}

/// Carriers that only writes to the planner's tables set off.
#[tokio::test]
async fn writes_of_a_superuser_stop_at_defaults_casts_cascades_rules_and_children() {
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
        planner.plant(sql);
        let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
        let found = foreign_code(&mut superuser, None, access).await.unwrap();
        assert!(!found.is_empty(), "{carrier}");
        let mut owner = handle(&planner.url_of(&planner.role)).connect("test").await.unwrap();
        assert_eq!(foreign_code(&mut owner, None, access).await.unwrap(), Vec::<String>::new(), "{carrier}");
    }
}

/// Who may put triggers on a superuser's table gets none of the superuser's rights by commands.
#[tokio::test]
async fn commands_refuse_triggers_of_others_on_a_superusers_table() {
    let planner = Planner::new().await;
    let (role, writer) = (&planner.role, &planner.writer);
    planner.database.psql(&format!(
        "DO $$ DECLARE t record; BEGIN
             FOR t IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
             LOOP EXECUTE format('ALTER TABLE %s OWNER TO postgres', t.name); END LOOP; END $$;
         GRANT TRIGGER ON project_phases, projects TO {role}"
    ));
    let trigger = |table: &str, when: &str, function: &str| {
        format!(
            "CREATE TRIGGER planted BEFORE UPDATE ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {function}()"
        )
    };
    planner.plant(&trigger("project_phases", "", "plant_trigger"));
    planner.assert_migration_refused("a trigger of another on a superuser's table").await;
    planner.database.psql("DROP TRIGGER planted ON project_phases");
    try_migrate(planner.database.url()).await.unwrap();
    planner.database.psql(&format!("GRANT phaseline_writer TO {writer}"));
    planner
        .database
        .psql("CREATE FUNCTION harmless() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'");
    let row = planner.database.psql("SELECT project_id, id FROM project_phases LIMIT 1");
    let [project, phase] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    let store = store(&planner.url_of(writer)).await;
    let rename =
        |name: &str| TimelineCommand::RenamePhase { phase_id: phase.parse().unwrap(), name: name.to_owned() };
    let is_refused =
        |result: Result<(), String>| result.err().is_some_and(|error| error.contains("a superuser, code of"));
    planner.plant("CREATE DOMAIN planted_domain AS text CHECK (public.plant_in(value) <> '')");
    for (when, function, refused) in [
        ("", "plant_trigger", true),
        ("WHEN (public.plant())", "harmless", true),
        ("WHEN ((new.id::text)::public.planted_domain IS NOT NULL)", "harmless", true),
        ("", "harmless", false),
    ] {
        planner.plant(&trigger("project_phases", when, function));
        let name = format!("{function}{}", when.len());
        let result = store.execute(project.parse().unwrap(), &rename(&name), Metadata::default()).await;
        assert_eq!(
            is_refused(result.map(drop).map_err(|error| error.to_string())),
            refused,
            "{when} {function}"
        );
        planner.assert_nothing_gained(function);
        planner.database.psql("DROP TRIGGER planted ON project_phases");
    }
    // Where no other role may put triggers on the table, its conditions are the superuser's own.
    planner.database.psql(&format!("REVOKE TRIGGER ON project_phases FROM {role}"));
    planner.database.psql(&trigger("project_phases", "WHEN (new.name IS NOT NULL)", "harmless"));
    store.execute(project.parse().unwrap(), &rename("By the owner"), Metadata::default()).await.unwrap();
    // Who may refer to the table has deletions go on into a table of their own, with its triggers.
    planner.database.psql(&format!("GRANT REFERENCES, SELECT ON project_phases TO {role}"));
    planner.plant("CREATE TABLE refers (phase uuid REFERENCES project_phases ON DELETE CASCADE)");
    let result = store.execute(project.parse().unwrap(), &rename("Refers"), Metadata::default()).await;
    assert!(is_refused(result.map(drop).map_err(|error| error.to_string())), "a cascade");
    planner.plant("DROP TABLE refers; CREATE TABLE refers (phase uuid REFERENCES project_phases)");
    store.execute(project.parse().unwrap(), &rename("Refers again"), Metadata::default()).await.unwrap();
}
