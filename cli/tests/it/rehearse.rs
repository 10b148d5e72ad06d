//! Rehearsals: all steps run on a copy, which is dropped afterwards; the database is unchanged.

mod interrupted;

use crate::program::{ProgramOutput, legacy, migrated, on, phaseline, project_and_phase, run};
use crate::signals::Holder;
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions};
use phaseline_tests::owners::give_schema;
use serde_json::Value;

const FORMAT: &str = "phaseline.rehearse/1";

/// Queries the server from another database, so that this one has no connections.
fn query_beside(database: &TestDatabase, sql: &str) -> String {
    database.cluster().binaries().psql(&database.cluster().url("postgres"), sql).unwrap()
}

/// The existing copies of a database.
fn list_copies(database: &TestDatabase) -> String {
    query_beside(
        database,
        &format!(
            "SELECT datname FROM pg_database WHERE datname LIKE '{}\\_rehearsal\\_%' ORDER BY 1",
            database.name()
        ),
    )
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

#[test]
fn an_unused_database_is_copied_as_a_template_and_stays_unchanged() {
    let database = legacy();
    let before = database.dump(&[]);
    let plan = on(&database, &["plan", "--json"]).object("phaseline.plan/1");
    let report = on(&database, &["rehearse", "--json"]).exits_with(0).object(FORMAT);
    for (field, value) in [
        ("passed", Value::from(true)),
        ("identical", true.into()),
        ("dropped", true.into()),
        ("kept", false.into()),
        ("failed", Value::Null),
        ("method", "template".into()),
        ("first", "migrate".into()),
        ("database", database.name().into()),
        ("digest", plan["digest"].clone()),
    ] {
        assert_eq!(report[field], value, "{field}: {report}");
    }
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["copy", "dump", "plan", "migrate", "verify", "rollback", "verify", "compare", "drop"]);
    assert!(report["steps"][3]["locked_ms"].is_u64() && report["migrate_locked_ms"].is_u64(), "{report}");
    assert!(report["copy_bytes"].as_u64() < report["migrated_bytes"].as_u64(), "{report}");
    assert!(report["log_bytes"].as_u64().unwrap() > 0 && report["dump_bytes"].as_u64().unwrap() > 0);
    assert_eq!(list_copies(&database), "");
    assert!(database.dump(&[]) == before);
    let text = on(&database, &["rehearse", "--quiet"]).exits_with(0);
    assert_eq!(text.stderr, "");
    let (first, last) = (text.stdout.lines().next().unwrap(), text.stdout.lines().last().unwrap());
    assert!(first == last && first.starts_with("REHEARSED: "), "{}", text.stdout);
}

#[test]
fn beside_users_it_copies_by_a_dump_and_reports_the_connections() {
    let database = legacy();
    database.psql(
        "COMMENT ON TABLE public.programs IS 'a comment'; GRANT SELECT ON public.programs TO PUBLIC;
         CREATE SCHEMA \"More Things\"; CREATE VIEW \"More Things\".v AS SELECT 1 AS one; SELECT lo_create(4711);
         CREATE PUBLICATION p FOR TABLE public.programs; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    );
    let before = database.dump(&[]);
    let user = Holder::on(&database, "SET application_name = 'planner-web'");
    let ran = on(&database, &["rehearse", "--json"]).exits_with(0);
    let report = ran.object(FORMAT);
    assert_eq!((&report["method"], &report["identical"]), (&"dump".into(), &true.into()));
    assert!(notes(&report).contains("planner-web"), "{report}");
    // The copy has every row and definition of the database.
    let plan = on(&database, &["plan", "--json"]).object("phaseline.plan/1");
    assert_eq!(report["digest"], plan["digest"]);
    let refused = on(&database, &["rehearse", "--method", "template"]).exits_with(8);
    assert!(
        refused.stderr.contains("planner-web") && refused.stderr.contains("--method dump"),
        "{refused:?}"
    );
    // A kept copy equals the database, but for its log; other roles cannot connect.
    let kept = on(&database, &["rehearse", "--keep", "--json"]).exits_with(0).object(FORMAT);
    drop(user);
    let copy = kept["copy"].as_str().unwrap();
    assert_eq!(list_copies(&database), copy);
    let dump = database.cluster().binaries();
    let dump = dump.pg_dump(&database.cluster().url(copy), &["--exclude-schema=phaseline"]).unwrap();
    assert!(String::from_utf8(dump.bytes).unwrap() == before);
    let public = format!("SELECT has_database_privilege('pg_monitor', '{copy}', 'CONNECT')");
    assert_eq!(query_beside(&database, &public), "f");
    on(&database, &["rehearse", "--drop", copy]).exits_with(0);
    assert_eq!(list_copies(&database), "");
    assert!(database.dump(&[]) == before);
}

