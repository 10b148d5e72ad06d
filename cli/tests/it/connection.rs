//! Connections: URLs, the private server, unreachable databases.

use crate::program::{ProgramOutput, legacy, on, password, phaseline, run};
use phaseline_embedded::testing::TestCluster;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_wrong_url_is_a_usage_error_without_the_password() {
    for (url, named) in [
        ("mysql://me:hunter2@h/d", "mysql"),
        ("host=localhost password='hunter2", "does not end"),
        ("localhost", "not a URL"),
        ("postgres://me:hunter2@h:54x/d", "54x"),
        ("postgres://me:hun/ter2@h/d", "%2F"),
        ("postgres://me:hunter2@h/d?sslmode=perhaps", "perhaps"),
    ] {
        for json in [false, true] {
            let mut command = phaseline(&["status", "--database-url", url]);
            let ran =
                ProgramOutput::of(command.args(json.then_some("--json")).output().unwrap()).exits_with(2);
            let text = format!("{}{}", ran.stdout, ran.stderr);
            assert!(text.contains(named) && text.contains("--database-url"), "{url}: {text}");
            assert!(!text.contains("hunter2") && !text.contains("ter2@"), "{url}: {text}");
        }
        let ran = ProgramOutput::of(phaseline(&["status"]).env("DATABASE_URL", url).output().unwrap())
            .exits_with(2);
        assert!(ran.stderr.contains("DATABASE_URL"), "{}", ran.stderr);
    }
}

#[test]
fn libpqs_environment_and_the_planners_own_url_name_a_database() {
    let database = legacy();
    let port = database.cluster().port().to_string();
    let url = database.url();
    let password = url.split(['@', ':']).nth(2).unwrap();
    let variables =
        [("PGHOST", "127.0.0.1"), ("PGPORT", &*port), ("PGUSER", "postgres"), ("PGPASSWORD", password)];
    let shape = |set: &dyn Fn(&mut std::process::Command)| {
        let mut command = phaseline(&["status", "--json"]);
        set(&mut command);
        ProgramOutput::of(command.output().unwrap()).exits_with(0).object("phaseline.status/1")["shape"]
            .clone()
    };
    let by_variables = shape(&|command| {
        command.envs(variables).env("PGDATABASE", database.name());
    });
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("services");
    let service =
        format!("[planner]\nhost=127.0.0.1\nport={port}\ndbname={}\nuser=postgres\n", database.name());
    std::fs::write(&services, service).unwrap();
    let by_service = shape(&|command| {
        command.env("PGSERVICEFILE", &services).env("PGSERVICE", "planner").env("PGPASSWORD", password);
    });
    let by_driver = shape(&|command| {
        command.env("DATABASE_URL", url.replace("postgres://", "postgresql+psycopg2://"));
    });
    let by_keywords = shape(&|command| {
        let name = database.name();
        let keywords = format!("host=127.0.0.1 port={port} user=postgres password={password} dbname={name}");
        command.env("DATABASE_URL", keywords);
    });
    assert_eq!([by_variables, by_service, by_driver, by_keywords], ["legacy"; 4]);

    let mut command = phaseline(&["status"]);
    let ran = ProgramOutput::of(command.env("DATABASE_URL", " ").output().unwrap()).exits_with(2);
    assert!(ran.stderr.contains("DATABASE_URL is set, but empty"), "{}", ran.stderr);
    // The private server would be another one than was meant.
    let direct = ProgramOutput::of(phaseline(&["status"]).env("PHASELINE_DIRECT_URL", url).output().unwrap());
    for (ran, source) in
        [(direct, "PHASELINE_DIRECT_URL"), (run(&["status", "--direct-url", url]), "--direct-url")]
    {
        let ran = ran.exits_with(2);
        assert!(ran.stderr.contains(&format!("{source} is given, but no database")), "{}", ran.stderr);
    }
    let ran =
        ProgramOutput::of(phaseline(&["status"]).env("PGSERVICE", "none").output().unwrap()).exits_with(2);
    assert!(ran.stderr.contains("the service \"none\" is in none of"), "{}", ran.stderr);
}

