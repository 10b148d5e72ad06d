use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use phaseline_embedded::{EmbeddedError, Server};

use crate::child_process::{self, ChildProcess};
use crate::probe::{self, eventually};

fn show(server: &Server, setting: &str) -> String {
    server.binaries().psql(&server.url("postgres"), &format!("SHOW {setting}")).unwrap()
}

#[test]
fn a_server_is_durable_despite_its_configuration_file() {
    let folder = probe::folder();
    drop(Server::start(folder.path()).unwrap());
    let file = folder.path().join("cluster/postgresql.conf");
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    writeln!(file, "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nlisten_addresses = '*'")
        .unwrap();
    let server = Server::start(folder.path()).unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(show(&server, setting), "on", "{setting}");
    }
    assert_eq!(show(&server, "listen_addresses"), "127.0.0.1");
    assert_eq!(show(&server, "server_encoding"), "UTF8");
}

#[test]
fn a_server_is_reached_over_loopback_only_and_with_the_password_only() {
    let folder = probe::folder();
    let server = Server::start(folder.path()).unwrap();
    assert!(probe::is_listening("127.0.0.1", server.port()));
    assert!(!probe::is_listening("127.0.0.2", server.port()));
    assert_eq!(show(&server, "unix_socket_directories"), "");
    let bare = format!("127.0.0.1:{}/postgres", server.port());
    for user in ["postgres:wrong", "postgres"] {
        let error = server.binaries().psql(&format!("postgres://{user}@{bare}"), "SELECT 1").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("password"), "{error}");
    }
}

#[test]
fn no_other_user_can_read_the_data_or_the_password() {
    let folder = probe::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::start(folder.path()).unwrap();
    let owner = fs::metadata(server.data_dir()).unwrap().uid();
    for (name, mode) in
        [("", 0o700), ("cluster", 0o700), ("password", 0o600), ("start.lock", 0o600), ("clients.lock", 0o600)]
    {
        let metadata = fs::metadata(server.data_dir().join(name)).unwrap();
        assert_eq!(metadata.mode() & 0o777, mode, "{name}");
        assert_eq!(metadata.uid(), owner, "{name}");
    }
    let process = probe::postmaster(server.data_dir()).unwrap();
    let status = fs::metadata(format!("/proc/{process}")).unwrap();
    assert_eq!(status.uid(), owner);
    assert_ne!(owner, 0);
}

