//! Managed databases: no superuser, no CREATEROLE. The statements that `plan` lists, run by an administrator, are enough for every step.

use crate::program::{ProgramOutput, legacy, phaseline, project_and_phase};
use crate::serve::ServiceProcess;
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions};
use phaseline_tests::owners::{give_schema, url_of};
use serde_json::{Value, json};

/// Whether memberships have options, as since PostgreSQL 16.
fn has_options() -> bool {
    TestCluster::shared().binaries().major_version() >= 16
}

/// A database in a cluster of its own, which has no role of an earlier installation.
struct Managed {
    database: TestDatabase,
    url: String,
}

impl Managed {
    /// The role is `app`, with the password `x`.
    fn new(attributes: &str, owner: &str, prepare: &str) -> Self {
        let database = TestCluster::start(TestOptions::default()).database();
        let sample = ["sample", "--projects", "4", "--assignments", "40", "--seed", "3", "--database-url"];
        ProgramOutput::of(phaseline(&sample).arg(database.url()).output().unwrap()).exits_with(0);
        database.psql(&format!("CREATE ROLE app LOGIN PASSWORD 'x' {attributes}"));
        if owner != "app" {
            database.psql(&format!("CREATE ROLE {owner}"));
        }
        give_schema(&database, "public", owner);
        database.psql(&prepare.replace("DATABASE_NAME", database.name()));
        let url = url_of(&database, "app");
        Self { database, url }
    }

    fn run(&self, args: &[&str]) -> ProgramOutput {
        ProgramOutput::of(phaseline(args).env("DATABASE_URL", &self.url).output().unwrap())
    }

    fn plan(&self) -> Value {
        serde_json::from_str(&self.run(&["plan", "--json"]).stdout).unwrap()
    }

    /// Runs the listed statements, as the given role if it is not the administrator.
    fn grant(&self, runs_as: Option<&str>) -> Vec<String> {
        let plan = self.plan();
        let grants: Vec<String> = serde_json::from_value(plan["grants"].clone()).unwrap();
        for statement in &grants {
            let role = runs_as.map_or_else(String::new, |role| format!("SET ROLE {role}; "));
            self.database.psql(&format!("{role}{statement}"));
        }
        let plan = self.plan();
        assert_eq!((&plan["ready"], &plan["grants"]), (&json!(true), &json!([])), "{grants:#?}\n{plan:#}");
        grants
    }

    /// Migration, commands on the command line and by the service, verification and rollback, all as the role.
    fn takes_every_step(&self) {
        let before = self.database.dump(&["--schema=public"]);
        let migrated = self.run(&["migrate", "--yes"]).exits_with(0);
        assert!(!migrated.stderr.contains("may not be created"), "{}", migrated.stderr);
        assert_eq!(self.plan()["grants"], json!([]));
        self.run(&["verify"]).exits_with(0);
        let (_, phase) = project_and_phase(&self.database);
        self.run(&["phase", "rename", &phase, "Named on the command line"]).exits_with(0);
        let service = ServiceProcess::start(&["--no-auth"], |command| {
            command.env_remove("PHASELINE_JWT_SECRET").env("DATABASE_URL", &self.url);
        });
        service.becomes_ready();
        let path = format!("/api/v1/phases/{phase}");
        service.send(service.client.patch(&path).json(&json!({ "name": "Named by the service" }))).is(200);
        service.stop("TERM").exits_with(0);
        self.run(&["verify"]).exits_with(0);
        let dry: Value =
            serde_json::from_str(&self.run(&["rollback", "--dry-run", "--json"]).stdout).unwrap();
        assert_eq!(dry["missing_privileges"], json!([]), "{dry:#}");
        let digest = dry["loss"]["digest"].as_str().unwrap();
        self.run(&["rollback", "--yes", "--accept-loss", digest]).exits_with(0);
        self.run(&["verify"]).exits_with(0);
        assert!(self.database.dump(&["--schema=public"]) == before, "the legacy schema differs");
        self.run(&["migrate", "--yes"]).exits_with(0);
    }
}

#[test]
fn an_owner_without_other_rights_gets_all_that_it_needs_from_the_plan() {
    let managed = Managed::new("", "app", "");
    let grants = managed.grant(None);
    let database = managed.database.name();
    let set = if has_options() { " WITH SET TRUE" } else { "" };
    assert_eq!(
        grants,
        [
            "CREATE ROLE phaseline_writer NOLOGIN".to_owned(),
            "CREATE ROLE phaseline_reader NOLOGIN".to_owned(),
            "CREATE ROLE phaseline_auditor NOLOGIN".to_owned(),
            "GRANT CREATE ON SCHEMA public TO app".to_owned(),
            format!("GRANT CREATE ON DATABASE {database} TO app"),
            format!("GRANT phaseline_writer TO app{set}"),
            "ALTER ROLE app CREATEDB".to_owned(),
        ]
    );
    managed.run(&["rehearse"]).exits_with(0);
    managed.takes_every_step();
}