#[test]
fn a_url_in_the_wrong_place_does_not_show_its_password() {
    let ran = run(&["plan", "postgres://me:hunter2@h/d"]).exits_with(2);
    assert!(ran.stderr.contains("unexpected argument") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn no_server_no_database_and_a_wrong_password_end_with_9() {
    let cluster = TestCluster::shared();
    let port = cluster.port();
    for (url, named) in [
        ("postgres://me:hunter2@127.0.0.1:1/d".to_owned(), "127.0.0.1:1"),
        (cluster.url("no_such_database"), "no_such_database"),
        (format!("postgres://postgres:hunter2@127.0.0.1:{port}/postgres"), "password authentication failed"),
        ("postgres://me:hunter2@/d?host=/nowhere".to_owned(), "/nowhere"),
    ] {
        for command in ["plan", "verify", "status", "doctor"] {
            let ran = run(&[command, "--database-url", &url]).exits_with(9);
            let text = format!("{}{}", ran.stdout, ran.stderr);
            assert!(text.contains(named) && !text.contains("hunter2"), "{command}: {text}");
        }
        run(&["migrate", "--yes", "--database-url", &url]).exits_with(9);
    }
}

#[test]
fn causes_of_a_failed_connection_are_in_plain_words() {
    let database = legacy();
    let (url, port) = (database.url(), database.cluster().port());
    let nobody = url.replace(&format!(":{port}/"), ":1/");
    let nowhere = url.replace("@127.0.0.1:", "@host.invalid:");
    for (url, cause, hint) in [
        (nobody, "no server accepts connections there", "Check that the server runs"),
        (nowhere, "the host's name is not known", "check the URL"),
        (format!("{url}?sslmode=require"), "the server does not support TLS", "sslmode"),
    ] {
        for command in ["status", "doctor"] {
            let ran = run(&[command, "--database-url", &url]).exits_with(9);
            let text = format!("{}{}", ran.stdout, ran.stderr);
            assert!(text.contains(cause) && text.contains(hint), "{url}: {text}");
            for words in ["error communicating", "os error", "error occurred", "error returned"] {
                assert!(!text.contains(words), "{words}: {text}");
            }
        }
    }
}

#[test]
fn without_url_and_postgresql_it_exits_with_9_and_an_install_hint() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = phaseline(&["status", "--data-dir"]);
    command.arg(folder.path().join("data")).env(phaseline_embedded::BINDIR_VARIABLE, folder.path());
    let ran = ProgramOutput::of(command.output().unwrap()).exits_with(9);
    assert!(ran.stderr.contains("install") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

#[test]
fn without_a_url_a_private_server_keeps_the_data_and_stops_at_exit() {
    let folder = tempfile::Builder::new().prefix("phaseline-cli-").tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let data = folder.path().join("data");
    let on = |arguments: &[&str]| {
        ProgramOutput::of(phaseline(arguments).env("PHASELINE_DATA_DIR", &data).output().unwrap())
            .exits_with(0)
    };
    // The name that the private database had before.
    let server = phaseline_embedded::Server::start(&data).unwrap();
    server.create_database_if_missing("planner").unwrap();
    drop(server);
    let ran = on(&["sample", "--projects", "2", "--assignments", "9"]);
    assert!(
        ran.stderr.contains(&format!("using the private server in {}", data.display())),
        "{}",
        ran.stderr
    );
    assert!(!data.join("cluster/postmaster.pid").exists());
    let server = phaseline_embedded::Server::start(&data).unwrap();
    let names =
        server.binaries().psql(&server.url("postgres"), "SELECT datname FROM pg_database WHERE oid >= 16384");
    assert_eq!(names.unwrap(), "phaseline", "renamed, with what was in it");
    drop(server);
    on(&["migrate", "--yes"]);
    assert!(on(&["doctor"]).stdout.contains("database phaseline at"));
    assert!(!on(&["status", "--quiet"]).stderr.contains("private server"), "the variable chooses it");
    let connection = &on(&["status", "--json"]).object("phaseline.status/1")["connection"];
    assert_eq!(connection["private"], true);
    // Nothing chooses it: this terminal may lack a variable that another one has. No server starts here, since the
    // default folder may be this machine's own.
    let mut unchosen = phaseline(&["status", "--quiet"]);
    let ran = unchosen.env("XDG_DATA_HOME", folder.path()).env("PHASELINE_PG_BINDIR", "/nowhere");
    let ran = ProgramOutput::of(ran.output().unwrap());
    assert!(ran.stderr.contains("warning: no database is given"), "{}", ran.stderr);
    assert!(ran.stderr.contains("using the private server in"), "{}", ran.stderr);
    assert!(ran.stderr.contains("/nowhere"), "{}", ran.stderr);
    let status = run(&["status", "--json", "--data-dir", data.to_str().unwrap()]).exits_with(0);
    assert_eq!(status.object("phaseline.status/1")["shape"], "timelines");
    assert!(!data.join("cluster/postmaster.pid").exists());
}

#[test]
fn the_command_line_overrides_the_environment() {
    let database = legacy();
    let mut command = phaseline(&["status", "--json", "--database-url", database.url()]);
    command.env("DATABASE_URL", "postgres://me@127.0.0.1:1/d").env("PHASELINE_DATA_DIR", "/nowhere");
    let status = ProgramOutput::of(command.output().unwrap()).exits_with(0).object("phaseline.status/1");
    assert_eq!(status["database"], database.name());
    assert_eq!(status["connection"]["private"], false);
}

#[test]
fn a_folder_and_a_database_of_the_environment_are_two_sources() {
    for (variable, value) in [
        ("PGHOST", "127.0.0.1"),
        ("PGSERVICE", "planner"),
        ("PGDATABASE", "planner"),
        ("DATABASE_URL", "postgres://me@127.0.0.1:1/d"),
    ] {
        for arguments in [&["status"][..], &["config", "show"]] {
            let mut command = phaseline(arguments);
            command.env("PHASELINE_DATA_DIR", "/nowhere").env(variable, value);
            let ran = ProgramOutput::of(command.output().unwrap()).exits_with(2);
            let text = &ran.stderr;
            assert!(text.contains("PHASELINE_DATA_DIR") && text.contains(variable), "{text}");
            assert!(text.contains(&format!("unset {variable}")), "{text}");
        }
    }
}

#[test]
fn unknown_parameters_and_those_without_effect_are_refused() {
    let database = legacy();
    for (parameter, named) in [
        ("sslmod=require", "sslmod; the nearest known one is sslmode"),
        ("foo=bar", "unknown connection parameter foo"),
        ("channel_binding=require", "channel_binding"),
        ("gssencmode=require", "gssencmode"),
        ("sslcrl=/etc/crl.pem", "sslcrl"),
        ("ssl_min_protocol_version=TLSv1.3", "ssl_min_protocol_version"),
        ("service=planner", "service"),
        ("sslmode=on", "expected disable, allow, prefer, require, verify-ca or verify-full"),
    ] {
        let mark = if database.url().contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}{parameter}", database.url());
        let ran = run(&["status", "--database-url", &url]).exits_with(2);
        assert!(ran.stderr.contains(named) && ran.stderr.contains("--database-url"), "{}", ran.stderr);
    }
    let ran = run(&["status", "--database-url", "host=127.0.0.1 sslmod=require dbname=d"]).exits_with(2);
    assert!(ran.stderr.contains("the nearest known one is sslmode"), "{}", ran.stderr);
    let mut command = phaseline(&["status"]);
    command.env("PGHOST", "127.0.0.1").env("PGCHANNELBINDING", "require");
    let ran = ProgramOutput::of(command.output().unwrap()).exits_with(2);
    assert!(ran.stderr.contains("channel_binding"), "{}", ran.stderr);
    let harmless = "application_name=x&client_encoding=UTF8&keepalives=1&keepalives_idle=30&options=-c%20work_mem=8MB&\
                    channel_binding=prefer&gssencmode=disable&sslcrl=&ssl_min_protocol_version=TLSv1.2&sslmode=prefer&connect_timeout=9";
    let ran = run(&["status", "--database-url", &format!("{}?{harmless}", database.url())]);
    ran.exits_with(0);
}

#[test]
fn several_hosts_of_libpqs_variables_are_tried_in_their_order() {
    let database = legacy();
    let port = database.cluster().port();
    for url in [None, Some(format!("postgres://postgres@/{}", database.name()))] {
        let mut command = phaseline(&["status", "--json"]);
        command.env("PGHOST", "127.0.0.1,127.0.0.1").env("PGPORT", format!("1,{port}"));
        command.env("PGUSER", "postgres").env("PGPASSWORD", password());
        match url {
            None => command.env("PGDATABASE", database.name()),
            Some(url) => command.env("DATABASE_URL", url),
        };
        let ran = ProgramOutput::of(command.output().unwrap()).exits_with(0);
        assert_eq!(ran.object("phaseline.status/1")["database"], database.name());
    }
}

#[test]
fn the_next_command_names_the_database_again_without_its_password() {
    let database = legacy();
    let plan = run(&["plan", "--database-url", database.url()]).exits_with(0);
    let next = plan.stdout.lines().find(|line| line.trim_start().starts_with("next")).unwrap();
    let (_, command) = next.split_once("phaseline ").unwrap();
    assert!(next.contains("PGPASSWORD=") && command.contains(database.name()), "{next}");
    // The suggested command runs, given the password.
    let words: Vec<&str> = command.split_whitespace().chain(["--yes"]).collect();
    let ran = phaseline(&words).env("PGPASSWORD", password()).output().unwrap();
    ProgramOutput::of(ran).exits_with(0);
}

#[test]
fn a_read_only_role_can_plan_and_sees_missing_privileges() {
    let database = legacy();
    let role = format!("reader_of_{}", database.name());
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT USAGE ON SCHEMA public TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let port = database.cluster().port();
    let url = format!("postgres://{role}:reader@127.0.0.1:{port}/{}", database.name());
    let plan = run(&["plan", "--database-url", &url]).exits_with(3);
    assert!(plan.stdout.contains("missing: "), "{}", plan.stdout);
    run(&["plan", "--role", "postgres", "--database-url", &url]).exits_with(0);
    run(&["migrate", "--yes", "--database-url", &url]).exits_with(3);
    let same = on(&database, &["plan", "--role", &role]).exits_with(3);
    assert!(same.stdout.contains("missing: "), "{}", same.stdout);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
