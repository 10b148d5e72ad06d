//! Every connection that a program makes has its search path set before anything else runs on it.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_that_connects_sets_the_search_path() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for name in ["api", "cli", "migrator", "projections", "store"] {
        sources(&root.join(name).join("src"), &mut files);
    }
    let containing = |calls: &[&str]| -> Vec<String> {
        let contains = |file: &&PathBuf| {
            let text = fs::read_to_string(file).unwrap();
            // Unit tests connect as they like.
            let text = text.split("#[cfg(test)]").next().unwrap();
            calls.iter().any(|call| text.contains(call))
        };
        let found = files.iter().filter(contains);
        let mut found: Vec<String> =
            found.map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect();
        found.sort();
        found
    };
    // The pool of the sessions, and of a search for the server, whose statements name every object with its schema.
    let connects = [
        "connect_with(",
        "connect_lazy_with(",
        "PgConnection::connect(",
        "servers.connect(",
        "named.connect(",
        "marked.connect(",
        "server.connect(",
    ];
    assert_eq!(
        containing(&connects),
        [
            "migrator/src/database.rs",
            "store/src/pooler.rs",
            "store/src/servers.rs",
            "store/src/sessions.rs",
            "store/src/sessions/follow.rs",
            "store/src/sessions/server.rs"
        ]
    );
    let callers = containing(&["Sessions::open(", "raw_sql(&set.join"]);
    assert_eq!(callers, ["api/src/pool.rs", "cli/src/target.rs", "migrator/src/database.rs"]);
    assert_eq!(containing(&["(\"search_path\", "]), callers, "each has a search path of its own");
}

/// Functions that run with their owner's rights find only PostgreSQL's own objects by unqualified names.
#[tokio::test]
async fn every_function_of_the_schema_has_its_own_path_or_names_no_object() {
    let database = crate::fixture::sample(2, 10, 1);
    crate::fixture::migrated(database.url()).await;
    let without = database.psql(
        "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc
          WHERE pronamespace = 'phaseline'::regnamespace
            AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=pg_catalog%')",
    );
    // The first is inlined into functions that have the path, and only its owner may call it. The second raises an error, and calls no
    // function; the third is inlined into its caller, and names every object with its schema.
    assert_eq!(without, "event_content refuse_change timeline_tip");
    let callable = "SELECT count(*) FROM pg_proc p, pg_roles r
                     WHERE p.pronamespace = 'phaseline'::regnamespace AND p.proname = 'event_content' AND NOT r.rolsuper
                       AND r.oid <> p.proowner AND has_function_privilege(r.oid, p.oid, 'EXECUTE')";
    assert_eq!(database.psql(callable), "0");
    let definer = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'phaseline'::regnamespace AND prosecdef";
    assert!(database.psql(definer).parse::<u32>().unwrap() >= 10);
}
