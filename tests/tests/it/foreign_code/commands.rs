//! Commands: the rights of triggers and deferred code.

use super::*;

#[tokio::test]
async fn command_triggers_run_as_table_owner_immediate_and_deferred() {
    let planner = Planner::new().await;
    try_migrate(planner.database.url()).await.unwrap();
    planner.plant_code(
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
    // The triggers ran.
    assert_ne!(planner.database.psql("SELECT count(*) FROM loot"), "0");
}

#[tokio::test]
async fn deferred_code_never_runs_with_the_rights_of_another_role() {
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

    // The owner's code can defer another trigger to the end, where it has the session's rights.
    planner.plant_code(
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

/// A role that may create triggers on a superuser's table does not get the superuser's rights by commands.
#[tokio::test]
async fn commands_refuse_foreign_triggers_on_a_superusers_table() {
    let planner = Planner::new().await;
    let (role, writer) = (&planner.role, &planner.writer);
    give_schema(&planner.database, "public", "postgres");
    planner.database.psql(&format!("GRANT TRIGGER ON project_phases, projects TO {role}"));
    let trigger = |table: &str, when: &str, function: &str| {
        format!(
            "CREATE TRIGGER planted BEFORE UPDATE ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {function}()"
        )
    };
    planner.plant_code(&trigger("project_phases", "", "plant_trigger"));
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
    let is_refused = |result: Result<(), String>| {
        result.err().is_some_and(|error| error.contains("a powerful role, code of"))
    };
    planner.plant_code("CREATE DOMAIN planted_domain AS text CHECK (public.plant_in(value) <> '')");
    for (when, function, refused) in [
        ("", "plant_trigger", true),
        ("WHEN (public.plant())", "harmless", true),
        ("WHEN ((new.id::text)::public.planted_domain IS NOT NULL)", "harmless", true),
        ("", "harmless", true),
    ] {
        planner.plant_code(&trigger("project_phases", when, function));
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
    // If no other role may create triggers on the table, its conditions are the superuser's own.
    planner.database.psql(&format!("REVOKE TRIGGER ON project_phases FROM {role}"));
    for when in ["WHEN (new.name IS NOT NULL)", ""] {
        planner.database.psql(&trigger("project_phases", when, "harmless"));
        let name = format!("By the owner{when}");
        store.execute(project.parse().unwrap(), &rename(&name), Metadata::default()).await.unwrap();
        planner.database.psql("DROP TRIGGER planted ON project_phases");
    }
    // A role that may reference the table makes deletions read a table of its own, with the functions of its indexes.
    planner.database.psql(&format!("GRANT REFERENCES, SELECT ON project_phases TO {role}"));
    for follows in ["", "ON DELETE CASCADE"] {
        planner.plant_code(&format!("CREATE TABLE refers (phase uuid REFERENCES project_phases {follows})"));
        let result = store.execute(project.parse().unwrap(), &rename("Refers"), Metadata::default()).await;
        assert!(is_refused(result.map(drop).map_err(|error| error.to_string())), "{follows}");
        planner.plant_code("DROP TABLE refers");
    }
    store.execute(project.parse().unwrap(), &rename("Refers no more"), Metadata::default()).await.unwrap();
}

/// Code that a trigger of one table defers runs after all rows are written, with the rights of the other table's owner.
#[tokio::test]
async fn commands_refuse_tables_of_two_owners_of_whom_one_is_a_superuser() {
    let planner = Planner::new().await;
    let (role, writer) = (&planner.role, &planner.writer);
    try_migrate(planner.database.url()).await.unwrap();
    planner
        .database
        .psql(&format!("GRANT phaseline_writer TO {writer}; ALTER TABLE project_phases OWNER TO postgres"));
    let mut superuser = handle(planner.database.url()).connect("test").await.unwrap();
    phaseline_projections::install(&mut superuser).await.unwrap();
    let row = planner.database.psql("SELECT id, start_date, end_date + 1 FROM projects WHERE id IN (SELECT project_id FROM project_phases) LIMIT 1");
    let [project, start, end] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    planner.plant_code(
        "CREATE TABLE later (n int);
         CREATE FUNCTION plant_later() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN SET CONSTRAINTS ALL DEFERRED; IF (SELECT count(*) FROM public.later) < 2 THEN INSERT INTO public.later VALUES (2); END IF;
                    PERFORM public.plant(); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER later AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION plant_later();
         CREATE FUNCTION to_later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.later VALUES (1); RETURN new; END';
         CREATE TRIGGER to_later BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION to_later()",
    );
    let store = store(&planner.url_of(writer)).await;
    let command =
        TimelineCommand::Reschedule { start_date: start.parse().unwrap(), end_date: end.parse().unwrap() };
    let result = store.execute(project.parse().unwrap(), &command, Metadata::default()).await;
    let error = result.map(drop).unwrap_err().to_string();
    assert!(error.contains("a powerful role, code of") && error.contains(role), "{error}");
    planner.assert_nothing_gained("a command");
}

/// A role with CREATEROLE, as the main login of a managed database, counts as a superuser.
#[tokio::test]
async fn commands_refuse_foreign_triggers_on_a_createrole_owners_table() {
    let planner = Planner::new().await;
    let (role, writer) = (&planner.role, &planner.writer);
    try_migrate(planner.database.url()).await.unwrap();
    planner.database.psql(&format!(
        "ALTER ROLE {role} CREATEROLE; GRANT phaseline_writer TO {writer};
         GRANT CREATE ON SCHEMA public TO {writer}; GRANT TRIGGER ON project_phases TO {writer}"
    ));
    let planted = "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS
                       'BEGIN CREATE ROLE made_by_a_trigger; RETURN new; END';
                   CREATE TRIGGER theirs BEFORE UPDATE ON public.project_phases FOR EACH ROW EXECUTE FUNCTION public.theirs()";
    planner.database.cluster().binaries().psql(&planner.url_of(writer), planted).unwrap();
    let row = planner.database.psql("SELECT project_id, id FROM project_phases LIMIT 1");
    let [project, phase] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    let store = store(&planner.url_of(writer)).await;
    let rename =
        TimelineCommand::RenamePhase { phase_id: phase.parse().unwrap(), name: "Renamed".to_owned() };
    // The right to read the server's files does not include creating roles.
    for grant in ["", "GRANT pg_read_server_files TO"] {
        if !grant.is_empty() {
            planner.database.psql(&format!("{grant} {writer}"));
        }
        let result = store.execute(project.parse().unwrap(), &rename, Metadata::default()).await;
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.contains("a powerful role, code of") && error.contains(writer), "{error}");
    }
    // Without these rights the trigger concerns only the owner.
    planner.database.psql(&format!("ALTER ROLE {role} NOCREATEROLE; DROP TRIGGER theirs ON project_phases"));
    store.execute(project.parse().unwrap(), &rename, Metadata::default()).await.unwrap();
}

/// Code that a trigger of `projects` defers twice would run with the rights of the other table's owner, who owns the log.
#[tokio::test]
async fn commands_refuse_triggers_on_projects_of_another_owner() {
    let planner = Planner::new().await;
    let writer = &planner.writer;
    planner
        .database
        .psql(&format!("ALTER TABLE projects OWNER TO {writer}; GRANT {writer} TO {}", planner.role));
    try_migrate(planner.database.url()).await.unwrap();
    planner
        .database
        .psql(&format!("GRANT phaseline_writer TO {writer}; GRANT CREATE ON SCHEMA public TO {writer}"));
    let row = planner.database.psql("SELECT id, start_date, end_date + 1 FROM projects WHERE id IN (SELECT project_id FROM project_phases) LIMIT 1");
    let [project, start, end] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    let command =
        TimelineCommand::Reschedule { start_date: start.parse().unwrap(), end_date: end.parse().unwrap() };
    let planted = "CREATE TABLE public.bait (a int);
        CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
            EXECUTE FUNCTION public.late();
        CREATE FUNCTION public.early() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN SET CONSTRAINTS public.late DEFERRED; INSERT INTO public.bait VALUES (1); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER early AFTER UPDATE ON public.projects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
            EXECUTE FUNCTION public.early()";
    planner.database.cluster().binaries().psql(&planner.url_of(writer), planted).unwrap();
    let store = store(&planner.url_of(writer)).await;
    let result = store.execute(project.parse().unwrap(), &command, Metadata::default()).await;
    let error = result.map(drop).unwrap_err().to_string();
    assert!(error.contains("another owner than public.project_phases"), "{error}");
    // Without triggers two owners are not dangerous.
    planner.database.psql("DROP TRIGGER early ON projects");
    store.execute(project.parse().unwrap(), &command, Metadata::default()).await.unwrap();
}
