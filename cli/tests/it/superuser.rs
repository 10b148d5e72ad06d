//! A superuser's login on tables of a role that is not one: every command refuses it, unless a flag allows it.

use crate::program::{Ran, legacy, on, phaseline, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use std::time::Duration;

/// Gives all tables of schema `public` to a new role that is no superuser.
fn give_to_planner(database: &TestDatabase) -> String {
    let role = format!("owner_of_{}", database.name());
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {} TO {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role};
         DO $$ DECLARE t record; BEGIN
             FOR t IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
             LOOP EXECUTE format('ALTER TABLE %s OWNER TO {role}', t.name); END LOOP;
         END $$;
         ALTER TYPE phasetype OWNER TO {role}",
        database.name()
    ));
    role
}

fn url_of(database: &TestDatabase, role: &str) -> String {
    let (_, host) = database.url().rsplit_once('@').unwrap();
    format!("postgres://{role}:x@{host}")
}

fn as_role(url: &str, arguments: &[&str]) -> Ran {
    Ran::of(phaseline(&[&["--database-url", url], arguments].concat()).output().unwrap())
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
        let refused = Ran::of(running.wait_with_output().unwrap());
        assert_eq!(refused.code, Some(3), "{arguments:?}: {} {}", refused.stdout, refused.stderr);
        for words in ["is a superuser", "public.project_phases", &role, "--allow-superuser", "Connect as"] {
            assert!(refused.stderr.contains(words), "{arguments:?}: {words}: {}", refused.stderr);
        }
    }
    assert!(database.dump(&[]) == before);
    let json = on(&database, &["migrate", "--yes", "--json"]).ends_with(3);
    assert_eq!(json.object("phaseline.error/1")["code"], "superuser_session", "{}", json.stdout);
}

#[test]
fn the_owner_may_work_and_a_superuser_with_the_flag() {
    let database = legacy();
    let role = give_to_planner(&database);
    on(&database, &["plan", "--allow-superuser"]).ends_with(0);
    let status = phaseline(&["--database-url", database.url(), "status"])
        .env("PHASELINE_ALLOW_SUPERUSER", "1")
        .output();
    Ran::of(status.unwrap()).ends_with(0);
    let wrong = phaseline(&["--database-url", database.url(), "status"])
        .env("PHASELINE_ALLOW_SUPERUSER", "perhaps")
        .output();
    Ran::of(wrong.unwrap()).ends_with(2);
    database.psql(&format!("ALTER ROLE {role} CREATEROLE"));
    let url = url_of(&database, &role);
    as_role(&url, &["migrate", "--yes"]).ends_with(0);
    let (project, _) = project_and_phase(&database);
    as_role(&url, &["timeline", "show", &project]).ends_with(0);
    on(&database, &["timeline", "show", &project]).ends_with(3);
    on(&database, &["timeline", "show", &project, "--allow-superuser"]).ends_with(0);
    // The commands that are proposed can be run as they are.
    let status = on(&database, &["status", "--allow-superuser"]).ends_with(0);
    assert!(
        !status.stdout.contains("phaseline --database-url") || status.stdout.contains("--allow-superuser"),
        "{}",
        status.stdout
    );
    // A member with no more rights is no danger; one who makes roles is.
    let member = format!("member_of_{}", database.name());
    database.psql(&format!("CREATE ROLE {member} LOGIN PASSWORD 'x'; GRANT {role} TO {member}"));
    as_role(&url_of(&database, &member), &["verify"]).ends_with(0);
    database.psql(&format!("ALTER ROLE {member} CREATEROLE"));
    let refused = as_role(&url_of(&database, &member), &["verify"]).ends_with(3);
    assert!(refused.stderr.contains("CREATEROLE"), "{}", refused.stderr);
    as_role(&url, &["rollback", "--yes"]).ends_with(0);
}

#[test]
fn neither_a_role_that_the_database_sets_nor_the_alembic_table_hides_it() {
    let database = legacy();
    let role = format!("owner_of_{}", database.name());
    database
        .psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; ALTER TABLE alembic_version OWNER TO {role}"));
    let refused = on(&database, &["status"]).ends_with(3);
    assert!(refused.stderr.contains("public.alembic_version"), "{}", refused.stderr);
    database.psql(&format!("ALTER DATABASE {} SET role = {role}", database.name()));
    let refused = on(&database, &["status"]).ends_with(3);
    assert!(refused.stderr.contains("postgres is a superuser"), "{}", refused.stderr);
}
