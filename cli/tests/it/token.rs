//! `token`: signed with the service's secret from each of its origins.

use crate::config::file;
use crate::program::{ProgramOutput, phaseline, run};
use serde_json::Value;

pub(crate) const SECRET: &str = "a secret of the tests, long enough for HS256";

pub(crate) fn token(args: &[&str]) -> ProgramOutput {
    let mut command = phaseline(&[&["token"], args].concat());
    ProgramOutput::of(command.env("PHASELINE_JWT_SECRET", SECRET).output().unwrap())
}

#[test]
fn stdout_has_the_token_alone_and_stderr_the_warning() {
    let ran = token(&["--subject", "ada", "--scope", "phases:read"]).exits_with(0);
    assert_eq!((ran.stdout.lines().count(), ran.stdout.trim().split('.').count()), (1, 3), "{ran:?}");
    assert!(ran.stderr.contains("for development"), "{ran:?}");
    assert_eq!(token(&["--subject", "ada", "--quiet"]).exits_with(0).stderr, "");
}

#[test]
fn the_json_object_lists_the_claims() {
    let id = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let object = token(&[
        "--subject",
        "ada",
        "--scope",
        "history:read phases:read",
        "--projects",
        id,
        "--expires",
        "8h",
        "--audience",
        "planner",
        "--issuer",
        "here",
        "--json",
    ]);
    let object = object.exits_with(0).object("phaseline.token/1");
    assert_eq!((&object["subject"], &object["scope"]), (&"ada".into(), &"phases:read history:read".into()));
    assert_eq!(
        (&object["projects"][0], &object["audience"], &object["issuer"]),
        (&id.into(), &"planner".into(), &"here".into())
    );
    let bare = token(&["--subject", "ada", "--json"]).exits_with(0).object("phaseline.token/1");
    assert_eq!((&bare["scope"], &bare["projects"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_token_secret_comes_from_the_services_settings_and_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let path = secret.to_str().unwrap();
    let settings = file(folder.path(), &format!("jwt_secret_file = {path:?}"));
    run(&["token", "--subject", "ada", "--jwt-secret-file", path]).exits_with(0);
    run(&["token", "--subject", "ada", "--config", settings.to_str().unwrap()]).exits_with(0);

    let without = run(&["token", "--subject", "ada"]).exits_with(2);
    assert!(without.stderr.contains("PHASELINE_JWT_SECRET"), "{}", without.stderr);
    let mut both = phaseline(&["token", "--subject", "ada"]);
    both.env("PHASELINE_JWT_SECRET", SECRET).env("PHASELINE_JWT_SECRET_FILE", path);
    let both = ProgramOutput::of(both.output().unwrap()).exits_with(2);
    assert!(
        both.stderr.contains("both PHASELINE_JWT_SECRET and PHASELINE_JWT_SECRET_FILE"),
        "{}",
        both.stderr
    );
    std::fs::write(&secret, "short").unwrap();
    for command in [&["token", "--subject", "ada"][..], &["serve"]] {
        let short = run(&[command, &["--jwt-secret-file", path]].concat()).exits_with(2);
        assert!(
            short.stderr.contains("--jwt-secret-file: the secret has 5 bytes, HS256 requires at least 32"),
            "{}",
            short.stderr
        );
    }
}

#[test]
fn invalid_settings_are_refused_everywhere() {
    for (args, named) in [
        (&["--subject", " "][..], "--subject"),
        (&["--subject", "ada", "--scope", "phases:all"], "phases:all"),
        (&["--subject", "ada", "--expires", "tomorrow"], "--expires"),
        (&["--subject", "ada", "--projects", "7"], "--projects"),
    ] {
        let ran = token(args).exits_with(2);
        assert!(ran.stderr.contains(named), "{named}: {}", ran.stderr);
    }
}
