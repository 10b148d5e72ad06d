//! Wrong values of every kind: the message has the expected form, with an example.

use crate::program::{ProgramOutput, phaseline, run};

const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

#[test]
fn a_wrong_value_is_answered_with_the_expected_form_and_an_example() {
    for (arguments, named, expected) in [
        (
            &["phase", "resize", ID, "15.10.2024", "2026-01-31"][..],
            "15.10.2024",
            "year-month-day, such as 2026-01-31",
        ),
        (
            &["phase", "resize", ID, "2026-01-01", "2024-13-45"],
            "2024-13-45",
            "year-month-day, such as 2026-01-31",
        ),
        (
            &["phase", "create", ID, "A", "2024-2-1", "2026-01-31"],
            "2024-2-1",
            "year-month-day, such as 2026-01-31",
        ),
        (
            &["timeline", "reschedule", ID, "today", "2026-01-31"],
            "today",
            "year-month-day, such as 2026-01-31",
        ),
        (&["phase", "budget", ID, "1,000.00", "0"], "1,000.00", "no other separators, such as 1250.50"),
        (
            &["phase", "create", ID, "A", "2026-01-01", "2026-01-31", "--capital", "1.250,50"],
            "1.250,50",
            "such as 1250.50",
        ),
        (
            &["phase", "remove", "Design"],
            "Design",
            "an id prefix (4 characters or more), or PROJECT/NAME, such as",
        ),
        (&["phase", "rename", "6f9", "A"], "6f9", "an id prefix (4 characters or more)"),
        (
            &["phase", "create", ID, "A", "2026-01-01", "2026-01-31", "--id", "7"],
            "7",
            "all 36 characters, such as",
        ),
        (&["history", " "], "empty", "expected a project's id, an id prefix (4 characters or more)"),
        (&["timeline", "show", " "], "empty", "expected a project's id, an id prefix (4 characters or more)"),
        (&["timeline", "open", " "], "empty", "expected a project's id, an id prefix (4 characters or more)"),
        (&["adopt", " "], "empty", "expected a project's id, an id prefix (4 characters or more)"),
        (&["drift", " "], "empty", "expected a project's id, an id prefix (4 characters or more)"),
        (&["drift", "--repair", ""], "empty", "expected a project's id, an id prefix (4 characters or more)"),
        (
            &["rebuild", "--project", " "],
            "empty",
            "expected a project's id, an id prefix (4 characters or more)",
        ),
        (
            &["quarantine", "skip", " ", "--all", "--reason", "x"],
            "empty",
            "expected a project's id, an id prefix (4 characters or more)",
        ),
        (&["token", "--subject", "ada", "--projects", "all"], "all", "all 36 characters, such as"),
        (&["history", ID, "--as-of", "yesterday"], "yesterday", "such as 2026-01-31T12:00:00Z or"),
        (&["history", ID, "--at", "first"], "first", "a whole number, such as 4711"),
        (&["timeline", "show", ID, "--at", "4.5"], "4.5", "a whole number, such as 4711"),
        (&["quarantine", "skip", ID, "--position", "x", "--reason", "x"], "x", "from 1, such as 4711"),
        (&["migrate", "--plan", "sha256:abc"], "sha256:abc", "a digest is sha256: and 64 characters"),
        (&["rollback", "--accept-loss", "all"], "all", "a digest is sha256: and 64 characters"),
        (&["migrate", "--lock-timeout", "5m"], "5m", "without a unit, such as 60"),
        (&["rollback", "--lock-timeout=-1"], "-1", "such as 60"),
        (&["rehearse", "--lock-timeout", "1.5"], "1.5", "without a unit, such as 60"),
        (&["rebuild", "--jobs", "many"], "many", "a number from 1 to 64: expected digits only, such as 8"),
        (&["sample", "--projects", "1,000"], "1,000", "a whole number without separators, such as 1000"),
        (&["sample", "--assignments", "1e3"], "1e3", "a whole number without separators, such as 1000"),
        (&["sample", "--seed", "x"], "x", "a whole number without separators, such as 1000"),
        (&["token", "--subject", "ada", "--expires", "1 week"], "1 week", "with ms, s, m or h, such as 30s"),
        (&["token", "--subject", "ada", "--scope", "admin"], "admin", "such as \"phases:read phases:write\""),
        (&["token", "--subject", "ada", "--scope", ""], "--scope", "expected a scope, such as phases:read"),
        (&["config", "show", "--default-scopes", "all"], "all", "such as \"phases:read phases:write\""),
        (&["config", "show", "--listen", "8080"], "8080", "such as 127.0.0.1:8080"),
        (&["config", "show", "--listen", "localhost:99999"], "99999", "a port from 0 to 65535, such as"),
        (&["config", "show", "--listen", ":8080"], ":8080", "such as 127.0.0.1:8080"),
        (&["config", "show", "--body-limit", "1MB"], "1MB", "with B, KiB or MiB, such as 1MiB"),
        (&["config", "show", "--request-timeout", "soon"], "soon", "with ms, s, m or h, such as 30s"),
        (&["config", "show", "--max-clients", "many"], "many", "digits only, such as 8"),
    ] {
        let ran = run(arguments).exits_with(2);
        let shown = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(named) && shown.contains(expected), "{arguments:?}: {shown}");
        for parser in
            ["invalid character", "out of range", "Invalid decimal", "invalid digit", "invalid length"]
        {
            assert!(!shown.contains(parser), "{arguments:?}: {shown}");
        }
    }
    let mut command = phaseline(&["status"]);
    let ran = ProgramOutput::of(command.env("PHASELINE_ALLOW_SUPERUSER", "perhaps").output().unwrap());
    assert!(ran.exits_with(2).stderr.contains("expected true or false"));
}