/// A sample in a database of any name and of a locale that is not the server's; the test drops it.
fn database_named(cluster: &TestCluster, name: &str, sql: &str) -> String {
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    let admin = cluster.database();
    // Some builds are without ICU.
    let has_icu = admin.psql("SELECT count(*) > 0 FROM pg_collation WHERE collname = 'de-x-icu'") == "t";
    let provider = if has_icu { "LOCALE_PROVIDER icu ICU_LOCALE 'de' " } else { "" };
    admin.psql(&format!(
        "CREATE DATABASE {quoted} TEMPLATE template0 {provider}LC_COLLATE 'POSIX' LC_CTYPE 'POSIX'"
    ));
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let port = cluster.port();
    let url = format!("postgres://postgres:{}@127.0.0.1:{port}/{encoded}", crate::program::password());
    run(&["sample", "--projects", "5", "--assignments", "40", "--database-url", &url]).exits_with(0);
    admin.psql(&sql.replace("{db}", &quoted));
    url
}

#[test]
fn odd_names_settings_and_grants_are_copied_but_not_connect() {
    let cluster = TestCluster::shared();
    let admin = cluster.database();
    let name = "Pläne & \"Mehr\" 100% 'x'/y ä";
    admin.psql("CREATE ROLE rehearsal_owner; CREATE ROLE rehearsal_user LOGIN PASSWORD 'user'");
    let url = database_named(
        cluster,
        name,
        "ALTER DATABASE {db} OWNER TO rehearsal_owner;
         REVOKE ALL ON DATABASE {db} FROM PUBLIC;
         GRANT CREATE, CONNECT ON DATABASE {db} TO rehearsal_user WITH GRANT OPTION;
         ALTER DATABASE {db} SET search_path = '$user', public, \"A b\";
         ALTER DATABASE {db} SET default_transaction_read_only = on;
         ALTER DATABASE {db} SET phase.\"Line\" = 'it''s';
         ALTER ROLE rehearsal_user IN DATABASE {db} SET work_mem = '8MB';
         ALTER DATABASE {db} CONNECTION LIMIT 7",
    );
    let of = |name: &str| {
        let literal = format!("'{}'", name.replace('\'', "''"));
        admin.psql(&format!(
            "SELECT pg_get_userbyid(d.datdba), d.encoding, d.datcollate, d.datctype, d.datlocprovider,
                    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
                    (SELECT string_agg(coalesce(r.rolname, '-') || array_to_string(s.setconfig, ';'), '|' ORDER BY r.rolname)
                       FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid),
                    (SELECT string_agg(a.privilege_type || a.grantee::regrole || a.is_grantable, '|' ORDER BY 1)
                       FROM aclexplode(d.datacl) a WHERE a.privilege_type <> 'CONNECT' AND a.grantee <> d.datdba)
               FROM pg_database d WHERE d.datname = {literal}"
        ))
    };
    for method in ["template", "dump"] {
        // The database's owner has fewer rights than the tables'.
        let arguments =
            ["rehearse", "--allow-superuser", "--keep", "--json", "--method", method, "--database-url", &url];
        let ran = run(&arguments).exits_with(0);
        let report = ran.object(FORMAT);
        assert_eq!((&report["method"], &report["kept"]), (&method.into(), &true.into()));
        assert!(notes(&report).contains("7 connections"), "{report}");
        assert!(!notes(&report).contains("not on the copy"), "{report}");
        let copy = report["copy"].as_str().unwrap();
        assert!(copy.starts_with(&format!("{name}_rehearsal_")), "{copy}");
        assert_eq!(of(copy), of(name), "{method}");
        assert!(of(copy).contains("\"$user\", public, \"A b\""), "{}", of(copy));
        let encoded: String = copy.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let stranger = format!("postgres://rehearsal_user:user@127.0.0.1:{}/{encoded}", cluster.port());
        let refused = run(&["status", "--database-url", &stranger]).exits_with(9);
        assert!(refused.stderr.contains("permission denied"), "{}", refused.stderr);
        run(&["rehearse", "--allow-superuser", "--database-url", &url, "--drop", copy]).exits_with(0);
        assert_eq!(of(copy), "");
    }
    admin.psql(&format!("DROP DATABASE \"{}\"", name.replace('"', "\"\"")));
    admin.psql("DROP ROLE rehearsal_owner; DROP ROLE rehearsal_user");
}

