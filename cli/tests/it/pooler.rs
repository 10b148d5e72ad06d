//! Commands behind PgBouncer in transaction mode: single commands work, runs need the server's own URL.

use crate::program::{ProgramOutput, eventually, legacy, migrated, phaseline, project_and_phase, run};
use crate::serve::ServiceProcess;
use phaseline_embedded::testing::{PgBouncer, PoolMode, TestDatabase};

fn through(url: &str, direct: Option<&str>, args: &[&str]) -> ProgramOutput {
    let mut command = phaseline(args);
    command.env("DATABASE_URL", url).envs(direct.map(|direct| ("PHASELINE_DIRECT_URL", direct)));
    ProgramOutput::of(command.output().unwrap())
}

fn started(database: &TestDatabase) -> Option<(PgBouncer, String)> {
    let pooler = PgBouncer::start(database.url(), PoolMode::Transaction)?;
    let url = pooler.url(database.url());
    Some((pooler, url))
}

#[test]
fn single_commands_work_behind_a_pooler_and_leave_nothing_open() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let Some((_pooler, url)) = started(&database) else { return };
    for round in 0..3 {
        let name = format!("Round {round}");
        let renamed =
            through(&url, None, &["phase", "rename", &phase, &name, "--reason", "test"]).exits_with(0);
        assert!(renamed.stdout.contains(&name), "{renamed:#?}");
    }
    let history = through(&url, None, &["history", &project]).exits_with(0);
    assert!(history.stdout.contains("Round 2"), "{history:#?}");
    let shown = through(&url, None, &["timeline", "show", &project]).exits_with(0);
    assert!(shown.stdout.contains("Round 2"), "{shown:#?}");
    through(&url, None, &["status"]).exits_with(0);
    let missing = "00000000-0000-4000-8000-000000000000";
    for arguments in
        [["timeline", "show", missing], ["phase", "remove", missing], ["timeline", "open", missing]]
    {
        let refused = through(&url, None, &arguments).exits_with(3);
        assert!(refused.stderr.contains("not found"), "{refused:#?}");
    }
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    eventually("no transaction is open", || database.psql(open).trim() == "0");
}

#[test]
fn runs_behind_a_pooler_are_refused_without_the_servers_own_url() {
    let database = legacy();
    let Some((_pooler, url)) = started(&database) else { return };
    let before = database.dump(&[]);
    for arguments in [
        &["plan"][..],
        &["migrate", "--yes"],
        &["rollback", "--yes"],
        &["verify"],
        &["rebuild"],
        &["adopt"],
        &["drift", "--repair", "all", "--yes"],
        &["upgrade"],
        &["rehearse"],
        &["doctor", "--repair"],
        &["quarantine", "list"],
    ] {
        let refused = through(&url, None, arguments).exits_with(3);
        let text = &refused.stderr;
        for part in ["is behind a pooler", "nothing was written", "--direct-url", "--pooler none"] {
            assert!(text.contains(part), "{arguments:?}: {refused:#?}");
        }
    }
    // The direct URL is another pooler's.
    through(&url, Some(&url), &["migrate", "--yes"]).exits_with(3);
    assert_eq!(before, database.dump(&[]));
}

#[test]
fn runs_connect_to_the_servers_own_url_and_services_to_the_pooler() {
    let database = legacy();
    let Some((_pooler, url)) = started(&database) else { return };
    let direct = Some(database.url());
    through(&url, direct, &["plan"]).exits_with(0);
    let flags = ["--database-url", &url, "--direct-url", database.url(), "migrate", "--yes"];
    run(&flags).exits_with(0);
    let (_, phase) = project_and_phase(&database);
    through(&url, direct, &["phase", "rename", &phase, "Through the pooler"]).exits_with(0);
    through(&url, direct, &["verify"]).exits_with(0);
    through(&url, direct, &["rebuild"]).exits_with(0);
    let service = ServiceProcess::on(&url, &[]);
    eventually("the service is ready", || service.get("/readyz").status == 200);
    drop(service);
    through(&url, direct, &["rollback", "--yes", "--accept-loss"]);
}

#[test]
fn the_setting_overrides_what_a_connection_shows() {
    let database = legacy();
    let Some(pooler) = PgBouncer::start(database.url(), PoolMode::Session) else { return };
    let url = pooler.url(database.url());
    through(&url, None, &["migrate", "--yes"]).exits_with(3);
    through(&url, None, &["--pooler", "none", "migrate", "--yes"]).exits_with(0);
    let (_, phase) = project_and_phase(&database);
    for mode in ["none", "auto", "transaction"] {
        through(&url, None, &["--pooler", mode, "phase", "rename", &phase, mode]).exits_with(0);
    }
    // It holds without a pooler, too.
    through(database.url(), None, &["--pooler", "transaction", "phase", "rename", &phase, "Direct"])
        .exits_with(0);
    through(database.url(), None, &["--pooler", "transaction", "rebuild"]).exits_with(3);
    let wrong = through(&url, None, &["--pooler", "sometimes", "status"]).exits_with(2);
    assert!(wrong.stderr.contains("neither auto, none nor transaction"), "{wrong:#?}");
}

#[test]
fn the_setting_comes_from_the_flag_the_environment_or_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = crate::config::file(folder.path(), "pooler = \"transaction\"\n");
    let show = |args: &[&str], variable: Option<&str>| {
        let mut command =
            phaseline(&[&["config", "show", "--config", path.to_str().unwrap()], args].concat());
        command.envs(variable.map(|value| ("PHASELINE_POOLER", value)));
        ProgramOutput::of(command.output().unwrap())
    };
    let line = |ran: ProgramOutput| {
        let ran = ran.exits_with(0);
        ran.stdout.lines().find(|line| line.trim_start().starts_with("pooler")).unwrap().to_owned()
    };
    assert!(line(show(&[], None)).contains("transaction"));
    assert!(line(show(&[], Some("none"))).contains("env PHASELINE_POOLER"));
    assert!(line(show(&["--pooler", "auto"], Some("none"))).contains("flag"));
    let wrong = show(&[], Some("sometimes")).exits_with(2);
    assert!(wrong.stderr.contains("PHASELINE_POOLER: \"sometimes\" is neither"), "{wrong:#?}");
}

#[test]
fn doctor_names_the_kind_of_connection() {
    let database = migrated();
    let line = |ran: &ProgramOutput| {
        let line = ran.stdout.lines().find(|line| line.contains("pooler")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{ran:#?}"))
    };
    let direct = line(&through(database.url(), None, &["doctor"]));
    assert!(direct.contains("each connection is a session"), "{direct}");
    let Some((_pooler, url)) = started(&database) else { return };
    let pooled = through(&url, None, &["doctor"]).exits_with(0);
    assert!(line(&pooled).contains("each use of a connection is a transaction"), "{pooled:#?}");
    assert!(pooled.stdout.contains("--direct-url") && !pooled.stdout.contains("aborted"), "{pooled:#?}");
    let with_own = through(&url, Some(database.url()), &["doctor"]).exits_with(0);
    assert!(line(&with_own).contains("runs connect to database"), "{with_own:#?}");
}
