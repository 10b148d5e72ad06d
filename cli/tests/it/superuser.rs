//! A superuser's login on tables of a role that is not one: every command refuses it, unless a flag allows it.

use crate::program::{ProgramOutput, legacy, on, phaseline, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::owners::{give_schema, make_planner, url_of};
use std::time::Duration;

/// Gives all objects of the planner to a new role that is not a superuser.
fn give_to_planner(database: &TestDatabase) -> String {
    let role = format!("owner_of_{}", database.name());
    make_planner(database, &role);
    role
}

fn as_role(url: &str, arguments: &[&str]) -> ProgramOutput {
    ProgramOutput::of(phaseline(&[&["--database-url", url], arguments].concat()).output().unwrap())
}

#[test]
fn every_command_refuses_a_superusers_login_on_tables_of_another() {
    let database = legacy();
    let role = give_to_planner(&database);
    let before = database.dump(&[]);
    let id = "00000000-0000-4000-8000-000000000000";
    for arguments in [
        &["plan"][..],
        &["migrate", "--yes"],
        &["rollback", "--yes"],
        &["rehearse"],
        &["verify"],
        &["status"],
        &["doctor"],
        &["doctor", "--repair"],
        &["drift"],
        &["drift", "--repair", "all", "--yes"],
        &["rebuild"],
        &["adopt"],
        &["upgrade"],
        &["history", id],
        &["timeline", "show", id],
        &["phase", "remove", id],
        &["quarantine", "list"],
        &["serve", "--no-auth", "--listen", "127.0.0.1:0"],
    ] {
        let mut command = phaseline(&[&["--database-url", database.url()], arguments].concat());
        let mut running = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A service that does not refuse would not end.
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while running.try_wait().unwrap().is_none() {
            if std::time::Instant::now() > deadline {
                running.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let refused = ProgramOutput::of(running.wait_with_output().unwrap());
        assert_eq!(refused.code, Some(3), "{arguments:?}: {} {}", refused.stdout, refused.stderr);
        for words in [
            "has the rights of a superuser",
            "public.project_phases",
            &role,
            "--allow-superuser",
            "Connect as",
        ] {
            assert!(refused.stderr.contains(words), "{arguments:?}: {words}: {}", refused.stderr);
        }
    }
    assert!(database.dump(&[]) == before);
    let json = on(&database, &["migrate", "--yes", "--json"]).exits_with(3);
    assert_eq!(json.object("phaseline.error/1")["code"], "excess_rights", "{}", json.stdout);
}

#[test]
fn the_owner_may_work_and_a_superuser_with_the_flag() {
    let database = legacy();
    let role = give_to_planner(&database);
    on(&database, &["plan", "--allow-superuser"]).exits_with(0);
    let status = phaseline(&["--database-url", database.url(), "status"])
        .env("PHASELINE_ALLOW_SUPERUSER", "1")
        .output();
    ProgramOutput::of(status.unwrap()).exits_with(0);
    let wrong = phaseline(&["--database-url", database.url(), "status"])
        .env("PHASELINE_ALLOW_SUPERUSER", "perhaps")
        .output();
    ProgramOutput::of(wrong.unwrap()).exits_with(2);
    database.psql(&format!("ALTER ROLE {role} CREATEROLE"));
    let url = url_of(&database, &role);
    as_role(&url, &["migrate", "--yes"]).exits_with(0);
    database.psql(&format!("ALTER ROLE {role} NOCREATEROLE"));
    let (project, _) = project_and_phase(&database);
    as_role(&url, &["timeline", "show", &project]).exits_with(0);
    on(&database, &["timeline", "show", &project]).exits_with(3);
    on(&database, &["timeline", "show", &project, "--allow-superuser"]).exits_with(0);
    // The suggested commands run unchanged.
    let status = on(&database, &["status", "--allow-superuser"]).exits_with(0);
    assert!(
        !status.stdout.contains("phaseline --database-url") || status.stdout.contains("--allow-superuser"),
        "{}",
        status.stdout
    );
    // A member without further rights is not dangerous; one with CREATEROLE is.
    let member = format!("member_of_{}", database.name());
    database.psql(&format!("CREATE ROLE {member} LOGIN PASSWORD 'x'; GRANT {role} TO {member}"));
    as_role(&url_of(&database, &member), &["verify"]).exits_with(0);
    database.psql(&format!("ALTER ROLE {member} CREATEROLE"));
    let refused = as_role(&url_of(&database, &member), &["verify"]).exits_with(3);
    assert!(refused.stderr.contains("may create roles"), "{}", refused.stderr);
    as_role(&url, &["rollback", "--yes"]).exits_with(0);
}

#[test]
fn a_default_role_or_alembic_owner_does_not_hide_a_superuser() {
    let database = legacy();
    let role = format!("owner_of_{}", database.name());
    database
        .psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; ALTER TABLE alembic_version OWNER TO {role}"));
    let refused = on(&database, &["status"]).exits_with(3);
    assert!(refused.stderr.contains("public.alembic_version"), "{}", refused.stderr);
    database.psql(&format!("ALTER DATABASE {} SET role = {role}", database.name()));
    let refused = on(&database, &["status"]).exits_with(3);
    assert!(refused.stderr.contains("login postgres has the rights"), "{}", refused.stderr);
}

/// Objects that are connected with a superuser's tables, and their schema and database, belong to superusers, too.
#[test]
fn a_superusers_tables_with_objects_of_others_are_refused() {
    for (what, sql, named) in [
        (
            "a table that refers",
            "CREATE TABLE ROLE.refers (phase uuid REFERENCES public.project_phases)",
            "refers",
        ),
        (
            "a table that is referred to",
            "ALTER TABLE ROLE.target ADD PRIMARY KEY (id);
             ALTER TABLE public.projects ADD extra uuid REFERENCES ROLE.target",
            "target",
        ),
        ("a child", "CREATE TABLE ROLE.child () INHERITS (public.resource_assignments)", "child"),
        ("schema public", "ALTER SCHEMA public OWNER TO ROLE", "schema public"),
        ("the database", "ALTER DATABASE DATABASE_NAME OWNER TO ROLE", "database"),
        ("one of the tables", "ALTER TABLE public.projects OWNER TO ROLE", "public.projects"),
    ] {
        let database = legacy();
        let role = format!("other_of_{}", database.name());
        let sql = format!(
            "CREATE ROLE ROLE; CREATE SCHEMA ROLE AUTHORIZATION ROLE; CREATE TABLE ROLE.target (id uuid); {sql}"
        );
        database.psql(
            &sql.replace("DATABASE_NAME", database.name())
                .replace("ROLE.", &format!("{role}."))
                .replace("ROLE", &role)
                .replace(&format!("CREATE {role} "), "CREATE ROLE "),
        );
        give_schema(&database, &role, &role);
        let refused = on(&database, &["plan"]).exits_with(3);
        assert!(
            refused.stderr.contains(named) && refused.stderr.contains(&role),
            "{what}: {}",
            refused.stderr
        );
    }
}

/// Also if the login itself has few rights: the functions of schema `phaseline` have those of the tables' owner.
#[test]
fn the_owner_of_a_table_counts_like_the_login() {
    let database = legacy();
    on(&database, &["migrate", "--yes"]).exits_with(0);
    let (project, _) = project_and_phase(&database);
    let (writer, other) = (format!("writer_of_{}", database.name()), format!("other_of_{}", database.name()));
    database.psql(&format!(
        "CREATE ROLE {writer} LOGIN PASSWORD 'x'; GRANT phaseline_writer TO {writer}; CREATE ROLE {other}"
    ));
    as_role(&url_of(&database, &writer), &["timeline", "show", &project]).exits_with(0);
    database.psql(&format!("ALTER TABLE projects OWNER TO {other}"));
    let refused = as_role(&url_of(&database, &writer), &["timeline", "show", &project]).exits_with(3);
    assert!(refused.stderr.contains("the owner of public."), "{}", refused.stderr);
    assert!(refused.stderr.contains("ALTER TABLE"), "{}", refused.stderr);
}

#[test]
fn members_of_powerful_roles_count_as_these() {
    let database = legacy();
    let owner = give_to_planner(&database);
    for (number, power) in
        ["pg_execute_server_program", "pg_write_server_files", "postgres"].iter().enumerate()
    {
        let role = format!("powerful{number}_of_{}", database.name());
        database.psql(&format!(
            "CREATE ROLE {role}_between; GRANT {power} TO {role}_between; CREATE ROLE {role} LOGIN NOINHERIT PASSWORD 'x';
             GRANT {role}_between, {owner} TO {role}"
        ));
        let refused = as_role(&url_of(&database, &role), &["status"]).exits_with(3);
        assert!(refused.stderr.contains(&role), "{power}: {}", refused.stderr);
    }
}

/// PostgreSQL's own functions suffice for an attack, so any table of a role with fewer rights counts.
#[test]
fn a_superuser_restores_no_copy_with_foreign_tables() {
    let database = legacy();
    let role = format!("other_of_{}", database.name());
    database.psql(&format!(
        "CREATE ROLE {role}; CREATE SCHEMA {role} AUTHORIZATION {role};
         CREATE TABLE {role}.checked (x int CHECK (query_to_xml('SELECT 1', true, true, '') IS NOT NULL));
         ALTER TABLE {role}.checked OWNER TO {role}"
    ));
    let refused = on(&database, &["rehearse", "--method", "dump"]).exits_with(3);
    assert!(refused.stderr.contains(&format!("{role}.checked")), "{}", refused.stderr);
    assert!(refused.stderr.contains("--method template"), "{}", refused.stderr);
    on(&database, &["rehearse", "--method", "dump", "--allow-superuser"]).exits_with(0);
    on(&database, &["rehearse", "--method", "template"]).exits_with(0);
}

/// No command calls a function in schema public, or in a temporary schema, that fits better than PostgreSQL's own.
#[test]
fn functions_in_public_with_names_of_postgresqls_are_not_called() {
    let database = legacy();
    on(&database, &["migrate", "--yes"]).exits_with(0);
    let (project, phase) = project_and_phase(&database);
    database.psql(
        "CREATE TABLE public.called (what text);
         CREATE FUNCTION public.to_json(date) RETURNS json LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.called VALUES (''to_json''); RETURN ''1''; END';
         CREATE FUNCTION public.count(text) RETURNS bigint LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.called VALUES (''count''); RETURN 1; END';
         CREATE FUNCTION public.format(text, name) RETURNS text LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.called VALUES (''format''); RETURN ''x''; END';
         CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.called VALUES (''lower''); RETURN ''x''; END'",
    );
    for arguments in [
        &["timeline", "show", &project][..],
        &["history", &project],
        &["phase", "rename", &phase, "Renamed"],
        &["drift"],
        &["rebuild"],
        &["verify"],
        &["status"],
        &["doctor"],
        &["adopt"],
        &["rollback", "--dry-run"],
    ] {
        let ran = on(&database, arguments);
        assert!(ran.code.is_some_and(|code| code != 1), "{arguments:?}: {} {}", ran.stdout, ran.stderr);
        assert_eq!(database.psql("SELECT count(*) FROM public.called"), "0", "{arguments:?}");
    }
}

/// Reading the server's files and creating roles are different rights: neither of these roles has the other's.
#[test]
fn two_powerful_roles_with_different_powers_are_kept_apart() {
    let database = legacy();
    let owner = give_to_planner(&database);
    let operator = format!("operator_of_{}", database.name());
    database.psql(&format!(
        "GRANT pg_read_server_files TO {owner}; CREATE ROLE {operator} LOGIN PASSWORD 'x' CREATEROLE; GRANT {owner} TO {operator}"
    ));
    let url = url_of(&database, &operator);
    for arguments in [&["plan"][..], &["doctor"], &["status"], &["migrate", "--yes"]] {
        let refused = as_role(&url, arguments).exits_with(3);
        assert!(
            refused.stderr.contains(&format!("the login {operator} may create roles")),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
}
