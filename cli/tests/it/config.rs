//! `config show`: each setting and its origin.

use crate::program::{ProgramOutput, phaseline, run};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A settings file in a folder of the test.
pub(crate) fn file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("phaseline.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn show(args: &[&str], variables: &[(&str, &str)]) -> ProgramOutput {
    let mut command = phaseline(&[&["config", "show"], args].concat());
    ProgramOutput::of(command.envs(variables.iter().copied()).output().unwrap())
}

/// A setting's value and origin.
fn value_and_origin(object: &Value, key: &str) -> (Option<String>, String) {
    let values = object["values"].as_array().unwrap();
    let value = values.iter().find(|value| value["key"] == key).unwrap();
    (value["value"].as_str().map(str::to_owned), value["origin"].as_str().unwrap().to_owned())
}

#[test]
fn a_flag_overrides_the_environment_the_file_and_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        folder.path(),
        "listen = \"127.0.0.1:1\"\nmax_connections = 1\nbody_limit = \"1KiB\"\nno_auth = true\n\
         default_scopes = [\"phases:read\", \"history:read\"]\nrequest_timeout = 7\n",
    );
    let path = path.to_str().unwrap();
    let variables =
        [("PHASELINE_CONFIG", path), ("PHASELINE_LISTEN", "127.0.0.1:2"), ("PHASELINE_MAX_CONNECTIONS", "2")];
    let object = show(&["--listen", "127.0.0.1:3", "--json"], &variables);
    let object = object.exits_with(0).object("phaseline.config/1");
    assert_eq!(object["file"], path);
    let from_file = format!("file {path}");
    for (key, value, origin) in [
        ("listen", Some("127.0.0.1:3"), "flag"),
        ("max_connections", Some("2"), "env PHASELINE_MAX_CONNECTIONS"),
        ("body_limit", Some("1KiB"), &*from_file),
        ("no_auth", Some("true"), &*from_file),
        ("default_scopes", Some("phases:read history:read"), &*from_file),
        ("request_timeout", Some("7"), &*from_file),
        ("idle_timeout", Some("75s"), "default"),
        ("shutdown_timeout", Some("20s"), "default"),
        ("audience", None, "default"),
    ] {
        assert_eq!(value_and_origin(&object, key), (value.map(str::to_owned), origin.to_owned()), "{key}");
    }
    // --config overrides PHASELINE_CONFIG.
    let other = folder.path().join("other.toml");
    std::fs::write(&other, "body_limit = 9").unwrap();
    let object = show(&["--config", other.to_str().unwrap(), "--json"], &variables);
    let (value, _) = value_and_origin(&object.exits_with(0).object("phaseline.config/1"), "body_limit");
    assert_eq!(value.as_deref(), Some("9"));
}

#[test]
fn the_private_server_is_named_in_the_place_of_a_url() {
    let shown = show(&[], &[("PHASELINE_DATA_DIR", "/srv/phaseline")]).exits_with(0).stdout;
    let line = shown.lines().find(|line| line.trim_start().starts_with("database_url")).unwrap();
    assert!(
        line.contains("(private server in /srv/phaseline)") && line.ends_with("env PHASELINE_DATA_DIR"),
        "{line}"
    );
    let object = show(&["--json"], &[("PHASELINE_DATA_DIR", "/srv/phaseline")]).object("phaseline.config/1");
    assert_eq!(value_and_origin(&object, "database_url").0, None);
    let elsewhere = show(&[], &[("PGHOST", "db.example")]).exits_with(0).stdout;
    assert!(!elsewhere.contains("private server"), "{elsewhere}");
}

#[test]
fn secrets_are_shown_as_set_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "database_url = \"postgres://me:hidden-1@db.example/planner\"");
    let secret = "hidden-2-and-long-enough-for-any-algorithm";
    for form in [&[][..], &["--json"]] {
        let args = [&["--config", path.to_str().unwrap()][..], form].concat();
        let ran = show(&args, &[("PHASELINE_JWT_SECRET", secret)]).exits_with(0);
        assert!(!ran.stdout.contains("hidden"), "{}", ran.stdout);
        assert!(ran.stdout.contains("(set)") && ran.stdout.contains("db.example"), "{}", ran.stdout);
        let ran = show(&args, &[("DATABASE_URL", "host=h password=hidden-3")]).exits_with(0);
        assert!(!ran.stdout.contains("hidden"), "{}", ran.stdout);
    }
}