#[test]
fn a_server_started_again_has_its_data_and_its_port() {
    let folder = probe::folder();
    let server = Server::start(folder.path()).unwrap();
    server.create_database_if_missing(r#"planner "x" é"#).unwrap();
    server.create_database_if_missing(r#"planner "x" é"#).unwrap();
    let url = server.url(r#"planner "x" é"#);
    server.binaries().psql(&url, "CREATE TABLE t AS SELECT 42 AS number").unwrap();
    drop(server);
    assert_eq!(probe::postmaster(folder.path()), None);

    let server = Server::start(folder.path()).unwrap();
    assert_eq!(server.url(r#"planner "x" é"#), url);
    assert_eq!(server.binaries().psql(&url, "SELECT number FROM t").unwrap(), "42");
}

#[test]
fn a_taken_port_is_replaced_by_another() {
    let folder = probe::folder();
    let server = Server::start(folder.path()).unwrap();
    let port = server.port();
    drop(server);
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let server = Server::start(folder.path()).unwrap();
    assert_ne!(server.port(), port);
    assert_eq!(show(&server, "port"), server.port().to_string());
}

#[test]
fn a_server_that_was_killed_starts_again() {
    let folder = probe::folder();
    let (mut other, url) = ChildProcess::hold(folder.path());
    let postmaster = probe::postmaster(folder.path()).unwrap();
    probe::signal("KILL", &postmaster.to_string());
    other.kill();
    eventually("the postmaster is gone", || !probe::is_alive(postmaster));
    assert_eq!(probe::postmaster(folder.path()), Some(postmaster), "a stale file is there");
    let server = Server::start(folder.path()).unwrap();
    assert_eq!(server.url("postgres"), url);
    assert_eq!(show(&server, "fsync"), "on");
}

#[test]
fn a_stale_file_that_names_a_living_stranger_does_not_stop_a_start() {
    let folder = probe::folder();
    drop(Server::start(folder.path()).unwrap());
    // As after a reboot: the id belongs to another process of the same user.
    let owner = fs::metadata(folder.path()).unwrap();
    let mut stranger = Command::new("sleep");
    if probe::is_root() {
        stranger.uid(owner.uid()).gid(owner.gid());
    }
    let mut stranger = stranger.arg("600").spawn().unwrap();
    let text = format!("{}\n/x\n1\n5432\n\n127.0.0.1\n1 1\nready\n", stranger.id());
    fs::write(folder.path().join("cluster/postmaster.pid"), text).unwrap();
    let server = Server::start(folder.path());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(show(&server.unwrap(), "fsync"), "on");
}

#[test]
fn data_of_another_version_is_not_changed_and_both_versions_are_named() {
    let folder = probe::folder();
    drop(Server::start(folder.path()).unwrap());
    fs::write(folder.path().join("cluster/PG_VERSION"), "9\n").unwrap();
    let error = Server::start(folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, EmbeddedError::OtherVersion { .. }));
    assert!(text.contains("was made by PostgreSQL 9, but only PostgreSQL 1"), "{text}");
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
}

#[test]
fn a_server_that_does_not_start_shows_the_end_of_its_log() {
    let folder = probe::folder();
    drop(Server::start(folder.path()).unwrap());
    fs::write(folder.path().join("cluster/postgresql.conf"), "nonsense_of_mine = on\n").unwrap();
    let error = Server::start(folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("nonsense_of_mine") && text.contains("server.log"), "{text}");
    assert!(!text.contains("database system is shut down"), "the log of the start before: {text}");
}

#[test]
fn a_folder_with_other_files_is_not_changed() {
    let folder = probe::folder();
    fs::write(folder.path().join("letter"), "dear").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = Server::start(folder.path()).unwrap_err();
    assert!(matches!(error, EmbeddedError::ForeignFolder(_)), "{error}");
    let metadata = fs::metadata(folder.path()).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o755);
    assert_eq!(metadata.uid(), fs::metadata(folder.path().join("letter")).unwrap().uid());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_name_that_a_shell_would_read_is_refused() {
    let folder = probe::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = Server::start(&folder.path().join("a$(touch b)")).unwrap_err();
    assert!(matches!(error, EmbeddedError::FolderName(_)), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(Server::start(&folder.path().join("with a space")).unwrap());
}

#[test]
fn a_lost_password_is_reported() {
    let folder = probe::folder();
    drop(Server::start(folder.path()).unwrap());
    fs::remove_file(folder.path().join("password")).unwrap();
    let error = Server::start(folder.path()).unwrap_err();
    assert!(matches!(error, EmbeddedError::PasswordLost { .. }), "{error}");
}

#[test]
fn a_parent_that_the_server_may_not_enter_is_named() {
    if !probe::is_root() {
        return;
    }
    let folder = probe::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    let error = Server::start(&open.join("data")).unwrap_err();
    let EmbeddedError::Unreachable { directory, .. } = &error else { panic!("{error}") };
    assert_eq!(directory, folder.path());
    assert!(error.to_string().contains(&format!("`chmod o+x {}`", folder.path().display())), "{error}");
    assert!(!open.join("data").exists());

    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    drop(Server::start(&open.join("data")).unwrap());
}

#[test]
fn an_unfinished_cluster_of_a_killed_process_is_recreated() {
    let folder = probe::folder();
    fs::write(folder.path().join("start.lock"), "").unwrap();
    fs::create_dir(folder.path().join("init-1")).unwrap();
    fs::write(folder.path().join("init-1/PG_VERSION"), "15\n").unwrap();
    let server = Server::start(folder.path()).unwrap();
    assert_eq!(show(&server, "fsync"), "on");
    assert!(!folder.path().join("init-1").exists());
}

#[test]
fn the_private_server_ignores_the_environments_database() {
    let folder = probe::folder();
    for what in ["hold", "hold a test cluster"] {
        let mut command = child_process::command(what, folder.path());
        command.env("PGPORT", "1").env("PGDATA", "/nowhere").env("PGOPTIONS", "-c nonsense=1");
        command.env("PGSSLMODE", "require").env("LANG", "xx_XX").current_dir("/proc/self");
        let mut other = ChildProcess::run(&mut command);
        assert!(other.read_line().is_some());
        other.end();
    }
}

#[test]
fn the_default_folder_follows_the_conventions() {
    let mut command = child_process::command("default folder", Path::new(""));
    command.env("XDG_DATA_HOME", "/x/y");
    let printed = ChildProcess::run(&mut command).read_line().unwrap();
    assert_eq!(printed, if probe::is_root() { "/var/lib/phaseline" } else { "/x/y/phaseline" });
}

#[test]
fn root_starts_a_server_as_the_user_who_owns_the_data() {
    if !probe::is_root() {
        return;
    }
    let folder = probe::folder();
    drop(Server::start(folder.path()).unwrap());
    let status = Command::new("chown").args(["-R", "4242:4343"]).arg(folder.path()).status().unwrap();
    assert!(status.success());
    let server = Server::start(folder.path()).unwrap();
    let process = probe::postmaster(server.data_dir()).unwrap();
    let owner = fs::metadata(format!("/proc/{process}")).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (4242, 4343));
}