#[test]
fn a_role_that_is_not_a_superuser_needs_createdb_and_the_tables() {
    let database = legacy();
    let role = format!("rehearser_of_{}", database.name());
    let name = database.name();
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN CREATEROLE PASSWORD 'rehearser'; ALTER DATABASE {name} OWNER TO {role}"
    ));
    give_schema(&database, "public", &role);
    let url = format!("postgres://{role}:rehearser@127.0.0.1:{}/{name}", database.cluster().port());
    let refused = run(&["rehearse", "--database-url", &url]).exits_with(3);
    assert!(
        refused.stderr.contains("may not create databases") && refused.stderr.contains("CREATEDB"),
        "{refused:?}"
    );
    database.psql(&format!("ALTER ROLE {role} CREATEDB"));
    for method in ["template", "dump"] {
        let report = run(&["rehearse", "--database-url", &url, "--method", method, "--json"])
            .exits_with(0)
            .object(FORMAT);
        assert_eq!((&report["identical"], &report["dropped"]), (&true.into(), &true.into()), "{report}");
    }
    // A database of another owner cannot be copied as a template.
    database.psql(&format!(
        "ALTER DATABASE {name} OWNER TO postgres; GRANT CREATE ON DATABASE {name} TO {role};
         GRANT CREATE ON SCHEMA public TO {role}"
    ));
    let report = run(&["rehearse", "--database-url", &url, "--json"]).exits_with(0).object(FORMAT);
    assert_eq!(report["method"], "dump");
    assert!(notes(&report).contains("permission denied to copy"), "{report}");
    assert!(notes(&report).contains("owned by this role"), "{report}");
    assert_eq!(list_copies(&database), "");
    database.psql(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}"));
    database.psql(&format!("DROP ROLE {role}"));
}

#[test]
fn unmigratable_data_exits_with_3_and_is_not_copied() {
    let database = legacy();
    database.psql("UPDATE project_phases SET created_at = 'infinity'");
    let before = database.dump(&[]);
    let refused = on(&database, &["rehearse"]).exits_with(3);
    assert!(refused.stdout.starts_with("NOT MIGRATABLE\n"), "{}", refused.stdout);
    assert!(refused.stdout.contains("REFUSED phase_timestamp"), "{}", refused.stdout);
    assert!(!refused.stderr.contains("copying"), "{}", refused.stderr);
    let error = on(&database, &["rehearse", "--json"]).exits_with(3).object("phaseline.error/1");
    assert_eq!(error["plan"]["anomalies"][0]["code"], "phase_timestamp");
    assert_eq!(list_copies(&database), "");
    assert!(database.dump(&[]) == before);
}

#[test]
fn a_migrated_database_is_rolled_back_first_and_edits_exit_with_7() {
    let database = migrated();
    let before = database.dump(&[]);
    let report = on(&database, &["rehearse", "--json"]).exits_with(0).object(FORMAT);
    assert_eq!((&report["first"], &report["identical"]), (&"rollback".into(), &true.into()), "{report}");
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["copy", "dump", "rollback", "verify", "plan", "migrate", "verify", "compare", "drop"]);
    assert!(database.dump(&[]) == before);
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let refused = on(&database, &["rehearse"]).exits_with(7);
    assert!(refused.stdout.contains("WOULD LOSE DATA") && refused.stdout.contains(&phase), "{refused:?}");
    assert_eq!(list_copies(&database), "");
}

/// Lets copies run additional SQL when the rollback builds the legacy `resource_assignments` with its indexes.
fn run_on_copies(database: &TestDatabase, sql: &str) {
    database.psql(&format!(
        "CREATE SEQUENCE public.aside;
         CREATE FUNCTION public.on_copies(id uuid) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
           IF current_database() <> '{}' THEN {sql}; END IF; RETURN 0; END $$;
         CREATE INDEX on_copies ON public.resource_assignments (public.on_copies(id))",
        database.name()
    ));
}