#[test]
fn only_what_is_missing_is_listed() {
    let managed = Managed::new(
        "",
        "app",
        "GRANT CREATE ON DATABASE DATABASE_NAME TO app; GRANT CREATE ON SCHEMA public TO app;
         CREATE ROLE phaseline_writer; CREATE ROLE phaseline_reader; GRANT phaseline_writer TO app",
    );
    assert_eq!(managed.grant(None), ["CREATE ROLE phaseline_auditor NOLOGIN", "ALTER ROLE app CREATEDB"]);
    managed.takes_every_step();
}

/// Before a swap the run has the server's log written to disk by a message in it; where that is forbidden, its commit takes longer.
#[test]
fn a_run_needs_no_right_to_write_messages_into_the_servers_log() {
    let revoke = "DO $$ DECLARE f regprocedure; BEGIN
                      FOR f IN SELECT oid FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP
                          EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
                      END LOOP;
                  END $$";
    let managed = Managed::new("", "app", revoke);
    let allowed = managed.database.psql(
        "SELECT bool_or(has_function_privilege('app', oid, 'EXECUTE')) FROM pg_proc WHERE proname = 'pg_logical_emit_message'",
    );
    assert_eq!(allowed.trim(), "f");
    managed.grant(None);
    managed.takes_every_step();
}

/// The role is a member of the owner, without using or setting its rights.
#[test]
fn a_member_without_inherit_and_set_gets_both() {
    let (attributes, membership) = if has_options() {
        ("", "GRANT schema_owner, phaseline_writer TO app WITH INHERIT FALSE, SET FALSE")
    } else {
        ("NOINHERIT", "GRANT schema_owner, phaseline_writer TO app")
    };
    let managed = Managed::new(
        attributes,
        "schema_owner",
        &format!(
            "CREATE ROLE phaseline_writer; {membership}; GRANT CREATE ON SCHEMA public TO schema_owner;
             SET ROLE schema_owner;
             ALTER TABLE resource_assignments ADD number int GENERATED ALWAYS AS IDENTITY;
             CREATE VIEW booked AS SELECT id, number FROM resource_assignments;
             CREATE MATERIALIZED VIEW budgets AS SELECT sum(total_budget) FROM project_phases;
             RESET ROLE; REVOKE CREATE ON SCHEMA public FROM schema_owner;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO app; GRANT CREATE ON DATABASE DATABASE_NAME TO app"
        ),
    );
    let grants = managed.grant(None);
    let expected =
        if has_options() { "GRANT schema_owner TO app WITH INHERIT TRUE" } else { "ALTER ROLE app INHERIT" };
    assert!(grants.iter().any(|statement| statement == expected), "{grants:#?}");
    managed.takes_every_step();
}

/// The tables belong to several roles.
#[test]
fn a_role_gets_the_rights_of_every_owner() {
    let managed = Managed::new(
        "",
        "schema_owner",
        "CREATE ROLE planner; ALTER TABLE projects OWNER TO planner; GRANT SELECT ON ALL TABLES IN SCHEMA public TO app",
    );
    let grants = managed.grant(None);
    assert!(grants.iter().any(|statement| statement.starts_with("GRANT planner TO app")), "{grants:#?}");
    managed.takes_every_step();
}

