//! Where SQL may be, and which of it may name whose tables.

use super::{files, files_where, mentions, root};

const NONE: Vec<String> = Vec::new();

/// The modules of each crate that may contain SQL, as the beginnings of their paths; `store` and `projections` may everywhere.
const MODULES_WITH_SQL: [(&str, &[&str]); 5] = [
    ("domain", &[]),
    ("api", &["health."]),
    // The server and its databases: versions, settings, roles, copies.
    (
        "cli",
        &[
            "backup.",
            "rehearsal_copies.",
            "command/demo.",
            "command/doctor/",
            "command/rehearse/",
            "command/sample.",
        ],
    ),
    // The private server and its databases; `dump` parses the SQL of dumps.
    ("embedded", &["dump.", "psql.", "server.", "testing"]),
    // Not in reports, translation, anomalies and events: these are pure.
    (
        "migrator",
        &[
            "change_detector.",
            "database.",
            "ddl.",
            "definition/",
            "legacy/reading.",
            "legacy/tables.",
            "log.",
            "migrate/",
            "plan",
            "quarantine.",
            "rollback",
            "run/",
            "sample",
            "shape.",
            "status.",
            "verify/",
        ],
    ),
];

/// The beginnings of statements.
const STATEMENTS: [&str; 20] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "WITH ",
    "CREATE ",
    "ALTER ",
    "DROP ",
    "GRANT ",
    "REVOKE ",
    "SET ",
    "RESET ",
    "BEGIN ",
    "COPY ",
    "LOCK TABLE ",
    "TRUNCATE ",
    "ANALYZE ",
    "COMMENT ON ",
    "DECLARE ",
    "DO ",
];

/// Whether code calls the driver with a query, or a literal begins with a statement.
fn has_sql(text: &str) -> bool {
    code_of(text).any(|line| {
        ["sqlx::query", "sqlx::raw_sql", ".sql\""].iter().any(|call| line.contains(call))
            || line
                .split('"')
                .skip(1)
                .any(|literal| STATEMENTS.iter().any(|statement| literal.trim_start().starts_with(statement)))
    })
}

