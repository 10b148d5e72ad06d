//! URLs with several servers: a primary and its standby.

use crate::program::{ProgramOutput, eventually, project_and_phase, run};
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions};

/// A migrated sample on a primary that has a standby.
pub(crate) struct Servers {
    pub(crate) standby: TestCluster,
    pub(crate) database: TestDatabase,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let primary = TestCluster::start(TestOptions::default());
        primary.template("planner", |url| {
            let size = ["--projects", "8", "--assignments", "120", "--seed", "3"];
            run(&[&["sample", "--database-url", url][..], &size].concat()).exits_with(0);
            run(&["migrate", "--yes", "--database-url", url]).exits_with(0);
        });
        let database = primary.database_from("planner");
        Self { standby: primary.standby(), database }
    }

    pub(crate) fn primary(&self) -> &TestCluster {
        self.database.cluster()
    }

    /// The database's URL with both servers, the standby first.
    pub(crate) fn url(&self) -> String {
        let primary = format!("127.0.0.1:{}", self.primary().port());
        self.database.url().replace(&primary, &format!("127.0.0.1:{},{primary}", self.standby.port()))
    }

    fn run(&self, parameters: &str, args: &[&str]) -> ProgramOutput {
        run(&[args, &["--database-url", &format!("{}{parameters}", self.url())]].concat())
    }

    /// The server that `doctor` names.
    #[track_caller]
    fn connected_to(&self, parameters: &str) -> String {
        let ran = self.run(parameters, &["doctor", "--json"]);
        let found =
            ran.stdout.split("127.0.0.1:").nth(1).unwrap_or_else(|| panic!("{}{}", ran.stdout, ran.stderr));
        found.chars().take_while(char::is_ascii_digit).collect()
    }
}

impl Drop for Servers {
    /// The database is dropped next, for which a frozen server, or one that waits for its standby, would never be ready.
    fn drop(&mut self) {
        self.primary().thaw();
        let waits_no_more = "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()";
        for sql in waits_no_more.split("; ") {
            // It does not answer if the test stopped it.
            let _ = self.primary().binaries().psql(&self.primary().url("postgres"), sql);
        }
    }
}

#[test]
fn commands_find_the_primary_before_and_after_a_promotion() {
    let servers = Servers::start();
    let phase = servers.database.psql("SELECT id FROM project_phases ORDER BY id LIMIT 1");
    let [primary, standby] = [servers.primary().port(), servers.standby.port()].map(|port| port.to_string());
    assert_eq!(servers.connected_to(""), primary);
    assert_eq!(servers.connected_to("?target_session_attrs=any"), standby);
    assert_eq!(servers.connected_to("?target_session_attrs=prefer-standby"), standby);
    servers.run("", &["phase", "rename", &phase, "Before"]).exits_with(0);
    servers.run("?target_session_attrs=standby", &["verify"]).exits_with(0);

    servers.primary().stop_immediate();
    let ran = servers.run("", &["phase", "rename", &phase, "Between"]).exits_with(9);
    for reason in [&format!("127.0.0.1:{standby}: is a standby, wanted is read-write"), "Connection refused"]
    {
        assert!(ran.stderr.contains(reason), "{reason}: {}", ran.stderr);
    }
    servers.standby.promote();
    servers.run("", &["phase", "rename", &phase, "After"]).exits_with(0);
    assert_eq!(servers.connected_to(""), standby);
    assert_eq!(
        servers.connected_to("?target_session_attrs=prefer-standby"),
        standby,
        "any, if there is no standby"
    );
    servers.run("", &["verify"]).exits_with(0);
    let ran = servers.run("?target_session_attrs=writer", &["verify"]).exits_with(2);
    assert!(ran.stderr.contains("it must be one of any, read-write"), "{}", ran.stderr);
}

#[test]
fn each_command_that_writes_is_refused_on_a_standby_and_names_the_primary() {
    let servers = Servers::start();
    let database = &servers.database;
    let (project, phase) = project_and_phase(database);
    let primary = format!("127.0.0.1:{}", servers.primary().port());
    let standby = servers.standby.url(database.name());
    for command in [
        &["migrate"][..],
        &["migrate", "--yes"],
        &["rollback", "--yes"],
        &["phase", "rename", &phase, "Other"],
        &["timeline", "open", &project],
        &["adopt"],
        &["drift", "--repair", "all", "--yes"],
        &["rebuild"],
        &["quarantine", "skip", &project, "--all", "--reason", "test"],
        &["sample"],
        &["rehearse"],
        &["upgrade"],
        &["doctor", "--repair"],
    ] {
        let ran = run(&[command, &["--database-url", &standby]].concat());
        if command == ["migrate"] {
            ran.exits_with(2);
            continue;
        }
        let ran = ran.exits_with(9);
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(shown.contains("is a standby, which accepts no writes"), "{command:?}: {shown}");
        assert!(shown.contains(&format!("Connect to its primary, {primary}.")), "{command:?}: {shown}");
    }
    let error = run(&["migrate", "--yes", "--json", "--database-url", &standby]).exits_with(9);
    assert_eq!(error.object("phaseline.error/1")["code"], "standby");
    for command in [&["status"][..], &["verify"], &["plan"], &["drift"], &["rollback", "--dry-run"]] {
        let ran = run(&[command, &["--database-url", &standby]].concat());
        assert_ne!(ran.code, Some(9), "{command:?}: {ran:?}");
    }
    // A role that may read neither statistics nor settings.
    let (role, password) = ("standby_reader", "pw-of-standby-reader");
    database.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"));
    let url =
        format!("postgres://{role}:{password}@127.0.0.1:{}/{}", servers.standby.port(), database.name());
    eventually("the role is on the standby", || {
        run(&["upgrade", "--database-url", &url]).stderr.contains("is a standby")
    });
    let ran = run(&["upgrade", "--database-url", &url]).exits_with(9);
    assert!(
        ran.stderr.contains("Connect to the primary.") && !ran.stderr.contains(&primary),
        "{}",
        ran.stderr
    );
}