/// An administrator should not make a role a superuser.
#[test]
fn what_belongs_to_a_superuser_is_given_away_instead_of_its_rights() {
    let managed = Managed::new(
        "",
        "app",
        "CREATE VIEW booked AS SELECT id FROM resource_assignments; ALTER TABLE actuals OWNER TO CURRENT_USER;
         GRANT SELECT ON actuals TO app",
    );
    let grants = managed.grant(None);
    for statement in
        [r#"ALTER VIEW "public"."booked" OWNER TO app"#, r#"ALTER TABLE "public"."actuals" OWNER TO app"#]
    {
        assert!(grants.iter().any(|granted| granted == statement), "{grants:#?}");
    }
    assert!(grants.iter().all(|granted| !granted.starts_with("GRANT postgres")), "{grants:#?}");
    managed.takes_every_step();
}

/// The first role of a managed database owns it and makes roles, and is not a superuser.
#[test]
fn an_administrator_of_a_managed_database_runs_the_statements_itself() {
    let managed = Managed::new("CREATEROLE CREATEDB", "app", "ALTER DATABASE DATABASE_NAME OWNER TO app");
    managed.grant(Some("app"));
    managed.takes_every_step();
}

#[test]
fn the_page_of_a_plan_has_the_statements() {
    let database = legacy();
    let role = format!("managed_{}", database.name());
    database.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    give_schema(&database, "public", &role);
    let plan = phaseline(&["plan"]).env("DATABASE_URL", url_of(&database, &role)).output().unwrap();
    let page = ProgramOutput::of(plan).exits_with(3).stdout;
    assert!(
        page.contains(&format!("\n  GRANT CREATE ON DATABASE {} TO {role};\n", database.name())),
        "{page}"
    );
}

/// A migration that may not create the roles passes, and they come later: `doctor` leads to them step by step.
#[test]
fn roles_and_grants_come_after_a_migration_that_could_not_create_them() {
    let managed = Managed::new(
        "CREATEDB",
        "app",
        "GRANT CREATE ON DATABASE DATABASE_NAME TO app; GRANT CREATE ON SCHEMA public TO app",
    );
    managed.run(&["migrate", "--yes"]).exits_with(0);
    let doctor = || managed.run(&["doctor"]);
    let remedies = |report: &str| -> Vec<String> {
        let lines = report.lines().filter(|line| line.contains("CREATE ROLE phaseline_writer"));
        lines
            .map(|line| line.split("administrator creates them: ").nth(1).unwrap_or_default().to_owned())
            .collect()
    };
    let report = doctor().exits_with(0).stdout;
    assert!(report.contains("warn  roles             missing: phaseline_writer, "), "{report}");
    assert!(!report.contains("HEALTHY") && report.contains(" WARNINGS\n"), "{report}");
    let args = ["serve", "--no-auth", "--listen", "127.0.0.1:0"];
    let refused = managed.run(&args).exits_with(3);
    for named in
        ["no role phaseline_writer", "CREATE ROLE phaseline_writer NOLOGIN", "phaseline doctor --repair"]
    {
        assert!(refused.stderr.contains(named), "{named}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("reachable"), "{}", refused.stderr);

    // As the remedy says, and what else the plan lists.
    let remedy = remedies(&report).concat();
    let (statements, _) = remedy.split_once(". Then").unwrap();
    managed.database.psql(statements);
    let grants: Vec<String> = serde_json::from_value(managed.plan()["grants"].clone()).unwrap();
    managed.database.psql(&grants.join("; "));
    // Roles belong to the cluster, grants to the database.
    let report = doctor().exits_with(1).stdout;
    assert!(report.contains("role phaseline_writer has no USAGE on phaseline"), "{report}");
    managed.run(&["upgrade", "--check"]).exits_with(3);
    let service = ServiceProcess::start(&["--no-auth"], |command| {
        command.env_remove("PHASELINE_JWT_SECRET").env("DATABASE_URL", &managed.url);
    });
    let health = service.get("/readyz").is(503).json();
    assert_eq!(health["reasons"][0]["code"], "role_denied", "{health:#}");
    let (project, _) = project_and_phase(&managed.database);
    let path = format!("/api/v1/projects/{project}/timeline");
    let problem = service.get(&path).is(503).json();
    assert_eq!(problem["code"], "role_denied", "{problem:#}");
    managed.run(&["doctor", "--repair"]).exits_with(0);
    service.becomes_ready();
    service.get(&path).is(200);
    service.stop("TERM").exits_with(0);
    let report = doctor().exits_with(0).stdout;
    // The test cluster runs with fsync = off.
    assert!(report.contains("ok    roles") && report.ends_with("\n1 WARNING\n"), "{report}");
    managed.run(&["upgrade", "--check"]).exits_with(0);
}

/// A role that may create roles makes them itself, in a schema that is current otherwise.
#[test]
fn a_repair_creates_the_roles_as_soon_as_it_may() {
    let managed = Managed::new(
        "",
        "app",
        "GRANT CREATE ON DATABASE DATABASE_NAME TO app; GRANT CREATE ON SCHEMA public TO app",
    );
    managed.run(&["migrate", "--yes"]).exits_with(0);
    managed.run(&["doctor", "--repair"]).exits_with(0);
    let roles = || {
        managed
            .database
            .psql("SELECT count(*) FROM pg_roles WHERE rolname ~ '^phaseline_(writer|reader|auditor)'")
    };
    assert_eq!(roles().trim(), "0");
    managed.database.psql("ALTER ROLE app CREATEROLE");
    managed.run(&["doctor", "--repair"]).exits_with(0);
    assert_eq!(roles().trim(), "3");
    let usage = "SELECT has_schema_privilege('phaseline_writer', 'phaseline', 'usage')";
    assert_eq!(managed.database.psql(usage).trim(), "t");
}