/// The lines without those of comments and unit tests.
fn code_of(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn only_the_listed_modules_contain_sql() {
    for (crate_name, modules) in MODULES_WITH_SQL {
        let folder = format!("{crate_name}/src");
        let allowed: Vec<String> = modules.iter().map(|module| format!("{folder}/{module}")).collect();
        let found = files_where("rs", &folder, has_sql);
        for path in &found {
            assert!(allowed.iter().any(|module| path.starts_with(module)), "{path} contains SQL");
        }
        for module in allowed {
            assert!(found.iter().any(|path| path.starts_with(&module)), "{module} has no SQL any more");
        }
        let sql_files = files(&root().join(&folder), "sql");
        assert!(sql_files.is_empty() || crate_name == "migrator", "{sql_files:?}");
    }
    let words = ["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "SET ", "WITH "];
    assert_eq!(mentions("domain/src", &["sqlx", "SELECT "], &[]), NONE);
    assert_eq!(mentions("api/src", &words, &["api/src/health.rs"]), NONE, "not even in texts");
}

#[test]
fn sql_is_found_in_calls_and_in_literals() {
    for text in [
        "let rows = sqlx::query_scalar(QUERY);",
        "let query = format!(\n    \"SELECT 1 FROM {t}\"\n);",
        "let query = include_str!(\"a.sql\");",
        "const FIND: &str = \"\n\";\nf(\"  WITH a AS (\");",
    ] {
        assert!(has_sql(text), "{text}");
    }
    for text in [
        "// sqlx::query(\"SELECT 1\")",
        "let remedy = \"As an administrator: GRANT {role} TO {login}\";",
        "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { psql(\"SELECT 1\") } }",
    ] {
        assert!(!has_sql(text), "{text}");
    }
}

/// Whether code has a statement on one of these tables.
fn names_table(text: &str, tables: &[&str]) -> bool {
    const VERBS: [&str; 4] = ["FROM", "JOIN", "INTO", "UPDATE"];
    let names = tables.iter().flat_map(|table| VERBS.map(|verb| format!("{verb} {table}")));
    let names: Vec<String> = names.collect();
    code_of(text).any(|line| names.iter().any(|name| line.contains(name)))
}

#[test]
fn only_store_names_the_columns_of_the_log() {
    let log =
        ["phaseline.events", "phaseline.head", "phaseline.idempotency_keys", "phaseline.timeline_states"];
    let names_log = |text: &str| names_table(text, &log);
    for folder in ["api/src", "cli/src", "embedded/src", "migrator/src", "projections/src"] {
        assert_eq!(files_where("rs", folder, names_log), NONE, "only store names the log's columns");
    }
    for folder in ["migrator", "projections"] {
        assert_eq!(files_where("sql", folder, names_log), NONE, "functions of store read the log");
    }
    // The benchmarks measure beside the library: they copy and compare the stored rows without it.
    assert_eq!(
        files_where("rs", "bench/src", names_log),
        ["bench/src/cases/import.rs", "bench/src/cases/rebuild.rs", "bench/src/cases/replay.rs"]
    );
}

#[test]
fn only_the_listed_modules_read_the_planners_tables() {
    let tables = ["public.projects", "public.project_phases", "public.resource_assignments", "public.{"];
    let reads = |text: &str| names_table(text, &tables);
    for folder in ["domain/src", "store/src", "api/src", "cli/src", "embedded/src"] {
        assert_eq!(files_where("rs", folder, reads), NONE, "read it in projections::planner_view");
    }
    assert_eq!(
        files_where("rs", "projections/src", reads),
        [
            "projections/src/planner_view.rs",
            "projections/src/planner_view/deletions.rs",
            "projections/src/planner_view/project_dates.rs",
            "projections/src/planner_view/project_rows.rs",
            "projections/src/planner_view/projects.rs",
            "projections/src/planner_view/stored_rows.rs",
            // Locks and writes rows.
            "projections/src/row_writer.rs",
        ]
    );
    // Statements of runs: they read the legacy shape, copy rows to the other shape, and count and compare in the database.
    assert_eq!(
        files_where("rs", "migrator/src", reads),
        [
            "migrator/src/change_detector.rs",
            "migrator/src/legacy/reading.rs",
            "migrator/src/legacy/tables.rs",
            "migrator/src/migrate/catch_up.rs",
            "migrator/src/migrate/cut_over.rs",
            "migrator/src/plan/row_checks.rs",
            "migrator/src/plan/structure.rs",
            "migrator/src/plan/takeover.rs",
            "migrator/src/rollback/assignments.rs",
            "migrator/src/rollback/catch_up.rs",
            "migrator/src/rollback/inspect.rs",
            "migrator/src/rollback/pending.rs",
            "migrator/src/sample.rs",
            "migrator/src/sample/portfolio.rs",
            "migrator/src/verify/legacy_shape.rs",
            "migrator/src/verify/runbook.rs",
            "migrator/src/verify/timeline_shape.rs",
        ]
    );
}

/// The functions by which a service reads the planner's tables, and users, without rights on them.
#[test]
fn only_the_planners_readers_call_the_reading_functions() {
    let calls = |text: &str| {
        let named = code_of(text).flat_map(|line| line.split("phaseline.").skip(1));
        let mut called = named.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name);
        called.any(|name| root().join(format!("projections/sql/schema/{name}.sql")).is_file())
    };
    let found: Vec<String> = ["api/src", "cli/src", "migrator/src", "projections/src", "store/src"]
        .iter()
        .flat_map(|folder| files_where("rs", folder, calls))
        .collect();
    assert_eq!(
        found,
        [
            // Whether commands can be accepted.
            "api/src/health.rs",
            "projections/src/planner_users.rs",
            "projections/src/planner_view.rs",
            "projections/src/planner_view/assignment_counts.rs",
            "projections/src/planner_view/assignment_days.rs",
            "projections/src/planner_view/deletions.rs",
            "projections/src/planner_view/named_projects.rs",
            "projections/src/planner_view/project_rows.rs",
        ]
    );
}