#[test]
fn dumps_that_differ_end_with_6_and_show_where() {
    let database = legacy();
    run_on_copies(&database, "PERFORM nextval('public.aside')");
    let before = database.dump(&[]);
    let failed = on(&database, &["rehearse"]).exits_with(6);
    let last = failed.stdout.lines().last().unwrap();
    assert!(last.starts_with("REHEARSAL FAILED: ") && failed.stdout.starts_with(last), "{}", failed.stdout);
    assert!(
        failed.stdout.contains("in aside; Type: SEQUENCE SET") && failed.stdout.contains("is   SELECT"),
        "{failed:?}"
    );
    assert!(!failed.stdout.contains("migrate --plan"), "{}", failed.stdout);
    let report = on(&database, &["rehearse", "--json"]).exits_with(6).object(FORMAT);
    assert_eq!((&report["passed"], &report["failed"]), (&false.into(), &"dumps".into()));
    assert_eq!((&report["identical"], &report["dropped"]), (&false.into(), &true.into()));
    assert!(
        report["difference"]["after"][0].as_str().unwrap().contains("setval('public.aside', 240, true)"),
        "{report}"
    );
    assert_eq!(list_copies(&database), "");
    assert!(database.dump(&[]) == before);
}

#[test]
fn a_verification_that_fails_ends_with_6_and_is_shown() {
    let database = migrated();
    on(&database, &["rollback", "--yes"]).exits_with(0);
    database.psql(
        "CREATE FUNCTION public.alter_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           NEW.metadata := jsonb_set(NEW.metadata::jsonb, '{actor}', '\"another\"'); RETURN NEW; END $$;
         CREATE TRIGGER alter_events BEFORE INSERT ON phaseline.events FOR EACH ROW
           EXECUTE FUNCTION public.alter_events()",
    );
    let failed = on(&database, &["rehearse"]).exits_with(6);
    assert!(
        failed.stdout.contains("✗ FAIL") && failed.stdout.contains("VERIFICATION FAILED - "),
        "{failed:?}"
    );
    let report = on(&database, &["rehearse", "--json"]).exits_with(6).object(FORMAT);
    assert_eq!((&report["failed"], &report["identical"]), (&"verification".into(), &Value::Null));
    assert_eq!(report["verification"]["passed"], false);
    assert_eq!(list_copies(&database), "");
}

#[test]
fn nothing_stays_on_the_server_not_even_the_roles() {
    let cluster = TestCluster::start(TestOptions::default());
    let database = cluster.database();
    run(&["sample", "--projects", "5", "--assignments", "40", "--database-url", database.url()]);
    // Another owner's copy may not be dropped, even without connections.
    database.psql("CREATE ROLE phaseline_reader");
    let all = || {
        database.psql(
            "SELECT rolname FROM pg_roles UNION ALL SELECT datname || coalesce(datacl::text, '') FROM pg_database
             UNION ALL SELECT description FROM pg_shdescription UNION ALL SELECT setdatabase::text FROM pg_db_role_setting",
        )
    };
    let before = (all(), database.dump(&[]));
    let url = ["--database-url", database.url()];
    let password = |ran: std::process::Output| assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    for method in ["template", "dump"] {
        password(phaseline(&[&["rehearse", "--method", method][..], &url].concat()).output().unwrap());
        assert_eq!(all(), before.0, "{method}");
        assert!(database.dump(&[]) == before.1);
    }
    // Roles that an earlier migration created stay.
    password(phaseline(&[&["migrate", "--yes"][..], &url].concat()).output().unwrap());
    let before = all();
    assert!(before.contains("phaseline_writer"));
    password(phaseline(&[&["rehearse"][..], &url].concat()).output().unwrap());
    assert_eq!(all(), before);
}

#[test]
fn the_private_servers_database_is_rehearsed_too() {
    let folder = tempfile::Builder::new().prefix("phaseline-cli-").tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let data = folder.path().join("data");
    let on = |arguments: &[&str]| {
        ProgramOutput::of(phaseline(arguments).env("PHASELINE_DATA_DIR", &data).output().unwrap())
            .exits_with(0)
    };
    on(&["sample", "--projects", "2", "--assignments", "9"]);
    let kept = on(&["rehearse", "--keep", "--method", "dump", "--json"]).object(FORMAT);
    assert_eq!(kept["identical"], true);
    on(&["rehearse", "--drop", kept["copy"].as_str().unwrap()]);
    assert!(!on(&["doctor"]).stdout.contains("rehearsals"));
}