#[test]
fn unknown_settings_in_the_file_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, named) in [
        ("listen = \"127.0.0.1:1\"\n\nmax_conections = 3\n", "line 3: unknown setting \"max_conections\""),
        ("[server]\nlisten = \"127.0.0.1:1\"\n", "line 1: unknown setting \"server\""),
        ("\njwt_secret = \"x\"\n", "line 2: jwt_secret is not allowed in a settings file"),
        ("body_limit = 1.5\n", "line 1: body_limit is neither text, a number"),
        ("role = \"a\"\nrole = \"b\"\n", "line 2: "),
        ("listen = \"127.0.0.1:1\"\nrole = \n", "line 2: "),
    ] {
        let path = file(folder.path(), text);
        let ran = run(&["config", "show", "--config", path.to_str().unwrap()]).exits_with(2);
        assert!(ran.stderr.contains(&format!("{}: {named}", path.display())), "{named}: {}", ran.stderr);
    }
    let nowhere = folder.path().join("nowhere.toml");
    let ran = run(&["config", "show", "--config", nowhere.to_str().unwrap()]).exits_with(2);
    assert!(ran.stderr.contains("nowhere.toml: the file cannot be read"), "{}", ran.stderr);
}

#[test]
fn a_wrong_value_names_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    for (key, wrong) in [
        ("max_connections", "many"),
        ("max_connections", "0"),
        ("max_clients", "0"),
        ("max_phases", "-1"),
        ("write_timeout", "0s"),
        ("body_limit", "1MB"),
        ("request_timeout", "soon"),
        ("idle_timeout", "-1s"),
        ("shutdown_timeout", "0"),
        ("log_format", "xml"),
        ("cache_timelines", "-1"),
        ("states_interval", "never"),
        ("no_auth", "perhaps"),
        ("default_scopes", "phases:read phases:all"),
        ("jwks_url", "http://id.example/keys"),
        ("subjects", "users"),
        ("cors_origins", "https://planner.example *"),
        ("page_token_header", "two words"),
        ("page_token_header", "Authorization"),
        ("page_token_header", "cookie"),
        ("base_path", "phaseline"),
        ("base_path", "/phaseline/"),
        ("base_path", "/a/../b"),
        ("base_path", "/a%20b"),
    ] {
        let path = file(folder.path(), &format!("{key} = \"{wrong}\""));
        let in_file = run(&["config", "show", "--config", path.to_str().unwrap()]).exits_with(2);
        assert!(in_file.stderr.contains(&format!("{}: {key}: ", path.display())), "{}", in_file.stderr);
        let variable = format!("PHASELINE_{}", key.to_uppercase());
        let in_environment = show(&[], &[(&variable, wrong)]).exits_with(2);
        assert!(in_environment.stderr.contains(&format!("{variable}: ")), "{}", in_environment.stderr);
        if key != "no_auth" {
            let flag = format!("--{}", key.replace('_', "-"));
            let ran = run(&["config", "show", &format!("{flag}={wrong}")]).exits_with(2);
            assert!(ran.stderr.contains(&format!("{flag}: ")), "{}", ran.stderr);
        }
    }
}

#[test]
fn the_help_lists_every_variable() {
    let help = run(&["--help"]).exits_with(0).stdout;
    let object = run(&["config", "show", "--json"]).exits_with(0).object("phaseline.config/1");
    for value in object["values"].as_array().unwrap() {
        let key = value["key"].as_str().unwrap();
        let variable = match key {
            "database_url" => "DATABASE_URL".to_owned(),
            key => format!("PHASELINE_{}", key.to_uppercase()),
        };
        assert!(help.contains(&variable), "{variable}");
        assert!(
            show(&["--json"], &[(&*variable, "1")]).stdout.contains(&format!("env {variable}")) || {
                // Where 1 is refused, the refusal names it.
                show(&[], &[(&*variable, "1")]).stderr.contains(&variable)
            }
        );
    }
}

#[test]
fn the_document_has_every_setting_with_its_names_and_default() {
    let document = include_str!("../../../docs/service.md");
    let object = run(&["config", "show", "--json"]).exits_with(0).object("phaseline.config/1");
    let values = object["values"].as_array().unwrap();
    let rows =
        document.lines().filter(|line| line.contains("| `PHASELINE_") || line.contains("| `DATABASE_URL`"));
    assert_eq!(rows.count(), values.len());
    let help = run(&["serve", "--help"]).exits_with(0).stdout;
    for value in values {
        let key = value["key"].as_str().unwrap();
        let row = document.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).expect(key);
        if let Some(default) = value["value"].as_str().filter(|default| !default.is_empty()) {
            assert!(row.contains(&format!("| `{default}` |")), "{key}: {row}");
        }
        if key == "jwt_secret" {
            assert!(!row.contains("--") && !help.contains("--jwt-secret "), "never a flag: {row}");
            continue;
        }
        let flag = format!("--{}", key.replace('_', "-"));
        assert!(row.contains(&format!("`{flag}`")) && help.contains(&flag), "{flag}: {row}");
    }
}
